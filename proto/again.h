/* SPDX-License-Identifier: Apache-2.0
 *
 * again: the short form of a record. Jobs are mostly handed in, lent and answered in rows of the
 * same kind: what differs from one record to the next is its number and its id, which are one
 * higher, its value, and how long it ran. To a peer that knows it (hello, welcome) such a record is
 * said as `again`; record_next makes the record of it. Works on bytes that are a record already, so
 * those who make records need not know to whom they go. Knows no socket.
 */
#ifndef PROTO_AGAIN_H
#define PROTO_AGAIN_H

#include "common/bytes.h"

enum {
    AGAIN_BYTES_MAX = 256, /* longer records are said whole: they have little to gain */
    AGAIN_ROOM = AGAIN_BYTES_MAX + 16
};

/* The record before. Zeroed storage: there is none. */
struct again {
    uint64_t next;               /* the place behind it */
    unsigned type;               /* 0: it has no short form */
    bool known;                  /* what follows `head` is */
    uint16_t size;               /* of the last one that was said whole */
    uint16_t head;               /* of it: the bytes up to where number and id end, */
    uint16_t value;              /* its value begins, */
    uint16_t middle, middle_end; /* between value and run_us, */
    uint16_t rest;               /* behind run_us, to its end */
    uint16_t value_size; /* of the value before, when it is looked at; not of the whole one */
    unsigned char value_bytes[AGAIN_BYTES_MAX];
    unsigned char whole[AGAIN_BYTES_MAX]; /* with the number and the id of the record before */
};

/* What is to be put at this place of an outbox for the record: itself or its short form, which is
 * written to room. */
struct bytes again_of(struct again *a, uint64_t place, struct bytes record,
                      unsigned char room[static AGAIN_ROOM]);

#endif
