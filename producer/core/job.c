/* SPDX-License-Identifier: Apache-2.0
 *
 * job: one call, from its acceptance to its end. The table below is the whole life, and jobs_moved
 * holds every change of a state against it: of one job, by job_move, or of those that go together
 * (intake.c, lease.c). A job that has ended is told to whoever waits, and its row goes to the
 * store, unless it is one that stays here (bygone.h).
 */
#include "producer/core/core.h"

enum { BACKOFF_FIRST_MS = 100, ATTEMPT_VALUE_MAX = 4096 };

#define TO(state) (1u << (state))
#define STOPPED   (TO(JOB_CANCELLED) | TO(JOB_EXPIRED))
static const unsigned job_moves[JOB_STATES] = {
    /* Its row is not kept yet, or a worker of the broker's life before may hold it. */
    [JOB_NONE] = TO(JOB_WAITING) | TO(JOB_DELAYED) | TO(JOB_RUNNING) /* held still */ |
                 TO(JOB_FAILED) /* leased once, held by nobody */ | TO(JOB_PAUSED) |
                 TO(JOB_ASKING) | TO(JOB_FORKED) | TO(JOB_OK) /* by a person */ | STOPPED,
    [JOB_WAITING] = TO(JOB_RUNNING) | TO(JOB_PAUSED) | STOPPED,
    [JOB_DELAYED] = TO(JOB_WAITING) | TO(JOB_RUNNING) /* held still */ | TO(JOB_PAUSED) | STOPPED,
    [JOB_BACKOFF] = TO(JOB_WAITING) | TO(JOB_PAUSED) | STOPPED,
    [JOB_RUNNING] = TO(JOB_WAITING) /* not started, came back */ | TO(JOB_BACKOFF) | TO(JOB_OK) |
                    TO(JOB_FAILED) | TO(JOB_DEAD) | STOPPED |
                    TO(JOB_NONE) /* an iteration is over */ | TO(JOB_PAUSED),
    /* Sessions only, see chain.c. */
    [JOB_PAUSED] = TO(JOB_NONE) | TO(JOB_OK) | STOPPED,
    [JOB_ASKING] = TO(JOB_NONE) | TO(JOB_OK) | STOPPED,
    [JOB_FORKED] = TO(JOB_NONE) | STOPPED,
    /* JOB_HELD is how a waiting job of a held queue is shown; the ended states lead nowhere. */
};

static void job_stopped(struct broker *b, struct job *job, enum reason reason, uint64_t run_us);

/* So many more of the queue are in this state; the ready ones are counted where they stand. */
static void count(struct broker *b, struct queue *q, enum job_state state, int64_t more)
{
    if (state == JOB_RUNNING) {
        q->running += (uint64_t)more;
        b->totals.running += (uint64_t)more;
    } else if (state == JOB_DELAYED || state == JOB_BACKOFF) {
        q->delayed += (uint64_t)more;
        b->totals.delayed += (uint64_t)more;
    }
}

void jobs_moved(struct broker *b, struct queue *q, enum job_state from, enum job_state to,
                uint64_t jobs)
{
    must(job_moves[from] & TO(to));
    count(b, q, from, -(int64_t)jobs);
    count(b, q, to, (int64_t)jobs);
    q->plain->counts_dirty = true;
}

/* Leaves the old state's place, and counts. Entering the new place is the caller's. */
static void job_move(struct broker *b, struct job *job, enum job_state next)
{
    jobs_moved(b, job->queue, job->state, next, 1);
    switch (job->state) {
    case JOB_NONE:
        link_take(&job->link);
        if (job->recovering)
            b->totals.recovering--;
        else
            b->totals.storing--;
        job->recovering = false;
        job->stored_by = 0;
        break;
    case JOB_WAITING: queue_take(b, job); break;
    case JOB_RUNNING: job_unlease(b, job); break;
    default: break;
    }
    job->state = (uint8_t)next;
}

struct job_more *job_more(struct job *job)
{
    if (!job->more) {
        job->more = must_alloc(sizeof *job->more);
        link_init(&job->more->waiters);
    }
    return job->more;
}

struct job *job_find(const struct broker *b, uint64_t id)
{
    void *known = idmap_find(&b->jobs, id);
    return bygone_marked(known) ? NULL : known;
}

struct job *job_next(const struct broker *b, size_t *at)
{
    void *known;
    do
        known = idmap_next(&b->jobs, at);
    while (bygone_marked(known));
    return known;
}

/* The arguments begin in what would be padding: a million of them wait in memory. One bit more
 * among those of a job, and each is 8 bytes larger. */
_Static_assert(offsetof(struct job, args) == 86, "what a queued job takes is known");

size_t job_bytes(size_t args_size)
{
    size_t bytes = offsetof(struct job, args) + args_size;
    return bytes < sizeof(struct job) ? sizeof(struct job) : bytes;
}

void job_fetch(const struct link *l)
{
    fetch(container_of(l, struct job, link), sizeof(struct job));
}

uint64_t job_last_token(const struct broker *b, const struct job *job)
{
    if (job->more && job->more->incarnation)
        return token_of(job->more->incarnation, job->leases);
    return job->leases ? token_of(b->options.incarnation, job->leases) : 0;
}

void job_token_before(struct job *job, uint64_t token)
{
    job_more(job)->incarnation = (uint32_t)(token >> 32);
    job->leases = (uint32_t)token;
}

void job_free(struct broker *b, struct job *job)
{
    if (job->more) {
        heap_take(&b->timers, &job->more->timer);
        waiters_of_job_free(job);
        chain_free(job->more->chain);
        bytes_drop(&job->more->key);
        bytes_drop(&job->more->progress);
        buf_fini(&job->more->attempts);
        free(job->more);
    }
    pool_give(&b->pool, job, job_bytes(job->args_size));
}

/* One timer a job: whatever is due next. */
void job_timer(struct broker *b, struct job *job)
{
    struct job_more *more = job->more;
    if (!more)
        return;
    int64_t at = INT64_MAX;
    if (job->state == JOB_DELAYED || job->state == JOB_BACKOFF)
        at = more->due_ms;
    if (more->deadline_ms && more->deadline_ms < at)
        at = more->deadline_ms;
    if (at == INT64_MAX)
        heap_take(&b->timers, &more->timer);
    else
        heap_put(&b->timers, &more->timer, at, job->id);
}

static void job_leave(struct broker *b, struct job *job)
{
    if (job->state == JOB_NONE)
        return;
    job_move(b, job, JOB_NONE);
    b->totals.storing++;
}

/* A durable job stays aside until all rows put so far are kept; any other goes where it belongs. */
void job_aside(struct broker *b, struct job *job)
{
    job_leave(b, job);
    if (job->durability != CLASS_DURABLE) {
        job_enter(b, job);
        return;
    }
    link_take(&job->link);
    list_append(&b->storing, &job->link);
    job->stored_by = b->put_seq;
}

/* Until its row, as it is from now on, is kept. */
void job_store(struct broker *b, struct job *job)
{
    job_leave(b, job);
    keep_job(b, job);
    job_aside(b, job);
}

void job_new(struct broker *b, struct job *job, uint64_t delay_ms)
{
    if (delay_ms)
        job_more(job)->due_ms = b->now_ms + (int64_t)delay_ms;
    b->totals.storing++;
    if (job->durability != CLASS_DURABLE) {
        job_enter(b, job);
        return;
    }
    if (b->totals.ready + b->totals.storing < b->limits.mark_jobs / 4)
        mark_want(b, job->id); /* so that it need not be waited for when it is leased */
    job_store(b, job);
}

/* Where it first belongs; restored ones that a person stopped meanwhile end here. */
void job_enter(struct broker *b, struct job *job)
{
    const struct job_more *more = job->more;
    const struct chain *chain = job_chain(job);
    if (more && more->stop_reason) {
        job_stopped(b, job, (enum reason)more->stop_reason, 0);
    } else if (chain && (chain->paused || chain->step != CHAIN_READY)) {
        job_move(b, job,
                 chain->paused               ? JOB_PAUSED
                 : chain->step == CHAIN_ASKS ? JOB_ASKING
                                             : JOB_FORKED);
        job_timer(b, job);
    } else if (more && more->due_ms > b->now_ms) {
        job_move(b, job, JOB_DELAYED);
        job_timer(b, job);
        job_event(b, job, NULL);
    } else {
        job_ready(b, job, job->recovering);
    }
}

/* Into its queue: at the tail, or at the head when it has been there before. */
void job_ready(struct broker *b, struct job *job, bool first)
{
    job_move(b, job, JOB_WAITING);
    queue_put(b, job, first);
    job_timer(b, job);
    job_event(b, job, NULL);
    lend_later(b, job->queue);
}

/* A session's that no worker has. */
void job_pause(struct broker *b, struct job *job)
{
    job_move(b, job, JOB_PAUSED);
    job_timer(b, job);
}

void job_lease(struct broker *b, struct job *job, struct worker *w)
{
    must(job->state == JOB_WAITING);
    job_fetch(job->link.next->next); /* its turn comes soon, and it has lain for long */
    link_take(&job->link);
    job->state = JOB_RUNNING;
    job->worker = w;
    job->leases++;
    if (job->more)
        job->more->incarnation = 0;
    job->started = job->recalled = false;
    holdings_put(&w->holdings, &b->pool, job);
    job_event(b, job, NULL);
}

/* A worker of the life before has it and keeps it. */
void job_adopt(struct broker *b, struct job *job, struct worker *w, uint64_t token)
{
    if (job->state != JOB_RUNNING)
        job_move(b, job, JOB_RUNNING);
    job->worker = w;
    job_token_before(job, token);
    job->announced = true;
    job->recalled = false;
    lease_adopt(b, job);
    lease_begun(b, job);
    holdings_put(&w->holdings, &b->pool, job);
    worker_place(b, w);
    job_timer(b, job);
    job_event(b, job, NULL);
}

/* As it is written into scratch, for its client and to be kept. */
static struct said end_put(struct broker *b, const struct peer *peer, const struct msg_ended *ended)
{
    buf_clear(&b->scratch);
    if (peer && peer->again)
        return again_put_ended(peer->again, &b->scratch, ended);
    put_ended(&b->scratch, ended);
    return (struct said){0};
}

/* It is written once, and kept and told. */
static struct said end_keep(struct broker *b, struct job *job, const struct peer *peer,
                            const struct msg_ended *ended, const struct msg_ended_row *row)
{
    struct said said = end_put(b, peer, ended);
    keep_ended(b, job, row, bytes_of(b->scratch.data + said.brief, b->scratch.size - said.brief));
    if (job->queue == b->todo.queue)
        todo_ended(b, job);
    if (job->more && job->more->key.size)
        key_ended(b, job->more->key);
    return said;
}

/* A child's is its session's to take. */
bool job_unwanted(const struct job *job)
{
    bool child = job->more && job->more->parent;
    return !child && (!job->client || job->client->left);
}

void jobs_ended(struct broker *b, struct queue *q, enum job_state state, uint64_t jobs)
{
    b->totals.ended[state] += jobs;
    b->totals.live -= jobs;
    q->ended[state] += jobs;
}

/* All of it that stays is its row. */
static void end_leave(struct broker *b, struct job *job, const struct msg_ended *ended)
{
    struct chain *chain = job_chain(job);
    idmap_take(&b->jobs, job->id);
    if (chain)
        chain_ended(b, job, chain);
    if (job->more && job->more->parent)
        chain_child_ended(b, job->more, ended);
}

static void job_end(struct broker *b, struct job *job, enum job_state state,
                    const struct outcome *outcome)
{
    struct bytes worker = job->state == JOB_RUNNING ? job->worker->name : (struct bytes){0};
    struct msg_ended ended = {.number = job->number,
                              .id = job->id,
                              .state = state,
                              .value = outcome->value,
                              .worker = worker,
                              .run_us = outcome->run_us,
                              .reason = outcome->reason,
                              .detail = outcome->detail,
                              .attempts = job->attempts > 1 ? job->attempts : 0};
    struct msg_ended_row row = {.ended_ms = (uint64_t)b->wall_ms,
                                .updates = job->updates + 1u, /* the event of its end */
                                .peak_kib = outcome->peak_kib};
    struct msg_job view;
    struct client *client = job->client;
    const struct peer *peer = client ? client->peer : NULL;
    bool durable = job->durability == CLASS_DURABLE, seen = topic_wanted(b) || job_chain(job),
         bygone = bygone_fits(job);
    struct said said = {0};
    job_move(b, job, state);
    if (bygone)
        bygone_tell(b, job, &ended, &row);
    else
        said = end_keep(b, job, peer, &ended, &row);
    accepted_flush(b);
    if (durable)
        gate_open(b);
    if (seen) {
        job_view(b, job, &view);
        job_view_ended(&view, &ended, &row);
    }
    job_event(b, job, seen ? &view : NULL);
    if (peer && bygone)
        send_ended(b, peer, &ended);
    else if (peer)
        send_said(b, peer, buf_bytes(&b->scratch), said);
    if (job->more)
        waiters_tell(b, job, &ended);
    if (durable)
        gate_close(b);
    jobs_ended(b, job->queue, state, 1);
    usage_end(b, job);
    if (bygone)
        bygone_add(b, job, &ended, &row);
    else
        end_leave(b, job, &ended);
    job_free(b, job);
    if (client)
        client_release(b, client, 1);
}

static int64_t backoff_ms(struct broker *b, unsigned attempts)
{
    int64_t ms = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < attempts && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    return ms / 2 + (int64_t)random_below(&b->random, (uint64_t)ms / 2 + 1);
}

/* An attempt that did not end well, as it is kept. */
static void attempt_keep(struct broker *b, struct job *job, const struct outcome *outcome,
                         struct bytes worker)
{
    struct msg_attempt attempt = {.id = job->id,
                                  .attempt = job->attempts,
                                  .worker = worker,
                                  .reason = outcome->reason,
                                  .detail = outcome->detail,
                                  .run_us = outcome->run_us,
                                  .peak_kib = outcome->peak_kib,
                                  .ended_ms = (uint64_t)b->wall_ms,
                                  .value = outcome->value,
                                  .last_lines = outcome->last_lines};
    if (attempt.value.size > ATTEMPT_VALUE_MAX)
        attempt.value = (struct bytes){0};
    keep_attempt(job, &attempt);
}

static void job_backoff(struct broker *b, struct job *job, const struct outcome *outcome)
{
    struct bytes worker = job->worker->name;
    struct msg_job view;
    job_move(b, job, JOB_BACKOFF);
    job_more(job)->due_ms = b->now_ms + backoff_ms(b, job->attempts);
    attempt_keep(b, job, outcome, worker);
    keep_job(b, job);
    job->more->kept_seq = b->put_seq;
    job_timer(b, job);
    job_view(b, job, &view);
    view.reason = outcome->reason;
    view.detail = outcome->detail;
    view.run_us = outcome->run_us;
    view.worker = worker;
    accepted_flush(b);
    gate_open(b);
    job_event(b, job, &view);
    gate_close(b);
    if (job_chain(job) && job_chain(job)->paused)
        job_pause(b, job);
}

/* Reasons that say the handler answered: nothing was lost, trying again is only done when asked. */
static bool answered(enum reason reason)
{
    return reason == REASON_NONE || reason == REASON_ERROR || reason == REASON_TOO_LARGE;
}

static void job_stopped(struct broker *b, struct job *job, enum reason reason, uint64_t run_us)
{
    struct outcome outcome = {.reason = reason, .run_us = run_us};
    job_end(b, job, reason == REASON_CANCELLED ? JOB_CANCELLED : JOB_EXPIRED, &outcome);
}

bool job_once(const struct job *job)
{
    return job->more && job->more->retries == 1;
}

static void attempt_count(struct broker *b, const struct outcome *outcome)
{
    b->figures.attempts[outcome->reason]++;
    figure_count(&b->figures.run, outcome->run_us, 1);
}

/* Ended well by somebody who is no worker. */
void job_done(struct broker *b, struct job *job, struct bytes value)
{
    struct outcome outcome = {.value = value};
    job_end(b, job, JOB_OK, &outcome);
}

/* A started attempt has ended: what becomes of the job. */
void job_over(struct broker *b, struct job *job, struct outcome *outcome)
{
    must(job->state == JOB_RUNNING);
    if (job->attempts < ATTEMPTS_COUNTED_MAX)
        job->attempts++;
    b->totals.executions++;
    const struct job_more *more = job->more;
    if (more && more->stop_reason) {
        job_stopped(b, job, (enum reason)more->stop_reason, outcome->run_us);
        return;
    }
    bool goes_on = outcome->reason == REASON_VERDICT && chain_verdict(b, job, outcome);
    attempt_count(b, outcome);
    if (goes_on)
        return;
    if (!answered(outcome->reason))
        b->totals.lease_losses++;
    if (outcome->reason == REASON_NONE) {
        job_end(b, job, JOB_OK, outcome);
        return;
    }
    bool asked = more && more->retries;
    uint64_t attempts_max = asked ? more->retries : b->limits.attempts_max;
    bool again = job->attempts < attempts_max && (asked || !answered(outcome->reason)) &&
                 outcome->reason != REASON_TOO_LARGE;
    if (again) {
        job_backoff(b, job, outcome);
        return;
    }
    attempt_keep(b, job, outcome, job->worker->name);
    bool failed =
        answered(outcome->reason) || (job_once(job) && outcome->reason == REASON_WORKER_LOST);
    job_end(b, job, failed ? JOB_FAILED : JOB_DEAD, outcome);
}

/* At most once, leased in the broker's life before, and no worker has it any more. */
void job_lost(struct broker *b, struct job *job, const struct outcome *outcome)
{
    if (job->attempts < ATTEMPTS_COUNTED_MAX)
        job->attempts++;
    b->totals.executions++;
    b->totals.lease_losses++;
    job_end(b, job, JOB_FAILED, outcome);
}

/* A lease has ended that never began: no attempt was made. */
void job_unstarted(struct broker *b, struct job *job)
{
    const struct chain *chain = job_chain(job);
    if (job->more && job->more->stop_reason)
        job_stopped(b, job, (enum reason)job->more->stop_reason, 0);
    else if (chain && chain->paused)
        job_pause(b, job);
    else
        job_ready(b, job, true);
}

/* Cancelled by a person or past its deadline. A running job is stopped by its worker; what it says
 * then no longer matters. */
void job_stop(struct broker *b, struct job *job, enum reason reason)
{
    if (job->state != JOB_RUNNING) {
        job_stopped(b, job, reason, 0);
        return;
    }
    if (job_more(job)->stop_reason != (uint8_t)reason) {
        job->more->stop_reason = (uint8_t)reason;
        job->more->deadline_ms = 0;
        keep_job(b, job);
    }
    job_timer(b, job);
    lease_stop(b, job, reason);
}
