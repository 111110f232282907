/* SPDX-License-Identifier: Apache-2.0
 *
 * report_json: a report as a map for programs.
 */
#include <math.h>

#include "common/must.h"
#include "common/value.h"
#include "producer/bench/report.h"
#include "producer/view/pairs.h"

/* What lies behind the third digit of a nanosecond is noise. */
static void put_us(struct pairs *p, const char *name, double ns)
{
    pairs_number(p, name, round(ns / 100) / 10);
}

static void put_rate(struct pairs *p, const char *name, double rate)
{
    pairs_number(p, name, round(rate * 10) / 10);
}

static void put_count(struct pairs *p, const char *name, uint64_t count)
{
    pairs_integer(p, name, (int64_t)count);
}

static void put_latency(struct pairs *p, const struct histogram *h)
{
    for (size_t i = 0; i < PERCENTILES; i++)
        put_us(p, report_percentiles[i].key, percentile_ns(h, &report_percentiles[i]));
}

static void put_tally(struct pairs *p, const struct tally *t)
{
    put_count(p, "lost", t->lost);
    put_count(p, "duplicated", t->duplicated);
    put_count(p, "wrong", t->wrong);
    put_count(p, "failed", t->failed);
    put_count(p, "out_of_order", t->out_of_order);
    put_count(p, "jobs", t->submitted);
    pairs_number(p, "seconds", round(tally_seconds(t) * 1e4) / 1e4);
    pairs_integer(p, "first_ns", t->first_ns);
    pairs_integer(p, "last_ns", t->last_ns);
    put_us(p, "behind_us", (double)t->behind_ns);
}

static void put_setting(struct pairs *p, const struct report *r)
{
    pairs_text(p, "method", r->what);
    put_count(p, "clients", r->clients);
    put_count(p, "depth", r->depth);
    put_count(p, "payload", r->payload_bytes);
    pairs_text(p, "durability", r->durability);
    put_rate(p, "offered", r->offered);
    pairs_text(p, "arrivals", r->offered > 0 ? arrivals_kind_name(r->arrivals) : NULL);
    pairs_truth(p, "kept_up", report_kept_up(r));
    put_count(p, "workers", r->workers);
    put_count(p, "slots", r->slots);
}

static void put_company(struct pairs *p, const struct report *r)
{
    put_count(p, "sessions", r->sessions);
    put_count(p, "iterations", r->iterations);
    put_count(p, "sessions_failed", r->sessions_failed);
    put_count(p, "subscribers", r->subscribers);
    put_count(p, "updates", r->updates.seen);
    put_count(p, "updates_lost", r->updates.lost);
    put_count(p, "updates_duplicated", r->updates.duplicated);
    put_count(p, "updates_out_of_order", r->updates.out_of_order);
}

static void put_parts(struct pairs *p, const struct report *r)
{
    struct buf *out = pairs_key(p, "methods");
    pack_array(out, (uint32_t)r->mix->count);
    for (size_t i = 0; i < r->mix->count; i++) {
        struct pairs part = {0};
        pairs_text(&part, "method", r->mix->parts[i].method);
        put_count(&part, "jobs", r->latency[i].count);
        put_latency(&part, &r->latency[i]);
        pairs_close(&part, out);
    }
}

static void put_knee(struct pairs *p, const struct report *r)
{
    struct pairs knee = {0};
    put_rate(&knee, "rate", r->knee);
    put_us(&knee, "bound_us", (double)r->bound_ns);
    struct buf *steps = pairs_key(&knee, "steps");
    pack_array(steps, (uint32_t)r->step_count);
    for (size_t i = 0; i < r->step_count; i++) {
        const struct knee_step *s = &r->steps[i];
        struct pairs step = {0};
        put_rate(&step, "offered", s->offered);
        put_rate(&step, "rate", s->rate);
        put_us(&step, "p50_us", (double)s->p50_ns);
        put_us(&step, "p99_us", (double)s->p99_ns);
        pairs_truth(&step, "held", s->held);
        pairs_close(&step, steps);
    }
    pairs_close(&knee, pairs_key(p, "knee"));
}

static void put_ticks(struct pairs *p, const struct series *s)
{
    struct buf *out = pairs_key(p, "ticks");
    pack_array(out, (uint32_t)s->count);
    for (size_t i = 0; i < s->count; i++) {
        struct pairs tick = {0};
        pairs_number(&tick, "at_s", round(s->ticks[i].at_s * 1e3) / 1e3);
        put_rate(&tick, "rate", tick_rate(&s->ticks[i]));
        put_us(&tick, "p99_us", (double)s->ticks[i].p99_ns);
        pairs_close(&tick, out);
    }
}

/* [[smallest number of a cell in ns, how many], ...] */
static void put_cells(struct pairs *p, const struct histogram *h)
{
    uint64_t value, count;
    uint32_t cells = 0;
    for (size_t at = 0; histogram_next(h, &at, &value, &count);)
        cells++;
    struct buf *out = pairs_key(p, "histogram_ns");
    pack_array(out, cells);
    for (size_t at = 0; histogram_next(h, &at, &value, &count);) {
        pack_array(out, 2);
        pack_uint(out, value);
        pack_uint(out, count);
    }
}

void report_json(const struct report *r, bool whole, struct buf *out)
{
    struct pairs all = {0};
    put_rate(&all, "rate", tally_rate(&r->tally));
    put_latency(&all, report_latency(r));
    put_tally(&all, &r->tally);
    put_setting(&all, r);
    pairs_truth(&all, "executions_compared", r->compared);
    pairs_number(&all, "client_cpu_us", round(r->client_cpu_us * 1e3) / 1e3);
    put_company(&all, r);
    put_parts(&all, r);
    if (r->step_count)
        put_knee(&all, r);
    if (whole) {
        put_ticks(&all, &r->series);
        put_cells(&all, report_latency(r));
    }
    struct buf value = {0};
    pairs_close(&all, &value);
    must(value_json(out, buf_bytes(&value)));
    buf_fini(&value);
}
