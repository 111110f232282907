/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-rate: what a decision of the broker's core costs, and how well it keeps slots busy. The
 * core is the real one, workers (crowd.h) and the client are cheap, time is virtual and the broker
 * takes none of it; what is measured is the processor's time within broker_step, and broker_expect
 * for a batch of events, of which there are as many as the shell takes messages at once.
 *
 *     reeve-rate --workers 10000 --slots 16 --job-us 100000 --jobs 10000000
 *     reeve-rate --window 20000             at most so many jobs in the broker at once
 *     reeve-rate --parked 10000000          beside jobs that wait in a held queue
 *     reeve-rate --idle 1000                beside workers that wait for jobs of another queue
 *     reeve-rate --lone 10000               beside queues with a job each that nobody offers
 *     reeve-rate --queues 10000             jobs for so many queues in turns
 *
 * `step_us` is what one step took in which a worker said something or time went on: one decision.
 * A job that runs for long takes two of them, for its worker says that it runs and what came of it.
 * `decide_us` is what a job took of them all together: the lease, the word that it runs, the
 * result, its acknowledgement to the worker and the end told to the client. `submit_us` is what the
 * client's words took, a job: the submission, its acceptance and the acknowledgement of the result.
 * `job_us` is the sum. What reading the clock takes (`clock_us`) is the tool's own and is not in
 * them. The makespan is told as a multiple of the ideal: all run times, shared out among the slots.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/must.h"
#include "common/options.h"
#include "producer/client/acks.h"
#include "producer/core/broker.h"
#include "tests/sim/crowd.h"

enum {
    WAY_US = 100, /* from a worker to the broker, and back */
    BATCH = 32,   /* events between two looks at the clock; INBOX_LETTERS */
    SUBMIT_JOBS = 250,
    START_MS = 1000
};

static const struct option rows[] = {
    {"workers", OPTION_NUMBER, "N", "workers; 100", 1, 10000},
    {"slots", OPTION_NUMBER, "N", "of each; 16", 1, 1024},
    {"job-us", OPTION_NUMBER, "US", "what a job takes, 10 % more or less; 1000", 1, 1000000000},
    {"jobs", OPTION_NUMBER, "N", "1000000", 1, 100000000},
    {"window", OPTION_NUMBER, "N", "jobs in the broker at once; all", 1, INT64_MAX},
    {"parked", OPTION_NUMBER, "N", "jobs that wait in a held queue; 0", 0, 100000000},
    {"idle", OPTION_NUMBER, "N", "workers of another queue, which is empty; 0", 0, 10000},
    {"lone", OPTION_NUMBER, "N", "queues with a job each that nobody offers; 0", 0, 100000},
    {"queues", OPTION_NUMBER, "N", "queues that jobs are for in turns; 1", 1, 100000},
    {"durable", OPTION_FLAG, NULL, "jobs are kept, by a store that takes no time", 0, 0},
    {"makespan-max", OPTION_REAL, "X", "fail when it is longer than that", 0, 0},
    {"decide-us-max", OPTION_REAL, "US", "fail when a decision costs more", 0, 0},
    {"seed", OPTION_NUMBER, "N", "1", 0, INT64_MAX},
    {NULL, OPTION_FLAG, NULL, NULL, 0, 0}};

/* Whose words a batch is made of: their costs are told apart. */
enum side { SIDE_NOBODY, SIDE_CLIENT, SIDE_WORKERS };

struct rate {
    struct broker *broker;
    struct crowd crowd;
    uint64_t workers, idle, queues, window, jobs;
    uint64_t before; /* jobs that only wait */
    bool durable;
    int64_t now_us;
    /* the batch */
    enum side side;
    struct event events[BATCH];
    struct buf bodies[BATCH];
    struct effects effects[BATCH];
    unsigned count;
    int64_t at_us[BATCH];         /* when it was said */
    int64_t cost_ns[3], clock_ns; /* by side; of reading the clock around a batch */
    uint64_t steps[3];
    /* the client */
    uint64_t number, ended, acked, last_seq;
    struct acks acks;
    struct buf words;
};

/* Peers: the workers first, then the idle ones, then the client. */
static uint64_t client_peer(const struct rate *r)
{
    return r->workers + r->idle + 1;
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What the clock says when nothing lies between: the least of many, for anything may come between.
 */
static int64_t clock_cost_ns(void)
{
    enum { ROUNDS = 1000 };
    int64_t least_ns = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start_ns = cpu_ns(), took_ns = cpu_ns() - start_ns;
        if (took_ns < least_ns)
            least_ns = took_ns;
    }
    return least_ns;
}

/* --- events ----------------------------------------------------------------------------------- */

static void hear(struct rate *r, const struct effects *fx, const struct effect *e, int64_t at_us)
{
    struct cursor c = cursor_of(effect_bytes(fx, e));
    struct record m;
    if (e->type != FX_SEND) {
        if (e->seq > r->last_seq)
            r->last_seq = e->seq;
        return;
    }
    must(record_get(&c, &m) == OK && cursor_done(&c));
    if (m.type == REC_error) {
        fprintf(stderr, "reeve-rate: the core refuses: %.*s\n", BYTES_ARG(m.error.text));
        exit(1);
    }
    if (e->peer < client_peer(r)) {
        hand_hears(&r->crowd, &r->crowd.hands[e->peer - 1], at_us, &m);
    } else if (m.type == REC_ended) {
        must(m.ended.state == JOB_OK);
        r->ended++;
        if (!acks_add(&r->acks, m.ended.number)) {
            acks_put(&r->acks, 0, &r->words);
            must(acks_add(&r->acks, m.ended.number));
        }
    }
}

static void batch_run(struct rate *r)
{
    int64_t start_ns = cpu_ns();
    broker_expect(r->broker, r->events, r->count);
    for (unsigned i = 0; i < r->count; i++)
        broker_step(r->broker, &r->events[i], &r->effects[i]);
    r->cost_ns[r->side] += cpu_ns() - start_ns - r->clock_ns;
    r->steps[r->side] += r->count;
    unsigned count = r->count;
    r->count = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct effects *fx = &r->effects[i];
        for (size_t k = 0; k < fx->count; k++)
            hear(r, fx, &fx->list[k], r->at_us[i] + 2 * WAY_US);
        buf_clear(&r->bodies[i]);
    }
}

static struct event *event_add(struct rate *r, enum side side, enum event_type type)
{
    if (r->count == BATCH || (r->count && r->side != side))
        batch_run(r);
    r->side = side;
    r->at_us[r->count] = r->now_us;
    int64_t ms = START_MS + (r->now_us + WAY_US) / 1000;
    struct event *ev = &r->events[r->count++];
    *ev = (struct event){.type = type, .now_ms = ms, .wall_ms = ms};
    return ev;
}

/* The bytes are put into the buffer that is returned; event_said closes it. */
static struct buf *event_says(struct rate *r, enum side side, uint64_t peer)
{
    struct event *ev = event_add(r, side, EV_BODY);
    ev->body.peer = peer;
    ev->body.port = peer == client_peer(r) ? PORT_CLIENTS : PORT_WORKERS;
    return &r->bodies[r->count - 1];
}

static void event_said(struct rate *r)
{
    r->events[r->count - 1].body.bytes = buf_bytes(&r->bodies[r->count - 1]);
}

static void says(struct rate *r, uint64_t peer, const struct record *m)
{
    enum side side = peer == client_peer(r) ? SIDE_CLIENT : SIDE_WORKERS;
    record_put(event_says(r, side, peer), m);
    event_said(r);
}

/* --- those who come first --------------------------------------------------------------------- */

static struct bytes queue_name(char *text, size_t size, const char *head, uint64_t n)
{
    snprintf(text, size, "%s.q%" PRIu64, head, n);
    return bytes_text(text);
}

static void hello(struct rate *r, uint64_t peer, enum role role, uint64_t slots)
{
    char peer_id[PEER_ID_BYTES] = {0}, name[24];
    snprintf(name, sizeof name, "w%" PRIu64, peer);
    memcpy(peer_id, &peer, sizeof peer);
    says(r, peer,
         &(struct record){.type = REC_hello,
                          .hello = {.version_min = PROTOCOL_VERSION,
                                    .version_max = PROTOCOL_VERSION,
                                    .role = role,
                                    .peer_id = bytes_of(peer_id, sizeof peer_id),
                                    .name = bytes_text(name),
                                    .slots = slots}});
}

/* As many queues as one may offer, in turns; the idle ones offer one that stays empty. */
static void worker_joins(struct rate *r, uint64_t peer)
{
    bool idle = peer > r->workers;
    char name[32];
    hello(r, peer, ROLE_WORKER, r->crowd.slots);
    uint64_t offers = idle ? 1 : r->queues < OFFERS_MAX ? r->queues : OFFERS_MAX;
    for (uint64_t i = 0; i < offers; i++) {
        uint64_t n = idle ? 0 : (peer * OFFERS_MAX + i) % r->queues;
        struct bytes queue = queue_name(name, sizeof name, idle ? "idle" : "work", n);
        says(r, peer, &(struct record){.type = REC_offer, .offer = {.queue = queue}});
    }
    says(r, peer, &(struct record){.type = REC_ready});
}

/* --- the client ------------------------------------------------------------------------------- */

static void submit(struct rate *r, const char *head, uint64_t queue)
{
    char name[32];
    struct buf args = {0};
    pack_array(&args, 1);
    pack_uint(&args, ++r->number);
    put_submit(&r->words,
               &(struct msg_submit){.number = r->number,
                                    .queue = queue_name(name, sizeof name, head, queue),
                                    .args = buf_bytes(&args),
                                    .flags = SUBMIT_WAIT_FOR_HANDLER,
                                    .durability = r->durable ? CLASS_DURABLE : CLASS_RECEIVED});
    buf_fini(&args);
}

static void client_says(struct rate *r)
{
    buf_put(event_says(r, SIDE_CLIENT, client_peer(r)), r->words.data, r->words.size);
    event_said(r);
    buf_clear(&r->words);
}

static void submit_many(struct rate *r, const char *head, uint64_t count, uint64_t queues)
{
    for (uint64_t i = 0; i < count; i++) {
        submit(r, head, r->number % queues);
        if (i % SUBMIT_JOBS == SUBMIT_JOBS - 1 || i == count - 1)
            client_says(r);
    }
}

/* Room in the window is used when a body's worth has gathered; results are acknowledged as often.
 */
static void client_turn(struct rate *r)
{
    uint64_t submitted = r->number - r->before;
    uint64_t room = r->window - (submitted - r->ended), left = r->jobs - submitted;
    uint64_t gone = r->ended - r->acked;
    if (gone >= SUBMIT_JOBS || (gone && r->ended == r->jobs)) {
        acks_put(&r->acks, 0, &r->words);
        r->acked = r->ended;
        client_says(r);
    }
    if (left && (room >= SUBMIT_JOBS || room >= left))
        submit_many(r, "work", room < left ? room : left, r->queues);
}

/* --- the run ---------------------------------------------------------------------------------- */

static void stored(struct rate *r)
{
    if (!r->durable || !r->last_seq)
        return;
    event_add(r, r->side, EV_STORED)->stored.seq = r->last_seq;
    r->last_seq = 0;
}

/* Whatever is said before an answer to the first word can arrive goes into one batch. */
static void workers_turn(struct rate *r)
{
    int64_t at_us = 0, until_us = INT64_MAX;
    for (struct hand *h; r->count < BATCH && (h = crowd_next(&r->crowd, &at_us));) {
        if (at_us >= until_us)
            break;
        if (at_us > r->now_us)
            r->now_us = at_us;
        if (until_us == INT64_MAX)
            until_us = r->now_us + 2 * WAY_US;
        hand_speaks(&r->crowd, h, r->now_us, event_says(r, SIDE_WORKERS, h->index + 1));
        event_said(r);
    }
}

/* Who is there before the jobs come; none of that is measured. */
static void gather(struct rate *r, uint64_t parked, uint64_t lone)
{
    struct bytes held = bytes_text("parked.q0");
    event_add(r, SIDE_NOBODY, EV_SERVE);
    for (uint64_t i = 1; i < client_peer(r); i++)
        worker_joins(r, i);
    hello(r, client_peer(r), ROLE_CLIENT, 0);
    submit_many(r, "parked", parked, 1);
    submit_many(r, "lone", lone, lone);
    r->before = parked + lone;
    if (parked)
        says(r, client_peer(r), &(struct record){.type = REC_hold, .hold = {1ull << 48, held}});
    batch_run(r);
    stored(r);
    batch_run(r);
    memset(r->cost_ns, 0, sizeof r->cost_ns);
    memset(r->steps, 0, sizeof r->steps);
}

static void run(struct rate *r)
{
    int64_t began_us = r->now_us;
    while (r->ended < r->jobs) {
        client_turn(r);
        if (broker_deadline(r->broker) <= START_MS + r->now_us / 1000)
            event_add(r, SIDE_WORKERS, EV_TICK);
        workers_turn(r);
        batch_run(r);
        stored(r);
    }
    r->now_us -= began_us;
}

static int tell(const struct rate *r, const struct options *o)
{
    const struct crowd *c = &r->crowd;
    struct broker_totals totals;
    broker_totals(r->broker, &totals);
    must(totals.executions == r->jobs && !totals.lease_losses);
    double ideal_us = (double)c->run_us / (double)(r->workers * c->slots);
    double makespan = (double)r->now_us / ideal_us, jobs = (double)r->jobs;
    double submit_us = (double)r->cost_ns[SIDE_CLIENT] / jobs / 1e3;
    double decide_us = (double)r->cost_ns[SIDE_WORKERS] / (double)c->begun / 1e3;
    uint64_t steps = r->steps[SIDE_WORKERS];
    double step_us = (double)r->cost_ns[SIDE_WORKERS] / (double)steps / 1e3;
    double job_us = submit_us + decide_us;
    printf("jobs=%" PRIu64 " leases=%" PRIu64 " steps=%" PRIu64 " virtual_s=%.3f makespan=%.4f "
           "step_us=%.3f submit_us=%.3f decide_us=%.3f job_us=%.3f clock_us=%.3f jobs_s=%.0f\n",
           r->jobs, c->begun, steps, (double)r->now_us / 1e6, makespan, step_us, submit_us,
           decide_us, job_us, (double)r->clock_ns / 1e3, 1e6 / job_us);
    if (makespan <= options_real(o, "makespan-max", makespan) &&
        decide_us <= options_real(o, "decide-us-max", decide_us))
        return 0;
    fprintf(stderr, "reeve-rate: more than was allowed\n");
    return 1;
}

static int measure(const struct options *o)
{
    uint64_t seed = (uint64_t)options_number(o, "seed", 1);
    uint64_t parked = (uint64_t)options_number(o, "parked", 0);
    uint64_t lone = (uint64_t)options_number(o, "lone", 0);
    struct rate r = {.workers = (uint64_t)options_number(o, "workers", 100),
                     .idle = (uint64_t)options_number(o, "idle", 0),
                     .queues = (uint64_t)options_number(o, "queues", 1),
                     .window = (uint64_t)options_number(o, "window", INT64_MAX),
                     .jobs = (uint64_t)options_number(o, "jobs", 1000000),
                     .durable = options_flag(o, "durable", false),
                     .clock_ns = clock_cost_ns()};
    struct broker_options options = {
        .seed = seed,
        .incarnation = 1,
        .durable = r.durable,
        .now_ms = START_MS,
        .wall_ms = START_MS,
        .limits = {.jobs_max = parked + lone + r.jobs, .workers_max = r.workers + r.idle}};
    r.broker = broker_new(&options);
    crowd_init(&r.crowd, (unsigned)(r.workers + r.idle), (unsigned)options_number(o, "slots", 16),
               options_number(o, "job-us", 1000), seed);
    gather(&r, parked, lone);
    run(&r);
    int rc = tell(&r, o);
    crowd_fini(&r.crowd);
    broker_free(r.broker);
    for (unsigned i = 0; i < BATCH; i++) {
        buf_fini(&r.bodies[i]);
        effects_fini(&r.effects[i]);
    }
    buf_fini(&r.words);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    options_add(&o, rows);
    int rc = options_parse(&o, OPTIONS_ANYWHERE, argc - 1, argv + 1);
    if (rc)
        fprintf(stderr, "reeve-rate: %s\n", o.error);
    rc = rc ? 2 : measure(&o);
    options_fini(&o);
    return rc;
}
