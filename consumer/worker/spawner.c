/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"

enum order_kind { ORDER_SPAWN = 1, ORDER_KILL };

struct order {
    uint32_t kind, runner, program;
    int32_t signal;
};

enum { CHILD_BELL = 3, CHILD_MEMORY = 4, CHILD_REPORT = 5 };

/* What the spawner's process knows. */
struct home {
    int socket, signals;
    const char *const *paths;
    size_t path_count, runner_count;
    pid_t *pids;        /* by runner; 0: none */
    struct buf reports; /* that could not be sent yet: the agent may be slow, we do not wait */
};

/* --- the child, between fork and exec ------------------------------------------------------- */

/* Only async-signal-safe calls from here on; the exec's failure travels up the report pipe. */
_Noreturn static void child_fail(int report)
{
    int error = errno;
    if (write(report, &error, sizeof error) < 0) {
        /* the spawner is gone: so are we */
    }
    _exit(127);
}

/* Puts the descriptor at a place of its own above those it will be copied to. */
static int child_lift(int fd, int report)
{
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (lifted < 0)
        child_fail(report);
    return lifted;
}

_Noreturn static void child_run(const char *path, int bell, int memory, int report, pid_t spawner)
{
    sigset_t none;
    sigemptyset(&none);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    report = child_lift(report, report);
    bell = child_lift(bell, report);
    memory = child_lift(memory, report);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        dup2(bell, CHILD_BELL) < 0 || dup2(memory, CHILD_MEMORY) < 0 ||
        dup3(report, CHILD_REPORT, O_CLOEXEC) < 0)
        child_fail(report);
    report = CHILD_REPORT;
    if (close_range(CHILD_REPORT + 1, ~0u, 0) || setpgid(0, 0) ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        child_fail(report);
    if (getppid() != spawner) /* it died before the signal was asked for */
        _exit(127);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    execv(path, argv);
    child_fail(report);
}

/* --- the spawner's process ------------------------------------------------------------------ */

static void report_flush(struct home *h)
{
    const size_t size = sizeof(struct spawner_report);
    size_t sent = 0;
    while (sent < h->reports.size) {
        ssize_t n = send(h->socket, h->reports.data + sent, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* full: later; gone: the loop sees its end */
        sent += size;
    }
    h->reports.size -= sent;
    if (sent)
        memmove(h->reports.data, h->reports.data + sent, h->reports.size);
}

static void report(struct home *h, struct spawner_report r)
{
    buf_put(&h->reports, &r, sizeof r);
    report_flush(h);
}

/* Starts a child; *error is the errno of what failed in it or in starting it. */
static pid_t home_fork(const char *path, int bell, int memory, int *error)
{
    int pipes[2];
    *error = 0;
    if (pipe2(pipes, O_CLOEXEC)) {
        *error = errno;
        return -1;
    }
    pid_t self = getpid(), pid = fork();
    if (pid == 0)
        child_run(path, bell, memory, pipes[1], self);
    if (pid < 0)
        *error = errno;
    close(pipes[1]);
    ssize_t n = 0;
    while (pid > 0 && (n = read(pipes[0], error, sizeof *error)) < 0 && errno == EINTR)
        continue;
    close(pipes[0]);
    if (n != (ssize_t)sizeof *error)
        return pid;
    /* It never became the program: bury it here, so that no exit is reported. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return -1;
}

static void home_spawn(struct home *h, const struct order *o, int bell, int memory)
{
    struct spawner_report r = {.kind = SPAWNER_FAILED, .runner = o->runner, .error = EINVAL};
    if (o->runner < h->runner_count && o->program < h->path_count && h->pids[o->runner] == 0 &&
        bell >= 0 && memory >= 0) {
        int error;
        pid_t pid = home_fork(h->paths[o->program], bell, memory, &error);
        r.error = error;
        if (pid > 0) {
            h->pids[o->runner] = pid;
            r.kind = SPAWNER_SPAWNED;
            r.pid = pid;
        }
    }
    report(h, r);
}

/* False: the agent is gone. */
static bool home_order(struct home *h)
{
    struct order o;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = &o, .iov_len = sizeof o};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(h->socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    int fds[2] = {-1, -1};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fds))
        memcpy(fds, CMSG_DATA(c), sizeof fds);
    if (n == (ssize_t)sizeof o && o.kind == ORDER_SPAWN)
        home_spawn(h, &o, fds[0], fds[1]);
    else if (n == (ssize_t)sizeof o && o.kind == ORDER_KILL && o.runner < h->runner_count &&
             h->pids[o.runner] > 0)
        kill(-h->pids[o.runner], o.signal);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return true;
}

static void home_bury(struct home *h)
{
    struct signalfd_siginfo info;
    struct rusage usage;
    int status;
    /* One signal may stand for many deaths. */
    while (read(h->signals, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        size_t i = 0;
        while (i < h->runner_count && h->pids[i] != pid)
            i++;
        if (i == h->runner_count)
            continue;
        /* Whatever it left behind in its group goes with it. */
        kill(-pid, SIGKILL);
        h->pids[i] = 0;
        report(h, (struct spawner_report){.kind = SPAWNER_EXITED,
                                          .runner = (uint32_t)i,
                                          .pid = pid,
                                          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                                          .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                                          .rss_kib = usage.ru_maxrss});
    }
}

_Noreturn static void home_live(struct home *h)
{
    struct pollfd fds[2] = {{.fd = h->socket}, {.fd = h->signals, .events = POLLIN}};
    for (;;) {
        fds[0].events = (short)(POLLIN | (h->reports.size ? POLLOUT : 0));
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            home_bury(h);
        if (fds[0].revents & POLLOUT)
            report_flush(h);
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !home_order(h))
            break;
    }
    for (size_t i = 0; i < h->runner_count; i++)
        if (h->pids[i] > 0)
            kill(-h->pids[i], SIGKILL);
    _exit(0);
}

static int home_open(struct home *h)
{
    sigset_t all, child;
    /* Signals of the terminal are the agent's business. */
    sigfillset(&all);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    prctl(PR_SET_NAME, "reeve-spawner");
    h->pids = must_alloc(h->runner_count * sizeof *h->pids);
    if (sigprocmask(SIG_SETMASK, &all, NULL) || setenv("REEVE_SLOT", "3,4", 1))
        return -1;
    h->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    return h->signals < 0 ? -1 : 0;
}

/* --- the agent's side ----------------------------------------------------------------------- */

int spawner_open(struct spawner *s, const char *const *paths, size_t path_count, size_t runners)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -1;
    pid_t pid = fork();
    if (pid < 0) {
        int saved = errno;
        close(ends[0]);
        close(ends[1]);
        errno = saved;
        return -1;
    }
    if (pid == 0) {
        close(ends[0]);
        struct home h = {
            .socket = ends[1], .paths = paths, .path_count = path_count, .runner_count = runners};
        if (home_open(&h)) {
            log_error("spawner cannot start: %s", strerror(errno));
            _exit(1);
        }
        home_live(&h);
    }
    close(ends[1]);
    *s = (struct spawner){.socket = ends[0], .pid = pid};
    return 0;
}

static int send_order(const struct spawner *s, const struct order *o, const int *fds)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {.bytes = {0}};
    struct order copy = *o;
    struct iovec iov = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fds) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
    }
    ssize_t n;
    /* May wait a moment: the spawner always reads on. */
    while ((n = sendmsg(s->socket, &msg, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return n < 0 ? -1 : 0;
}

int spawner_spawn(const struct spawner *s, unsigned runner, unsigned program, int bell, int memory)
{
    struct order o = {.kind = ORDER_SPAWN, .runner = runner, .program = program};
    return send_order(s, &o, (const int[]){bell, memory});
}

int spawner_kill(const struct spawner *s, unsigned runner, int signal)
{
    struct order o = {.kind = ORDER_KILL, .runner = runner, .signal = signal};
    return send_order(s, &o, NULL);
}

int spawner_next(const struct spawner *s, struct spawner_report *out)
{
    ssize_t n = recv(s->socket, out, sizeof *out, MSG_DONTWAIT);
    if (n == (ssize_t)sizeof *out)
        return 1;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

void spawner_close(struct spawner *s)
{
    close(s->socket);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *s = (struct spawner){.socket = -1};
}
