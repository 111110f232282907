/* SPDX-License-Identifier: Apache-2.0
 *
 * explain: why a job waits now, or what happened to it: a line for people and a code for programs
 * for everything that holds it up. Decides nothing; reads what the others decide by.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "producer/core/core.h"

/* Of one job, to one peer. */
struct telling {
    struct broker *b;
    const struct peer *peer;
    uint64_t number, id;
};

static void tell(const struct telling *t, enum why code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const struct telling *t, enum why code, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct record r = {
        .type = REC_explanation,
        .explanation = {.number = t->number, .id = t->id, .code = code, .text = bytes_text(text)}};
    send_record(t->b, t->peer, &r);
}

static double seconds(int64_t ms)
{
    return ms > 0 ? (double)ms / 1000 : 0;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static uint64_t jobs_before(const struct job *job)
{
    const struct queue *q = job->queue;
    uint64_t count = 0;
    for (size_t i = 0; i < q->levels_count; i++)
        list_each(l, &q->levels[i]->jobs)
        {
            if (container_of(l, struct job, link) == job)
                return count;
            count++;
        }
    return count;
}

struct places { /* of the workers that offer a queue */
    uint64_t workers, up, slots, leased;
};

static struct places places_of(const struct broker *b, const struct queue *q)
{
    struct places p = {0};
    list_each(l, &b->workers)
    {
        const struct worker *w = container_of(l, struct worker, link);
        if (!w->ready || worker_offer(w, q) < 0)
            continue;
        p.workers++;
        if (w->state != WORKER_UP || !w->peer)
            continue;
        p.up++;
        p.slots += w->slots;
        p.leased += w->leased < w->slots ? w->leased : w->slots;
    }
    return p;
}

static double used_us(const struct telling *t, const struct queue *q)
{
    return queue_used_us(t->b, q);
}

/* Is there a worker that may be lent jobs of either? */
static bool shared(const struct broker *b, const struct queue *q, const struct queue *other)
{
    list_each(l, &b->workers)
    {
        const struct worker *w = container_of(l, struct worker, link);
        if (w->ready && w->state == WORKER_UP && w->peer && worker_offer(w, q) >= 0 &&
            worker_offer(w, other) >= 0)
            return true;
    }
    return false;
}

/* Other queues that go first at a worker both are offered by. */
static void tell_rivals(const struct telling *t, const struct job *job)
{
    const struct queue *q = job->queue, *urgent = NULL, *poorer = NULL;
    list_each(l, &t->b->active)
    {
        const struct queue *other = container_of(l, struct queue, link);
        int priority = queue_head(other)->priority;
        if (other == q || !shared(t->b, q, other))
            continue;
        if (priority > job->priority && (!urgent || priority > queue_head(urgent)->priority))
            urgent = other;
        else if (priority == job->priority && used_us(t, other) < used_us(t, q) &&
                 (!poorer || used_us(t, other) < used_us(t, poorer)))
            poorer = other;
    }
    if (urgent)
        tell(t, WHY_PRIORITY, "%.*s has jobs of priority %d, this one has %d",
             BYTES_ARG(urgent->name), queue_head(urgent)->priority, job->priority);
    if (poorer)
        tell(t, WHY_SHARE,
             "queues of equal priority share the slots by run time, and %.*s has had %.3f s less",
             BYTES_ARG(poorer->name), (used_us(t, q) - used_us(t, poorer)) / 1e6);
}

static void tell_waiting(const struct telling *t, const struct job *job)
{
    const struct queue *q = job->queue;
    struct places p = places_of(t->b, q);
    uint64_t before = jobs_before(job);
    if (q->plain->held)
        tell(t, WHY_HELD, "its queue is held: reeve release %.*s", BYTES_ARG(q->name));
    if (!p.workers && q->plain->workers)
        tell(t, WHY_NO_WORKER, "no worker that offers %.*s has %.*s", BYTES_ARG(q->name),
             BYTES_ARG(q->tags));
    else if (!p.workers)
        tell(t, WHY_NO_WORKER, "no worker offers %.*s%s", BYTES_ARG(q->name),
             q->plain->offered ? " now" : ", none ever has");
    else if (!p.up)
        tell(t, WHY_WORKERS_AWAY, "all %" PRIu64 " workers that offer %.*s are draining or silent",
             p.workers, BYTES_ARG(q->name));
    else if (p.leased >= p.slots)
        tell(t, WHY_SLOTS_BUSY, "all %" PRIu64 " slots that could run it are busy", p.slots);
    if (before)
        tell(t, WHY_BEHIND, "%" PRIu64 " jobs of its queue come first%s", before,
             q->run_us >= 0 ? "" : " (none has run yet)");
    if (!q->plain->held && p.up)
        tell_rivals(t, job);
    if (!q->plain->held && p.up && p.leased < p.slots && !before)
        tell(t, WHY_STORING, "it goes as soon as the store has moved the lease mark");
}

static void tell_aside(const struct telling *t, const struct job *job)
{
    if (job->recovering)
        tell(t, WHY_RECOVERING,
             "the broker was restarted; %zu workers that may hold it have not come back, "
             "%.1f s left",
             t->b->awaited.count, seconds(t->b->recovery_until_ms - t->b->now_ms));
    else
        tell(t, WHY_STORING, "its record is on the way to the disk");
}

/* --- running ---------------------------------------------------------------------------------- */

static void tell_running(const struct telling *t, const struct job *job)
{
    const struct worker *w = job->worker;
    if (job->started)
        tell(t, WHY_RUNNING, "it runs on %.*s, attempt %d%s", BYTES_ARG(w->name), job->attempts + 1,
             w->peer ? "" : ", which is silent");
    else
        tell(t, WHY_LENT, "it has been handed to %.*s and has not said that it began",
             BYTES_ARG(w->name));
    if (job->more && job->more->stop_reason)
        tell(t, WHY_STOPPING, "it is being stopped: %s", reason_name(job->more->stop_reason));
}

void explain_job(struct broker *b, struct peer *peer, uint64_t number, const struct job *job)
{
    struct telling t = {b, peer, number, job->id};
    const struct job_more *more = job->more;
    int64_t due_ms = more ? more->due_ms - b->now_ms : 0;
    switch (job->state) {
    case JOB_NONE: tell_aside(&t, job); break;
    case JOB_WAITING: tell_waiting(&t, job); break;
    case JOB_DELAYED: tell(&t, WHY_DELAYED, "its delay has %.1f s to go", seconds(due_ms)); break;
    case JOB_BACKOFF:
        tell(&t, WHY_BACKOFF, "attempt %d failed, the next one begins in %.1f s", job->attempts,
             seconds(due_ms));
        break;
    case JOB_RUNNING: tell_running(&t, job); break;
    case JOB_PAUSED:
        tell(&t, WHY_PAUSED, "the session is paused: it goes on when it is resumed");
        break;
    case JOB_ASKING: tell(&t, WHY_ASKING, "the session waits for a client's word"); break;
    case JOB_FORKED:
        tell(&t, WHY_FORKED, "the session waits for %" PRIu32 " of its %" PRIu32 " children",
             job_chain(job)->children_left, job_chain(job)->children_count);
        break;
    default: must(false && "ended jobs have left");
    }
    send_record(b, peer, &(struct record){.type = REC_end, .end = {.number = number}});
}

void explain_ended(struct broker *b, struct peer *peer, uint64_t number, const struct row *row)
{
    const struct msg_job *job = &row->job;
    struct telling t = {b, peer, number, job->id};
    char why[48];
    const char *reason = reason_text((unsigned)job->reason, (unsigned)job->detail, why);
    uint64_t times = row->session ? row->chain.iteration : job->attempts;
    tell(&t, WHY_ENDED, "it ended %s%s%s after %" PRIu64 " %s%s%s%.*s",
         job_state_name((unsigned)job->state), *reason ? ": " : "", reason, times,
         row->session ? "iteration" : "attempt", times == 1 ? "" : "s",
         job->worker.size ? ", the last on " : "", BYTES_ARG(job->worker));
    send_record(b, peer, &(struct record){.type = REC_end, .end = {.number = number}});
}
