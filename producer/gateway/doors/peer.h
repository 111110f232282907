/* SPDX-License-Identifier: Apache-2.0
 *
 * peer: a connection of a gRPC door: its socket, and between it and grpc.h the bytes and the times.
 */
#ifndef DOORS_PEER_H
#define DOORS_PEER_H

#include "producer/gateway/doors/doors.h"

struct peer {
    struct link link;  /* doors::peers */
    struct link dirty; /* doors::dirty */
    struct doors *doors;
    int fd;
    struct grpc_server *server;
    struct buf out; /* pulled, and not taken by the socket yet */
    size_t sent;    /* of it */
    struct timer timer;
    bool blocked; /* the socket takes nothing: nothing is read either */
    bool leaving; /* all is said: only the other side's end is waited for */
};

/* fd is taken. */
void peer_new(struct door_port *port, int fd);
void peer_free(struct peer *p);
/* The socket can be read or written. The peer may be gone after each of these. */
void peer_ready(struct peer *p, uint32_t events);
void peer_flush(struct peer *p);
/* The gateway stops: calls under way get a moment. */
void peer_leave(struct peer *p);

#endif
