/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const struct child *c, pid_t parent)
{
    sigset_t none;
    /* Ctrl-C of a terminal goes to its whole group; who drains in order needs to be alone there. */
    setpgid(0, 0);
    /* Nobody would look after it once the supervisor is gone, however it went. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (c->pass_fd >= 0)
        fcntl(c->pass_fd, F_SETFD, 0);
    execv(c->argv[0], c->argv);
    dprintf(STDERR_FILENO, "reeve: cannot start %s: %s\n", c->argv[0], strerror(errno));
    _exit(127);
}

int child_start(struct child *c, int64_t now_ms)
{
    pid_t self = getpid(), pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        become(c, self);
    c->pid = pid;
    c->started_ms = now_ms;
    c->start_ms = -1;
    return 0;
}

void child_died(struct child *c, int64_t now_ms)
{
    c->pid = 0;
    if (c->again_ms == 0 || now_ms - c->started_ms >= CHILD_STEADY_MS)
        c->again_ms = CHILD_AGAIN_MS;
    else
        c->again_ms = 2 * c->again_ms < CHILD_AGAIN_MS_MAX ? 2 * c->again_ms : CHILD_AGAIN_MS_MAX;
    c->start_ms = now_ms + c->again_ms;
}

void child_signal(const struct child *c, int signal_number)
{
    if (c->pid > 0)
        kill(c->pid, signal_number);
}

const char *child_end_text(int status, char text[static CHILD_TEXT])
{
    if (WIFSIGNALED(status))
        snprintf(text, CHILD_TEXT, "signal %d", WTERMSIG(status));
    else
        snprintf(text, CHILD_TEXT, "exit %d", WEXITSTATUS(status));
    return text;
}
