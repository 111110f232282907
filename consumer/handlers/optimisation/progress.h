/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: what one iteration of an optimisation leaves for the next: the spec as it was given,
 * the optimisers (one an island) with all they know, the points that are being computed elsewhere,
 * and what people are shown. It travels as the state of the session.
 */
#ifndef OPTIMISATION_PROGRESS_H
#define OPTIMISATION_PROGRESS_H

#include "common/buf.h"
#include "consumer/handlers/optimisation/task.h"

enum { PROGRESS_HISTORY_MAX = 200, PROGRESS_BATCH_MAX = 50 };

struct progress {
    struct bytes spec; /* borrowed */
    bool begun;        /* somebody has said that it may start, and from where */
    uint64_t iterations, evaluations;
    struct optimiser *islands[SPEC_ISLANDS_MAX];
    size_t island_count;
    struct buf pending; /* double: the points that were asked for, one after the other */
    struct buf best;    /* double: the best point, all its values; empty: none yet */
    struct buf last;    /* likewise, of the last one computed */
    double last_f, last_violation;
    struct buf history; /* double: the best objective after each iteration, thinned */
};

/* False with a text: it is not what progress_save wrote. Borrows state. */
MUST_CHECK bool progress_load(struct bytes state, struct progress *p, char text[SPEC_TEXT_SIZE]);
void progress_save(const struct progress *p, struct buf *out);
void progress_fini(struct progress *p);

/* The island whose best point is the best of all; NULL: none has one. */
struct optimiser *progress_leader(const struct progress *p);
void progress_remember(struct progress *p, double objective); /* into the history */

#endif
