/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: every index against every other. Slow; for the simulator and the fuzzers.
 */
#include "producer/core/progress.h"

static void audit_queue(const struct broker *b, const struct queue *q)
{
    uint64_t ready = 0;
    for (size_t i = 0; i < q->levels_count; i++) {
        must(i == 0 || q->levels[i - 1]->priority > q->levels[i]->priority);
        list_each(l, &q->levels[i]->jobs)
        {
            const struct job *job = container_of(l, struct job, link);
            must(job->queue == q && job->state == JOB_WAITING);
            must(job->priority == q->levels[i]->priority);
            must(job_find(b, job->id) == job);
            ready++;
        }
    }
    must(ready == q->ready);
    must((q->plain == q) == !q->tags.size && link_listed(&q->kin) >= (q->tags.size > 0));
    must(link_listed(&q->link) == (ready > 0 && !q->plain->held));
    must((q->rank.group != NULL) == (q->workers > 0) &&
         link_listed(&q->rank.of_group) == (q->workers > 0));
    must((q->rank.tier != NULL) == (q->rank.group && link_listed(&q->link)));
    must((q->rank.used.place > 0) == (q->rank.tier != NULL));
    must(!q->rank.tier || q->rank.tier->priority == queue_head(q)->priority);
}

static void audit_worker(const struct broker *b, const struct worker *w)
{
    uint32_t leased = 0;
    uint32_t at = 0;
    for (const struct job *job; (job = holdings_next(&w->holdings, &at));) {
        must(w->holdings.all[job->place].job == job);
        must(job->worker == w && job->state == JOB_RUNNING && job_find(b, job->id) == job);
        leased++;
    }
    must(leased == w->leased && leased == w->holdings.count);
    must(w->leased <= w->slots + b->limits.ahead_jobs_max);
    must(!w->peer || w->peer->worker == w);
    list_each(l, &w->groups)
    {
        const struct member *m = container_of(l, struct member, of_worker);
        must(m->worker == w && w->ready && m->group->queues_count > 0);
        must(!link_listed(&m->credit) || w->state == WORKER_UP);
        list_each(k, &m->group->queues)
        {
            const struct queue *q = container_of(k, struct queue, rank.of_group);
            must(worker_offer(w, q) >= 0 && tagset_covers(w->tags, q->tags));
        }
    }
}

/* A job that could run while a slot is free and nothing keeps it from running has been forgotten.
 */
static void audit_idle(const struct broker *b)
{
    list_each(l, &b->workers)
    {
        const struct worker *w = container_of(l, struct worker, link);
        if (!w->ready || w->state != WORKER_UP || w->leased >= w->slots || b->fill_due)
            continue; /* or a lease waits for the store */
        list_each(k, &b->active) must(worker_offer(w, container_of(k, struct queue, link)) < 0);
    }
}

static void audit_feeds(const struct broker *b)
{
    size_t at = 0;
    for (const struct feed *feed; (feed = namemap_next(&b->feeds, &at));) {
        const struct topic *t = namemap_find(&b->topics, feed->topic);
        must(feed->watched == (t && topic_watched(t)));
        must(link_listed(&feed->idle) ? !feed->watched : feed->watched || feed->given_up);
        must(!feed->job || feed->job->more->feed == feed);
    }
}

static void audit_topics(const struct broker *b)
{
    size_t at = 0, follows = 0;
    for (const struct topic *t; (t = namemap_next(&b->topics, &at));) {
        must(link_listed(&t->rest) == !topic_watched(t));
        list_each(l, &t->follows)
        {
            const struct follow *f = container_of(l, struct follow, of_topic);
            must(f->topic == t && f->peer->client);
            must(idmap_find(&f->peer->follows, f->number) == f);
            follows++;
        }
    }
    list_each(l, &b->peers_list) follows -= container_of(l, struct peer, link)->follows.count;
    must(follows == 0);
}

void broker_audit(const struct broker *b)
{
    uint64_t ready = 0, running = 0, delayed = 0, args = 0, timers = 0, storing = 0, recovering = 0;
    size_t at = 0;
    for (struct job *job; (job = job_next(b, &at));) {
        must(!job_ended((enum job_state)job->state));
        ready += job->state == JOB_WAITING;
        running += job->state == JOB_RUNNING;
        delayed += job->state == JOB_DELAYED || job->state == JOB_BACKOFF;
        recovering += job->state == JOB_NONE && job->recovering;
        storing += job->state == JOB_NONE && !job->recovering;
        must(job->state != JOB_RUNNING || job->worker);
        must(job->state != JOB_NONE || link_listed(&job->link));
        args += job->args_size + chain_bytes(job) + progress_bytes(job);
        must(job->state == JOB_RUNNING || !progress_bytes(job));
        must(job_chain(job) || job->state < JOB_PAUSED);
        timers += job->more && job->more->timer.place;
    }
    must(ready == b->totals.ready && running == b->totals.running);
    must(delayed == b->totals.delayed && args == b->args_bytes);
    must(storing == b->totals.storing && recovering == b->totals.recovering);
    must(b->stored_seq <= b->put_seq && b->held_from <= b->held.count);
    must(b->jobs.count == b->totals.live + bygones_count(b) && timers == b->timers.count);
    uint64_t ended = 0;
    for (int s = 0; s < JOB_STATES; s++)
        ended += b->totals.ended[s];
    must(b->totals.submitted == b->totals.live + ended);
    for (uint32_t i = 0; i < b->queues_count; i++)
        audit_queue(b, b->queues_list[i]);
    must(b->todo.by_job.count == b->todo.open && b->todo.open <= b->todo.count);
    audit_feeds(b);
    bygones_audit(b);
    usage_audit(b);
    audit_topics(b);
    list_each(l, &b->workers) audit_worker(b, container_of(l, struct worker, link));
    audit_idle(b);
}
