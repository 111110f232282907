/* SPDX-License-Identifier: Apache-2.0
 *
 * table: all evaluations of an epoch, found by the bits of x. A replay brings those that it meets
 * to the front, in the order of meeting, so the order does not tell how they came in.
 */
#ifndef OPTIMISER_TABLE_H
#define OPTIMISER_TABLE_H

#include "common/map.h"
#include "consumer/handlers/optimiser/problem.h"

struct entry {
    size_t place; /* in the table */
    bool failed;
    bool guessed; /* stands for a value that nobody knows yet */
    double f, violation;
    const double *constraints; /* behind x */
    double x[];
};

struct table {
    const struct problem *problem; /* borrowed */
    struct entry **entries;
    size_t count, capacity;
    struct namemap by_x;
};

void table_init(struct table *t, const struct problem *problem);
void table_fini(struct table *t);

struct entry *table_find(const struct table *t, const double *x);
/* x must not be there yet. What is not finite has failed, and so has what cannot be squared.
 * constraints may be NULL when there are none or it failed. */
struct entry *table_add(struct table *t, const double *x, bool failed, double f,
                        const double *constraints);
/* Takes away the entries from number count on. */
void table_cut(struct table *t, size_t count);
void table_drop_guesses(struct table *t);
/* Puts e, which is not in front of that place, there. */
void table_promote(struct table *t, struct entry *e, size_t place);

static inline bool entry_feasible(const struct entry *e)
{
    return e && !e->failed && e->violation <= OPTIMISER_FEASIBLE;
}

/* Feasible before infeasible; then by f, or by violation. NULL and failed ones are never better. */
bool entry_better(const struct entry *a, const struct entry *b);

#endif
