/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/ports.h"

#include <errno.h>
#include <poll.h>
#include <zmq.h>

#include "common/clock.h"

enum {
    UPDATES_HIGH_WATER = 50000, /* of one subscriber that does not read */
    RELEASE_MS = 5000,          /* libzmq gives a port back when it comes to it */
};

static int bind_one(struct ports *p, unsigned which)
{
    static const struct {
        enum conn_kind kind;
        int high_water;
        enum acl_port port;
    } kinds[SOCKETS] = {[CLIENTS] = {CONN_ROUTER, 0, ACL_CLIENTS},
                        [WORKERS] = {CONN_ROUTER, 0, ACL_WORKERS},
                        [UPDATES] = {CONN_XPUB, UPDATES_HIGH_WATER, ACL_UPDATES}};
    char address[128];
    snprintf(address, sizeof address, "tcp://%s:%u", p->host, p->first + which);
    struct conn_options options = {.send_high_water = kinds[which].high_water};
    if (p->keys) {
        options.identity = keys_identity(p->keys);
        options.domain = acl_port_name(kinds[which].port);
    }
    p->sockets[which] = conn_open(p->context, kinds[which].kind, address, &options);
    if (!p->sockets[which] || !p->keys)
        return p->sockets[which] ? 0 : -1;
    p->knocks[which] = knocks_hear(p->context, p->sockets[which], options.domain);
    return p->knocks[which] ? 0 : -1;
}

static void close_one(struct ports *p, unsigned which)
{
    knocks_end(p->knocks[which]);
    if (p->sockets[which])
        zmq_close(p->sockets[which]);
    p->knocks[which] = NULL;
    p->sockets[which] = NULL;
}

int ports_bind(struct ports *p, unsigned *which)
{
    for (*which = 0; *which < SOCKETS; ++*which)
        if (bind_one(p, *which))
            return -1;
    return 0;
}

int ports_anew(struct ports *p, unsigned which)
{
    int64_t until_ms = clock_ms() + RELEASE_MS;
    close_one(p, which);
    int rc = bind_one(p, which);
    while (rc && errno == EADDRINUSE && clock_ms() < until_ms) {
        poll(NULL, 0, 1);
        rc = bind_one(p, which);
    }
    return rc;
}

void ports_close(struct ports *p)
{
    for (unsigned i = 0; i < SOCKETS; i++)
        close_one(p, i);
}
