/* SPDX-License-Identifier: Apache-2.0
 *
 * topic: updates. Every job, queue and worker counts its updates whether or not anybody watches;
 * only when somebody does is an event built, published and kept in its topic's ring, from which
 * `watch` closes gaps. Prefix watchers get what is published and have no ring.
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

/* Nobody watches it any more. Its ring goes on for a while: who has lost its connection, or was
 * started again, comes back and asks for what it has missed. */
static void topic_leave(struct broker *b, struct topic *t)
{
    t->watched = false;
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
    if (name.size > TOPIC_BYTES_MAX)
        return NULL;
    if (b->topics.count >= b->limits.topics_max) {
        if (list_empty(&b->topics_left))
            return NULL;
        topic_drop(b, list_first(&b->topics_left, struct topic, rest));
    }
    struct topic *t = must_alloc(sizeof *t);
    t->name = bytes_keep(name);
    link_init(&t->rest);
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
    struct topic *t = namemap_find(&b->topics, name);
    if (t && !on && t->watched)
        topic_leave(b, t);
    if (!on || (t && t->watched))
        return;
    if (!t)
        t = topic_make(b, name);
    if (!t)
        return; /* it is told of gaps when it asks, which is what it will do */
    t->watched = true;
    link_take(&t->rest);
    feed_watch(b, t->name, true);
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
    }
    if ((t && t->watched) || prefix_covers(b, name))
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

static void job_fields(struct update *m, const struct msg_job *job)
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
    job->updates++;
    if (!topic_wanted(b))
        return;
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
    if (!job_chain(job))
        job_tell(b, job, view, "state");
    else if (view && job_ended((enum job_state)view->state))
        chain_event(b, job, view, CHAIN_OVER);
}

void job_progress_event(struct broker *b, struct job *job)
{
    job_tell(b, job, NULL, "progress");
}

static void worker_fields(struct update *m, const struct worker *w)
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

static void queue_fields(const struct broker *b, struct update *u, const struct queue *q)
{
    update_uint(u, "ready", q->ready);
    update_uint(u, "running", q->running);
    update_uint(u, "delayed", q->delayed);
    update_uint(u, "held", q->held);
    update_uint(u, "workers", q->workers);
    update_uint(u, "submitted", q->submitted);
    update_uint(u, "ok", q->ended[JOB_OK]);
    update_uint(u, "failed", q->ended[JOB_FAILED]);
    update_uint(u, "dead", q->ended[JOB_DEAD]);
    update_uint(u, "oldest_ms", queue_oldest_ms(b, q));
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

/* What the ring still has after `after`, in order; what it has not is named lost. */
static void replay(struct broker *b, struct peer *peer, const struct find *ask, uint64_t after,
                   uint64_t last)
{
    const struct topic *t = namemap_find(&b->topics, ask->topic);
    uint64_t first = after + 1, have = last + 1;
    while (t && have > first && last - have + 1 < RING_EVENTS &&
           t->ring[(have - 1) % RING_EVENTS].seq == have - 1)
        have--;
    if (have > first) {
        struct record lost = {
            .type = REC_lost,
            .lost = {.number = ask->number, .topic = ask->topic, .first = first, .last = have - 1}};
        send_record(b, peer, &lost);
    }
    for (uint64_t seq = have; t && seq <= last; seq++) {
        struct record update = {.type = REC_update,
                                .update = {.number = ask->number,
                                           .topic = ask->topic,
                                           .body = buf_bytes(&t->ring[seq % RING_EVENTS].body)}};
        send_record(b, peer, &update);
    }
}

/* A watcher that goes on (rather than starting afresh) has seen updates up to ask->id. */
static void answer(struct broker *b, struct peer *peer, const struct find *ask, uint64_t seq,
                   struct update *m)
{
    if (ask->goes_on && ask->id < seq)
        replay(b, peer, ask, ask->id, seq);
    struct record r = {.type = REC_snapshot,
                       .snapshot = {.number = ask->number,
                                    .topic = ask->topic,
                                    .incarnation = b->options.incarnation,
                                    .seq = seq,
                                    .body = update_close(m)}};
    send_record(b, peer, &r);
    update_fini(m);
}

static void answer_job(struct broker *b, struct peer *peer, const struct find *ask,
                       const struct msg_job *view)
{
    struct update m;
    topic_open(b, &m, view->updates, "snapshot");
    job_fields(&m, view);
    answer(b, peer, ask, view->updates, &m);
}

static void answer_session(struct broker *b, struct peer *peer, const struct find *ask,
                           const struct msg_job *view, const struct msg_chain_row *row)
{
    struct update m;
    topic_open(b, &m, view->updates, "snapshot");
    chain_fields(&m, view, row);
    answer(b, peer, ask, view->updates, &m);
}

static void answer_live(struct broker *b, struct peer *peer, const struct find *ask,
                        const struct job *job, bool session)
{
    struct msg_job view;
    struct msg_chain_row row;
    job_view(b, job, &view);
    if (!session) {
        answer_job(b, peer, ask, &view);
    } else if (job_chain(job)) {
        chain_row_of(job_chain(job), &row);
        answer_session(b, peer, ask, &view, &row);
    } else {
        send_error(b, peer, ask->number, ERR_NO_SESSION, NULL);
    }
}

/* "queue/calc.add" is "queue" and "calc.add"; "todo" is "todo" and nothing. */
struct bytes topic_split(struct bytes topic, struct bytes *tail)
{
    const char *text = topic.data, *slash = topic.size ? memchr(text, '/', topic.size) : NULL;
    size_t size = slash ? (size_t)(slash - text) : topic.size;
    *tail = slash ? bytes_of(slash + 1, topic.size - size - 1) : (struct bytes){0};
    return bytes_of(text, size);
}

uint64_t topic_id(struct bytes text)
{
    char copy[JOB_ID_TEXT] = {0};
    if (text.size != JOB_ID_TEXT - 1)
        return 0;
    memcpy(copy, text.data, text.size);
    return job_id_parse(copy);
}

static void ask_job(struct broker *b, struct peer *peer, struct find *ask, struct bytes tail,
                    bool session)
{
    uint64_t id = topic_id(tail);
    struct job *job = id ? job_find(b, id) : NULL;
    if (job) {
        answer_live(b, peer, ask, job, session);
        return;
    }
    if (!id) {
        send_error(b, peer, ask->number, ERR_UNKNOWN_JOB, NULL);
        return;
    }
    struct find *find = must_alloc(sizeof *find);
    *find = *ask;
    find->topic = bytes_keep(ask->topic);
    idmap_put(&b->finds, ++b->ticket, find);
    struct effect *e = effect_add(b, FX_FIND);
    e->ticket = b->ticket;
    e->id = id;
}

static void ask_about_job(struct broker *b, struct peer *peer, struct find *ask, struct bytes tail)
{
    ask_job(b, peer, ask, tail, false);
}

static void ask_about_session(struct broker *b, struct peer *peer, struct find *ask,
                              struct bytes tail)
{
    ask_job(b, peer, ask, tail, true);
}

static void ask_about_queue(struct broker *b, struct peer *peer, struct find *ask,
                            struct bytes tail)
{
    const struct queue *q = queue_find(b, tail);
    struct update u;
    if (!q) {
        send_error(b, peer, ask->number, ERR_UNKNOWN_QUEUE, NULL);
        return;
    }
    topic_open(b, &u, q->updates, "snapshot");
    queue_fields(b, &u, q);
    answer(b, peer, ask, q->updates, &u);
}

static void ask_about_worker(struct broker *b, struct peer *peer, struct find *ask,
                             struct bytes tail)
{
    const struct worker *w = worker_find(b, tail);
    struct update u;
    if (!w) {
        send_error(b, peer, ask->number, ERR_UNKNOWN_WORKER, NULL);
        return;
    }
    topic_open(b, &u, w->updates, "snapshot");
    worker_fields(&u, w);
    answer(b, peer, ask, w->updates, &u);
}

static void ask_about_todo(struct broker *b, struct peer *peer, struct find *ask, struct bytes tail)
{
    struct update u;
    if (tail.data) {
        send_error(b, peer, ask->number, ERR_INVALID, "no such topic");
        return;
    }
    topic_open(b, &u, b->todo.updates, "snapshot");
    todo_fields(b, &u);
    answer(b, peer, ask, b->todo.updates, &u);
}

static void ask_about_feed(struct broker *b, struct peer *peer, struct find *ask, struct bytes tail)
{
    (void)tail;
    const struct feed *feed = feed_find(b, ask->topic);
    struct update u;
    if (!feed) {
        send_error(b, peer, ask->number, ERR_UNKNOWN_FEED, NULL);
        return;
    }
    topic_open(b, &u, feed->updates, "snapshot");
    feed_fields(b, &u, feed);
    answer(b, peer, ask, feed->updates, &u);
}

/* What is none of these may be a feed. */
static const struct kind {
    const char *name;
    void (*ask)(struct broker *b, struct peer *peer, struct find *ask, struct bytes tail);
} kinds[] = {
    {"job", ask_about_job},       {"session", ask_about_session}, {"queue", ask_about_queue},
    {"worker", ask_about_worker}, {"todo", ask_about_todo},       {"sync", ask_about_feed},
};

static const struct kind *kind_of(struct bytes name)
{
    for (size_t i = 0; i < LENGTH(kinds); i++)
        if (bytes_equal(name, bytes_text(kinds[i].name)))
            return &kinds[i];
    return NULL;
}

bool topic_taken(struct bytes head)
{
    return kind_of(head);
}

void topic_ask(struct broker *b, struct peer *peer, const struct msg_watch *watch)
{
    struct find ask = {
        .peer = peer->id, .number = watch->number, .kind = FIND_WATCH, .topic = watch->topic};
    struct bytes tail;
    const struct kind *kind = kind_of(topic_split(watch->topic, &tail));
    ask.goes_on = watch->incarnation == b->options.incarnation;
    if (ask.goes_on)
        ask.id = watch->after;
    if (kind)
        kind->ask(b, peer, &ask, tail);
    else
        ask_about_feed(b, peer, &ask, tail);
}

/* The job has ended: its row tells the number of its last update. */
void topic_found(struct broker *b, struct peer *peer, const struct find *find,
                 const struct row *row)
{
    struct bytes tail;
    bool session = bytes_equal(topic_split(find->topic, &tail), bytes_text("session"));
    if (row && session && row->session)
        answer_session(b, peer, find, &row->job, &row->chain);
    else if (row && !session)
        answer_job(b, peer, find, &row->job);
    else
        send_error(b, peer, find->number, ERR_UNKNOWN_JOB, NULL);
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
