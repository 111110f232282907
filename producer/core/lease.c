/* SPDX-License-Identifier: Apache-2.0
 *
 * lease: who gets which job, and what its result changes.
 *
 * Fair sharing: each queue carries the run time it has used (used_us, charged at the lease with
 * what its jobs are known to cost, put right by the result). Of the queues whose first job has the
 * highest priority the one that has used least goes next. A queue that wakes up starts where the
 * others are.
 *
 * Credit: a worker gets one job a free slot. Beyond its slots it is lent only jobs known to be so
 * short that the way back and forth would idle the slot: as many as make up ahead_us_max of work.
 * Nothing is lent past a fairer or more urgent queue that waits for a free slot.
 */
#include "producer/core/core.h"

enum {
    COST_UNKNOWN_US = 1000, /* what a first job of a queue is taken to cost */
    COST_US_MAX =
        3600u * 1000000, /* what a job may count for; a worker only claims how long it ran */
    AHEAD_LOOKS = 8,     /* workers looked at for lending ahead, when a job comes */
};

double queue_cost_us(const struct queue *q)
{
    return q->run_us < 0 ? COST_UNKNOWN_US : q->run_us;
}

static void learn(struct queue *q, double run_us)
{
    if (run_us < 0.1)
        run_us = 0.1;
    if (q->run_us < 0)
        q->run_us = run_us;
    /* Bad news is believed sooner than good news, but one job that had to wait for a core is no
     * news: a real change makes its way up in a dozen jobs. */
    double most_us = 4 * q->run_us + 10;
    double seen_us = run_us < most_us ? run_us : most_us;
    q->run_us += (seen_us - q->run_us) * (seen_us > q->run_us ? 0.5 : 0.1);
}

/* Into the list where the next job would find it. */
void worker_place(struct broker *b, struct worker *w)
{
    link_take(&w->credit);
    if (!w->ready || w->state != WORKER_UP)
        return;
    if (w->leased < w->slots)
        list_append(&b->free, &w->credit);
    else if (w->leased < w->slots + b->limits.ahead_jobs_max &&
             w->lent_us < (double)b->limits.ahead_us_max * w->slots)
        list_append(&b->ahead, &w->credit);
}

static bool room(const struct broker *b, const struct worker *w, const struct queue *q)
{
    if (w->leased < w->slots)
        return true;
    return q->run_us >= 0 && w->leased < w->slots + b->limits.ahead_jobs_max &&
           w->lent_us + q->run_us <= (double)b->limits.ahead_us_max * w->slots;
}

/* The queue that has the first claim to this worker. */
static struct queue *pick(const struct broker *b, const struct worker *w)
{
    struct queue *best = NULL;
    int best_priority = 0;
    list_each(l, &b->active)
    {
        struct queue *q = container_of(l, struct queue, link);
        if (worker_offer(w, q) < 0)
            continue;
        int priority = queue_head(q)->priority;
        if (!best || priority > best_priority ||
            (priority == best_priority && q->used_us < best->used_us)) {
            best = q;
            best_priority = priority;
        }
    }
    return best;
}

static void lease(struct broker *b, struct worker *w, struct job *job)
{
    struct queue *q = job->queue;
    job_lease(b, job, w);
    double cost = queue_cost_us(q);
    job->lent_us = (uint32_t)cost;
    b->share_us = q->used_us;
    q->used_us += job->lent_us;
    w->lent_us += job->lent_us;
    w->leased++;
    struct msg_lease m = {.id = job->id,
                          .token = token_of(b->options.incarnation, job->lease_count),
                          .offer = (uint64_t)worker_offer(w, q),
                          .args = bytes_of(job->args, job->args_size),
                          .timeout_ms = job->more ? job->more->timeout_ms : 0,
                          .attempt = job->attempts ? job->attempts + 1u : 0};
    struct effect *e = send_open(b, w->peer);
    put_lease(&b->out->bytes, &m);
    send_close(b, e);
}

void worker_fill(struct broker *b, struct worker *w)
{
    if (w->ready && w->state == WORKER_UP && w->peer) {
        struct queue *q;
        while ((q = pick(b, w)) && room(b, w, q))
            lease(b, w, queue_head(q));
    }
    worker_place(b, w);
}

void lend(struct broker *b, struct queue *q)
{
    if (q->held)
        return;
    list_each_safe(l, &b->free)
    {
        if (!q->ready)
            return;
        struct worker *w = container_of(l, struct worker, credit);
        if (worker_offer(w, q) >= 0)
            worker_fill(b, w);
    }
    if (q->run_us < 0)
        return;
    int looks = AHEAD_LOOKS;
    list_each_safe(l, &b->ahead)
    {
        if (!q->ready || looks-- == 0)
            return;
        struct worker *w = container_of(l, struct worker, credit);
        if (worker_offer(w, q) >= 0)
            worker_fill(b, w);
    }
}

/* The lease is over, for whatever reason. */
void job_unlease(struct broker *b, struct job *job)
{
    struct worker *w = job->worker;
    must(w && w->leased);
    link_take(&job->link);
    w->leased--;
    w->lent_us -= job->lent_us;
    if (w->leased == 0)
        w->lent_us = 0; /* no drift */
    worker_place(b, w);
    job->worker = NULL;
}

/* A result counts only under the current token; any other is old and changes nothing. */
void lease_result(struct broker *b, struct worker *w, const struct msg_result *result)
{
    if (result->number > w->result_number)
        w->result_number = result->number;
    struct job *job = job_find(b, result->id);
    if (!job || job->state != JOB_RUNNING || job->worker != w ||
        result->token != token_of(b->options.incarnation, job->lease_count))
        return;
    struct outcome outcome = {.reason = result->reason < REASON_COUNT ? (enum reason)result->reason
                                                                      : REASON_PROTOCOL,
                              .detail = result->detail,
                              .run_us = result->run_us,
                              .value = result->value};
    if (outcome.value.size > VALUE_BYTES_MAX) {
        outcome.reason = REASON_TOO_LARGE;
        outcome.value = (struct bytes){0};
    }
    struct queue *q = job->queue;
    double run_us = result->run_us < COST_US_MAX ? (double)result->run_us : COST_US_MAX;
    if (outcome.reason == REASON_NONE || outcome.reason == REASON_ERROR)
        learn(q, run_us); /* one that was stopped or died does not tell how long they take */
    q->used_us += run_us - job->lent_us;
    if (q->used_us < 0)
        q->used_us = 0;
    job_over(b, job, &outcome);
    worker_fill(b, w);
}
