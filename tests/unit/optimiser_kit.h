/* SPDX-License-Identifier: Apache-2.0
 *
 * optimiser_kit: published problems with known optima, for the optimiser's tests. Constraints are
 * written as c(x) <= 0 first, then h(x) = 0.
 */
#ifndef UNIT_OPTIMISER_KIT_H
#define UNIT_OPTIMISER_KIT_H

#include "consumer/handlers/optimiser/optimiser.h"

enum { KIT_VARIABLES_MAX = 30 };

struct known {
    const char *name;
    size_t variables, inequalities, equalities;
    double lower[KIT_VARIABLES_MAX], upper[KIT_VARIABLES_MAX];
    bool started;
    double start[KIT_VARIABLES_MAX];
    double scales[KIT_VARIABLES_MAX]; /* 0: 1 */
    double f;                         /* at the optimum */
    bool (*evaluate)(void *context, const double *x, double *f, double *c);
};

extern const struct known known_problems[];
extern const size_t known_count;

const struct known *known_find(const char *name);
/* An optimiser for it; fails the test when that is refused. */
struct optimiser *known_optimiser(const struct known *k, const struct optimiser_settings *settings);
/* |f - f*| <= 1e-4 max(1, |f*|) at a feasible point? */
bool known_reached(const struct known *k, const struct optimiser *o);

#endif
