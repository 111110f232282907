/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-broker: reads its command line, opens store and sockets, serves until TERM or INT.
 * Exit codes: 0 told to stop, 2 usage, 7 configuration or data (a port that is taken, a store that
 * another broker uses or that cannot be read or written, an address that everybody could reach).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/settings.h"
#include "producer/broker/shell.h"
#include "proto/record.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 7, START_MS = 60000 };

static const struct option rows[] = {
    {"bind", OPTION_TEXT, "tcp://HOST:P",
     "clients' port (default tcp://127.0.0.1:7710); workers at P+1, updates at P+2", 0, 0},
    {"store", OPTION_TEXT, "DIR|memory",
     "where jobs are kept (default $XDG_STATE_HOME/reeve/store); memory: nowhere. Sessions' text "
     "files: $XDG_STATE_HOME/reeve/sessions; with another DIR: DIR/sessions",
     0, 0},
    {"keys", OPTION_TEXT, "DIR",
     "ask for keys: DIR as `reeve keys init` makes it. Without it only this host may come", 0, 0},
    {"ready-fd", OPTION_NUMBER, "N", "write a line there when the ports are bound", 1, 1 << 20,
     .line_only = true},
    {"help", OPTION_FLAG, NULL, "this text", .line_only = true},
    {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
};

static void help(const struct options *o)
{
    puts("usage: reeve-broker [OPTION]...\n\nThe process that decides who gets which job.\n");
    options_help(o, stdout);
    puts("\nexample: reeve-broker --bind tcp://127.0.0.1:7710\n"
         "exit codes: 0 told to stop, 2 usage, 7 configuration");
}

static int complain(int code, const char *format, const char *what)
{
    fprintf(stderr, "reeve-broker: ");
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    return code;
}

/* Splits tcp://HOST:PORT. */
static bool parse_bind(const char *text, char host[static 100], unsigned *port)
{
    const char *colon = strrchr(text, ':');
    if (strncmp(text, "tcp://", 6) != 0 || !colon || colon < text + 7 || colon - text > 100)
        return false;
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end || end == colon + 1 || number == 0 || number > 65533)
        return false;
    snprintf(host, 100, "%.*s", (int)(colon - text - 6), text + 6);
    *port = (unsigned)number;
    return true;
}

/* Without keys anyone who reaches a port may run jobs: so only this host may reach it. */
static bool loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "[::1]") == 0;
}

/* HUP: that the list of principals is another one. Without keys it means what it always does. */
static int block_signals(bool keys)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (keys)
        sigaddset(&set, SIGHUP);
    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a write that fails */
    signal(SIGHUP, SIG_IGN);  /* `systemctl reload` of one that has nothing to read again */
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Beside the default store; inside any other one. Owned by the caller; NULL: there is no home. */
static char *sessions_of(const char *where)
{
    char *beside = path_state("store"), *path;
    size_t size = strlen(where);
    while (size > 1 && where[size - 1] == '/')
        size--;
    if (strcmp(where, "memory") == 0 ||
        (beside && strlen(beside) == size && strncmp(beside, where, size) == 0))
        path = path_state("sessions");
    else
        must(asprintf(&path, "%s/sessions", where) > 0);
    free(beside);
    return path;
}

static int serve_on(struct shell *shell, struct keys *keys, const struct notify *notify,
                    const char *host, unsigned port, const char *where, int ready_fd, int signal_fd)
{
    unsigned tried = port;
    char why[400];
    void *context = conn_context();
    int code = 0;
    if (keys && !keys_start(keys, context, why, sizeof why)) {
        code = complain(EXIT_CONFIG, "%s", why);
    } else if (shell_bind(shell, context, host, &tried)) {
        fprintf(stderr, "reeve-broker: cannot listen on %s port %u: %s\n", host, tried,
                zmq_strerror(errno));
        code = EXIT_CONFIG;
    } else {
        log_info("listening host=%s clients=%u workers=%u updates=%u store=%s keys=%s", host, port,
                 port + 1, port + 2, where, keys ? "asked" : "none");
        if (ready_fd >= 0 && write(ready_fd, "\n", 1) != 1)
            log_warn("ready-fd=%d: %s", ready_fd, strerror(errno));
        notify_ready(notify);
        code = shell_run(shell, signal_fd);
        log_info("stopping");
        notify_stopping(notify);
    }
    shell_free(shell);
    zmq_ctx_shutdown(context);
    keys_close(keys);
    zmq_ctx_term(context);
    return code;
}

/* Takes the keys over. */
static int serve(const char *host, unsigned port, const char *where, struct keys *keys,
                 int ready_fd)
{
    char why[300];
    int signal_fd = block_signals(keys), code = EXIT_CONFIG;
    must(signal_fd >= 0);
    struct notify notify;
    struct shell_options options = {.port = port, .keys = keys, .notify = &notify};
    notify_open(&notify, clock_ms());
    notify_extend(&notify, START_MS); /* a store may be long */
    must(getrandom(&options.seed, sizeof options.seed, 0) == (ssize_t)sizeof options.seed);
    char *sessions = sessions_of(where);
    if (!sessions)
        log_warn("no home for the files of sessions: there are none");
    struct store *store = store_open(where, sessions, &(struct store_limits){0}, clock_wall_ms(),
                                     &options.found, why, sizeof why);
    free(sessions);
    if (!store) {
        keys_close(keys);
        return complain(EXIT_CONFIG, "store: %s", why);
    }
    struct shell *shell = shell_new(store, &options);
    if (shell_load(shell) == 0) {
        code = serve_on(shell, keys, &notify, host, port, where, ready_fd, signal_fd);
    } else {
        shell_free(shell);
        keys_close(keys);
    }
    store_close(store);
    close(signal_fd);
    return code;
}

/* folder NULL: without keys. */
static int serve_with(const char *folder, const char *host, unsigned port, const char *where,
                      int ready_fd)
{
    char why[400];
    struct keys *keys = folder ? keys_open(folder, why, sizeof why) : NULL;
    if (folder && !keys)
        return complain(EXIT_CONFIG, "keys: %s", why);
    return serve(host, port, where, keys, ready_fd);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    log_init("broker");
    options_add(&o, rows);
    int code = 0;
    char host[100];
    unsigned port;
    const char *where, *keys = NULL;
    char *default_store = NULL;
    if (!settings_read(&o, "broker", argc - 1, argv + 1, &code))
        code = code ? complain(code, "%s", o.error) : 0;
    else if (options_flag(&o, "help", false))
        help(&o);
    else if (o.word_count)
        code = complain(EXIT_USAGE, "unexpected word: %s", o.words[0]);
    else if ((keys = options_text(&o, "keys", NULL)) && !*keys)
        code = complain(EXIT_USAGE, "%s", "--keys wants a folder");
    else if (!parse_bind(options_text(&o, "bind", "tcp://127.0.0.1:7710"), host, &port))
        code = complain(settings_refuse(&o, "bind", "tcp://HOST:PORT"), "%s", o.error);
    else if (!loopback(host) && !keys)
        code = complain(EXIT_CONFIG,
                        "%s is not loopback: whoever reaches it could run jobs. Keys come first: "
                        "reeve keys init, then --keys DIR",
                        host);
    else if (!(where = options_text(&o, "store", default_store = path_state("store"))))
        code = complain(EXIT_CONFIG, "%s", "no home for the store: say --store DIR or memory");
    else if (where == default_store && path_make_above(where))
        code = complain(EXIT_CONFIG, "cannot make the folders above %s", where);
    else
        code = serve_with(keys, host, port, where, (int)options_number(&o, "ready-fd", -1));
    free(default_store);
    options_fini(&o);
    return code;
}
