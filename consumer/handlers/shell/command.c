/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/shell/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "consumer/handlers/excerpt.h"
#include "consumer/handlers/shell/descendants.h"
#include "consumer/handlers/shell/launch.h"

enum { ASK_MS = 50, READ_BYTES = 65536 };

/* A pipe. The command's end of it is kept open here too until it has ended: that it closes its
 * outputs, one after the other, a moment before it ends is not to wake us. */
struct stream {
    int from, to;
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

/* Ends that are no standard descriptor, so that dup2 in the child cannot hit one of them. */
static int open_pipe(struct stream *s)
{
    int raw[2], *ends[] = {&s->from, &s->to};
    if (pipe2(raw, O_CLOEXEC))
        return -1;
    for (int i = 0; i < 2; i++) {
        *ends[i] = raw[i] > 2 ? raw[i] : fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
        int err = errno;
        if (*ends[i] != raw[i])
            close(raw[i]);
        errno = err;
    }
    return s->from >= 0 && s->to >= 0 ? 0 : -1;
}

static int start(struct running *r, const struct command *c, char error[COMMAND_ERROR_SIZE])
{
    struct stream *out = &r->streams[0], *err = &r->streams[1];
    int failed = prctl(PR_SET_CHILD_SUBREAPER, 1) || open_pipe(out) || open_pipe(err) ? errno : 0;
    struct launch launch = {c->argv, c->environment, out->to, err->to};
    if (!failed)
        failed = launch_start(&launch, &r->pid, &r->pidfd);
    if (failed == ENOENT)
        return refuse(error, "command not found:", c->argv[0], 0);
    return failed ? refuse(error, "cannot run", c->argv[0], failed) : 0;
}

/* --- run -------------------------------------------------------------------------------------- */

/* Takes what is there, so much at most. 1: there may be more; -1: it is above the limit. */
static int drain(struct stream *s)
{
    unsigned char *room = buf_extend(s->into, READ_BYTES);
    ssize_t size = read(s->from, room, READ_BYTES);
    s->into->size -= size > 0 ? READ_BYTES - (size_t)size : READ_BYTES;
    if (s->into->size > COMMAND_OUTPUT_MAX)
        return -1;
    return size == READ_BYTES;
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

/* Until the command itself has ended, and all it wrote is here; what it left behind may still
 * write. A poll looks at the process before it looks at the pipes. */
static int follow(struct running *r, const struct command *c, char error[COMMAND_ERROR_SIZE])
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = r->pidfd, .events = POLLIN},
                                {.fd = r->streams[0].from, .events = POLLIN},
                                {.fd = r->streams[1].from, .events = POLLIN}};
        int ready = poll(fds, 3, c->stop ? ASK_MS : -1), more = 0;
        if (ready < 0 && errno != EINTR)
            return refuse(error, "cannot watch", c->argv[0], errno);
        for (int i = 0; ready > 0 && i < 2; i++) {
            int rc = fds[1 + i].revents ? drain(&r->streams[i]) : 0;
            more |= rc;
            if (rc >= 0)
                continue;
            snprintf(error, COMMAND_ERROR_SIZE, "%s of %s is larger than 8 MiB",
                     i ? "standard error" : "output", excerpt_text(bytes_text(c->argv[0])).text);
            return -1;
        }
        if (ready > 0 && fds[0].revents && !more)
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
    struct running r = {.pidfd = -1, .streams = {{-1, -1, &result->out}, {-1, -1, &result->err}}};
    *result = (struct command_result){0};
    int err = start(&r, c, error);
    if (!err) {
        err = follow(&r, c, error);
        if (!err)
            err = finish(&r, c, result, error);
        descendants_end();
    }
    for (int i = 0; i < 2; i++) {
        close_fd(&r.streams[i].from);
        close_fd(&r.streams[i].to);
    }
    close_fd(&r.pidfd);
    return err;
}

void command_result_fini(struct command_result *result)
{
    buf_fini(&result->out);
    buf_fini(&result->err);
}
