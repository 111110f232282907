/* SPDX-License-Identifier: Apache-2.0
 *
 * updates: the ledger's books of updates. Numbers of a topic rise by one while it is watched; a
 * job's last one is its end; an answer to watch is whole, and tells nothing lost that is to be had.
 */
#include <inttypes.h>

#include "tests/sim/books.h"

enum { RING = 64 }; /* updates that a watched topic can repeat */

struct topic_seen {
    struct bytes name; /* owned */
    uint64_t last;     /* of this life of the broker */
    uint64_t followed; /* likewise, of what was told to who follows it */
    bool gap;          /* watched anew: some may have gone by */
    bool over;         /* its job has ended */
    uint64_t
        unsure_seq; /* when it was watched anew, updates up to here may have waited for the disk */
    uint64_t ring_from;  /* from here on it was watched all the time; 0: not known */
    struct idmap hashes; /* of what was published, by incarnation and number; boxed */
};

struct watch_ask {                     /* an answer that is under way */
    uint64_t peer, number, next, step; /* step: in which it was asked */
    bool goes_on, begun;               /* begun: some of its answer has come */
    struct topic_seen *topic;
};

void updates_fini(struct ledger *l)
{
    size_t at = 0;
    for (struct topic_seen *t; (t = namemap_next(&l->topics, &at));) {
        size_t k = 0;
        for (void *box; (box = idmap_next(&t->hashes, &k));)
            free(box);
        idmap_fini(&t->hashes);
        free((void *)(uintptr_t)t->name.data);
        free(t);
    }
    namemap_fini(&l->topics);
    idmap_fini(&l->progresses);
    buf_fini(&l->watch_asks);
}

static struct topic_seen *topic_of(struct ledger *l, struct bytes name)
{
    struct topic_seen *t = namemap_find(&l->topics, name);
    if (t)
        return t;
    t = must_alloc(sizeof *t);
    void *copy = must_alloc(name.size);
    memcpy(copy, name.data, name.size);
    t->name = bytes_of(copy, name.size);
    t->gap = true;
    namemap_put(&l->topics, t->name, t);
    return t;
}

/* By somebody again, or by nobody any more: what it could repeat is gone. */
void updates_watched(struct sim *s, struct bytes topic, bool on)
{
    struct bytes name = bytes_of(topic.data, topic.size - 1);
    struct topic_seen *t = topic_of(s->ledger, name);
    feeds_watched(s, name, on);
    t->gap = true;
    t->ring_from = 0;
    t->unsure_seq = s->knobs.durable ? s->store.disk.put_seq : 0;
}

void updates_crashed(struct sim *s)
{
    size_t at = 0;
    for (struct topic_seen *t; (t = namemap_next(&s->ledger->topics, &at));) {
        t->last = t->followed = t->ring_from = t->unsure_seq = 0;
        t->gap = true;
        t->over = false;
    }
    buf_clear(&s->ledger->watch_asks);
}

struct update_seen {
    uint64_t seq, incarnation, attempts;
    unsigned state;
    struct bytes progress; /* lent by the body */
};

static struct update_seen update_read(struct bytes body)
{
    struct update_seen u = {0};
    char text[16];
    struct cursor c = cursor_of(body);
    for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("seq"))) {
            u.seq = cursor_uint(&c);
        } else if (bytes_equal(key, bytes_text("incarnation"))) {
            u.incarnation = cursor_uint(&c);
        } else if (bytes_equal(key, bytes_text("attempts"))) {
            u.attempts = cursor_uint(&c);
        } else if (bytes_equal(key, bytes_text("state"))) {
            struct bytes state = cursor_str(&c);
            snprintf(text, sizeof text, "%.*s", BYTES_ARG(state));
            u.state = job_state_parse(text);
        } else if (bytes_equal(key, bytes_text("progress"))) {
            u.progress = cursor_value(&c);
        } else {
            cursor_skip(&c);
        }
    }
    must(cursor_ok(&c));
    return u;
}

/* The job of a topic; NULL: it is another topic, or nothing is known of the job. */
static const struct work *work_named(const struct sim *s, struct bytes name)
{
    char text[JOB_ID_TEXT] = {0};
    if (name.size != 4 + JOB_ID_TEXT - 1 || !bytes_starts(name, bytes_text("job/")))
        return NULL;
    memcpy(text, (const char *)name.data + 4, JOB_ID_TEXT - 1);
    return work_of(s, job_id_parse(text));
}

/* An end, and an attempt that is over, are kept before anybody hears of it; so is the job. */
static void update_kept(struct sim *s, struct bytes name, const struct update_seen *u)
{
    const struct work *work = work_named(s, name);
    if (!work)
        return; /* its acceptance leaves at the end of the step */
    bool end = job_ended((enum job_state)u->state);
    if (end && !work->now.state)
        sim_fail(s, "S13", "%.*s: an end that is none", BYTES_ARG(name));
    if (!work->durable || !s->knobs.durable)
        return;
    must_be_kept(s, end ? work->end_seq : work->born_seq, "an update", work->id);
    if (u->state == JOB_BACKOFF && !work->kept.ended && work->kept.attempts < u->attempts)
        sim_fail(s, "S7", "%.*s: attempt %" PRIu64 " is told, %" PRIu64 " are kept",
                 BYTES_ARG(name), u->attempts, work->kept.attempts);
}

static void hash_put(struct topic_seen *t, uint64_t incarnation, uint64_t seq, struct bytes body)
{
    uint64_t *box = must_alloc(sizeof *box), key = incarnation << 32 | seq;
    *box = bytes_hash(body, 0);
    free(idmap_take(&t->hashes, key));
    idmap_put(&t->hashes, key, box);
}

void updates_published(struct sim *s, struct bytes wire, struct bytes body)
{
    struct bytes name = bytes_of(wire.data, wire.size - 1);
    struct update_seen u = update_read(body);
    if (bytes_starts(name, bytes_text("sync/")))
        return;
    struct topic_seen *t = topic_of(s->ledger, name);
    trace(s, "broker", "%.*s: update %" PRIu64, BYTES_ARG(name), u.seq);
    if (u.incarnation != s->hub.incarnation)
        sim_fail(s, "S13", "%.*s: an update of incarnation %" PRIu64, BYTES_ARG(name),
                 u.incarnation);
    if (t->over)
        sim_fail(s, "S13", "%.*s: update %" PRIu64 " after the end", BYTES_ARG(name), u.seq);
    if (t->gap ? u.seq <= t->last : u.seq != t->last + 1)
        sim_fail(s, "S13", "%.*s: update %" PRIu64 " after %" PRIu64, BYTES_ARG(name), u.seq,
                 t->last);
    update_kept(s, name, &u);
    told_progress(s, work_named(s, name), u.state, u.progress);
    feeds_published(s, name, body);
    if (bytes_equal(name, bytes_text("todo")))
        tasks_published(s, u.seq, body);
    bool sure = t->unsure_seq <= s->ledger->stored_before;
    if (t->gap && sure && !s->knobs.limits.topics_max)
        t->ring_from = u.seq;
    t->gap = !sure;
    t->last = u.seq;
    t->over = bytes_starts(name, bytes_text("job/")) && job_ended((enum job_state)u.state);
    hash_put(t, u.incarnation, u.seq, body);
}

uint64_t updates_followed(struct sim *s, struct bytes topic, struct bytes body)
{
    struct update_seen u = update_read(body);
    struct topic_seen *t = topic_of(s->ledger, topic);
    if (u.incarnation != s->hub.incarnation)
        sim_fail(s, "S13", "%.*s: an update of incarnation %" PRIu64, BYTES_ARG(topic),
                 u.incarnation);
    update_kept(s, topic, &u);
    told_progress(s, work_named(s, topic), u.state, u.progress);
    if (u.seq > t->followed)
        t->followed = u.seq;
    return u.seq;
}

void updates_shown(struct sim *s, struct bytes topic, uint64_t incarnation, uint64_t seq,
                   struct bytes body)
{
    struct topic_seen *t = topic_of(s->ledger, topic);
    const uint64_t *box = idmap_find(&t->hashes, incarnation << 32 | seq);
    if (!box) /* nobody watched when it was due: it is told afterwards only, always alike */
        hash_put(t, incarnation, seq, body);
    else if (*box != bytes_hash(body, 0))
        sim_fail(s, "S13", "%.*s: update %" PRIu64 " is shown otherwise than it was published",
                 BYTES_ARG(topic), seq);
}

uint64_t updates_last(const struct sim *s, struct bytes topic)
{
    const struct topic_seen *t = namemap_find(&s->ledger->topics, topic);
    return !t ? 0 : t->last > t->followed ? t->last : t->followed;
}

/* --- answers to watch ------------------------------------------------------------------------- */

void updates_asked(struct sim *s, uint64_t peer, const struct msg_watch *m)
{
    struct watch_ask ask = {.peer = peer,
                            .number = m->number,
                            .step = s->hub.steps + 1,
                            .goes_on = m->incarnation == s->hub.incarnation,
                            .next = m->after + 1,
                            .topic = topic_of(s->ledger, m->topic)};
    buf_put(&s->ledger->watch_asks, &ask, sizeof ask);
}

static bool ask_fits(const struct watch_ask *ask, const struct record *r)
{
    switch (r->type) {
    case REC_lost: return ask->goes_on && r->lost.first == ask->next;
    case REC_update: return ask->goes_on && update_read(r->update.body).seq == ask->next;
    case REC_snapshot: return !ask->goes_on || r->snapshot.seq < ask->next;
    default: return true;
    }
}

/* Each answer comes in one piece, but they come in any order: the first ask that it fits, or else
 * the first. */
static struct watch_ask *ask_find(struct sim *s, uint64_t peer, const struct record *r)
{
    struct buf *asks = &s->ledger->watch_asks;
    struct watch_ask *all = (struct watch_ask *)(void *)asks->data, *first = NULL, *fits = NULL;
    for (size_t i = 0; i < asks->size / sizeof *all; i++) {
        if (all[i].peer != peer || all[i].number != r->done.number) /* they all begin with it */
            continue;
        if (all[i].begun)
            return &all[i];
        first = first ? first : &all[i];
        fits = !fits && ask_fits(&all[i], r) ? &all[i] : fits;
    }
    return fits ? fits : first;
}

static void ask_over(struct sim *s, struct watch_ask *ask)
{
    struct buf *asks = &s->ledger->watch_asks;
    unsigned char *at = (unsigned char *)(void *)ask;
    memmove(at, at + sizeof *ask, (size_t)(asks->data + asks->size - at) - sizeof *ask);
    asks->size -= sizeof *ask;
}

/* Not from somebody who has not said hello. */
void updates_unheard(struct sim *s, uint64_t peer)
{
    struct buf *asks = &s->ledger->watch_asks;
    struct watch_ask *all = (struct watch_ask *)(void *)asks->data;
    for (size_t i = asks->size / sizeof *all; i-- > 0;)
        if (all[i].peer == peer && all[i].step == s->hub.steps)
            ask_over(s, &all[i]);
}

static void answer_part(struct sim *s, struct watch_ask *ask, uint64_t first, uint64_t last,
                        bool lost)
{
    const struct topic_seen *t = ask->topic;
    if (!ask->goes_on || first != ask->next || last < first)
        sim_fail(s, "S13", "%.*s: %s %" PRIu64 "..%" PRIu64 ", asked from %" PRIu64 " on",
                 BYTES_ARG(t->name), lost ? "lost" : "repeated", first, last, ask->next);
    ask->next = last + 1;
    uint64_t ring_from = t->ring_from;
    if (t->last >= RING && t->last - RING + 1 > ring_from)
        ring_from = t->last - RING + 1;
    if (lost && t->ring_from && !t->gap && last >= ring_from)
        sim_fail(s, "S13", "%.*s: %" PRIu64 " is told lost and was watched", BYTES_ARG(t->name),
                 last);
}

void updates_told(struct sim *s, uint64_t peer, const struct record *r)
{
    if (r->type != REC_update && r->type != REC_lost && r->type != REC_snapshot &&
        (r->type != REC_error || r->error.number < WATCH_NUMBERS_SIM))
        return;
    struct watch_ask *ask = ask_find(s, peer, r);
    if (!ask)
        sim_fail(s, "S2", "an answer to watch %" PRIu64 ", which was not asked", r->done.number);
    ask->begun = true;
    struct update_seen u;
    switch (r->type) {
    case REC_lost: answer_part(s, ask, r->lost.first, r->lost.last, true); break;
    case REC_update:
        u = update_read(r->update.body);
        answer_part(s, ask, u.seq, u.seq, false);
        break;
    case REC_snapshot:
        if (ask->goes_on && r->snapshot.seq >= ask->next)
            sim_fail(s, "S13",
                     "%.*s: a snapshot at %" PRIu64 ", and nothing of %" PRIu64 " and what follows",
                     BYTES_ARG(ask->topic->name), r->snapshot.seq, ask->next);
        u = update_read(r->snapshot.body);
        told_progress(s, work_named(s, ask->topic->name), u.state, u.progress);
        if (bytes_equal(ask->topic->name, bytes_text("todo")))
            tasks_shown(s, r->snapshot.seq, r->snapshot.body);
        ask_over(s, ask);
        break;
    default: ask_over(s, ask); break;
    }
}
