/* SPDX-License-Identifier: Apache-2.0
 *
 * ring: a topic's latest events as text, each under a number of its own that counts up from 0. Who
 * reads it only remembers the number that comes next; who reads too slowly finds that gone. Pure.
 */
#ifndef LIVE_RING_H
#define LIVE_RING_H

#include "producer/gateway/live/position.h"

enum { RING_EVENTS_MAX = 256, RING_BYTES_MAX = 1 << 20 };

enum ring_kind { RING_UPDATE, RING_SNAPSHOT, RING_LOST, RING_ERROR };

struct ring_event {
    enum ring_kind kind;
    struct position position; /* of a lost one: of the last that is */
    uint64_t first;           /* that is lost */
    size_t size;
    char text[];
};

struct ring {               /* zeroed storage is an empty one */
    struct ring_event **at; /* number % capacity */
    size_t capacity;        /* a power of two, or 0 */
    uint64_t first, next;   /* [first, next) are there */
    size_t bytes;
};

/* The text is copied. At its limits, or when `tight`, the oldest go; the newest stays. */
void ring_put(struct ring *r, const struct ring_event *head, struct bytes text, bool tight);
const struct ring_event *ring_at(const struct ring *r,
                                 uint64_t number); /* first <= number < next */
/* The number behind the event at this position; 0: there is none such. */
uint64_t ring_behind(const struct ring *r, struct position p);
void ring_fini(struct ring *r);

/* Whoever has come to position `told` misses what lies between it and e: the last of that, or 0. */
uint64_t ring_gap(const struct ring_event *e, struct position told);

#endif
