/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/local.h"

#include <math.h>

enum {
    POLISHES_MAX = 4,
    SIMPLEX_VARIABLES_MAX = 12, /* beyond that a simplex costs more than it finds */
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t local_reserve(const struct replay *r)
{
    return least(r->used_max / 8, 12 * (2 * r->space.free_count + 1));
}

uint64_t local_allowed(const struct replay *r)
{
    uint64_t left = replay_left(r), reserve = local_reserve(r);
    return left > reserve ? left - reserve : 0;
}

bool local_gained(const struct replay *r, const struct entry *a, const struct entry *b)
{
    if (!entry_better(b, a))
        return false;
    if (!a || a->failed || entry_feasible(a) != entry_feasible(b))
        return true;
    if (!entry_feasible(a))
        return b->violation < 0.9 * a->violation;
    return a->f - b->f > 10 * r->ftol * fabs(a->f);
}

struct entry *local_search(struct replay *r, struct entry *from, enum phase_end *end)
{
    uint64_t n = r->space.free_count;
    struct phase quadratic = {.algorithm = NLOPT_LD_SLSQP, .from = from};
    quadratic.evaluations_max = least(local_allowed(r), 100 * (n + 1));
    *end = phase_run(r, &quadratic);
    struct entry *found = r->phase_best;
    if (!found || entry_feasible(found) || r->stop != REPLAY_GOING)
        return found;
    struct phase linear = {.algorithm = NLOPT_LN_COBYLA, .from = found, .step = 0.1};
    linear.evaluations_max = least(local_allowed(r), 25 * (n + 2));
    linear.xtol = 1e-4;
    phase_run(r, &linear);
    quadratic.from = r->phase_best ? r->phase_best : found;
    quadratic.evaluations_max = least(local_allowed(r), 100 * (n + 1));
    *end = phase_run(r, &quadratic);
    return entry_better(r->phase_best, quadratic.from) ? r->phase_best : quadratic.from;
}

enum phase_end local_polish(struct replay *r)
{
    uint64_t n = r->space.free_count;
    enum phase_end end = PHASE_STOPPED;
    for (int k = 0; k < POLISHES_MAX && r->best && r->stop == REPLAY_GOING; k++) {
        struct entry *before = r->best;
        struct phase quadratic = {.algorithm = NLOPT_LD_SLSQP, .from = before, .central = true};
        quadratic.evaluations_max = replay_left(r);
        end = phase_run(r, &quadratic);
        if (n <= SIMPLEX_VARIABLES_MAX && r->stop == REPLAY_GOING) {
            struct phase simplex = {.algorithm = NLOPT_LN_COBYLA, .from = r->best, .step = 0.01};
            simplex.evaluations_max = least(replay_left(r), 15 * (n + 2));
            simplex.xtol = 1e-7;
            phase_run(r, &simplex);
        }
        if (!local_gained(r, before, r->best))
            break;
    }
    return end;
}
