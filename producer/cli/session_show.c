/* SPDX-License-Identifier: Apache-2.0
 *
 * session_show: a session as people and as programs see it.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/value.h"
#include "producer/cli/output.h"
#include "producer/cli/plot.h"
#include "producer/cli/session.h"
#include "producer/view/field.h"

enum { HISTORY_MAX = 1000, LABEL_COLUMNS = 18 };

void pairs_print(struct pairs *p)
{
    struct buf b = {0};
    pairs_close(p, &b);
    output_json(buf_bytes(&b));
    buf_fini(&b);
}

/* --- for people ----------------------------------------------------------------------------- */

static void cell_number(struct table *t, bool is_there, double number)
{
    if (is_there)
        table_cell(t, "%.10g", number);
    else
        table_bytes(t, bytes_of(NULL, 0));
}

static void line(struct table *t, const char *name, struct bytes text)
{
    if (text.size == 0)
        return;
    table_cell(t, "%s", name);
    table_bytes(t, text);
}

static void line_number(struct table *t, const char *name, struct bytes map, const char *key)
{
    double number;
    if (!field_number(map, key, &number))
        return;
    table_cell(t, "%s", name);
    cell_number(t, true, number);
}

static void lines_numbers(struct table *t, const char *kind, struct bytes map)
{
    for (struct fields f = fields_of(map); fields_next(&f);) {
        double number;
        if (!number_of(f.value, &number))
            continue;
        table_cell(t, "%s %.*s", kind, BYTES_ARG(f.key));
        cell_number(t, true, number);
    }
}

void session_print_best(const struct session *s)
{
    struct table t = {.columns = 2};
    struct bytes best = session_view_best(&s->now);
    line_number(&t, "objective", best, "objective");
    line_number(&t, "violation", best, "violation");
    lines_numbers(&t, "MV", field_of(best, "mvs"));
    lines_numbers(&t, "CV", field_of(best, "cvs"));
    table_print(&t);
}

void session_print_numbers(struct bytes map)
{
    for (struct fields f = fields_of(map); fields_next(&f);) {
        double number;
        if (!number_of(f.value, &number))
            continue;
        output_bytes(f.key);
        printf(" = %.10g\n", number);
    }
}

/* Any other session's view, a line a pair. */
static void lines_others(struct table *t, struct bytes view)
{
    static const char *const told[] = {
        "best",      "mvs",      "cvs",    "objective", "objective_text", "maximize",
        "violation", "model",    "method", "message",   "evaluations",    "max_iterations",
        "history",   "external", "spec"};
    for (struct fields f = fields_of(view); fields_next(&f);) {
        struct buf text = {0}, name = {0};
        if (field_among(f.key, told, LENGTH(told)) || !value_text(&text, f.value))
            continue;
        buf_put(&name, f.key.data, f.key.size);
        line(t, buf_text(&name), buf_bytes(&text));
        buf_fini(&text);
        buf_fini(&name);
    }
}

static void lines_aim(struct table *t, struct bytes view)
{
    struct buf aim = {0};
    struct bytes objective = field_text(view, "objective_text");
    if (field_of(view, "maximize").size)
        buf_printf(&aim, field_truth(view, "maximize") ? "maximize " : "minimize ");
    buf_printf(&aim, "%.*s", BYTES_ARG(objective));
    line(t, "model", field_text(view, "model"));
    line(t, "objective", buf_bytes(&aim));
    line(t, "method", field_text(view, "method"));
    buf_fini(&aim);
}

static void print_head(const struct session *s)
{
    struct table t = {.columns = 2};
    struct bytes view = buf_bytes(&s->now.view), best = session_view_best(&s->now);
    char text[64];
    uint64_t most = field_uint(view, "max_iterations");
    int64_t now_ms = clock_wall_ms();
    reeve_job_id_format(s->now.id, text);
    line(&t, "id", bytes_text(text));
    line(&t, "queue", buf_bytes(&s->now.queue));
    line(&t, "state", bytes_text(reeve_session_state_name(s->now.state)));
    line(&t, "reason", bytes_text(s->now.reason));
    if (s->now.state == REEVE_SESSION_FAILED)
        line(&t, "error", buf_bytes(&s->now.text));
    snprintf(text, sizeof text, "%" PRIu64, s->now.iteration);
    line(&t, "iteration", bytes_text(text));
    snprintf(text, sizeof text, "%" PRIu64, most);
    line(&t, "max iterations", bytes_text(most ? text : ""));
    lines_aim(&t, view);
    line_number(&t, "best", best, "objective");
    line_number(&t, "violation", best, "violation");
    line_number(&t, "evaluations", view, "evaluations");
    line(&t, "message", field_text(view, "message"));
    lines_others(&t, view);
    line(&t, "submitted", bytes_text(ago_text(s->now.submitted_ms, now_ms, text)));
    if (s->now.ended_ms)
        line(&t, "ended", bytes_text(ago_text(s->now.ended_ms, now_ms, text)));
    table_print(&t);
}

static void rows_variables(struct table *t, const char *kind, struct bytes best, struct bytes now)
{
    double number = 0;
    for (struct fields f = fields_of(best.size ? best : now); fields_next(&f);) {
        char name[200];
        snprintf(name, sizeof name, "%.*s", BYTES_ARG(f.key));
        table_cell(t, "%s", kind);
        table_bytes(t, f.key);
        bool is_there = field_number(best, name, &number);
        cell_number(t, is_there, number);
        is_there = field_number(now, name, &number);
        cell_number(t, is_there, number);
    }
}

static void print_variables(const struct session *s)
{
    static const char *const heads[] = {"", "VARIABLE", "BEST", "LAST"};
    struct table t = {.columns = LENGTH(heads)};
    struct bytes view = buf_bytes(&s->now.view), best = session_view_best(&s->now);
    for (size_t i = 0; i < LENGTH(heads); i++)
        table_cell(&t, "%s", heads[i]);
    rows_variables(&t, "MV", field_of(best, "mvs"), field_of(view, "mvs"));
    rows_variables(&t, "CV", field_of(best, "cvs"), field_of(view, "cvs"));
    if (t.count > LENGTH(heads)) {
        putchar('\n');
        table_print(&t);
    }
    table_free(&t);
}

/* The first iteration has checked the spec and has no objective. */
static void print_plot(const struct session *s)
{
    struct cursor c = cursor_of(field_of(buf_bytes(&s->now.view), "history"));
    uint32_t count = cursor_peek(&c) == PACK_ARRAY ? cursor_array(&c) : 0;
    double values[HISTORY_MAX];
    struct buf drawing = {0};
    size_t width = output_width(STDOUT_FILENO), room = PLOT_COLUMNS;
    if (count > HISTORY_MAX)
        count = HISTORY_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (!number_of(cursor_value(&c), &values[i]))
            values[i] = NAN; /* none yet */
    if (width > LABEL_COLUMNS && width - LABEL_COLUMNS < room)
        room = width - LABEL_COLUMNS;
    plot_draw(&drawing, values, count, room, 1, s->now.iteration ? s->now.iteration - 1 : 0);
    if (drawing.size) {
        putchar('\n');
        fwrite(drawing.data, 1, drawing.size, stdout);
    }
    buf_fini(&drawing);
}

void session_print(const struct session *s)
{
    print_head(s);
    print_variables(s);
    print_plot(s);
}
