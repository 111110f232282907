/* SPDX-License-Identifier: Apache-2.0
 *
 * host: a worker's shell in the sim. The agent is the real core; its handler processes are
 * modelled: a ring of jobs each, of which one runs, takes its time, and ends as its arguments say.
 * A host can die (all of it), freeze (all of it), lose its connection, and come again.
 */
#include <signal.h>

#include "tests/sim/sim.h"

struct pushed {
    uint64_t id, token;
    struct turn turn;
    uint64_t attempt;
};

struct finished {
    uint32_t number;
    unsigned reason, run_us;
    struct turn turn;
};

struct runner_sim {
    struct host *host;
    unsigned index, program;
    bool alive, serves, exited, running;
    uint64_t life;
    int signal, status;
    struct buf ring; /* struct pushed, by number */
    uint32_t started;
    uint32_t told; /* started, as the agent knows it */
    int64_t started_us;
    struct buf results; /* struct finished, not yet taken by the agent */
    struct jot note;
};

static void turn(struct sim *s, struct host *h);
static void turn_soon(struct sim *s, struct host *h, int64_t at_us);
static void start_next(struct sim *s, struct runner_sim *r);
static void notes_soon(struct sim *s, struct runner_sim *r);

/* --- runners ---------------------------------------------------------------------------------- */

static unsigned ring_count(const struct runner_sim *r)
{
    return (unsigned)(r->ring.size / sizeof(struct pushed));
}

static struct pushed *ring_at(const struct runner_sim *r, uint32_t number)
{
    must(number < ring_count(r));
    return (struct pushed *)(void *)r->ring.data + number;
}

/* Happens to the same process, or not at all. While the host is frozen so is its process, which
 * then has as long to go as it had when that began. */
static bool still(struct sim *s, struct happening *h)
{
    struct runner_sim *r = h->who;
    if (!r->alive || r->life != h->a)
        return false;
    if (r->host->end.frozen_us <= s->now_us)
        return true;
    int64_t left_us = s->now_us - r->host->fault_from_us;
    struct happening *later =
        sim_at(s, r->host->end.frozen_us + 50 + (left_us > 0 ? left_us : 0), h->run, r);
    later->a = h->a;
    later->b = h->b;
    return false;
}

static void finish(struct sim *s, struct runner_sim *r, unsigned reason)
{
    struct finished f = {.number = r->started - 1,
                         .reason = reason,
                         .run_us = (unsigned)(s->now_us - r->started_us),
                         .turn = ring_at(r, r->started - 1)->turn};
    buf_put(&r->results, &f, sizeof f);
    r->running = false;
    turn_soon(s, r->host, s->now_us + 5);
    start_next(s, r);
}

static void dies(struct sim *s, struct runner_sim *r, int signal, int status)
{
    trace(s, r->host->end.name, "runner %u ends: signal %d status %d", r->index, signal, status);
    r->alive = r->running = false;
    r->exited = true;
    r->signal = signal;
    r->status = status;
    turn_soon(s, r->host, s->now_us + 100);
}

static void run_ends(struct sim *s, struct happening *h)
{
    struct runner_sim *r = h->who;
    if (!still(s, h) || !r->running || h->b != r->started)
        return;
    const struct pushed *p = ring_at(r, r->started - 1);
    const struct spec *spec = &p->turn.spec;
    enum behaviour b = p->attempt > spec->times ? RUNS_WELL : spec->behaviour;
    switch (b) {
    case RUNS_WELL: finish(s, r, REASON_NONE); break;
    case SAYS_ERROR: finish(s, r, REASON_ERROR); break;
    case CRASHES: dies(s, r, sim_chance(s, 0.5) ? SIGSEGV : 0, 3); break;
    case HANGS: break;
    }
}

/* The running job tells how far it is, now and perhaps once more. */
static void notes(struct sim *s, struct happening *h)
{
    struct runner_sim *r = h->who;
    if (!still(s, h) || !r->running || h->b != r->started)
        return;
    if (jot_write(&r->note, r->started - 1))
        turn_soon(s, r->host, s->now_us + 5);
    notes_soon(s, r);
}

static void notes_soon(struct sim *s, struct runner_sim *r)
{
    uint64_t run_us = ring_at(r, r->started - 1)->turn.spec.run_us;
    if (!sim_chance(s, s->knobs.progress))
        return;
    struct happening *note = sim_at(s, s->now_us + 1 + (int64_t)sim_below(s, run_us + 1), notes, r);
    note->a = r->life;
    note->b = r->started;
}

static void starts(struct sim *s, struct happening *h)
{
    if (still(s, h))
        start_next(s, h->who);
}

static void start_next(struct sim *s, struct runner_sim *r)
{
    struct host *h = r->host;
    if (!r->alive || !r->serves || r->running || r->started >= ring_count(r))
        return;
    if (s->now_us - h->ticked_us >
        3 * SEC_US) { /* the page's stamp is old: not without its agent */
        sim_at(s, s->now_us + MS_US, starts, r)->a = r->life;
        turn_soon(s, h, s->now_us);
        return;
    }
    const struct pushed *p = ring_at(r, r->started);
    r->running = true;
    r->started++;
    r->started_us = s->now_us;
    trace(s, h->end.name, "runner %u runs %llx", r->index,
          (unsigned long long)p->id & 0xfffffffffffff);
    ledger_executes(s, h, p->id, p->token, &p->turn);
    struct happening *end = sim_at(s, s->now_us + 1 + (int64_t)p->turn.spec.run_us, run_ends, r);
    end->a = r->life;
    end->b = r->started;
    notes_soon(s, r);
}

/* --- effects of the agent --------------------------------------------------------------------- */

/* Its own clock, which is wrong by drift_ppm. */
static int64_t clock_of(const struct host *h, int64_t sim_us)
{
    return sim_us + sim_us * h->drift_ppm / 1000000;
}

static int64_t sim_us_of(const struct host *h, int64_t host_us)
{
    return host_us * 1000000 / (1000000 + h->drift_ppm) + 1;
}

static void give(struct host *h, struct agent_event *ev, struct sim *s)
{
    ev->now_us = clock_of(h, s->now_us);
    agent_step(h->agent, ev, &h->effects);
}

static void serves(struct sim *s, struct happening *h)
{
    struct runner_sim *r = h->who;
    if (!still(s, h))
        return;
    r->serves = true;
    give(r->host, &(struct agent_event){.type = AGENT_READY, .runner = r->index}, s);
    turn_soon(s, r->host, s->now_us);
}

static void spawn(struct sim *s, struct host *h, unsigned runner)
{
    struct runner_sim *r = &h->runners[runner];
    trace(s, h->end.name, "runner %u is started", runner);
    r->life++;
    r->alive = true;
    r->serves = r->running = r->exited = false;
    r->note = (struct jot){.wanted = true, .made = r->note.made};
    r->started = r->told = 0;
    buf_clear(&r->ring);
    buf_clear(&r->results);
    give(h,
         &(struct agent_event){
             .type = AGENT_SPAWNED, .runner = runner, .pid = 1000 + (unsigned)sim_below(s, 30000)},
         s);
    if (s->knobs.crash > 0 && !s->calm && sim_chance(s, 0.05)) {
        dies(s, r, 0, 1); /* before it serves */
        return;
    }
    sim_at(s, s->now_us + sim_spread(s, 10 * MS_US), serves, r)->a = r->life;
}

static void killed(struct sim *s, struct happening *h)
{
    if (still(s, h))
        dies(s, h->who, (int)h->b, 0);
}

static void asked_to_stop(struct sim *s, struct happening *h)
{
    struct runner_sim *r = h->who;
    if (still(s, h) && r->running && r->started == h->b)
        finish(s, r, REASON_ERROR);
}

static void push(struct sim *s, struct host *h, struct runner_sim *r, const struct agent_push *job)
{
    struct pushed p = {.id = job->id,
                       .token = job->token,
                       .turn = story_turn(s, job->args),
                       .attempt = job->attempt ? job->attempt : 1};
    buf_put(&r->ring, &p, sizeof p);
    if (p.turn.spec.queue != h->program_queue[r->program])
        sim_fail(s, "S2", "a job of queue %u runs in %s", p.turn.spec.queue,
                 h->programs[r->program].name);
    if (!r->running)
        sim_at(s, s->now_us + 5 + (int64_t)sim_below(s, 30), starts, r)->a = r->life;
}

static void push_row(struct sim *s, struct host *h, const struct agent_effect *e)
{
    struct runner_sim *r = &h->runners[e->runner];
    if (!r->alive)
        return; /* its death is on its way to the agent */
    must(e->number == ring_count(r));
    for (size_t i = 0; i < e->push_count; i++)
        push(s, h, r, &h->effects.pushes[e->pushes + i]);
}

static void recall(struct sim *s, struct host *h, unsigned runner, uint32_t from)
{
    struct runner_sim *r = &h->runners[runner];
    uint32_t first = from > r->started ? from : r->started;
    if (first < ring_count(r))
        r->ring.size = first * sizeof(struct pushed);
    give(h, &(struct agent_event){.type = AGENT_RECALLED, .runner = runner, .job.number = first},
         s);
}

static void quit(struct sim *s, struct host *h);

static void apply(struct sim *s, struct host *h)
{
    struct runner_sim *r;
    for (size_t i = 0; i < h->effects.count && h->alive; i++) {
        struct agent_effect e = h->effects.at[i];
        struct bytes bytes = agent_effect_bytes(&h->effects, i);
        switch (e.type) {
        case AGENT_SEND: end_put(s, &h->end, &h->out, bytes, e.more + 1); break;
        case AGENT_RESET: buf_clear(&h->out); break;
        case AGENT_REOPEN:
            buf_clear(&h->out);
            end_reopen(s, &h->end);
            break;
        case AGENT_SPAWN: spawn(s, h, e.runner); break;
        case AGENT_KILL:
            r = &h->runners[e.runner];
            if (r->alive && (e.number == SIGKILL || sim_chance(s, 0.7))) {
                struct happening *k = sim_at(s, s->now_us + sim_spread(s, MS_US), killed, r);
                k->a = r->life;
                k->b = e.number;
            }
            break;
        case AGENT_PUSH: push_row(s, h, &e); break;
        case AGENT_RECALL: recall(s, h, e.runner, e.number); break;
        case AGENT_FLAG:
            r = &h->runners[e.runner];
            if (r->alive && sim_chance(s, 0.5)) {
                struct happening *f = sim_at(s, s->now_us + sim_spread(s, MS_US), asked_to_stop, r);
                f->a = r->life;
                f->b = e.number + 1;
            }
            break;
        case AGENT_LISTEN:
            if (jot_listen(&h->runners[e.runner].note, e.number))
                turn_soon(s, h, s->now_us);
            break;
        case AGENT_QUIT: quit(s, h); break;
        case AGENT_LOCAL_DONE: break;
        case AGENT_TRACE: trace(s, h->end.name, "%.*s", BYTES_ARG(bytes)); break;
        }
    }
    agent_effects_clear(&h->effects);
    if (h->out.size)
        end_send(s, &h->end, buf_bytes(&h->out));
    buf_clear(&h->out);
}

/* --- its turns -------------------------------------------------------------------------------- */

static void look_at_note(struct sim *s, struct host *h, struct runner_sim *r)
{
    struct agent_event e = {.type = AGENT_NOTE, .runner = r->index, .job.number = r->started - 1};
    struct buf map = {0};
    if (r->alive && r->running &&
        jot_take(&r->note, e.job.number, ring_at(r, e.job.number)->token, &map)) {
        e.job.value = buf_bytes(&map);
        give(h, &e, s);
    }
    buf_fini(&map);
}

static void tell_progress(struct sim *s, struct host *h, struct runner_sim *r)
{
    struct agent_event e = {.type = AGENT_PROGRESS,
                            .runner = r->index,
                            .job = {.number = r->started, .at_us = clock_of(h, r->started_us)}};
    give(h, &e, s);
}

/* Its value goes to the others', and is pointed at when they are all there. */
static struct agent_result result_of(struct sim *s, const struct finished *f, struct buf *values)
{
    struct agent_result m = {.number = f->number, .reason = f->reason, .run_us = f->run_us};
    size_t before = values->size;
    if (f->reason == REASON_NONE && f->turn.session) {
        m.reason = REASON_VERDICT;
        story_answer(s, &f->turn, values);
    } else if (f->reason == REASON_NONE) {
        pack_uint(values, spec_value(&f->turn.spec));
    } else {
        pack_text(values, "no");
    }
    m.value.size = values->size - before;
    return m;
}

/* What has ended since the last look, in rows as they come. */
static void tell_results(struct sim *s, struct host *h, struct runner_sim *r)
{
    enum { ROW_MAX = 4 };
    struct agent_result row[ROW_MAX];
    struct agent_event e = {.type = AGENT_RESULTS, .runner = r->index, .results.at = row};
    struct buf values = {0};
    const struct finished *f = (const void *)r->results.data;
    size_t left = r->results.size / sizeof *f;
    while (left) {
        unsigned *count = &e.results.count;
        buf_clear(&values);
        for (*count = 0; left && *count < ROW_MAX; left--)
            row[(*count)++] = result_of(s, f++, &values);
        for (size_t i = 0, at = 0; i < *count; at += row[i++].value.size)
            row[i].value.data = values.data + at;
        give(h, &e, s);
        if (r->running) /* the next one runs already */
            tell_progress(s, h, r);
    }
    buf_clear(&r->results);
    buf_fini(&values);
}

/* The shell looks into the runner's page. */
static void look(struct sim *s, struct host *h, struct runner_sim *r)
{
    if (r->told != r->started) {
        r->told = r->started;
        tell_progress(s, h, r);
    }
    tell_results(s, h, r);
    look_at_note(s, h, r);
    struct agent_event e = {.type = AGENT_EXITED,
                            .runner = r->index,
                            .exit = {.signal = r->signal, .status = r->status}};
    if (r->exited)
        give(h, &e, s);
    r->exited = false;
}

static void turn_comes(struct sim *s, struct happening *hap)
{
    struct host *h = hap->who;
    if (!h->alive || h->life != hap->a || h->turn_us != (int64_t)hap->b)
        return;
    h->turn_us = INT64_MAX;
    if (h->end.frozen_us > s->now_us)
        turn_soon(s, h, h->end.frozen_us);
    else
        turn(s, h);
}

static void turn_soon(struct sim *s, struct host *h, int64_t at_us)
{
    if (h->turn_us <= at_us)
        return;
    if (at_us < s->now_us)
        at_us = s->now_us;
    h->turn_us = at_us;
    struct happening *hap = sim_at(s, at_us, turn_comes, h);
    hap->a = h->life;
    hap->b = (uint64_t)at_us;
}

static void turn(struct sim *s, struct host *h)
{
    for (unsigned i = 0; i < h->runner_count; i++)
        look(s, h, &h->runners[i]);
    give(h, &(struct agent_event){.type = AGENT_TICK}, s);
    h->ticked_us = s->now_us;
    apply(s, h);
    if (!h->alive)
        return;
    agent_audit(h->agent);
    int64_t at = agent_deadline(h->agent);
    if (at == INT64_MAX)
        return;
    at = sim_us_of(h, at); /* never twice at one moment: the shell's loop takes its time too */
    turn_soon(s, h, at > s->now_us + 50 ? at : s->now_us + 50);
}

static void takes(struct sim *s, struct end *end, struct bytes body)
{
    struct host *h = container_of(end, struct host, end);
    struct cursor c = cursor_of(body);
    struct record r;
    while (!cursor_done(&c)) {
        if (record_get(&c, &r) != OK)
            sim_fail(s, "S19", "the broker sent %s what does not decode", end->name);
    }
    give(h, &(struct agent_event){.type = AGENT_BODY, .body = body}, s);
    turn(s, h);
}

static void linked_late(struct sim *s, struct happening *hap)
{
    struct host *h = hap->who;
    if (!h->alive || h->end.life != hap->a)
        return;
    enum agent_event_type type = hap->b ? AGENT_CONNECTED : AGENT_DISCONNECTED;
    give(h, &(struct agent_event){.type = type}, s);
    turn_soon(s, h, s->now_us);
}

/* The socket's monitor tells of it a little later than it happens. */
static void linked(struct sim *s, struct end *end, bool up)
{
    struct host *h = container_of(end, struct host, end);
    struct happening *hap = sim_at(s, s->now_us + 20, linked_late, h);
    hap->a = end->life; /* what is told of a socket that was left is not heard */
    hap->b = up;
}

/* --- life ------------------------------------------------------------------------------------- */

/* Runners keep their place over all lives, for what is under way points to them. */
static void runners_make(struct host *h)
{
    unsigned first = h->slots * h->program_count;
    h->runner_count = agent_runner_count(&h->options);
    if (!h->runners)
        h->runners = must_alloc(2 * first * sizeof *h->runners);
    for (unsigned i = 0; i < 2 * first; i++) {
        h->runners[i].host = h;
        h->runners[i].index = i;
        h->runners[i].program = i % first % h->program_count;
    }
}

void host_start(struct sim *s, struct host *h)
{
    int drift = s->knobs.drift_ppm;
    h->alive = true;
    h->life++;
    h->turn_us = INT64_MAX;
    h->drift_ppm = drift ? (int)sim_below(s, 2 * (uint64_t)drift) - drift : 0;
    snprintf(h->end.name, sizeof h->end.name, "w%u", h->index);
    h->end.kind = END_HOST;
    h->end.process = h->life;
    guise_draw(s, h);
    h->options = (struct agent_options){.slots = h->slots,
                                        .programs = h->programs,
                                        .program_count = h->program_count,
                                        .name = bytes_text(h->name),
                                        .host = bytes_text("sim"),
                                        .tags = host_tags(s, h->index),
                                        .peer_id = bytes_of(h->peer_id, PEER_ID_BYTES),
                                        .pid = host_pid(h),
                                        .warm = (unsigned)sim_below(s, 3)};
    if (sim_chance(s, 0.2))
        h->options.recycle_jobs = 1 + (uint32_t)sim_below(s, 5);
    if (sim_chance(s, 0.1))
        h->options.recycle_us = 1 + sim_spread(s, 2 * SEC_US);
    runners_make(h);
    h->agent = agent_new(&h->options, clock_of(h, s->now_us));
    h->ticked_us = s->now_us;
    h->end.port = PORT_WORKERS;
    h->end.take = takes;
    h->end.linked = linked;
    h->end.frozen_us = 0;
    end_open(s, &h->end);
    trace(s, h->end.name, "starts as %s with %u slots", h->name, h->slots);
    turn_soon(s, h, s->now_us + 10);
}

static void starts_again(struct sim *s, struct happening *hap)
{
    struct host *h = hap->who;
    if (!h->alive)
        host_start(s, h);
}

static void down(struct sim *s, struct host *h, bool gently)
{
    h->alive = false;
    h->life++;
    h->ended_us = s->now_us;
    for (unsigned i = 0; i < h->runner_count; i++) { /* slots die with their agent */
        h->runners[i].alive = h->runners[i].exited = false;
        h->runners[i].started = h->runners[i].told = 0;
        buf_clear(&h->runners[i].results);
        h->runners[i].life++;
    }
    buf_clear(&h->out);
    end_close(s, &h->end, gently);
    agent_free(h->agent);
    h->agent = NULL;
    sim_at(s, s->now_us + (int64_t)sim_below(s, 3 * SEC_US), starts_again, h);
}

static void quit(struct sim *s, struct host *h)
{
    trace(s, h->end.name, "quits");
    if (h->out.size)
        end_send(s, &h->end, buf_bytes(&h->out));
    h->fault_from_us = h->fault_until_us = s->now_us;
    down(s, h, true);
}

void host_kill(struct sim *s, struct host *h)
{
    if (!h->alive)
        return;
    trace(s, h->end.name, "dies");
    h->fault_from_us = h->fault_until_us = s->now_us;
    down(s, h, false);
    agent_effects_clear(&h->effects);
}

void host_freeze(struct sim *s, struct host *h, int64_t us)
{
    if (!h->alive || h->end.frozen_us > s->now_us)
        return;
    trace(s, h->end.name, "is frozen for %lld ms", (long long)us / 1000);
    h->fault_from_us = s->now_us;
    h->fault_until_us = h->end.frozen_us = s->now_us + us;
}

void host_fini(struct sim *s, struct host *h)
{
    (void)s;
    agent_free(h->agent);
    for (unsigned i = 0; i < 2 * h->slots * h->program_count; i++) {
        buf_fini(&h->runners[i].ring);
        buf_fini(&h->runners[i].results);
    }
    free(h->runners);
    agent_effects_fini(&h->effects);
    buf_fini(&h->out);
    buf_fini(&h->end.backlog);
}
