/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/timer.h"

#include "common/clock.h"
#include "common/must.h"

void timer_start(struct timers *ts, struct timer *t, int64_t delay_ms)
{
    heap_put(&ts->heap, &t->node, clock_ms() + delay_ms, ++ts->started);
}

void timer_stop(struct timers *ts, struct timer *t)
{
    heap_take(&ts->heap, &t->node);
}

int timers_left_ms(const struct timers *ts)
{
    const struct heap_node *first = heap_first(&ts->heap);
    if (!first)
        return -1;
    int64_t left_ms = first->key - clock_ms();
    return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

void timers_run(struct timers *ts)
{
    int64_t now_ms = clock_ms();
    uint64_t last = ts->started;
    for (struct heap_node *n;
         (n = heap_first(&ts->heap)) && n->key <= now_ms && n->order <= last;) {
        struct timer *t = container_of(n, struct timer, node);
        heap_take(&ts->heap, n);
        t->fire(t);
    }
}

void timers_fini(struct timers *ts)
{
    heap_fini(&ts->heap);
}
