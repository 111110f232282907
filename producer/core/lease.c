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
 * short that the way back and forth would idle the slot: as many as make up ahead_us_max of work,
 * with what the slots are at, and at least the next one. It is topped up when half of those are
 * gone, or when it is lent something anyway: what costs is the message, and until that is there it
 * has the other half. Of jobs whose results may come together it is lent more.
 * Nothing is lent past a fairer or more urgent queue that waits for a free slot. What was lent
 * ahead comes back when its worker has said that a job runs and finished nothing for RECALL_MS
 * since: then something long stands before it, and it may run elsewhere or wait with the others, by
 * priority. A worker that merely has no core, or whom we have not got round to hear, keeps it.
 */
#include "producer/core/progress.h"

enum {
    COST_UNKNOWN_US = 1000, /* what a first job of a queue is taken to cost */
    COST_US_MAX =
        3600u * 1000000, /* what a job may count for; a worker only claims how long it ran */
    RECALL_MS = 20,
    AHEAD_LOOKS = 8,    /* workers looked at for lending ahead, when a job comes */
    AHEAD_TOGETHER = 3, /* so much more is lent of jobs whose results may come together */
    AHEAD_PARTS = 8,    /* but this part of those that wait at most */
};

double queue_cost_us(const struct queue *q)
{
    return q->run_us < 0 ? COST_UNKNOWN_US : q->run_us;
}

/* --- fair shares ------------------------------------------------------------------------------ */

static uint32_t since_start(const struct broker *b)
{
    return (uint32_t)(b->now_ms - b->start_ms);
}

/* What a lease is taken to cost. */
static uint32_t lent_us(const struct queue *q)
{
    return (uint32_t)queue_cost_us(q);
}

/* Leases of a queue begin: their cost is charged to it and to the worker as far as it is known. */
static void charge(struct broker *b, struct queue *q, struct worker *w, uint32_t jobs)
{
    double cost_us = (double)jobs * lent_us(q);
    q->used_us += cost_us;
    q->charged_us += cost_us;
    q->leased += jobs;
    q->leased_ms += (uint64_t)jobs * since_start(b);
    w->lent_us += cost_us;
    w->leased += jobs;
}

void lease_adopt(struct broker *b, struct job *job)
{
    job->lent_us = lent_us(job->queue);
    job->leased_ms = since_start(b);
    charge(b, job->queue, job->worker, 1);
}

void lease_discharge(struct broker *b, struct queue *q, struct worker *w, uint32_t jobs,
                     uint64_t lent_us, uint64_t leased_ms)
{
    q->charged_us -= (double)lent_us;
    q->leased -= jobs;
    q->leased_ms -= leased_ms;
    if (!q->leased)
        q->charged_us = 0; /* no drift */
    must(w->leased >= jobs);
    w->leased -= jobs;
    w->lent_us -= (double)lent_us;
    if (!w->leased)
        w->lent_us = 0;
    group_eased(b, q);
    fill_later(b, w);
}

/* With what its running jobs have had beyond their charge: a long job of a queue that nothing is
 * known of yet shall not count for nothing until it ends. */
double queue_used_us(const struct broker *b, const struct queue *q)
{
    double out_us = (double)(int64_t)(q->leased * since_start(b) - q->leased_ms) * 1000;
    return q->used_us + (out_us > q->charged_us ? out_us - q->charged_us : 0);
}

static double counts_us(uint64_t run_us)
{
    return run_us < COST_US_MAX ? (double)run_us : COST_US_MAX;
}

double lease_learn(struct queue *q, uint64_t ran_us)
{
    double counted_us = counts_us(ran_us), run_us = counted_us < 0.1 ? 0.1 : counted_us;
    if (q->run_us < 0)
        q->run_us = run_us;
    /* Bad news is believed sooner than good news, but one job that had to wait for a core is no
     * news: a real change makes its way up in a dozen jobs. */
    double most_us = 4 * q->run_us + 10;
    double seen_us = run_us < most_us ? run_us : most_us;
    q->run_us += (seen_us - q->run_us) * (seen_us > q->run_us ? 0.5 : 0.1);
    return counted_us;
}

void lease_took(struct queue *q, double run_us, double lent_us)
{
    q->used_us += run_us - lent_us;
    if (q->used_us < 0)
        q->used_us = 0;
}

/* --- credit ----------------------------------------------------------------------------------- */

/* How long a slot of this worker may be busy with what it is lent of this queue. Nobody waits for
 * one of many alone, so that of these each message is to bring more; but of what still waits only
 * a part, or other workers would have nothing to do while this one ends them. */
static double ahead_us(const struct broker *b, const struct worker *w, const struct queue *q)
{
    double least_us = (double)b->limits.ahead_us_max, most_us = AHEAD_TOGETHER * least_us;
    if (!queue_head(q)->together)
        return least_us;
    double part_us = queue_cost_us(q) * (double)(q->ready / AHEAD_PARTS) / w->slots;
    return part_us < least_us ? least_us : part_us < most_us ? part_us : most_us;
}

/* Would as many again fit as it has beyond its slots, by their time? Of jobs so short that their
 * number is the limit each message brings many results, and room for as many. */
static bool half_gone(const struct worker *w)
{
    return w->lent_us * (2 * w->leased - w->slots) <= w->ahead_us * w->slots * w->leased;
}

void worker_place(struct broker *b, struct worker *w)
{
    enum group_place place = PLACE_NOWHERE;
    if (w->ready && w->state == WORKER_UP && w->leased < w->slots)
        place = PLACE_FREE;
    else if (w->ready && w->state == WORKER_UP && !w->stuck &&
             w->leased < w->slots + b->limits.ahead_jobs_max && half_gone(w))
        place = PLACE_AHEAD;
    group_place(w, place);
}

/* For how many jobs of this queue: one a free slot, and when none is free those to lend ahead.
 * some: it has just been lent others. */
static uint32_t room(const struct broker *b, const struct worker *w, const struct queue *q,
                     bool some)
{
    double short_us = (double)b->limits.ahead_us_max / 2; /* the one that runs, and the next */
    uint32_t most = w->slots + b->limits.ahead_jobs_max;
    if (w->leased < w->slots)
        return w->slots - w->leased;
    if (q->run_us < 0 || q->run_us > short_us || w->stuck)
        return 0;
    if (w->leased >= most || (!some && !half_gone(w)))
        return 0;
    double left_us = w->ahead_us * w->slots - w->lent_us - q->run_us;
    if (left_us < 0)
        return 0;
    most -= w->leased;
    return left_us < (double)most * lent_us(q) ? 1 + (uint32_t)(left_us / lent_us(q)) : most;
}

/* At most once: that it was leased must be known after a restart, before it is told. */
static bool lease_kept(struct broker *b, struct job *job)
{
    if (job->durability != CLASS_DURABLE || !job_once(job))
        return false;
    job->leased = true;
    keep_job(b, job);
    job->more->kept_seq = b->put_seq;
    return true;
}

/* Of one that is more than a plain call. True: it waits for the store. */
static bool lease_more(struct broker *b, const struct worker *w, struct job *job,
                       struct msg_lease *m)
{
    const struct chain *chain = job_chain(job);
    if (chain) {
        buf_clear(&b->scratch);
        chain_args(chain, &b->scratch);
        m->args = buf_bytes(&b->scratch);
    }
    m->timeout_ms = job->more->timeout_ms;
    bool kept = lease_kept(b, job);
    if (kept)
        gate_open(b);
    send_lease(b, w->peer, m);
    if (kept)
        gate_close(b);
    return kept;
}

/* True: it waits for the store. */
static bool lease(struct broker *b, struct worker *w, struct job *job, uint32_t cost_us,
                  struct msg_lease *m)
{
    job_lease(b, job, w);
    job->lent_us = cost_us;
    job->leased_ms = since_start(b);
    m->id = job->id;
    m->token = token_of(b->options.incarnation, job->leases);
    m->args = bytes_of(job->args, job->args_size);
    m->attempt = job->attempts ? job->attempts + 1u : 0;
    m->together = job->together;
    if (job->more)
        return lease_more(b, w, job, m);
    send_lease(b, w->peer, m);
    return false;
}

/* May anything be leased to it now? */
static bool may_lease(struct broker *b, const struct worker *w)
{
    if (!w->ready || w->state != WORKER_UP || !w->peer)
        return false;
    if (w->listed_by <= b->stored_seq && b->held.bytes.size <= b->limits.held_bytes_max)
        return true;
    b->fill_due = true;
    return false;
}

/* What may run at most once is not lent ahead: were its worker lost, it could not be tried again.
 */
static bool may_go(struct broker *b, const struct worker *w, const struct job *job)
{
    if (w->leased >= w->slots && job_once(job))
        return false;
    if (mark_covers(b, job))
        return true;
    b->fill_due = true;
    return false;
}

/* Is the first of these a plain call that came with that one, and may it go? */
static bool goes_along(struct broker *b, const struct link *jobs, const struct job *with)
{
    const struct job *job = list_first(jobs, struct job, link);
    return !list_empty(jobs) && !job->more && job->submitted_ms == with->submitted_ms &&
           mark_covers(b, job);
}

/* The head of the queue and, if it is a plain call, those right behind it that are as well and came
 * with it: they are counted together. Returns how many went. */
static uint32_t lease_alike(struct broker *b, struct worker *w, struct queue *q, uint32_t most,
                            bool *waits)
{
    const struct link *jobs = queue_first(q);
    const struct job *first = list_first(jobs, struct job, link);
    struct msg_lease m = {.offer = (uint64_t)worker_offer(w, q)};
    uint32_t cost_us = lent_us(q), count = 0;
    if (first->more)
        most = 1;
    do {
        *waits = lease(b, w, list_first(jobs, struct job, link), cost_us, &m);
    } while (++count < most && goes_along(b, jobs, first));
    figure_waited(b, first, count);
    jobs_moved(b, q, JOB_WAITING, JOB_RUNNING, count);
    queue_left(b, q, list_empty(jobs), count);
    if (w->leased < w->slots)
        w->moved_ms = b->now_ms;
    else if (b->recall_ms == INT64_MAX)
        b->recall_ms = b->now_ms + RECALL_MS;
    charge(b, q, w, count);
    return count;
}

/* Jobs of the queue that has the first claim, as long as it has, there is room, and none of them
 * must wait for the store. False: no more is lent now. */
static bool lease_row(struct broker *b, struct worker *w, const struct claim *claim, bool some)
{
    struct queue *q = claim->queue;
    w->ahead_us = ahead_us(b, w, q);
    uint32_t left = room(b, w, q, some);
    bool waits = false;
    if (!left)
        return false;
    group_served(w, queue_used_us(b, q));
    do {
        if (!may_go(b, w, queue_head(q)))
            return false;
        left -= lease_alike(b, w, q, claim_most(b, claim, lent_us(q), left), &waits);
    } while (left && !waits && claim_stands(b, claim));
    return true;
}

void worker_fill(struct broker *b, struct worker *w)
{
    struct claim claim;
    bool some = false;
    while (may_lease(b, w) && group_pick(b, w, &claim) && lease_row(b, w, &claim, some))
        some = true;
    worker_place(b, w);
}

static void lend_free(struct broker *b, const struct queue *q, struct group *g)
{
    struct link *last = g->free.prev; /* one that may get nothing yet goes behind it, and stays */
    list_each_safe(l, &g->free)
    {
        if (!q->ready)
            return;
        worker_fill(b, container_of(l, struct member, credit)->worker);
        if (l == last)
            break;
    }
    g->free_round = b->lend_round;
}

static void lend_ahead(struct broker *b, const struct queue *q, struct group *g)
{
    int looks = AHEAD_LOOKS;
    list_each_safe(l, &g->ahead)
    {
        if (!q->ready)
            return;
        if (looks-- == 0)
            break;
        worker_fill(b, container_of(l, struct member, credit)->worker);
    }
    g->ahead_round = b->lend_round;
}

/* A worker takes what its group has first, whichever queue it is looked at for: so those of a group
 * are looked at once a round, not once for each of its queues. */
static void lend(struct broker *b, struct queue *q)
{
    struct group *g = q->rank.group;
    if (q->plain->held || !g)
        return;
    if (g->free_round != b->lend_round)
        lend_free(b, q, g);
    if (q->ready && q->run_us >= 0 && g->ahead_round != b->lend_round)
        lend_ahead(b, q, g);
}

void lend_later(struct broker *b, struct queue *q)
{
    if (!link_listed(&q->due))
        list_append(&b->lends, &q->due);
}

void fill_later(struct broker *b, struct worker *w)
{
    if (!link_listed(&w->due))
        list_append(&b->fills, &w->due);
}

void lend_due(struct broker *b)
{
    list_each(l, &b->fills) worker_place(b, container_of(l, struct worker, due));
    b->lend_round++;
    while (!list_empty(&b->lends)) {
        struct queue *q = list_first(&b->lends, struct queue, due);
        link_take(&q->due);
        lend(b, q);
    }
    while (!list_empty(&b->fills)) {
        struct worker *w = list_first(&b->fills, struct worker, due);
        link_take(&w->due);
        worker_fill(b, w);
    }
}

/* The lease is over, for whatever reason. Mostly others of its worker's end with it: where that one
 * stands then is seen when all are over. */
void job_unlease(struct broker *b, struct job *job)
{
    struct worker *w = job->worker;
    holdings_take(&w->holdings, job);
    progress_drop(b, job);
    lease_discharge(b, job->queue, w, 1, job->lent_us, job->leased_ms);
    link_init(&job->link); /* where all this stood */
}

/* Behind its lease, which may still wait for the store. */
static void tell_holder(struct broker *b, const struct job *job, const struct record *r)
{
    if (job->leased)
        gate_open(b);
    send_record(b, job->worker->peer, r);
    if (job->leased)
        gate_close(b);
}

/* Its worker is to end it, whatever it is doing. */
void lease_stop(struct broker *b, const struct job *job, enum reason reason)
{
    struct record stop = {
        .type = REC_stop,
        .stop = {.id = job->id, .token = job_last_token(b, job), .reason = reason}};
    if (job->worker->peer)
        tell_holder(b, job, &stop);
}

struct job *lease_find(const struct broker *b, const struct worker *w, uint64_t id, uint64_t token)
{
    struct job *job = job_find(b, id);
    bool holds =
        job && job->state == JOB_RUNNING && job->worker == w && job_last_token(b, job) == token;
    return holds ? job : NULL;
}

void lease_heard(struct worker *w, uint64_t number)
{
    if (number > w->result_number)
        w->result_number = number;
}

/* A result counts only under the current token; any other is old and changes nothing. */
void lease_result(struct broker *b, struct worker *w, const struct msg_result *result)
{
    lease_heard(w, result->number);
    struct job *job = lease_find(b, w, result->id, result->token);
    if (!job)
        return;
    struct outcome outcome = {.reason = result->reason < REASON_COUNT ? (enum reason)result->reason
                                                                      : REASON_PROTOCOL,
                              .detail = result->detail,
                              .run_us = result->run_us,
                              .peak_kib = result->peak_kib,
                              .value = result->value,
                              .last_lines = result->last_lines};
    if (outcome.value.size > VALUE_BYTES_MAX) {
        outcome.reason = REASON_TOO_LARGE;
        outcome.value = (struct bytes){0};
    }
    struct queue *q = job->queue;
    w->moved_ms = b->now_ms;
    w->stuck = w->begun = false;
    if (outcome.reason == REASON_NONE || outcome.reason == REASON_ERROR ||
        outcome.reason == REASON_VERDICT)
        lease_learn(q, result->run_us); /* stopped or dead it does not tell how long they take */
    lease_took(q, counts_us(result->run_us), job->lent_us);
    struct harvest row = {0};
    if (outcome.reason == REASON_NONE)
        row = harvest_of(b, job);
    job_over(b, job, &outcome);
    b->harvest = row;
}

/* --- recall ----------------------------------------------------------------------------------- */

void lease_begun(struct broker *b, struct job *job)
{
    struct worker *w = job->worker;
    job->started = true;
    if (w->begun)
        return;
    w->begun = true;
    w->moved_ms = b->now_ms;
    if (b->recall_ms == INT64_MAX)
        b->recall_ms = b->now_ms + RECALL_MS;
}

/* Asks for whatever has not begun; its worker knows best what that is. Newest first, as it comes
 * back and goes to the head of its queue. */
static void recall(struct broker *b, struct worker *w)
{
    w->stuck = true;
    worker_place(b, w);
    struct job **all = holdings_sorted(&w->holdings);
    for (uint32_t left = w->holdings.count; left--;) {
        struct job *job = all[left];
        struct record r = {.type = REC_recall,
                           .recall = {.id = job->id, .token = job_last_token(b, job)}};
        if (job->started || job->recalled)
            continue;
        job->recalled = true;
        tell_holder(b, job, &r);
    }
    free(all);
}

void recall_tick(struct broker *b)
{
    if (b->now_ms < b->recall_ms)
        return;
    b->recall_ms = INT64_MAX;
    list_each(l, &b->workers)
    {
        struct worker *w = container_of(l, struct worker, link);
        if (!w->peer || w->stuck || !w->begun || w->leased <= w->slots)
            continue;
        int64_t due_ms = w->moved_ms + RECALL_MS;
        if (due_ms <= b->now_ms)
            recall(b, w);
        else if (due_ms < b->recall_ms)
            b->recall_ms = due_ms;
    }
}
