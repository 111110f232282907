/* SPDX-License-Identifier: Apache-2.0
 *
 * sessionspec: what an optimisation session is to do, from options, a file and the menu's lines to
 * the map that optimisation.session gets as its one argument. Checks how things are written; what
 * they mean is the service's to judge. Pure.
 *
 *     {model, objective, maximize, method, max_iterations, seed, islands, delay (s), external,
 *      mvs: [{name, lower, upper, start}], cvs: [{name, expression, lower, upper}],
 *      constraints: [text]}                       what was not said is left out
 */
#ifndef CLI_SESSIONSPEC_H
#define CLI_SESSIONSPEC_H

#include "common/options.h"
#include "producer/cli/tags.h"

struct sessionspec { /* zeroed storage says nothing; borrows its texts */
    const char *model, *objective, *method;
    int maximize; /* 1: maximise, -1: minimise, 0: not said */
    bool has_max_iterations, has_seed, has_islands, has_delay, external;
    int64_t max_iterations, seed, islands;
    double delay;
    struct tags mvs, cvs;
    struct buf constraints; /* packed texts, constraint_count of them */
    uint32_t constraint_count;
};

/* What the options of `session start` say. 0, or -1 with a sentence in error. */
int sessionspec_options(struct sessionspec *s, const struct options *o,
                        char error[static TAG_ERROR]);
void sessionspec_constraint(struct sessionspec *s, struct bytes text);
void sessionspec_pack(const struct sessionspec *s, struct buf *out);
void sessionspec_fini(struct sessionspec *s);

/* A map over another one: its keys win; of mvs and cvs those of the same name are put over each
 * other and the rest is added; constraints are added. base: empty, or a map. */
void sessionspec_merge(struct buf *out, struct bytes base, struct bytes over);

#endif
