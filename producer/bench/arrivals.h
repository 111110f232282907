/* SPDX-License-Identifier: Apache-2.0
 *
 * arrivals: when jobs are to be handed in, whatever becomes of those before them: the plan of an
 * open loop. Pure: the same rate and seed give the same moments. Who is late hands in late, and is
 * measured from the moment of the plan; so a farm that stands still for a second is seen by all
 * jobs of that second, not by the one that met it (the "coordinated omission" of closed loops, as
 * Gil Tene named it).
 */
#ifndef BENCH_ARRIVALS_H
#define BENCH_ARRIVALS_H

#include "common/random.h"

enum arrivals_kind {
    ARRIVALS_CONSTANT, /* one every 1/rate */
    ARRIVALS_POISSON,  /* by chance, independent of each other, rate a second on average */
};

struct arrivals {
    enum arrivals_kind kind;
    double gap_ns;  /* on average */
    double next_ns; /* the next one, since the start */
    struct random random;
};

/* rate: a second, above 0. phase, 0..1: how far into its first gap the first of constant arrivals
 * comes, so that those of several clients do not fall together. */
void arrivals_init(struct arrivals *a, enum arrivals_kind kind, double rate, double phase,
                   uint64_t seed);
/* The next moment, in ns since the start; it stays the next one until it is taken. */
int64_t arrivals_next_ns(const struct arrivals *a);
void arrivals_take(struct arrivals *a);

/* -1 for a name of none. */
int arrivals_kind_of(const char *name);
const char *arrivals_kind_name(enum arrivals_kind kind);

#endif
