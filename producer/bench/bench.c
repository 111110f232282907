/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/bench.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"
#include "producer/client/ask.h"

enum { TICK_MS = 200, STATUS_MS = 5000 };

/* --- the broker's own counts ---------------------------------------------------------------- */

static void keep_status(void *user, const struct record *answer)
{
    if (answer->type == REC_status)
        *(struct msg_status *)user = answer->status;
}

static int ask_status(struct reeve_client *c, struct msg_status *out)
{
    struct record request = {.type = REC_get_status};
    return client_ask(c, &request, keep_status, out, STATUS_MS);
}

/* An execution more than there were jobs and lost leases ran a job twice: the client cannot see
 * that, the library hands over each result once. Iterations are executions too, and go on. */
static void compare_executions(struct bench *b)
{
    struct tally *t = &b->report->tally;
    uint64_t submitted = b->after.submitted - b->before.submitted;
    uint64_t executions = b->after.executions - b->before.executions;
    uint64_t losses = b->after.lease_losses - b->before.lease_losses;
    b->report->compared = submitted == t->submitted && t->lost == 0 &&
                          b->after.incarnation == b->before.incarnation && b->before.live == 0;
    if (b->report->compared && executions > submitted + losses)
        t->duplicated += executions - submitted - losses;
}

static double process_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* --- gathering ------------------------------------------------------------------------------ */

static void take_window(struct bench *b, struct bench_window *w)
{
    struct report *r = b->report;
    for (size_t i = 0; i < r->mix->count; i++) {
        if (w->latency[i].count == 0)
            continue;
        histogram_merge(&r->latency[i], &w->latency[i]);
        histogram_merge(&r->latency[r->mix->count], &w->latency[i]);
        histogram_merge(b->recent, &w->latency[i]);
        w->latency[i] = (struct histogram){0};
    }
}

/* What was gathered is a tick that ended at end_ns. */
static void end_tick(struct bench *b, int64_t end_ns)
{
    series_add(&b->report->series, (double)(end_ns - b->start_ns) / 1e9, b->recent->count,
               histogram_percentile(b->recent, 0.99));
    *b->recent = (struct histogram){0};
}

/* The windows that were changed since the last wish end with it, near enough. A client to which
 * nothing came since has not changed its own, and there is nothing in it that is new. */
static void tick(struct bench *b, int64_t now_ns)
{
    for (size_t i = 0; i < b->options.clients; i++) {
        struct bench_client *c = &b->clients[i];
        if (atomic_load_explicit(&c->wanted, memory_order_acquire))
            continue;
        take_window(b, c->shown);
        atomic_store_explicit(&c->wanted, true, memory_order_release);
    }
    if (b->wish_ns > b->start_ns)
        end_tick(b, b->wish_ns);
    b->wish_ns = now_ns;
}

/* The clients have ended: both windows of each are whole. */
static void gather_rest(struct bench *b)
{
    int64_t last_ns = b->report->tally.last_ns;
    for (size_t i = 0; i < b->options.clients; i++)
        take_window(b, b->clients[i].shown);
    if (b->wish_ns > b->start_ns && b->wish_ns < last_ns)
        end_tick(b, b->wish_ns);
    for (size_t i = 0; i < b->options.clients; i++)
        take_window(b, b->clients[i].filled);
    if (b->recent->count)
        end_tick(b, last_ns);
}

static void draw(const struct bench *b, int64_t now_ns)
{
    const struct series *s = &b->report->series;
    const struct tick *last = s->count ? &s->ticks[s->count - 1] : NULL;
    char p99[LATENCY_TEXT];
    if (!b->live || !last)
        return;
    fprintf(stderr, "\r%.1f s  %" PRIu64 " jobs  %.0f/s  p99 %s\033[K",
            (double)(now_ns - b->start_ns) / 1e9, report_latency(b->report)->count, tick_rate(last),
            latency_text((double)last->p99_ns, p99));
}

/* --- running -------------------------------------------------------------------------------- */

static void *run_client(void *user)
{
    struct bench_client *c = user;
    bench_client_run(c);
    must(eventfd_write(c->ended_fd, 1) == 0);
    return NULL;
}

static int begin_clients(struct bench *b)
{
    const struct bench_options *o = &b->options;
    b->clients = must_alloc(o->clients * sizeof *b->clients);
    for (size_t i = 0; i < o->clients; i++) {
        struct bench_client *c = &b->clients[i];
        c->options = o;
        c->stop = &b->stop;
        c->index = (unsigned)i;
        c->ended_fd = b->ended_fd;
        c->jobs = o->jobs / o->clients + (i < o->jobs % o->clients);
        if (bench_client_init(c)) {
            fprintf(stderr, "reeve-bench: %s\n", c->error);
            return 4;
        }
    }
    return 0;
}

/* Until all threads have ended. */
static void look_on(struct bench *b)
{
    struct pollfd fd = {.fd = b->ended_fd, .events = POLLIN};
    for (eventfd_t ended = 0, more; ended < b->options.clients;) {
        if (poll(&fd, 1, TICK_MS) > 0) {
            must(eventfd_read(b->ended_fd, &more) == 0);
            ended += more;
            continue;
        }
        int64_t now_ns = clock_ns();
        tick(b, now_ns);
        draw(b, now_ns);
    }
    if (b->live)
        fputs("\r\033[K", stderr);
}

/* 0, or the exit status of a failure that has been told. */
static int run_clients(struct bench *b)
{
    double cpu_us = process_cpu_us();
    int status = 0;
    struct tally *sum = &b->report->tally;
    b->start_ns = b->wish_ns = clock_ns();
    for (size_t i = 0; i < b->options.clients; i++) {
        b->clients[i].start_ns = b->start_ns;
        must(pthread_create(&b->threads[i], NULL, run_client, &b->clients[i]) == 0);
    }
    look_on(b);
    for (size_t i = 0; i < b->options.clients; i++) {
        struct bench_client *c = &b->clients[i];
        pthread_join(b->threads[i], NULL);
        tally_add(sum, &c->tally);
        if (c->code && status == 0) {
            fprintf(stderr, "reeve-bench: %s\n", c->error);
            status = c->code == REEVE_EUNREACHABLE ? 4 : 1;
        } else if (c->tally.failed && sum->failed == c->tally.failed) {
            fprintf(stderr, "reeve-bench: jobs failed: %s\n", c->error);
        }
    }
    gather_rest(b);
    if (sum->submitted)
        b->report->client_cpu_us = (process_cpu_us() - cpu_us) / (double)sum->submitted;
    return status;
}

static int run_with_company(struct bench *b)
{
    struct company company;
    struct report *r = b->report;
    int status = 0;
    if (company_begin(&company, &b->company))
        status = 1;
    else
        status = run_clients(b);
    company_end(&company);
    if (company.error[0])
        fprintf(stderr, "reeve-bench: %s\n", company.error);
    r->iterations += company.iterations;
    r->sessions_failed += company.sessions_failed;
    update_tally_add(&r->updates, &company.updates);
    return status;
}

static void fill_in(const struct bench *b, struct report *r)
{
    const struct bench_options *o = &b->options;
    r->offered = o->rate;
    r->arrivals = o->arrivals;
    r->clients = o->clients;
    r->depth = o->depth;
    r->payload_bytes = o->payload_bytes;
    unsigned class = o->job.durability ? o->job.durability : (unsigned)b->before.durability;
    r->durability = durability_name(class);
    r->sessions = b->company.sessions;
    r->subscribers = b->company.subscribers;
}

int bench_run(struct bench *b, struct report *report)
{
    struct reeve_client *c;
    int code = reeve_connect_with(&c, &b->options.farm, (int)b->options.wait_ms);
    if (code) {
        fprintf(stderr, "reeve-bench: %s\n", reeve_error(NULL));
        return code == REEVE_EDENIED ? 5 : 4;
    }
    b->report = report;
    b->recent = must_alloc(sizeof *b->recent);
    b->ended_fd = eventfd(0, EFD_CLOEXEC);
    must(b->ended_fd >= 0);
    int status = 0;
    if (ask_status(c, &b->before)) {
        fprintf(stderr, "reeve-bench: %s\n", reeve_error(c));
        status = 4;
    }
    fill_in(b, report);
    if (status == 0)
        status = begin_clients(b);
    if (status == 0)
        status = run_with_company(b);
    if (status == 0 && ask_status(c, &b->after) == 0)
        compare_executions(b);
    for (size_t i = 0; i < b->options.clients && b->clients; i++)
        if (b->clients[i].options)
            bench_client_fini(&b->clients[i]);
    free(b->clients);
    b->clients = NULL;
    free(b->recent);
    close(b->ended_fd);
    reeve_close(c);
    return status;
}
