/* SPDX-License-Identifier: Apache-2.0
 *
 * up: a farm on this host: one broker, one gateway and some workers, kept alive until Ctrl-C or
 * TERM. Standard output gets one line an address and a last one, `ready`, once the broker answers,
 * the page and the doors can be asked and the workers have joined. What the programs themselves
 * have to say goes to standard error.
 *
 *     START -> (broker bound) -> JOINING -> (gateway bound, workers joined) -> READY -> (Ctrl-C) ->
 *     DRAINING -> (workers gone) -> CLOSING -> (broker and gateway gone) -> end
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
#include "producer/keyring/keyring.h"
#include "proto/record.h"

enum {
    WORKERS_MAX = 64,
    ARGS_MAX = 64,     /* of a worker */
    ASK_EVERY_MS = 20, /* while the workers join */
    ASK_MS = 1000,
    READY_BYTES = 1024, /* that a program says when it is bound, in one piece */
};

const struct option up_options[] = {
    {"workers", OPTION_NUMBER, "N", "worker processes (1)", 1, WORKERS_MAX},
    {"slots", OPTION_NUMBER, "M", "slots of each worker (one a core)", 1, SLOTS_MAX},
    {"port-base", OPTION_NUMBER, "P",
     "clients at P, workers at P+1, updates at P+2, the page at P+3 (7710); doors from P+4, which "
     "are where their clients look for them when no P is said",
     1, 65527},
    {"store", OPTION_TEXT, "DIR|memory",
     "where jobs are kept ($XDG_STATE_HOME/reeve/store); memory: nowhere"},
    {"keys", OPTION_TEXT, "DIR",
     "ask for keys: DIR as `reeve keys init` makes it; those of our own programs are made there"},
    {"allow-shell", OPTION_FLAG, NULL, "offer shell.run: whoever reaches the broker runs commands"},
    {"handler", OPTION_TEXT, "PROGRAM", "a handler program of yours; may be given again"},
    {"python", OPTION_TEXT, "FILE", "a file of Python handlers; may be given again"},
    {"dataframe", OPTION_FLAG, NULL, "offer dataframe.run: users' Python over Parquet"},
    {"root", OPTION_TEXT, "DIR", "which dataframe jobs may use (.); may be given again"},
    {"sandbox", OPTION_TEXT, "off|basic|strict", "what keeps handlers to themselves (basic)"},
    {"env", OPTION_TEXT, "NAME", "a variable that handlers get besides; may be given again"},
    {"doors", OPTION_TEXT, "none|LIST",
     "what else the gateway speaks, with commas: text, rto, ticker, todo, dask (all of them)"},
    {"text-port", OPTION_NUMBER, "P", "port of the text door (7714, or P+4)", 1, 65535},
    {"rto-port", OPTION_NUMBER, "P", "port of the rto door, computed here (5081, or P+5)", 1,
     65535},
    {"rto-plant-port", OPTION_NUMBER, "P",
     "port of the rto door, the client is the plant (5089, or P+6)", 1, 65535},
    {"ticker-port", OPTION_NUMBER, "P", "port of the ticker door (50051, or P+7)", 1, 65535},
    {"todo-port", OPTION_NUMBER, "P", "port of the to-do door (50051, or P+7)", 1, 65535},
    {"dask-port", OPTION_NUMBER, "P", "port of the JSON door (27700, or P+8)", 1, 65535},
    {0},
};

/* Without a base the gateway knows the ports that clients in the field have; with one, two farms
 * fit on a host. */
#define ALL_DOORS "text,rto,ticker,todo,dask"
enum { DOOR_PORTS = 6 };
static const struct {
    const char *option;
    int64_t place; /* from the base */
} door_ports[DOOR_PORTS] = {{"--text-port", 4},   {"--rto-port", 5},  {"--rto-plant-port", 6},
                            {"--ticker-port", 7}, {"--todo-port", 7}, {"--dask-port", 8}};

enum up_state { UP_START, UP_JOINING, UP_READY, UP_DRAINING, UP_CLOSING };

/* Places among the children; those before WORKERS say on a pipe when they have bound. */
enum { BROKER, GATEWAY, WORKERS };

struct up {
    struct cli *cli;
    enum up_state state;
    struct child children[WORKERS + WORKERS_MAX];
    size_t child_count;
    int64_t port;
    int signal_fd, ready_fd[WORKERS]; /* ready_fd: the word that it has bound; -1 after it */
    bool page;                        /* the gateway has bound */
    char broker_path[PROGRAM_PATH], gateway_path[PROGRAM_PATH], worker_path[PROGRAM_PATH],
        handlers_path[PROGRAM_PATH];
    char clients[64], join[64], http[64], slots[16], door_ports[DOOR_PORTS][16],
        ready_text[WORKERS][16];
    const char *store;              /* a folder, or "memory" */
    char *default_store;            /* what store lends when it was not said */
    const char *keys;               /* a folder; NULL: nobody is asked for a key */
    char *worker_key, *gateway_key; /* files in it */
    char *broker_argv[16], *gateway_argv[18 + 2 * DOOR_PORTS], *worker_argv[ARGS_MAX];
    int64_t ask_ms; /* when the workers are counted next */
    int exit_code;
};

/* --- starting ------------------------------------------------------------------------------- */

static int check_options(struct cli *cli)
{
    if (cli->json || options_given(&cli->options, "broker"))
        return cli_usage(cli, "up takes neither --json nor --broker; --port-base moves the ports");
    if (options_given(&cli->options, "identity"))
        return cli_usage(cli, "up takes no --identity: --keys DIR makes those of its programs");
    return 0;
}

/* The identity of one of our programs, made when there is none yet. */
static int make_key(struct up *u, struct keyring *k, enum acl_role role, char **path)
{
    char name[32], leaf[40];
    snprintf(name, sizeof name, "up-%s", acl_role_name(role));
    snprintf(leaf, sizeof leaf, "%s.key", name);
    *path = keyring_path(k, leaf);
    const struct principal made = acl_principal(role, name, NULL);
    if (acl_by_name(&k->acl, bytes_text(name)) || !keyring_add(k, &made, *path))
        return 0;
    return cli_fail(u->cli, EXIT_DATA, "%s", k->why);
}

/* What the environment says of keys is for another farm. */
static int choose_keys(struct up *u)
{
    struct keyring k;
    u->keys = options_text(&u->cli->options, "keys", NULL);
    u->cli->identity = "";
    must(unsetenv("REEVE_IDENTITY") == 0);
    if (!u->keys)
        return 0;
    int exit_code = keyring_open(&k, u->keys) ? cli_fail(u->cli, EXIT_DATA, "%s", k.why) : 0;
    exit_code = exit_code ? exit_code : make_key(u, &k, ACL_WORKER, &u->worker_key);
    exit_code = exit_code ? exit_code : make_key(u, &k, ACL_GATEWAY, &u->gateway_key);
    keyring_close(&k);
    u->cli->identity = u->gateway_key;
    return exit_code;
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

/* What the host's and the user's files say is meant for their services, not for a farm that is
 * tried out beside them; a file that was named is meant. The argv has room. */
static char **put_config(const struct up *u, char **to)
{
    const char *file =
        options_text(&u->cli->options, "config", getenv("REEVE_CONFIG") ? NULL : "none");
    if (!file)
        return to;
    *to++ = "--config";
    *to++ = (char *)file;
    return to;
}

static void make_servers(struct up *u)
{
    snprintf(u->clients, sizeof u->clients, "tcp://127.0.0.1:%" PRId64, u->port);
    snprintf(u->http, sizeof u->http, "127.0.0.1:%" PRId64, u->port + 3);
    char **to = u->broker_argv;
    *to++ = u->broker_path;
    *to++ = "--bind";
    *to++ = u->clients;
    *to++ = "--store";
    *to++ = (char *)u->store;
    *to++ = "--ready-fd";
    *to++ = u->ready_text[BROKER];
    to = put_config(u, to);
    if (u->keys) {
        *to++ = "--keys";
        *to++ = (char *)u->keys;
    }
    to = u->gateway_argv;
    *to++ = u->gateway_path;
    *to++ = "--http";
    *to++ = u->http;
    *to++ = "--broker";
    *to++ = u->clients;
    *to++ = "--ready-fd";
    *to++ = u->ready_text[GATEWAY];
    to = put_config(u, to);
    if (u->keys) {
        *to++ = "--identity";
        *to++ = u->gateway_key;
    }
    *to++ = "--doors";
    *to++ = (char *)options_text(&u->cli->options, "doors", ALL_DOORS);
    bool moved = options_given(&u->cli->options, "port-base");
    for (size_t i = 0; i < DOOR_PORTS; i++) {
        const char *option = door_ports[i].option;
        int64_t port =
            options_number(&u->cli->options, option + 2, moved ? u->port + door_ports[i].place : 0);
        if (port == 0)
            continue;
        snprintf(u->door_ports[i], sizeof u->door_ports[i], "%" PRId64, port);
        *to++ = (char *)option;
        *to++ = u->door_ports[i];
    }
}

/* The words of one option, which may be there again. */
static int make_words(struct up *u, char ***to, const char *option)
{
    size_t at = 0;
    for (const char *word; (word = options_next(&u->cli->options, option + 2, &at));) {
        if (*to + 3 > u->worker_argv + ARGS_MAX)
            return cli_usage(u->cli, "too many %s", option);
        *(*to)++ = (char *)option;
        *(*to)++ = (char *)word;
    }
    return 0;
}

/* The user's files of one kind, each of which must be there. */
static int make_files(struct up *u, char ***to, const char *option, int wanted)
{
    size_t at = 0;
    for (const char *file; (file = options_next(&u->cli->options, option + 2, &at));)
        if (access(file, wanted) != 0)
            return cli_fail(u->cli, EXIT_DATA, "%s %s: %s", option, file, strerror(errno));
    return make_words(u, to, option);
}

static int make_workers(struct up *u)
{
    const struct options *o = &u->cli->options;
    char **to = u->worker_argv;
    snprintf(u->join, sizeof u->join, "tcp://127.0.0.1:%" PRId64, u->port + 1);
    *to++ = u->worker_path;
    *to++ = "--broker";
    *to++ = u->join;
    to = put_config(u, to);
    if (u->keys) {
        *to++ = "--identity";
        *to++ = u->worker_key;
    }
    if (options_given(o, "slots")) {
        snprintf(u->slots, sizeof u->slots, "%" PRId64, options_number(o, "slots", 1));
        *to++ = "--slots";
        *to++ = u->slots;
    }
    if (options_flag(o, "allow-shell", false))
        *to++ = "--allow-shell";
    if (options_flag(o, "dataframe", false))
        *to++ = "--dataframe";
    /* A worker that is told of programs by name runs only those: ours stay beside the user's. */
    bool named = options_given(o, "handler") || options_given(o, "python");
    if (named && !getenv("REEVE_HANDLERS")) {
        *to++ = "--handlers";
        *to++ = u->handlers_path;
    }
    int rc = make_words(u, &to, "--sandbox");
    rc = rc ? rc : make_words(u, &to, "--env");
    rc = rc ? rc : make_files(u, &to, "--handler", X_OK);
    rc = rc ? rc : make_files(u, &to, "--python", R_OK);
    return rc ? rc : make_files(u, &to, "--root", R_OK | X_OK);
}

static int make_commands(struct up *u)
{
    if (program_path("broker", u->broker_path) || program_path("gateway", u->gateway_path) ||
        program_path("worker", u->worker_path) || program_handlers(u->handlers_path))
        return cli_fail(u->cli, EXIT_DATA, "/proc/self/exe: %s", strerror(errno));
    u->port = options_number(&u->cli->options, "port-base", DEFAULT_PORT);
    make_servers(u);
    u->cli->address = u->clients;
    return make_workers(u);
}

/* Broker and gateway tell by a line on a pipe that their ports are their own; those of the
 * gateway's doors stand before it. */
static int start_server(struct up *u, size_t i, int64_t now_ms)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    snprintf(u->ready_text[i], sizeof u->ready_text[i], "%d", ends[1]);
    u->children[i].pass_fd = ends[1];
    int error = child_start(&u->children[i], now_ms);
    close(ends[1]);
    if (u->ready_fd[i] >= 0)
        close(u->ready_fd[i]);
    u->ready_fd[i] = ends[0];
    return error;
}

/* It does not run and is to. */
static bool awaits_start(const struct child *c)
{
    return !c->pid && c->start_ms >= 0;
}

static void start_due(struct up *u, int64_t now_ms)
{
    int error = 0;
    for (size_t i = 0; i < u->child_count && !error; i++) {
        struct child *c = &u->children[i];
        if (awaits_start(c) && now_ms >= c->start_ms)
            error = i < WORKERS ? start_server(u, i, now_ms) : child_start(c, now_ms);
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
    if (!u->cli->client && cli_reach(u->cli, ASK_MS) != REEVE_OK) {
        u->cli->client = NULL;
        return; /* not yet: it is asked again */
    }
    if (client_ask(u->cli->client, &ask, count_worker, &count, ASK_MS) != REEVE_OK)
        return;
    if (count < u->child_count - WORKERS || !u->page)
        return;
    reeve_close(u->cli->client);
    u->cli->client = NULL;
    u->state = UP_READY;
    puts("ready");
    fflush(stdout);
}

static void broker_bound(struct up *u)
{
    print_addresses(u);
    u->state = UP_JOINING;
    for (size_t i = GATEWAY; i < u->child_count; i++)
        u->children[i].start_ms = 0;
}

static void gateway_bound(struct up *u, const char *doors, size_t size)
{
    if (!u->page)
        printf("page http://127.0.0.1:%" PRId64 "/\n%.*s", u->port + 3, (int)size, doors);
    fflush(stdout);
    u->page = true;
}

static void server_bound(struct up *u, size_t i)
{
    char said[READY_BYTES];
    ssize_t got = read(u->ready_fd[i], said, sizeof said);
    if (got < 0 && errno == EINTR)
        return;
    close(u->ready_fd[i]);
    u->ready_fd[i] = -1;
    if (got > 0 && i == GATEWAY)
        gateway_bound(u, said, (size_t)got - 1);
    else if (got > 0 && u->state == UP_START)
        broker_bound(u);
}

/* --- ending --------------------------------------------------------------------------------- */

static bool workers_run(const struct up *u)
{
    for (size_t i = WORKERS; i < u->child_count; i++)
        if (u->children[i].pid)
            return true;
    return false;
}

static void signal_from(struct up *u, size_t first, int signal_number)
{
    for (size_t i = first; i < u->child_count; i++)
        child_signal(&u->children[i], signal_number);
}

static void stop(struct up *u)
{
    if (u->state >= UP_DRAINING) { /* asked twice */
        fprintf(stderr, "reeve up: stops at once\n");
        signal_from(u, BROKER, SIGKILL);
        u->exit_code = EXIT_INTERRUPTED;
        return;
    }
    if (workers_run(u))
        fprintf(stderr, "reeve up: workers finish what they run; Ctrl-C again stops at once\n");
    u->state = UP_DRAINING;
    signal_from(u, WORKERS, SIGTERM);
}

/* Workers first: what they finish is still told to the broker, and shown on the page. */
static void drain_on(struct up *u)
{
    if (u->state == UP_DRAINING && !workers_run(u)) {
        u->state = UP_CLOSING;
        signal_from(u, BROKER, SIGTERM);
    }
}

static bool ended(const struct up *u)
{
    return u->state == UP_CLOSING && !u->children[BROKER].pid && !u->children[GATEWAY].pid;
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
    if (c >= &u->children[WORKERS] && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
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
        for (size_t i = 0; i < u->child_count; i++)
            if (pid == u->children[i].pid)
                child_gone(u, &u->children[i], status, now_ms);
    }
}

/* --- the loop ------------------------------------------------------------------------------- */

static int wait_ms(const struct up *u, int64_t now_ms)
{
    int64_t until = now_ms + 60000;
    if (u->state == UP_JOINING)
        until = u->ask_ms;
    for (size_t i = 0; i < u->child_count; i++) {
        const struct child *c = &u->children[i];
        if (awaits_start(c) && c->start_ms < until)
            until = c->start_ms;
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
        struct pollfd fds[] = {{.fd = u->ready_fd[BROKER], .events = POLLIN},
                               {.fd = u->ready_fd[GATEWAY], .events = POLLIN},
                               {.fd = u->signal_fd, .events = POLLIN}};
        if (poll(fds, LENGTH(fds), wait_ms(u, now_ms)) < 0)
            continue;
        if (fds[WORKERS].revents)
            take_signals(u);
        for (size_t i = 0; i < WORKERS; i++)
            if (u->ready_fd[i] >= 0 && fds[i].revents)
                server_bound(u, i);
        if (u->state == UP_JOINING && clock_ms() >= u->ask_ms)
            ask_workers(u, clock_ms());
        drain_on(u);
    }
}

static void up_free(struct up *u)
{
    for (size_t i = 0; i < WORKERS; i++)
        if (u->ready_fd[i] >= 0)
            close(u->ready_fd[i]);
    free(u->default_store);
    free(u->worker_key);
    free(u->gateway_key);
    free(u);
}

static void make_children(struct up *u)
{
    u->child_count = WORKERS + (size_t)options_number(&u->cli->options, "workers", 1);
    for (size_t i = 0; i < u->child_count; i++)
        u->children[i] = (struct child){
            .name = "a worker", .argv = u->worker_argv, .pass_fd = -1, .start_ms = -1};
    u->children[BROKER].name = "the broker";
    u->children[BROKER].argv = u->broker_argv;
    u->children[BROKER].start_ms = 0;
    u->children[GATEWAY].name = "the gateway";
    u->children[GATEWAY].argv = u->gateway_argv;
}

int verb_up(struct cli *cli)
{
    struct up *u = must_alloc(sizeof *u);
    *u = (struct up){.cli = cli, .ready_fd = {-1, -1}};
    int exit_code = check_options(cli);
    if (exit_code == EXIT_DONE)
        exit_code = choose_store(u);
    if (exit_code == EXIT_DONE)
        exit_code = choose_keys(u);
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
    make_children(u);
    run_up(u);
    close(u->signal_fd);
    exit_code = u->exit_code;
    up_free(u);
    return exit_code;
}
