/* SPDX-License-Identifier: Apache-2.0
 *
 * acks: numbers whose results have arrived and whose acknowledgement has not left yet, as a few
 * ranges: results mostly come in the order of their numbers. Pure.
 */
#ifndef CLIENT_ACKS_H
#define CLIENT_ACKS_H

#include "common/buf.h"

enum { ACK_RANGES = 32 };

struct acks {
    struct ack_range {
        uint64_t first, end;
    } ranges[ACK_RANGES];
    unsigned count;
};

bool acks_add_apart(struct acks *a, uint64_t number);

/* False when there is no room: write them out first. */
static inline bool acks_add(struct acks *a, uint64_t number)
{
    if (!a->count || number != a->ranges[a->count - 1].end)
        return acks_add_apart(a, number);
    a->ranges[a->count - 1].end++; /* mostly it is the next one */
    return true;
}

/* Appends the ack records to out and forgets them. floor: everything below it is settled. */
void acks_put(struct acks *a, uint64_t floor, struct buf *out);

#endif
