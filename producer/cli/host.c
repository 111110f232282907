/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, TCP_LISTEN = 0x0a };

bool host_read(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got;
    do {
        got = read(fd, buf_extend(text, READ_BYTES), READ_BYTES);
        text->size -= (size_t)(READ_BYTES - (got > 0 ? got : 0));
    } while (got > 0 || (got < 0 && errno == EINTR));
    close(fd);
    return got == 0;
}

bool host_number(const char *path, uint64_t *number)
{
    struct buf text = {0};
    char *end = NULL;
    bool read_it =
        host_read(path, &text) && text.size && text.data[0] >= '0' && text.data[0] <= '9';
    if (read_it)
        *number = strtoull(buf_text(&text), &end, 10);
    buf_fini(&text);
    return read_it;
}

/* --- ports ---------------------------------------------------------------------------------- */

static const char *next_line(const char *at)
{
    const char *end = strchr(at, '\n');
    return end ? end + 1 : at + strlen(at);
}

/* Would it take what comes to 127.0.0.1? Addresses stand there as the machine's words in hex. */
static bool meets_loopback(const char *address)
{
    return strlen(address) > 8 || strcmp(address, "0100007F") == 0 ||
           strcmp(address, "00000000") == 0;
}

uint64_t host_listener_in(const char *table, unsigned port)
{
    for (const char *line = next_line(table); *line; line = next_line(line)) {
        char address[33];
        unsigned local, state;
        uint64_t inode;
        if (sscanf(line, " %*u: %32[0-9A-F]:%x %*s %x %*s %*s %*s %*u %*u %" SCNu64, address,
                   &local, &state, &inode) == 4 &&
            local == port && state == TCP_LISTEN && meets_loopback(address))
            return inode;
    }
    return 0;
}

uint64_t host_listener(unsigned port)
{
    static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};
    uint64_t inode = 0;
    for (size_t i = 0; i < 2 && !inode; i++) {
        struct buf text = {0};
        if (host_read(tables[i], &text) && text.size)
            inode = host_listener_in(buf_text(&text), port);
        buf_fini(&text);
    }
    return inode;
}

static bool holds(const char *pid, const char *socket)
{
    char path[HOST_NAME + 32], target[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        ssize_t size = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[size > 0 ? size : 0] = 0;
        found = strcmp(target, socket) == 0;
    }
    if (folder)
        closedir(folder);
    return found;
}

static void name_of(const char *pid, char name[static HOST_NAME])
{
    char path[HOST_NAME + 32];
    struct buf text = {0};
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    name[0] = 0;
    if (host_read(path, &text) && text.size)
        snprintf(name, HOST_NAME, "%.*s", (int)strcspn(buf_text(&text), "\n"), buf_text(&text));
    buf_fini(&text);
}

pid_t host_holder(uint64_t inode, char name[static HOST_NAME])
{
    char socket[48];
    pid_t pid = 0;
    snprintf(socket, sizeof socket, "socket:[%" PRIu64 "]", inode);
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && !pid && (entry = readdir(processes));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && holds(entry->d_name, socket)) {
            pid = (pid_t)strtol(entry->d_name, NULL, 10);
            name_of(entry->d_name, name);
        }
    if (processes)
        closedir(processes);
    return pid;
}

/* --- control groups ------------------------------------------------------------------------- */

static bool has_controller(const char *list, size_t size, const char *controller)
{
    size_t wanted = strlen(controller);
    for (const char *at = list; at < list + size;) {
        size_t word = strcspn(at, ",:");
        if (word == wanted && strncmp(at, controller, word) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

bool host_group(const char *self, const char *controller, char path[static HOST_PATH], bool *v2)
{
    const char *fallback = NULL;
    for (const char *line = self; *line; line = next_line(line)) {
        const char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (!group || group > next_line(line))
            continue;
        if (strncmp(line, "0::", 3) == 0)
            fallback = group + 1;
        else if (has_controller(list + 1, (size_t)(group - list - 1), controller)) {
            *v2 = false;
            snprintf(path, HOST_PATH, "/sys/fs/cgroup/%s%.*s", controller,
                     (int)strcspn(group + 1, "\n"), group + 1);
            return true;
        }
    }
    if (fallback) {
        *v2 = true;
        snprintf(path, HOST_PATH, "/sys/fs/cgroup%.*s", (int)strcspn(fallback, "\n"), fallback);
    }
    return fallback != NULL;
}

/* v1 writes "no limit" as a number of pages near 2^63. */
#define NO_LIMIT (1ull << 60)

/* What is left counts: a group above ours may be nearer its limit than ours is. */
static bool tightest(const char *controller, const char *max_v2, const char *current_v2,
                     const char *max_v1, const char *current_v1, struct host_limit *limit)
{
    struct buf self = {0};
    char path[HOST_PATH], file[HOST_PATH + 64];
    bool v2, found = false;
    if (!host_read("/proc/self/cgroup", &self) || !self.size ||
        !host_group(buf_text(&self), controller, path, &v2)) {
        buf_fini(&self);
        return false;
    }
    buf_fini(&self);
    /* Up to the root of the hierarchy, which has files of its own when we see only a part of it. */
    size_t root = strlen("/sys/fs/cgroup");
    for (bool up = true; up;) {
        struct host_limit one;
        snprintf(file, sizeof file, "%s/%s", path, v2 ? max_v2 : max_v1);
        bool has = host_number(file, &one.max) && one.max < NO_LIMIT;
        snprintf(file, sizeof file, "%s/%s", path, v2 ? current_v2 : current_v1);
        if (has && host_number(file, &one.current) &&
            (!found || (int64_t)(one.max - one.current) < (int64_t)(limit->max - limit->current))) {
            *limit = one;
            found = true;
        }
        char *slash = strrchr(path, '/');
        up = slash && (size_t)(slash - path) >= root;
        if (up)
            *slash = 0;
    }
    return found;
}

bool host_memory_limit(struct host_limit *limit)
{
    return tightest("memory", "memory.max", "memory.current", "memory.limit_in_bytes",
                    "memory.usage_in_bytes", limit);
}

bool host_process_limit(struct host_limit *limit)
{
    return tightest("pids", "pids.max", "pids.current", "pids.max", "pids.current", limit);
}

uint64_t host_memory(const char *meminfo, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = meminfo; *line; line = next_line(line))
        if (strncmp(line, name, size) == 0 && line[size] == ':')
            return strtoull(line + size + 1, NULL, 10) * 1024;
    return 0;
}

/* --- clock ---------------------------------------------------------------------------------- */

enum host_sync host_clock_sync(uint64_t *error_us)
{
    struct timex t = {0}; /* asks only */
    int state = adjtimex(&t);
    if (state < 0)
        return SYNC_UNKNOWN;
    *error_us = t.maxerror > 0 ? (uint64_t)t.maxerror : 0;
    return state == TIME_ERROR || (t.status & STA_UNSYNC) ? SYNC_NO : SYNC_YES;
}
