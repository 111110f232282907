/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/farm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"
#include "common/paths.h"
#include "common/random.h"
#include "producer/client/ask.h"

enum {
    PORTS = 3,          /* clients, workers, updates */
    PORT_LEAST = 31010, /* below those that the kernel gives away */
    PORT_BLOCKS = 560,
    PORT_TRIES = 200,
    BROKER_TRIES = 3,
    START_MS = 20000,
    ASK_EVERY_MS = 20,
    END_MS = 10000,
};

/* --- ports ---------------------------------------------------------------------------------- */

static bool is_free(int port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return false;
    /* As the broker will ask for it: what a farm of just before has left behind is no hindrance. */
    bool is = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return is;
}

static bool are_free(int port)
{
    for (int i = 0; i < PORTS; i++)
        if (!is_free(port + i))
            return false;
    return true;
}

/* 0: there are none. */
static int find_ports(void)
{
    struct random r = {.state = (uint64_t)clock_ns() ^ (uint64_t)getpid() << 32};
    for (int i = 0; i < PORT_TRIES; i++) {
        int port = PORT_LEAST + PORTS * (int)random_below(&r, PORT_BLOCKS);
        if (are_free(port))
            return port;
    }
    return 0;
}

/* --- its programs --------------------------------------------------------------------------- */

static void end_child(struct child *c)
{
    if (c->pid <= 0)
        return;
    int fd = pidfd_open(c->pid, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    child_signal(c, SIGTERM);
    if (fd < 0 || poll(&ended, 1, END_MS) != 1)
        child_signal(c, SIGKILL);
    if (fd >= 0)
        close(fd);
    waitpid(c->pid, NULL, 0);
    c->pid = 0;
}

/* The programs lie beside this one. */
static int start(struct child *c, const char *program, char **argv, int pass_fd,
                 char error[static 200])
{
    char *path = path_beside(program);
    if (!path) {
        snprintf(error, 200, "/proc/self/exe: %s", strerror(errno));
        return -1;
    }
    argv[0] = path;
    *c = (struct child){.name = program, .argv = argv, .pass_fd = pass_fd};
    int code = child_start(c, clock_ms());
    if (code)
        snprintf(error, 200, "cannot start %s: %s", program, strerror(code));
    c->argv = NULL; /* it is not started again */
    free(path);
    return code ? -1 : 0;
}

/* The broker writes a line when its ports are its own, or ends and so closes the pipe. */
static int start_broker(struct farm *f, const char *store, char error[static 200])
{
    int ends[2];
    char ready[16], said[16],
        *argv[] = {NULL,         "--bind", f->address, "--store", (char *)store,
                   "--ready-fd", ready,    "--config", "none",    NULL};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(error, 200, "pipe: %s", strerror(errno));
        return -1;
    }
    snprintf(ready, sizeof ready, "%d", ends[1]);
    int code = start(&f->broker, "reeve-broker", argv, ends[1], error);
    close(ends[1]);
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    if (code == 0 && (poll(&fd, 1, START_MS) != 1 || read(ends[0], said, sizeof said) <= 0)) {
        snprintf(error, 200, "the broker of the run did not come up");
        code = -1;
    }
    close(ends[0]);
    return code;
}

static int start_workers(struct farm *f, int port, const struct farm_options *o,
                         char error[static 200])
{
    char join[64], slots[24],
        *argv[] = {NULL, "--broker", join, "--slots", slots, "--config", "none", NULL};
    snprintf(join, sizeof join, "tcp://127.0.0.1:%d", port);
    snprintf(slots, sizeof slots, "%zu", o->slots);
    int code = 0;
    for (; f->worker_count < o->workers && code == 0; f->worker_count++)
        code = start(&f->workers[f->worker_count], "reeve-worker", argv, -1, error);
    return code;
}

static void keep_slots(void *user, const struct record *answer)
{
    if (answer->type == REC_status)
        *(uint64_t *)user = answer->status.slots;
}

static int wait_workers(struct farm *f, const struct farm_options *o, char error[static 200])
{
    struct reeve_client *c;
    uint64_t slots = 0;
    int64_t end_ms = clock_ms() + START_MS;
    int code = reeve_connect(&c, f->address, START_MS);
    if (code == 0) {
        while (slots < o->workers * o->slots && !code) {
            struct record ask = {.type = REC_get_status};
            code = client_ask(c, &ask, keep_slots, &slots, START_MS);
            if (clock_ms() > end_ms)
                code = REEVE_ETIMEOUT;
            else if (slots < o->workers * o->slots)
                poll(NULL, 0, ASK_EVERY_MS);
        }
        reeve_close(c);
    }
    if (code)
        snprintf(error, 200, "the workers of the run did not join");
    return code ? -1 : 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

/* Its ports may have been taken since they were found free: then it gets others. 0: it does not
 * run, else the first of its ports. */
static int place_broker(struct farm *f, const char *store, char error[static 200])
{
    for (int i = 0; i < BROKER_TRIES; i++) {
        int port = find_ports();
        if (!port) {
            snprintf(error, 200, "no free ports for a farm");
            return 0;
        }
        snprintf(f->address, sizeof f->address, "tcp://127.0.0.1:%d", port);
        if (start_broker(f, store, error) == 0)
            return port;
        end_child(&f->broker);
        if (are_free(port))
            return 0;
    }
    return 0;
}

int farm_begin(struct farm *f, const struct farm_options *o, char error[static 200])
{
    *f = (struct farm){0};
    const char *above = getenv("TMPDIR");
    int size = snprintf(f->folder, sizeof f->folder, "%s/reeve-bench-XXXXXX",
                        above && *above ? above : "/tmp");
    if (size >= (int)sizeof f->folder || !mkdtemp(f->folder)) {
        snprintf(error, 200, "no folder for a farm in $TMPDIR: %s", strerror(errno));
        f->folder[0] = 0;
        return -1;
    }
    setenv("XDG_STATE_HOME", f->folder, 1); /* theirs: nothing of ours is kept anywhere */
    unsetenv("REEVE_IDENTITY");             /* a broker that nobody else reaches asks for no keys */
    setenv("REEVE_LOG", "warn", 0);         /* that it comes and goes is no news */
    int port = place_broker(f, o->store, error);
    int code = port ? start_workers(f, port + 1, o, error) : -1;
    return code ? code : wait_workers(f, o, error);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s, (void)kind, (void)at;
    return remove(path);
}

void farm_end(struct farm *f)
{
    for (size_t i = 0; i < f->worker_count; i++)
        end_child(&f->workers[i]);
    end_child(&f->broker);
    if (f->folder[0] && nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "reeve-bench: cannot remove %s: %s\n", f->folder, strerror(errno));
}
