/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/optimiser.h"

#include "consumer/handlers/optimiser/local.h"
#include "consumer/handlers/optimiser/plan.h"
#include "consumer/handlers/optimiser/state.h"

#include <math.h>

enum {
    IDLE_MAX = 2, /* so many epochs that found nothing better are the end */
    GUESSES = 5,
};

struct optimiser *optimiser_new(const struct optimiser_problem *problem,
                                const struct optimiser_settings *settings,
                                char text[OPTIMISER_TEXT_SIZE])
{
    struct optimiser *o = must_alloc(sizeof *o);
    table_init(&o->table, &o->problem);
    if (problem_init(&o->problem, problem, text) && state_settle(o, settings, text))
        return o;
    optimiser_free(o);
    return NULL;
}

void optimiser_free(struct optimiser *o)
{
    if (!o)
        return;
    table_fini(&o->table);
    free(o);
}

size_t optimiser_variables(const struct optimiser *o)
{
    return o->problem.variables;
}

size_t optimiser_constraints(const struct optimiser *o)
{
    return problem_constraints(&o->problem);
}

struct optimiser_status optimiser_status(const struct optimiser *o)
{
    struct optimiser_status s = {.end = o->end, .evaluations = o->used, .epoch = o->epoch};
    if (!o->best)
        return s;
    s.found = true;
    s.feasible = entry_feasible(o->best);
    s.x = o->best->x;
    s.constraints = o->best->constraints;
    s.f = o->best->f;
    s.violation = o->best->violation;
    return s;
}

const char *optimiser_end_text(enum optimiser_end end)
{
    static const char *const texts[OPTIMISER_ENDS] = {
        [OPTIMISER_GOING] = "going on",
        [OPTIMISER_XTOL] = "converged: the variables no longer change",
        [OPTIMISER_FTOL] = "converged: the objective no longer changes",
        [OPTIMISER_STAGNATION] = "converged: further searches find nothing better",
        [OPTIMISER_BUDGET] = "all evaluations are used",
    };
    return end < OPTIMISER_ENDS ? texts[end] : "";
}

/* One replay of the epoch; the plan's end counts when r->stop says that it came to it. */
static enum optimiser_end replay(struct optimiser *o, struct replay *r)
{
    r->xtol = o->xtol;
    r->ftol = o->ftol;
    r->used = o->used_before;
    r->used_max = o->evaluations_max;
    r->met_max = o->table_max + o->given;
    r->epoch = o->epoch;
    r->random.state = o->seed ^ ((uint64_t)o->epoch << 32);
    replay_init(r, &o->table, o->given ? o->table.entries[0] : NULL);
    return plan_run(r, &o->method);
}

/* An empty table, from a point that is known (NULL: from the start again). */
static void epoch_begin(struct optimiser *o, const struct entry *from)
{
    struct table fresh;
    table_init(&fresh, &o->problem);
    o->given = from;
    o->best = from ? table_add(&fresh, from->x, from->failed, from->f, from->constraints) : NULL;
    table_fini(&o->table);
    o->table = fresh;
    o->used_before = o->used;
    o->met = o->given;
    o->epoch++;
}

static void epoch_next(struct optimiser *o, const struct replay *r)
{
    const struct entry *begun = o->given ? o->table.entries[0] : NULL;
    bool useful = plan_exploring(&o->method, r) || local_gained(r, begun, o->best);
    o->idle = useful ? 0 : o->idle + 1;
    if (o->idle >= IDLE_MAX)
        o->end = OPTIMISER_STAGNATION;
    else
        epoch_begin(o, o->best);
}

/* Goes on as far as answers come. */
static void advance(struct optimiser *o,
                    struct entry *(*answer)(void *context, struct table *table, const double *x),
                    void *context)
{
    while (o->end == OPTIMISER_GOING) {
        struct replay r = {.answer = answer, .context = context};
        enum optimiser_end end = replay(o, &r);
        o->best = r.best;
        o->used = r.used;
        o->met = r.met;
        switch (r.stop) {
        case REPLAY_GOING: o->end = r.used < r.used_max ? end : OPTIMISER_BUDGET; break;
        case REPLAY_BUDGET: o->end = OPTIMISER_BUDGET; break;
        case REPLAY_FULL: epoch_next(o, &r); break;
        case REPLAY_UNKNOWN: return;
        }
    }
}

struct live {
    optimiser_evaluate *evaluate;
    void *context;
    size_t budget, made;
};

static struct entry *live_answer(void *context, struct table *table, const double *x)
{
    struct live *live = context;
    if (live->made == live->budget)
        return NULL;
    live->made++;
    double f = NAN, constraints[OPTIMISER_CONSTRAINTS_MAX];
    for (size_t i = 0; i < problem_constraints(table->problem); i++)
        constraints[i] = NAN;
    bool good = live->evaluate(live->context, x, &f, constraints);
    return table_add(table, x, !good, f, constraints);
}

size_t optimiser_run(struct optimiser *o, size_t budget, optimiser_evaluate *evaluate,
                     void *context)
{
    struct live live = {.evaluate = evaluate, .context = context, .budget = budget};
    advance(o, live_answer, &live);
    return live.made;
}

/* What to ask for beyond the next point: the plan goes on with made-up values, several times with
 * values as different as can be, and what it asks for in all of these cases depends on none. */
struct guess {
    unsigned kind;
    size_t count, max;
    const struct entry *best;
    double *xs;
};

/* A plane through the best point, another one in each kind of guess: so differences between
 * neighbours are small, as they will be. */
static double guess_plane(const struct guess *g, const struct problem *p, const double *x,
                          size_t row)
{
    struct random random = {.state = (uint64_t)g->kind << 32 | row};
    double sum = 0;
    for (size_t i = 0; i < p->variables; i++) {
        double from = g->best ? g->best->x[i] : 0;
        sum += (2 * random_unit(&random) - 1) * (x[i] - from) / (1 + fabs(from));
    }
    return sum;
}

static struct entry *guess_answer(void *context, struct table *table, const double *x)
{
    struct guess *g = context;
    const struct problem *p = table->problem;
    if (g->count == g->max)
        return NULL;
    memcpy(g->xs + g->count++ * p->variables, x, p->variables * sizeof *x);
    static const double sides[GUESSES] = {0, -1, 1, -1, 1}; /* as good, better, worse */
    double f = g->best ? g->best->f : 0;
    double constraints[OPTIMISER_CONSTRAINTS_MAX];
    f += (fabs(f) + 1) * (sides[g->kind] + guess_plane(g, p, x, 0));
    for (size_t i = 0; i < problem_constraints(p); i++)
        constraints[i] = p->scales[i] * (sides[g->kind] + guess_plane(g, p, x, 1 + i));
    struct entry *e = table_add(table, x, false, f, constraints);
    e->guessed = true;
    return e;
}

static size_t guess(struct optimiser *o, unsigned kind, size_t max, double *xs)
{
    struct guess g = {.kind = kind, .max = max, .best = o->best, .xs = xs};
    struct replay r = {.answer = guess_answer, .context = &g};
    replay(o, &r);
    table_drop_guesses(&o->table);
    return g.count;
}

size_t optimiser_ask(struct optimiser *o, size_t max, double *xs)
{
    advance(o, NULL, NULL);
    if (o->end != OPTIMISER_GOING)
        return 0;
    max = max < OPTIMISER_ASK_MAX ? max : OPTIMISER_ASK_MAX;
    size_t n = o->problem.variables;
    size_t common = guess(o, 0, max, xs);
    double *other = must_alloc(max * n * sizeof *other);
    for (unsigned kind = 1; kind < GUESSES && common > 1; kind++) {
        size_t count = guess(o, kind, common, other), same = 0;
        while (same < count && memcmp(xs + same * n, other + same * n, n * sizeof *xs) == 0)
            same++;
        common = same;
    }
    free(other);
    return common;
}

void optimiser_tell(struct optimiser *o, const struct optimiser_answer *answers, size_t count)
{
    if (o->end != OPTIMISER_GOING)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct optimiser_answer *a = &answers[i];
        bool inside = true;
        for (size_t k = 0; k < o->problem.variables; k++)
            inside &= a->x[k] >= o->problem.lower[k] && a->x[k] <= o->problem.upper[k];
        if (inside && !table_find(&o->table, a->x))
            table_add(&o->table, a->x, a->failed, a->f, a->constraints);
    }
    advance(o, NULL, NULL);
    if (o->table.count - o->met > STRAYS_MAX) /* what is asked for again will be told again */
        table_cut(&o->table, o->met);
}

static bool comparable(const struct optimiser *a, const struct optimiser *b)
{
    if (a->problem.variables != b->problem.variables ||
        a->problem.inequalities != b->problem.inequalities ||
        a->problem.equalities != b->problem.equalities || !b->best)
        return false;
    for (size_t i = 0; i < a->problem.variables; i++) {
        if (b->best->x[i] < a->problem.lower[i] || b->best->x[i] > a->problem.upper[i])
            return false;
    }
    return true;
}

bool optimiser_merge(struct optimiser *o, struct optimiser *const *others, size_t count)
{
    const struct entry *better = o->best;
    for (size_t i = 0; i < count; i++) {
        if (comparable(o, others[i]) && entry_better(others[i]->best, better))
            better = others[i]->best;
    }
    if (better == o->best || o->end == OPTIMISER_BUDGET)
        return false;
    epoch_begin(o, better);
    o->idle = 0;
    o->end = OPTIMISER_GOING;
    return true;
}
