/* SPDX-License-Identifier: Apache-2.0
 *
 * topic: updates. Every job, queue and worker counts its updates whether or not anybody watches;
 * only when somebody does is an event built, published and kept in its topic's ring, from which
 * `watch` closes gaps. Prefix watchers get what is published and have no ring.
 */
#include <stdio.h>

#include "producer/core/core.h"

static bool watched_at_all(const struct broker *b)
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
    if (!on) {
        struct topic *gone = namemap_take(&b->topics, name);
        if (gone)
            topic_free(gone);
        return;
    }
    if (name.size > TOPIC_BYTES_MAX || namemap_find(&b->topics, name) ||
        b->topics.count >= b->limits.topics_max)
        return; /* too many: it is told of gaps when it asks, which is what it will do */
    struct topic *t = must_alloc(sizeof *t);
    t->name = bytes_keep(name);
    namemap_put(&b->topics, t->name, t);
}

static void publish_effect(struct broker *b, struct bytes name, struct bytes body)
{
    char wire[TOPIC_BYTES_MAX + 1];
    must(name.size <= TOPIC_BYTES_MAX);
    memcpy(wire, name.data, name.size);
    wire[name.size] = 0;
    struct effect *e = effect_add(b, FX_PUBLISH);
    effect_name_put(b, e, bytes_of(wire, name.size + 1));
    buf_put(&b->into->bytes, body.data, body.size);
    e->size = body.size;
}

static void publish(struct broker *b, struct bytes name, uint64_t seq, struct bytes body)
{
    struct topic *t = namemap_find(&b->topics, name);
    if (t) {
        struct ring_event *slot = &t->ring[seq % RING_EVENTS];
        slot->seq = seq;
        buf_clear(&slot->body);
        buf_put(&slot->body, body.data, body.size);
    } else if (!prefix_covers(b, name)) {
        return;
    }
    publish_effect(b, name, body);
}

/* An event under construction: a map whose number of pairs is known at the end. */
struct event_map {
    struct buf buf;
    unsigned pairs;
    bool large; /* 16 pairs and more: a head of three bytes */
};

static void map_head(struct event_map *m, const struct broker *b, uint64_t seq, const char *event)
{
    buf_extend(&m->buf, m->large ? 3 : 1); /* written at the end */
    pack_text(&m->buf, "seq");
    pack_uint(&m->buf, seq);
    pack_text(&m->buf, "incarnation");
    pack_uint(&m->buf, b->options.incarnation);
    pack_text(&m->buf, "time");
    pack_uint(&m->buf, (uint64_t)b->wall_ms);
    pack_text(&m->buf, "event");
    pack_text(&m->buf, event);
    m->pairs = 4;
}

static void map_open(struct event_map *m, const struct broker *b, uint64_t seq, const char *event)
{
    *m = (struct event_map){0};
    map_head(m, b, seq, event);
}

static void map_text(struct event_map *m, const char *key, struct bytes text)
{
    if (!text.size)
        return;
    pack_text(&m->buf, key);
    pack_str(&m->buf, text);
    m->pairs++;
}

static void map_uint(struct event_map *m, const char *key, uint64_t number)
{
    pack_text(&m->buf, key);
    pack_uint(&m->buf, number);
    m->pairs++;
}

static struct bytes map_close(struct event_map *m)
{
    if (m->large) {
        m->buf.data[0] = 0xde;
        m->buf.data[1] = (unsigned char)(m->pairs >> 8);
        m->buf.data[2] = (unsigned char)m->pairs;
    } else {
        must(m->pairs < 16);
        m->buf.data[0] = (unsigned char)(0x80 | m->pairs);
    }
    return buf_bytes(&m->buf);
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

static void job_fields(struct event_map *m, const struct msg_job *job)
{
    char why[48];
    map_text(m, "state", bytes_text(job_state_name((unsigned)job->state)));
    map_text(m, "queue", job->queue);
    map_text(m, "worker", job->worker);
    if (job->attempts)
        map_uint(m, "attempts", job->attempts);
    map_text(m, "reason",
             bytes_text(reason_text((unsigned)job->reason, (unsigned)job->detail, why)));
    if (job->run_us)
        map_uint(m, "run_us", job->run_us);
}

/* Of a session: what its last iteration had to show stands beside what the broker knows. */
static void chain_fields(struct event_map *m, const struct msg_job *job,
                         const struct msg_chain_row *row)
{
    struct msg_session session;
    char why[48];
    session_view(job, row, &session);
    map_text(m, "state", bytes_text(session_state_name((unsigned)session.state)));
    map_uint(m, "iteration", session.iteration);
    map_text(m, "reason",
             bytes_text(reason_text((unsigned)session.reason, (unsigned)session.detail, why)));
    struct cursor c = cursor_of(session.view);
    if (!session.view.size)
        return;
    m->pairs += cursor_map(&c);
    buf_put(&m->buf, c.at, cursor_left(&c));
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

void chain_event(struct broker *b, struct job *job, const struct msg_job *view, const char *event)
{
    job->updates++;
    if (!watched_at_all(b))
        return;
    struct msg_job now;
    struct msg_chain_row row;
    char name[24];
    if (!view) {
        job_view(b, job, &now);
        view = &now;
    }
    chain_row_of(job_chain(job), &row);
    struct event_map m = {.large = true};
    map_head(&m, b, job->updates, event);
    chain_fields(&m, view, &row);
    publish(b, chain_topic(job->id, name), job->updates, map_close(&m));
    buf_fini(&m.buf);
}

/* A session has events of its own; of these it has only the end. */
void job_event(struct broker *b, struct job *job, const struct msg_job *view)
{
    if (job_chain(job)) {
        if (view && job_ended((enum job_state)view->state))
            chain_event(b, job, view, "ended");
        return;
    }
    job->updates++;
    if (!watched_at_all(b))
        return;
    struct msg_job now;
    if (!view) {
        job_view(b, job, &now);
        view = &now;
    }
    char name[24];
    struct event_map m;
    map_open(&m, b, job->updates, "state");
    job_fields(&m, view);
    publish(b, job_topic(job->id, name), job->updates, map_close(&m));
    buf_fini(&m.buf);
}

static void worker_fields(struct event_map *m, const struct worker *w)
{
    map_text(m, "state", bytes_text(worker_state_name(w->state)));
    map_text(m, "host", w->host);
    map_uint(m, "pid", w->pid);
    map_uint(m, "slots", w->slots);
    map_uint(m, "leased", w->leased);
}

void worker_event(struct broker *b, struct worker *w, const char *event)
{
    w->updates++;
    if (!watched_at_all(b))
        return;
    char name[TOPIC_BYTES_MAX];
    struct event_map m;
    map_open(&m, b, w->updates, event);
    worker_fields(&m, w);
    publish(b, named_topic(name, sizeof name, "worker/", w->name), w->updates, map_close(&m));
    buf_fini(&m.buf);
}

static void queue_fields(struct event_map *m, const struct queue *q)
{
    map_uint(m, "ready", q->ready);
    map_uint(m, "running", q->running);
    map_uint(m, "delayed", q->delayed);
    map_uint(m, "held", q->held);
    map_uint(m, "workers", q->workers);
}

void queue_event(struct broker *b, struct queue *q, const char *event)
{
    q->updates++;
    q->counts_dirty = false;
    if (!watched_at_all(b))
        return;
    char name[TOPIC_BYTES_MAX];
    struct event_map m;
    map_open(&m, b, q->updates, event);
    queue_fields(&m, q);
    publish(b, named_topic(name, sizeof name, "queue/", q->name), q->updates, map_close(&m));
    buf_fini(&m.buf);
}

/* Counts change with every job: they are told at most once a tick, and only where watched. */
void queue_counts_tick(struct broker *b)
{
    if (!watched_at_all(b))
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
    struct event_map m;
    map_open(&m, b, 0, "sync");
    publish_effect(b, bytes_text(name), map_close(&m));
    buf_fini(&m.buf);
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
                   struct event_map *m)
{
    if (ask->goes_on && ask->id < seq)
        replay(b, peer, ask, ask->id, seq);
    struct record r = {.type = REC_snapshot,
                       .snapshot = {.number = ask->number,
                                    .topic = ask->topic,
                                    .incarnation = b->options.incarnation,
                                    .seq = seq,
                                    .body = map_close(m)}};
    send_record(b, peer, &r);
    buf_fini(&m->buf);
}

static void answer_job(struct broker *b, struct peer *peer, const struct find *ask,
                       const struct msg_job *view)
{
    struct event_map m;
    map_open(&m, b, view->updates, "snapshot");
    job_fields(&m, view);
    answer(b, peer, ask, view->updates, &m);
}

static void answer_session(struct broker *b, struct peer *peer, const struct find *ask,
                           const struct msg_job *view, const struct msg_chain_row *row)
{
    struct event_map m = {.large = true};
    map_head(&m, b, view->updates, "snapshot");
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

static bool topic_tail(struct bytes topic, const char *head, struct bytes *tail)
{
    struct bytes h = bytes_text(head);
    if (!bytes_starts(topic, h))
        return false;
    *tail = bytes_of((const char *)topic.data + h.size, topic.size - h.size);
    return true;
}

static uint64_t id_of(struct bytes text)
{
    char copy[JOB_ID_TEXT] = {0};
    if (text.size != JOB_ID_TEXT - 1)
        return 0;
    memcpy(copy, text.data, text.size);
    return job_id_parse(copy);
}

void topic_ask(struct broker *b, struct peer *peer, const struct msg_watch *watch)
{
    struct find ask = {
        .peer = peer->id, .number = watch->number, .kind = FIND_WATCH, .topic = watch->topic};
    ask.goes_on = watch->incarnation == b->options.incarnation;
    if (ask.goes_on)
        ask.id = watch->after;
    struct bytes tail;
    struct event_map m;
    bool session = topic_tail(watch->topic, "session/", &tail);
    if (session || topic_tail(watch->topic, "job/", &tail)) {
        uint64_t id = id_of(tail);
        struct job *job = id ? job_find(b, id) : NULL;
        if (job) {
            answer_live(b, peer, &ask, job, session);
        } else if (id) {
            struct find *find = must_alloc(sizeof *find);
            *find = ask;
            find->topic = bytes_keep(watch->topic);
            idmap_put(&b->finds, ++b->ticket, find);
            struct effect *e = effect_add(b, FX_FIND);
            e->ticket = b->ticket;
            e->id = id;
        } else {
            send_error(b, peer, watch->number, ERR_UNKNOWN_JOB, NULL);
        }
    } else if (topic_tail(watch->topic, "queue/", &tail)) {
        struct queue *q = queue_find(b, tail);
        if (!q) {
            send_error(b, peer, watch->number, ERR_UNKNOWN_QUEUE, NULL);
            return;
        }
        map_open(&m, b, q->updates, "snapshot");
        queue_fields(&m, q);
        answer(b, peer, &ask, q->updates, &m);
    } else if (topic_tail(watch->topic, "worker/", &tail)) {
        struct worker *w = worker_find(b, tail);
        if (!w) {
            send_error(b, peer, watch->number, ERR_UNKNOWN_WORKER, NULL);
            return;
        }
        map_open(&m, b, w->updates, "snapshot");
        worker_fields(&m, w);
        answer(b, peer, &ask, w->updates, &m);
    } else {
        send_error(b, peer, watch->number, ERR_INVALID, "no such topic");
    }
}

/* The job has ended: its row tells the number of its last update. */
void topic_found(struct broker *b, struct peer *peer, const struct find *find,
                 const struct row *row)
{
    struct bytes tail;
    bool session = topic_tail(find->topic, "session/", &tail);
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
