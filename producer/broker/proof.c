/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/proof.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/identity.h"

enum { PATIENCE_MS = 10000 }; /* on a machine that has other things to do */

static const struct handshake {
    const char *place; /* of its monitor; libzmq takes its time to give one back */
    enum acl_port port;
    bool known;
    enum conn_event wanted;
    const char *otherwise;
} handshakes[] = {
    {"inproc://proof-1", ACL_CLIENTS, true, CONN_UP, "a known key was not let in"},
    {"inproc://proof-2", ACL_CLIENTS, false, CONN_REFUSED, "an unknown key was not refused"},
    {"inproc://proof-3", ACL_WORKERS, true, CONN_REFUSED,
     "a key was not refused at a port that its role has no right to"},
};

struct stage {
    void *context;
    struct identity server, known, unknown;
};

/* Up or refused; what is neither may be a slow machine, and libzmq tries again. */
static enum conn_event outcome(void *monitor)
{
    int64_t until_ms = clock_ms() + PATIENCE_MS;
    for (int64_t left_ms; (left_ms = until_ms - clock_ms()) > 0;) {
        zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)left_ms) <= 0)
            continue;
        enum conn_event event = conn_event(monitor);
        if (event == CONN_UP || event == CONN_REFUSED)
            return event;
    }
    return CONN_QUIET;
}

static enum conn_event shake(const struct stage *stage, const struct handshake *h,
                             const char *address)
{
    const struct identity *id = h->known ? &stage->known : &stage->unknown;
    struct conn_options options = {.identity = id, .monitor = h->place};
    enum conn_event event = CONN_QUIET;
    void *dealer = conn_open(stage->context, CONN_DEALER, address, &options);
    void *monitor = zmq_socket(stage->context, ZMQ_PAIR);
    if (dealer && monitor && zmq_connect(monitor, h->place) == 0)
        event = outcome(monitor);
    conn_monitor_end(dealer, monitor);
    if (dealer)
        zmq_close(dealer);
    return event;
}

static bool goes_as_it_must(const struct stage *stage, const struct handshake *h)
{
    struct conn_options options = {.identity = &stage->server, .domain = acl_port_name(h->port)};
    char address[64];
    size_t size = sizeof address;
    void *router = conn_open(stage->context, CONN_ROUTER, "tcp://127.0.0.1:*", &options);
    if (!router)
        return false;
    bool fine = zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, address, &size) == 0 &&
                shake(stage, h, address) == h->wanted;
    zmq_close(router);
    return fine;
}

static const char *fails(const struct stage *stage)
{
    for (size_t i = 0; i < LENGTH(handshakes); i++)
        if (!goes_as_it_must(stage, &handshakes[i]))
            return handshakes[i].otherwise;
    return NULL;
}

bool proof_start(void *context, struct acl *list, struct zap **zap, char *why, size_t why_size)
{
    struct stage stage = {.context = context};
    struct acl known;
    char line[ACL_KEY_SIZE + 32];
    identity_make(&stage.server, "broker", "proof", NULL);
    identity_make(&stage.known, "client", "proof", stage.server.public_key);
    identity_make(&stage.unknown, "client", "proof", stage.server.public_key);
    snprintf(line, sizeof line, "client proof %s *", stage.known.public_key);
    must(acl_read(&known, bytes_text(line), why, why_size));
    const char *failed = NULL;
    *zap = zap_start(context, &known);
    if (!*zap) {
        acl_fini(&known);
        failed = zmq_strerror(errno);
    } else {
        failed = fails(&stage);
    }
    identity_wipe(&stage.server);
    identity_wipe(&stage.known);
    identity_wipe(&stage.unknown);
    if (failed)
        snprintf(why, why_size, "keys do not count here: %s", failed);
    else
        zap_replace(*zap, list);
    return !failed;
}
