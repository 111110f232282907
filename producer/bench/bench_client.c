/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/bench_client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "common/clock.h"
#include "common/must.h"
#include "common/pack.h"

enum {
    DISPATCH_MS = 100,
    NUMBER_DIGITS = 16,
    TURN_JOBS = 1000,  /* that are handed in before results are looked at */
    SLACK_NS = 1000,   /* how late the kernel may wake an open loop; 50 us unless asked */
    LOOK_BYTES = 4096, /* that pass between two looks at the clock, */
    JOB_BYTES = 128,   /* where a job counts so many beside its values: it takes time, too */
};

/* A place for one job on its way; used again when the job has ended. */
struct bench_flight {
    struct bench_client *client;
    struct bench_flight *next_free;
    uint64_t submission; /* the library's number of it; 0: carries none */
    uint64_t job;        /* ours */
    int64_t start_ns;    /* of an open loop: when it was to be handed in */
    size_t part;         /* of the mix */
};

/* The job's number in hexadecimal, the client's in front, in as many bytes as there are. Only the
 * digits that differ from those that stand there are written: most numbers follow each other. */
static void write_payload(struct bench_client *b, uint64_t job)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = (uint64_t)b->index << 48 | job, differ = number ^ b->payload_number;
    b->payload_number = number;
    for (size_t at = b->options->payload_bytes; differ && at; number >>= 4, differ >>= 4)
        b->payload[--at] = (unsigned char)digits[number & 15];
}

/* The arguments of all jobs without some of their own: only the payload's digits change. */
static void payload_init(struct bench_client *b)
{
    size_t size = b->options->payload_bytes;
    char *payload = must_alloc(size);
    for (size_t i = 0; i < size; i++)
        payload[i] = size - i > NUMBER_DIGITS ? '.' : '0';
    pack_array(&b->args, 1);
    pack_str(&b->args, bytes_of(payload, size));
    b->payload = b->args.data + b->args.size - size;
    free(payload);
}

static bool is_echo(struct bench_client *b, const struct bench_flight *f,
                    const struct reeve_result *r)
{
    write_payload(b, f->job);
    struct cursor c = cursor_of(bytes_of(r->value, r->size));
    return bytes_equal(cursor_str(&c), bytes_of(b->payload, b->options->payload_bytes)) &&
           cursor_ok(&c);
}

static bool is_open_loop(const struct bench_client *b)
{
    return b->options->rate > 0;
}

/* The time of a closed loop begins with its first job, that of an open one with its plan. */
static int64_t begin_ns(const struct bench_client *b)
{
    return is_open_loop(b) || !b->tally.submitted ? b->start_ns : b->tally.first_ns;
}

/* now_ns: of an open loop, when the job in question is due. */
static bool wants_more(const struct bench_client *b, int64_t now_ns)
{
    if (b->code || atomic_load_explicit(b->stop, memory_order_relaxed))
        return false;
    if (b->tally.submitted == b->jobs && b->jobs)
        return false;
    return !b->options->for_ns || now_ns - begin_ns(b) < b->options->for_ns;
}

static int64_t due_ns(const struct bench_client *b)
{
    return b->start_ns + arrivals_next_ns(&b->arrivals);
}

static struct bench_flight *flight_take(struct bench_client *b)
{
    struct bench_flight *f = b->free;
    if (f)
        b->free = f->next_free;
    else if (b->used < b->options->depth)
        f = &b->flights[b->used++];
    return f;
}

static void flight_give(struct bench_client *b, struct bench_flight *f)
{
    f->submission = 0;
    f->next_free = b->free;
    b->free = f;
}

static void on_result(void *user, const struct reeve_result *r);

/* A job in this place, which carries none. False when it failed: then b->code says so. */
static inline bool submit(struct bench_client *b, struct bench_flight *f, int64_t start_ns,
                          int64_t now_ns)
{
    size_t i = mix_draw(&b->options->mix, &b->random);
    const struct mix_part *part = &b->options->mix.parts[i];
    const struct buf *args = part->args.size ? &part->args : &b->args;
    *f = (struct bench_flight){
        .client = b, .job = b->tally.submitted, .start_ns = start_ns, .part = i};
    if (args == &b->args)
        write_payload(b, f->job);
    b->unlooked_bytes += args->size;
    b->code = reeve_submit(b->client, part->method, args->data, args->size, &b->options->job, NULL,
                           on_result, f, &f->submission);
    if (b->code) {
        flight_give(b, f);
        return false;
    }
    if (b->tally.submitted++ == 0)
        b->tally.first_ns = start_ns;
    if (now_ns - start_ns > b->tally.behind_ns)
        b->tally.behind_ns = now_ns - start_ns;
    b->open++;
    return true;
}

/* Results that come in one message are told one right after the other: their time is one look at
 * the clock, at most LOOK_BYTES of jobs old, and with it the time of the jobs that take their
 * places. The first result of a turn, behind which there may have been a wait, has a look of its
 * own. */
static int64_t time_of(struct bench_client *b, const struct reeve_result *r)
{
    b->unlooked_bytes += JOB_BYTES + r->size;
    if (!b->told || b->unlooked_bytes >= LOOK_BYTES) {
        b->now_ns = clock_ns();
        b->unlooked_bytes = 0;
        b->told = true;
    }
    return b->now_ns;
}

static void count_latency(struct bench_client *b, const struct bench_flight *f, int64_t now_ns)
{
    if (atomic_load_explicit(&b->wanted, memory_order_acquire)) {
        struct bench_window *filled = b->filled;
        b->filled = b->shown;
        b->shown = filled;
        atomic_store_explicit(&b->wanted, false, memory_order_release);
    }
    histogram_add(&b->filled->latency[f->part], (uint64_t)(now_ns - f->start_ns));
}

/* In a closed loop the next job takes the place of this one at once: what comes behind in the same
 * frame need not be read for others to have work. */
static void on_result(void *user, const struct reeve_result *r)
{
    struct bench_flight *f = user;
    struct bench_client *b = f->client;
    if (f->submission != r->number) {
        b->tally.duplicated++;
        return;
    }
    int64_t now_ns = time_of(b, r);
    count_latency(b, f, now_ns);
    tally_order(&b->tally, &b->newest, f->job);
    if (r->code || r->state != REEVE_JOB_OK) {
        if (b->tally.failed++ == 0)
            snprintf(b->error, sizeof b->error, "%s", r->text ? r->text : "");
    } else if (b->options->mix.parts[f->part].echoes && !is_echo(b, f, r)) {
        b->tally.wrong++;
    } else {
        b->tally.ok++;
    }
    b->open--;
    if (!is_open_loop(b) && wants_more(b, now_ns))
        submit(b, f, now_ns, now_ns);
    else
        flight_give(b, f);
}

/* False when all places carry jobs, or it failed. */
static bool submit_one(struct bench_client *b, int64_t start_ns, int64_t now_ns)
{
    struct bench_flight *f = flight_take(b);
    return f && submit(b, f, start_ns, now_ns);
}

static void submit_ahead(struct bench_client *b)
{
    for (int64_t now_ns; wants_more(b, now_ns = clock_ns());)
        if (!submit_one(b, now_ns, now_ns))
            return;
}

/* What is due by now, a turn's worth of it. */
static void submit_due(struct bench_client *b)
{
    int64_t now_ns = clock_ns();
    for (int i = 0; i < TURN_JOBS && due_ns(b) <= now_ns && wants_more(b, due_ns(b)); i++) {
        if (!submit_one(b, due_ns(b), now_ns))
            return;
        arrivals_take(&b->arrivals);
    }
}

/* Until something comes or the next job is due. */
static void wait_due(const struct bench_client *b)
{
    int64_t wait_ns = DISPATCH_MS * INT64_C(1000000), now_ns = clock_ns();
    if (b->open < b->options->depth && wants_more(b, due_ns(b)) && due_ns(b) - now_ns < wait_ns)
        wait_ns = due_ns(b) - now_ns;
    if (wait_ns <= 0)
        return;
    struct pollfd fd = {.fd = reeve_fd(b->client), .events = POLLIN};
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    ppoll(&fd, 1, &wait, NULL); /* a signal ends the wait too */
}

static void turn(struct bench_client *b)
{
    int code;
    b->told = false;
    if (is_open_loop(b)) {
        wait_due(b);
        submit_due(b);
        code = reeve_dispatch(b->client, 0);
    } else {
        submit_ahead(b);
        code = b->open ? reeve_dispatch(b->client, DISPATCH_MS) : REEVE_OK;
    }
    if (b->told)
        b->tally.last_ns = clock_ns();
    if (!b->code && code != REEVE_EUNREACHABLE)
        b->code = code;
}

static bool is_over(const struct bench_client *b)
{
    return b->code || (b->open == 0 && !wants_more(b, is_open_loop(b) ? due_ns(b) : clock_ns()));
}

/* Until every job has ended; or nothing has come for wait_ms, then the rest is lost. */
void bench_client_run(struct bench_client *b)
{
    int64_t heard_ns = clock_ns(), last_ns = 0;
    if (is_open_loop(b))
        prctl(PR_SET_TIMERSLACK, SLACK_NS);
    while (!is_over(b)) {
        turn(b);
        if (b->tally.last_ns != last_ns || b->open == 0) {
            last_ns = b->tally.last_ns;
            heard_ns = clock_ns();
        } else if (clock_ns() - heard_ns > b->options->wait_ms * 1000000) {
            b->tally.lost = b->open;
            break;
        }
    }
    if (b->code)
        snprintf(b->error, sizeof b->error, "%s", reeve_error(b->client));
    reeve_close(b->client);
    b->client = NULL;
}

int bench_client_init(struct bench_client *b)
{
    const struct bench_options *o = b->options;
    for (size_t i = 0; i < LENGTH(b->windows); i++)
        b->windows[i].latency = must_alloc(o->mix.count * sizeof *b->windows[i].latency);
    b->filled = &b->windows[0];
    b->shown = &b->windows[1];
    payload_init(b);
    b->flights = must_alloc(o->depth * sizeof *b->flights);
    b->random.state = o->seed ^ b->index * UINT64_C(0x9e3779b97f4a7c15);
    if (is_open_loop(b))
        arrivals_init(&b->arrivals, o->arrivals, o->rate / (double)o->clients,
                      (double)b->index / (double)o->clients, random_next(&b->random));
    b->code = reeve_connect_with(&b->client, &o->farm, (int)o->wait_ms);
    if (b->code)
        snprintf(b->error, sizeof b->error, "no broker in reach");
    return b->code;
}

void bench_client_fini(struct bench_client *b)
{
    reeve_close(b->client);
    for (size_t i = 0; i < LENGTH(b->windows); i++)
        free(b->windows[i].latency);
    free(b->flights);
    buf_fini(&b->args);
}
