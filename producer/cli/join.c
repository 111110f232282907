/* SPDX-License-Identifier: Apache-2.0
 *
 * join: this host becomes a worker by an invitation (invite.c). The key pair is made here and only
 * its public half travels, sealed by the invitation's one-time key. Then this process becomes
 * reeve-worker. Saying the line again starts the worker again: the key is there already.
 */
#include <errno.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/identity.h"
#include "common/paths.h"
#include "producer/cli/program.h"
#include "producer/cli/verbs.h"
#include "producer/keyring/token.h"

#define MONITOR "inproc://join"

enum { ENROL_MS = 10000 };

/* What came of handing it in. */
enum handed { HANDED_IN, HANDED_NOT_LET_IN, HANDED_REFUSED, HANDED_NOWHERE };

struct enrolment {
    void *context, *socket, *monitor;
    bool said;
    char why[300];
};

/* --- handing in the key ----------------------------------------------------------------------- */

static void say(struct enrolment *e, const char *public_key)
{
    struct buf body = {0};
    put_enrol(&body, &(struct msg_enrol){.public_key = bytes_text(public_key)});
    e->said = zmq_send(e->socket, body.data, body.size, ZMQ_DONTWAIT) >= 0;
    buf_fini(&body);
}

/* True: it is decided. */
static bool hear(struct enrolment *e, enum handed *end)
{
    zmq_msg_t msg;
    struct record r = {0};
    zmq_msg_init(&msg);
    if (zmq_msg_recv(&msg, e->socket, ZMQ_DONTWAIT) >= 0) {
        struct cursor at = cursor_of(bytes_of(zmq_msg_data(&msg), zmq_msg_size(&msg)));
        if (record_get(&at, &r) != OK)
            r.type = REC_NONE;
        if (r.type == REC_error)
            snprintf(e->why, sizeof e->why, "%.*s", BYTES_ARG(r.error.text));
    }
    zmq_msg_close(&msg);
    *end = r.type == REC_enrolled ? HANDED_IN : HANDED_REFUSED;
    return r.type == REC_enrolled || r.type == REC_error;
}

static bool refused(struct enrolment *e)
{
    for (enum conn_event event; (event = conn_event(e->monitor)) != CONN_QUIET;)
        if (event == CONN_REFUSED || event == CONN_MISMATCH)
            return true;
    return false;
}

static enum handed converse(struct enrolment *e, const char *public_key)
{
    int64_t until_ms = clock_ms() + ENROL_MS;
    enum handed end;
    for (int64_t left; (left = until_ms - clock_ms()) > 0;) {
        short wanted = (short)(ZMQ_POLLIN | (e->said ? 0 : ZMQ_POLLOUT));
        zmq_pollitem_t items[] = {{.socket = e->socket, .events = wanted},
                                  {.socket = e->monitor, .events = ZMQ_POLLIN}};
        if (zmq_poll(items, LENGTH(items), (long)left) < 0)
            return HANDED_NOWHERE; /* a signal */
        if (refused(e))
            return HANDED_NOT_LET_IN;
        if (items[0].revents & ZMQ_POLLOUT)
            say(e, public_key);
        if ((items[0].revents & ZMQ_POLLIN) && hear(e, &end))
            return end;
    }
    return HANDED_NOWHERE;
}

/* The context ends here: the worker that follows is another program. */
static enum handed hand_in(const char *address, const struct identity *invited,
                           const char *public_key, char why[static 300])
{
    struct enrolment e = {.context = conn_context()};
    e.monitor = zmq_socket(e.context, ZMQ_PAIR);
    e.socket = conn_open(e.context, CONN_DEALER, address,
                         &(struct conn_options){.identity = invited, .monitor = MONITOR});
    enum handed end = HANDED_NOWHERE;
    if (!e.socket || !e.monitor || zmq_connect(e.monitor, MONITOR))
        snprintf(e.why, sizeof e.why, "%s", zmq_strerror(errno));
    else
        end = converse(&e, public_key);
    conn_monitor_end(e.socket, e.monitor);
    if (e.socket)
        zmq_close(e.socket);
    zmq_ctx_term(e.context);
    memcpy(why, e.why, sizeof e.why);
    return end;
}

/* --- the key ---------------------------------------------------------------------------------- */

/* Made, or the one that is there and is for this broker and under this name. */
static int own_key(struct cli *cli, const struct identity *invited, const char *path,
                   struct identity *own, bool *there)
{
    char why[IDENTITY_WHY];
    identity_make(own, "worker", invited->name, invited->server_key);
    int error = identity_write(own, path);
    *there = error == EEXIST;
    if (error && !*there)
        return cli_fail(cli, EXIT_DATA, "%s: %s", path, strerror(error));
    if (!*there)
        return EXIT_DONE;
    if (!identity_read(own, path, why, sizeof why))
        return cli_fail(cli, EXIT_DATA, "%s", why);
    if (strcmp(own->server_key, invited->server_key) != 0 || strcmp(own->name, invited->name) != 0)
        return cli_fail(cli, EXIT_DATA,
                        "%s is the key of another worker; --identity FILE says where this one's "
                        "shall be",
                        path);
    return EXIT_DONE;
}

/* A key that was made for nothing does not stay. One that the broker may have taken, with its
 * answer lost, does: the same line once more finds out. */
static int enrol(struct cli *cli, const char *address, const struct identity *invited,
                 const char *path)
{
    struct identity own;
    char why[300] = "";
    bool there;
    int code = own_key(cli, invited, path, &own, &there);
    enum handed end = code ? HANDED_REFUSED : hand_in(address, invited, own.public_key, why);
    identity_wipe(&own);
    if (code || end == HANDED_IN || (there && end == HANDED_NOT_LET_IN))
        return code; /* the invitation is used up, by us */
    if (!there && end != HANDED_NOWHERE)
        unlink(path);
    switch (end) {
    case HANDED_NOT_LET_IN:
        return cli_fail(cli, EXIT_DENIED,
                        "the broker does not know this invitation: it has expired, or was used");
    case HANDED_REFUSED: return cli_fail(cli, EXIT_DENIED, "the broker says: %s", why);
    default:
        return cli_fail(cli, EXIT_UNREACHABLE, "no broker answers at %s within %d s%s%s", address,
                        ENROL_MS / 1000, *why ? ": " : "", why);
    }
}

/* --- the worker ------------------------------------------------------------------------------- */

static int become_worker(struct cli *cli, const char *address, const char *path)
{
    char program[PROGRAM_PATH];
    if (program_path("worker", program))
        return cli_fail(cli, EXIT_DATA, "/proc/self/exe: %s", strerror(errno));
    char **argv = must_alloc((cli->word_count + 4) * sizeof *argv), **to = argv;
    *to++ = program;
    *to++ = "--broker";
    *to++ = (char *)address;
    *to++ = "--identity";
    *to++ = (char *)path;
    for (size_t i = 2; i < cli->word_count; i++)
        *to++ = cli->words[i];
    program_become(argv);
    int error = errno;
    free(argv);
    return cli_fail(cli, EXIT_DATA, "cannot start %s: %s", program, strerror(error));
}

int verb_join(struct cli *cli)
{
    struct identity invited;
    const char *address = cli->words[0];
    char *usual = path_state("worker.key");
    const char *path = cli->identity ? cli->identity : usual;
    int code;
    if (!token_read(&invited, cli->words[1]))
        code = cli_usage(cli, "this is no invitation: it is NAME. and %d letters and digits",
                         TOKEN_DIGITS);
    else if (!path)
        code = cli_fail(cli, EXIT_DATA, "no home for the key: say --identity FILE");
    else if (path == usual && path_make_above(path))
        code = cli_fail(cli, EXIT_DATA, "cannot make the folders above %s", path);
    else
        code = enrol(cli, address, &invited, path);
    identity_wipe(&invited);
    if (code == EXIT_DONE)
        code = become_worker(cli, address, path);
    free(usual);
    return code;
}
