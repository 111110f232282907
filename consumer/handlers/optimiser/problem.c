/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/problem.h"

#include <math.h>

static bool sizes_fit(const struct optimiser_problem *from, char text[OPTIMISER_TEXT_SIZE])
{
    if (from->variables == 0 || from->variables > OPTIMISER_VARIABLES_MAX)
        snprintf(text, OPTIMISER_TEXT_SIZE, "%zu variables: 1 to %d are possible", from->variables,
                 OPTIMISER_VARIABLES_MAX);
    else if (from->inequalities > OPTIMISER_CONSTRAINTS_MAX ||
             from->equalities > OPTIMISER_CONSTRAINTS_MAX - from->inequalities)
        snprintf(text, OPTIMISER_TEXT_SIZE, "more than %d constraints", OPTIMISER_CONSTRAINTS_MAX);
    else
        return true;
    return false;
}

static double bound_of(double bound)
{
    return bound >= OPTIMISER_INFINITE    ? INFINITY
           : bound <= -OPTIMISER_INFINITE ? -INFINITY
                                          : bound;
}

double optimiser_whole(double x, double lower, double upper)
{
    return fmin(fmax(round(x), ceil(lower)), floor(upper)) + 0.0;
}

static bool variable_init(struct problem *p, size_t i, const struct optimiser_problem *from,
                          char text[OPTIMISER_TEXT_SIZE])
{
    p->whole[i] = from->whole && from->whole[i];
    p->lower[i] = bound_of(from->lower[i]) + 0.0; /* no -0: points are compared by their bits */
    p->upper[i] = bound_of(from->upper[i]) + 0.0;
    if (p->whole[i]) {
        p->lower[i] = ceil(p->lower[i]) + 0.0;
        p->upper[i] = floor(p->upper[i]) + 0.0;
    }
    if (isnan(p->lower[i]) || isnan(p->upper[i]) || p->lower[i] > p->upper[i] ||
        p->lower[i] == INFINITY || p->upper[i] == -INFINITY) {
        snprintf(text, OPTIMISER_TEXT_SIZE, "variable %zu: bounds %g..%g are crossed or no numbers",
                 i + 1, from->lower[i], from->upper[i]);
        return false;
    }
    if (!p->started)
        return true;
    if (!isfinite(from->start[i])) {
        snprintf(text, OPTIMISER_TEXT_SIZE, "variable %zu: starts at %g", i + 1, from->start[i]);
        return false;
    }
    p->start[i] = p->whole[i] ? optimiser_whole(from->start[i], p->lower[i], p->upper[i])
                              : fmin(fmax(from->start[i], p->lower[i]), p->upper[i]) + 0.0;
    return true;
}

bool problem_init(struct problem *p, const struct optimiser_problem *from,
                  char text[OPTIMISER_TEXT_SIZE])
{
    memset(p, 0, sizeof *p);
    if (!sizes_fit(from, text))
        return false;
    p->variables = from->variables;
    p->inequalities = from->inequalities;
    p->equalities = from->equalities;
    p->started = from->start;
    for (size_t i = 0; i < p->variables; i++) {
        if (!variable_init(p, i, from, text))
            return false;
    }
    for (size_t i = 0; i < problem_constraints(p); i++) {
        p->scales[i] = from->scales ? from->scales[i] : 1;
        if (!isfinite(p->scales[i]) || p->scales[i] <= 0) {
            snprintf(text, OPTIMISER_TEXT_SIZE, "constraint %zu: its scale is %g", i + 1,
                     p->scales[i]);
            return false;
        }
    }
    return true;
}

double problem_violation(const struct problem *p, const double *constraints)
{
    double worst = 0;
    for (size_t i = 0; i < problem_constraints(p); i++) {
        double is = i < p->inequalities ? constraints[i] : fabs(constraints[i]);
        worst = fmax(worst, is / p->scales[i]);
    }
    return worst;
}
