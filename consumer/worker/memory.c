/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/resident.h"

static bool read_file(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static uint64_t field(const char *text, const char *name)
{
    uint64_t kib;
    const char *at = strstr(text, name);
    return at && sscanf(at + strlen(name), " %" SCNu64, &kib) == 1 ? kib : 0;
}

uint64_t memory_now(pid_t pid)
{
    return resident_bytes(pid) / 1024;
}

/* --- a process and all below it --------------------------------------------------------------- */

enum { FAMILY = 1000 }; /* processes; whoever starts more is looked at in part */

struct family {
    pid_t pids[FAMILY];
    size_t count;
};

static void add_children_of_thread(struct family *f, pid_t pid, const char *thread)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, thread);
    FILE *list = fopen(path, "re");
    if (!list)
        return; /* it has ended, or this kernel keeps no such list */
    while (f->count < FAMILY && fscanf(list, "%d", &f->pids[f->count]) == 1)
        f->count++;
    fclose(list);
}

static void add_children(struct family *f, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads)
        return;
    for (struct dirent *thread; (thread = readdir(threads));)
        if (thread->d_name[0] != '.')
            add_children_of_thread(f, pid, thread->d_name);
    closedir(threads);
}

/* Its part of what it shares; where that may not be seen, all of it. */
static uint64_t share_kib(pid_t pid)
{
    char text[2048];
    uint64_t kib = read_file(pid, "smaps_rollup", text, sizeof text) ? field(text, "\nPss:") : 0;
    return kib ? kib : memory_now(pid);
}

static uint64_t sum(const struct family *f, uint64_t (*of)(pid_t))
{
    uint64_t kib = 0;
    for (size_t i = 0; i < f->count; i++)
        kib += of(f->pids[i]);
    return kib;
}

uint64_t memory_all(pid_t pid, uint64_t limit_kib)
{
    struct family f = {.pids = {pid}, .count = 1};
    if (memory_now(pid) == 0)
        return 0;
    for (size_t i = 0; i < f.count; i++)
        add_children(&f, f.pids[i]);
    uint64_t kib = sum(&f, memory_now);
    return f.count > 1 && limit_kib && kib > limit_kib ? sum(&f, share_kib) : kib;
}

/* --- one alone -------------------------------------------------------------------------------- */

bool memory_look(pid_t pid, struct memory *out)
{
    char text[2048];
    if (!read_file(pid, "status", text, sizeof text))
        return false;
    *out = (struct memory){.kib = field(text, "\nVmRSS:"), .peak_kib = field(text, "\nVmHWM:")};
    if (out->peak_kib < out->kib) /* it is summed up less exactly */
        out->peak_kib = out->kib;
    return out->kib > 0; /* a process that is over has none */
}

void memory_forget(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) < 0) {
        /* not on this kernel */
    }
    close(fd);
}
