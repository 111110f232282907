/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/live/ring.h"

#include "common/must.h"

static struct ring_event **slot(const struct ring *r, uint64_t number)
{
    return &r->at[number & (r->capacity - 1)];
}

static void grow(struct ring *r)
{
    struct ring old = *r;
    r->capacity = old.capacity ? 2 * old.capacity : 8;
    r->at = must_alloc(r->capacity * sizeof(struct ring_event *));
    for (uint64_t i = r->first; i < r->next; i++)
        *slot(r, i) = *slot(&old, i);
    free(old.at);
}

static void drop_oldest(struct ring *r)
{
    struct ring_event **oldest = slot(r, r->first++);
    r->bytes -= sizeof **oldest + (*oldest)->size;
    free(*oldest);
    *oldest = NULL;
}

void ring_put(struct ring *r, const struct ring_event *head, struct bytes text, bool tight)
{
    size_t size = sizeof *head + text.size;
    while (r->first < r->next &&
           (tight || r->next - r->first == RING_EVENTS_MAX || r->bytes + size > RING_BYTES_MAX))
        drop_oldest(r);
    if (r->next - r->first == r->capacity)
        grow(r);
    struct ring_event *e = must_alloc(size);
    *e = *head;
    e->size = text.size;
    bytes_copy(e->text, text);
    *slot(r, r->next++) = e;
    r->bytes += size;
}

const struct ring_event *ring_at(const struct ring *r, uint64_t number)
{
    must(number >= r->first && number < r->next);
    return *slot(r, number);
}

uint64_t ring_behind(const struct ring *r, struct position p)
{
    for (uint64_t i = r->next; i > r->first; i--) {
        const struct ring_event *e = ring_at(r, i - 1);
        if (e->kind != RING_ERROR && e->position.incarnation == p.incarnation &&
            e->position.seq == p.seq)
            return i;
    }
    return 0;
}

void ring_fini(struct ring *r)
{
    while (r->first < r->next)
        drop_oldest(r);
    free(r->at);
    *r = (struct ring){0};
}

uint64_t ring_gap(const struct ring_event *e, struct position told)
{
    uint64_t last = 0;
    switch (e->kind) {
    case RING_UPDATE: last = e->position.seq - 1; break;
    case RING_SNAPSHOT: last = e->position.seq; break; /* which says nothing of what led to it */
    case RING_LOST: last = e->first - 1; break;
    case RING_ERROR: return 0;
    }
    return told.incarnation == e->position.incarnation && last > told.seq ? last : 0;
}
