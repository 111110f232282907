/* SPDX-License-Identifier: Apache-2.0
 *
 * The child borrows our memory until it executes (vfork's way), on a stack of its own and while we
 * stand still. So until then it changes nothing but that stack and `failed`, calls what is a system
 * call and no more, and no handler of ours may run in it: all signals are blocked until their
 * handlers are gone.
 */
#include "consumer/handlers/shell/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10 };

struct child {
    const struct launch *launch;
    const char *path;
    volatile int failed; /* an errno; 0: it has executed, or was killed before */
};

/* What a handler program ignores (serve.c) or catches while a command runs. */
static const int changed[] = {SIGINT, SIGPIPE, SIGTERM};

/* That it is not in this folder of PATH, so that it may be in another one. */
static bool is_not_there(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ESTALE || error == ENODEV ||
           error == ETIMEDOUT;
}

/* Tries it in a folder. Returns when it could not be executed, with errno. */
static void execute_in(const char *folder, size_t size, const struct launch *l)
{
    char file[PATH_MAX];
    size_t name_size = strlen(l->argv[0]) + 1;
    if (size == 0) { /* an empty one is where we are */
        folder = ".";
        size = 1;
    }
    if (size + 1 + name_size > sizeof file) {
        errno = name_size > NAME_MAX ? ENAMETOOLONG : ENOENT;
        return;
    }
    memcpy(file, folder, size);
    file[size] = '/';
    memcpy(file + size + 1, l->argv[0], name_size);
    execve(file, l->argv, l->environment);
}

/* Tries it where PATH says; one that may not be executed says more than those that are not there.
 */
static void execute(const struct launch *l, const char *path)
{
    bool denied = false;
    if (strchr(l->argv[0], '/') || !*l->argv[0]) {
        execve(l->argv[0], l->argv, l->environment);
        return;
    }
    for (const char *end;; path = end + 1) {
        end = strchrnul(path, ':');
        execute_in(path, (size_t)(end - path), l);
        denied = denied || errno == EACCES;
        if (errno != EACCES && !is_not_there(errno))
            return;
        if (!*end)
            break;
    }
    if (denied)
        errno = EACCES;
}

static int open_files(const struct launch *l)
{
    close(0);
    return open("/dev/null", O_RDONLY) == 0 && dup2(l->out, 1) == 1 && dup2(l->err, 2) == 2;
}

static int run_child(void *argument)
{
    struct child *c = argument;
    sigset_t none;
    sigemptyset(&none);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        signal(changed[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (open_files(c->launch))
        execute(c->launch, c->path);
    c->failed = errno;
    return 127;
}

int launch_start(const struct launch *l, pid_t *pid, int *pidfd)
{
    static _Alignas(64) unsigned char stack[STACK_BYTES];
    const char *path = getenv("PATH");
    struct child child = {.launch = l, .path = path ? path : "/bin:/usr/bin"};
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    *pid = clone(run_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                 &child, pidfd);
    int failed = *pid < 0 ? errno : child.failed;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (*pid >= 0 && failed) {
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        close(*pidfd);
    }
    if (failed)
        *pidfd = -1;
    return failed;
}
