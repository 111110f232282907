/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/phase.h"

#include "consumer/handlers/optimiser/gradient.h"

#include <math.h>

/* What an algorithm can do about constraints by itself. */
enum keeps { KEEPS_NONE, KEEPS_INEQUALITIES, KEEPS_ALL };

enum merit {
    MERIT_NONE,   /* f; NLopt has the constraints */
    MERIT_RANKED, /* any feasible point is better than any other: for algorithms that only compare
                   */
    MERIT_SMOOTH, /* f and the squares of the violations: for those that go on with local searches
                   */
};

/* An equality is as good as kept for a global search: the local one that follows does the rest. */
#define EQUALITY_SLACK 1e-3
#define PENALTY        100.0
/* So far, in parts of the range, goes the first step along the steepest slope. */
#define FIRST_STEP 0.2

/* One phase under way. */
struct course {
    struct replay *r;
    const struct phase *phase;
    nlopt_opt opt;
    enum merit merit;
    double f_zero, f_unit;
    double last;            /* f as it was told last */
    struct entry *slope_at; /* where rows are from */
    double *rows;
};

static enum keeps keeps(nlopt_algorithm a)
{
    switch (a) {
    case NLOPT_LD_SLSQP:
    case NLOPT_LN_COBYLA:
    case NLOPT_GN_ISRES: return KEEPS_ALL;
    case NLOPT_LD_MMA:
    case NLOPT_LD_CCSAQ: return KEEPS_INEQUALITIES;
    default: return KEEPS_NONE;
    }
}

bool phase_global(nlopt_algorithm a)
{
    return nlopt_algorithm_to_string(a)[0] == 'G';
}

static bool lagrangian(nlopt_algorithm a)
{
    return strstr(nlopt_algorithm_to_string(a), "AUGLAG");
}

static bool multi_level(nlopt_algorithm a)
{
    return strstr(nlopt_algorithm_to_string(a), "MLSL");
}

static bool by_gradient(nlopt_algorithm a)
{
    return nlopt_algorithm_to_string(a)[1] == 'D';
}

static double stop(struct course *c)
{
    nlopt_force_stop(c->opt);
    return c->last;
}

static bool slopes(struct course *c, struct entry *e, const double *u)
{
    if (e == c->slope_at)
        return true;
    c->slope_at = NULL;
    if (!gradient_at(c->r, u, e, c->phase->central, c->rows))
        return false;
    c->slope_at = e;
    return true;
}

/* How far constraint i is from being kept; 0 when it is. */
static double excess(const struct course *c, const struct entry *e, size_t i)
{
    double is = replay_constraint(c->r, e, i);
    if (i < c->r->table->problem->inequalities)
        return fmax(is, 0);
    return fabs(is) > EQUALITY_SLACK || c->merit == MERIT_SMOOTH ? is : 0;
}

/* Into -1..1 when feasible, above 1 when not: so nothing has to be weighed against f. */
static double ranked(const struct course *c, const struct entry *e)
{
    double sum = 0;
    for (size_t i = 0; i < problem_constraints(c->r->table->problem); i++)
        sum += fabs(excess(c, e, i));
    if (sum > 0)
        return 1 + sum / (1 + sum);
    double f = (e->f - c->f_zero) / c->f_unit;
    return f / (1 + fabs(f));
}

static double smooth(const struct course *c, const struct entry *e, double *grad)
{
    size_t n = c->r->space.free_count;
    double sum = (replay_f(c->r, e) - c->f_zero) / c->f_unit;
    for (size_t k = 0; grad && k < n; k++)
        grad[k] = c->rows[k] / c->f_unit;
    for (size_t i = 0; i < problem_constraints(c->r->table->problem); i++) {
        double over = excess(c, e, i);
        sum += PENALTY * over * over;
        for (size_t k = 0; grad && k < n; k++)
            grad[k] += 2 * PENALTY * over * c->rows[(1 + i) * n + k];
    }
    return sum;
}

static double objective(unsigned n, const double *u, double *grad, void *data)
{
    struct course *c = data;
    struct entry *e = replay_ask(c->r, u);
    if (!e || (grad && !slopes(c, e, u))) {
        if (grad)
            memset(grad, 0, n * sizeof *grad);
        return stop(c);
    }
    switch (c->merit) {
    case MERIT_RANKED: c->last = e->failed ? 3 : ranked(c, e); break;
    case MERIT_SMOOTH: c->last = smooth(c, e, grad); break;
    case MERIT_NONE:
        c->last = replay_f(c->r, e) / c->f_unit;
        for (unsigned k = 0; grad && k < n; k++)
            grad[k] = c->rows[k] / c->f_unit;
    }
    return c->last;
}

static void constraints(struct course *c, size_t first, unsigned m, double *result, unsigned n,
                        const double *u, double *grad)
{
    struct entry *e = replay_ask(c->r, u);
    bool known = e && (!grad || slopes(c, e, u));
    if (!known)
        stop(c);
    for (unsigned i = 0; i < m; i++)
        result[i] = known ? replay_constraint(c->r, e, first + i) : 0;
    if (grad && known)
        memcpy(grad, c->rows + (1 + first) * n, (size_t)m * n * sizeof *grad);
    else if (grad)
        memset(grad, 0, (size_t)m * n * sizeof *grad);
}

static void inequalities(unsigned m, double *result, unsigned n, const double *u, double *grad,
                         void *data)
{
    constraints(data, 0, m, result, n, u, grad);
}

static void equalities(unsigned m, double *result, unsigned n, const double *u, double *grad,
                       void *data)
{
    struct course *c = data;
    constraints(c, c->r->table->problem->inequalities, m, result, n, u, grad);
}

/* The steps that limited-memory methods remember; NLopt would take 10 MiB for them, each time. */
enum { MEMORY = 20 };

static void limits_set(const struct course *c, nlopt_opt opt)
{
    const struct phase *p = c->phase;
    nlopt_set_ftol_rel(opt, p->ftol > 0 ? p->ftol : c->r->ftol);
    nlopt_set_xtol_abs1(opt, p->xtol > 0 ? p->xtol : c->r->xtol);
    nlopt_set_vector_storage(opt, MEMORY);
    if (p->step > 0)
        nlopt_set_initial_step1(opt, p->step);
}

/* The algorithm that another one works with. */
static nlopt_algorithm inner(nlopt_algorithm a, size_t n)
{
    if (lagrangian(a))
        return by_gradient(a) ? NLOPT_LD_LBFGS : NLOPT_LN_SBPLX;
    if (multi_level(a))
        return by_gradient(a) ? NLOPT_LD_LBFGS : n > 1 ? NLOPT_LN_BOBYQA : NLOPT_LN_NELDERMEAD;
    return a;
}

static void nlopt_build(struct course *c)
{
    const struct problem *p = c->r->table->problem;
    nlopt_algorithm a = c->phase->algorithm;
    size_t n = c->r->space.free_count;
    enum keeps can = keeps(a);
    bool kept = problem_constraints(p) == 0 || can == KEEPS_ALL ||
                (can == KEEPS_INEQUALITIES && p->equalities == 0);
    bool outer = lagrangian(a) || (!kept && !phase_global(a));
    if (!kept && !outer)
        c->merit = multi_level(a) ? MERIT_SMOOTH : MERIT_RANKED;
    c->opt = nlopt_create(outer ? NLOPT_AUGLAG : a, (unsigned)n);
    must(c->opt);
    limits_set(c, c->opt);
    if (outer || multi_level(a)) {
        nlopt_opt local = nlopt_create(inner(a, n), (unsigned)n);
        must(local);
        limits_set(c, local);
        nlopt_set_local_optimizer(c->opt, local); /* a copy */
        nlopt_destroy(local);
    }
    double tolerances[OPTIMISER_CONSTRAINTS_MAX];
    for (size_t i = 0; i < OPTIMISER_CONSTRAINTS_MAX; i++)
        tolerances[i] = OPTIMISER_FEASIBLE / 2;
    nlopt_set_min_objective(c->opt, objective, c);
    if (c->merit == MERIT_NONE && p->inequalities)
        nlopt_add_inequality_mconstraint(c->opt, (unsigned)p->inequalities, inequalities, c,
                                         tolerances);
    if (c->merit == MERIT_NONE && p->equalities)
        nlopt_add_equality_mconstraint(c->opt, (unsigned)p->equalities, equalities, c, tolerances);
}

/* Steps and penalties are measured by f's slope at the start, so that its unit does not matter. */
static bool units_set(struct course *c, const double *u)
{
    const struct entry *from = c->phase->from;
    c->f_unit = 1;
    if (c->merit != MERIT_NONE && !from->failed) {
        c->f_zero = from->f;
        c->f_unit = fmax(fabs(from->f), 1e-12);
    }
    if (!c->rows || c->merit != MERIT_NONE || from->failed)
        return true;
    if (!slopes(c, c->phase->from, u))
        return false;
    double steepest = 0;
    for (size_t i = 0; i < c->r->space.free_count; i++)
        steepest = fmax(steepest, fabs(c->rows[i]));
    if (steepest > 0)
        c->f_unit = steepest / FIRST_STEP;
    return true;
}

static void bounds_set(struct course *c, double *u)
{
    const struct space *s = &c->r->space;
    bool boxed = phase_global(c->phase->algorithm);
    nlopt_set_lower_bounds(c->opt, boxed ? s->near : s->lower);
    nlopt_set_upper_bounds(c->opt, boxed ? s->far : s->upper);
    for (size_t i = 0; boxed && i < s->free_count; i++)
        u[i] = fmin(fmax(u[i], s->near[i]), s->far[i]);
}

static enum phase_end course_run(struct course *c)
{
    double u[OPTIMISER_VARIABLES_MAX], f;
    space_u(&c->r->space, c->phase->from->x, u);
    if (!replay_ask(c->r, u)) /* known: the phase's first point */
        return PHASE_STOPPED;
    nlopt_build(c);
    bounds_set(c, u);
    if (!units_set(c, u))
        return PHASE_STOPPED;
    nlopt_srand((unsigned long)random_next(&c->r->random));
    nlopt_result result = nlopt_optimize(c->opt, u, &f);
    if (c->r->stop != REPLAY_GOING || c->r->phase_over)
        return PHASE_STOPPED;
    switch (result) {
    case NLOPT_SUCCESS:
    case NLOPT_ROUNDOFF_LIMITED:
    case NLOPT_XTOL_REACHED: return PHASE_XTOL;
    case NLOPT_FTOL_REACHED: return PHASE_FTOL;
    default: return PHASE_FAILED;
    }
}

enum phase_end phase_run(struct replay *r, const struct phase *phase)
{
    struct course c = {.r = r, .phase = phase};
    replay_phase(r, phase->evaluations_max);
    space_anchor(&r->space, phase->from->x);
    if (by_gradient(phase->algorithm))
        c.rows = must_alloc((1 + problem_constraints(r->table->problem)) * r->space.free_count *
                            sizeof(double));
    enum phase_end end = course_run(&c);
    nlopt_destroy(c.opt);
    free(c.rows);
    return end;
}
