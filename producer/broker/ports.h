/* SPDX-License-Identifier: Apache-2.0
 *
 * ports: the broker's three sockets, side by side, each with keys or all without. What comes and
 * goes there is not looked at here.
 */
#ifndef BROKER_PORTS_H
#define BROKER_PORTS_H

#include "producer/broker/keys.h"
#include "producer/broker/knocks.h"
#include "producer/core/broker.h"

/* The first two as enum port. */
enum { CLIENTS = PORT_CLIENTS, WORKERS = PORT_WORKERS, UPDATES, SOCKETS };

struct ports {
    void *context;     /* borrowed, as the next three */
    const char *host;  /* as it stands in an address */
    struct keys *keys; /* NULL: none are asked for */
    unsigned first;
    void *sockets[SOCKETS];         /* NULL: not bound */
    struct knocks *knocks[SOCKETS]; /* of each, with keys */
};

/* Binds all three. -1 when one cannot be had: errno says why, *which one it was. */
int ports_bind(struct ports *p, unsigned *which);

/* Closes one, with all its connections, and binds another in its place: they come again by
 * themselves. -1 and errno: it is not bound. */
int ports_anew(struct ports *p, unsigned which);

void ports_close(struct ports *p);

#endif
