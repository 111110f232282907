/* SPDX-License-Identifier: Apache-2.0
 *
 * route: the connections of the two ROUTER ports, as the shell knows them: what ZeroMQ calls a
 * routing id, what the core calls it, and what waits to go there. Decides nothing and sends
 * nothing.
 */
#ifndef BROKER_ROUTE_H
#define BROKER_ROUTE_H

#include "common/conn.h"
#include "common/list.h"
#include "common/map.h"
#include "producer/core/broker.h"
#include "proto/acl.h"

struct route {
    uint64_t id; /* the core's name for it; never used again */
    struct bytes routing_id;
    enum port port;
    struct outbox outbox;
    struct link dirty;          /* routes::dirty or routes::lazy, while something waits */
    bool urgent;                /* on routes::dirty */
    bool full;                  /* would take no more in this turn */
    char key[ACL_KEY_SIZE + 1]; /* that its connection has shown; "": none was asked for */
};

struct routes {
    struct namemap by_name[2]; /* by routing id; by enum port */
    struct idmap by_id;
    uint64_t last_id;
    struct link dirty, lazy; /* to send to at the end of this turn; of the next tick's */
};

void routes_init(struct routes *r, uint64_t seed);
void routes_fini(struct routes *r);

/* NULL: nobody with this routing id has said anything yet. */
struct route *routes_find(const struct routes *r, enum port port, struct bytes routing_id);
struct route *routes_find_id(const struct routes *r, uint64_t id);
struct route *route_make(struct routes *r, enum port port, struct bytes routing_id,
                         const char *key);
void route_free(struct routes *r, struct route *route);

/* Something waits there. What is lazy leaves with the next thing that is not. */
void route_mark(struct routes *r, struct route *route, bool lazy);
/* What is lazy waits no longer. */
void routes_hurry(struct routes *r);

#endif
