/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

uint64_t memory_now(pid_t pid)
{
    char text[128];
    uint64_t resident;
    if (!read_file(pid, "statm", text, sizeof text) || sscanf(text, "%*u %" SCNu64, &resident) != 1)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static uint64_t field(const char *text, const char *name)
{
    uint64_t kib;
    const char *at = strstr(text, name);
    return at && sscanf(at + strlen(name), " %" SCNu64, &kib) == 1 ? kib : 0;
}

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
