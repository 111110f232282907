/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/core/parts.h"

#include <errno.h>
#include <signal.h>

/* --- the life of a process ------------------------------------------------------------------ */

typedef enum runner_state runner_action(struct agent *a, struct runner *r);

static enum runner_state ignore(struct agent *a, struct runner *r)
{
    (void)a;
    return r->state;
}

static enum runner_state bug(struct agent *a, struct runner *r)
{
    (void)a;
    (void)r;
    must(false && "a runner's event that we send only in other states");
    return RUNNER_ABSENT;
}

static enum runner_state start(struct agent *a, struct runner *r)
{
    struct agent_effect *e = agent_effect(a, AGENT_SPAWN);
    e->runner = r->index;
    e->program = r->program;
    r->pid = 0;
    r->pushed = r->started = 0;
    r->done = 0;
    r->served = r->corrupt = r->blamed = r->over = r->worn = r->born_large = false;
    r->crowded_us = INT64_MAX;
    r->born_us = a->now_us;
    must(!r->recall_due && !r->recalling);
    r->until_us = a->now_us + START_US;
    r->listen_us = INT64_MAX;
    return RUNNER_STARTING;
}

static enum runner_state serve(struct agent *a, struct runner *r)
{
    r->served = true;
    r->until_us = INT64_MAX;
    a->programs[r->program].failures = 0;
    return RUNNER_IDLE;
}

static enum runner_state work(struct agent *a, struct runner *r)
{
    struct slot *s = &a->slots[r->slot];
    must(!s->active);
    s->active = s->recent = r;
    return RUNNER_RUNNING;
}

static void send_signal(struct agent *a, struct runner *r, int signal)
{
    struct agent_effect *e = agent_effect(a, AGENT_KILL);
    e->runner = r->index;
    e->number = (uint32_t)signal;
    r->blamed = true;
}

static enum runner_state terminate(struct agent *a, struct runner *r)
{
    send_signal(a, r, SIGTERM);
    r->limit_us = r->look_us = INT64_MAX;
    r->until_us = a->now_us + a->options.term_us;
    return RUNNER_STOPPING;
}

/* What was at the head has left: on with the next, or rest. */
static enum runner_state next(struct agent *a, struct runner *r)
{
    r->until_us = r->limit_us = r->look_us = INT64_MAX;
    r->since_us = 0;
    if (r->ring_count) {
        r->look_pause_us = LOOK_US;
        r->look_us = a->now_us + LOOK_US;
        return RUNNER_RUNNING;
    }
    a->slots[r->slot].active = NULL;
    return recycle_rest(a, r) ? terminate(a, r) : RUNNER_IDLE;
}

static enum runner_state ask(struct agent *a, struct runner *r)
{
    struct agent_job *j = runner_head(r);
    struct agent_effect *e = agent_effect(a, AGENT_FLAG);
    e->runner = r->index;
    e->number = j->ring_number;
    /* If it comes to killing, only this job shall pay. */
    runner_recall(a, r, j->ring_number + 1);
    r->limit_us = INT64_MAX;
    r->until_us = a->now_us + a->options.flag_us;
    return RUNNER_ASKED;
}

static enum runner_state destroy(struct agent *a, struct runner *r)
{
    send_signal(a, r, SIGKILL);
    r->until_us = r->limit_us = r->look_us = INT64_MAX;
    return RUNNER_KILLED;
}

static enum runner_state cool(struct agent *a, struct runner *r)
{
    r->until_us = a->now_us + (r->failures < 7 ? (int64_t)COOL_US << r->failures : COOL_MAX_US);
    r->failures++;
    r->look_us = r->limit_us = INT64_MAX;
    return RUNNER_COOLING;
}

/* The process is gone and its ring has been cleared. One that had worked is replaced at once; one
 * that never got so far would only die again. */
static enum runner_state lost(struct agent *a, struct runner *r)
{
    struct slot *s = &a->slots[r->slot];
    if (s->active == r)
        s->active = NULL;
    r->pid = 0;
    r->until_us = r->limit_us = r->look_us = r->listen_us = INT64_MAX;
    bool leaves = recycle_gone(a, r);
    if (!r->served || r->corrupt || (r->done == 0 && (!r->blamed || r->over)))
        return cool(a, r);
    return leaves || a->draining ? RUNNER_ABSENT : start(a, r);
}

static enum runner_state warm_again(struct agent *a, struct runner *r)
{
    (void)a;
    r->until_us = INT64_MAX;
    return RUNNER_ABSENT; /* started when a job wants it */
}

/* Every pair on one screen. `bug` only where we would have sent it ourselves. */
/* clang-format off */
static runner_action *const table[RUNNER_STATES][RUNNER_EVENTS] = {
    /*                    NEED    FAILED  READY   ASSIGN DONE    STOP    LATE        UNFIT    LEAVE      GONE */
    [RUNNER_ABSENT]   = { start,  ignore, ignore, bug,   bug,    bug,    ignore,     ignore,  bug,       ignore },
    [RUNNER_STARTING] = { ignore, lost,   serve,  bug,   bug,    bug,    destroy,    destroy, bug,       lost },
    [RUNNER_IDLE]     = { ignore, ignore, ignore, work,  bug,    bug,    ignore,     destroy, terminate, lost },
    [RUNNER_RUNNING]  = { ignore, ignore, ignore, bug,   next,   ask,    ignore,     destroy, bug,       lost },
    [RUNNER_ASKED]    = { ignore, ignore, ignore, bug,   next,   ignore, terminate,  destroy, bug,       lost },
    [RUNNER_STOPPING] = { ignore, ignore, ignore, bug,   ignore, ignore, destroy,    destroy, bug,       lost },
    [RUNNER_KILLED]   = { ignore, lost,   ignore, bug,   ignore, ignore, ignore,     ignore,  bug,       lost },
    [RUNNER_COOLING]  = { ignore, ignore, ignore, bug,   bug,    bug,    warm_again, ignore,  bug,       ignore },
};
/* clang-format on */

void runner_fire(struct agent *a, struct runner *r, enum runner_event event)
{
    r->state = table[r->state][event](a, r);
    runner_arm(a, r);
}

void runner_arm(struct agent *a, struct runner *r)
{
    int64_t at = r->until_us < r->limit_us ? r->until_us : r->limit_us;
    if (r->look_us < at)
        at = r->look_us;
    if (r->listen_us < at)
        at = r->listen_us;
    if (at == INT64_MAX)
        heap_take(&a->timers, &r->timer);
    else if (!r->timer.place || r->timer.key != at)
        heap_put(&a->timers, &r->timer, at, r->index);
}

void runner_wake(struct agent *a, struct runner *r)
{
    if (r->look_us <= a->now_us) { /* the shell has looked in this turn */
        r->look_pause_us = r->look_pause_us < LOOK_MAX_US / 2 ? r->look_pause_us * 2 : LOOK_MAX_US;
        r->look_us = a->now_us + r->look_pause_us;
    }
    if (r->limit_us <= a->now_us) {
        r->limit_us = INT64_MAX;
        if (runner_head(r))
            agent_job_stop(a, runner_head(r), REASON_TIMEOUT);
    }
    if (r->until_us <= a->now_us) {
        r->until_us = INT64_MAX;
        runner_fire(a, r, RUNNER_LATE);
    }
    if (r->listen_us <= a->now_us)
        note_wake(a, r);
    runner_arm(a, r);
}

unsigned runner_slot_state(const struct runner *r)
{
    static const unsigned char states[RUNNER_STATES] = {
        [RUNNER_ABSENT] = SLOT_IDLE,     [RUNNER_STARTING] = SLOT_STARTING,
        [RUNNER_IDLE] = SLOT_IDLE,       [RUNNER_RUNNING] = SLOT_RUNNING,
        [RUNNER_ASKED] = SLOT_STOPPING,  [RUNNER_STOPPING] = SLOT_STOPPING,
        [RUNNER_KILLED] = SLOT_STOPPING, [RUNNER_COOLING] = SLOT_COOLING,
    };
    return states[r->state];
}

/* --- its ring ------------------------------------------------------------------------------- */

struct agent_job *runner_head(const struct runner *r)
{
    return r->ring_count ? list_first(&r->ring, struct agent_job, link) : NULL;
}

bool runner_has_room(const struct agent *a, const struct runner *r, const struct agent_job *j)
{
    if (r->recalling || r->recall_due || !recycle_has_left(a, r))
        return false;
    if (r->ring_count == 0)
        return true;
    /* A large one travels alone. */
    return r->ring_count < AGENT_AHEAD_JOBS && j->data_size <= AGENT_LARGE_BYTES &&
           r->ring_bytes + j->data_size + 8 * (r->ring_count + 1) <= AGENT_AHEAD_BYTES;
}

/* Into the effect of the one before, when that goes to the same ring. */
static void put_push(struct agent *a, const struct runner *r, const struct agent_job *j)
{
    struct agent_effects *out = a->out;
    struct agent_effect *e = out->count ? &out->at[out->count - 1] : NULL;
    if (!e || e->type != AGENT_PUSH || e->runner != r->index) {
        e = agent_effect(a, AGENT_PUSH);
        e->runner = r->index;
        e->number = j->ring_number;
        e->pushes = out->push_count;
    }
    if (out->push_count == out->push_capacity) {
        out->push_capacity = out->push_capacity ? out->push_capacity * 2 : 64;
        out->pushes = must_realloc(out->pushes, out->push_capacity * sizeof *out->pushes);
    }
    e->push_count++;
    out->pushes[out->push_count++] = (struct agent_push){.id = j->id,
                                                         .token = j->token,
                                                         .method = j->method,
                                                         .attempt = j->attempt,
                                                         .timeout_ms = j->timeout_ms,
                                                         .together = j->together,
                                                         .args = bytes_of(j->data, j->data_size)};
}

void runner_push(struct agent *a, struct runner *r, struct agent_job *j)
{
    agent_job_leave(a, j, AT_WAITING);
    if (r->ring_count == 0) {
        r->look_pause_us = LOOK_US;
        r->look_us = a->now_us + LOOK_US;
        r->since_us = 0;
    }
    j->place = AT_RING;
    j->runner = r;
    j->ring_number = r->pushed++;
    list_append(&r->ring, &j->link);
    r->ring_count++;
    r->ring_bytes += j->data_size;
    a->ring_count++;
    a->together_count += j->together;
    put_push(a, r, j);
    if (r->state == RUNNER_IDLE)
        runner_fire(a, r, RUNNER_ASSIGN);
    recycle_pushed(a, r);
}

void runner_recall(struct agent *a, struct runner *r, uint32_t from)
{
    if (r->recalling || (int32_t)(r->pushed - from) <= 0)
        return;
    if (!r->recall_due || (int32_t)(r->recall_from - from) > 0)
        r->recall_from = from;
    a->recalls_due += !r->recall_due;
    r->recall_due = true;
}

/* What becomes of a job that did not start: whoever wants it ended, or back, gets that. */
static void job_unstarted(struct agent *a, struct agent_job *j)
{
    bool keep = j->local || (a->link != LINK_LOST && !a->draining);
    if (j->orphan)
        agent_job_free(a, j);
    else if (j->stop_reason)
        agent_job_end(a, j, j->stop_reason, 0, bytes_of(NULL, 0));
    else if (keep && !j->wanted_back)
        agent_job_wait(a, j);
    else if (a->link != LINK_LOST)
        agent_job_return(a, j);
    else
        agent_job_free(a, j); /* not named in the next hello: the broker takes it back */
}

void runner_recalled(struct agent *a, struct runner *r, uint32_t first)
{
    must(r->recalling);
    r->recalling = false;
    r->pushed = first;
    bool had = r->ring_count > 0;
    list_each_back_safe(l, &r->ring) /* each goes to the head of those that wait */
    {
        struct agent_job *j = container_of(l, struct agent_job, link);
        if ((int32_t)(j->ring_number - first) >= 0)
            job_unstarted(a, j);
        else
            j->wanted_back = false; /* it has started; its result will say how it went */
    }
    if (had && r->ring_count == 0)
        runner_fire(a, r, RUNNER_DONE);
}

void runner_progress(struct agent *a, struct runner *r, uint32_t started, int64_t at_us)
{
    struct agent_job *j = runner_head(r);
    r->started = started;
    if (!j || j->seen || (int32_t)(started - j->ring_number) <= 0)
        return;
    j->seen = true;
    /* The runner's word for when, within what we know ourselves. */
    int64_t earliest = a->now_us - BEAT_US;
    r->since_us = at_us < earliest ? earliest : at_us > a->now_us ? a->now_us : at_us;
    r->look_us = INT64_MAX;
    if (j->timeout_ms)
        r->limit_us = r->since_us + (int64_t)j->timeout_ms * 1000;
    if (j->stop_reason)
        runner_fire(a, r, RUNNER_STOP);
    runner_arm(a, r);
}

/* How long the head has been seen to run. */
static uint32_t ran_us(const struct agent *a, const struct runner *r)
{
    int64_t us = a->now_us - r->since_us;
    return us < 0 ? 0 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void take_result(struct agent *a, struct runner *r, const struct agent_result *m)
{
    struct agent_job *j = runner_head(r);
    must(j && j->ring_number == m->number);
    struct program *p = &a->programs[r->program];
    p->run_us += ((int64_t)m->run_us - p->run_us) / 8;
    agent_job_result(a, j, m);
}

/* Once they are all taken it is seen what the runner is to do: for none of those between does it
 * make a difference. */
void runner_results(struct agent *a, struct runner *r, const struct agent_event *e)
{
    for (unsigned i = 0; i < e->results.count; i++)
        take_result(a, r, &e->results.at[i]);
    r->done += e->results.count;
    r->failures = 0;
    runner_fire(a, r, RUNNER_DONE);
}

/* At once by itself, after a while with all that it has started. */
static bool is_above(const struct agent *a, struct runner *r, const struct agent_event *e)
{
    uint64_t most_kib = a->options.slot_kib;
    if (most_kib == 0)
        return false;
    if (e->memory.all_kib <= most_kib)
        r->crowded_us = INT64_MAX;
    else if (r->crowded_us == INT64_MAX)
        r->crowded_us = a->now_us;
    return e->memory.kib > most_kib ||
           (r->crowded_us != INT64_MAX && a->now_us - r->crowded_us >= CROWD_US);
}

/* Only the job that runs pays for it; what is behind it goes elsewhere. */
void runner_memory(struct agent *a, struct runner *r, const struct agent_event *e)
{
    const struct agent_options *o = &a->options;
    uint64_t kib = e->memory.kib;
    if (!is_above(a, r, e)) {
        recycle_memory(a, r, kib);
        return;
    }
    if (r->over)
        return;
    if (kib < e->memory.all_kib)
        kib = e->memory.all_kib;
    agent_trace(a, "runner=%u pid=%u program=%s is above its limit, memory_kib=%llu", r->index,
                r->pid, o->programs[r->program].name, (unsigned long long)kib);
    r->over = true;
    runner_recall(a, r, r->started);
    runner_fire(a, r, RUNNER_UNFIT);
}

/* Why the job that ran has ended with its process. */
static unsigned death(const struct agent *a, const struct runner *r, const struct agent_event *e,
                      unsigned *detail)
{
    *detail = 0;
    if (r->corrupt)
        return REASON_PROTOCOL;
    /* What it had at its end counts too: between two looks it may have grown, and died of that. */
    if (r->over || e->exit.oom || (a->options.slot_kib && e->exit.peak_kib > a->options.slot_kib))
        return REASON_OOM;
    *detail = (unsigned)(e->exit.signal ? e->exit.signal : e->exit.status);
    return e->exit.signal ? REASON_SIGNAL : REASON_EXIT;
}

void runner_exited(struct agent *a, struct runner *r, const struct agent_event *e)
{
    struct agent_job *j = runner_head(r);
    a->recalls_due -= r->recall_due;
    r->recalling = r->recall_due = false;
    if (r->served && (j || !r->blamed))
        agent_trace(a, "runner=%u pid=%u program=%s %s=%d", r->index, r->pid,
                    a->options.programs[r->program].name, e->exit.signal ? "signal" : "exit",
                    e->exit.signal ? e->exit.signal : e->exit.status);
    /* Of a page that makes no sense nobody knows what has started; the first may have. */
    if (j && (r->corrupt || (int32_t)(r->started - j->ring_number) > 0)) {
        unsigned detail, reason = death(a, r, e, &detail);
        if (j->seen)
            j->run_us = ran_us(a, r);
        agent_job_remark(j, e->exit.peak_kib, e->exit.lines);
        agent_job_end(a, j, reason, detail, bytes_of(NULL, 0));
    }
    list_each_back_safe(l, &r->ring) job_unstarted(a, container_of(l, struct agent_job, link));
    r->pushed = r->started; /* nothing is left there to recall */
    if (!r->served)
        runner_program_failed(a, r, false);
    runner_fire(a, r, RUNNER_GONE);
}

void runner_ready(struct agent *a, struct runner *r)
{
    runner_fire(a, r, RUNNER_READY);
    if (r->state == RUNNER_IDLE)
        recycle_ready(a, r);
}

/* A program that cannot be started on this worker has its jobs refused, not kept waiting. */
void runner_program_failed(struct agent *a, struct runner *r, bool for_good)
{
    struct program *p = &a->programs[r->program];
    p->failures++;
    agent_trace(a, "runner=%u program=%s does not start, failures=%u", r->index,
                a->options.programs[r->program].name, p->failures);
    if (!for_good && p->failures < STARTS_MAX)
        return;
    for (unsigned i = r->program; i < a->runner_count; i += a->options.program_count)
        if (a->runners[i].served && a->runners[i].pid)
            return;
    list_each_safe(l, &p->waiting) agent_job_end(a, container_of(l, struct agent_job, link),
                                                 REASON_NO_HANDLER, 0, bytes_of(NULL, 0));
}
