/* SPDX-License-Identifier: Apache-2.0
 *
 * timer: what is to happen later in the gateway's loop: a request that is not waited for any
 * longer, a question to be asked once more. Intrusive: a timer is a member of what it is about.
 * It reads the clock and knows nothing else.
 */
#ifndef GATEWAY_TIMER_H
#define GATEWAY_TIMER_H

#include "common/heap.h"

struct timers { /* zeroed storage has none running */
    struct heap heap;
    uint64_t started;
};

struct timer { /* zeroed storage, with fire set, is one that does not run */
    struct heap_node node;
    void (*fire)(struct timer *t); /* it does not run any more; it may be started again, or freed */
};

/* Runs from now on; one that runs already is set anew. */
void timer_start(struct timers *ts, struct timer *t, int64_t delay_ms);
void timer_stop(struct timers *ts, struct timer *t); /* harmless when it does not run */

/* How long the loop may sleep, in ms; -1: no timer runs. */
int timers_left_ms(const struct timers *ts);
/* Fires those that are due; one that is started meanwhile is fired by the next call. */
void timers_run(struct timers *ts);
void timers_fini(struct timers *ts);

#endif
