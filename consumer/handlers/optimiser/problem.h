/* SPDX-License-Identifier: Apache-2.0
 *
 * problem: what is to be minimised, checked and held by value. Bounds that mean none are infinite,
 * a start is within the bounds.
 */
#ifndef OPTIMISER_PROBLEM_H
#define OPTIMISER_PROBLEM_H

#include "consumer/handlers/optimiser/optimiser.h"

struct problem {
    size_t variables, inequalities, equalities;
    double lower[OPTIMISER_VARIABLES_MAX], upper[OPTIMISER_VARIABLES_MAX];
    double start[OPTIMISER_VARIABLES_MAX]; /* when started */
    bool whole[OPTIMISER_VARIABLES_MAX];   /* then bounds and start are, too */
    double scales[OPTIMISER_CONSTRAINTS_MAX];
    bool started;
};

static inline size_t problem_constraints(const struct problem *p)
{
    return p->inequalities + p->equalities;
}

/* False with a text. */
MUST_CHECK bool problem_init(struct problem *p, const struct optimiser_problem *from,
                             char text[OPTIMISER_TEXT_SIZE]);

/* The largest violation of the constraints, in units of their scales. */
double problem_violation(const struct problem *p, const double *constraints);

#endif
