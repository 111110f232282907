/* SPDX-License-Identifier: Apache-2.0
 *
 * series: how a run went, tick by tick, in bounded memory: when there are too many ticks, each two
 * neighbours become one. Pure.
 */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stddef.h>
#include <stdint.h>

enum { SERIES_TICKS = 512 };

struct tick {
    double at_s; /* its end, since the start */
    double width_s;
    uint64_t done;   /* jobs that ended in it */
    uint64_t p99_ns; /* of these; of ticks that became one: the larger */
};

struct series { /* zeroed storage is an empty one */
    struct tick ticks[SERIES_TICKS];
    size_t count;
    size_t each; /* so many ticks of the caller's make one of ours; 0: as 1 */
    size_t open; /* so many are in the last one */
};

/* The next tick, which ends at at_s and follows the one before. */
void series_add(struct series *s, double at_s, uint64_t done, uint64_t p99_ns);

static inline double tick_rate(const struct tick *t)
{
    return t->width_s > 0 ? (double)t->done / t->width_s : 0;
}

#endif
