/* SPDX-License-Identifier: Apache-2.0
 *
 * topic: updates. Every job, queue and worker counts its updates whether or not anybody watches;
 * only when somebody does is an event built, published and kept in its topic's ring, from which
 * `watch` closes gaps (snapshot.c). Somebody is whoever subscribes on the updates' socket, and who
 * follows over a connection of its own (follow.c). Prefix watchers get what is published and have
 * no ring.
 */
#include <stdio.h>

#include "producer/core/core.h"

enum { TOPIC_REST_MS = 30000 };

bool topic_wanted(const struct broker *b)
{
    return b->topics.count || b->prefixes_count;
}

static bool prefix_covers(const struct broker *b, struct bytes name)
{
    list_each(l, &b->prefixes)
    {
        const struct prefix *p = container_of(l, struct prefix, link);
        if (bytes_starts(name, p->name))
            return true;
    }
    return false;
}

static void prefix_watch(struct broker *b, struct bytes name, bool on)
{
    list_each(l, &b->prefixes)
    {
        struct prefix *p = container_of(l, struct prefix, link);
        if (!bytes_equal(p->name, name))
            continue;
        if (!on) {
            link_take(&p->link);
            b->prefixes_count--;
            bytes_drop(&p->name);
            free(p);
        }
        return;
    }
    if (!on || b->prefixes_count >= b->limits.topics_max)
        return;
    struct prefix *p = must_alloc(sizeof *p);
    p->name = bytes_keep(name);
    list_append(&b->prefixes, &p->link);
    b->prefixes_count++;
}

static void topic_free(struct topic *t)
{
    for (size_t i = 0; i < RING_EVENTS; i++)
        buf_fini(&t->ring[i].body);
    bytes_drop(&t->name);
    free(t);
}

static void topic_drop(struct broker *b, struct topic *t)
{
    namemap_take(&b->topics, t->name);
    link_take(&t->rest);
    topic_free(t);
}

bool topic_watched(const struct topic *t)
{
    return t->subscribed || !list_empty(&t->follows);
}

/* Said before the first one is there. */
static void topic_come(struct broker *b, struct topic *t)
{
    if (topic_watched(t))
        return;
    link_take(&t->rest);
    feed_watch(b, t->name, true);
}

/* When nobody watches it any more its ring goes on for a while: who has lost its connection, or was
 * started again, comes back and asks for what it has missed. */
static void topic_leave(struct broker *b, struct topic *t)
{
    if (topic_watched(t))
        return;
    t->left_ms = b->now_ms;
    list_append(&b->topics_left, &t->rest);
    feed_watch(b, t->name, false);
}

void topics_tick(struct broker *b)
{
    while (!list_empty(&b->topics_left)) {
        struct topic *t = list_first(&b->topics_left, struct topic, rest);
        if (b->now_ms - t->left_ms < TOPIC_REST_MS)
            return;
        topic_drop(b, t);
    }
}

/* NULL: there are too many. */
static struct topic *topic_make(struct broker *b, struct bytes name)
{
    struct topic *t = namemap_find(&b->topics, name);
    if (t || name.size > TOPIC_BYTES_MAX)
        return t;
    if (b->topics.count >= b->limits.topics_max) {
        if (list_empty(&b->topics_left))
            return NULL;
        topic_drop(b, list_first(&b->topics_left, struct topic, rest));
    }
    t = must_alloc(sizeof *t);
    t->name = bytes_keep(name);
    link_init(&t->rest);
    link_init(&t->follows);
    namemap_put(&b->topics, t->name, t);
    return t;
}

/* The XPUB socket tells of the first subscriber of a topic and of the last one's leaving. */
void topic_watch(struct broker *b, struct bytes wire, bool on)
{
    const char *text = wire.data;
    if (bytes_starts(wire, bytes_text("sync/")))
        return; /* answered once, by topic_sync */
    if (!wire.size || text[wire.size - 1] != 0) {
        prefix_watch(b, wire, on);
        return;
    }
    struct bytes name = bytes_of(wire.data, wire.size - 1);
    struct topic *t = on ? topic_make(b, name) : namemap_find(&b->topics, name);
    if (!t || t->subscribed == on)
        return; /* of too many: it is told of gaps when it asks, which is what it will do */
    if (on)
        topic_come(b, t);
    t->subscribed = on;
    if (!on)
        topic_leave(b, t);
}

bool topic_follow(struct broker *b, struct follow *f, struct bytes name)
{
    f->topic = topic_make(b, name);
    if (!f->topic)
        return false;
    topic_come(b, f->topic);
    list_append(&f->topic->follows, &f->of_topic);
    return true;
}

void topic_unfollow(struct broker *b, struct follow *f)
{
    link_take(&f->of_topic);
    topic_leave(b, f->topic);
}

static void publish_effect(struct broker *b, struct bytes name, struct bytes body)
{
    char wire[TOPIC_BYTES_MAX + 1];
    must(name.size <= TOPIC_BYTES_MAX);
    memcpy(wire, name.data, name.size);
    wire[name.size] = 0;
    struct effect *e = effect_add(b, FX_PUBLISH);
    b->figures.published++;
    effect_name_put(b, e, bytes_of(wire, name.size + 1));
    buf_put(&b->into->bytes, body.data, body.size);
    effect_close(b, e);
}

void topic_publish(struct broker *b, struct bytes name, uint64_t seq, struct bytes body)
{
    struct topic *t = namemap_find(&b->topics, name);
    if (t) {
        struct ring_event *slot = &t->ring[seq % RING_EVENTS];
        slot->seq = seq;
        buf_clear(&slot->body);
        buf_put(&slot->body, body.data, body.size);
        list_each(l, &t->follows)
            follow_tell(b, container_of(l, struct follow, of_topic), seq, body);
    }
    if ((t && t->subscribed) || prefix_covers(b, name))
        publish_effect(b, name, body);
}

void topic_open(const struct broker *b, struct update *u, uint64_t seq, const char *event)
{
    update_open(u, seq, b->options.incarnation, b->wall_ms, event);
}

static struct bytes job_topic(uint64_t id, char name[static 24])
{
    char text[JOB_ID_TEXT];
    snprintf(name, 24, "job/%s", job_id_text(id, text));
    return bytes_text(name);
}

static struct bytes named_topic(char *name, size_t size, const char *head, struct bytes tail)
{
    snprintf(name, size, "%s%.*s", head, BYTES_ARG(tail));
    return bytes_text(name);
}

void job_fields(struct update *m, const struct msg_job *job)
{
    char why[48];
    update_text(m, "state", bytes_text(job_state_name((unsigned)job->state)));
    update_text(m, "queue", job->queue);
    update_text(m, "worker", job->worker);
    if (job->attempts)
        update_uint(m, "attempts", job->attempts);
    update_text(m, "reason",
                bytes_text(reason_text((unsigned)job->reason, (unsigned)job->detail, why)));
    if (job->run_us)
        update_uint(m, "run_us", job->run_us);
    update_value(m, "progress", job->progress);
}

/* Of a session: what its last iteration had to show stands beside what the broker knows. */
void chain_fields(struct update *m, const struct msg_job *job, const struct msg_chain_row *row)
{
    struct msg_session session;
    char why[48];
    session_view(job, row, &session);
    update_text(m, "state", bytes_text(session_state_name((unsigned)session.state)));
    update_uint(m, "iteration", session.iteration);
    update_text(m, "reason",
                bytes_text(reason_text((unsigned)session.reason, (unsigned)session.detail, why)));
    update_pairs(m, session.view);
}

bool view_valid(struct bytes view)
{
    enum { PAIRS_MAX = 1000 };
    struct cursor c = cursor_of(view);
    return cursor_peek(&c) == PACK_MAP && pack_valid(view) && cursor_map(&c) <= PAIRS_MAX;
}

static struct bytes chain_topic(uint64_t id, char name[static 24])
{
    char text[JOB_ID_TEXT];
    snprintf(name, 24, "session/%s", job_id_text(id, text));
    return bytes_text(name);
}

void chain_event(struct broker *b, struct job *job, const struct msg_job *view,
                 enum chain_event event)
{
    static const char *const names[] = {[CHAIN_ITERATED] = "iteration",
                                        [CHAIN_TOLD] = "told",
                                        [CHAIN_PAUSED] = "paused",
                                        [CHAIN_RESUMED] = "resumed",
                                        [CHAIN_OVER] = "ended"};
    if (job->more->feed) {
        feed_event(b, job, view, event);
        return;
    }
    job->updates++;
    if (!topic_wanted(b))
        return;
    struct msg_job now;
    struct msg_chain_row row;
    char name[24];
    if (!view) {
        job_view(b, job, &now);
        view = &now;
    }
    chain_row_of(job_chain(job), &row);
    struct update m;
    topic_open(b, &m, job->updates, names[event]);
    chain_fields(&m, view, &row);
    topic_publish(b, chain_topic(job->id, name), job->updates, update_close(&m));
    update_fini(&m);
}

static void job_tell(struct broker *b, struct job *job, const struct msg_job *view,
                     const char *event)
{
    struct msg_job now;
    if (!view) {
        job_view(b, job, &now);
        view = &now;
    }
    char name[24];
    struct update m;
    topic_open(b, &m, job->updates, event);
    job_fields(&m, view);
    topic_publish(b, job_topic(job->id, name), job->updates, update_close(&m));
    update_fini(&m);
}

/* A session has events of its own; of these it has only the end. */
void job_event(struct broker *b, struct job *job, const struct msg_job *view)
{
    if (job_chain(job)) {
        if (view && job_ended((enum job_state)view->state))
            chain_event(b, job, view, CHAIN_OVER);
        return;
    }
    job->updates++;
    if (topic_wanted(b))
        job_tell(b, job, view, "state");
}

void job_progress_event(struct broker *b, struct job *job)
{
    job->updates++;
    if (topic_wanted(b))
        job_tell(b, job, NULL, "progress");
}

void worker_fields(struct update *m, const struct worker *w)
{
    update_text(m, "state", bytes_text(worker_state_name(w->state)));
    update_text(m, "host", w->host);
    update_uint(m, "pid", w->pid);
    update_uint(m, "slots", w->slots);
    update_uint(m, "leased", w->leased);
}

void worker_event(struct broker *b, struct worker *w, const char *event)
{
    w->updates++;
    if (!topic_wanted(b))
        return;
    char name[TOPIC_BYTES_MAX];
    struct update m;
    topic_open(b, &m, w->updates, event);
    worker_fields(&m, w);
    topic_publish(b, named_topic(name, sizeof name, "worker/", w->name), w->updates,
                  update_close(&m));
    update_fini(&m);
}

void queue_fields(const struct broker *b, struct update *u, const struct queue *plain)
{
    struct queue sum, *q = &sum;
    queue_sum(plain, q);
    update_uint(u, "ready", q->ready);
    update_uint(u, "running", q->running);
    update_uint(u, "delayed", q->delayed);
    update_uint(u, "held", q->held);
    update_uint(u, "workers", q->workers);
    update_uint(u, "submitted", q->submitted);
    update_uint(u, "ok", q->ended[JOB_OK]);
    update_uint(u, "failed", q->ended[JOB_FAILED]);
    update_uint(u, "dead", q->ended[JOB_DEAD]);
    update_uint(u, "oldest_ms", queue_oldest_ms(b, plain));
}

void queue_event(struct broker *b, struct queue *q, const char *event)
{
    q->updates++;
    q->counts_dirty = false;
    if (!topic_wanted(b))
        return;
    char name[TOPIC_BYTES_MAX];
    struct update m;
    topic_open(b, &m, q->updates, event);
    queue_fields(b, &m, q);
    topic_publish(b, named_topic(name, sizeof name, "queue/", q->name), q->updates,
                  update_close(&m));
    update_fini(&m);
}

/* Counts change with every job: they are told at most once a tick, and only where watched. */
void queue_counts_tick(struct broker *b)
{
    if (!topic_wanted(b))
        return;
    char name[TOPIC_BYTES_MAX];
    for (uint32_t i = 0; i < b->queues_count; i++) {
        struct queue *q = b->queues_list[i];
        if (!q->counts_dirty)
            continue;
        struct bytes topic = named_topic(name, sizeof name, "queue/", q->name);
        if (namemap_find(&b->topics, topic) || prefix_covers(b, topic))
            queue_event(b, q, "counts");
    }
}

void topic_sync(struct broker *b, struct bytes nonce)
{
    char name[TOPIC_BYTES_MAX];
    if (!nonce.size || nonce.size > 64)
        return;
    named_topic(name, sizeof name, "sync/", nonce);
    struct update m;
    topic_open(b, &m, 0, "sync");
    publish_effect(b, bytes_text(name), update_close(&m));
    update_fini(&m);
}

void topics_fini(struct broker *b)
{
    size_t at = 0;
    for (struct topic *t; (t = namemap_next(&b->topics, &at));)
        topic_free(t);
    namemap_fini(&b->topics);
    list_each_safe(l, &b->prefixes)
    {
        struct prefix *p = container_of(l, struct prefix, link);
        bytes_drop(&p->name);
        free(p);
    }
}
