/* SPDX-License-Identifier: Apache-2.0
 *
 * space: the coordinates the methods work in. Fixed variables are left out; a variable with a
 * reasonable range runs from 0 to 1 in u, any other is measured from its start in units of its
 * magnitude, without a bound or with a far one.
 */
#ifndef OPTIMISER_SPACE_H
#define OPTIMISER_SPACE_H

#include "consumer/handlers/optimiser/problem.h"

struct space {
    const struct problem *problem; /* borrowed */
    size_t free_count;
    size_t index[OPTIMISER_VARIABLES_MAX]; /* of the free variables in x */
    /* By free variable: x = origin + unit u */
    double origin[OPTIMISER_VARIABLES_MAX], unit[OPTIMISER_VARIABLES_MAX];
    double lower[OPTIMISER_VARIABLES_MAX], upper[OPTIMISER_VARIABLES_MAX]; /* in u, or infinite */
    double near[OPTIMISER_VARIABLES_MAX], far[OPTIMISER_VARIABLES_MAX];    /* a finite box of u */
    bool wide[OPTIMISER_VARIABLES_MAX];
    /* The point that a search starts from: u leads to x bit for bit. */
    double anchor_u[OPTIMISER_VARIABLES_MAX];
    double anchor_x[OPTIMISER_VARIABLES_MAX]; /* by variable of x */
};

/* start: in x, NULL for none. */
void space_init(struct space *s, const struct problem *problem, const double *start);

void space_anchor(struct space *s, const double *x);

/* Exact at the anchor and at the bounds, and never beyond these. */
void space_x(const struct space *s, const double *u, double *x);
void space_u(const struct space *s, const double *x, double *u);

/* The place of a share 0..1 of free variable i: even over a range, thinning out from the start of a
 * wide one. */
double space_spread(const struct space *s, size_t i, double share);

double space_distance(const struct space *s, const double *a, const double *b);

#endif
