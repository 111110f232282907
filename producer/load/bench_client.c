/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/bench_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/must.h"
#include "common/pack.h"

enum { DISPATCH_MS = 100, NUMBER_DIGITS = 16 };

/* A place for one job on its way; used again when the job has ended. */
struct bench_flight {
    struct bench_client *client;
    struct bench_flight *next_free;
    uint64_t submission; /* the library's number of it; 0: carries none */
    uint64_t job;        /* ours */
    int64_t start_ns;
};

/* The job's number in hexadecimal, the client's in front, in as many bytes as there are. */
static void write_payload(const struct bench_client *b, uint64_t job)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = (uint64_t)b->index << 48 | job;
    size_t size = b->options->payload_bytes;
    for (size_t i = 0; i < NUMBER_DIGITS && i < size; i++, number >>= 4)
        b->payload[size - 1 - i] = digits[number & 15];
}

static bool is_echo(const struct bench_client *b, const struct bench_flight *f,
                    const struct reeve_result *r)
{
    write_payload(b, f->job);
    struct cursor c = cursor_of(bytes_of(r->value, r->size));
    return bytes_equal(cursor_str(&c), bytes_of(b->payload, b->options->payload_bytes)) &&
           cursor_ok(&c);
}

static bool wants_more(const struct bench_client *b, int64_t now_ns)
{
    if (b->code || atomic_load_explicit(b->stop, memory_order_relaxed))
        return false;
    if (b->options->for_ns && b->counts.submitted &&
        now_ns - b->counts.first_ns >= b->options->for_ns)
        return false;
    return b->jobs == 0 || b->counts.submitted < b->jobs;
}

static void submit(struct bench_client *b, int64_t now_ns);

/* The next job takes the place of this one at once: what comes behind in the same frame need not be
 * read for others to have work. */
static void on_result(void *user, const struct reeve_result *r)
{
    struct bench_flight *f = user;
    struct bench_client *b = f->client;
    if (f->submission != r->number) {
        b->counts.duplicated++;
        return;
    }
    int64_t now_ns = clock_ns();
    b->counts.last_ns = now_ns;
    histogram_add(b->latency, (uint64_t)(now_ns - f->start_ns));
    if (r->code || r->state != REEVE_JOB_OK) {
        if (b->counts.failed++ == 0)
            snprintf(b->error, sizeof b->error, "%s", r->text ? r->text : "");
    } else if (b->options->echoes && !is_echo(b, f, r)) {
        b->counts.wrong++;
    } else {
        b->counts.ok++;
    }
    f->submission = 0;
    f->next_free = b->free;
    b->free = f;
    b->open--;
    if (wants_more(b, now_ns))
        submit(b, now_ns);
}

/* In a free place, of which there must be one. When it fails b->code says so. */
static void submit(struct bench_client *b, int64_t now_ns)
{
    struct bench_flight *f = b->free;
    f->job = b->counts.submitted;
    write_payload(b, f->job);
    reeve_value_clear(b->args);
    reeve_put_array(b->args, 1);
    reeve_put_text_n(b->args, b->payload, b->options->payload_bytes);
    f->start_ns = now_ns;
    b->code = reeve_submit(b->client, b->options->method, reeve_value_data(b->args),
                           reeve_value_size(b->args), &b->options->job, NULL, on_result, f,
                           &f->submission);
    if (b->code)
        return;
    if (b->counts.submitted++ == 0)
        b->counts.first_ns = now_ns;
    b->free = f->next_free;
    b->open++;
}

/* Until every job has ended; or nothing has come for wait_ms, then the rest is lost. An error ends
 * it in b->code. */
static void loop(struct bench_client *b)
{
    int64_t heard_ns = clock_ns();
    uint64_t heard_count = 0;
    for (;;) {
        for (int64_t now_ns; b->free && wants_more(b, now_ns = clock_ns());)
            submit(b, now_ns);
        if (b->code || b->open == 0)
            return;
        int code = reeve_dispatch(b->client, DISPATCH_MS);
        if (!b->code && code != REEVE_EUNREACHABLE)
            b->code = code;
        if (b->latency->count != heard_count) {
            heard_count = b->latency->count;
            heard_ns = b->counts.last_ns;
        } else if (clock_ns() - heard_ns > b->options->wait_ms * 1000000) {
            b->counts.lost = b->open;
            return;
        }
    }
}

void *bench_client_run(void *user)
{
    struct bench_client *b = user;
    const struct bench_options *o = b->options;
    b->latency = must_alloc(sizeof *b->latency);
    b->payload = must_alloc(o->payload_bytes);
    memset(b->payload, '.', o->payload_bytes);
    b->args = reeve_value_new();
    b->flights = must_alloc(o->depth * sizeof *b->flights);
    for (size_t i = o->depth; i-- > 0;) {
        b->flights[i] = (struct bench_flight){.client = b, .next_free = b->free};
        b->free = &b->flights[i];
    }
    b->code = reeve_connect(&b->client, o->broker, (int)o->wait_ms);
    if (b->code) {
        snprintf(b->error, sizeof b->error, "no broker in reach");
        return NULL;
    }
    loop(b);
    if (b->code)
        snprintf(b->error, sizeof b->error, "%s", reeve_error(b->client));
    reeve_close(b->client);
    return NULL;
}

void bench_client_fini(struct bench_client *b)
{
    free(b->latency);
    free(b->payload);
    free(b->flights);
    reeve_value_free(b->args);
}
