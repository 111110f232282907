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

/* The records before it as they lie in a frame. Zeroed storage knows of none. */
struct again {
    uint64_t next;           /* the place behind the record before */
    unsigned type;           /* its type; 0: it has no short form */
    uint64_t number, id;     /* its own */
    struct again_parts {     /* its other fields, which lie in `whole` */
        struct bytes before; /* between id and value */
        struct bytes middle; /* between value and run_us */
        struct bytes rest;
    } parts;
    size_t value_size;
    unsigned char value[AGAIN_BYTES_MAX], whole[AGAIN_BYTES_MAX];
};

/* What is to be put at this place of an outbox for the record: itself or its short form, which is
 * written to room. */
struct bytes again_of(struct again *a, uint64_t place, struct bytes record,
                      unsigned char room[static AGAIN_ROOM]);

#endif
