/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: a topic for as many as want it: a client can subscribe a topic once only, so it is
 * subscribed with the first who listens and left with the last. Unlike the hub it keeps nothing:
 * who comes later hears what comes later.
 */
#ifndef DOORS_WATCH_H
#define DOORS_WATCH_H

#include <reeve/client.h>

#include "common/list.h"
#include "common/map.h"

struct watches {
    struct reeve_client *client; /* borrowed; nobody else subscribes these topics with it */
    struct namemap topics;       /* watch::topic; those not over */
};

struct listener {
    struct link link;    /* watch::listeners */
    struct watch *watch; /* NULL: listens to nothing; zeroed storage does not */
    void (*heard)(struct listener *l, const struct reeve_update *u);
};

/* Hears from now on, by `heard`; "snapshot" first, unless the watch stands already. An "error" is
 * the last. Returns 0, or why not (enum reeve_code). */
int watch_join(struct watches *all, const char *topic, struct listener *l);
void watch_leave(struct listener *l); /* harmless for one that listens to nothing */
/* Has its watch begun: is nothing missed that comes from now on? */
bool watch_stands(const struct listener *l);
void watches_fini(struct watches *all); /* nobody listens any more */

#endif
