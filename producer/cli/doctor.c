/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/doctor.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <msgpack.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/paths.h"
#include "producer/cli/host.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

enum {
    REACH_MS = 2000,
    COMMIT_SLOW_US = 100000,
    PORTS = 3, /* clients, workers, updates */
};

const struct option doctor_options[] = {
    {"store", OPTION_TEXT, "DIR|memory",
     "the store to look at ($XDG_STATE_HOME/reeve/store, as for up)"},
    {0},
};

/* --- the broker ------------------------------------------------------------------------------- */

static int reach(struct doctor *d)
{
    struct cli *cli = d->cli;
    struct record ask = {.type = REC_get_status};
    int left = cli_left_ms(cli), wait_ms = left >= 0 && left < CONNECT_MS ? left : REACH_MS;
    int code = cli_reach(cli, wait_ms);
    if (code == REEVE_OK)
        code = client_ask(cli->client, &ask, status_take, &d->status, wait_ms);
    return code;
}

static void look_at_broker(struct doctor *d)
{
    const struct msg_status *s = &d->status.status;
    char state[STATUS_STATE_TEXT], span[SPAN_TEXT];
    int code = reach(d);
    if (code == REEVE_EINVALID) {
        checkup_say(&d->checkup, FINDING_FAIL, "broker",
                    "\"%s\" is no address such as tcp://127.0.0.1:7710", cli_address(d->cli));
        return;
    }
    if (code == REEVE_EDENIED && !d->cli->client) {
        checkup_say(&d->checkup, FINDING_FAIL, "broker", "%s", reeve_error(NULL));
        return;
    }
    if (!d->status.come) {
        bool silent = code == REEVE_EUNREACHABLE || code == REEVE_ETIMEOUT;
        checkup_say(&d->checkup, FINDING_WARN, "broker", "none answers at %s%s%s",
                    cli_address(d->cli), silent ? "" : ": ",
                    silent ? "" : err_text((unsigned)code));
        return;
    }
    checkup_say(&d->checkup,
                s->state == BROKER_REFUSING || s->state == BROKER_STALLED ? FINDING_FAIL
                : s->state == BROKER_RECOVERING                           ? FINDING_WARN
                                                                          : FINDING_OK,
                "broker", "pid %" PRIu64 " at %s, up for %s, %" PRIu64 " workers, %s", s->pid,
                cli_address(d->cli), span_text(s->uptime_ms * 1000, span), s->workers,
                status_state_text(s, state));
}

static void look_at_release(struct doctor *d)
{
    struct bytes release = d->status.status.release;
    if (!d->status.come)
        checkup_say(&d->checkup, FINDING_OK, "release",
                    "command line and library " REEVE_RELEASE ", protocol %d", PROTOCOL_VERSION);
    else
        checkup_say(&d->checkup,
                    bytes_equal(release, bytes_text(REEVE_RELEASE)) ? FINDING_OK : FINDING_WARN,
                    "release",
                    "command line and library " REEVE_RELEASE ", broker %.*s, protocol %d",
                    BYTES_ARG(release), PROTOCOL_VERSION);
}

static void look_at_store(struct doctor *d)
{
    const struct msg_status *s = &d->status.status;
    char size[SIZE_TEXT], span[SPAN_TEXT];
    if (!d->status.come)
        return;
    if (s->durability != CLASS_DURABLE)
        checkup_say(&d->checkup, FINDING_WARN, "store",
                    "the broker keeps jobs in memory: they end with it");
    else if (s->commit_us)
        checkup_say(&d->checkup, s->commit_us < COMMIT_SLOW_US ? FINDING_OK : FINDING_WARN, "store",
                    "%s on disk, %" PRIu64 " ended jobs, a commit takes %s",
                    size_text(s->store_bytes, size), s->kept, span_text(s->commit_us, span));
    else
        checkup_say(&d->checkup, FINDING_OK, "store",
                    "%s on disk, %" PRIu64 " ended jobs, no commit yet",
                    size_text(s->store_bytes, size), s->kept);
}

/* --- its ports -------------------------------------------------------------------------------- */

/* The port of a tcp address on this host; 0 for others. */
static unsigned local_port(const char *address)
{
    const char *host = strstr(address, "://"), *colon = strrchr(address, ':');
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
    bool local =
        host && (strncmp(host, "://127.", 7) == 0 || strncmp(host, "://localhost:", 13) == 0 ||
                 strncmp(host, "://[::1]:", 9) == 0);
    return strncmp(address, "tcp://", 6) == 0 && local && port <= USHRT_MAX ? (unsigned)port : 0;
}

static enum finding look_at_port(struct doctor *d, unsigned port, struct buf *text)
{
    char name[HOST_NAME];
    uint64_t inode = host_listener(port);
    pid_t holder = inode ? host_holder(inode, name) : 0;
    const char *comma = text->size ? ", " : "";
    if (!inode) {
        buf_printf(text, "%s%u free", comma, port);
        return d->status.come ? FINDING_WARN : FINDING_OK; /* the broker is somewhere else */
    }
    if (!holder)
        buf_printf(text, "%s%u held by a process that we may not look at", comma, port);
    else if (d->status.come && (uint64_t)holder == d->status.status.pid)
        buf_printf(text, "%s%u held by the broker", comma, port);
    else
        buf_printf(text, "%s%u held by %s (pid %d)", comma, port, name, (int)holder);
    if (!d->status.come)
        return FINDING_FAIL; /* no broker can start there */
    return holder && (uint64_t)holder == d->status.status.pid ? FINDING_OK : FINDING_WARN;
}

static void look_at_ports(struct doctor *d)
{
    unsigned ports[PORTS], first = local_port(cli_address(d->cli));
    const struct msg_welcome *welcome = d->status.come ? client_welcome(d->cli->client) : NULL;
    enum finding finding = FINDING_OK;
    struct buf text = {0};
    if (!first) {
        checkup_say(&d->checkup, FINDING_OK, "ports", "%s is not on this host",
                    cli_address(d->cli));
        return;
    }
    for (unsigned i = 0; i < PORTS; i++)
        ports[i] = first + i;
    if (welcome && welcome->workers_port && welcome->updates_port) {
        ports[1] = (unsigned)welcome->workers_port;
        ports[2] = (unsigned)welcome->updates_port;
    }
    for (unsigned i = 0; i < PORTS; i++)
        finding = finding_worse(finding, look_at_port(d, ports[i], &text));
    checkup_say(&d->checkup, finding, "ports", "%s", buf_text(&text));
    buf_fini(&text);
}

/* --- what it is made of ----------------------------------------------------------------------- */

/* The broker links SQLite; this program only asks the same loader for it. NULL: it is not there. */
static const char *sqlite_version(char version[static 32])
{
    typedef const char *version_function(void);
    void *library = dlopen("libsqlite3.so.0", RTLD_LAZY | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "sqlite3_libversion") : NULL;
    version_function *ask;
    if (symbol) {
        memcpy(&ask, &symbol, sizeof ask); /* a pointer to data is none to a function in C */
        snprintf(version, 32, "%s", ask());
    }
    if (library)
        dlclose(library);
    return symbol ? version : NULL;
}

static void look_at_libraries(struct doctor *d)
{
    int major, minor, patch;
    char version[32];
    const char *sqlite = sqlite_version(version);
    zmq_version(&major, &minor, &patch);
    checkup_say(&d->checkup, sqlite ? FINDING_OK : FINDING_WARN, "libraries",
                "libzmq %d.%d.%d, msgpack-c %s, SQLite %s", major, minor, patch, msgpack_version(),
                sqlite ? sqlite : "not found, which a store on disk needs");
}

static void look_at_kernel(struct doctor *d)
{
    struct utsname name;
    must(uname(&name) == 0);
    checkup_say(&d->checkup, FINDING_OK, "kernel", "%s %s %s", name.sysname, name.release,
                name.machine);
}

int verb_doctor(struct cli *cli)
{
    struct doctor d = {.cli = cli,
                       .checkup.json = cli->json,
                       .default_store = path_state("store"),
                       .start_us = clock_us(),
                       .start_wall_ms = clock_wall_ms()};
    d.store = options_text(&cli->options, "store", d.default_store);
    look_at_broker(&d);
    look_at_release(&d);
    look_at_store(&d);
    look_at_ports(&d);
    doctor_limits(&d);
    doctor_folders(&d);
    doctor_clock(&d);
    doctor_sandbox(&d);
    look_at_libraries(&d);
    look_at_kernel(&d);
    status_fini(&d.status);
    free(d.default_store);
    return checkup_end(&d.checkup) ? EXIT_DONE : EXIT_DATA;
}
