/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/shell/descendants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/must.h"

struct process {
    pid_t pid, parent;
    bool below;
};

/* Field 4 of /proc/PID/stat; 0 when the process is gone. The name before it may hold anything,
 * so the last ')' is what counts. */
static pid_t parent_of(const char *pid)
{
    char path[300], stat[1024];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, stat, sizeof stat - 1);
    close(fd);
    stat[size > 0 ? size : 0] = 0;
    const char *behind = strrchr(stat, ')');
    int parent = 0;
    if (!behind || sscanf(behind + 1, " %*c %d", &parent) != 1)
        return 0;
    return parent;
}

static void list_processes(struct buf *out)
{
    DIR *dir = opendir("/proc");
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct process p = {.pid = atoi(entry->d_name)};
        if (p.pid > 0 && (p.parent = parent_of(entry->d_name)) > 0)
            buf_put(out, &p, sizeof p);
    }
    closedir(dir);
}

static bool is_us_or_below(const struct process *list, size_t count, pid_t pid)
{
    if (pid == getpid())
        return true;
    for (size_t i = 0; i < count; i++)
        if (list[i].pid == pid)
            return list[i].below;
    return false;
}

void descendants_signal(int signal)
{
    struct buf found = {0};
    list_processes(&found);
    struct process *list = (struct process *)(void *)found.data;
    size_t count = found.size / sizeof *list;
    bool more = true;
    while (more) { /* a generation a round */
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (list[i].below || !is_us_or_below(list, count, list[i].parent))
                continue;
            list[i].below = more = true;
            kill(list[i].pid, signal);
        }
    }
    buf_fini(&found);
}

void descendants_end(void)
{
    for (;;) {
        pid_t gone = waitpid(-1, NULL, WNOHANG);
        if (gone > 0 || (gone < 0 && errno == EINTR))
            continue;
        if (gone < 0)
            return; /* ECHILD: nobody is left */
        descendants_signal(SIGKILL);
        waitpid(-1, NULL, 0); /* the next round finds those it has left behind */
    }
}
