/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/replay.h"

#include <math.h>

/* A method that asks so often for what it knows goes round in a circle. */
enum { REPEATS_MAX = 20000 };

static void meet(struct replay *r, struct entry *e)
{
    table_promote(r->table, e, r->met++);
    if (entry_better(e, r->best))
        r->best = e;
    if (!e->failed)
        r->f_worst = fmax(r->f_worst, e->f);
}

void replay_init(struct replay *r, struct table *table, struct entry *start)
{
    r->table = table;
    r->f_worst = -INFINITY;
    r->phase_max = UINT64_MAX;
    const struct problem *p = table->problem;
    space_init(&r->space, p, start ? start->x : p->started ? p->start : NULL);
    if (start)
        meet(r, start);
}

void replay_phase(struct replay *r, uint64_t evaluations_max)
{
    r->phase_best = NULL;
    r->phase_used = 0;
    r->phase_max = evaluations_max;
    r->repeats = 0;
    r->phase_over = false;
}

/* The first time that the plan comes to x. */
static struct entry *first_use(struct replay *r, struct entry *e, const double *x)
{
    if (r->phase_used == r->phase_max) {
        r->phase_over = true;
        return NULL;
    }
    if (r->used == r->used_max)
        r->stop = REPLAY_BUDGET;
    else if (r->met == r->met_max)
        r->stop = REPLAY_FULL;
    else if (!e && !(e = r->answer ? r->answer(r->context, r->table, x) : NULL))
        r->stop = REPLAY_UNKNOWN;
    if (r->stop != REPLAY_GOING)
        return NULL;
    r->used++;
    r->phase_used++;
    r->repeats = 0;
    meet(r, e);
    return e;
}

struct entry *replay_ask(struct replay *r, const double *u)
{
    if (r->stop != REPLAY_GOING || r->phase_over)
        return NULL;
    double x[OPTIMISER_VARIABLES_MAX];
    space_x(&r->space, u, x);
    struct entry *e = table_find(r->table, x);
    if (!e || e->place >= r->met)
        e = first_use(r, e, x);
    else if (++r->repeats > REPEATS_MAX)
        r->phase_over = true;
    if (entry_better(e, r->phase_best))
        r->phase_best = e;
    return r->phase_over ? NULL : e;
}

double replay_f(const struct replay *r, const struct entry *e)
{
    if (!e->failed)
        return e->f;
    return isfinite(r->f_worst) ? r->f_worst + fabs(r->f_worst) + 1 : 1;
}

double replay_constraint(const struct replay *r, const struct entry *e, size_t i)
{
    return e->failed ? 1e3 : e->constraints[i] / r->table->problem->scales[i];
}
