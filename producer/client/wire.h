/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: the client's sockets: one DEALER to the broker's clients' port and, once something is
 * watched, one SUB to its updates; and the one descriptor that tells of both. A broker that asks
 * for keys is shown the identity's. Knows frames, not records. All clients of a process share its
 * one ZeroMQ context.
 */
#ifndef CLIENT_WIRE_H
#define CLIENT_WIRE_H

#include <zmq.h>

#include "common/conn.h"
#include "common/identity.h"
#include "proto/record.h"

struct wire {
    char *address, *updates_address;
    struct identity identity; /* none: in the clear */
    void *dealer, *sub;
    void *monitor;   /* of the dealer; NULL: nothing can be refused any more */
    unsigned opened; /* dealers so far */
    bool over;       /* the dealer can do nothing more: wire_reopen */
    struct conn_refusal refusal;
    struct outbox out;
    bool brief; /* the broker knows `again` */
    struct buf scratch;
    int epoll, wake; /* wake: an eventfd; readable when dispatch should be called anyway */
    bool polled;     /* somebody polls the descriptor, so it must tell the truth */
    bool unsure;     /* the dealer has sent since it last had nothing to be received: its descriptor
                        tells of changes only, and the news of one may have been taken */
};

/* 0, or errno: EINVAL for an address that is none. Copies the identity. */
int wire_open(struct wire *w, const char *address, const struct identity *identity) MUST_CHECK;
/* Gives what was sent up to a second to leave. */
void wire_close(struct wire *w);
/* A new connection: nothing that came on the old one can be read any more. */
int wire_reopen(struct wire *w) MUST_CHECK;

/* The broker is there and takes what we say; knows: as in its welcome. */
void wire_welcomed(struct wire *w, uint64_t knows);
/* True once when the broker did not let us in (w->refusal): nothing more happens before
 * wire_reopen. */
bool wire_refused(struct wire *w);
/* Why it does not; NULL: it is not known to. Lent for ever. */
const char *wire_refusal(const struct wire *w);

/* The SUB socket, at this port of the broker's host; harmless when it is there already. */
int wire_updates(struct wire *w, uint64_t port) MUST_CHECK;
/* topic with or without its closing 0 */
int wire_subscribe(struct wire *w, struct bytes topic, bool on);

void wire_put(struct wire *w, const struct record *r);
void wire_put_submit(struct wire *w, const struct msg_submit *m);
/* How many bytes that say the record put last `again` can stand right behind it. */
size_t wire_again_room(const struct wire *w);
/* 0: all gone; EAGAIN: the rest waits; else errno. */
int wire_flush(struct wire *w) MUST_CHECK;

/* 1: a message; 0: there is none; -1: errno. */
int wire_receive(struct wire *w, zmq_msg_t *msg) MUST_CHECK;
int wire_receive_update(struct wire *w, zmq_msg_t *topic, zmq_msg_t *body) MUST_CHECK;

/* Waits until something can be read, or be sent that waits. 0, or errno: EINTR. */
int wire_wait(struct wire *w, int timeout_ms) MUST_CHECK;

int wire_fd(struct wire *w);
void wire_wake(struct wire *w, bool on);

#endif
