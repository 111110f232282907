/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/acks.h"

#include "proto/record.h"

bool acks_add_apart(struct acks *a, uint64_t number)
{
    for (unsigned i = a->count; i-- > 0;) {
        if (number == a->ranges[i].end) {
            a->ranges[i].end++;
            return true;
        }
        if (number + 1 == a->ranges[i].first) {
            a->ranges[i].first--;
            return true;
        }
        if (number >= a->ranges[i].first && number < a->ranges[i].end)
            return true;
    }
    if (a->count == ACK_RANGES)
        return false;
    a->ranges[a->count++] = (struct ack_range){.first = number, .end = number + 1};
    return true;
}

void acks_put(struct acks *a, uint64_t floor, struct buf *out)
{
    for (unsigned i = 0; i < a->count; i++) {
        uint64_t count = a->ranges[i].end - a->ranges[i].first;
        struct record r = {
            .type = REC_ack,
            .ack = {.number = a->ranges[i].first, .count = count > 1 ? count : 0, .floor = floor}};
        record_put(out, &r);
    }
    a->count = 0;
}
