/* SPDX-License-Identifier: Apache-2.0
 *
 * holdings: the jobs leased to one worker. Each knows its place, so that none of the others is
 * touched when one comes or goes: they lie far apart, and there are many. A place that was left is
 * the next to be taken, for it has just been looked at.
 */
#ifndef CORE_HOLDINGS_H
#define CORE_HOLDINGS_H

#include <stdint.h>

struct job;
struct pool;

struct holdings {
    union holding {
        struct job *job;
        uintptr_t hole; /* odd: twice the place of the next one that is free, and one */
    } * all;            /* of the pool */
    uint32_t capacity, count;
    uint32_t end;  /* places from here on were never taken */
    uint32_t free; /* the one left last; end: there is none */
};

void holdings_put(struct holdings *h, struct pool *pool, struct job *job); /* writes job::place */
void holdings_take(struct holdings *h, const struct job *job);
void holdings_fini(struct holdings *h, struct pool *pool);

/* Walk, in no order: start with *at = 0; NULL at the end. The body may take the job. */
struct job *holdings_next(const struct holdings *h, uint32_t *at);

/* All of them in the order of their leases, h->count; to be freed. */
struct job **holdings_sorted(const struct holdings *h);

#endif
