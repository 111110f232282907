/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of the measurements and tests: work of a known kind and size.
 *
 *     bench.noop ...      nil, whatever the arguments
 *     bench.echo VALUE    the value
 *     bench.sleep MS      nil, after that time without using the processor
 *     bench.spin MS       nil, after that much processor time
 *     bench.fail [TEXT]   fails with the text
 *     bench.iterate [PAUSE_MS [COUNT]]
 *                         a session: COUNT iterations (0: until it is stopped) with that pause
 *                         between; shows how many there were
 *
 * sleep and spin end early, failed, when the job is cancelled.
 */
#include <time.h>

#include <reeve/handler.h>

#include "common/clock.h"
#include "common/pack.h"

enum { MS_MAX = 3600 * 1000, SLICE_MS = 20 };

static void noop(struct reeve_job *job)
{
    reeve_reply_nil(job);
}

static void echo(struct reeve_job *job)
{
    const void *value;
    size_t size;
    if (reeve_args_expect(job, 1, 1) == 0 && reeve_arg_value(job, 0, &value, &size) == 0)
        reeve_reply_value(job, value, size);
}

static int read_ms(struct reeve_job *job, int64_t *ms)
{
    if (reeve_args_expect(job, 1, 1) || reeve_arg_int(job, 0, ms))
        return -1;
    if (*ms >= 0 && *ms <= MS_MAX)
        return 0;
    reeve_fail(job, "MS must be from 0 to %d", MS_MAX);
    return -1;
}

static void sleep_ms(struct reeve_job *job)
{
    int64_t ms;
    if (read_ms(job, &ms))
        return;
    int64_t end_us = clock_us() + ms * 1000;
    for (int64_t left_us; (left_us = end_us - clock_us()) > 0;) {
        if (reeve_cancelled(job)) {
            reeve_fail(job, "cancelled");
            return;
        }
        int64_t slice_us = left_us < SLICE_MS * 1000 ? left_us : SLICE_MS * 1000;
        struct timespec slice = {.tv_nsec = slice_us * 1000};
        /* Woken early by a signal: the loop looks at the clock again. */
        clock_nanosleep(CLOCK_MONOTONIC, 0, &slice, NULL);
    }
    reeve_reply_nil(job);
}

static int64_t used_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void spin(struct reeve_job *job)
{
    int64_t ms;
    if (read_ms(job, &ms))
        return;
    for (int64_t end_us = used_us() + ms * 1000; used_us() < end_us;) {
        if (reeve_cancelled(job)) {
            reeve_fail(job, "cancelled");
            return;
        }
    }
    reeve_reply_nil(job);
}

static void fail(struct reeve_job *job)
{
    const char *text = "failed as asked";
    if (reeve_arg_count(job) == 0 || reeve_arg_words(job, 0, &text) == 0)
        reeve_fail(job, "%s", text);
}

/* --- the session ---------------------------------------------------------------------------- */

struct progress { /* kept as an array of three */
    uint64_t done, pause_ms, count;
};

/* Iterations have the state, the first one has the session's arguments instead. */
static int progress_read(struct reeve_job *job, struct progress *p)
{
    const void *value;
    size_t size;
    if (reeve_args_expect(job, 2, 2) || reeve_arg_value(job, 0, &value, &size))
        return -1;
    struct cursor c = cursor_of(bytes_of(value, size));
    *p = (struct progress){0};
    if (cursor_peek(&c) == PACK_ARRAY && cursor_array(&c) == 3) {
        p->done = cursor_uint(&c);
        p->pause_ms = cursor_uint(&c);
        p->count = cursor_uint(&c);
    } else if (reeve_arg_value(job, 1, &value, &size)) {
        return -1;
    } else {
        c = cursor_of(bytes_of(value, size));
        uint32_t words = cursor_array(&c);
        p->pause_ms = words > 0 ? cursor_uint(&c) : 0;
        p->count = words > 1 ? cursor_uint(&c) : 0;
    }
    if (cursor_ok(&c) && p->pause_ms <= MS_MAX)
        return 0;
    reeve_fail(job, "bench.iterate wants PAUSE_MS, 0 to %d, and COUNT", MS_MAX);
    return -1;
}

static void iterate(struct reeve_job *job)
{
    struct progress p;
    if (progress_read(job, &p))
        return;
    p.done++;
    struct buf out = {0};
    pack_map(&out, 1);
    pack_text(&out, "iterations");
    pack_uint(&out, p.done);
    reeve_session_view(job, out.data, out.size);
    buf_clear(&out);
    if (p.done == p.count) {
        pack_uint(&out, p.done);
        reeve_session_done(job, out.data, out.size);
    } else {
        pack_array(&out, 3);
        pack_uint(&out, p.done);
        pack_uint(&out, p.pause_ms);
        pack_uint(&out, p.count);
        reeve_session_state(job, out.data, out.size);
        reeve_session_continue(job, p.pause_ms);
    }
    buf_fini(&out);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"bench.noop", noop},
                                                    {"bench.echo", echo},
                                                    {"bench.sleep", sleep_ms},
                                                    {"bench.spin", spin},
                                                    {"bench.fail", fail},
                                                    {"bench.iterate", iterate},
                                                    {0}};
    return reeve_serve(handlers, argc, argv);
}
