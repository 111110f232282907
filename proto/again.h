/* SPDX-License-Identifier: Apache-2.0
 *
 * again: the short form of a record, made where the record is made. Jobs are mostly lent and
 * answered in rows of the same kind: what differs from one record to the next is its number and
 * its id, which are one higher, its value, and how long it ran. A maker that remembers the record
 * before sees that by the fields, and has both forms of the next one; which of them is said is for
 * the outbox to see (common/conn.h), as it knows what stands before.
 * record_next makes the record of the short one.
 */
#ifndef PROTO_AGAIN_H
#define PROTO_AGAIN_H

#include "proto/record.h"

enum {
    AGAIN_BYTES_MAX = 256 /* longer records have little to gain: no row goes on behind them */
};

/* The row under way, for one peer. Zeroed storage: there is none. Is not to be moved. */
struct again {
    uint32_t mark;                        /* of the record made last: they are counted */
    uint8_t type;                         /* 0: no row goes on behind it */
    bool known;                           /* `last` is read */
    uint16_t size;                        /* of `first` */
    uint16_t value_room;                  /* how long a value may be */
    uint16_t value_size;                  /* of the value before */
    uint64_t number, id;                  /* of the record made last */
    struct record last;                   /* what stays the same in this row; borrows `first` */
    unsigned char first[AGAIN_BYTES_MAX]; /* the row began with it */
    unsigned char value_bytes[AGAIN_BYTES_MAX];
};

/* What an outbox is told of a record. */
struct said {
    uint32_t mark;  /* 0: it is none of those that come in rows */
    uint32_t brief; /* bytes of its short form, right before the whole; 0: it has none */
};

/* Appends the short form, when there is one behind the record made before, and then the whole
 * record. */
struct said again_put(struct again *a, struct buf *out, const struct record *r) MUST_CHECK;

/* The same for those whose type is known. */
struct said again_put_lease(struct again *a, struct buf *out, const struct msg_lease *m) MUST_CHECK;
struct said again_put_result(struct again *a, struct buf *out,
                             const struct msg_result *m) MUST_CHECK;
struct said again_put_ended(struct again *a, struct buf *out, const struct msg_ended *m) MUST_CHECK;

/* Appends the short form alone, for one that needs no other. 0: it has none, and nothing was done.
 */
uint32_t again_brief_lease(struct again *a, struct buf *out, const struct msg_lease *m) MUST_CHECK;
uint32_t again_brief_result(struct again *a, struct buf *out,
                            const struct msg_result *m) MUST_CHECK;
uint32_t again_brief_ended(struct again *a, struct buf *out, const struct msg_ended *m) MUST_CHECK;

/* Appends the short form of a submission that says what the one before does, but for its number,
 * which is one higher, and these arguments, which are not empty. */
void again_put_args(struct buf *out, struct bytes args);

#endif
