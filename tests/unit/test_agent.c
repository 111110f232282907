/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's core, step by step: what the broker, the runners and the clock do on the left, what
 * the agent makes of it on the right. A simulated shell (struct world) runs what it orders only as
 * far as a test says so.
 */
#include "consumer/core/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/random.h"
#include "tests/unit/check.h"

static const char *const alpha_methods[] = {"alpha.run", "alpha.other"};
static const char *const beta_methods[] = {"beta.run"};
static const struct agent_program programs[] = {
    {.name = "alpha", .methods = alpha_methods, .method_count = 2},
    {.name = "beta", .methods = beta_methods, .method_count = 1}};
enum { ALPHA, ALPHA_OTHER, BETA }; /* offers */
enum { BETA_PROGRAM = 1 };

enum { MS = 1000, RUNNERS_MAX = 8, MIB = 1024 };

struct world {
    struct agent *agent;
    struct agent_effects effects;
    int64_t now_us;
    unsigned pids;
    /* What the shell's pages would hold. */
    uint32_t limit[RUNNERS_MAX], started[RUNNERS_MAX], taken[RUNNERS_MAX];
    struct buf text; /* effects since the last expect, a line each */
};

static struct agent_event event(struct world *w, enum agent_event_type type, unsigned runner)
{
    return (struct agent_event){.type = type, .runner = runner, .now_us = w->now_us};
}

static void step(struct world *w, struct agent_event e)
{
    agent_step(w->agent, &e, &w->effects);
    if (e.type == AGENT_TICK)
        agent_audit(w->agent);
}

/* --- effects as text ------------------------------------------------------------------------ */

/* Of {"done": N}. */
static uint64_t done_of(struct bytes map)
{
    struct cursor c = cursor_of(map);
    CHECK_EQ(cursor_map(&c), 1);
    CHECK_BYTES(cursor_str(&c), bytes_text("done"));
    return cursor_uint(&c);
}

static void print_record(struct world *w, const struct record *r)
{
    char reason[48];
    struct buf *b = &w->text;
    switch (r->type) {
    case REC_offer: buf_printf(b, "> offer %.*s\n", BYTES_ARG(r->offer.queue)); break;
    case REC_holding: buf_printf(b, "> holding %" PRIu64 "\n", r->holding.id); break;
    case REC_started: buf_printf(b, "> started %" PRIu64 "\n", r->started.id); break;
    case REC_returned: buf_printf(b, "> returned %" PRIu64 "\n", r->returned.id); break;
    case REC_result:
        buf_printf(b, "> result #%" PRIu64 " %" PRIu64 " %s", r->result.number, r->result.id,
                   r->result.reason
                       ? reason_text((unsigned)r->result.reason, (unsigned)r->result.detail, reason)
                       : "ok");
        if (r->result.peak_kib)
            buf_printf(b, " peak %" PRIu64, r->result.peak_kib);
        if (r->result.last_lines.size)
            buf_printf(b, " \"%.*s\"", BYTES_ARG(r->result.last_lines));
        buf_printf(b, "\n");
        break;
    case REC_slot_state:
        buf_printf(b, "> slot %" PRIu64 " %s pid %" PRIu64 " job %" PRIu64 "\n",
                   r->slot_state.index, slot_state_name((unsigned)r->slot_state.state),
                   r->slot_state.pid, r->slot_state.job);
        break;
    case REC_progress:
        buf_printf(b, "> progress %" PRIu64 " t%" PRIu64 " %" PRIu64 "\n", r->progress.id,
                   r->progress.token, done_of(r->progress.value));
        break;
    case REC_beat:
    case REC_pong: break;
    default: buf_printf(b, "> %s\n", record_name(r->type));
    }
}

static void print_effect(struct world *w, const struct agent_effect *e, struct bytes bytes)
{
    char reason[48];
    struct buf *b = &w->text;
    struct cursor c = cursor_of(bytes);
    struct record r = {.type = REC_NONE};
    switch (e->type) {
    case AGENT_SEND:
        while (!cursor_done(&c)) {
            CHECK_EQ(record_next(&c, &r), OK);
            print_record(w, &r);
        }
        break;
    case AGENT_RESET: buf_printf(b, "reset\n"); break;
    case AGENT_REOPEN: buf_printf(b, "reopen\n"); break;
    case AGENT_SPAWN: buf_printf(b, "spawn %u %s\n", e->runner, programs[e->program].name); break;
    case AGENT_KILL: buf_printf(b, "kill %u signal %u\n", e->runner, e->number); break;
    case AGENT_PUSH:
        for (uint32_t n = 0; n < e->push_count; n++)
            buf_printf(b, "push %u #%u job %" PRIu64 "\n", e->runner, e->number + n,
                       w->effects.pushes[e->pushes + n].id);
        break;
    case AGENT_RECALL: buf_printf(b, "recall %u from #%u\n", e->runner, e->number); break;
    case AGENT_LISTEN: buf_printf(b, "listen %u%s\n", e->runner, e->number ? " again" : ""); break;
    case AGENT_FLAG: buf_printf(b, "flag %u #%u\n", e->runner, e->number); break;
    case AGENT_LOCAL_DONE:
        buf_printf(b, "local %u %s\n", e->number,
                   e->reason ? reason_text(e->reason, e->detail, reason) : "ok");
        break;
    case AGENT_QUIT: buf_printf(b, "quit %u\n", e->number); break;
    case AGENT_TRACE: break; /* for people */
    }
}

/* Carries out what pages do by themselves: pushes and recalls. */
static void settle(struct world *w)
{
    for (size_t i = 0; i < w->effects.count; i++) {
        struct agent_effect e = w->effects.at[i];
        print_effect(w, &e, agent_effect_bytes(&w->effects, i));
        if (e.type == AGENT_SPAWN)
            w->limit[e.runner] = w->started[e.runner] = w->taken[e.runner] = 0;
        if (e.type == AGENT_PUSH) {
            CHECK_EQ(w->limit[e.runner], e.number);
            w->limit[e.runner] += (uint32_t)e.push_count;
        }
        if (e.type != AGENT_RECALL)
            continue;
        uint32_t *limit = &w->limit[e.runner], first = e.number;
        if ((int32_t)(w->started[e.runner] - first) > 0)
            first = w->started[e.runner];
        if ((int32_t)(first - *limit) > 0)
            first = *limit;
        *limit = first;
        struct agent_event back = event(w, AGENT_RECALLED, e.runner);
        back.job.number = first;
        step(w, back);
    }
    agent_effects_clear(&w->effects);
}

static void tick(struct world *w)
{
    step(w, event(w, AGENT_TICK, 0));
    settle(w);
}

static void expect_at(struct world *w, const char *file, int line, const char *want)
{
    check_text(file, line, "effects", buf_text(&w->text), want);
    buf_clear(&w->text);
}
#define EXPECT(w, want) (tick(w), expect_at(w, __FILE__, __LINE__, want))

/* Time passes: the agent is woken when it asked for it, and at the end. */
static void pass(struct world *w, int64_t us)
{
    int64_t until_us = w->now_us + us;
    for (int64_t at; (at = agent_deadline(w->agent)) < until_us;) {
        w->now_us = at > w->now_us ? at : w->now_us + 1;
        tick(w);
    }
    w->now_us = until_us;
    tick(w);
}

/* The same, with a broker that is heard all the while. */
static void said(struct world *w, struct record r)
{
    struct agent_event e = event(w, AGENT_BODY, 0);
    struct buf body = {0};
    record_put(&body, &r);
    e.body = buf_bytes(&body);
    step(w, e);
    buf_fini(&body);
}

static void pass_heard(struct world *w, int64_t us)
{
    for (; us > 0; us -= 500 * MS) {
        said(w, (struct record){.type = REC_ping});
        pass(w, us < 500 * MS ? us : 500 * MS);
    }
}

/* --- what happens --------------------------------------------------------------------------- */

static void spawned(struct world *w, unsigned runner)
{
    struct agent_event e = event(w, AGENT_SPAWNED, runner);
    e.pid = ++w->pids;
    step(w, e);
    step(w, event(w, AGENT_READY, runner));
}

/* The runner starts its next jobs, up to number - 1. */
static void starts(struct world *w, unsigned runner, uint32_t number)
{
    struct agent_event e = event(w, AGENT_PROGRESS, runner);
    CHECK((int32_t)(w->limit[runner] - number) >= 0);
    w->started[runner] = e.job.number = number;
    e.job.at_us = w->now_us;
    step(w, e);
}

static void result(struct world *w, unsigned runner, struct agent_result m)
{
    struct agent_event e = event(w, AGENT_RESULTS, runner);
    m.number = w->taken[runner]++;
    e.results.at = &m;
    e.results.count = 1;
    step(w, e);
}

static void ends(struct world *w, unsigned runner, unsigned reason)
{
    if (w->started[runner] == w->taken[runner])
        w->started[runner]++;
    result(w, runner,
           (struct agent_result){.reason = reason, .run_us = 10, .value = bytes_of("\xc0", 1)});
    starts(w, runner, w->started[runner]);
}

static void notes_bytes(struct world *w, unsigned runner, struct bytes value)
{
    struct agent_event e = event(w, AGENT_NOTE, runner);
    e.job.number = w->taken[runner];
    e.job.value = value;
    step(w, e);
}

static void notes(struct world *w, unsigned runner, unsigned char done)
{
    unsigned char map[] = {0x81, 0xa4, 'd', 'o', 'n', 'e', done};
    notes_bytes(w, runner, bytes_of(map, sizeof map));
}

static void dies(struct world *w, unsigned runner, int signal, int status)
{
    struct agent_event e = event(w, AGENT_EXITED, runner);
    e.exit.signal = signal;
    e.exit.status = status;
    step(w, e);
}

static void lease_full(struct world *w, uint64_t id, unsigned offer, uint64_t token,
                       uint64_t timeout_ms)
{
    static const unsigned char none = 0x90;
    said(w, (struct record){.type = REC_lease,
                            .lease = {.id = id,
                                      .token = token,
                                      .offer = offer,
                                      .args = bytes_of(&none, 1),
                                      .timeout_ms = timeout_ms,
                                      .attempt = 1}});
}

static void lease(struct world *w, uint64_t id, unsigned offer)
{
    lease_full(w, id, offer, 1, 0);
}

static void local(struct world *w, uint32_t number, unsigned program)
{
    static const unsigned char none = 0x90;
    struct agent_event e = event(w, AGENT_LOCAL_JOB, 0);
    e.local.number = number;
    e.local.program = program;
    e.local.args = bytes_of(&none, 1);
    step(w, e);
}

static void stop(struct world *w, uint64_t id)
{
    said(w, (struct record){.type = REC_stop,
                            .stop = {.id = id, .token = 1, .reason = REASON_CANCELLED}});
}

static void recall(struct world *w, uint64_t id)
{
    said(w, (struct record){.type = REC_recall, .recall = {.id = id, .token = 1}});
}

static void welcome(struct world *w)
{
    said(w, (struct record){.type = REC_welcome, .welcome = {.version = 1, .incarnation = 3}});
}

static void acked(struct world *w, uint64_t number)
{
    said(w, (struct record){.type = REC_result_ack, .result_ack = {.number = number}});
}

/* With limits of these options. */
static struct world world_with(unsigned slots, unsigned warm, struct agent_options o)
{
    static const unsigned char id[PEER_ID_BYTES] = {1};
    struct world w = {.now_us = 1000000000, .pids = 100};
    o.slots = slots;
    o.programs = programs;
    o.program_count = 2;
    o.name = bytes_text("w1");
    o.host = bytes_text("host");
    o.peer_id = bytes_of(id, sizeof id);
    o.pid = 9;
    o.warm = warm;
    w.agent = agent_new(&o, w.now_us);
    return w;
}

static struct world world_new(unsigned slots, unsigned warm)
{
    return world_with(slots, warm, (struct agent_options){.warm = warm});
}

/* A worker that has joined; alpha's runners are 0, 2, ...; beta's 1, 3, ...; alpha's are up. */
static struct world joined_with(unsigned slots, struct agent_options options)
{
    struct world w = world_with(slots, slots, options);
    step(&w, event(&w, AGENT_CONNECTED, 0));
    tick(&w);
    welcome(&w);
    for (unsigned s = 0; s < slots; s++)
        spawned(&w, s * 2);
    tick(&w);
    pass_heard(&w, 1000 * MS); /* the slots have been told */
    buf_clear(&w.text);
    return w;
}

static struct world joined(unsigned slots)
{
    return joined_with(slots, (struct agent_options){.warm = slots});
}

static void world_free(struct world *w)
{
    agent_free(w->agent);
    agent_effects_fini(&w->effects);
    buf_fini(&w->text);
}

#define HELLO(holding)                                                                             \
    "reset\n> hello\n> offer alpha.run\n> offer alpha.other\n> offer beta.run\n" holding
#define READY "> ready\n"

/* --- joining -------------------------------------------------------------------------------- */

TEST(a_worker_says_hello_when_it_is_connected)
{
    struct world w = world_new(1, 0);
    EXPECT(&w, "");
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, "reset\n"
               "> hello\n> offer alpha.run\n> offer alpha.other\n> offer beta.run\n> ready\n");
    lease(&w, 7, ALPHA); /* sent before the broker had our hello: it is not ours */
    EXPECT(&w, "");
    welcome(&w);
    EXPECT(&w, "> slot 0 idle pid 0 job 0\n");
    world_free(&w);
}

TEST(runners_are_warmed_before_the_first_job)
{
    struct world w = world_new(2, 3);
    EXPECT(&w, "spawn 0 alpha\nspawn 2 alpha\nspawn 1 beta\n");
    EXPECT(&w, "");
    world_free(&w);
}

TEST(a_ping_is_answered)
{
    struct world w = joined(1);
    said(&w, (struct record){.type = REC_ping});
    CHECK_EQ(w.effects.count, 1);
    CHECK_EQ(w.effects.at[0].type, AGENT_SEND);
    world_free(&w);
}

/* --- running -------------------------------------------------------------------------------- */

TEST(a_lease_runs_and_its_result_is_kept_until_acknowledged)
{
    struct world w = joined(1);
    lease(&w, 7, ALPHA);
    EXPECT(&w, "push 0 #0 job 7\n");
    starts(&w, 0, 1);
    EXPECT(&w, "> started 7\n");
    EXPECT(&w, ""); /* said once */
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 7 ok\n");
    step(&w, event(&w, AGENT_CONNECTED, 0)); /* the connection was lost meanwhile */
    EXPECT(&w, "reset\n> hello\n> offer alpha.run\n> offer alpha.other\n> offer beta.run\n"
               "> holding 7\n> ready\n> result #1 7 ok\n");
    welcome(&w);
    acked(&w, 1);
    EXPECT(&w, "> slot 0 idle pid 101 job 0\n");
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w,
           "reset\n> hello\n> offer alpha.run\n> offer alpha.other\n> offer beta.run\n> ready\n");
    world_free(&w);
}

TEST(a_short_job_is_never_reported_as_started)
{
    struct world w = joined(1);
    lease(&w, 7, ALPHA);
    EXPECT(&w, "push 0 #0 job 7\n");
    ends(&w, 0, REASON_ERROR);
    EXPECT(&w, "> result #1 7 error\n");
    world_free(&w);
}

TEST(results_that_may_come_together_are_looked_for)
{
    struct world w = joined(1);
    struct record r = {.type = REC_lease,
                       .lease = {.id = 1, .token = 1, .offer = ALPHA, .args = bytes_text("\x90")}};
    said(&w, r);
    r.lease.id = 2;
    r.lease.together = 1;
    said(&w, r);
    tick(&w);
    starts(&w, 0, 1);
    tick(&w);
    CHECK_EQ(agent_deadline(w.agent), w.now_us + 10 * MS);
    ends(&w, 0, REASON_NONE); /* the last one rings */
    starts(&w, 0, 2);
    tick(&w);
    CHECK(agent_deadline(w.agent) > w.now_us + 10 * MS);
    world_free(&w);
}

TEST(jobs_go_to_free_slots_first_and_only_then_ahead)
{
    struct world w = joined(2);
    for (uint64_t id = 1; id <= 5; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 2 #0 job 2\n"
               "push 0 #1 job 3\npush 2 #1 job 4\npush 0 #2 job 5\n");
    world_free(&w);
}

TEST(jobs_of_another_program_wait_for_a_free_slot)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, BETA);
    lease(&w, 3, ALPHA); /* not ahead of 2 */
    EXPECT(&w, "push 0 #0 job 1\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\nspawn 1 beta\npush 0 #1 job 3\n");
    spawned(&w, 1);
    EXPECT(&w, ""); /* one at a time in a slot */
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #2 3 ok\npush 1 #0 job 2\n");
    world_free(&w);
}

TEST(no_job_waits_behind_a_long_one_while_a_slot_is_free)
{
    struct world w = joined(2);
    for (uint64_t id = 1; id <= 6; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 2 #0 job 2\npush 0 #1 job 3\npush 2 #1 job 4\n"
               "push 0 #2 job 5\npush 2 #2 job 6\n");
    starts(&w, 0, 1); /* and takes its time */
    for (int i = 0; i < 3; i++)
        ends(&w, 2, REASON_NONE);
    EXPECT(&w, "> result #1 2 ok\n> result #2 4 ok\n> result #3 6 ok\n> started 1\n");
    pass(&w, 1 * MS);
    EXPECT(&w, "recall 0 from #2\npush 2 #3 job 5\n");
    ends(&w, 2, REASON_NONE);
    EXPECT(&w, "> result #4 5 ok\nrecall 0 from #1\npush 2 #4 job 3\n");
    ends(&w, 2, REASON_NONE);
    EXPECT(&w, "> result #5 3 ok\n");
    world_free(&w);
}

TEST(a_lease_with_too_much_or_unknown_work_is_refused)
{
    struct world w = joined(1);
    lease(&w, 1, 77);
    EXPECT(&w, "> result #1 1 no handler\n");
    struct bytes huge = bytes_of(malloc(VALUE_BYTES_MAX + 1), VALUE_BYTES_MAX + 1);
    said(&w, (struct record){.type = REC_lease,
                             .lease = {.id = 2, .token = 1, .offer = ALPHA, .args = huge}});
    EXPECT(&w, "> result #2 2 result too large\n");
    free((void *)(uintptr_t)huge.data);
    world_free(&w);
}

TEST(a_result_that_is_no_value_is_the_runners_fault)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    /* Claims 4 G elements. */
    result(&w, 0, (struct agent_result){.value = bytes_of("\xdd\xff\xff\xff\xff", 5)});
    EXPECT(&w, "> result #1 1 protocol\n");
    world_free(&w);
}

TEST(results_that_come_together_are_each_their_jobs)
{
    struct world w = joined(1);
    step(&w, event(&w, AGENT_CONNECTED, 0));
    tick(&w);
    said(&w, (struct record){.type = REC_welcome,
                             .welcome = {.version = 1, .incarnation = 3, .knows = KNOWS_ALL}});
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    tick(&w);
    buf_clear(&w.text);
    struct agent_result row[] = {
        {.number = 0, .value = bytes_of("\xc0", 1)},
        {.number = 1, .value = bytes_of("\xc0", 1)},
        {.number = 2, .reason = REASON_ERROR, .value = bytes_of("\xa1x", 2)},
    };
    struct agent_event e = event(&w, AGENT_RESULTS, 0);
    e.results.at = row;
    e.results.count = 3;
    w.started[0] = w.taken[0] = 3;
    step(&w, e);
    CHECK_EQ(w.effects.count, 2);
    CHECK_EQ(w.effects.at[0].more, 1);
    CHECK_EQ(w.effects.at[1].more, 0); /* it is not as the one before, and said whole */
    starts(&w, 0, 4);
    EXPECT(&w, "> result #1 1 ok\n> result #2 2 ok\n> result #3 3 error\n> started 4\n");
    world_free(&w);
}

TEST(what_does_not_decode_is_dropped_and_what_went_before_counts)
{
    static const unsigned char ping[] = {0x91, REC_ping}, half[] = {0x93, REC_recall, 0xc4};
    struct world w = joined(1);
    struct agent_event e = event(&w, AGENT_BODY, 0);
    struct buf body = {0};
    buf_put(&body, ping, sizeof ping);
    buf_put(&body, half, sizeof half);
    buf_put(&body, ping, sizeof ping);
    e.body = buf_bytes(&body);
    step(&w, e);
    CHECK_EQ(w.effects.count, 2);
    CHECK_EQ(w.effects.at[0].type, AGENT_SEND);
    CHECK_EQ(w.effects.at[1].type, AGENT_TRACE);
    buf_fini(&body);
    world_free(&w);
}

TEST(leases_said_twice_run_once_and_newer_ones_replace)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    lease_full(&w, 1, ALPHA, 2, 0); /* the broker has given up the first lease */
    EXPECT(&w, "flag 0 #0\n");
    ends(&w, 0, REASON_NONE); /* nobody wants to hear of it */
    EXPECT(&w, "push 0 #1 job 1\n");
    lease(&w, 1, ALPHA); /* the old one again, late */
    EXPECT(&w, "");
    ends(&w, 0, REASON_NONE);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "> result #1 1 ok\n");
    world_free(&w);
}

/* --- recall, stop, time limits -------------------------------------------------------------- */

TEST(a_recalled_job_is_returned_unless_it_has_started)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\npush 0 #3 job 4\n");
    starts(&w, 0, 1);
    recall(&w, 1);
    recall(&w, 3);
    recall(&w, 99); /* never arrived */
    EXPECT(&w, "> returned 99\n> started 1\nrecall 0 from #0\n"
               "> returned 3\npush 0 #1 job 2\npush 0 #2 job 4\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\n");
    world_free(&w);
}

TEST(a_stopped_job_that_has_not_started_ends_at_once)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    lease(&w, 3, BETA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\n");
    starts(&w, 0, 1);
    stop(&w, 3);
    stop(&w, 2);
    EXPECT(&w, "> result #1 3 cancelled\n> started 1\nrecall 0 from #1\n> result #2 2 cancelled\n");
    world_free(&w);
}

TEST(a_stopped_job_that_listens_costs_nothing_else)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\n");
    starts(&w, 0, 1);
    stop(&w, 1);
    EXPECT(&w, "flag 0 #0\n> started 1\nrecall 0 from #1\n");
    pass(&w, 100 * MS);
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 cancelled\npush 0 #1 job 2\n");
    world_free(&w);
}

TEST(a_stop_that_crosses_the_start_reaches_the_running_job)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    stop(&w, 1);
    w.started[0] = 1; /* the runner has just taken it */
    EXPECT(&w, "recall 0 from #0\n");
    starts(&w, 0, 1);
    EXPECT(&w, "flag 0 #0\n> started 1\n");
    world_free(&w);
}

TEST(a_hung_job_climbs_the_ladder)
{
    struct world w = joined(1);
    lease_full(&w, 1, ALPHA, 1, 300);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\n");
    starts(&w, 0, 1);
    EXPECT(&w, "> started 1\n");
    pass(&w, 299 * MS);
    EXPECT(&w, "");
    pass(&w, 1 * MS);
    EXPECT(&w, "flag 0 #0\nrecall 0 from #1\n");
    pass(&w, 200 * MS);
    EXPECT(&w, "kill 0 signal 15\n");
    pass_heard(&w, 1999 * MS);
    buf_clear(&w.text);
    pass(&w, 1 * MS);
    EXPECT(&w, "kill 0 signal 9\n");
    dies(&w, 0, 9, 0);
    EXPECT(&w, "> result #1 1 timeout\nspawn 0 alpha\n");
    spawned(&w, 0);
    EXPECT(&w, "push 0 #0 job 2\n");
    world_free(&w);
}

TEST(a_result_that_was_there_before_the_kill_is_taken)
{
    struct world w = joined(1);
    lease_full(&w, 1, ALPHA, 1, 300);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    pass(&w, 500 * MS);
    EXPECT(&w, "flag 0 #0\n> started 1\nkill 0 signal 15\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 timeout\n"); /* its time was over all the same */
    dies(&w, 0, 15, 0);
    EXPECT(&w, "spawn 0 alpha\n");
    world_free(&w);
}

/* --- death ---------------------------------------------------------------------------------- */

TEST(a_crash_costs_the_running_job_and_nothing_else)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\npush 0 #3 job 4\n");
    ends(&w, 0, REASON_NONE);
    starts(&w, 0, 2);
    dies(&w, 0, 11, 0);
    EXPECT(&w, "> result #1 1 ok\n> result #2 2 signal 11\nspawn 0 alpha\n");
    spawned(&w, 0);
    EXPECT(&w, "push 0 #0 job 3\npush 0 #1 job 4\n");
    world_free(&w);
}

TEST(an_exit_is_told_with_its_status)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    dies(&w, 0, 0, 3);
    EXPECT(&w, "> result #1 1 exit 3\n");
    world_free(&w);
}

TEST(a_program_that_dies_on_its_first_job_is_left_to_cool_longer_each_time)
{
    struct world w = joined(1);
    int64_t pause_ms = 100;
    for (uint64_t id = 1; id <= 4; id++, pause_ms *= 2) {
        lease(&w, id, ALPHA);
        tick(&w);
        starts(&w, 0, 1);
        dies(&w, 0, 11, 0);
        lease(&w, id + 100, ALPHA);
        tick(&w);
        buf_clear(&w.text);
        said(&w, (struct record){.type = REC_ping});
        pass(&w, (pause_ms - 1) * MS);
        CHECK(!strstr(buf_text(&w.text), "spawn"));
        pass(&w, 1 * MS);
        CHECK(strstr(buf_text(&w.text), "spawn 0 alpha"));
        spawned(&w, 0);
        recall(&w, id + 100);
        tick(&w);
        buf_clear(&w.text);
    }
    world_free(&w);
}

TEST(a_program_that_cannot_be_started_has_its_jobs_refused)
{
    struct world w = joined(1);
    lease(&w, 1, BETA);
    EXPECT(&w, "spawn 1 beta\n");
    struct agent_event e = event(&w, AGENT_SPAWN_FAILED, 1);
    e.job.number = ENOENT;
    step(&w, e);
    EXPECT(&w, "> result #1 1 no handler\n");
    lease(&w, 2, ALPHA); /* the slot is fine */
    EXPECT(&w, "push 0 #0 job 2\n");
    world_free(&w);
}

TEST(a_program_that_could_not_be_started_may_be_there_again)
{
    struct world w = joined(1);
    int64_t pause_ms = 100;
    for (uint64_t id = 1; id <= 5; id++, pause_ms *= 2) {
        lease(&w, id, BETA);
        EXPECT(&w, "spawn 1 beta\n");
        struct agent_event e = event(&w, AGENT_SPAWN_FAILED, 1);
        e.job.number = ENOENT;
        step(&w, e);
        tick(&w);
        acked(&w, id);
        pass_heard(&w, pause_ms * MS);
        CHECK(strstr(buf_text(&w.text), "no handler"));
        buf_clear(&w.text);
    }
    lease(&w, 9, BETA);
    EXPECT(&w, "spawn 1 beta\n");
    spawned(&w, 1);
    EXPECT(&w, "push 1 #0 job 9\n");
    world_free(&w);
}

TEST(a_failure_to_start_that_may_pass_is_tried_three_times)
{
    struct world w = joined(1);
    lease(&w, 1, BETA);
    EXPECT(&w, "spawn 1 beta\n");
    dies(&w, 1, 0, 1); /* it never served */
    EXPECT(&w, "");
    pass(&w, 100 * MS);
    EXPECT(&w, "spawn 1 beta\n");
    struct agent_event e = event(&w, AGENT_SPAWN_FAILED, 1);
    e.job.number = EAGAIN;
    step(&w, e);
    pass(&w, 200 * MS);
    EXPECT(&w, "spawn 1 beta\n");
    dies(&w, 1, 0, 1);
    EXPECT(&w, "> result #1 1 no handler\n");
    world_free(&w);
}

TEST(a_program_that_never_serves_is_killed)
{
    struct world w = joined(1);
    lease(&w, 1, BETA);
    EXPECT(&w, "spawn 1 beta\n");
    pass_heard(&w, 10000 * MS);
    EXPECT(&w, "kill 1 signal 9\n");
    world_free(&w);
}

TEST(a_runner_with_a_broken_page_is_killed_and_its_job_told)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\n");
    starts(&w, 0, 1);
    step(&w, event(&w, AGENT_CORRUPT, 0));
    EXPECT(&w, "kill 0 signal 9\n> started 1\n");
    dies(&w, 0, 9, 0);
    EXPECT(&w, "> result #1 1 protocol\n");
    pass(&w, 100 * MS);
    EXPECT(&w, "spawn 0 alpha\n");
    spawned(&w, 0);
    EXPECT(&w, "push 0 #0 job 2\n");
    world_free(&w);
}

TEST(a_slots_death_while_idle_costs_nothing)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    tick(&w);
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "push 0 #0 job 1\n> result #1 1 ok\n");
    dies(&w, 0, 9, 0);
    EXPECT(&w, "spawn 0 alpha\n");
    world_free(&w);
}

/* --- the link ------------------------------------------------------------------------------- */

TEST(after_a_lost_connection_only_what_runs_or_is_unacknowledged_is_held)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    lease(&w, 5, BETA);
    tick(&w);
    ends(&w, 0, REASON_NONE);
    starts(&w, 0, 2);
    tick(&w);
    buf_clear(&w.text);
    step(&w, event(&w, AGENT_DISCONNECTED, 0));
    EXPECT(&w, "recall 0 from #2\n"); /* 3 and 4 do not start; 5 is dropped */
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, ""); /* nobody to tell */
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, "reset\n> hello\n> offer alpha.run\n> offer alpha.other\n> offer beta.run\n"
               "> holding 1\n> holding 2\n> ready\n> result #1 1 ok\n> result #2 2 ok\n");
    world_free(&w);
}

TEST(a_silent_broker_is_greeted_again)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    tick(&w);
    starts(&w, 0, 1);
    tick(&w);
    buf_clear(&w.text);
    pass(&w, 3900 * MS);
    CHECK(!strstr(buf_text(&w.text), "recall"));
    buf_clear(&w.text);
    pass(&w, 1200 * MS);
    EXPECT(&w, "reopen\nrecall 0 from #1\n"); /* and until the new connection stands no word */
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, "reset\n> hello\n> offer alpha.run\n> offer alpha.other\n"
               "> offer beta.run\n> holding 1\n> ready\n> started 1\n");
    world_free(&w);
}

TEST(a_worker_that_was_frozen_gives_up_what_has_not_started)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    tick(&w);
    starts(&w, 0, 1);
    tick(&w);
    buf_clear(&w.text);
    w.now_us += 6000 * MS;
    said(&w, (struct record){.type = REC_ping}); /* old news, from before */
    EXPECT(&w, "reopen\nrecall 0 from #1\n");
    step(&w, event(&w, AGENT_CONNECTED, 0));
    tick(&w);
    CHECK(strstr(buf_text(&w.text), "> hello\n"));
    CHECK(strstr(buf_text(&w.text), "> holding 1\n"));
    CHECK(!strstr(buf_text(&w.text), "> holding 2\n"));
    world_free(&w);
}

TEST(hello_wanted_is_answered_once_on_a_new_connection)
{
    struct world w = joined(1);
    for (int i = 0; i < 3; i++) {
        said(&w, (struct record){.type = REC_hello_wanted});
        tick(&w);
    }
    EXPECT(&w, "reopen\n");
    step(&w, event(&w, AGENT_CONNECTED, 0));
    said(&w, (struct record){.type = REC_hello_wanted}); /* for what was sent before the hello */
    EXPECT(&w, HELLO("") READY);
    world_free(&w);
}

/* A second hello on a connection that stands: the broker would welcome us twice, and what it lends
 * between the two is taken back by the second. So there is never a second. */
TEST(a_connection_carries_one_hello)
{
    struct world w = world_new(1, 1);
    step(&w, event(&w, AGENT_CONNECTED, 0));
    tick(&w);
    spawned(&w, 0);
    buf_clear(&w.text);
    pass(&w, 4100 * MS); /* no welcome: the broker is slow */
    EXPECT(&w, "reopen\n");
    welcome(&w); /* the answer to the first hello, late; and a lease behind it */
    lease(&w, 7, ALPHA);
    EXPECT(&w, "");
    step(&w, event(&w, AGENT_CONNECTED, 0));
    lease(&w, 7, ALPHA);
    EXPECT(&w, HELLO("") READY);
    welcome(&w);
    lease(&w, 8, ALPHA);
    EXPECT(&w, "push 0 #0 job 8\n> slot 0 running pid 101 job 8\n");
    world_free(&w);
}

TEST(a_refused_hello_is_said_again)
{
    struct world w = world_new(1, 0);
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, HELLO("") READY);
    said(&w, (struct record){.type = REC_error,
                             .error = {.code = ERR_BUSY, .text = bytes_text("name taken")}});
    pass(&w, 999 * MS);
    said(&w, (struct record){.type = REC_ping}); /* it is heard of all the while */
    EXPECT(&w, "");
    pass(&w, 1 * MS);
    EXPECT(&w, "reopen\n");
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, HELLO("") READY);
    welcome(&w);
    pass_heard(&w, 2000 * MS);
    CHECK(!strstr(buf_text(&w.text), "reopen"));
    world_free(&w);
}

TEST(a_broker_of_another_version_ends_the_worker)
{
    struct world w = joined(1);
    said(&w, (struct record){.type = REC_error,
                             .error = {.code = ERR_VERSION, .text = bytes_text("2..3")}});
    EXPECT(&w, "quit 7\n");
    world_free(&w);
}

/* --- leaving -------------------------------------------------------------------------------- */

/* The broker puts each before the first that waits. */
TEST(what_goes_back_goes_newest_first)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\npush 0 #3 job 4\n");
    starts(&w, 0, 1);
    for (uint64_t id = 4; id >= 2; id--)
        recall(&w, id);
    EXPECT(&w, "> started 1\nrecall 0 from #1\n> returned 4\n> returned 3\n> returned 2\n");
    world_free(&w);
}

TEST(draining_finishes_what_runs_and_returns_the_rest)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    lease(&w, 3, BETA);
    tick(&w);
    starts(&w, 0, 1);
    tick(&w);
    buf_clear(&w.text);
    step(&w, event(&w, AGENT_DRAIN, 0));
    EXPECT(&w, "> draining\n> returned 3\nrecall 0 from #1\n> returned 2\n");
    lease(&w, 4, ALPHA); /* was on its way */
    EXPECT(&w, "> returned 4\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\n");
    acked(&w, 1);
    EXPECT(&w, "> goodbye\nquit 0\n");
    world_free(&w);
}

TEST(draining_without_a_broker_does_not_wait_for_ever)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    tick(&w);
    starts(&w, 0, 1);
    step(&w, event(&w, AGENT_DISCONNECTED, 0));
    step(&w, event(&w, AGENT_DRAIN, 0));
    ends(&w, 0, REASON_NONE);
    tick(&w);
    pass(&w, 4900 * MS);
    CHECK(!strstr(buf_text(&w.text), "quit"));
    pass(&w, 200 * MS);
    CHECK(strstr(buf_text(&w.text), "quit 0"));
    world_free(&w);
}

TEST(while_draining_a_program_that_does_not_start_is_left_to_cool)
{
    struct world w = joined(2);
    local(&w, 1, BETA_PROGRAM); /* runs long, in a process that serves: nothing is refused */
    tick(&w);
    spawned(&w, 1);
    tick(&w);
    starts(&w, 1, 1);
    local(&w, 2, BETA_PROGRAM);
    tick(&w);
    step(&w, event(&w, AGENT_DRAIN, 0));
    tick(&w);
    buf_clear(&w.text);
    struct agent_event e = event(&w, AGENT_SPAWN_FAILED, 3);
    e.job.number = EAGAIN;
    step(&w, e);
    EXPECT(&w, "");
    pass(&w, 100 * MS);
    EXPECT(&w, "spawn 3 beta\n");
    dies(&w, 3, 0, 1); /* it never served */
    EXPECT(&w, "");
    world_free(&w);
}

TEST(a_second_signal_leaves_at_once)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    step(&w, event(&w, AGENT_DRAIN, 0));
    tick(&w);
    buf_clear(&w.text);
    step(&w, event(&w, AGENT_STOP, 0));
    EXPECT(&w, "> goodbye\nquit 0\n");
    world_free(&w);
}

/* --- how attempts end ----------------------------------------------------------------------- */

static void uses_with_others(struct world *w, unsigned runner, uint64_t kib, uint64_t all_kib)
{
    struct agent_event e = event(w, AGENT_MEMORY, runner);
    e.memory.kib = kib;
    e.memory.all_kib = all_kib;
    step(w, e);
}

static void uses(struct world *w, unsigned runner, uint64_t kib)
{
    uses_with_others(w, runner, kib, kib);
}

/* It dies having used so much, and having said this. */
static void dies_with(struct world *w, unsigned runner, int signal, bool oom, uint64_t peak_kib,
                      const char *lines)
{
    struct agent_event e = event(w, AGENT_EXITED, runner);
    e.exit.signal = signal;
    e.exit.oom = oom;
    e.exit.peak_kib = peak_kib;
    e.exit.lines = bytes_text(lines);
    step(w, e);
}

static void ends_with(struct world *w, unsigned runner, unsigned reason, uint64_t peak_kib,
                      const char *lines)
{
    result(w, runner,
           (struct agent_result){.reason = reason,
                                 .value = bytes_of("\xc0", 1),
                                 .peak_kib = peak_kib,
                                 .lines = bytes_text(lines)});
}

TEST(peak_memory_and_last_lines_are_told_with_the_result)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 3; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\n");
    starts(&w, 0, 3);
    ends_with(&w, 0, REASON_ERROR, 700, "no such file");
    ends_with(&w, 0, REASON_NONE, 800, "all is well"); /* who has ended well need not explain */
    dies_with(&w, 0, 11, false, 900, "a\nb");
    EXPECT(&w, "> result #1 1 error peak 700 \"no such file\"\n> result #2 2 ok peak 800\n"
               "> result #3 3 signal 11 peak 900 \"a\nb\"\nspawn 0 alpha\n");
    step(&w, event(&w, AGENT_CONNECTED, 0)); /* and with it again */
    EXPECT(&w, HELLO("> holding 1\n> holding 2\n> holding 3\n") READY
           "> result #1 1 error peak 700 \"no such file\"\n"
           "> result #2 2 ok peak 800\n"
           "> result #3 3 signal 11 peak 900 \"a\nb\"\n");
    world_free(&w);
}

TEST(a_stopped_job_tells_its_last_lines_whatever_it_answered)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    stop(&w, 1);
    ends_with(&w, 0, REASON_NONE, 5, "stopping");
    EXPECT(&w, "flag 0 #0\n> result #1 1 cancelled peak 5 \"stopping\"\n");
    world_free(&w);
}

TEST(a_runner_above_its_limit_is_killed_and_its_job_ends_as_oom)
{
    struct world w = joined_with(1, (struct agent_options){.slot_kib = 100 * MIB});
    for (uint64_t id = 1; id <= 3; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\n");
    ends(&w, 0, REASON_NONE);
    starts(&w, 0, 2);
    uses(&w, 0, 100 * MIB);
    EXPECT(&w, "> result #1 1 ok\n> started 2\n"); /* that much it may have */
    uses(&w, 0, 100 * MIB + 1);
    uses(&w, 0, 200 * MIB);
    EXPECT(&w, "kill 0 signal 9\nrecall 0 from #2\n");
    dies_with(&w, 0, 9, false, 110 * MIB, "");
    EXPECT(&w, "> result #2 2 oom peak 112640\nspawn 0 alpha\n");
    spawned(&w, 0);
    EXPECT(&w, "push 0 #0 job 3\n");
    world_free(&w);
}

TEST(what_a_runner_has_started_may_have_too_much_for_two_seconds)
{
    struct world w = joined_with(1, (struct agent_options){.slot_kib = 100 * MIB});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    uses_with_others(&w, 0, 20 * MIB, 101 * MIB);
    w.now_us += 1000000;
    uses_with_others(&w, 0, 20 * MIB, 100 * MIB); /* it has ended some of them */
    w.now_us += 500000;
    uses_with_others(&w, 0, 20 * MIB, 101 * MIB);
    w.now_us += 1999999;
    uses_with_others(&w, 0, 20 * MIB, 101 * MIB);
    buf_clear(&w.text);
    w.now_us++;
    uses_with_others(&w, 0, 20 * MIB, 101 * MIB);
    EXPECT(&w, "kill 0 signal 9\n> started 1\n> slot 0 stopping pid 101 job 1\n");
    dies_with(&w, 0, 9, false, 20 * MIB, "");
    EXPECT(&w, "> result #1 1 oom peak 20480\n");
    world_free(&w);
}

TEST(a_result_that_was_there_before_the_memory_kill_counts)
{
    struct world w = joined_with(1, (struct agent_options){.slot_kib = 100 * MIB});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    uses(&w, 0, 101 * MIB);
    EXPECT(&w, "kill 0 signal 9\n> started 1\n");
    ends(&w, 0, REASON_NONE);
    dies_with(&w, 0, 9, false, 110 * MIB, "");
    EXPECT(&w, "> result #1 1 ok\nspawn 0 alpha\n");
    world_free(&w);
}

TEST(who_grows_between_two_looks_and_dies_of_it_is_oom_too)
{
    struct world w = joined_with(1, (struct agent_options){.slot_kib = 100 * MIB});
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\n");
    ends(&w, 0, REASON_NONE);
    starts(&w, 0, 2);
    dies_with(&w, 0, 6, false, 101 * MIB, "");
    EXPECT(&w, "> result #1 1 ok\n> result #2 2 oom peak 103424\nspawn 0 alpha\n");
    spawned(&w, 0);
    lease(&w, 3, ALPHA);
    EXPECT(&w, "push 0 #0 job 3\n");
    ends(&w, 0, REASON_NONE);
    lease(&w, 4, ALPHA);
    EXPECT(&w, "> result #3 3 ok\npush 0 #1 job 4\n");
    starts(&w, 0, 2);
    dies_with(&w, 0, 6, false, 99 * MIB, ""); /* of something else */
    EXPECT(&w, "> result #4 4 signal 6 peak 101376\nspawn 0 alpha\n");
    world_free(&w);
}

TEST(what_the_kernel_killed_for_its_memory_is_oom)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    dies_with(&w, 0, 9, true, 0, "");
    EXPECT(&w, "> result #1 1 oom\n");
    world_free(&w);
}

TEST(a_job_that_was_stopped_stays_stopped_when_it_dies_of_memory)
{
    struct world w = joined_with(1, (struct agent_options){.slot_kib = 100 * MIB});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    stop(&w, 1);
    uses(&w, 0, 101 * MIB);
    EXPECT(&w, "flag 0 #0\nkill 0 signal 9\n> started 1\n");
    dies_with(&w, 0, 9, true, 101 * MIB, "");
    EXPECT(&w, "> result #1 1 cancelled peak 103424\n");
    world_free(&w);
}

TEST(the_ladders_times_are_options)
{
    struct world w =
        joined_with(1, (struct agent_options){.flag_us = 50 * MS, .term_us = 400 * MS});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    stop(&w, 1);
    EXPECT(&w, "flag 0 #0\n> started 1\n");
    pass(&w, 49 * MS);
    EXPECT(&w, "");
    pass(&w, 1 * MS);
    EXPECT(&w, "kill 0 signal 15\n");
    pass(&w, 399 * MS);
    EXPECT(&w, "");
    pass(&w, 1 * MS);
    EXPECT(&w, "kill 0 signal 9\n");
    world_free(&w);
}

TEST(with_a_broken_page_the_first_job_may_have_run)
{
    struct world w = joined(1);
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\n");
    step(&w, event(&w, AGENT_CORRUPT, 0)); /* before anything was seen to start */
    dies(&w, 0, 9, 0);
    EXPECT(&w, "kill 0 signal 9\n> result #1 1 protocol\n");
    world_free(&w);
}

/* --- recycling: alpha's runners of one slot are 0 and 2 -------------------------------------- */

static struct world recycling(struct agent_options options)
{
    return joined_with(1, options);
}

TEST(after_its_jobs_a_runner_is_followed_by_one_that_is_up_already)
{
    struct world w = recycling((struct agent_options){.recycle_jobs = 2});
    for (uint64_t id = 1; id <= 5; id++)
        lease(&w, id, ALPHA);
    /* Two are its share. The next process starts while it works. */
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\nspawn 2 alpha\n");
    spawned(&w, 2);
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\n"); /* it is not done yet */
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #2 2 ok\nkill 0 signal 15\npush 2 #0 job 3\npush 2 #1 job 4\n");
    dies(&w, 0, 15, 0); /* and the one after the next is started at once */
    EXPECT(&w, "spawn 0 alpha\n");
    spawned(&w, 0);
    ends(&w, 2, REASON_NONE);
    ends(&w, 2, REASON_NONE);
    EXPECT(&w, "> result #3 3 ok\n> result #4 4 ok\nkill 2 signal 15\npush 0 #0 job 5\n");
    dies(&w, 2, 15, 0);
    EXPECT(&w, "");
    world_free(&w);
}

TEST(never_a_job_more_even_if_the_next_process_is_late)
{
    struct world w = recycling((struct agent_options){.recycle_jobs = 1});
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\nspawn 2 alpha\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\nkill 0 signal 15\n");
    spawned(&w, 2);
    EXPECT(&w, "push 2 #0 job 2\n"); /* the third has to wait for the first one's end */
    ends(&w, 2, REASON_NONE);
    EXPECT(&w, "> result #2 2 ok\nkill 2 signal 15\n");
    lease(&w, 3, ALPHA);
    EXPECT(&w, "");
    dies(&w, 0, 15, 0);
    EXPECT(&w, "spawn 0 alpha\n");
    dies(&w, 2, 15, 0);
    EXPECT(&w, "");
    spawned(&w, 0);
    EXPECT(&w, "push 0 #0 job 3\nspawn 2 alpha\n");
    world_free(&w);
}

TEST(what_is_taken_back_is_not_counted)
{
    struct world w = recycling((struct agent_options){.recycle_jobs = 2});
    lease(&w, 1, ALPHA);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\nspawn 2 alpha\n");
    spawned(&w, 2);
    recall(&w, 2);
    EXPECT(&w, "recall 0 from #1\n> returned 2\n");
    ends(&w, 0, REASON_NONE);
    lease(&w, 3, ALPHA);
    EXPECT(&w, "> result #1 1 ok\npush 0 #1 job 3\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #2 3 ok\nkill 0 signal 15\n");
    world_free(&w);
}

TEST(a_runner_that_grew_is_relieved_between_two_jobs)
{
    struct world w = recycling((struct agent_options){.recycle_kib = 50 * MIB});
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    uses(&w, 0, 60 * MIB); /* so large it was born */
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\npush 0 #3 job 4\n");
    ends(&w, 0, REASON_NONE);
    uses(&w, 0, 50 * MIB);
    EXPECT(&w, "> result #1 1 ok\n");
    uses(&w, 0, 51 * MIB);
    EXPECT(&w, "spawn 2 alpha\n");
    ends(&w, 0, REASON_NONE); /* it works on until the other serves */
    starts(&w, 0, 3);
    EXPECT(&w, "> result #2 2 ok\n> started 3\n");
    spawned(&w, 2);
    EXPECT(&w, "recall 0 from #3\n"); /* one job at a time in a slot */
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #3 3 ok\nkill 0 signal 15\npush 2 #0 job 4\n");
    dies(&w, 0, 15, 0);
    EXPECT(&w, "");
    world_free(&w);
}

TEST(one_that_is_born_too_large_is_not_replaced_for_it)
{
    struct world w = recycling((struct agent_options){.recycle_kib = 50 * MIB});
    lease(&w, 1, ALPHA);
    uses(&w, 0, 60 * MIB);
    EXPECT(&w, "push 0 #0 job 1\n");
    ends(&w, 0, REASON_NONE);
    uses(&w, 0, 60 * MIB);
    EXPECT(&w, "> result #1 1 ok\n"); /* the next one would be no smaller, and the next */
    uses(&w, 0, 40 * MIB);
    uses(&w, 0, 60 * MIB); /* but this is its jobs' doing */
    EXPECT(&w, "spawn 2 alpha\n");
    world_free(&w);
}

TEST(one_that_grows_in_its_first_job_was_not_born_so)
{
    struct world w = recycling((struct agent_options){.recycle_kib = 50 * MIB});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    uses(&w, 0, 60 * MIB); /* while it works: it may give it back */
    EXPECT(&w, "> started 1\n");
    ends(&w, 0, REASON_NONE);
    uses(&w, 0, 60 * MIB);
    EXPECT(&w, "> result #1 1 ok\nspawn 2 alpha\n");
    world_free(&w);
}

TEST(an_old_runner_is_replaced_though_nothing_happens)
{
    struct world w = recycling((struct agent_options){.recycle_us = 60000 * MS});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    ends(&w, 0, REASON_NONE);
    acked(&w, 1);
    pass_heard(&w, 58000 * MS);
    CHECK(!strstr(buf_text(&w.text), "spawn"));
    buf_clear(&w.text);
    pass_heard(&w, 1500 * MS);
    EXPECT(&w, "spawn 2 alpha\n");
    spawned(&w, 2);
    EXPECT(&w, "kill 0 signal 15\n");
    dies(&w, 0, 15, 0);
    pass_heard(&w, 1000 * MS);
    EXPECT(&w, "> slot 0 idle pid 102 job 0\n");
    world_free(&w);
}

TEST(one_that_does_not_leave_is_killed)
{
    struct world w = recycling((struct agent_options){.recycle_jobs = 1});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\nspawn 2 alpha\n");
    spawned(&w, 2);
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\nkill 0 signal 15\n");
    pass_heard(&w, 1999 * MS);
    buf_clear(&w.text);
    pass(&w, 1 * MS);
    EXPECT(&w, "kill 0 signal 9\n");
    dies(&w, 0, 9, 0);
    EXPECT(&w, "");
    world_free(&w);
}

TEST(a_runner_that_dies_while_its_twin_starts_is_followed)
{
    struct world w = recycling((struct agent_options){.recycle_jobs = 3});
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\nspawn 2 alpha\n");
    ends(&w, 0, REASON_NONE);
    starts(&w, 0, 2);
    dies(&w, 0, 11, 0);
    EXPECT(&w, "> result #1 1 ok\n> result #2 2 signal 11\n"); /* no third process */
    spawned(&w, 2);
    EXPECT(&w, "push 2 #0 job 3\npush 2 #1 job 4\n");
    world_free(&w);
}

TEST(a_twin_that_does_not_start_is_tried_again_while_the_old_one_works)
{
    struct world w = recycling((struct agent_options){.recycle_kib = 50 * MIB});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    ends(&w, 0, REASON_NONE);
    uses(&w, 0, 60 * MIB);
    EXPECT(&w, "> result #1 1 ok\nspawn 2 alpha\n");
    dies(&w, 2, 0, 1);
    lease(&w, 2, ALPHA);
    EXPECT(&w, "push 0 #1 job 2\n");
    ends(&w, 0, REASON_NONE);
    tick(&w);
    acked(&w, 2);
    buf_clear(&w.text);
    pass_heard(&w, 1500 * MS);
    CHECK(strstr(buf_text(&w.text), "spawn 2 alpha\n"));
    buf_clear(&w.text);
    spawned(&w, 2);
    EXPECT(&w, "kill 0 signal 15\n");
    world_free(&w);
}

TEST(draining_replaces_nobody)
{
    struct world w = recycling((struct agent_options){.recycle_jobs = 1});
    lease(&w, 1, ALPHA);
    step(&w, event(&w, AGENT_DRAIN, 0)); /* in the same turn: it is returned */
    EXPECT(&w, "> draining\n> returned 1\n> goodbye\nquit 0\n");
    world_free(&w);
    w = recycling((struct agent_options){.recycle_kib = MIB});
    lease(&w, 1, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    step(&w, event(&w, AGENT_DRAIN, 0));
    ends(&w, 0, REASON_NONE);
    uses(&w, 0, 2 * MIB);
    EXPECT(&w, "> draining\n> result #1 1 ok\n");
    world_free(&w);
}

/* --- a broker that starts again: it holds what its store kept, and asks who runs what --------- */

static void welcome_of(struct world *w, uint64_t incarnation)
{
    said(w, (struct record){.type = REC_welcome,
                            .welcome = {.version = 1, .incarnation = incarnation}});
}

static void stop_superseded(struct world *w, uint64_t id, uint64_t token)
{
    said(w, (struct record){.type = REC_stop,
                            .stop = {.id = id, .token = token, .reason = REASON_SUPERSEDED}});
}

enum { OLD_TOKEN = 1, NEW_TOKEN = 7 };

/* 1 has its result unacknowledged, 2 runs, 3 is in the ring, 4 waits for a slot. */
static struct world restarted(void)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 3; id++)
        lease_full(&w, id, ALPHA, OLD_TOKEN, 0);
    lease_full(&w, 4, BETA, OLD_TOKEN, 0);
    tick(&w);
    ends(&w, 0, REASON_NONE);
    starts(&w, 0, 2);
    tick(&w);
    step(&w, event(&w, AGENT_DISCONNECTED, 0));
    tick(&w);
    buf_clear(&w.text);
    pass(&w, 2000 * MS); /* as long as it takes */
    step(&w, event(&w, AGENT_CONNECTED, 0));
    return w;
}

TEST(after_a_restart_what_runs_and_what_is_unacknowledged_is_named_and_told)
{
    struct world w = restarted();
    EXPECT(&w, HELLO("> holding 2\n> holding 1\n") READY "> result #1 1 ok\n> started 2\n");
    welcome_of(&w, 4);
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #2 2 ok\n> slot 0 idle pid 101 job 0\n");
    acked(&w, 1);
    step(&w, event(&w, AGENT_CONNECTED, 0)); /* and a second restart: what is not stored, again */
    EXPECT(&w, HELLO("> holding 2\n") READY "> result #2 2 ok\n");
    welcome_of(&w, 5);
    acked(&w, 2);
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, HELLO("") READY);
    world_free(&w);
}

TEST(after_a_restart_a_result_keeps_the_token_of_its_lease)
{
    struct world w = restarted();
    uint64_t tokens = 0, holdings = 0;
    step(&w, event(&w, AGENT_TICK, 0));
    for (size_t i = 0; i < w.effects.count; i++) {
        struct cursor c = cursor_of(agent_effect_bytes(&w.effects, i));
        struct record r;
        while (w.effects.at[i].type == AGENT_SEND && !cursor_done(&c)) {
            CHECK_EQ(record_get(&c, &r), OK);
            tokens += r.type == REC_result && r.result.token == OLD_TOKEN;
            holdings += r.type == REC_holding && r.holding.token == OLD_TOKEN;
        }
    }
    CHECK_EQ(tokens, 1);
    CHECK_EQ(holdings, 2);
    world_free(&w);
}

TEST(a_running_attempt_whose_lease_is_not_current_any_more_is_ended)
{
    struct world w = restarted();
    tick(&w);
    buf_clear(&w.text);
    welcome_of(&w, 4);
    stop_superseded(&w, 2, OLD_TOKEN);
    EXPECT(&w, "flag 0 #1\n> slot 0 stopping pid 101 job 2\n");
    pass(&w, 200 * MS);
    EXPECT(&w, "kill 0 signal 15\n");
    dies(&w, 0, 15, 0); /* told, to be dropped for its token and acknowledged */
    EXPECT(&w, "> result #2 2 superseded\nspawn 0 alpha\n");
    world_free(&w);
}

TEST(a_kept_result_that_is_superseded_waits_for_its_acknowledgement)
{
    struct world w = restarted();
    tick(&w);
    buf_clear(&w.text);
    welcome_of(&w, 4);
    stop_superseded(&w, 1, OLD_TOKEN);
    EXPECT(&w, "> slot 0 running pid 101 job 2\n");
    acked(&w, 1);
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, HELLO("> holding 2\n") READY "> started 2\n");
    world_free(&w);
}

TEST(a_lease_of_the_new_incarnation_replaces_what_is_held_of_the_job)
{
    struct world w = restarted();
    tick(&w);
    buf_clear(&w.text);
    welcome_of(&w, 4);
    lease_full(&w, 1, ALPHA, NEW_TOKEN, 0); /* its result came too late */
    lease_full(&w, 2, ALPHA, NEW_TOKEN, 0); /* it was not believed to run here */
    EXPECT(&w, "flag 0 #1\n> slot 0 stopping pid 101 job 2\n");
    ends(&w, 0, REASON_ERROR);
    EXPECT(&w, "push 0 #2 job 1\npush 0 #3 job 2\n"); /* of the old run nothing is told */
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #2 1 ok\n");
    world_free(&w);
}

/* --- memory of results that nobody acknowledges ---------------------------------------------- */

static void ends_large(struct world *w, unsigned runner)
{
    static const unsigned char zeros[600000];
    struct buf value = {0};
    pack_bin(&value, bytes_of(zeros, sizeof zeros));
    result(w, runner, (struct agent_result){.value = buf_bytes(&value)});
    buf_fini(&value);
}

TEST(what_one_hello_needs_is_not_kept)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    tick(&w);
    starts(&w, 0, 4);
    for (int i = 0; i < 4; i++) {
        ends_large(&w, 0);
        tick(&w);
    }
    step(&w, event(&w, AGENT_CONNECTED, 0));
    step(&w, event(&w, AGENT_TICK, 0));
    CHECK(w.effects.bytes.size > 4 * 600000);
    settle(&w);
    CHECK(w.effects.bytes.capacity <= 1 << 20);
    world_free(&w);
}

TEST(with_too_much_unacknowledged_nothing_more_is_started)
{
    struct world w = joined_with(1, (struct agent_options){.held_bytes_max = 1000000});
    for (uint64_t id = 1; id <= 4; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\npush 0 #3 job 4\n");
    starts(&w, 0, 2);
    ends_large(&w, 0);
    EXPECT(&w, "> result #1 1 ok\n");
    ends_large(&w, 0);
    EXPECT(&w, "> result #2 2 ok\nrecall 0 from #2\n");
    lease(&w, 5, ALPHA);
    lease(&w, 6, BETA);
    EXPECT(&w, "");
    recall(&w, 4);   /* what waits can be had back */
    local(&w, 1, 0); /* keeps nothing */
    EXPECT(&w, "> returned 4\npush 0 #2 job 1\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "local 1 ok\n");
    acked(&w, 1);
    EXPECT(&w, "push 0 #3 job 3\npush 0 #4 job 5\n");
    world_free(&w);
}

/* --- the text port -------------------------------------------------------------------------- */

TEST(a_local_job_runs_without_a_broker)
{
    struct world w = world_new(1, 1);
    tick(&w);
    spawned(&w, 0);
    local(&w, 1, 0);
    EXPECT(&w, "spawn 0 alpha\npush 0 #0 job 1\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "local 1 ok\n");
    world_free(&w);
}

TEST(a_local_job_does_not_wait_for_the_ring)
{
    struct world w = joined(1);
    for (uint64_t id = 1; id <= 3; id++)
        lease(&w, id, ALPHA);
    EXPECT(&w, "push 0 #0 job 1\npush 0 #1 job 2\npush 0 #2 job 3\n");
    local(&w, 1, 0);
    EXPECT(&w, "recall 0 from #1\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 1 ok\npush 0 #1 job 1\npush 0 #2 job 2\npush 0 #3 job 3\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "local 1 ok\n");
    world_free(&w);
}

TEST(a_local_job_whose_client_left_is_stopped)
{
    struct world w = joined(1);
    local(&w, 1, 0);
    EXPECT(&w, "push 0 #0 job 1\n");
    starts(&w, 0, 1);
    struct agent_event e = event(&w, AGENT_LOCAL_CANCEL, 0);
    e.job.number = 1;
    step(&w, e);
    EXPECT(&w, "flag 0 #0\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "local 1 cancelled\n");
    world_free(&w);
}

/* --- anything, in any order ----------------------------------------------------------------- */

enum { CHAOS_JOBS = 400, NEVER_LEASED = 1000 };

/* What the broker would know of a job. */
enum fate { FATE_NONE, FATE_LEASED, FATE_RESULT, FATE_RETURNED, FATE_DROPPED };

struct chaos {
    struct world w;
    struct random random;
    enum fate fates[CHAOS_JOBS + 1];
    bool up[RUNNERS_MAX], serves[RUNNERS_MAX], doomed[RUNNERS_MAX], linked, calm;
    unsigned runners;
};

/* Reads what the agent sent and ordered since, and holds it to what it may do. */
static void chaos_read(struct chaos *c)
{
    char *rest = (char *)(uintptr_t)buf_text(&c->w.text);
    for (char *line; (line = strsep(&rest, "\n"));) {
        uint64_t id, number;
        unsigned runner;
        if (sscanf(line, "> result #%" SCNu64 " %" SCNu64, &number, &id) == 2) {
            /* Only resent results may come again. */
            CHECK(c->fates[id] == FATE_LEASED || c->fates[id] == FATE_RESULT);
            c->fates[id] = FATE_RESULT;
        } else if (sscanf(line, "> returned %" SCNu64, &id) == 1) {
            if (id == NEVER_LEASED)
                continue;
            CHECK_EQ(c->fates[id], FATE_LEASED);
            c->fates[id] = FATE_RETURNED;
        } else if (sscanf(line, "> holding %" SCNu64, &id) == 1) {
            CHECK(c->fates[id] == FATE_LEASED || c->fates[id] == FATE_RESULT ||
                  c->fates[id] == FATE_DROPPED);
            if (c->fates[id] == FATE_DROPPED)
                c->fates[id] = FATE_LEASED;
        } else if (strcmp(line, "> hello") == 0) {
            for (size_t i = 1; i <= CHAOS_JOBS; i++)
                if (c->fates[i] == FATE_LEASED)
                    c->fates[i] = FATE_DROPPED; /* unless it is named now */
        } else if (sscanf(line, "spawn %u", &runner) == 1) {
            CHECK(!c->up[runner]);
            c->up[runner] = true;
            c->serves[runner] = c->doomed[runner] = false;
        } else if (sscanf(line, "kill %u signal %" SCNu64, &runner, &number) == 2) {
            c->doomed[runner] |= number == 9 || random_below(&c->random, 2);
        } else if (strcmp(line, "reopen") == 0) {
            c->linked = false;
        }
    }
    buf_clear(&c->w.text);
}

static void chaos_runner(struct chaos *c, unsigned i)
{
    struct world *w = &c->w;
    if (!c->up[i])
        return;
    if (c->doomed[i] || (!c->calm && random_below(&c->random, 50) == 0)) {
        dies(w, i, random_below(&c->random, 2) ? 9 : 0, 1);
        c->up[i] = false;
        return;
    }
    switch (c->calm ? 99 : random_below(&c->random, 12)) {
    case 1:
        if (!c->serves[i] && random_below(&c->random, 3) == 0) {
            struct agent_event e = event(w, AGENT_SPAWN_FAILED, i);
            e.job.number = EAGAIN;
            step(w, e);
            c->up[i] = false;
        }
        return;
    case 2:
        if (c->serves[i] && random_below(&c->random, 20) == 0) {
            step(w, event(w, AGENT_CORRUPT, i));
            c->doomed[i] = true; /* its page is not looked at again */
        }
        return;
    case 3:
        if (c->serves[i])
            uses(w, i, random_below(&c->random, 905));
        return;
    default: break;
    }
    if (!c->serves[i]) {
        spawned(w, i);
        c->serves[i] = true;
    } else if (w->started[i] != w->taken[i]) {
        ends(w, i, REASON_NONE);
    } else if (w->limit[i] != w->started[i]) {
        starts(w, i, w->started[i] + 1);
    }
}

static void chaos_broker(struct chaos *c)
{
    struct world *w = &c->w;
    uint64_t id = 1 + random_below(&c->random, CHAOS_JOBS);
    switch (random_below(&c->random, 24)) {
    case 0: recall(w, c->fates[id] == FATE_LEASED ? id : NEVER_LEASED); break;
    case 1: stop(w, c->fates[id] == FATE_LEASED ? id : NEVER_LEASED); break;
    case 2:
        step(w, event(w, c->linked ? AGENT_DISCONNECTED : AGENT_CONNECTED, 0));
        c->linked = !c->linked;
        break;
    case 3: acked(w, random_below(&c->random, 20)); break;
    case 4:
        if (random_below(&c->random, 8) == 0)
            said(w, (struct record){.type = REC_hello_wanted});
        break;
    case 5: /* said twice */
        if (c->fates[id] == FATE_LEASED)
            lease(w, id, ALPHA);
        break;
    default:
        if (!c->linked) /* connections come back soon */
            step(w, event(w, AGENT_CONNECTED, 0));
        c->linked = true;
        welcome(w);
        if (c->fates[id] == FATE_NONE && c->linked) {
            lease_full(w, id, (unsigned)random_below(&c->random, 3), 1,
                       random_below(&c->random, 50));
            c->fates[id] = FATE_LEASED;
        }
    }
}

static void chaos_turn(struct chaos *c)
{
    struct world *w = &c->w;
    if (!c->calm)
        for (uint64_t n = random_below(&c->random, 8); n; n--)
            chaos_broker(c);
    for (unsigned i = 0; i < c->runners; i++)
        chaos_runner(c, i);
    w->now_us += (int64_t)random_below(&c->random, 20 * MS);
    said(w, (struct record){.type = REC_ping});
    tick(w);
    chaos_read(c);
}

static bool chaos_settled(const struct chaos *c)
{
    for (size_t i = 1; i <= CHAOS_JOBS; i++)
        if (c->fates[i] == FATE_LEASED)
            return false;
    return true;
}

/* Whatever the broker says and the runners do, each lease has one end: a result, returned, or not
 * named in a hello. */
TEST(every_lease_has_one_end)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        /* Two thirds of the worlds recycle, by jobs, memory and age. */
        struct agent_options o = {.recycle_jobs = (uint32_t)(seed % 3), .slot_kib = 900};
        o.recycle_kib = seed % 3 ? 500 : 0;
        o.recycle_us = seed % 3 ? 3000 * MS : 0;
        struct chaos c = {.w = world_with(2, 0, o), .random = {.state = seed}};
        c.runners = o.recycle_jobs ? 8 : 4;
        for (int i = 0; i < 1500; i++)
            chaos_turn(&c);
        /* The faults stop: what is left comes to its end. */
        c.calm = true;
        for (int i = 0; i < 5000 && !chaos_settled(&c); i++) {
            if (!c.linked)
                step(&c.w, event(&c.w, AGENT_CONNECTED, 0));
            c.linked = true;
            welcome(&c.w);
            chaos_turn(&c);
        }
        if (!chaos_settled(&c))
            check_failed(__FILE__, __LINE__, "seed %d does not settle", (int)seed);
        unsigned ends[FATE_DROPPED + 1] = {0};
        for (size_t i = 1; i <= CHAOS_JOBS; i++)
            ends[c.fates[i]]++;
        CHECK(ends[FATE_RESULT] > CHAOS_JOBS / 8);
        world_free(&c.w);
    }
}

/* --- progress ------------------------------------------------------------------------------- */

TEST(what_a_running_job_notes_goes_to_the_broker_ten_times_a_second_at_most)
{
    struct world w = joined(1);
    lease_full(&w, 7, ALPHA, 5, 0);
    EXPECT(&w, "push 0 #0 job 7\n");
    starts(&w, 0, 1);
    notes(&w, 0, 1);
    EXPECT(&w, "> progress 7 t5 1\n> started 7\n");
    pass(&w, 99 * MS);
    EXPECT(&w, ""); /* not wanted yet: the page keeps the latest */
    pass(&w, 1 * MS);
    EXPECT(&w, "listen 0\n");
    pass(&w, 300 * MS);
    EXPECT(&w, ""); /* once */
    notes(&w, 0, 4);
    EXPECT(&w, "> progress 7 t5 4\n");
    ends(&w, 0, REASON_NONE);
    EXPECT(&w, "> result #1 7 ok\n");
    lease_full(&w, 8, ALPHA, 5, 0);
    EXPECT(&w, "push 0 #1 job 8\n");
    pass(&w, 100 * MS);
    EXPECT(&w, "listen 0\n");
    world_free(&w);
}

TEST(what_is_no_progress_is_not_told)
{
    struct world w = joined(1);
    static const unsigned char array[] = {0x90}, number_key[] = {0x81, 1, 2}, half[] = {0x82, 0xa1};
    lease(&w, 7, ALPHA);
    tick(&w);
    notes(&w, 0, 1); /* it has not started, as far as anybody knows */
    starts(&w, 0, 1);
    tick(&w);
    buf_clear(&w.text);
    notes_bytes(&w, 0, bytes_of(array, sizeof array));
    notes_bytes(&w, 0, bytes_of(number_key, sizeof number_key));
    notes_bytes(&w, 0, bytes_of(half, sizeof half));
    EXPECT(&w, "");
    world_free(&w);
}

TEST(a_job_of_the_text_port_has_nobody_to_tell_its_progress)
{
    struct world w = joined(1);
    local(&w, 1, 0);
    tick(&w);
    starts(&w, 0, 1);
    buf_clear(&w.text);
    notes(&w, 0, 1);
    EXPECT(&w, "");
    world_free(&w);
}

TEST(after_a_hello_the_latest_progress_is_told_again)
{
    struct world w = joined(1);
    lease(&w, 7, ALPHA);
    tick(&w);
    starts(&w, 0, 1);
    notes(&w, 0, 1);
    tick(&w);
    step(&w, event(&w, AGENT_DISCONNECTED, 0));
    tick(&w);
    pass(&w, 100 * MS);
    buf_clear(&w.text);
    notes(&w, 0, 2);
    EXPECT(&w, ""); /* to nobody */
    step(&w, event(&w, AGENT_CONNECTED, 0));
    EXPECT(&w, HELLO("> holding 7\n") READY "listen 0 again\n> started 7\n");
    notes(&w, 0, 2);
    EXPECT(&w, "> progress 7 t1 2\n");
    world_free(&w);
}
