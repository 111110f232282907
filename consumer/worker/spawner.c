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

enum { CHILD_BELL = 3, CHILD_MEMORY = 4, CHILD_REPORT = 5, ENDS = 3 };
#define CHILD_SLOT "3,4"
_Static_assert(sizeof(struct spawner_ends) == ENDS * sizeof(int), "sent as they are");

/* What the spawner's process knows. */
struct home {
    int socket, signals;
    const struct spawner_options *options;
    struct child {
        pid_t pid;       /* 0: none */
        uint32_t number; /* of its leaf, and its folder */
    } * children;        /* by runner */
    uint32_t numbers;
    struct buf reports; /* that could not be sent yet: the agent may be slow, we do not wait */
};

/* --- the child, between fork and exec ------------------------------------------------------- */

/* What travels up the report pipe when the exec does not happen. */
struct child_failure {
    int error;
    enum sandbox_measure measure; /* SANDBOX_MEASURES: it was something else */
};

/* Only system calls from here on. */
_Noreturn static void child_fail_at(int report, enum sandbox_measure measure)
{
    struct child_failure f = {errno, measure};
    if (write(report, &f, sizeof f) < 0) {
        /* the spawner is gone: so are we */
    }
    _exit(127);
}

_Noreturn static void child_fail(int report)
{
    child_fail_at(report, SANDBOX_MEASURES);
}

/* Puts the descriptor at a place of its own above those it will be copied to. */
static int child_lift(int fd, int report)
{
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (lifted < 0)
        child_fail(report);
    return lifted;
}

/* Never above what we have ourselves. */
static void child_limits(const struct spawner_options *o)
{
    static const struct {
        int resource;
        bool most; /* also the one up to which it may raise it */
    } rows[SPAWNER_LIMITS] = {
        [SPAWNER_DATA] = {RLIMIT_DATA, false},        [SPAWNER_FILES] = {RLIMIT_NOFILE, false},
        [SPAWNER_FILES_MOST] = {RLIMIT_NOFILE, true}, [SPAWNER_FILE_SIZE] = {RLIMIT_FSIZE, true},
        [SPAWNER_ADDRESS_SPACE] = {RLIMIT_AS, true},  [SPAWNER_PROCESSES] = {RLIMIT_NPROC, true}};
    for (int i = 0; i < SPAWNER_LIMITS; i++) {
        struct rlimit limit;
        getrlimit((__rlimit_resource_t)rows[i].resource, &limit);
        if (o->limits[i] == 0 || o->limits[i] > limit.rlim_max)
            continue;
        limit.rlim_cur = o->limits[i];
        if (rows[i].most)
            limit.rlim_max = o->limits[i];
        if (setrlimit((__rlimit_resource_t)rows[i].resource, &limit))
            child_fail(CHILD_REPORT);
    }
}

struct child_order {
    char **words;
    struct spawner_ends ends;
    int leaf, report; /* leaf -1: none */
    pid_t spawner;
    const struct spawner_options *options;
    struct sandbox_entry entry;
};

/* Its descriptors, and no others. The report pipe is at CHILD_REPORT then. */
static void child_descriptors(const struct child_order *o)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int report = child_lift(o->report, o->report);
    int bell = child_lift(o->ends.bell, report), memory = child_lift(o->ends.memory, report);
    int voice = child_lift(o->ends.voice, report);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(voice, STDOUT_FILENO) < 0 ||
        dup2(voice, STDERR_FILENO) < 0 || dup2(bell, CHILD_BELL) < 0 ||
        dup2(memory, CHILD_MEMORY) < 0 || dup3(report, CHILD_REPORT, O_CLOEXEC) < 0)
        child_fail(report);
    if (close_range(CHILD_REPORT + 1, ~0u, 0))
        child_fail(CHILD_REPORT);
}

_Noreturn static void child_run(const struct child_order *o)
{
    enum sandbox_measure measure;
    sigset_t none;
    sigemptyset(&none);
    if (o->leaf >= 0 && write(o->leaf, "0", 1) < 0)
        child_fail(o->report);
    child_descriptors(o);
    child_limits(o->options);
    if (setpgid(0, 0))
        child_fail(CHILD_REPORT);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (sandbox_enter(o->options->sandbox, &o->entry, &measure))
        child_fail_at(CHILD_REPORT, measure);
    /* Last: a change of user forgets it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        child_fail(CHILD_REPORT);
    if (getppid() != o->spawner) /* it died before the signal was asked for */
        _exit(127);
    execve(o->words[0], o->words, o->entry.environment.variables);
    child_fail(CHILD_REPORT);
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

/* Starts a child; *failure is what failed in it or in starting it. */
static pid_t home_fork(struct child_order *o, struct child_failure *failure)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC)) {
        failure->error = errno;
        return -1;
    }
    o->report = pipes[1];
    o->spawner = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child_run(o);
    if (pid < 0)
        failure->error = errno;
    close(pipes[1]);
    ssize_t n = 0;
    while (pid > 0 && (n = read(pipes[0], failure, sizeof *failure)) < 0 && errno == EINTR)
        continue;
    close(pipes[0]);
    if (n != (ssize_t)sizeof *failure)
        return pid;
    /* It never became the program: bury it here, so that no exit is reported. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return -1;
}

/* In a leaf of its own where there are any. */
static pid_t home_fork_in_leaf(const struct cgroup *cgroup, uint32_t leaf, struct child_order *o,
                               struct child_failure *failure)
{
    o->leaf = cgroup_leaf_open(cgroup, leaf);
    failure->error = errno;
    pid_t pid = o->leaf < 0 ? -1 : home_fork(o, failure);
    if (o->leaf >= 0)
        close(o->leaf);
    if (pid < 0)
        cgroup_sweep(cgroup);
    return pid;
}

/* A process of its own for the runner, with what is its own by a number never used before. */
static pid_t home_start(struct home *h, struct child *child, char **words,
                        const struct spawner_ends *ends, struct child_failure *failure)
{
    struct child_order o = {.words = words, .ends = *ends, .leaf = -1, .options = h->options};
    const struct cgroup *cgroup = h->options->cgroup;
    const struct sandbox *sandbox = h->options->sandbox;
    *failure = (struct child_failure){.measure = SANDBOX_MEASURES};
    child->number = h->numbers++;
    if (sandbox_prepare(sandbox, &o.entry, words, child->number)) {
        *failure = (struct child_failure){errno, SANDBOX_TEMPORARY};
        return -1;
    }
    environment_set(&o.entry.environment, "REEVE_SLOT", CHILD_SLOT);
    pid_t pid =
        cgroup ? home_fork_in_leaf(cgroup, child->number, &o, failure) : home_fork(&o, failure);
    sandbox_entry_fini(&o.entry);
    if (pid < 0)
        sandbox_leave(sandbox, child->number);
    return pid;
}

static void home_spawn(struct home *h, const struct order *o, const struct spawner_ends *ends)
{
    struct spawner_report r = {.kind = SPAWNER_FAILED,
                               .runner = o->runner,
                               .error = ends->voice < 0 ? EMFILE : EINVAL,
                               .measure = SANDBOX_MEASURES};
    const struct spawner_options *with = h->options;
    if (o->runner < with->runner_count && o->program < with->program_count &&
        h->children[o->runner].pid == 0 && ends->voice >= 0) {
        struct child *child = &h->children[o->runner];
        struct child_failure failure;
        pid_t pid = home_start(h, child, with->words[o->program], ends, &failure);
        r.error = failure.error;
        r.measure = (int32_t)failure.measure;
        if (pid > 0) {
            child->pid = pid;
            r.kind = SPAWNER_SPAWNED;
            r.pid = pid;
        }
    }
    report(h, r);
}

static void child_signal(const struct home *h, const struct child *child, int number)
{
    if (child->pid <= 0)
        return;
    kill(-child->pid, number);
    /* Those too that have left the group. */
    if (number == SIGKILL && h->options->cgroup)
        cgroup_leaf_kill(h->options->cgroup, child->number);
}

/* False: the agent is gone. */
static bool home_order(struct home *h)
{
    struct order o;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(struct spawner_ends))];
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
    struct spawner_ends ends = {-1, -1, -1};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    /* Fewer when we have no room for all: those are to be closed too. */
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len <= CMSG_LEN(sizeof ends))
        memcpy(&ends, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    if (n == (ssize_t)sizeof o && o.kind == ORDER_SPAWN)
        home_spawn(h, &o, &ends);
    else if (n == (ssize_t)sizeof o && o.kind == ORDER_KILL && o.runner < h->options->runner_count)
        child_signal(h, &h->children[o.runner], o.signal);
    const int fds[ENDS] = {ends.bell, ends.memory, ends.voice};
    for (int i = 0; i < ENDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return true;
}

/* Whatever a dead child has left behind goes with it. It is still unburied: nobody else can have
 * its number yet. */
static void child_end(struct home *h, struct child *child, struct spawner_report *r)
{
    int status;
    struct rusage usage;
    child_signal(h, child, SIGKILL);
    while (wait4(child->pid, &status, 0, &usage) < 0 && errno == EINTR)
        continue;
    r->pid = child->pid;
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    r->peak_kib = usage.ru_maxrss;
    r->oom = h->options->cgroup && cgroup_leaf_oom(h->options->cgroup, child->number);
    child->pid = 0;
    sandbox_leave(h->options->sandbox, child->number);
    if (h->options->cgroup)
        cgroup_sweep(h->options->cgroup);
}

static void home_bury(struct home *h)
{
    struct signalfd_siginfo info;
    siginfo_t dead;
    /* One signal may stand for many deaths. */
    while (read(h->signals, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
    while (dead.si_pid = 0,
           waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid > 0) {
        size_t i = 0;
        while (i < h->options->runner_count && h->children[i].pid != dead.si_pid)
            i++;
        struct spawner_report r = {.kind = SPAWNER_EXITED, .runner = (uint32_t)i};
        if (i < h->options->runner_count) {
            child_end(h, &h->children[i], &r);
            report(h, r);
        } else if (waitpid(dead.si_pid, NULL, 0) < 0) {
            return; /* there it was, and is no more: the next signal tells of the next */
        }
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
    for (size_t i = 0; i < h->options->runner_count; i++)
        child_signal(h, &h->children[i], SIGKILL);
    for (size_t i = 0; i < h->options->runner_count; i++) {
        struct spawner_report r;
        if (h->children[i].pid > 0)
            child_end(h, &h->children[i], &r); /* only an empty leaf can be removed */
    }
    struct scratch folders = h->options->sandbox->scratch;
    scratch_close(&folders); /* our copy: the agent may be gone, or has other things to end */
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
    h->children = must_alloc(h->options->runner_count * sizeof *h->children);
    if (sigprocmask(SIG_SETMASK, &all, NULL))
        return -1;
    h->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    return h->signals < 0 ? -1 : 0;
}

/* --- the agent's side ----------------------------------------------------------------------- */

int spawner_open(struct spawner *s, const struct spawner_options *options)
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
        struct home h = {.socket = ends[1], .options = options};
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

static int send_order(const struct spawner *s, const struct order *o,
                      const struct spawner_ends *ends)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof *ends)];
    } control = {.bytes = {0}};
    struct order copy = *o;
    struct iovec iov = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (ends) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof *ends);
        memcpy(CMSG_DATA(c), ends, sizeof *ends);
    }
    ssize_t n;
    /* May wait a moment: the spawner always reads on. */
    while ((n = sendmsg(s->socket, &msg, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return n < 0 ? -1 : 0;
}

int spawner_spawn(const struct spawner *s, unsigned runner, unsigned program,
                  const struct spawner_ends *ends)
{
    struct order o = {.kind = ORDER_SPAWN, .runner = runner, .program = program};
    return send_order(s, &o, ends);
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
