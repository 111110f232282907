/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: which tasks a load consists of. Pure: the same options give the same tasks in the same
 * order, on any machine and whatever the answers are. The mix is that of a small web service: the
 * N-th Fibonacci number, or the polarity of a made-up sentence, and now and then the steady state
 * of a reactor. Knows neither who runs the tasks nor when.
 */
#ifndef LOAD_PLAN_H
#define LOAD_PLAN_H

#include <stdint.h>

#include "common/random.h"

enum task_kind { TASK_FIBONACCI, TASK_POLARITY, TASK_REACTOR, TASK_KINDS };

enum { TASK_WORDS_BYTES = 192 };

struct task {
    uint64_t number; /* 1, 2, 3, ... */
    enum task_kind kind;
    uint64_t n;                   /* of TASK_FIBONACCI */
    char words[TASK_WORDS_BYTES]; /* the one argument, as on a command line; no newline */
};

struct plan_options {
    uint64_t seed;
    double fibonacci_share; /* 0..1 */
    double reactor_share;   /* 0..1; comes out of what is no fibonacci */
    uint64_t n_least, n_most;
};

struct plan {
    struct plan_options options;
    struct random random;
    uint64_t made;
};

void plan_init(struct plan *p, const struct plan_options *options);
void plan_next(struct plan *p, struct task *out);

/* "fibonacci_generator.calculate", ... */
const char *task_method(const struct task *t);

#endif
