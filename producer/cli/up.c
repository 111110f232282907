/* SPDX-License-Identifier: Apache-2.0
 *
 * up: a farm on this host: one broker and some workers, kept alive until Ctrl-C or TERM. Standard
 * output gets one line an address and a last one, `ready`, once the broker answers and the workers
 * have joined. What the programs themselves have to say goes to standard error.
 *
 *     START -> (broker bound) -> JOINING -> (workers joined) -> READY -> (Ctrl-C) -> DRAINING ->
 *     (workers gone) -> CLOSING -> (broker gone) -> end
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/paths.h"
#include "producer/cli/child.h"
#include "producer/cli/program.h"
#include "producer/cli/verbs.h"
#include "proto/record.h"

enum {
    WORKERS_MAX = 64,
    ARGS_MAX = 64,     /* of a worker */
    ASK_EVERY_MS = 20, /* while the workers join */
    ASK_MS = 1000,
};

const struct option up_options[] = {
    {"workers", OPTION_NUMBER, "N", "worker processes (1)", 1, WORKERS_MAX},
    {"slots", OPTION_NUMBER, "M", "slots of each worker (one a core)", 1, SLOTS_MAX},
    {"port-base", OPTION_NUMBER, "P", "clients at P, workers at P+1, updates at P+2 (7710)", 1,
     65533},
    {"store", OPTION_TEXT, "DIR|memory",
     "where jobs are kept ($XDG_STATE_HOME/reeve/store); memory: nowhere"},
    {"allow-shell", OPTION_FLAG, NULL, "offer shell.run: whoever reaches the broker runs commands"},
    {"handler", OPTION_TEXT, "PROGRAM", "a handler program of yours; may be given again"},
    /* Known, and refused until they mean something: an option that is ignored is a lie. */
    {"root", OPTION_TEXT, "DIR", NULL},
    {"doors", OPTION_TEXT, "LIST", NULL},
    {"python", OPTION_TEXT, "FILE", NULL},
    {"dataframe", OPTION_FLAG, NULL, NULL},
    {0},
};

enum up_state { UP_START, UP_JOINING, UP_READY, UP_DRAINING, UP_CLOSING };

struct up {
    struct cli *cli;
    enum up_state state;
    struct child broker, workers[WORKERS_MAX];
    size_t worker_count;
    int64_t port;
    int signal_fd, ready_fd; /* ready_fd: the broker's word that it has bound; -1 after it */
    char broker_path[PROGRAM_PATH], worker_path[PROGRAM_PATH], handlers_path[PROGRAM_PATH];
    char bind[64], clients[64], join[64], slots[16], ready_text[16];
    const char *store;   /* a folder, or "memory" */
    char *default_store; /* what store lends when it was not said */
    char *broker_argv[16], *worker_argv[ARGS_MAX];
    int64_t ask_ms; /* when the workers are counted next */
    int exit_code;
};

/* --- starting ------------------------------------------------------------------------------- */

static int check_options(struct cli *cli)
{
    static const char *const later[] = {"root", "doors", "python", "dataframe"};
    for (size_t i = 0; i < LENGTH(later); i++)
        if (options_given(&cli->options, later[i]))
            return cli_usage(cli, "--%s is not in this release", later[i]);
    if (cli->json || options_given(&cli->options, "broker"))
        return cli_usage(cli, "up takes neither --json nor --broker; --port-base moves the ports");
    return 0;
}

/* The broker makes the folder itself; on a first day those above ours are missing too. */
static int choose_store(struct up *u)
{
    bool said = options_given(&u->cli->options, "store");
    u->default_store = path_state("store");
    u->store = options_text(&u->cli->options, "store", u->default_store);
    if (!u->store)
        return cli_fail(u->cli, EXIT_DATA, "no home for the store: say --store DIR or memory");
    if (!*u->store)
        return cli_usage(u->cli, "--store wants a folder, or memory");
    int error = said ? 0 : path_make_above(u->store);
    return error ? cli_fail(u->cli, EXIT_DATA, "cannot make the folders above %s: %s", u->store,
                            strerror(error))
                 : EXIT_DONE;
}

static int make_commands(struct up *u)
{
    const struct options *o = &u->cli->options;
    if (program_path("broker", u->broker_path) || program_path("worker", u->worker_path) ||
        program_handlers(u->handlers_path))
        return cli_fail(u->cli, EXIT_DATA, "/proc/self/exe: %s", strerror(errno));
    u->port = options_number(o, "port-base", DEFAULT_PORT);
    snprintf(u->bind, sizeof u->bind, "tcp://127.0.0.1:%" PRId64, u->port);
    snprintf(u->clients, sizeof u->clients, "%s", u->bind);
    snprintf(u->join, sizeof u->join, "tcp://127.0.0.1:%" PRId64, u->port + 1);
    char **to = u->broker_argv;
    *to++ = u->broker_path;
    *to++ = "--bind";
    *to++ = u->bind;
    *to++ = "--store";
    *to++ = (char *)u->store;
    *to++ = "--ready-fd";
    *to++ = u->ready_text;
    to = u->worker_argv;
    *to++ = u->worker_path;
    *to++ = "--broker";
    *to++ = u->join;
    if (options_given(o, "slots")) {
        snprintf(u->slots, sizeof u->slots, "%" PRId64, options_number(o, "slots", 1));
        *to++ = "--slots";
        *to++ = u->slots;
    }
    if (options_flag(o, "allow-shell", false))
        *to++ = "--allow-shell";
    /* A worker that is told of programs by name runs only those: ours stay beside the user's. */
    if (options_given(o, "handler") && !getenv("REEVE_HANDLERS")) {
        *to++ = "--handlers";
        *to++ = u->handlers_path;
    }
    size_t at = 0;
    for (const char *handler; (handler = options_next(o, "handler", &at));) {
        if (to + 3 > u->worker_argv + ARGS_MAX)
            return cli_usage(u->cli, "too many --handler");
        if (access(handler, X_OK) != 0)
            return cli_fail(u->cli, EXIT_DATA, "--handler %s: %s", handler, strerror(errno));
        *to++ = "--handler";
        *to++ = (char *)handler;
    }
    return 0;
}

/* The broker tells by a byte on a pipe that its ports are its own. */
static int start_broker(struct up *u, int64_t now_ms)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    snprintf(u->ready_text, sizeof u->ready_text, "%d", ends[1]);
    u->broker.pass_fd = ends[1];
    int error = child_start(&u->broker, now_ms);
    close(ends[1]);
    if (u->ready_fd >= 0)
        close(u->ready_fd);
    u->ready_fd = ends[0];
    return error;
}

static void start_due(struct up *u, int64_t now_ms)
{
    int error = 0;
    if (!u->broker.pid && u->broker.start_ms >= 0 && now_ms >= u->broker.start_ms)
        error = start_broker(u, now_ms);
    for (size_t i = 0; i < u->worker_count && !error; i++) {
        struct child *w = &u->workers[i];
        if (!w->pid && w->start_ms >= 0 && now_ms >= w->start_ms)
            error = child_start(w, now_ms);
    }
    if (error) /* too many processes, no memory: the next turn tries again */
        fprintf(stderr, "reeve up: cannot start a process: %s\n", strerror(error));
}

/* --- joining -------------------------------------------------------------------------------- */

static void print_addresses(const struct up *u)
{
    printf("clients tcp://127.0.0.1:%" PRId64 "\n", u->port);
    printf("workers tcp://127.0.0.1:%" PRId64 "\n", u->port + 1);
    printf("updates tcp://127.0.0.1:%" PRId64 "\n", u->port + 2);
    fflush(stdout);
}

static void count_worker(void *user, const struct record *answer)
{
    size_t *count = user;
    if (answer->type == REC_worker && answer->worker.state == WORKER_UP)
        ++*count;
}

static void ask_workers(struct up *u, int64_t now_ms)
{
    struct record ask = {.type = REC_list_workers};
    size_t count = 0;
    u->ask_ms = now_ms + ASK_EVERY_MS;
    if (!u->cli->client && reeve_connect(&u->cli->client, u->clients, ASK_MS) != REEVE_OK) {
        u->cli->client = NULL;
        return; /* not yet: it is asked again */
    }
    if (client_ask(u->cli->client, &ask, count_worker, &count, ASK_MS) != REEVE_OK)
        return;
    if (count < u->worker_count)
        return;
    reeve_close(u->cli->client);
    u->cli->client = NULL;
    u->state = UP_READY;
    puts("ready");
    fflush(stdout);
}

static void broker_bound(struct up *u)
{
    char byte;
    ssize_t got = read(u->ready_fd, &byte, 1);
    if (got < 0 && errno == EINTR)
        return;
    close(u->ready_fd);
    u->ready_fd = -1;
    if (got == 1 && u->state == UP_START) {
        print_addresses(u);
        u->state = UP_JOINING;
        for (size_t i = 0; i < u->worker_count; i++)
            u->workers[i].start_ms = 0;
    }
}

/* --- ending --------------------------------------------------------------------------------- */

static bool workers_run(const struct up *u)
{
    for (size_t i = 0; i < u->worker_count; i++)
        if (u->workers[i].pid)
            return true;
    return false;
}

static void signal_all(struct up *u, int signal_number)
{
    for (size_t i = 0; i < u->worker_count; i++)
        child_signal(&u->workers[i], signal_number);
}

static void stop(struct up *u)
{
    if (u->state >= UP_DRAINING) { /* asked twice */
        fprintf(stderr, "reeve up: stops at once\n");
        signal_all(u, SIGKILL);
        child_signal(&u->broker, SIGKILL);
        u->exit_code = EXIT_INTERRUPTED;
        return;
    }
    if (workers_run(u))
        fprintf(stderr, "reeve up: workers finish what they run; Ctrl-C again stops at once\n");
    u->state = UP_DRAINING;
    signal_all(u, SIGTERM);
}

/* Workers first: what they finish is still told to the broker. */
static void drain_on(struct up *u)
{
    if (u->state == UP_DRAINING && !workers_run(u)) {
        u->state = UP_CLOSING;
        child_signal(&u->broker, SIGTERM);
    }
}

static bool ended(const struct up *u)
{
    return u->state == UP_CLOSING && !u->broker.pid;
}

/* A child is gone: when it is nobody's wish, it comes back. */
static void child_gone(struct up *u, struct child *c, int status, int64_t now_ms)
{
    char text[CHILD_TEXT];
    child_died(c, now_ms);
    if (u->state >= UP_DRAINING) {
        c->start_ms = -1;
        return;
    }
    bool refused =
        WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_USAGE ||
                              WEXITSTATUS(status) == EXIT_DATA || WEXITSTATUS(status) == 127);
    if (u->state < UP_READY && refused) {
        /* It has said why, and would say it again. */
        u->exit_code = WEXITSTATUS(status) == 127 ? EXIT_DATA : WEXITSTATUS(status);
        stop(u);
        c->start_ms = -1;
        return;
    }
    if (c != &u->broker && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        fprintf(stderr, "reeve up: %s has left, drained\n", c->name);
        c->start_ms = -1;
        return;
    }
    fprintf(stderr, "reeve up: %s ended (%s), starts again\n", c->name,
            child_end_text(status, text));
}

static void reap(struct up *u, int64_t now_ms)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == u->broker.pid)
            child_gone(u, &u->broker, status, now_ms);
        for (size_t i = 0; i < u->worker_count; i++)
            if (pid == u->workers[i].pid)
                child_gone(u, &u->workers[i], status, now_ms);
    }
}

/* --- the loop ------------------------------------------------------------------------------- */

static int wait_ms(const struct up *u, int64_t now_ms)
{
    int64_t until = now_ms + 60000;
    if (u->state == UP_JOINING)
        until = u->ask_ms;
    if (!u->broker.pid && u->broker.start_ms >= 0 && u->broker.start_ms < until)
        until = u->broker.start_ms;
    for (size_t i = 0; i < u->worker_count; i++) {
        const struct child *w = &u->workers[i];
        if (!w->pid && w->start_ms >= 0 && w->start_ms < until)
            until = w->start_ms;
    }
    return until <= now_ms ? 1 : (int)(until - now_ms);
}

static void take_signals(struct up *u)
{
    struct signalfd_siginfo info;
    while (read(u->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD)
            stop(u);
    reap(u, clock_ms());
}

static void run_up(struct up *u)
{
    while (!ended(u)) {
        int64_t now_ms = clock_ms();
        if (u->state < UP_DRAINING)
            start_due(u, now_ms);
        struct pollfd fds[] = {{.fd = u->signal_fd, .events = POLLIN},
                               {.fd = u->ready_fd, .events = POLLIN}};
        if (poll(fds, 2, wait_ms(u, now_ms)) < 0)
            continue;
        if (fds[0].revents)
            take_signals(u);
        if (u->ready_fd >= 0 && fds[1].revents)
            broker_bound(u);
        if (u->state == UP_JOINING && clock_ms() >= u->ask_ms)
            ask_workers(u, clock_ms());
        drain_on(u);
    }
}

static void up_free(struct up *u)
{
    free(u->default_store);
    free(u);
}

int verb_up(struct cli *cli)
{
    struct up *u = must_alloc(sizeof *u);
    *u = (struct up){.cli = cli, .ready_fd = -1};
    int exit_code = check_options(cli);
    if (exit_code == EXIT_DONE)
        exit_code = choose_store(u);
    if (exit_code == EXIT_DONE)
        exit_code = make_commands(u);
    if (exit_code != EXIT_DONE) {
        up_free(u);
        return exit_code;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    u->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    must(u->signal_fd >= 0);
    u->broker = (struct child){.name = "the broker", .argv = u->broker_argv, .pass_fd = -1};
    u->worker_count = (size_t)options_number(&cli->options, "workers", 1);
    for (size_t i = 0; i < u->worker_count; i++)
        u->workers[i] = (struct child){
            .name = "a worker", .argv = u->worker_argv, .pass_fd = -1, .start_ms = -1};
    run_up(u);
    if (u->ready_fd >= 0)
        close(u->ready_fd);
    close(u->signal_fd);
    exit_code = u->exit_code;
    up_free(u);
    return exit_code;
}
