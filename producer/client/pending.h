/* SPDX-License-Identifier: Apache-2.0
 *
 * pending: what this client has handed in and has no end of yet, under its numbers. Keeps each
 * submission's record until it is settled, because a lost connection means sending all of them
 * again; knows what has not been sent yet, and what numbers must become when a broker turns out to
 * have forgotten some. Pure: no socket, no clock.
 *
 * Numbers live in chunks, so that one job that takes for ever holds its chunk and not everything
 * that came after it; a submission costs no allocation of its own unless its arguments are large.
 */
#ifndef CLIENT_PENDING_H
#define CLIENT_PENDING_H

#include <reeve/client.h>

#include "common/buf.h"
#include "common/must.h"
#include "proto/again.h"

enum submission_state { SUBMISSION_NONE, SUBMISSION_OPEN, SUBMISSION_ACCEPTED };

struct submission {
    uint64_t told; /* the number its caller knows; the one on the wire may change */
    uint64_t id;   /* of the job, once accepted */
    reeve_on_accepted *accepted;
    reeve_on_result *result;
    void *user;
    unsigned char *large; /* its record, owned; NULL: the bytes are the chunk's, from `at` */
    uint32_t at, size;    /* of both forms of it: */
    uint32_t brief;       /* the short one comes first; 0: there is none */
    uint8_t state;
    bool taken;     /* was accepted under this or an earlier number */
    bool received;  /* as received: a broker that died has forgotten it */
    bool impatient; /* a broker at a limit refuses it, and that is that */
};

enum { CHUNK_NUMBERS = 256 };

struct pending_chunk {
    unsigned live;
    struct buf bytes;
    struct submission at[CHUNK_NUMBERS];
};

/* A submission's record. */
struct pending_record {
    struct bytes whole, brief; /* brief: its short form (proto/again.h) behind that of the number
                                  before, or empty */
    uint64_t number;
};

struct pending {
    struct pending_chunk **chunks; /* chunks[head] holds the numbers from first * CHUNK_NUMBERS */
    size_t head, tail, capacity;
    uint64_t first;
    struct pending_chunk *spare; /* emptied, to be used next */
    uint64_t floor;              /* the lowest unsettled number, or next */
    uint64_t sent;               /* the next number to send */
    uint64_t next;               /* the next to be given out */
    size_t count;                /* unsettled */
    struct again again;          /* the one under next - 1, or there is none */
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p);

/* Gives out the next number, which is put into the message too. s is a template (told, callbacks);
 * the record is kept as it is going to be sent. */
uint64_t pending_add(struct pending *p, const struct submission *s, struct msg_submit *m);

/* NULL when that number was never given out or is settled; lent until the next change. */
struct submission *pending_find(const struct pending *p, uint64_t number);

/* The next unsettled number at or above `from`; p->next when there is none. */
uint64_t pending_above(const struct pending *p, uint64_t from);

/* It is over: *out is what it was, its record is gone. False when it was over before. */
bool pending_settle(struct pending *p, uint64_t number, struct submission *out);

/* Gives the submission a new number behind all others, and these flags as well: the broker has
 * counted the old one as refused. 0 when it was settled. */
uint64_t pending_again(struct pending *p, uint64_t number, uint64_t flags);

/* The record of an unsettled submission; lent until the next change. */
struct pending_record pending_record(const struct pending *p, uint64_t number);

/* The next unsent submission's record, lent likewise, which is sent with this; empty when all are.
 */
struct pending_record pending_send(struct pending *p);

/* Must numbers change to go on from the broker's last number? They must when one above it is
 * settled: the broker wants them without gaps, and has forgotten that one. */
bool pending_gapped(const struct pending *p, uint64_t last);

/* The broker has taken our numbers up to last: everything unsettled is to be sent again, and what
 * lies above last is numbered last + 1, last + 2, ... in its order. */
void pending_resume(struct pending *p, uint64_t last);

#endif
