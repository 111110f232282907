/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/holdings.h"

#include "producer/core/core.h"

enum { CAPACITY_MIN = 4 };

static void grow(struct holdings *h, struct pool *pool)
{
    struct holdings old = *h;
    h->capacity = h->capacity ? h->capacity * 2 : CAPACITY_MIN;
    h->all = pool_take(pool, h->capacity * sizeof *h->all);
    if (!old.all)
        return;
    memcpy(h->all, old.all, old.end * sizeof *h->all);
    holdings_fini(&old, pool);
}

static inline void put(struct holdings *h, struct job *job)
{
    uint32_t at = h->free;
    h->free = at == h->end ? ++h->end : (uint32_t)(h->all[at].hole >> 1);
    h->all[at].job = job;
    h->count++;
    job->place = at;
}

/* Kept apart, so that whoever finds room does nothing for this. */
static __attribute__((noinline)) void put_grown(struct holdings *h, struct pool *pool,
                                                struct job *job)
{
    grow(h, pool);
    put(h, job);
}

void holdings_put(struct holdings *h, struct pool *pool, struct job *job)
{
    if (h->free == h->capacity)
        put_grown(h, pool, job);
    else
        put(h, job);
}

/* The first hole leads to the end, wherever that is by now. */
void holdings_take(struct holdings *h, const struct job *job)
{
    must(h->all[job->place].job == job);
    h->count--;
    if (!h->count) {
        h->end = h->free = 0;
        return;
    }
    h->all[job->place].hole = (uintptr_t)h->free << 1 | 1;
    h->free = job->place;
}

void holdings_fini(struct holdings *h, struct pool *pool)
{
    if (h->all)
        pool_give(pool, h->all, h->capacity * sizeof *h->all);
    *h = (struct holdings){0};
}

struct job *holdings_next(const struct holdings *h, uint32_t *at)
{
    while (*at < h->end) {
        union holding holding = h->all[(*at)++];
        if (!(holding.hole & 1))
            return holding.job;
    }
    return NULL;
}

static int by_lease(const void *a, const void *b)
{
    const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;
    int32_t ms = (int32_t)(x->leased_ms - y->leased_ms);
    return ms ? (ms < 0 ? -1 : 1) : x->id < y->id ? -1 : x->id > y->id;
}

struct job **holdings_sorted(const struct holdings *h)
{
    struct job **all = must_alloc(h->count * sizeof(struct job *));
    uint32_t at = 0, count = 0;
    for (struct job *job; (job = holdings_next(h, &at));)
        all[count++] = job;
    must(count == h->count);
    if (count)
        qsort(all, count, sizeof(struct job *), by_lease);
    return all;
}
