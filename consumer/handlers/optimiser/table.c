/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/table.h"

#include <math.h>

/* Methods square what they get. */
#define VALUE_MAX 1e150

void table_init(struct table *t, const struct problem *problem)
{
    *t = (struct table){.problem = problem};
}

void table_fini(struct table *t)
{
    table_cut(t, 0);
    free(t->entries);
    namemap_fini(&t->by_x);
}

static struct bytes key(const struct table *t, const double *x)
{
    return bytes_of(x, t->problem->variables * sizeof *x);
}

struct entry *table_find(const struct table *t, const double *x)
{
    return namemap_find(&t->by_x, key(t, x));
}

static bool usable(const struct table *t, double f, const double *constraints)
{
    bool good = fabs(f) <= VALUE_MAX;
    for (size_t i = 0; good && i < problem_constraints(t->problem); i++)
        good = fabs(constraints[i]) <= VALUE_MAX;
    return good;
}

struct entry *table_add(struct table *t, const double *x, bool failed, double f,
                        const double *constraints)
{
    size_t n = t->problem->variables, m = problem_constraints(t->problem);
    struct entry *e = must_alloc(sizeof *e + (n + m) * sizeof *x);
    memcpy(e->x, x, n * sizeof *x);
    e->constraints = e->x + n;
    e->failed = failed || (m && !constraints) || !usable(t, f, constraints);
    if (!e->failed) {
        e->f = f;
        bytes_copy(e->x + n, bytes_of(constraints, m * sizeof *x));
        e->violation = problem_violation(t->problem, e->constraints);
    }
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->entries = must_realloc(t->entries, t->capacity * sizeof(struct entry *));
    }
    e->place = t->count;
    t->entries[t->count++] = e;
    namemap_put(&t->by_x, key(t, e->x), e);
    return e;
}

static void entry_free(struct table *t, struct entry *e)
{
    namemap_take(&t->by_x, key(t, e->x));
    free(e);
}

void table_cut(struct table *t, size_t count)
{
    while (t->count > count)
        entry_free(t, t->entries[--t->count]);
}

void table_drop_guesses(struct table *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = t->entries[i];
        if (e->guessed) {
            entry_free(t, e);
            continue;
        }
        e->place = kept;
        t->entries[kept++] = e;
    }
    t->count = kept;
}

void table_promote(struct table *t, struct entry *e, size_t place)
{
    struct entry *other = t->entries[place];
    other->place = e->place;
    t->entries[e->place] = other;
    e->place = place;
    t->entries[place] = e;
}

bool entry_better(const struct entry *a, const struct entry *b)
{
    if (!a || a->failed)
        return false;
    if (!b || b->failed)
        return true;
    if (entry_feasible(a) != entry_feasible(b))
        return entry_feasible(a);
    return entry_feasible(a) ? a->f < b->f : a->violation < b->violation;
}
