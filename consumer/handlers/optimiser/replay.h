/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: one pass of the method over the table, from the beginning of the epoch. A plan asks it
 * for points as if it evaluated them; known ones come from the table, the others from a source (the
 * live function, a guess, or nobody). When no answer comes the replay has stopped: every further
 * question gets NULL and the plan unwinds.
 *
 * Everything that steers the plan is counted here by use, never by what is known already: so the
 * same seed takes the same way however often it was interrupted.
 */
#ifndef OPTIMISER_REPLAY_H
#define OPTIMISER_REPLAY_H

#include "common/random.h"
#include "consumer/handlers/optimiser/space.h"
#include "consumer/handlers/optimiser/table.h"

enum replay_stop {
    REPLAY_GOING,
    REPLAY_UNKNOWN, /* the source has no answer now */
    REPLAY_FULL,    /* the table is */
    REPLAY_BUDGET,  /* all evaluations of the run are used */
};

struct replay {
    struct table *table;
    struct space space;
    /* Adds an entry for x to the table, or returns NULL. */
    struct entry *(*answer)(void *context, struct table *table, const double *x);
    void *context;
    double xtol, ftol;
    uint64_t used, used_max; /* of the run, with the epochs before */
    size_t met, met_max;     /* entries of the table that were come to: its first */
    unsigned epoch;
    struct random random;
    enum replay_stop stop;
    struct entry *best;
    double f_worst; /* of what has not failed */
    /* The phase under way: ends at its own limit, or when it only repeats itself. */
    struct entry *phase_best;
    uint64_t phase_used, phase_max;
    size_t repeats;
    bool phase_over;
};

/* start: NULL, or a point that is known, to begin with. */
void replay_init(struct replay *r, struct table *table, struct entry *start);

/* A phase of at most so many new evaluations begins. */
void replay_phase(struct replay *r, uint64_t evaluations_max);

/* NULL: the phase is over, or the replay has stopped. */
struct entry *replay_ask(struct replay *r, const double *u);

/* Evaluations that the run has left. */
static inline uint64_t replay_left(const struct replay *r)
{
    return r->used_max - r->used;
}

/* f and the constraints, in units of their scales, for a method that must have numbers: a failed
 * point is worse than all others so far. */
double replay_f(const struct replay *r, const struct entry *e);
double replay_constraint(const struct replay *r, const struct entry *e, size_t i);

#endif
