/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/series.h"

static void tick_join(struct tick *into, const struct tick *next)
{
    into->at_s = next->at_s;
    into->width_s += next->width_s;
    into->done += next->done;
    if (next->p99_ns > into->p99_ns)
        into->p99_ns = next->p99_ns;
}

static void halve(struct series *s)
{
    for (size_t i = 0; i < SERIES_TICKS / 2; i++) {
        s->ticks[i] = s->ticks[2 * i];
        tick_join(&s->ticks[i], &s->ticks[2 * i + 1]);
    }
    s->count = SERIES_TICKS / 2;
    s->each *= 2;
}

void series_add(struct series *s, double at_s, uint64_t done, uint64_t p99_ns)
{
    double before_s = s->count ? s->ticks[s->count - 1].at_s : 0;
    struct tick tick = {.at_s = at_s, .width_s = at_s - before_s, .done = done, .p99_ns = p99_ns};
    if (s->each == 0)
        s->each = 1;
    if (s->open > 0) {
        tick_join(&s->ticks[s->count - 1], &tick);
    } else {
        if (s->count == SERIES_TICKS)
            halve(s);
        s->ticks[s->count++] = tick;
    }
    s->open = (s->open + 1) % s->each;
}
