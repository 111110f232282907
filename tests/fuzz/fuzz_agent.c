/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's core under a broker that says anything, and runners that start, end and die at any
 * moment (but are processes: nothing from one that is gone). The input is read as triples (letter,
 * who, how), as in fuzz_step.c; 'b' hands over raw bytes as the broker's body. After each turn the
 * agent checks itself.
 */
#include <signal.h>

#include "consumer/core/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 2, PROGRAMS = 2, RUNNERS = 2 * SLOTS * PROGRAMS, TURNS_MAX = 20 };

struct runner {
    bool wanted, alive, serves; /* wanted: asked for and not there yet */
    uint32_t started, limit;    /* jobs: started ones, and how far it may go */
    uint32_t told, results;     /* of those that the agent knows */
};

struct world {
    struct agent *agent;
    struct agent_effects fx;
    struct runner runners[RUNNERS];
    int64_t now_us;
    uint64_t lease; /* the last one given: its id, and half of its token */
    uint32_t locals;
    bool over;
};

static void give(struct world *w, struct agent_event ev)
{
    ev.now_us = w->now_us;
    agent_step(w->agent, &ev, &w->fx);
}

static void give_exit(struct world *w, unsigned runner, int signal)
{
    struct runner *r = &w->runners[runner];
    if (!r->alive)
        return;
    *r = (struct runner){0};
    give(w, (struct agent_event){.type = AGENT_EXITED, .runner = runner, .exit = {signal, 0}});
}

static void recall(struct world *w, const struct agent_effect *e)
{
    struct runner *r = &w->runners[e->runner];
    if (r->alive)
        r->limit = e->number > r->started ? e->number : r->started;
    give(w,
         (struct agent_event){.type = AGENT_RECALLED, .runner = e->runner, .job.number = r->limit});
}

/* The answers may have effects of their own: they join the same list. */
static void apply(struct world *w)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        struct agent_effect e = w->fx.at[i];
        struct runner *r = &w->runners[e.runner % RUNNERS];
        switch (e.type) {
        case AGENT_SEND: {
            struct cursor c = cursor_of(agent_effect_bytes(&w->fx, i));
            struct record record = {.type = REC_NONE};
            while (!cursor_done(&c))
                must(record_next(&c, &record) == OK && record.type != REC_NONE);
            break;
        }
        case AGENT_SPAWN:
            must(!r->alive && !r->wanted);
            r->wanted = true;
            break;
        case AGENT_KILL:
            if (e.number == SIGKILL)
                give_exit(w, e.runner, SIGKILL);
            break;
        case AGENT_PUSH:
            must(r->alive && e.number == r->limit);
            r->limit += (uint32_t)e.push_count;
            break;
        case AGENT_RECALL: recall(w, &e); break;
        case AGENT_QUIT: w->over = true; break;
        default: break;
        }
    }
    agent_effects_clear(&w->fx);
}

static void turn(struct world *w)
{
    apply(w);
    give(w, (struct agent_event){.type = AGENT_TICK});
    apply(w);
    if (!w->over)
        agent_audit(w->agent);
}

static void pass_time(struct world *w, int64_t us)
{
    int64_t until = w->now_us + us;
    for (int turns = 0; turns < TURNS_MAX && !w->over && agent_deadline(w->agent) < until;
         turns++) {
        int64_t due = agent_deadline(w->agent);
        w->now_us = due > w->now_us ? due : w->now_us + 1;
        turn(w);
    }
    w->now_us = until > w->now_us ? until : w->now_us;
}

static void hear(struct world *w, const struct record *r)
{
    struct buf body = {0};
    record_put(&body, r);
    give(w, (struct agent_event){.type = AGENT_BODY, .body = buf_bytes(&body)});
    buf_fini(&body);
}

static void hear_lease(struct world *w, unsigned how)
{
    w->lease += how == 255 ? 0 : 1; /* the same once more */
    struct record r = {.type = REC_lease,
                       .lease = {.id = w->lease,
                                 .token = w->lease << 8,
                                 .offer = how % 4,
                                 .args = bytes_of("\x91\x01", 2),
                                 .timeout_ms = how & 16 ? how : 0,
                                 .attempt = 1}};
    hear(w, &r);
}

static void hear_about_lease(struct world *w, unsigned who, unsigned how)
{
    uint64_t id = w->lease > who ? w->lease - who : w->lease, token = (id << 8) + (how >> 7);
    struct record said[] = {
        {.type = REC_recall, .recall = {id, token}},
        {.type = REC_stop, .stop = {id, token, REASON_CANCELLED + (how >> 4 & 1)}},
        {.type = REC_result_ack, .result_ack = {how}},
        {.type = REC_welcome, .welcome = {.version = 1, .incarnation = 1 + (how >> 6)}},
        {.type = REC_draining},
        {.type = REC_error, .error = {.code = how >> 3}},
        {.type = REC_hello_wanted},
        {.type = REC_ping},
    };
    hear(w, &said[how & 7]);
}

static void runner_comes(struct world *w, unsigned runner, bool well)
{
    struct runner *r = &w->runners[runner];
    if (!r->wanted)
        return;
    *r = (struct runner){.alive = well};
    if (well)
        give(w, (struct agent_event){.type = AGENT_SPAWNED, .runner = runner, .pid = 100 + runner});
    else
        give(w,
             (struct agent_event){.type = AGENT_SPAWN_FAILED, .runner = runner, .job.number = 2});
}

static void runner_serves(struct world *w, unsigned runner)
{
    struct runner *r = &w->runners[runner];
    if (r->alive && !r->serves) {
        r->serves = true;
        give(w, (struct agent_event){.type = AGENT_READY, .runner = runner});
    }
}

/* The next job starts: once the one before has its result. */
static void runner_starts(struct world *w, unsigned runner)
{
    struct runner *r = &w->runners[runner];
    if (!r->serves || r->started != r->results || r->started == r->limit)
        return;
    r->started++;
    give(w, (struct agent_event){.type = AGENT_PROGRESS,
                                 .runner = runner,
                                 .job = {.number = r->started, .at_us = w->now_us}});
}

static void runner_ends_job(struct world *w, unsigned runner, unsigned how)
{
    static const unsigned reasons[] = {REASON_NONE, REASON_ERROR, REASON_TOO_LARGE};
    struct runner *r = &w->runners[runner];
    if (r->results == r->started)
        return;
    struct agent_result result = {.number = r->results++,
                                  .reason = reasons[how % 3],
                                  .run_us = how,
                                  .value = bytes_of("\xa1x", how & 8 ? 2 : 1),
                                  .peak_kib = how,
                                  .lines = bytes_of("why", how & 3)};
    give(w, (struct agent_event){
                .type = AGENT_RESULTS, .runner = runner, .results = {.at = &result, .count = 1}});
}

/* The running job's, or any other's: some are no maps. */
static void runner_notes(struct world *w, unsigned runner, unsigned how)
{
    const struct runner *r = &w->runners[runner];
    if (r->alive)
        give(w, (struct agent_event){.type = AGENT_NOTE,
                                     .runner = runner,
                                     .job = {.number = r->results + (how >> 6),
                                             .value = bytes_of("\x81\xa1x\x01", how % 5)}});
}

static void runner_uses(struct world *w, unsigned runner, unsigned kib)
{
    if (w->runners[runner].alive)
        give(w, (struct agent_event){.type = AGENT_MEMORY,
                                     .runner = runner,
                                     .memory = {.kib = kib, .all_kib = 2 * (uint64_t)kib}});
}

/* Or with how & 1 nobody waits for the last one any more. */
static void local_job(struct world *w, unsigned who, unsigned how)
{
    if (how & 1) {
        give(w, (struct agent_event){.type = AGENT_LOCAL_CANCEL, .job.number = w->locals});
        return;
    }
    give(w, (struct agent_event){.type = AGENT_LOCAL_JOB,
                                 .local = {.number = ++w->locals,
                                           .program = who % PROGRAMS,
                                           .args = bytes_of("\x90", 1)}});
}

static void act(struct world *w, uint8_t letter, unsigned who, unsigned how)
{
    unsigned runner = who % RUNNERS;
    switch (letter) {
    case 'C': give(w, (struct agent_event){.type = AGENT_CONNECTED}); break;
    case 'D': give(w, (struct agent_event){.type = AGENT_DISCONNECTED}); break;
    case 'l': hear_lease(w, how); break;
    case 'm': hear_about_lease(w, who, how); break;
    case 's': runner_comes(w, runner, true); break;
    case 'f': runner_comes(w, runner, false); break;
    case 'y': runner_serves(w, runner); break;
    case 'g': runner_starts(w, runner); break;
    case 'r': runner_ends_job(w, runner, how); break;
    case 'n': runner_notes(w, runner, how); break;
    case 'e': give_exit(w, runner, how & 1 ? SIGSEGV : 0); break;
    case 'u': runner_uses(w, runner, how); break;
    case 'q': give(w, (struct agent_event){.type = AGENT_DRAIN}); break;
    case 'L': local_job(w, who, how); break;
    case 'z': pass_time(w, how * 20000); break;
    default: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const one[] = {"a.a", "a.b"}, *const two[] = {"b.a", "b.b"};
    static const struct agent_program programs[PROGRAMS] = {
        {.name = "a", .methods = one, .method_count = 2},
        {.name = "b", .methods = two, .method_count = 2}};
    struct agent_options options = {.slots = SLOTS,
                                    .programs = programs,
                                    .program_count = PROGRAMS,
                                    .name = bytes_text("w"),
                                    .host = bytes_text("h"),
                                    .peer_id = bytes_text("0123456789abcdef"),
                                    .pid = 1,
                                    .warm = 2,
                                    .slot_kib = 250,
                                    .recycle_kib = 200,
                                    .recycle_jobs = 5,
                                    .recycle_us = 20000000,
                                    .held_bytes_max = 4000};
    struct world w = {.agent = agent_new(&options, 1000000), .now_us = 1000000};
    for (size_t at = 0; at + 3 <= size && !w.over; at += 3) {
        unsigned how = data[at + 2];
        if (data[at] == 'b') {
            size_t length = how < size - at - 3 ? how : size - at - 3;
            give(&w,
                 (struct agent_event){.type = AGENT_BODY, .body = bytes_of(data + at + 3, length)});
            at += length;
        } else {
            act(&w, data[at], data[at + 1], how);
        }
        turn(&w);
    }
    agent_free(w.agent);
    agent_effects_fini(&w.fx);
    return 0;
}
