/* SPDX-License-Identifier: Apache-2.0
 *
 * queue: the ready jobs of one handler.method, by priority and then by age. A queue is in
 * broker::active exactly while it has something to hand out. Those with tags stand beside the plain
 * one of their name (core.h), which costs it nothing.
 */
#include "producer/core/core.h"

struct queue *queue_find(const struct broker *b, struct bytes name)
{
    return namemap_find(&b->queues, name);
}

enum { TAGSETS_MAX = 256 };

/* NULL: too many. */
static struct queue *make(struct broker *b)
{
    if (b->queues_count >= b->limits.queues_max && !b->loading)
        return NULL;
    struct queue *q = must_alloc(sizeof *q);
    q->index = b->queues_count;
    q->run_us = -1;
    link_init(&q->kin);
    link_init(&q->link);
    link_init(&q->due);
    link_init(&q->rank.of_group);
    link_init(&q->rank.eased);
    if (b->queues_count == b->queues_capacity) {
        b->queues_capacity = b->queues_capacity ? b->queues_capacity * 2 : 16;
        b->queues_list = must_realloc(b->queues_list, b->queues_capacity * sizeof(struct queue *));
    }
    b->queues_list[b->queues_count++] = q;
    return q;
}

struct queue *queue_make(struct broker *b, struct bytes name)
{
    struct queue *q = queue_find(b, name);
    if (q || !(q = make(b)))
        return q;
    q->name = bytes_keep(name);
    q->plain = q;
    namemap_put(&b->queues, q->name, q);
    return q;
}

struct queue *queue_tagged(struct broker *b, struct queue *plain, struct bytes tags)
{
    unsigned count = 0;
    list_each(l, &plain->kin)
    {
        struct queue *q = container_of(l, struct queue, kin);
        if (bytes_equal(q->tags, tags))
            return q;
        count++;
    }
    struct queue *q = count < TAGSETS_MAX || b->loading ? make(b) : NULL;
    if (!q)
        return NULL;
    q->name = plain->name;
    q->tags = bytes_keep(tags);
    q->plain = plain;
    list_append(&plain->kin, &q->kin);
    workers_serve(b, q);
    return q;
}

void queue_sum(const struct queue *plain, struct queue *out)
{
    *out = *plain;
    list_each(l, &plain->kin)
    {
        const struct queue *q = container_of(l, struct queue, kin);
        out->ready += q->ready;
        out->running += q->running;
        out->delayed += q->delayed;
        out->submitted += q->submitted;
        for (int state = 0; state < JOB_STATES; state++)
            out->ended[state] += q->ended[state];
        if (out->run_us < 0)
            out->run_us = q->run_us;
    }
}

void queue_fini(struct queue *q)
{
    for (size_t i = 0; i < q->levels_count; i++)
        free(q->levels[i]);
    free(q->levels);
    if (q->plain == q)
        bytes_drop(&q->name);
    bytes_drop(&q->tags);
    bytes_drop(&q->feed);
    free(q);
}

static struct level *level_of(struct queue *q, int priority)
{
    size_t at = 0;
    while (at < q->levels_count && q->levels[at]->priority > priority)
        at++;
    if (at < q->levels_count && q->levels[at]->priority == priority)
        return q->levels[at];
    struct level *level = must_alloc(sizeof *level);
    level->priority = priority;
    link_init(&level->jobs);
    q->levels = must_realloc(q->levels, (q->levels_count + 1) * sizeof(struct level *));
    memmove(q->levels + at + 1, q->levels + at, (q->levels_count - at) * sizeof(struct level *));
    q->levels[at] = level;
    q->levels_count++;
    return level;
}

static void wake(struct broker *b, struct queue *q)
{
    if (link_listed(&q->link) || q->plain->held || !q->ready)
        return;
    list_append(&b->active, &q->link);
    group_wakes(b, q);
}

void queue_put(struct broker *b, struct job *job, bool first)
{
    struct queue *q = job->queue;
    struct level *level = level_of(q, job->priority);
    must(!link_listed(&job->link));
    if (first)
        list_push(&level->jobs, &job->link);
    else
        list_append(&level->jobs, &job->link);
    q->ready++;
    b->totals.ready++;
    wake(b, q);
    if (!q->rank.tier || q->rank.tier->priority < job->priority)
        group_moved(b, q);
}

void queue_take(struct broker *b, struct job *job)
{
    bool alone = job->link.next == job->link.prev; /* of its priority */
    link_take(&job->link);
    queue_left(b, job->queue, alone, 1);
}

void queue_left(struct broker *b, struct queue *q, bool last, uint64_t jobs)
{
    must(q->ready >= jobs && b->totals.ready >= jobs);
    q->ready -= jobs;
    b->totals.ready -= jobs;
    if (!q->ready)
        link_take(&q->link);
    if (last)
        group_moved(b, q);
}

void queue_joined(struct broker *b, struct queue *q, uint64_t jobs)
{
    q->ready += jobs;
    b->totals.ready += jobs;
}

const struct link *queue_first(const struct queue *q)
{
    for (size_t i = 0; i < q->levels_count; i++)
        if (!list_empty(&q->levels[i]->jobs))
            return &q->levels[i]->jobs;
    return NULL;
}

struct job *queue_head(const struct queue *q)
{
    const struct link *jobs = queue_first(q);
    return jobs ? list_first(jobs, struct job, link) : NULL;
}

/* Of each priority the first is the oldest, but for what came back to the head. */
static int64_t oldest_ms_of(const struct broker *b, const struct queue *q)
{
    int64_t oldest_ms = 0;
    for (size_t i = 0; i < q->levels_count; i++) {
        if (list_empty(&q->levels[i]->jobs))
            continue;
        const struct job *job = list_first(&q->levels[i]->jobs, struct job, link);
        int64_t ms = b->wall_ms - (int64_t)job->submitted_ms;
        if (job->more && job->more->due_ms)
            ms = b->now_ms - job->more->due_ms;
        if (ms > oldest_ms)
            oldest_ms = ms;
    }
    return oldest_ms;
}

uint64_t queue_oldest_ms(const struct broker *b, const struct queue *plain)
{
    int64_t oldest_ms = oldest_ms_of(b, plain);
    list_each(l, &plain->kin)
    {
        int64_t ms = oldest_ms_of(b, container_of(l, struct queue, kin));
        if (ms > oldest_ms)
            oldest_ms = ms;
    }
    return (uint64_t)oldest_ms;
}

static void hold(struct broker *b, struct queue *q)
{
    if (q->plain->held) {
        link_take(&q->link);
        group_moved(b, q);
    } else {
        wake(b, q);
        lend_later(b, q);
    }
}

void queue_hold(struct broker *b, struct queue *q, bool held)
{
    if (q->held == held)
        return;
    q->held = held;
    hold(b, q);
    list_each(l, &q->kin) hold(b, container_of(l, struct queue, kin));
    keep_queue(b, q);
    gate_open(b);
    queue_event(b, q, held ? "held" : "released");
    gate_close(b);
}
