/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/show.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "common/pack.h"

static void number_put(struct buf *out, double number)
{
    if (isfinite(number))
        pack_float(out, number);
    else
        pack_nil(out);
}

static void pair_text(struct buf *out, const char *key, const char *text)
{
    pack_text(out, key);
    pack_text(out, text);
}

static void pair_number(struct buf *out, const char *key, double number)
{
    pack_text(out, key);
    number_put(out, number);
}

static const double *point_of(const struct task *t, const struct buf *values)
{
    return values->size == task_values(t) * sizeof(double)
               ? (const double *)(const void *)values->data
               : NULL;
}

static void values_put(const struct task *t, const double *values, size_t from, size_t to,
                       struct buf *out)
{
    pack_map(out, values ? (uint32_t)(to - from) : 0);
    for (size_t i = from; values && i < to; i++) {
        pack_text(out, task_name(t, i));
        number_put(out, values[i]);
    }
}

static void point_put(const struct task *t, const double *values, struct buf *out)
{
    pack_text(out, "mvs");
    values_put(t, values, 0, task_mv_count(t), out);
    pack_text(out, "cvs");
    values_put(t, values, task_mv_count(t), task_values(t), out);
}

/* What each view begins with. */
enum { HEAD_PAIRS = 7 };

static void head_put(const struct task *t, const char *message, struct buf *view)
{
    struct bytes method = task_spec(t)->method;
    pair_text(view, "message", message);
    pair_text(view, "objective_text", task_objective(t));
    pack_text(view, "method");
    pack_str(view, method.size ? method : bytes_text("auto"));
    pack_text(view, "maximize");
    pack_bool(view, task_maximises(t));
    pair_text(view, "model", task_model_id(t));
    pack_text(view, "max_iterations");
    pack_uint(view, task_spec(t)->max_iterations);
    pack_text(view, "external");
    pack_bool(view, task_spec(t)->external);
}

void show_created(const struct task *t, struct buf *view)
{
    char message[80];
    struct bytes method = task_spec(t)->method;
    snprintf(message, sizeof message, "Session created with method %.*s",
             method.size ? (int)method.size : 4, method.size ? (const char *)method.data : "auto");
    pack_map(view, HEAD_PAIRS);
    head_put(t, message, view);
}

static void best_put(const struct task *t, const struct progress *p, struct buf *out)
{
    const struct optimiser *leader = progress_leader(p);
    const double *values = point_of(t, &p->best);
    if (!leader || !values) {
        pack_nil(out);
        return;
    }
    struct optimiser_status s = optimiser_status(leader);
    pack_map(out, 4);
    pair_number(out, "objective", task_shown(t, s.f));
    point_put(t, values, out);
    pair_number(out, "violation", s.violation);
}

void show_view(const struct task *t, const struct progress *p, const char *message,
               struct buf *view)
{
    const double *history = (const double *)(const void *)p->history.data;
    size_t count = p->history.size / sizeof *history;
    pack_map(view, HEAD_PAIRS + 7);
    head_put(t, message, view);
    pair_number(view, "objective", p->last.size ? task_shown(t, p->last_f) : NAN);
    pack_text(view, "best");
    best_put(t, p, view);
    point_put(t, point_of(t, &p->last), view);
    pair_number(view, "violation", p->last.size ? p->last_violation : NAN);
    pack_text(view, "evaluations");
    pack_uint(view, p->evaluations);
    pack_text(view, "history");
    pack_array(view, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        number_put(view, history[i]);
}

void show_result(const struct task *t, const struct progress *p, const char *message,
                 struct buf *value)
{
    const struct optimiser *leader = progress_leader(p);
    struct optimiser_status s = leader ? optimiser_status(leader) : (struct optimiser_status){0};
    pack_map(value, 6);
    pair_number(value, "objective", leader ? task_shown(t, s.f) : NAN);
    point_put(t, point_of(t, &p->best), value);
    pair_number(value, "violation", leader ? s.violation : NAN);
    pack_text(value, "evaluations");
    pack_uint(value, p->evaluations);
    pair_text(value, "message", message);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void time_put(struct buf *line)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

void show_event(struct buf *line, const char *event)
{
    time_put(line);
    buf_printf(line, " %s", event);
}

void show_header(const struct task *t, struct buf *line, size_t i)
{
    double lower, upper;
    task_bounds(t, i, &lower, &upper);
    time_put(line);
    buf_printf(line, " %s %s", i < task_mv_count(t) ? "MV" : "CV", task_name(t, i));
    if (i < task_mv_count(t)) {
        double values[2 * MODEL_VARIABLES_MAX + 2 * SPEC_VARIABLES_MAX];
        task_place(t, task_problem(t).start, values);
        buf_printf(line, " = %.10g%s", values[i], task_moves(t, i) ? "" : " (fixed)");
    }
    if (isfinite(lower) || isfinite(upper))
        buf_printf(line, " bounds %g..%g", lower, upper);
}

void show_line(const struct task *t, const struct progress *p, const char *message,
               struct buf *line)
{
    const double *values = point_of(t, &p->last);
    const struct optimiser *leader = progress_leader(p);
    time_put(line);
    buf_printf(line, " iteration %llu evaluations %llu", (unsigned long long)p->iterations,
               (unsigned long long)p->evaluations);
    if (values)
        buf_printf(line, " objective %.10g", task_shown(t, p->last_f));
    if (leader)
        buf_printf(line, " best %.10g violation %.3g", task_shown(t, optimiser_status(leader).f),
                   optimiser_status(leader).violation);
    for (size_t i = 0; values && i < task_values(t) && line->size < 4000; i++)
        buf_printf(line, " %s=%.10g", task_name(t, i), values[i]);
    if (*message)
        buf_printf(line, " %s", message);
}
