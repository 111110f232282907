/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/must.h"

enum { VALUE_WHOLE = 96, VALUE_END = 20 };

void report_init(struct report *r, FILE *out, bool quiet)
{
    *r = (struct report){.out = out, .quiet = quiet};
    r->latency = must_alloc(sizeof *r->latency);
    setvbuf(out, NULL, _IOLBF, 0);
}

void report_fini(struct report *r)
{
    free(r->latency);
    r->latency = NULL;
}

void report_task(struct report *r, const struct task *t, int64_t now_us)
{
    if (r->tasks++ == 0)
        r->first_us = r->last_us = now_us;
    if (!r->quiet)
        fprintf(r->out, "task %" PRIu64 " %s %s\n", t->number, task_method(t), t->words);
}

static void put_line_text(struct buf *b, struct bytes text)
{
    const char *at = text.data;
    for (size_t i = 0; i < text.size; i++) {
        if (at[i] == '\n')
            buf_put(b, "\\n", 2);
        else
            buf_put(b, at + i, 1);
    }
}

/* Cuts only digits and the like by bytes: what is longer than VALUE_WHOLE is a number or JSON. */
static void put_value(struct buf *b, struct bytes value)
{
    if (value.size <= VALUE_WHOLE) {
        put_line_text(b, value);
        return;
    }
    const char *at = value.data;
    size_t digits = 0;
    while (digits < value.size && at[digits] >= '0' && at[digits] <= '9')
        digits++;
    put_line_text(b, bytes_of(at, VALUE_END));
    buf_printf(b, "...(%zu %s)...", value.size, digits == value.size ? "digits" : "bytes");
    put_line_text(b, bytes_of(at + value.size - VALUE_END, VALUE_END));
}

void report_result(struct report *r, const struct task *t, const struct report_result *result,
                   int64_t now_us)
{
    if (result->ok)
        r->ok++;
    else
        r->failed++;
    r->last_us = now_us;
    histogram_add(r->latency, result->took_us > 0 ? (uint64_t)result->took_us : 0);
    if (r->quiet && result->ok)
        return;
    struct buf line = {0};
    buf_printf(&line, "result %" PRIu64 " %s ", t->number, result->state);
    put_value(&line, result->value);
    buf_printf(&line, " worker=%s", result->worker && *result->worker ? result->worker : "-");
    if (result->job)
        buf_printf(&line, " job=%s", result->job);
    buf_printf(&line, " ms=%.1f\n", (double)result->took_us / 1e3);
    fwrite(line.data, 1, line.size, r->out);
    buf_fini(&line);
}

void report_summary(const struct report *r)
{
    double s = (double)(r->last_us - r->first_us) / 1e6;
    fprintf(r->out,
            "tasks=%" PRIu64 " ok=%" PRIu64 " failed=%" PRIu64
            " rate=%.1f p50_ms=%.2f p99_ms=%.2f\n",
            r->tasks, r->ok, r->tasks - r->ok, s > 0 ? (double)(r->ok + r->failed) / s : 0,
            (double)histogram_percentile(r->latency, 0.50) / 1e3,
            (double)histogram_percentile(r->latency, 0.99) / 1e3);
    fflush(r->out);
}
