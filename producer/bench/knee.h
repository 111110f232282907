/* SPDX-License-Identifier: Apache-2.0
 *
 * knee: which rates to offer, one after the other, to find the highest that a farm holds: it is
 * doubled until it is too much, then the gap between the last that held and the first that did not
 * is halved (as ratios). A rate is too much when it was so twice: a machine that had something else
 * to do for a moment is no knee. Pure.
 */
#ifndef BENCH_KNEE_H
#define BENCH_KNEE_H

#include <stdbool.h>

struct knee {
    double rate;        /* to be offered next */
    double held, burst; /* the highest that held, the lowest that did not; 0: none yet */
    bool doubted;       /* the rate did not hold, and is offered again */
    bool found;
};

/* start: a second, above 0. */
void knee_init(struct knee *k, double start);
/* What became of k->rate. Afterwards k->found, or k->rate is the next one. */
void knee_next(struct knee *k, bool held);

#endif
