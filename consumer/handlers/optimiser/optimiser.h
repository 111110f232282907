/* SPDX-License-Identifier: Apache-2.0
 *
 * optimiser: minimises f(x) for lower <= x <= upper, c(x) <= 0 and h(x) = 0 without derivatives,
 * a few evaluations at a time, by whoever has the saved state. It knows numbers and nothing else:
 * no names, no clock, no file.
 *
 * The state of a run is its problem, its settings and all evaluations so far. To go on, the method
 * is run again from its beginning: what is known is answered from the table, bit for bit the same
 * x, and the first unknown point is what is evaluated or asked for next. So a run that was saved
 * and loaded at any point, by any process, makes the same sequence as one that was never disturbed.
 *
 *      new -> [ run | ask -> tell ] ... -> ended        save, load: anywhere between two calls
 *
 * When the table is full (table_max) a new epoch begins with an empty one, from the best point.
 */
#ifndef OPTIMISER_OPTIMISER_H
#define OPTIMISER_OPTIMISER_H

#include "common/buf.h"
#include "common/must.h"

enum {
    OPTIMISER_VARIABLES_MAX = 64,
    OPTIMISER_CONSTRAINTS_MAX = 256, /* of both kinds together */
    OPTIMISER_ASK_MAX = 64,          /* points in one answer to ask */
    OPTIMISER_METHOD_SIZE = 32,
    OPTIMISER_TEXT_SIZE = 160,
    OPTIMISER_STATE_MAX = 1024 * 1024, /* no saved state is larger */
};

/* A constraint is kept when it is violated by no more than this part of its scale. */
#define OPTIMISER_FEASIBLE 1e-6
/* A bound of this size or more means none. */
#define OPTIMISER_INFINITE 1e100

struct optimiser;

/* Borrowed by optimiser_new. */
struct optimiser_problem {
    size_t variables, inequalities, equalities;
    const double *lower, *upper; /* a variable whose bounds are equal is fixed */
    const double *start;         /* NULL: none. Brought inside the bounds; may be infeasible */
    const double *scales;        /* of the inequalities, then of the equalities; NULL: all 1 */
    const bool *whole;           /* variables that take whole numbers only; NULL: none does */
};

/* The whole number next to x within the bounds, between which there is one. */
double optimiser_whole(double x, double lower, double upper);

struct optimiser_settings {
    const char *method;       /* see optimiser_methods; NULL: "auto" */
    uint64_t seed;            /* the same seed is the same run */
    uint64_t evaluations_max; /* 0: 1500, which is 30 iterations of 50 */
    double xtol, ftol;        /* relative, of a local search; 0: 1e-8 and 1e-10 */
    size_t table_max;         /* 0, or too large for OPTIMISER_STATE_MAX: what fits, up to 4096 */
};

enum optimiser_end {
    OPTIMISER_GOING,      /* not ended */
    OPTIMISER_XTOL,       /* x no longer changed */
    OPTIMISER_FTOL,       /* f no longer changed */
    OPTIMISER_STAGNATION, /* further phases found nothing better */
    OPTIMISER_BUDGET,     /* evaluations_max */
    OPTIMISER_ENDS,
};

/* Lent until the optimiser is next changed. */
struct optimiser_status {
    enum optimiser_end end;
    uint64_t evaluations; /* made, and used by the method */
    unsigned epoch;       /* from 0 */
    bool found;           /* is there a best point? only when one was evaluated without failing */
    bool feasible;
    const double *x, *constraints; /* of the best point; inequalities, then equalities */
    double f;
    double violation; /* the largest, in units of the constraint's scale */
};

/* Computes f and the constraints (inequalities, then equalities) at x. Returns false when there is
 * nothing to compute there; a result that is not finite counts as that too. */
typedef bool optimiser_evaluate(void *context, const double *x, double *f, double *constraints);

/* NULL with a text: the number of a wrong variable, an unknown method and the nearest known one. */
struct optimiser *optimiser_new(const struct optimiser_problem *problem,
                                const struct optimiser_settings *settings,
                                char text[OPTIMISER_TEXT_SIZE]);
void optimiser_free(struct optimiser *o); /* NULL is fine */

/* Appends the state, at most OPTIMISER_STATE_MAX bytes: one msgpack value. */
void optimiser_save(const struct optimiser *o, struct buf *out);
/* NULL with a text when the bytes are no whole state of this version. */
struct optimiser *optimiser_load(struct bytes state, char text[OPTIMISER_TEXT_SIZE]);

struct optimiser_status optimiser_status(const struct optimiser *o);
const char *optimiser_end_text(enum optimiser_end end);
/* The sizes of its problem. */
size_t optimiser_variables(const struct optimiser *o);
size_t optimiser_constraints(const struct optimiser *o);

/* Makes up to budget new evaluations, fewer only when the run ends; returns how many. */
size_t optimiser_run(struct optimiser *o, size_t budget, optimiser_evaluate *evaluate,
                     void *context);

/* Writes up to max (and OPTIMISER_ASK_MAX) points to xs, one after the other, that can be evaluated
 * side by side, and returns how many: the next point of the sequence, and those after it that do
 * not depend on its value. Asking again before telling gives the same points. 0: ended. */
size_t optimiser_ask(struct optimiser *o, size_t max, double *xs);

/* What became of one point. */
struct optimiser_answer {
    const double *x; /* bit for bit as it was asked for */
    bool failed;
    double f;
    const double *constraints; /* NULL when there are none, or it failed */
};

/* In any order, all that was asked or some of it; what was never asked for changes nothing. */
void optimiser_tell(struct optimiser *o, const struct optimiser_answer *answers, size_t count);

/* Islands: takes over the best point of the others when it is better than its own, and goes on from
 * there in a new epoch. The problems must have the same sizes. Did it? */
bool optimiser_merge(struct optimiser *o, struct optimiser *const *others, size_t count);

/* Is there a method of that name? If not, text says which is nearest. */
bool optimiser_method_known(const char *method, char text[OPTIMISER_TEXT_SIZE]);
/* The name of method number i, NULL behind the last. */
const char *optimiser_method_name(size_t i);

#endif
