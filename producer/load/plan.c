/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/must.h"
#include "producer/load/sentence.h"

static const char *const methods[TASK_KINDS] = {
    [TASK_FIBONACCI] = "fibonacci_generator.calculate",
    [TASK_POLARITY] = "neural_analyzer.polarity",
    [TASK_REACTOR] = "data_processing.calculate_cv",
};

void plan_init(struct plan *p, const struct plan_options *options)
{
    must(options->n_least <= options->n_most);
    *p = (struct plan){.options = *options, .random = {.state = options->seed}};
}

static enum task_kind draw_kind(struct plan *p)
{
    double at = random_unit(&p->random);
    if (at < p->options.fibonacci_share)
        return TASK_FIBONACCI;
    if (at < p->options.fibonacci_share + p->options.reactor_share)
        return TASK_REACTOR;
    return TASK_POLARITY;
}

/* Feed of B 3..6 kg/s and temperature 70..100 C: the bounds of the benchmark, in which there is
 * exactly one steady state to find. */
static void draw_reactor(struct random *r, struct task *out)
{
    unsigned feed = 3000 + (unsigned)random_below(r, 3001);
    unsigned warmth = 7000 + (unsigned)random_below(r, 3001);
    snprintf(out->words, sizeof out->words,
             "{\"model\":\"williams_otto\",\"mvs\":{\"FB\":%u.%03u,\"TR\":%u.%02u}}", feed / 1000,
             feed % 1000, warmth / 100, warmth % 100);
}

void plan_next(struct plan *p, struct task *out)
{
    const struct plan_options *o = &p->options;
    *out = (struct task){.number = ++p->made, .kind = draw_kind(p)};
    switch (out->kind) {
    case TASK_FIBONACCI:
        out->n = o->n_least + random_below(&p->random, o->n_most - o->n_least + 1);
        snprintf(out->words, sizeof out->words, "%" PRIu64, out->n);
        break;
    case TASK_REACTOR: draw_reactor(&p->random, out); break;
    default: sentence_make(&p->random, out->words, sizeof out->words);
    }
}

const char *task_method(const struct task *t)
{
    return methods[t->kind];
}
