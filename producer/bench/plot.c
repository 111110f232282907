/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "common/must.h"
#include "producer/bench/chart.h"

enum { CURVE_POINTS = 240, NAME_BYTES = 40 };

static double ns_at(const struct histogram *h, double share)
{
    double ns = (double)histogram_percentile(h, share);
    return ns > 1 ? ns : 1; /* a logarithm follows */
}

/* --- latency by percentile ------------------------------------------------------------------ */

/* Of how many jobs one is slower, as powers of ten: 0 is the fastest job, 2 is p99. */
static double share_of(double nines)
{
    return 1 - pow(10, -nines);
}

static void draw_curve(const struct panel *p, const struct histogram *h, unsigned colour,
                       struct buf *out)
{
    double xs[CURVE_POINTS], ys[CURVE_POINTS];
    double most = h->count > 1 ? log10((double)h->count) : 0.3;
    if (most > p->x.most)
        most = p->x.most;
    for (size_t i = 0; i < CURVE_POINTS; i++) {
        xs[i] = most * (double)i / (CURVE_POINTS - 1);
        ys[i] = ns_at(h, share_of(xs[i]));
    }
    panel_line(p, xs, ys, CURVE_POINTS, colour, out);
}

static void draw_percentiles(const struct report *r, unsigned n, struct buf *out)
{
    static const char *const names[] = {"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"};
    const struct histogram *all = report_latency(r);
    struct panel p = {
        .title = "Latency by percentile", .x = {.most = 1}, .y = {.log = true, .unit = CHART_NS}};
    while (p.x.most < LENGTH(names) - 1 && pow(10, p.x.most) < (double)all->count)
        p.x.most++;
    p.y.least = ns_at(all, 0);
    p.y.most = ns_at(all, share_of(p.x.most));
    axis_round(&p.y);
    panel_begin(&p, n, false, out);
    for (size_t i = 0; (double)i <= p.x.most; i++)
        panel_tick(&p, (double)i, names[i], out);
    panel_tick(&p, -log10(0.5), "50 %", out);
    double at = 0;
    for (size_t i = 0; i < r->mix->count && r->mix->count > 1; i++) {
        if (r->latency[i].count == 0)
            continue;
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%.*s", NAME_BYTES - 1, r->mix->parts[i].method);
        draw_curve(&p, &r->latency[i], (unsigned)i + 1, out);
        panel_legend(&p, &at, name, (unsigned)i + 1, out);
    }
    if (at > 0)
        panel_legend(&p, &at, "all", 0, out);
    draw_curve(&p, all, 0, out);
}

/* --- over time ------------------------------------------------------------------------------ */

/* A point in the middle of each tick. */
static void draw_over_time(const struct report *r, unsigned n, struct panel *p, bool is_rate,
                           struct buf *out)
{
    double xs[SERIES_TICKS], ys[SERIES_TICKS];
    size_t count = 0;
    p->y.least = INFINITY;
    for (size_t i = 0; i < r->series.count; i++) {
        const struct tick *t = &r->series.ticks[i];
        double value = is_rate ? tick_rate(t) : (double)t->p99_ns;
        if (!is_rate && t->done == 0)
            continue; /* nobody has waited for nothing */
        xs[count] = t->at_s - t->width_s / 2;
        ys[count++] = value;
        p->y.least = fmin(p->y.least, value);
        p->y.most = fmax(p->y.most, value);
        p->x.most = t->at_s;
    }
    if (r->offered > p->y.most && is_rate)
        p->y.most = r->offered;
    axis_round(&p->y);
    p->x.unit = CHART_SECONDS;
    if (p->x.most <= 0)
        p->x.most = 1;
    panel_begin(p, n, true, out);
    if (r->offered > 0 && is_rate) {
        double at = 0;
        panel_line(p, (double[]){0, p->x.most}, (double[]){r->offered, r->offered}, 2, 6, out);
        panel_legend(p, &at, "done", 0, out);
        panel_legend(p, &at, "offered", 6, out);
    }
    panel_line(p, xs, ys, count, 0, out);
    for (size_t i = 0; i < count && count < 3; i++) /* too few to be a line */
        panel_dot(p, xs[i], ys[i], 0, out);
}

/* --- the knee ------------------------------------------------------------------------------- */

static void draw_steps(const struct report *r, unsigned n, struct buf *out)
{
    struct panel p = {.title = "p99 by rate offered, jobs/s",
                      .x = {.log = true, .least = INFINITY},
                      .y = {.log = true, .unit = CHART_NS, .least = INFINITY}};
    for (size_t i = 0; i < r->step_count; i++) {
        const struct knee_step *s = &r->steps[i];
        p.x.least = fmin(p.x.least, s->offered);
        p.x.most = fmax(p.x.most, s->offered);
        p.y.least = fmin(p.y.least, (double)s->p99_ns);
        p.y.most = fmax(p.y.most, (double)s->p99_ns);
    }
    axis_round(&p.x);
    axis_round(&p.y);
    panel_begin(&p, n, true, out);
    double at = 0;
    panel_legend(&p, &at, "too much", 1, out);
    panel_legend(&p, &at, "held", 2, out);
    for (size_t i = 0; i < r->step_count; i++)
        panel_dot(&p, r->steps[i].offered, fmax(p.y.least, (double)r->steps[i].p99_ns),
                  r->steps[i].held ? 2 : 1, out);
}

void plot_svg(const struct report *r, struct buf *out)
{
    char subtitle[256];
    int size = snprintf(subtitle, sizeof subtitle,
                        "%" PRIu64 " jobs, %.0f jobs/s, %zu client%s, %zu bytes, %s",
                        r->tally.submitted, tally_rate(&r->tally), r->clients,
                        r->clients == 1 ? "" : "s", r->payload_bytes, r->durability);
    if (r->offered > 0)
        snprintf(subtitle + size, sizeof subtitle - (size_t)size, ", %.0f jobs/s offered (%s)",
                 r->offered, arrivals_kind_name(r->arrivals));
    else
        snprintf(subtitle + size, sizeof subtitle - (size_t)size, ", %zu at once", r->depth);
    struct panel rate = {.title = "Jobs done a second"},
                 p99 = {.title = "p99 of the jobs that came back",
                        .y = {.log = true, .unit = CHART_NS}};
    chart_begin(out, r->step_count ? 4 : 3, r->what, subtitle);
    draw_percentiles(r, 0, out);
    draw_over_time(r, 1, &rate, true, out);
    draw_over_time(r, 2, &p99, false, out);
    if (r->step_count)
        draw_steps(r, 3, out);
    chart_end(out);
}
