/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/plan.h"

#include "consumer/handlers/optimiser/design.h"
#include "consumer/handlers/optimiser/local.h"

#include <math.h>

enum {
    LEVELS_MAX = 64,    /* optima of different height that are told apart */
    STARTS_A_ROUND = 5, /* local searches after each design */
    FEW_STARTS = 3,     /* after a global algorithm */
    PASSES_MAX = 20,    /* of one algorithm alone */
    DESIGN_MIN = 24,    /* points of a design */
    DESIGN_MAX = 200,
    DESIGN_A_VARIABLE = 8,
    GLOBAL_A_VARIABLE = 1000, /* evaluations of a global algorithm, at most */
};

/* An optimum has others beside it: from the second design on every fourth point is so near. */
#define NEIGHBOURHOOD 0.3

/* A point to start from, and how far it is from all where a search began or ended. */
struct candidate {
    struct entry *entry;
    double away;
};

/* Where local searches began, may begin, and what they found. */
struct plan {
    struct replay *r;
    struct candidate *pool; /* not yet started from */
    size_t pool_count, pool_capacity;
    struct entry **starts; /* begun from, and found */
    size_t start_count, start_capacity;
    double levels[LEVELS_MAX];
    size_t level_count, searches;
    double f_size; /* of the first point: what is a difference at all */
    enum phase_end end;
};

static double distance(const struct plan *p, const struct entry *a, const struct entry *b)
{
    double u[OPTIMISER_VARIABLES_MAX], other[OPTIMISER_VARIABLES_MAX];
    space_u(&p->r->space, a->x, u);
    space_u(&p->r->space, b->x, other);
    return space_distance(&p->r->space, u, other);
}

static void pool_put(struct plan *p, struct entry *e)
{
    if (e->failed)
        return;
    if (p->pool_count == p->pool_capacity) {
        p->pool_capacity = p->pool_capacity ? 2 * p->pool_capacity : 64;
        p->pool = must_realloc(p->pool, p->pool_capacity * sizeof *p->pool);
    }
    struct candidate *c = &p->pool[p->pool_count++];
    *c = (struct candidate){.entry = e, .away = INFINITY};
    for (size_t i = 0; i < p->start_count; i++)
        c->away = fmin(c->away, distance(p, e, p->starts[i]));
}

static void start_put(struct plan *p, struct entry *e)
{
    if (p->start_count == p->start_capacity) {
        p->start_capacity = p->start_capacity ? 2 * p->start_capacity : 64;
        p->starts = must_realloc(p->starts, p->start_capacity * sizeof(struct entry *));
    }
    p->starts[p->start_count++] = e;
    for (size_t i = 0; i < p->pool_count; i++)
        p->pool[i].away = fmin(p->pool[i].away, distance(p, p->pool[i].entry, e));
}

static bool going(const struct plan *p)
{
    return p->r->stop == REPLAY_GOING;
}

/* The start, as a phase of its own: even when it fails there is a point to go on from. */
static struct entry *begin(struct plan *p)
{
    struct entry *e = p->r->best;
    if (!e) {
        replay_phase(p->r, UINT64_MAX);
        e = replay_ask(p->r, p->r->space.anchor_u);
    }
    p->f_size = e && !e->failed ? fabs(e->f) : 0;
    return e;
}

static void design(struct plan *p, size_t count, bool first)
{
    struct replay *r = p->r;
    const struct space *s = &r->space;
    size_t n = s->free_count;
    double *shares = must_alloc(count * n * sizeof *shares);
    design_fill(&r->random, count, n, shares);
    replay_phase(r, local_allowed(r));
    double best[OPTIMISER_VARIABLES_MAX], *around = NULL;
    if (!first && r->best) {
        around = best;
        space_u(s, r->best->x, best);
    }
    for (size_t k = 0; k < count; k++) {
        double u[OPTIMISER_VARIABLES_MAX];
        for (size_t i = 0; i < n; i++)
            u[i] = around && k % 4 == 3 ? around[i] + NEIGHBOURHOOD * (shares[k * n + i] - 0.5)
                                        : space_spread(s, i, shares[k * n + i]);
        struct entry *e = replay_ask(r, u);
        if (!e)
            break;
        pool_put(p, e);
    }
    free(shares);
}

/* What violation costs, for a choice that looks at both. */
static double price(const struct plan *p)
{
    double low = INFINITY, high = -INFINITY, violation = 0;
    for (size_t i = 0; i < p->pool_count; i++) {
        const struct entry *e = p->pool[i].entry;
        low = fmin(low, e->f);
        high = fmax(high, e->f);
        violation += e->violation;
    }
    return violation > 0 ? (high - low) * (double)p->pool_count / violation : 0;
}

/* Takes the most promising point out of the pool, by turns the one with the best rank, with the
 * best price and with the most room around it; NULL when all that are left are near to others. */
static struct entry *pick(struct plan *p, size_t turn)
{
    size_t n = p->r->space.free_count, best = SIZE_MAX;
    double room = 0.25 * sqrt((double)n) * pow((double)(p->pool_count + 1), -1 / (double)n);
    double cost = price(p), least = INFINITY;
    for (size_t i = 0; i < p->pool_count; i++) {
        const struct candidate *c = &p->pool[i];
        if (c->away < room)
            continue;
        double value = turn % 3 == 2 ? -c->away : c->entry->f + cost * c->entry->violation;
        bool better = value < least;
        if (turn % 3 == 0)
            better = best == SIZE_MAX || entry_better(c->entry, p->pool[best].entry);
        if (!better)
            continue;
        best = i;
        least = value;
    }
    if (best == SIZE_MAX)
        return NULL;
    struct entry *e = p->pool[best].entry;
    p->pool[best] = p->pool[--p->pool_count];
    return e;
}

/* A search ended at f: which level is that? */
static void level_put(struct plan *p, double f)
{
    for (size_t i = 0; i < p->level_count; i++) {
        if (fabs(f - p->levels[i]) <= 1e-4 * fabs(f) + 1e-6 * p->f_size)
            return;
    }
    if (p->level_count < LEVELS_MAX)
        p->levels[p->level_count++] = f;
}

/* Does a search from here only say again what the best point says? */
static bool beside_best(const struct plan *p, const struct entry *from)
{
    const struct entry *best = p->r->best;
    double u[OPTIMISER_VARIABLES_MAX], other[OPTIMISER_VARIABLES_MAX], most = 0;
    if (!best || best == from)
        return false;
    space_u(&p->r->space, from->x, u);
    space_u(&p->r->space, best->x, other);
    for (size_t i = 0; i < p->r->space.free_count; i++)
        most = fmax(most, fabs(u[i] - other[i]));
    return most <= NEIGHBOURHOOD / 2;
}

static void search(struct plan *p, struct entry *from)
{
    bool counts = !beside_best(p, from);
    start_put(p, from);
    struct entry *found = local_search(p->r, from, &p->end);
    if (!found || found->failed)
        return;
    start_put(p, found);
    if (!entry_feasible(found))
        return;
    p->searches += counts;
    level_put(p, found->f);
}

/* Boender and Rinnooy Kan: after N searches that found W different optima one expects
 * W (N - 1) / (N - W - 2) of them in all. Enough when that is no whole one more. */
static bool enough(const struct plan *p)
{
    size_t n = p->searches, w = p->level_count;
    if (w == 0 || n < w + 3)
        return false;
    return (double)(w * (n - 1)) / (double)(n - w - 2) <= (double)w + 0.5;
}

static void rounds(struct plan *p, bool only_until_feasible)
{
    struct replay *r = p->r;
    size_t count = DESIGN_A_VARIABLE * r->space.free_count;
    count = count < DESIGN_MIN ? DESIGN_MIN : count > DESIGN_MAX ? DESIGN_MAX : count;
    if (count > r->used_max / 6)
        count = 1 + r->used_max / 6;
    size_t round = 0;
    while (going(p) && local_allowed(r) > 0 && !enough(p)) {
        if (only_until_feasible && entry_feasible(r->best))
            return;
        uint64_t before = r->used;
        design(p, count, round++ == 0);
        for (size_t k = 0; k < STARTS_A_ROUND && going(p) && !enough(p); k++) {
            struct entry *from = pick(p, k);
            if (!from)
                break;
            search(p, from);
        }
        if (r->used == before) /* a space so small that all of it is known */
            return;
    }
}

static enum optimiser_end end_of(enum phase_end end)
{
    return end == PHASE_FTOL   ? OPTIMISER_FTOL
           : end == PHASE_XTOL ? OPTIMISER_XTOL
                               : OPTIMISER_STAGNATION;
}

static enum optimiser_end automatic(struct plan *p)
{
    struct entry *start = begin(p);
    if (start)
        search(p, start);
    rounds(p, false);
    local_polish(p->r);
    return OPTIMISER_STAGNATION;
}

static enum optimiser_end descent(struct plan *p)
{
    struct entry *start = begin(p);
    if (start)
        search(p, start);
    if (!entry_feasible(p->r->best))
        rounds(p, true);
    return end_of(local_polish(p->r));
}

/* A global algorithm has this part of the run, also when that takes several epochs. */
static uint64_t global_part(const struct replay *r)
{
    uint64_t part = r->used_max / 3, most = GLOBAL_A_VARIABLE * (r->space.free_count + 1);
    return part < most ? part : most;
}

/* DIRECT would ask for the same points in each epoch. */
static bool repeats_itself(nlopt_algorithm a)
{
    return strstr(nlopt_algorithm_to_string(a), "DIRECT");
}

bool plan_exploring(const struct method *method, const struct replay *r)
{
    return method->kind == PLAN_GLOBAL && !repeats_itself(method->algorithm) &&
           r->used < global_part(r);
}

static void whole_space(struct plan *p, struct entry *start, nlopt_algorithm algorithm)
{
    struct replay *r = p->r;
    uint64_t part = global_part(r);
    if (r->used >= part || (r->epoch > 0 && repeats_itself(algorithm)))
        return;
    struct phase phase = {.algorithm = algorithm, .from = start, .evaluations_max = part - r->used};
    phase_run(r, &phase);
}

static enum optimiser_end global(struct plan *p, nlopt_algorithm algorithm)
{
    struct entry *start = begin(p);
    if (start)
        whole_space(p, start, algorithm);
    for (size_t i = 0; going(p) && i < p->r->met; i++)
        pool_put(p, p->r->table->entries[i]);
    for (size_t k = 0; k < FEW_STARTS && going(p); k++) {
        struct entry *from = pick(p, 0);
        if (from)
            search(p, from);
    }
    rounds(p, false);
    local_polish(p->r);
    return OPTIMISER_STAGNATION;
}

static enum optimiser_end alone(struct plan *p, nlopt_algorithm algorithm)
{
    struct replay *r = p->r;
    enum phase_end end = PHASE_STOPPED;
    struct entry *from = begin(p);
    for (int k = 0; from && going(p) && k < PASSES_MAX; k++) {
        struct phase phase = {.algorithm = algorithm, .from = from, .step = k ? 0.02 : 0.1};
        phase.evaluations_max = replay_left(r);
        phase.central = k > 0;
        end = phase_run(r, &phase);
        if (end == PHASE_FAILED && k == 0) { /* of no use here, for one variable perhaps */
            phase.algorithm = NLOPT_LN_COBYLA;
            end = phase_run(r, &phase);
        }
        if (k > 0 && !local_gained(r, from, r->best))
            break;
        from = r->best ? r->best : from;
    }
    return end_of(end);
}

static enum optimiser_end local(struct plan *p, nlopt_algorithm algorithm)
{
    struct replay *r = p->r;
    struct entry *start = begin(p);
    if (!start)
        return OPTIMISER_STAGNATION;
    struct phase phase = {.algorithm = algorithm, .from = start, .step = 0.1};
    phase.evaluations_max = local_allowed(r) / 3;
    phase_run(r, &phase);
    if (r->phase_best)
        search(p, r->phase_best);
    rounds(p, false);
    local_polish(r);
    return OPTIMISER_STAGNATION;
}

enum optimiser_end plan_run(struct replay *r, const struct method *method)
{
    struct plan p = {.r = r};
    enum optimiser_end end = OPTIMISER_XTOL;
    if (r->space.free_count == 0) {
        begin(&p);
        return end;
    }
    switch (method->kind) {
    case PLAN_AUTO: end = automatic(&p); break;
    case PLAN_DESCENT: end = descent(&p); break;
    case PLAN_GLOBAL: end = global(&p, method->algorithm); break;
    case PLAN_LOCAL: end = local(&p, method->algorithm); break;
    case PLAN_ALONE: end = alone(&p, method->algorithm); break;
    }
    free(p.pool);
    free(p.starts);
    return end;
}
