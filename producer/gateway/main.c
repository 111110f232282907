/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-gateway: reads its command line, finds or makes the token, takes its port, serves until
 * TERM or INT. Exit codes: 0 told to stop, 2 usage, 7 configuration or data (a port that is taken,
 * an address that everybody could reach, a token that others could read).
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/settings.h"
#include "producer/gateway/doors/doors.h"
#include "producer/gateway/gateway.h"
#include "producer/gateway/http/token.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 7, HOST_TEXT = 256, BACKLOG = 256, FILES = 4096 };

static const char default_http[] = "127.0.0.1:7713";

/* Clients of the doors dial localhost, which may be either: ::1 is taken where the machine has it.
 */
static const char local_door_host[] = "127.0.0.1", other_door_host[] = "[::1]";

static const struct option rows[] = {
    {"http", OPTION_TEXT, "ADDRESS:PORT", "where the page is (default 127.0.0.1:7713)", 0, 0},
    {"broker", OPTION_TEXT, "tcp://HOST:P",
     "clients' port of the broker (default $REEVE_BROKER, else tcp://127.0.0.1:7710)",
     .environment = "REEVE_BROKER"},
    {"identity", OPTION_TEXT, "FILE",
     "our key, for a broker that asks for one; else $REEVE_IDENTITY",
     .environment = "REEVE_IDENTITY"},
    {"token-file", OPTION_TEXT, "FILE",
     "what requests must show (default $XDG_STATE_HOME/reeve/token); made when it is not there", 0,
     0},
    {"behind-proxy", OPTION_FLAG, NULL,
     "another address than loopback is fine: a TLS proxy stands before it", 0, 0},
    {"name", OPTION_TEXT, "HOST[:PORT]",
     "a name that browsers call it by, as that of the proxy; may be given again", 0, 0},
    {"doors", OPTION_TEXT, "none|LIST",
     "what else it speaks, with commas: text, rto, ticker, todo (gRPC), dask; default none", 0, 0},
    {"door-host", OPTION_TEXT, "ADDRESS",
     "where the doors are (default localhost: 127.0.0.1, and ::1 where there is one)", 0, 0},
    {"rto-port", OPTION_NUMBER, "P", "port of optimisations computed here (default 5081)", 1,
     65535},
    {"rto-plant-port", OPTION_NUMBER, "P",
     "port of optimisations whose plant is the client (default 5089)", 1, 65535},
    {"ticker-port", OPTION_NUMBER, "P", "port of the ticker (default 50051)", 1, 65535},
    {"todo-port", OPTION_NUMBER, "P", "port of the to-do list (default 50051); doors may share one",
     1, 65535},
    {"text-port", OPTION_NUMBER, "P", "port of the text protocol (default 7714)", 1, 65535},
    {"dask-port", OPTION_NUMBER, "P", "port of the JSON requests (default 27700)", 1, 65535},
    {"ticker-interval", OPTION_SECONDS, "S",
     "a price every S seconds at the ticker door (0.01 to 3600; 2)", 0, 0},
    {"ready-fd", OPTION_NUMBER, "N",
     "when the ports are bound write a line a door there, and an empty one", 1, 1 << 20,
     .line_only = true},
    {"help", OPTION_FLAG, NULL, "this text", .line_only = true},
    {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
};

static void help(const struct options *o)
{
    puts("usage: reeve-gateway [OPTION]...\n\nThe web page, and what it stands on: an HTTP API, "
         "live updates, metrics; and doors for clients\nthat speak something else.\n");
    options_help(o, stdout);
    puts("\nexample: reeve-gateway --http 127.0.0.1:8080 --broker tcp://127.0.0.1:7710\n"
         "exit codes: 0 told to stop, 2 usage, 7 configuration");
}

static int complain(int code, const char *format, const char *what)
{
    fprintf(stderr, "reeve-gateway: ");
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    return code;
}

/* --- the port ------------------------------------------------------------------------------- */

/* Splits ADDRESS:PORT; an IPv6 address stands in []. */
static bool parse_http(const char *text, char host[static HOST_TEXT], unsigned *port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || colon - text >= HOST_TEXT)
        return false;
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end || end == colon + 1 || number == 0 || number > 65535)
        return false;
    snprintf(host, HOST_TEXT, "%.*s", (int)(colon - text), text);
    *port = (unsigned)number;
    return true;
}

/* Whoever reaches the page can try the token, and reads it on the way when there is no TLS. */
static bool loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "[::1]") == 0;
}

/* A listening socket, or -1 with errno. */
static int listen_on(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* 0, an errno, or what getaddrinfo says, which is below 0. */
static int bind_port(const char *host, unsigned port, int *fd)
{
    char bare[HOST_TEXT], service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    bool bracketed = host[0] == '[' && host[strlen(host) - 1] == ']';
    snprintf(bare, sizeof bare, "%.*s", (int)strlen(host) - (bracketed ? 2 : 0),
             host + (bracketed ? 1 : 0));
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(bare, service, &hints, &found);
    if (rc)
        return rc;
    *fd = listen_on(found);
    int error = errno;
    freeaddrinfo(found);
    return *fd < 0 ? error : 0;
}

static int refuse_port(const char *what, const char *host, unsigned port, int rc)
{
    fprintf(stderr, "reeve-gateway: %s: cannot listen on %s port %u: %s\n", what, host, port,
            rc < 0 ? gai_strerror(rc) : strerror(rc));
    return EXIT_CONFIG;
}

static int take_port(const char *what, const char *host, unsigned port, int *fd)
{
    int rc = bind_port(host, port, fd);
    return rc ? refuse_port(what, host, port, rc) : 0;
}

/* --- serving -------------------------------------------------------------------------------- */

static int block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Each connection is a descriptor. */
static void raise_files(void)
{
    struct rlimit files;
    must(getrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_cur >= FILES)
        return;
    files.rlim_cur = files.rlim_max < FILES ? files.rlim_max : FILES;
    if (setrlimit(RLIMIT_NOFILE, &files))
        log_warn("files=%llu: %s", (unsigned long long)files.rlim_cur, strerror(errno));
}

/* One write: who reads sees all of it or nothing. */
static void tell_ready(const struct options *o, const struct doors_plan *doors)
{
    struct buf lines = {0};
    int fd = (int)options_number(o, "ready-fd", -1);
    doors_lines(doors, options_text(o, "door-host", local_door_host), &lines);
    buf_printf(&lines, "\n");
    if (fd >= 0 && write(fd, lines.data, lines.size) != (ssize_t)lines.size)
        log_warn("ready-fd=%d: %s", fd, strerror(errno));
    buf_fini(&lines);
}

static int serve(struct gateway_options *options, const char *http, const struct options *o)
{
    struct notify notify;
    int signal_fd = block_signals();
    must(signal_fd >= 0);
    notify_open(&notify, clock_ms());
    raise_files();
    struct gateway *g = gateway_new(options);
    if (!g)
        return EXIT_CONFIG;
    log_info("listening http=%s", http);
    tell_ready(o, options->doors);
    notify_ready(&notify);
    gateway_run(g, signal_fd, &notify);
    log_info("stopping");
    notify_stopping(&notify);
    gateway_free(g);
    close(signal_fd);
    return 0;
}

/* At localhost a door is at both addresses; a machine without IPv6 lacks the other. */
static int take_door(const char *host, struct door_place *place, const char *names)
{
    bool local = !host || strcmp(host, "localhost") == 0;
    int code = take_port(names, local ? local_door_host : host, place->port, &place->fds[0]);
    if (code || !local)
        return code;
    int rc = bind_port(other_door_host, place->port, &place->fds[1]);
    return rc == 0 || rc == EADDRNOTAVAIL || rc == EAFNOSUPPORT
               ? 0
               : refuse_port(names, other_door_host, place->port, rc);
}

/* All of them, or a line that names the one that is taken. */
static int take_doors(const struct options *o, struct doors_plan *plan)
{
    char why[200];
    const char *host = options_text(o, "door-host", NULL);
    if (!doors_plan(plan, o, why, sizeof why))
        return complain(EXIT_USAGE, "%s", why);
    if (plan->count && host && !loopback(host) && !options_flag(o, "behind-proxy", false))
        return complain(EXIT_CONFIG, "the doors: %s is not loopback, and they ask for no token",
                        host);
    int code = 0;
    for (size_t i = 0; i < plan->count && !code; i++) {
        struct buf names = {0};
        buf_printf(&names, "door ");
        doors_names(plan, plan->places[i].port, &names);
        code = take_door(host, &plan->places[i], buf_text(&names));
        buf_fini(&names);
    }
    return code;
}

static int names_add(const struct options *o, struct guard *guard)
{
    size_t at = 0;
    for (const char *name; (name = options_next(o, "name", &at));)
        if (!guard_name(guard, name))
            return complain(EXIT_USAGE, "--name %s: too many, or no name", name);
    return 0;
}

static int start(struct options *o)
{
    char host[HOST_TEXT], why[400];
    unsigned port;
    struct doors_plan doors;
    struct gateway_options options = {.broker = options_text(o, "broker", NULL),
                                      .identity = options_text(o, "identity", NULL)};
    const char *http = options_text(o, "http", default_http);
    if (!parse_http(http, host, &port))
        return complain(settings_refuse(o, "http", "ADDRESS:PORT"), "%s", o->error);
    if (!loopback(host) && !options_flag(o, "behind-proxy", false))
        return complain(EXIT_CONFIG,
                        "%s is not loopback: the token would travel in the clear, and keys (reeve "
                        "keys init) do not seal HTTP. With a TLS proxy before it: --behind-proxy",
                        host);
    guard_names(&options.guard, host, port);
    int code = names_add(o, &options.guard);
    if (code)
        return code;
    char *default_token = path_state("token");
    const char *token = options_text(o, "token-file", default_token);
    if (!token)
        code = complain(EXIT_CONFIG, "%s", "no home for the token: say --token-file FILE");
    else if (!token_load(token, options.guard.token, why, sizeof why))
        code = complain(EXIT_CONFIG, "token: %s", why);
    else
        code = take_port("the page", host, port, &options.listen_fd);
    free(default_token);
    if (!code)
        code = take_doors(o, &doors);
    options.doors = &doors;
    return code ? code : serve(&options, http, o);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    log_init("gateway");
    options_add(&o, rows);
    int code = 0;
    if (!settings_read(&o, "gateway", argc - 1, argv + 1, &code))
        code = code ? complain(code, "%s", o.error) : 0;
    else if (options_flag(&o, "help", false))
        help(&o);
    else if (o.word_count)
        code = complain(EXIT_USAGE, "unexpected word: %s", o.words[0]);
    else
        code = start(&o);
    options_fini(&o);
    return code;
}
