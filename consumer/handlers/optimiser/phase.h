/* SPDX-License-Identifier: Apache-2.0
 *
 * phase: one run of one NLopt algorithm, from a known point. Constraints that the algorithm has no
 * support for are given to it by an augmented Lagrangian (local ones) or by a merit (global ones).
 */
#ifndef OPTIMISER_PHASE_H
#define OPTIMISER_PHASE_H

#include "consumer/handlers/optimiser/replay.h"

#include <nlopt.h>

struct phase {
    nlopt_algorithm algorithm;
    struct entry *from;
    double step;              /* the first, in u; 0: as NLopt thinks */
    uint64_t evaluations_max; /* new ones */
    double xtol, ftol;        /* 0: those of the run */
    bool central;             /* differences */
};

enum phase_end {
    PHASE_STOPPED, /* the replay has, or the phase is at its limit */
    PHASE_XTOL,
    PHASE_FTOL,
    PHASE_FAILED, /* the algorithm cannot do this problem */
};

/* r->phase_best is the best point that it came to. */
enum phase_end phase_run(struct replay *r, const struct phase *phase);

/* Searches the whole space, not from its start? */
bool phase_global(nlopt_algorithm algorithm);

#endif
