/* SPDX-License-Identifier: Apache-2.0
 *
 * doors: foreign protocols that the gateway speaks beside HTTP, on ports of their own, for clients
 * that know nothing of Reeve. A door is a name for --doors, a port and a table of gRPC methods, or
 * a service of plain.h, which has its port alone; doors of gRPC may share one. health.c and
 * reflection.c are on each of theirs. The sockets and their loop are here, in peer.c and plain.c; a
 * door's service decides nothing about jobs: it asks the broker.
 */
#ifndef DOORS_DOORS_H
#define DOORS_DOORS_H

#include "common/options.h"
#include "producer/gateway/doors/watch.h"
#include "producer/gateway/gateway.h"
#include "producer/gateway/grpc/grpc.h"

enum {
    DOORS_MAX = 8,                   /* ports, and rows of doors.c */
    DOOR_ADDRESSES_MAX = 2,          /* of a port: localhost may be either */
    DOOR_TABLES_MAX = DOORS_MAX + 3, /* with health, and reflection twice */
    DOOR_PEERS_MAX = 600,            /* connections of all doors; more are hung up on */
    DOOR_BYTES_MAX = 64 << 20,       /* held for the calls of all of them */
    DOOR_INTERVAL_TEXT = 32,
};

struct plain_service;
struct plains;

struct door {
    const char *name;
    const char *option;                  /* its port's */
    unsigned port;                       /* default */
    const struct grpc_method *methods;   /* NULL: it is none of gRPC, but */
    const struct plain_service *service; /* this */
};

/* What the command line asks for. */
struct doors_plan {
    struct door_place {
        unsigned port;
        int fds[DOOR_ADDRESSES_MAX]; /* -1: not listening; else taken by doors_new */
        const struct grpc_method *tables[DOORS_MAX];
        size_t count;
        const struct plain_service *service; /* NULL: a port of gRPC */
    } places[DOORS_MAX];
    size_t count;
    unsigned ports[DOORS_MAX];         /* of each door there is, in their order; 0: not asked for */
    char interval[DOOR_INTERVAL_TEXT]; /* of the ticker, as its topics have it: "" or "/0.1" */
};

/* Reads --doors and the options beside it. False: *why says what is wrong. */
bool doors_plan(struct doors_plan *plan, const struct options *o, char *why, size_t why_size);

/* Appends a line a door: its name and where it is. */
void doors_lines(const struct doors_plan *plan, const char *host, struct buf *out);

/* Appends the names of the doors that have this port, with commas. */
void doors_names(const struct doors_plan *plan, unsigned port, struct buf *out);

struct door_port { /* the context of its calls */
    struct doors *doors;
    int fd;
    const struct grpc_method *tables[DOOR_TABLES_MAX + 1]; /* ended by NULL */
};

struct doors {
    struct gateway *gateway;
    struct watches watches; /* on the gateway's client for requests */
    struct grpc_budget budget;
    struct door_port ports[DOORS_MAX * DOOR_ADDRESSES_MAX];
    size_t port_count;
    char interval[DOOR_INTERVAL_TEXT];
    struct plains *plains;
    int epoll;
    struct link peers;  /* peer::link */
    struct link dirty;  /* peer::dirty: something may be to be sent */
    struct link health; /* those who watch it; see health.c */
    size_t peer_count;
    bool up;      /* what health was last said to be */
    bool refused; /* there was no room for somebody, since the last turn */
    bool full_told;
};

static inline struct doors *doors_of(const struct grpc_call *c)
{
    const struct door_port *port = grpc_call_context(c);
    return port->doors;
}

/* Each table is of one service. */
extern const struct grpc_method health_methods[], reflection_methods[],
    reflection_v1alpha_methods[], rto_data_methods[], rto_plant_methods[], ticker_methods[],
    todo_methods[];

struct doors *doors_new(struct gateway *g, const struct doors_plan *plan);
/* Says goodbye to all, gives them a moment, and hangs up. NULL is fine. */
void doors_free(struct doors *d);

int doors_fd(const struct doors *d); /* to be polled for reading */
void doors_run(struct doors *d);     /* takes what has come; before the client's dispatch */
void doors_turn(struct doors *d);    /* sends what there is; after it */

/* health.c: the broker answers, or does not any more. */
void health_tell(struct doors *d);

#endif
