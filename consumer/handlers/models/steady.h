/* SPDX-License-Identifier: Apache-2.0
 *
 * steady: the root of a plant's balances, found by MINPACK's hybrd. Its verdict is not asked for:
 * a point counts when its residuals are small and the plant can be in that state. Says nothing of
 * where to start; a model knows its plant.
 */
#ifndef MODELS_STEADY_H
#define MODELS_STEADY_H

#include <stdbool.h>

#include "common/must.h"

enum { STEADY_UNKNOWNS_MAX = 8 };

struct steady {
    size_t unknowns;
    const double *scale; /* of each unknown: 1 / its usual size */
    double residual_max;
    const void *plant;
    /* Residuals, made comparable with each other and 1. */
    void (*balances)(const void *plant, const double *x, double *f);
    bool (*physical)(const void *plant, const double *x);
};

/* The work so far, for remarks. */
struct steady_effort {
    int evaluations;
    double residual; /* the largest one at the last point */
};

/* From one start to x; may be tried from another when it is false. */
MUST_CHECK bool steady_solve(const struct steady *s, const double *start, double *x,
                             struct steady_effort *effort);

#endif
