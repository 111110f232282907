/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_host: what the doctor says of this machine: limits, folders, disk, clock.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/paths.h"
#include "producer/cli/disk.h"
#include "producer/cli/doctor.h"
#include "producer/cli/host.h"
#include "producer/cli/output.h"
#include "producer/view/moment.h"

enum {
    FILES_LEAST = 1024,    /* descriptors: a connection takes one */
    PROCESSES_LEAST = 256, /* left over: a slot is a process */
    SYNC_COUNT = 20,       /* for a mean */
    SYNC_SLOW_US = 50000,  /* durable jobs would feel it */
    STEP_US = 100000,      /* the wall clock may drift from the other one so far while we look */
};
#define MEMORY_LEAST  (256ull << 20)
#define WALL_LEAST_MS 1735689600000 /* 2025 began */

/* --- limits ----------------------------------------------------------------------------------- */

static const char *limit_text(rlim_t limit, char text[static 24])
{
    if (limit == RLIM_INFINITY)
        snprintf(text, 24, "unlimited");
    else
        snprintf(text, 24, "%" PRIu64, (uint64_t)limit);
    return text;
}

static void look_at_files(struct doctor *d)
{
    struct rlimit files;
    char soft[24], hard[24];
    must(getrlimit(RLIMIT_NOFILE, &files) == 0);
    checkup_say(&d->checkup, files.rlim_cur >= FILES_LEAST ? FINDING_OK : FINDING_WARN, "files",
                "%s open files a process, ulimit -n allows up to %s; each connection of the broker "
                "is one",
                limit_text(files.rlim_cur, soft), limit_text(files.rlim_max, hard));
}

static void look_at_processes(struct doctor *d)
{
    struct rlimit mine;
    struct host_limit group;
    uint64_t pid_max = 0;
    struct buf text = {0};
    enum finding finding = FINDING_OK;
    if (host_process_limit(&group)) {
        uint64_t left = group.max > group.current ? group.max - group.current : 0;
        finding = left >= PROCESSES_LEAST ? FINDING_OK : FINDING_WARN;
        buf_printf(&text, "control group allows %" PRIu64 " more of %" PRIu64, left, group.max);
    } else {
        buf_printf(&text, "no limit of a control group");
    }
    must(getrlimit(RLIMIT_NPROC, &mine) == 0);
    if (mine.rlim_cur != RLIM_INFINITY) {
        buf_printf(&text, ", ulimit -u %" PRIu64, (uint64_t)mine.rlim_cur);
        if (mine.rlim_cur < PROCESSES_LEAST && geteuid() != 0)
            finding = FINDING_WARN;
    }
    if (host_number("/proc/sys/kernel/pid_max", &pid_max))
        buf_printf(&text, ", pids up to %" PRIu64, pid_max);
    checkup_say(&d->checkup, finding, "processes", "%s", buf_text(&text));
    buf_fini(&text);
}

static void look_at_memory(struct doctor *d)
{
    struct host_limit group;
    struct buf meminfo = {0}, text = {0};
    char size[SIZE_TEXT], max[SIZE_TEXT];
    uint64_t left = UINT64_MAX;
    if (host_read("/proc/meminfo", &meminfo) && meminfo.size) {
        left = host_memory(buf_text(&meminfo), "MemAvailable");
        buf_printf(&text, "%s available of %s", size_text(left, size),
                   size_text(host_memory(buf_text(&meminfo), "MemTotal"), max));
    }
    if (host_memory_limit(&group)) {
        uint64_t of_group = group.max > group.current ? group.max - group.current : 0;
        buf_printf(&text, "%scontrol group allows %s, %s of it used", text.size ? ", " : "",
                   size_text(group.max, max), size_text(group.current, size));
        left = of_group < left ? of_group : left;
    } else {
        buf_printf(&text, "%sno limit of a control group", text.size ? ", " : "");
    }
    checkup_say(&d->checkup, left >= MEMORY_LEAST ? FINDING_OK : FINDING_WARN, "memory", "%s",
                buf_text(&text));
    buf_fini(&meminfo);
    buf_fini(&text);
}

void doctor_limits(struct doctor *d)
{
    look_at_files(d);
    look_at_processes(d);
    look_at_memory(d);
}

/* --- folders ---------------------------------------------------------------------------------- */

/* Whoever can read the folder can read arguments and results; whoever can write it can change
 * them. */
static void look_at_folder(struct doctor *d, const char *name, const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0) {
        bool absent = errno == ENOENT;
        checkup_say(&d->checkup, absent ? FINDING_OK : FINDING_FAIL, name, "%s: %s", path,
                    absent ? "not there yet; a broker makes it" : strerror(errno));
    } else if (!S_ISDIR(s.st_mode)) {
        checkup_say(&d->checkup, FINDING_FAIL, name, "%s is no folder", path);
    } else if (s.st_uid != geteuid() && geteuid() != 0) {
        checkup_say(&d->checkup, FINDING_FAIL, name, "%s belongs to another user (uid %u)", path,
                    (unsigned)s.st_uid);
    } else if (s.st_mode & 077) {
        checkup_say(&d->checkup, s.st_mode & 022 ? FINDING_FAIL : FINDING_WARN, name,
                    "%s has mode %04o, others can %s it: chmod 700", path,
                    (unsigned)s.st_mode & 07777, s.st_mode & 022 ? "change" : "look into");
    } else {
        checkup_say(&d->checkup, FINDING_OK, name, "%s, mode %04o", path,
                    (unsigned)s.st_mode & 07777);
    }
}

static enum finding room_text(const struct disk_room *room, struct buf *text)
{
    char left[SIZE_TEXT], total[SIZE_TEXT], mark[SIZE_TEXT];
    buf_printf(text, "%s free of %s, the broker refuses new jobs below %s",
               size_text(room->free_bytes, left), size_text(room->total_bytes, total),
               size_text(room->mark_bytes, mark));
    if (room->kind == DISK_MEMORY)
        buf_printf(text, ", is in memory: gone with the machine");
    if (room->kind == DISK_NETWORK)
        buf_printf(text, ", is a network file system: locks and syncs may not hold");
    if (room->free_bytes < room->mark_bytes)
        return FINDING_FAIL;
    return room->kind != DISK_PLAIN || room->free_bytes < 2 * room->mark_bytes ? FINDING_WARN
                                                                               : FINDING_OK;
}

static enum finding sync_text(const char *folder, struct buf *text)
{
    struct disk_times times;
    char mean[SPAN_TEXT], worst[SPAN_TEXT];
    int error = disk_sync(folder, SYNC_COUNT, &times);
    if (error) {
        buf_printf(text, ", cannot be written: %s", strerror(error));
        return FINDING_FAIL;
    }
    buf_printf(text, ", a sync of 4 KiB takes %s (worst of %d: %s)", span_text(times.mean_us, mean),
               SYNC_COUNT, span_text(times.worst_us, worst));
    return times.mean_us < SYNC_SLOW_US ? FINDING_OK : FINDING_WARN;
}

/* Where there is no store yet nothing is written: the folder above it is not ours. */
static void look_at_disk(struct doctor *d)
{
    struct disk_room room;
    struct buf nearest = {0}, text = {0};
    enum finding finding;
    disk_nearest(d->store, &nearest);
    bool there = bytes_equal(buf_bytes(&nearest), bytes_text(d->store));
    int error = disk_room(buf_text(&nearest), &room);
    if (error) {
        buf_printf(&text, "%s: %s", buf_text(&nearest), strerror(error));
        finding = FINDING_FAIL;
    } else {
        buf_printf(&text, "%s: ", buf_text(&nearest));
        finding = room_text(&room, &text);
    }
    if (!error && there)
        finding = finding_worse(finding, sync_text(d->store, &text));
    else if (!error && access(buf_text(&nearest), W_OK | X_OK) != 0) {
        buf_printf(&text, ", cannot be written: %s", strerror(errno));
        finding = FINDING_FAIL;
    }
    checkup_say(&d->checkup, finding, "disk", "%s", buf_text(&text));
    buf_fini(&nearest);
    buf_fini(&text);
}

void doctor_folders(struct doctor *d)
{
    char *state = path_state("");
    if (state && state[strlen(state) - 1] == '/')
        state[strlen(state) - 1] = 0;
    if (state)
        look_at_folder(d, "state", state);
    else
        checkup_say(&d->checkup, FINDING_WARN, "state", "no home folder: say --store DIR");
    free(state);
    if (!d->store || strcmp(d->store, "memory") == 0)
        return;
    look_at_folder(d, "store-folder", d->store);
    look_at_disk(d);
}

/* --- clock ------------------------------------------------------------------------------------ */

void doctor_clock(struct doctor *d)
{
    char moment[MOMENT_TEXT], span[SPAN_TEXT];
    struct buf text = {0};
    uint64_t error_us = 0;
    int64_t wall_ms = clock_wall_ms();
    int64_t step_us = (wall_ms - d->start_wall_ms) * 1000 - (clock_us() - d->start_us);
    enum host_sync sync = host_clock_sync(&error_us);
    enum finding finding = sync == SYNC_NO ? FINDING_WARN : FINDING_OK;
    buf_printf(&text, "%s", moment_text(wall_ms > 0 ? (uint64_t)wall_ms : 0, moment));
    if (wall_ms < WALL_LEAST_MS) {
        buf_printf(&text, ", which is before this release was made");
        finding = FINDING_FAIL;
    }
    if (step_us > STEP_US || step_us < -STEP_US) {
        buf_printf(&text, ", was set by %s while we looked",
                   span_text((uint64_t)(step_us < 0 ? -step_us : step_us), span));
        finding = finding_worse(finding, FINDING_WARN);
    }
    if (sync == SYNC_YES)
        buf_printf(&text, ", synchronised, off by %s at most", span_text(error_us, span));
    else
        buf_printf(&text, "%s",
                   sync == SYNC_NO ? ", not synchronised (adjtimex)"
                                   : ", whether it is synchronised cannot be told");
    checkup_say(&d->checkup, finding, "clock", "%s", buf_text(&text));
    buf_fini(&text);
}
