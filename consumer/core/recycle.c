/* SPDX-License-Identifier: Apache-2.0
 *
 * recycle: a runner that has served long enough is replaced between two jobs. Its twin is started
 * beside it; when that serves it follows: from then on it gets the jobs, and the old one finishes
 * what it has begun and leaves by TERM.
 *
 * So many jobs: the last of them calls the twin, which follows when the old one has done them all
 * (and if it is not there yet, the slot waits for it: never is there a job more). So much memory,
 * so old: the old one is worn, and works on until the twin serves. But one that was as large before
 * its first job would only be followed by its like, after each job again: its size is left alone.
 *
 *     current, works                  -> has no job left, or is worn and relieved -> STOPPING
 *     twin: ABSENT -> STARTING -> IDLE -> current, works ...
 *
 * A start that fails and a process that dies are as for any other runner.
 */
#include "consumer/core/parts.h"

bool recycle_on(const struct agent_options *o)
{
    return o->recycle_jobs || o->recycle_kib || o->recycle_us;
}

static bool is_current(const struct agent *a, const struct runner *r)
{
    return a->slots[r->slot].runners[r->program] == r;
}

static struct runner *twin_of(const struct agent *a, const struct runner *r)
{
    unsigned half = a->runner_count / 2;
    return &a->runners[r->index < half ? r->index + half : r->index - half];
}

bool recycle_has_left(const struct agent *a, const struct runner *r)
{
    return !a->options.recycle_jobs || r->pushed < a->options.recycle_jobs;
}

static bool wants_twin(const struct agent *a, const struct runner *r)
{
    return !a->draining && is_current(a, r) && (r->worn || !recycle_has_left(a, r));
}

static void call_twin(struct agent *a, struct runner *r)
{
    struct runner *twin = twin_of(a, r);
    if (twin->state == RUNNER_ABSENT)
        runner_fire(a, twin, RUNNER_NEED);
}

/* The twin gets the jobs from now on. */
static void follow(struct agent *a, struct runner *r, struct runner *twin)
{
    struct slot *s = &a->slots[r->slot];
    s->runners[r->program] = twin;
    if (s->recent == r)
        s->recent = twin;
}

/* One that is on its way will do; to one that is dying or cooling nothing can be given. */
static void follow_if_there(struct agent *a, struct runner *r)
{
    struct runner *twin = twin_of(a, r);
    if (is_current(a, r) && (twin->state == RUNNER_STARTING || twin->state == RUNNER_IDLE))
        follow(a, r, twin);
}

/* The twin serves: a worn one need not go on. */
static void relieve(struct agent *a, struct runner *r)
{
    follow(a, r, twin_of(a, r));
    if (r->state == RUNNER_IDLE)
        runner_fire(a, r, RUNNER_LEAVE);
    else
        runner_recall(a, r, r->started);
}

static void wear(struct agent *a, struct runner *r, const char *why, uint64_t much)
{
    if (r->worn || !r->served || a->draining || !is_current(a, r))
        return;
    r->worn = true;
    agent_trace(a, "runner=%u pid=%u program=%s is to be replaced, %s=%llu", r->index, r->pid,
                a->options.programs[r->program].name, why, (unsigned long long)much);
    call_twin(a, r);
    if (twin_of(a, r)->state == RUNNER_IDLE)
        relieve(a, r);
}

void recycle_pushed(struct agent *a, struct runner *r)
{
    if (!recycle_has_left(a, r) && wants_twin(a, r))
        call_twin(a, r);
}

void recycle_memory(struct agent *a, struct runner *r, uint64_t kib)
{
    uint64_t max = a->options.recycle_kib;
    if (max == 0 || kib <= max) {
        r->born_large = false;
    } else if (r->pushed == 0) {
        if (!r->born_large)
            agent_trace(
                a, "runner=%u pid=%u program=%s is not replaced for its size, born_kib=%llu",
                r->index, r->pid, a->options.programs[r->program].name, (unsigned long long)kib);
        r->born_large = true;
    } else if (r->done && !r->born_large) {
        wear(a, r, "memory_kib", kib);
    }
}

void recycle_beat(struct agent *a)
{
    const struct agent_options *o = &a->options;
    for (unsigned i = 0; recycle_on(o) && i < a->runner_count; i++) {
        struct runner *r = &a->runners[i];
        if (o->recycle_us && a->now_us - r->born_us >= o->recycle_us)
            wear(a, r, "age_s", (uint64_t)(a->now_us - r->born_us) / 1000000);
        if (wants_twin(a, r)) /* its start may have failed, or it was still dying */
            call_twin(a, r);
    }
}

void recycle_ready(struct agent *a, struct runner *twin)
{
    if (!is_current(a, twin) && twin_of(a, twin)->worn)
        relieve(a, twin_of(a, twin));
}

bool recycle_rest(struct agent *a, struct runner *r)
{
    bool left = recycle_has_left(a, r);
    if (!left)
        follow_if_there(a, r);
    return !left || !is_current(a, r);
}

bool recycle_gone(struct agent *a, struct runner *r)
{
    if (!recycle_on(&a->options))
        return false;
    follow_if_there(a, r);
    return !is_current(a, r) && !wants_twin(a, twin_of(a, r));
}

void recycle_audit(const struct agent *a)
{
    for (unsigned i = 0; recycle_on(&a->options) && i < a->runner_count; i++) {
        const struct runner *r = &a->runners[i], *twin = twin_of(a, r);
        must(is_current(a, r) != is_current(a, twin));
        must(!a->options.recycle_jobs || r->pushed <= a->options.recycle_jobs);
        if (is_current(a, r))
            continue;
        must(r->state != RUNNER_IDLE || !twin->worn);
        must(r->ring_count == 0 || a->slots[r->slot].active == r);
    }
}
