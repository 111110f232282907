/* SPDX-License-Identifier: Apache-2.0
 *
 * pending: what this client has handed in and has no end of yet, under its numbers. Keeps what each
 * submission says until it is settled, because a lost connection means sending all of them again;
 * knows what has not been sent yet, and what numbers must become when a broker turns out to
 * have forgotten some. Pure: no socket, no clock.
 *
 * Numbers live in chunks, so that one job that takes for ever holds its chunk and not everything
 * that came after it; a submission costs no allocation of its own unless its arguments are large.
 * What it says beside its number and its arguments are its terms: method, options. Mostly they are
 * those of the submission before, so a chunk keeps them once for all in a row that share them. The
 * arguments lie in it as the short form says them (proto/again.h), one behind the other: so a row
 * is sent as the bytes that it is kept as.
 */
#ifndef CLIENT_PENDING_H
#define CLIENT_PENDING_H

#include <reeve/client.h>

#include "common/buf.h"
#include "common/must.h"
#include "proto/record.h"

enum submission_state { SUBMISSION_NONE, SUBMISSION_OPEN, SUBMISSION_ACCEPTED };

struct submission {
    uint64_t told; /* the number its caller knows; the one on the wire may change */
    reeve_on_accepted *accepted;
    reeve_on_result *result;
    void *user;
    uint32_t at,
        size;       /* its arguments in the chunk's bytes; of large ones there is their address */
    uint32_t terms; /* where they lie in the chunk's bytes */
    uint8_t state;
    bool again;     /* it has the terms of the one before: its short form lies behind it */
    bool taken;     /* was accepted under this or an earlier number */
    bool received;  /* as received: a broker that died has forgotten it */
    bool impatient; /* a broker at a limit refuses it, and that is that */
};

enum { CHUNK_NUMBERS = 256 };

struct pending_chunk {
    uint64_t index; /* of its first number, in CHUNK_NUMBERS */
    unsigned live;
    uint32_t terms, terms_size; /* of the last one in it; 0 bytes: there is none */
    uint64_t edition;           /* of the pending's terms, which they are the same as */
    struct buf bytes;
    struct submission at[CHUNK_NUMBERS];
};

struct pending {
    struct pending_chunk **chunks; /* each in the place of its index, as far as the mask says it */
    uint64_t mask;                 /* so many places, less 1: so many that no two want the same */
    struct pending_chunk *spare;   /* emptied, to be used next */
    struct buf terms;              /* of those to come */
    uint64_t edition;              /* counts how often these were set */
    uint64_t floor;                /* no number below is unsettled: see pending_floor */
    uint64_t sent;                 /* the next number to send */
    uint64_t next;                 /* the next to be given out */
    size_t count;                  /* unsettled */
    size_t unsent_bytes; /* added since its owner set it to 0: what sending that takes, roughly */
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p);

/* What submissions say from here on, beside their number and their arguments. */
void pending_terms(struct pending *p, const struct msg_submit *m);

/* A submission under the next number, with the terms said last: its caller fills in for whom it is.
 * Lent until the next change. Copies args, which are not empty. */
struct submission *pending_add(struct pending *p, struct bytes args);

/* NULL when that number was never given out or is settled; lent until the next change. */
struct submission *pending_find(const struct pending *p, uint64_t number);

/* The next unsettled number at or above `from`; p->next when there is none. */
uint64_t pending_above(const struct pending *p, uint64_t from);

/* The lowest unsettled number, or p->next. */
uint64_t pending_floor(struct pending *p);

/* The broker has taken those from this number on, up to the first whose caller waits to hear of it,
 * or up to end: which it is, is returned. received: as its class says. */
uint64_t pending_accept(struct pending *p, uint64_t from, uint64_t end, bool received);

/* It is over: *out is what it was, its arguments are gone. False when it was over before. */
bool pending_settle(struct pending *p, uint64_t number, struct submission *out);

/* Gives the submission a new number behind all others, and these flags as well: the broker has
 * counted the old one as refused. 0 when it was settled. */
uint64_t pending_again(struct pending *p, uint64_t number, uint64_t flags);

/* What a run of submissions says, one after the other. Zeroed storage begins one; it ends with the
 * next change of the pending. */
struct sending {
    struct msg_submit submit;   /* of the last one */
    const unsigned char *terms; /* which its terms were read from */
};

/* The next unsent submission, which is sent with this; false when all are. */
bool pending_send(struct pending *p, struct sending *s);

/* The short forms of those right behind the one sent last, as many as lie side by side and have
 * room; they are sent with this. Lent until the next change. */
struct bytes pending_send_again(struct pending *p, size_t room);

/* Must numbers change to go on from the broker's last number? They must when one above it is
 * settled: the broker wants them without gaps, and has forgotten that one. */
bool pending_gapped(const struct pending *p, uint64_t last);

/* The broker has taken our numbers up to last: everything unsettled is to be sent again, and what
 * lies above last is numbered last + 1, last + 2, ... in its order. */
void pending_resume(struct pending *p, uint64_t last);

#endif
