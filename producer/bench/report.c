/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/must.h"

void report_init(struct report *r, const struct mix *mix)
{
    *r = (struct report){.mix = mix};
    r->latency = must_alloc((mix->count + 1) * sizeof *r->latency);
}

void report_fini(struct report *r)
{
    free(r->latency);
}

const struct histogram *report_latency(const struct report *r)
{
    return &r->latency[r->mix->count];
}

bool report_kept_up(const struct report *r)
{
    return r->offered <= 0 || tally_rate(&r->tally) >= REPORT_KEPT_SHARE * r->offered;
}

bool report_is_good(const struct report *r)
{
    const struct update_tally *u = &r->updates;
    return r->tally.ok == r->tally.submitted && r->tally.duplicated == 0 &&
           r->sessions_failed == 0 && u->lost + u->duplicated + u->out_of_order == 0;
}

const char *latency_text(double ns, char text[static LATENCY_TEXT])
{
    if (ns < 999.5e3)
        snprintf(text, LATENCY_TEXT, ns < 99.95e3 ? "%.1f us" : "%.0f us", ns / 1e3);
    else if (ns < 999.5e6)
        snprintf(text, LATENCY_TEXT, ns < 99.95e6 ? "%.2f ms" : "%.0f ms", ns / 1e6);
    else
        snprintf(text, LATENCY_TEXT, "%.2f s", ns / 1e9);
    return text;
}

const struct percentile report_percentiles[PERCENTILES] = {
    {"p50", "p50_us", 0.5},      {"p90", "p90_us", 0.9},         {"p99", "p99_us", 0.99},
    {"p99.9", "p999_us", 0.999}, {"p99.99", "p9999_us", 0.9999}, {"max", "max_us", 1},
};

double percentile_ns(const struct histogram *h, const struct percentile *p)
{
    return (double)(p->share < 1 ? histogram_percentile(h, p->share) : h->most);
}

static void put_latency(struct buf *out, const struct histogram *h)
{
    char text[LATENCY_TEXT];
    for (size_t i = 0; i < PERCENTILES; i++)
        buf_printf(out, "%s%s %s", i ? "  " : "", report_percentiles[i].name,
                   latency_text(percentile_ns(h, &report_percentiles[i]), text));
    buf_printf(out, "\n");
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void put_head(const struct report *r, struct buf *out)
{
    buf_printf(out, "%s: %" PRIu64 " jobs in %.3f s, %zu client%s, ", r->what, r->tally.submitted,
               tally_seconds(&r->tally), r->clients, plural(r->clients));
    if (r->offered > 0)
        buf_printf(out, "%.0f jobs/s offered (%s), ", r->offered, arrivals_kind_name(r->arrivals));
    else
        buf_printf(out, "depth %zu, ", r->depth);
    buf_printf(out, "%zu bytes each, %s\n", r->payload_bytes, r->durability);
    if (r->workers)
        buf_printf(out, "farm     of its own: %zu worker%s with %zu slot%s\n", r->workers,
                   plural(r->workers), r->slots, plural(r->slots));
}

static void put_keeping_up(const struct report *r, struct buf *out)
{
    char behind[LATENCY_TEXT];
    if (report_kept_up(r))
        return;
    buf_printf(out,
               "         did not keep up: %.0f %% of what was offered was done; jobs were handed "
               "in up to %s late\n",
               100 * tally_rate(&r->tally) / r->offered,
               latency_text((double)r->tally.behind_ns, behind));
}

static void put_company(const struct report *r, struct buf *out)
{
    double seconds = tally_seconds(&r->tally);
    if (r->sessions)
        buf_printf(out, "sessions %zu: %" PRIu64 " iterations (%.0f/s), failed %" PRIu64 "\n",
                   r->sessions, r->iterations, seconds > 0 ? (double)r->iterations / seconds : 0,
                   r->sessions_failed);
    if (r->subscribers)
        buf_printf(out,
                   "updates  %" PRIu64 " to %zu subscriber%s: lost %" PRIu64 ", duplicated %" PRIu64
                   ", out of order %" PRIu64 "\n",
                   r->updates.seen, r->subscribers, plural(r->subscribers), r->updates.lost,
                   r->updates.duplicated, r->updates.out_of_order);
}

static void put_knee(const struct report *r, struct buf *out)
{
    char p50[LATENCY_TEXT], p99[LATENCY_TEXT];
    buf_printf(out, "   offered/s       done/s          p50          p99\n");
    for (size_t i = 0; i < r->step_count; i++) {
        const struct knee_step *s = &r->steps[i];
        buf_printf(out, "%12.0f %12.0f %12s %12s  %s\n", s->offered, s->rate,
                   latency_text((double)s->p50_ns, p50), latency_text((double)s->p99_ns, p99),
                   s->held ? "held" : "too much");
    }
    if (r->knee > 0)
        buf_printf(out, "knee     %.0f jobs/s\n", r->knee);
    else
        buf_printf(out, "knee     below %.0f jobs/s\n", r->steps[r->step_count - 1].offered);
}

void report_text(const struct report *r, struct buf *out)
{
    const struct tally *t = &r->tally;
    if (r->step_count)
        put_knee(r, out);
    put_head(r, out);
    buf_printf(out, "rate     %.0f jobs/s, %.2f us of client CPU a job\n", tally_rate(t),
               r->client_cpu_us);
    put_keeping_up(r, out);
    buf_printf(out, "latency  ");
    put_latency(out, report_latency(r));
    for (size_t i = 0; i < r->mix->count && r->mix->count > 1; i++) {
        buf_printf(out, "         %s, %" PRIu64 " jobs: ", r->mix->parts[i].method,
                   r->latency[i].count);
        put_latency(out, &r->latency[i]);
    }
    put_company(r, out);
    buf_printf(out,
               "lost %" PRIu64 ", duplicated %" PRIu64 ", wrong %" PRIu64 ", failed %" PRIu64
               ", out of order %" PRIu64 "%s\n",
               t->lost, t->duplicated, t->wrong, t->failed, t->out_of_order,
               r->compared ? "" : " (executions not compared: not the only jobs of the farm)");
}
