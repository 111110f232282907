/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: the answers to `watch` and `follow`: what the topic's ring still has of what was
 * missed, then the object as it is. One that has ended is asked of the store.
 */
#include "producer/core/core.h"

/* What the ring still has after `after`, in order; what it has not is named lost. How many those
 * are. */
static uint64_t replay(struct broker *b, struct peer *peer, const struct find *ask, uint64_t after,
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
    return t ? last + 1 - have : 0;
}

/* A watcher that goes on (rather than starting afresh) has seen updates up to ask->id. */
static void answer(struct broker *b, struct peer *peer, const struct find *ask, uint64_t seq,
                   struct update *m)
{
    struct follow *follow = NULL;
    uint64_t repeated = 0;
    if (ask->kind == FIND_FOLLOW && !(follow = follow_find(peer, ask->number, ask->topic))) {
        update_fini(m); /* given up while the store was asked */
        return;
    }
    if (ask->goes_on && ask->id < seq)
        repeated = replay(b, peer, ask, ask->id, seq);
    struct record r = {.type = REC_snapshot,
                       .snapshot = {.number = ask->number,
                                    .topic = ask->topic,
                                    .incarnation = b->options.incarnation,
                                    .seq = seq,
                                    .body = update_close(m)}};
    send_record(b, peer, &r);
    if (follow)
        follow_answered(b, follow, seq, repeated);
    update_fini(m);
}

/* The answer is that there is none. */
static void refuse(struct broker *b, struct peer *peer, const struct find *ask, enum err code,
                   const char *text)
{
    if (ask->kind == FIND_FOLLOW && !follow_refused(b, peer, ask))
        return;
    send_error(b, peer, ask->number, code, text);
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
        refuse(b, peer, ask, ERR_NO_SESSION, NULL);
    }
}

/* "queue/calc.add" is "queue" and "calc.add"; "todo" is "todo" and nothing. */
struct bytes snapshot_split(struct bytes topic, struct bytes *tail)
{
    const char *text = topic.data, *slash = topic.size ? memchr(text, '/', topic.size) : NULL;
    size_t size = slash ? (size_t)(slash - text) : topic.size;
    *tail = slash ? bytes_of(slash + 1, topic.size - size - 1) : (struct bytes){0};
    return bytes_of(text, size);
}

uint64_t snapshot_id(struct bytes text)
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
    uint64_t id = snapshot_id(tail);
    struct job *job = id ? job_find(b, id) : NULL;
    if (job) {
        answer_live(b, peer, ask, job, session);
        return;
    }
    if (!id) {
        refuse(b, peer, ask, ERR_UNKNOWN_JOB, NULL);
        return;
    }
    find_ask(b, peer, ask, id);
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
        refuse(b, peer, ask, ERR_UNKNOWN_QUEUE, NULL);
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
        refuse(b, peer, ask, ERR_UNKNOWN_WORKER, NULL);
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
        refuse(b, peer, ask, ERR_INVALID, "no such topic");
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
        refuse(b, peer, ask, ERR_UNKNOWN_FEED, NULL);
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

bool snapshot_kind(struct bytes head)
{
    return kind_of(head);
}

void snapshot_ask(struct broker *b, struct peer *peer, struct find *ask)
{
    struct bytes tail;
    const struct kind *kind = kind_of(snapshot_split(ask->topic, &tail));
    if (kind)
        kind->ask(b, peer, ask, tail);
    else
        ask_about_feed(b, peer, ask, tail);
}

void snapshot_watch(struct broker *b, struct peer *peer, const struct msg_watch *watch)
{
    struct find ask = {
        .peer = peer->id, .number = watch->number, .kind = FIND_WATCH, .topic = watch->topic};
    ask.goes_on = watch->incarnation == b->options.incarnation;
    if (ask.goes_on)
        ask.id = watch->after;
    snapshot_ask(b, peer, &ask);
}

/* The job has ended: its row tells the number of its last update. */
void snapshot_found(struct broker *b, struct peer *peer, const struct find *find,
                    const struct row *row)
{
    struct bytes tail;
    bool session = bytes_equal(snapshot_split(find->topic, &tail), bytes_text("session"));
    gate_open(b); /* behind what was told under the same number */
    if (row && session && row->session)
        answer_session(b, peer, find, &row->job, &row->chain);
    else if (row && !session)
        answer_job(b, peer, find, &row->job);
    else
        refuse(b, peer, find, ERR_UNKNOWN_JOB, NULL);
    gate_close(b);
}
