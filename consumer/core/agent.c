/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/core/agent.h"

#include <errno.h>
#include <stdarg.h>

#include "consumer/core/parts.h"

enum { TRACE_BYTES = 300, KEPT_BYTES = 1 << 20 };
/* Jobs of the text port come before every lease. */
static const uint64_t LEASE_ORDER = (uint64_t)1 << 62;

/* --- effects -------------------------------------------------------------------------------- */

struct agent_effect *agent_effect(struct agent *a, enum agent_effect_type type)
{
    struct agent_effects *out = a->out;
    if (out->count == out->capacity) {
        out->capacity = out->capacity ? out->capacity * 2 : 64;
        out->at = must_realloc(out->at, out->capacity * sizeof *out->at);
    }
    must(out->at);
    struct agent_effect *e = &out->at[out->count++];
    memset(e, 0, sizeof *e);
    e->type = type;
    return e;
}

void agent_sent(struct agent *a, size_t offset, struct said said)
{
    struct agent_effect *e = agent_effect(a, AGENT_SEND);
    e->mark = said.mark;
    e->brief = said.brief;
    e->offset = offset + said.brief;
    e->size = a->out->bytes.size - e->offset;
}

struct agent_effect *agent_row(struct agent *a, uint32_t mark)
{
    struct agent_effects *out = a->out;
    if (!out->count)
        return NULL;
    struct agent_effect *e = &out->at[out->count - 1];
    bool ends = e->type == AGENT_SEND && e->mark && e->mark + e->more == mark &&
                e->offset + e->size == out->bytes.size;
    return ends && e->size < ROW_BYTES ? e : NULL;
}

void agent_send(struct agent *a, const struct record *r)
{
    if (a->options.alone)
        return;
    size_t offset = a->out->bytes.size;
    record_put(&a->out->bytes, r);
    agent_sent(a, offset, (struct said){0});
}

void agent_trace(struct agent *a, const char *format, ...)
{
    char text[TRACE_BYTES];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    must(size >= 0);
    size_t offset = a->out->bytes.size, kept = (size_t)size;
    if (kept > sizeof text - 1)
        kept = sizeof text - 1;
    buf_put(&a->out->bytes, text, kept);
    struct agent_effect *e = agent_effect(a, AGENT_TRACE);
    e->offset = offset;
    e->size = kept;
}

void agent_effects_clear(struct agent_effects *e)
{
    e->count = e->push_count = 0;
    buf_clear(&e->bytes);
    if (e->bytes.capacity > KEPT_BYTES)
        buf_fini(&e->bytes);
}

void agent_effects_fini(struct agent_effects *e)
{
    free(e->at);
    free(e->pushes);
    buf_fini(&e->bytes);
    *e = (struct agent_effects){0};
}

/* --- birth and end -------------------------------------------------------------------------- */

static void runner_init(struct runner *r, unsigned index, unsigned slot, unsigned program)
{
    *r = (struct runner){.index = index,
                         .slot = slot,
                         .program = program,
                         .until_us = INT64_MAX,
                         .look_us = INT64_MAX,
                         .limit_us = INT64_MAX,
                         .listen_us = INT64_MAX};
    link_init(&r->ring);
}

static void offers_init(struct agent *a)
{
    const struct agent_options *o = &a->options;
    for (unsigned p = 0; p < o->program_count; p++)
        a->offer_count += o->programs[p].method_count;
    a->offers = must_alloc(a->offer_count * sizeof *a->offers);
    unsigned at = 0;
    for (unsigned p = 0; p < o->program_count; p++)
        for (unsigned m = 0; m < o->programs[p].method_count; m++)
            a->offers[at++] = (struct offer){.program = p, .method = m};
}

unsigned agent_runner_count(const struct agent_options *options)
{
    return options->slots * options->program_count * (recycle_on(options) ? 2 : 1);
}

static void defaults(struct agent_options *o)
{
    if (o->flag_us == 0)
        o->flag_us = FLAG_US;
    if (o->term_us == 0)
        o->term_us = TERM_US;
    if (o->held_bytes_max == 0)
        o->held_bytes_max = HELD_BYTES_MAX;
}

static void runners_init(struct agent *a)
{
    unsigned programs = a->options.program_count, first = a->options.slots * programs;
    a->runner_count = agent_runner_count(&a->options);
    a->runners = must_alloc(a->runner_count * sizeof *a->runners);
    a->runner_of = must_alloc(first * sizeof(struct runner *));
    for (unsigned i = 0; i < a->runner_count; i++)
        runner_init(&a->runners[i], i, i % first / programs, i % programs);
    for (unsigned i = 0; i < first; i++)
        a->runner_of[i] = &a->runners[i];
    for (unsigned s = 0; s < a->options.slots; s++)
        a->slots[s].runners = &a->runner_of[s * programs];
}

struct agent *agent_new(const struct agent_options *options, int64_t now_us)
{
    struct agent *a = must_alloc(sizeof *a);
    unsigned slots = options->slots, programs = options->program_count;
    must(slots > 0 && programs <= AGENT_PROGRAMS_MAX && slots * programs <= AGENT_RUNNERS_MAX);
    a->options = *options;
    defaults(&a->options);
    a->slots = must_alloc(slots * sizeof *a->slots);
    a->programs = must_alloc(programs * sizeof *a->programs);
    for (unsigned p = 0; p < programs; p++)
        link_init(&a->programs[p].waiting);
    runners_init(a);
    offers_init(a);
    link_init(&a->held);
    pool_init(&a->memory);
    a->next_order = LEASE_ORDER;
    a->ticked_us = a->beat_us = a->heard_us = now_us;
    a->deal_us = a->drained_us = a->again_us = INT64_MAX;
    return a;
}

static void drop_all(struct agent *a, struct link *jobs)
{
    list_each_safe(l, jobs) agent_job_drop(a, container_of(l, struct agent_job, link));
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    for (unsigned p = 0; p < a->options.program_count; p++)
        drop_all(a, &a->programs[p].waiting);
    for (unsigned i = 0; i < a->runner_count; i++)
        drop_all(a, &a->runners[i].ring);
    drop_all(a, &a->held);
    pool_fini(&a->memory);
    heap_fini(&a->timers);
    index_drop(a);
    idmap_fini(&a->locals);
    free(a->offers);
    free(a->runners);
    free(a->runner_of);
    free(a->programs);
    free(a->slots);
    free(a);
}

/* --- local jobs ----------------------------------------------------------------------------- */

static void take_local(struct agent *a, const struct agent_event *e)
{
    must(e->local.program < a->options.program_count && e->local.number &&
         !idmap_find(&a->locals, e->local.number));
    struct agent_job *j = agent_job_new(a, e->local.args);
    j->local = true;
    j->id = e->local.number;
    j->attempt = 1;
    j->program = e->local.program;
    j->method = e->local.method;
    j->order = a->next_local_order++;
    idmap_put(&a->locals, j->id, j);
    if (a->draining)
        agent_job_end(a, j, REASON_CANCELLED, 0, bytes_of(NULL, 0));
    else
        agent_job_wait(a, j);
}

static void cancel_local(struct agent *a, uint32_t number)
{
    struct agent_job *j = idmap_find(&a->locals, number);
    if (j)
        agent_job_stop(a, j, REASON_CANCELLED);
}

/* --- draining ------------------------------------------------------------------------------- */

void agent_drain(struct agent *a)
{
    if (a->draining)
        return;
    a->draining = true;
    agent_trace(a, "draining, running=%u waiting=%u", a->ring_count, a->waiting_count);
    if (a->link != LINK_LOST)
        agent_send(a, &(struct record){.type = REC_draining});
    for (unsigned p = 0; p < a->options.program_count; p++)
        list_each_back_safe(l, &a->programs[p].waiting)
        {
            struct agent_job *j = container_of(l, struct agent_job, link);
            if (!j->local)
                agent_job_return(a, j);
        }
    for (unsigned i = 0; i < a->runner_count; i++)
        runner_recall(a, &a->runners[i], a->runners[i].started);
}

static void leave(struct agent *a, const char *why)
{
    agent_send(a, &(struct record){.type = REC_goodbye, .goodbye = {.why = bytes_text(why)}});
    agent_effect(a, AGENT_QUIT);
    a->quit = true;
}

static void drain_on(struct agent *a)
{
    if (!a->draining || a->waiting_count || a->ring_count)
        return;
    if (a->drained_us == INT64_MAX)
        a->drained_us = a->now_us + DRAIN_US;
    if (a->held_count == 0 || a->now_us >= a->drained_us)
        leave(a, "drained");
}

/* --- the turn ------------------------------------------------------------------------------- */

static void warm(struct agent *a)
{
    unsigned left = a->options.warm;
    a->warmed = true;
    for (unsigned p = 0; p < a->options.program_count; p++)
        for (unsigned s = 0; s < a->options.slots && left; s++, left--)
            runner_fire(a, a->slots[s].runners[p], RUNNER_NEED);
}

static void watch_link(struct agent *a)
{
    int64_t last = a->heard_us > a->hello_us ? a->heard_us : a->hello_us;
    if (a->options.alone)
        return;
    if (a->now_us - a->ticked_us > SILENCE_US && a->link == LINK_UP)
        link_reopen(a, "this worker was frozen");
    else if (a->link != LINK_LOST && a->now_us - last > SILENCE_US)
        link_reopen(a, "nothing heard for 4 s");
    else if (a->link == LINK_HELLO && a->now_us >= a->again_us)
        link_reopen(a, "the hello was refused");
    if (a->link != LINK_LOST || !a->connected)
        return;
    /* What is being taken back must not be named. */
    for (unsigned i = 0; i < a->runner_count; i++)
        if (a->runners[i].recalling || a->runners[i].recall_due)
            return;
    link_hello(a);
}

static void run_timers(struct agent *a)
{
    for (struct heap_node *n; (n = heap_first(&a->timers)) && n->key <= a->now_us;)
        runner_wake(a, container_of(n, struct runner, timer));
}

static void tell_started(struct agent *a)
{
    for (unsigned s = 0; a->link != LINK_LOST && s < a->options.slots; s++) {
        struct runner *r = a->slots[s].active;
        struct agent_job *j = r ? runner_head(r) : NULL;
        if (!j || !j->seen || j->told || j->local || j->orphan)
            continue;
        struct record m = {.type = REC_started, .started = {.id = j->id, .token = j->token}};
        agent_send(a, &m);
        j->told = true;
    }
}

static void tell_slot(struct agent *a, unsigned index)
{
    struct slot *s = &a->slots[index];
    struct runner *r = s->active ? s->active : s->recent ? s->recent : s->runners[0];
    /* A slot that has not worked yet shows a process that is there. */
    for (unsigned p = 0; !s->active && !r->pid && p < a->options.program_count; p++)
        r = s->runners[p];
    struct agent_job *j = s->active ? runner_head(s->active) : NULL;
    unsigned state = runner_slot_state(r);
    uint64_t job = j && !j->local ? j->id : 0;
    if (s->told_state == state && s->told_pid == r->pid && s->told_job == job)
        return;
    s->told_state = state;
    s->told_pid = r->pid;
    s->told_job = job;
    struct record m = {.type = REC_slot_state,
                       .slot_state = {.index = index, .pid = r->pid, .state = state, .job = job}};
    agent_send(a, &m);
}

static void beat(struct agent *a)
{
    if (a->now_us < a->beat_us)
        return;
    a->beat_us = a->now_us + BEAT_US;
    recycle_beat(a);
    index_drop(a);
    if (a->link != LINK_UP)
        return;
    agent_send(
        a, &(struct record){.type = REC_beat, .beat = {.time_ms = (uint64_t)(a->now_us / 1000)}});
    for (unsigned s = 0; s < a->options.slots; s++)
        tell_slot(a, s);
}

/* Recalls are gathered over the turn, so that each runner is asked once. */
static void tell_recalls(struct agent *a)
{
    for (unsigned i = 0; a->recalls_due && i < a->runner_count; i++) {
        struct runner *r = &a->runners[i];
        if (!r->recall_due)
            continue;
        r->recall_due = false;
        a->recalls_due--;
        r->recalling = true;
        struct agent_effect *e = agent_effect(a, AGENT_RECALL);
        e->runner = i;
        e->number = r->recall_from;
    }
}

/* Results that nobody acknowledges are memory: at the limit nothing is started that would make
 * more. Leases wait meanwhile, and can be recalled. */
static void watch_held(struct agent *a)
{
    uint64_t max = a->options.held_bytes_max;
    bool full = a->held_bytes > (a->full ? max / 4 * 3 : max);
    if (full == a->full)
        return;
    a->full = full;
    agent_trace(a, "%s, unacknowledged results=%u bytes=%llu",
                full ? "starts nothing more" : "starts jobs again", a->held_count,
                (unsigned long long)a->held_bytes);
    for (unsigned i = 0; full && i < a->runner_count; i++)
        runner_recall(a, &a->runners[i], a->runners[i].started);
}

static void tick(struct agent *a)
{
    if (!a->warmed)
        warm(a);
    watch_link(a);
    watch_held(a);
    run_timers(a);
    deal(a);
    tell_started(a);
    beat(a);
    tell_recalls(a);
    drain_on(a);
    a->ticked_us = a->now_us;
}

static struct runner *runner_of(struct agent *a, const struct agent_event *e)
{
    must(e->runner < a->runner_count);
    return &a->runners[e->runner];
}

void agent_step(struct agent *a, const struct agent_event *e, struct agent_effects *out)
{
    if (a->quit)
        return;
    a->now_us = e->now_us;
    a->out = out;
    switch (e->type) {
    case AGENT_BODY: link_body(a, e->body); break;
    case AGENT_CONNECTED:
        link_lose(a, "a new connection");
        a->connected = true;
        break;
    case AGENT_DISCONNECTED:
        link_lose(a, "disconnected");
        a->connected = false;
        break;
    case AGENT_SPAWNED: runner_of(a, e)->pid = e->pid; break;
    case AGENT_SPAWN_FAILED: {
        int why = (int)e->job.number;
        struct runner *r = runner_of(a, e);
        runner_program_failed(a, r, why == ENOENT || why == EACCES || why == ENOEXEC);
        runner_fire(a, r, RUNNER_FAILED);
        break;
    }
    case AGENT_READY: runner_ready(a, runner_of(a, e)); break;
    case AGENT_PROGRESS: runner_progress(a, runner_of(a, e), e->job.number, e->job.at_us); break;
    case AGENT_RESULTS: runner_results(a, runner_of(a, e), e); break;
    case AGENT_NOTE: note_take(a, runner_of(a, e), e); break;
    case AGENT_MEMORY: runner_memory(a, runner_of(a, e), e); break;
    case AGENT_RECALLED:
        runner_recalled(a, runner_of(a, e), e->job.number);
        deal_recalled(a);
        tell_recalls(a);
        break;
    case AGENT_CORRUPT:
        runner_of(a, e)->corrupt = true;
        runner_fire(a, runner_of(a, e), RUNNER_UNFIT);
        break;
    case AGENT_EXITED: runner_exited(a, runner_of(a, e), e); break;
    case AGENT_LOCAL_JOB: take_local(a, e); break;
    case AGENT_LOCAL_CANCEL: cancel_local(a, e->job.number); break;
    case AGENT_DRAIN: agent_drain(a); break;
    case AGENT_STOP: leave(a, "stopped"); break;
    case AGENT_TICK: tick(a); break;
    }
}

/* May a result lie in a ring without a bell? One that has no others behind it rings. */
static bool keeps_together(const struct agent *a)
{
    for (unsigned s = 0; a->together_count && s < a->options.slots; s++)
        if (a->slots[s].active && a->slots[s].active->ring_count > 1)
            return true;
    return false;
}

int64_t agent_deadline(const struct agent *a)
{
    if (a->quit)
        return INT64_MAX;
    int64_t at = a->beat_us < a->deal_us ? a->beat_us : a->deal_us;
    struct heap_node *n = heap_first(&a->timers);
    if (n && n->key < at)
        at = n->key;
    if (a->ticked_us + TOGETHER_US < at && keeps_together(a))
        at = a->ticked_us + TOGETHER_US;
    if (a->link == LINK_HELLO && a->again_us < at)
        at = a->again_us;
    if (a->link == LINK_LOST && a->connected)
        at = a->ticked_us;
    if (a->draining && !a->waiting_count && !a->ring_count && a->drained_us < at)
        at = a->drained_us;
    return at;
}

/* --- audit ---------------------------------------------------------------------------------- */

static unsigned audit_runner(const struct agent *a, const struct runner *r, unsigned *together)
{
    unsigned count = 0;
    size_t bytes = 0;
    uint32_t last = 0;
    list_each(l, &r->ring)
    {
        const struct agent_job *j = container_of(l, struct agent_job, link);
        must(j->place == AT_RING && j->runner == r && j->program == r->program);
        must(count == 0 || j->ring_number == last + 1);
        last = j->ring_number;
        bytes += j->data_size;
        *together += j->together;
        count++;
    }
    must(count == r->ring_count && bytes == r->ring_bytes);
    must(count == 0 || last + 1 == r->pushed);
    must(count == 0 || a->slots[r->slot].active == r);
    must(count <= AGENT_AHEAD_JOBS);
    return count;
}

void agent_audit(const struct agent *a)
{
    unsigned ring = 0, together = 0, waiting = 0, held = 0;
    for (unsigned i = 0; i < a->runner_count; i++)
        ring += audit_runner(a, &a->runners[i], &together);
    for (unsigned p = 0; p < a->options.program_count; p++) {
        uint64_t order = 0;
        unsigned count = 0;
        list_each(l, &a->programs[p].waiting)
        {
            const struct agent_job *j = container_of(l, struct agent_job, link);
            must(j->place == AT_WAITING && j->program == p && (count == 0 || j->order > order));
            order = j->order;
            count++;
        }
        must(count == a->programs[p].waiting_count);
        waiting += count;
    }
    recycle_audit(a);
    index_audit(a);
    uint64_t number = 0, bytes = 0;
    list_each(l, &a->held)
    {
        const struct agent_job *j = container_of(l, struct agent_job, link);
        must(j->place == AT_HELD && j->number > number);
        number = j->number;
        bytes += agent_job_bytes(j);
        held++;
    }
    must(ring == a->ring_count && waiting == a->waiting_count && held == a->held_count);
    must(bytes == a->held_bytes && together == a->together_count);
    for (unsigned s = 0; s < a->options.slots; s++) {
        const struct runner *r = a->slots[s].active;
        must(!r || (r->slot == s && (r->state == RUNNER_RUNNING || r->state == RUNNER_ASKED ||
                                     r->state == RUNNER_STOPPING || r->state == RUNNER_KILLED)));
    }
}
