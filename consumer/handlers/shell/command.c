/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/shell/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "consumer/handlers/excerpt.h"
#include "consumer/handlers/shell/descendants.h"

enum { ASK_MS = 50, READ_BYTES = 65536 };

struct stream {
    int fd; /* -1: at its end */
    struct buf *into;
};

struct running {
    pid_t pid;
    int pidfd;
    struct stream streams[2];
    int64_t kill_ms; /* when TERM becomes KILL; 0 while nobody wants it to stop */
};

static int refuse(char error[COMMAND_ERROR_SIZE], const char *what, const char *command, int err)
{
    snprintf(error, COMMAND_ERROR_SIZE, "%s %s%s%s", what, excerpt_text(bytes_text(command)).text,
             err ? ": " : "", err ? strerror(err) : "");
    return -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- start ------------------------------------------------------------------------------------ */

/* The program starts as from a terminal: no signal blocked or ignored because we did so. 0 or an
 * errno. */
static int spawn(pid_t *pid, const struct command *c, int out, int err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int failed = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&files, out, 1);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&files, err, 2);
    if (!failed) {
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        failed = posix_spawnp(pid, c->argv[0], &files, &attributes, c->argv, c->environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* A pipe whose reading end (0) does not block and whose ends are no standard descriptor, so that
 * dup2 in the child cannot hit one of them. */
static int open_pipe(int ends[2])
{
    int raw[2];
    if (pipe2(raw, O_CLOEXEC))
        return -1;
    for (int i = 0; i < 2; i++) {
        ends[i] = raw[i] > 2 ? raw[i] : fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
        if (ends[i] != raw[i])
            close(raw[i]);
    }
    if (ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    int err = errno;
    close_fd(&ends[0]);
    close_fd(&ends[1]);
    errno = err;
    return -1;
}

static int start(struct running *r, const struct command *c, char error[COMMAND_ERROR_SIZE])
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int failed = prctl(PR_SET_CHILD_SUBREAPER, 1) || open_pipe(out) || open_pipe(err) ? errno : 0;
    if (!failed)
        failed = spawn(&r->pid, c, out[1], err[1]);
    close_fd(&out[1]);
    close_fd(&err[1]);
    r->streams[0].fd = out[0];
    r->streams[1].fd = err[0];
    if (failed == ENOENT)
        return refuse(error, "command not found:", c->argv[0], 0);
    if (failed)
        return refuse(error, "cannot run", c->argv[0], failed);
    r->pidfd = pidfd_open(r->pid, 0);
    if (r->pidfd >= 0)
        return 0;
    refuse(error, "cannot watch", c->argv[0], errno);
    descendants_end();
    return -1;
}

/* --- run -------------------------------------------------------------------------------------- */

/* Takes what is there, one pipe full at most. -1: more than the limit. */
static int drain(struct stream *s)
{
    while (s->fd >= 0) {
        unsigned char *room = buf_extend(s->into, READ_BYTES);
        ssize_t size = read(s->fd, room, READ_BYTES);
        s->into->size -= size > 0 ? READ_BYTES - (size_t)size : READ_BYTES;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return 0;
        if (size <= 0) {
            close_fd(&s->fd);
            return 0;
        }
        if (s->into->size > COMMAND_OUTPUT_MAX)
            return -1;
        if (size < READ_BYTES)
            return 0;
    }
    return 0;
}

static void look_for_stop(struct running *r, const struct command *c)
{
    if (!c->stop)
        return;
    if (r->kill_ms == 0 && c->stop(c->context)) {
        descendants_signal(SIGTERM);
        r->kill_ms = clock_ms() + COMMAND_GRACE_MS;
    } else if (r->kill_ms && clock_ms() >= r->kill_ms) {
        descendants_signal(SIGKILL);
    }
}

/* Until the command itself has ended; its outputs may still be held open by what it left behind. */
static int follow(struct running *r, const struct command *c, char error[COMMAND_ERROR_SIZE])
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = r->pidfd, .events = POLLIN},
                                {.fd = r->streams[0].fd, .events = POLLIN},
                                {.fd = r->streams[1].fd, .events = POLLIN}};
        int ready = poll(fds, 3, c->stop ? ASK_MS : -1);
        if (ready < 0 && errno != EINTR)
            return refuse(error, "cannot watch", c->argv[0], errno);
        bool ended = ready > 0 && fds[0].revents;
        for (int i = 0; i < 2; i++) {
            if (drain(&r->streams[i]) == 0)
                continue;
            snprintf(error, COMMAND_ERROR_SIZE, "%s of %s is larger than 8 MiB",
                     i ? "standard error" : "output", excerpt_text(bytes_text(c->argv[0])).text);
            return -1;
        }
        if (ended)
            return 0;
        look_for_stop(r, c);
    }
}

static int finish(struct running *r, const struct command *c, struct command_result *result,
                  char error[COMMAND_ERROR_SIZE])
{
    int status;
    while (waitpid(r->pid, &status, 0) < 0)
        if (errno != EINTR)
            return refuse(error, "cannot wait for", c->argv[0], errno);
    result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (r->kill_ms == 0)
        return 0;
    return refuse(error, "stopped:", c->argv[0], 0);
}

int command_run(const struct command *c, struct command_result *result,
                char error[COMMAND_ERROR_SIZE])
{
    struct running r = {
        .pidfd = -1,
        .streams = {{.fd = -1, .into = &result->out}, {.fd = -1, .into = &result->err}}};
    *result = (struct command_result){0};
    int err = start(&r, c, error);
    if (!err) {
        err = follow(&r, c, error);
        if (!err)
            err = finish(&r, c, result, error);
        descendants_end();
    }
    for (int i = 0; i < 2; i++)
        close_fd(&r.streams[i].fd);
    close_fd(&r.pidfd);
    return err;
}

void command_result_fini(struct command_result *result)
{
    buf_fini(&result->out);
    buf_fini(&result->err);
}
