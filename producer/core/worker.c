/* SPDX-License-Identifier: Apache-2.0
 *
 * worker: who runs jobs. A worker outlives its connection: it may come back under the same peer id
 * within a second and keeps its leases. Lost means: not back in time, or silent for too long, or
 * it said goodbye; then its leases end.
 */
#include <stdio.h>

#include "producer/core/progress.h"

/* A worker that went: when one of its name comes, its topic's numbers go on. */
struct past_worker {
    struct bytes name; /* owned */
    struct link link;  /* broker::past_list, longest gone first */
    uint32_t updates;
};

struct worker *worker_find(const struct broker *b, struct bytes name)
{
    return namemap_find(&b->workers_by_name, name);
}

void worker_fetch(const struct worker *w)
{
    fetch(&w->heard_ms, sizeof *w - offsetof(struct worker, heard_ms));
}

int worker_offer(const struct worker *w, const struct queue *q)
{
    return q->index < w->offer_of_count ? (int)w->offer_of[q->index] - 1 : -1;
}

static void past_drop(struct broker *b, struct past_worker *past)
{
    link_take(&past->link);
    namemap_take(&b->past_workers, past->name);
    bytes_drop(&past->name);
    free(past);
}

/* The number from which the topic of a worker of this name goes on. */
static uint32_t past_take(struct broker *b, struct bytes name)
{
    struct past_worker *past = namemap_find(&b->past_workers, name);
    uint32_t updates = past ? past->updates : b->past_updates_max;
    if (past)
        past_drop(b, past);
    return updates;
}

static void past_keep(struct broker *b, const struct worker *w)
{
    if (b->past_workers.count >= b->limits.workers_max) {
        struct past_worker *oldest = list_first(&b->past_list, struct past_worker, link);
        if (oldest->updates > b->past_updates_max)
            b->past_updates_max = oldest->updates;
        past_drop(b, oldest);
    }
    struct past_worker *past = must_alloc(sizeof *past);
    *past = (struct past_worker){.name = bytes_keep(w->name), .updates = w->updates};
    list_append(&b->past_list, &past->link);
    namemap_put(&b->past_workers, past->name, past);
}

void past_workers_fini(struct broker *b)
{
    while (!list_empty(&b->past_list))
        past_drop(b, list_first(&b->past_list, struct past_worker, link));
    namemap_fini(&b->past_workers);
}

/* As many whole lines of the processor's cache. */
static size_t worker_bytes(struct bytes name)
{
    return (sizeof(struct worker) + name.size + 63) / 64 * 64;
}

static struct worker *worker_make(struct broker *b, const struct peer *peer,
                                  const struct msg_hello *hello)
{
    if (b->workers_by_id.count >= b->limits.workers_max)
        return NULL;
    struct worker *w = pool_take(&b->pool, worker_bytes(hello->name));
    memset(w, 0, sizeof *w);
    memcpy(w->peer_id, hello->peer_id.data, PEER_ID_BYTES);
    bytes_copy(w->text, hello->name);
    w->name = bytes_of(w->text, hello->name.size);
    w->updates = past_take(b, w->name);
    w->host = bytes_keep(hello->host);
    w->owner = owner_of_peer(b, peer);
    w->pid = hello->pid;
    w->since_ms = (uint64_t)b->wall_ms;
    w->slots = (uint32_t)hello->slots;
    w->ahead_us = (double)b->limits.ahead_us_max;
    w->slot_views = must_alloc(w->slots * sizeof *w->slot_views);
    w->state = WORKER_UP;
    link_init(&w->groups);
    link_init(&w->due);
    list_append(&b->workers, &w->link);
    namemap_put(&b->workers_by_id, bytes_of(w->peer_id, PEER_ID_BYTES), w);
    namemap_put(&b->workers_by_name, w->name, w);
    bool awaited = recovery_awaits(b, hello->peer_id);
    w->restored = awaited || recovery_late(b, hello->peer_id);
    if (!awaited) /* else its row is there */
        keep_worker(b, w);
    return w;
}

static void offers_clear(struct broker *b, struct worker *w)
{
    for (uint32_t i = 0; i < w->served_count; i++) {
        struct queue *q = w->served[i];
        if (--q->workers == 0 && q->plain == q)
            queue_event(b, q, "orphaned");
    }
    group_leave(b, w);
    w->offers_count = w->served_count = 0;
    if (w->offer_of_count)
        memset(w->offer_of, 0, w->offer_of_count * sizeof *w->offer_of);
    w->ready = false;
}

/* Frees what is no longer in any index. */
void worker_free(struct broker *b, struct worker *w)
{
    group_leave(b, w);
    holdings_fini(&w->holdings, &b->pool);
    bytes_drop(&w->host);
    bytes_drop(&w->tags);
    free(w->offers);
    if (w->offer_of)
        pool_give(&b->pool, w->offer_of, w->offer_of_count * sizeof *w->offer_of);
    free(w->served);
    free(w->slot_views);
    pool_give(&b->pool, w, worker_bytes(w->name));
}

/* Begun: its worker said so, or it may have. */
static void lease_lost(struct broker *b, struct job *job, bool begun)
{
    if (begun || job->started) {
        struct outcome lost = {.reason = REASON_WORKER_LOST};
        job_over(b, job, &lost);
    } else {
        job_unstarted(b, job);
    }
}

/* May it have begun at a worker that says nothing any more? It is among the first that the worker's
 * slots would take, and may have been what killed it; or it may run at most once, and its worker
 * was told. */
static bool may_have_begun(const struct broker *b, const struct worker *w, const struct job *job)
{
    if (job_once(job))
        return !job->leased || job->more->kept_seq <= b->stored_seq;
    return w->leased <= w->slots;
}

/* Newest first, each to the head of its queue: so they stand in their old order again. */
static void leases_end(struct broker *b, struct worker *w, bool silent)
{
    uint32_t left = w->holdings.count;
    struct job **all = holdings_sorted(&w->holdings);
    while (left--) {
        struct job *job = all[left];
        bool begun = job->started || (silent && may_have_begun(b, w, job));
        b->totals.lease_losses += silent && !begun; /* cut off, it may run all it has */
        lease_lost(b, job, begun);
    }
    free(all);
}

/* silent: it did not say itself that it goes. */
static void worker_end(struct broker *b, struct worker *w, const char *event, bool silent)
{
    offers_clear(b, w);
    if (w->peer)
        w->peer->worker = NULL;
    w->peer = NULL;
    leases_end(b, w, silent);
    worker_event(b, w, event);
    past_keep(b, w);
    forget(b, (struct row_key){.kind = ROW_WORKER, .name = bytes_of(w->peer_id, PEER_ID_BYTES)});
    link_take(&w->link);
    link_take(&w->due);
    namemap_take(&b->workers_by_id, bytes_of(w->peer_id, PEER_ID_BYTES));
    namemap_take(&b->workers_by_name, w->name);
    worker_free(b, w);
}

void worker_dismiss(struct broker *b, struct worker *w)
{
    worker_end(b, w, "lost", true);
}

/* The connection is gone; the worker may not be. */
void worker_gone(struct broker *b, struct worker *w)
{
    w->peer = NULL;
    w->gone_ms = b->now_ms;
    if (w->state == WORKER_UP)
        w->state = WORKER_SILENT;
    worker_place(b, w);
    worker_event(b, w, "silent");
}

void worker_hello(struct broker *b, struct peer *peer, const struct msg_hello *hello)
{
    struct worker *w = namemap_find(&b->workers_by_id, hello->peer_id);
    bool back = w;
    if (!hello->slots || hello->slots > SLOTS_MAX || !hello->name.size ||
        hello->name.size > NAME_BYTES_MAX || hello->host.size > NAME_BYTES_MAX) {
        send_error(b, peer, 0, ERR_INVALID, "hello: a worker has a name and 1..1024 slots");
        return;
    }
    const struct owner *owner = owner_of_peer(b, peer);
    if (w ? w->owner != owner : recovery_foreign(b, hello->peer_id, owner)) {
        permit_deny(b, peer, &(struct record){.type = REC_hello});
        return;
    }
    if (!tagset_valid(hello->tags)) {
        send_error(b, peer, 0, ERR_INVALID,
                   "hello: tags are at most 8, like gpu=1,zone=eu, by name");
        return;
    }
    if (w && w->slots != hello->slots) {
        send_error(b, peer, 0, ERR_INVALID, "hello: slots changed under the same peer id");
        return;
    }
    if (!w && worker_find(b, hello->name)) {
        send_error(b, peer, 0, ERR_BUSY, "hello: another worker has this name");
        return;
    }
    if (!w && !(w = worker_make(b, peer, hello))) {
        send_error(b, peer, 0, ERR_BUSY, "too many workers");
        return;
    }
    if (peer->worker && peer->worker != w)
        worker_gone(b, peer->worker); /* the same connection under another name */
    offers_clear(b, w);
    bytes_drop(&w->tags);
    w->tags = bytes_keep(hello->tags);
    uint32_t at = 0;
    for (struct job *job; (job = holdings_next(&w->holdings, &at));)
        job->announced = false;
    if (w->peer && w->peer != peer)
        w->peer->worker = NULL;
    w->peer = peer;
    peer->worker = w;
    w->heard_ms = b->now_ms;
    if (w->state == WORKER_SILENT)
        w->state = WORKER_UP;
    struct record welcome = {.type = REC_welcome,
                             .welcome = {.version = PROTOCOL_VERSION,
                                         .incarnation = b->options.incarnation,
                                         .value_bytes_max = VALUE_BYTES_MAX,
                                         .frame_bytes_max = FRAME_BYTES_MAX,
                                         .workers_port = b->options.workers_port,
                                         .updates_port = b->options.updates_port,
                                         .name = w->name,
                                         .pid = b->options.pid,
                                         .release = bytes_text(REEVE_RELEASE),
                                         .knows = KNOWS_ALL}};
    send_record(b, peer, &welcome);
    worker_event(b, w, back ? "back" : "joined");
}

static void offers_grow(struct broker *b, struct worker *w, uint32_t count)
{
    size_t was = w->offer_of_count * sizeof *w->offer_of, bytes = count * sizeof *w->offer_of;
    uint16_t *grown = pool_take(&b->pool, bytes);
    memset(grown, 0, bytes);
    if (was) {
        memcpy(grown, w->offer_of, was);
        pool_give(&b->pool, w->offer_of, was);
    }
    w->offer_of = grown;
    w->offer_of_count = count;
}

static void offer_put(struct broker *b, struct worker *w, const struct queue *q, uint16_t number)
{
    if (q->index >= w->offer_of_count)
        offers_grow(b, w, (q->index + 16) & ~15u);
    w->offer_of[q->index] = number;
}

static void offer(struct broker *b, struct worker *w, const struct msg_offer *offer, bool permitted)
{
    if (w->offers_count >= OFFERS_MAX || w->ready) {
        send_error(b, w->peer, 0, ERR_INVALID, "offer: too many, or after ready");
        return;
    }
    if (!w->offers)
        w->offers = must_alloc(OFFERS_MAX * sizeof(struct queue *));
    bool valid = queue_name_valid(offer->queue);
    struct queue *q = valid && permitted ? queue_make(b, offer->queue) : NULL;
    w->offers[w->offers_count++] = q; /* a refused one keeps its number: the worker counts it too */
    if (!permitted) {
        permit_deny(b, w->peer, &(struct record){.type = REC_offer});
        return;
    }
    if (!q) {
        send_error(b, w->peer, 0, valid ? ERR_BUSY : ERR_INVALID,
                   valid ? "too many queues" : "offer: not a name like handler.method");
        return;
    }
    offer_put(b, w, q, (uint16_t)w->offers_count);
    if (offer->feed.size && !feed_offer(b, q, offer->feed))
        send_error(b, w->peer, 0, ERR_INVALID, "offer: another feed has this head, or it is none");
}

static void holding(struct broker *b, struct worker *w, uint64_t id, uint64_t token, bool permitted)
{
    struct job *job = job_find(b, id);
    if (permitted && job && recovery_adopt(b, w, job, token))
        return;
    if (permitted && (job = lease_find(b, w, id, token))) {
        job->announced = true;
        if (job->more && job->more->stop_reason) /* the first word may have been lost on its way */
            job_stop(b, job, (enum reason)job->more->stop_reason);
        return;
    }
    struct record stop = {.type = REC_stop,
                          .stop = {.id = id, .token = token, .reason = REASON_SUPERSEDED}};
    send_record(b, w->peer, &stop);
}

static void serve(struct broker *b, struct worker *w, struct queue *q)
{
    if (w->served_count == w->served_capacity) {
        w->served_capacity = w->served_capacity ? w->served_capacity * 2 : 16;
        w->served = must_realloc(w->served, w->served_capacity * sizeof(struct queue *));
    }
    w->served[w->served_count++] = q;
    if (q->workers++ == 0 && q->plain == q)
        queue_event(b, q, "offered");
}

/* All that it offers is known: it serves those, and those of their names whose tags it has. */
static void serve_all(struct broker *b, struct worker *w)
{
    for (uint32_t i = 0; i < w->offers_count; i++) {
        struct queue *q = w->offers[i];
        if (!q || worker_offer(w, q) != (int)i)
            continue; /* refused, or offered under a later number too */
        q->offered = true;
        serve(b, w, q);
        list_each(l, &q->kin)
        {
            struct queue *tagged = container_of(l, struct queue, kin);
            if (!tagset_covers(w->tags, tagged->tags))
                continue;
            offer_put(b, w, tagged, (uint16_t)(i + 1));
            serve(b, w, tagged);
        }
    }
}

void workers_serve(struct broker *b, struct queue *q)
{
    list_each(l, &b->workers)
    {
        struct worker *w = container_of(l, struct worker, link);
        int offer = worker_offer(w, q->plain);
        if (!w->ready || offer < 0 || !tagset_covers(w->tags, q->tags))
            continue;
        offer_put(b, w, q, (uint16_t)(offer + 1));
        serve(b, w, q);
    }
    group_admit(b, q);
}

/* What it did not name got lost on the way to it: never started, goes back at once. */
static void ready(struct broker *b, struct worker *w)
{
    if (w->ready)
        return;
    uint32_t left = w->holdings.count;
    struct job **all = holdings_sorted(&w->holdings);
    while (left--)
        if (!all[left]->announced)
            lease_lost(b, all[left], false);
    free(all);
    serve_all(b, w);
    group_join(b, w);
    w->ready = true;
    recovery_heard(b, w);
    if (w->state == WORKER_DRAINING) /* it may not have heard */
        send_record(b, w->peer, &(struct record){.type = REC_draining});
    fill_later(b, w);
}

static void started(struct broker *b, struct worker *w, const struct msg_started *m)
{
    struct job *job = lease_find(b, w, m->id, m->token);
    if (job)
        lease_begun(b, job);
}

/* It may be told before the start is. */
static void progress(struct broker *b, struct worker *w, const struct msg_progress *m)
{
    struct job *job = lease_find(b, w, m->id, m->token);
    if (!job)
        return;
    lease_begun(b, job);
    progress_tell(b, job, m->value);
}

static void returned(struct broker *b, struct worker *w, const struct msg_returned *m)
{
    struct job *job = lease_find(b, w, m->id, m->token);
    if (job && !job->started)
        lease_lost(b, job, false);
}

static void slot_state(struct worker *w, const struct msg_slot_state *m)
{
    if (m->index < w->slots)
        w->slot_views[m->index] =
            (struct slot_view){.pid = m->pid, .job = m->job, .state = (uint8_t)m->state};
}

void worker_drain(struct broker *b, struct worker *w)
{
    if (w->state == WORKER_DRAINING)
        return;
    w->state = WORKER_DRAINING;
    worker_place(b, w);
    worker_event(b, w, "draining");
}

void worker_record(struct broker *b, struct peer *peer, const struct record *r)
{
    struct worker *w = peer->worker;
    bool permitted = !b->permits.on || permit_record(b, peer, r);
    if (!permitted && r->type != REC_offer && r->type != REC_holding) {
        permit_deny(b, peer, r);
        return;
    }
    switch (r->type) {
    case REC_offer: offer(b, w, &r->offer, permitted); break;
    case REC_holding: holding(b, w, r->holding.id, r->holding.token, permitted); break;
    case REC_ready: ready(b, w); break;
    case REC_started: started(b, w, &r->started); break;
    case REC_progress: progress(b, w, &r->progress); break;
    case REC_result: lease_result(b, w, &r->result); break;
    case REC_returned: returned(b, w, &r->returned); break;
    case REC_draining: worker_drain(b, w); break;
    case REC_beat: break; /* hearing it is what counts */
    case REC_slot_state: slot_state(w, &r->slot_state); break;
    case REC_ping: send_record(b, peer, &(struct record){.type = REC_pong}); break;
    case REC_pong: break;
    case REC_goodbye: worker_end(b, w, "left", false); break;
    default: send_error(b, peer, 0, ERR_UNEXPECTED, NULL); break;
    }
}

void workers_tick(struct broker *b)
{
    list_each_safe(l, &b->workers)
    {
        struct worker *w = container_of(l, struct worker, link);
        bool away = !w->peer && b->now_ms - w->gone_ms >= b->limits.worker_return_ms;
        bool silent = b->now_ms - w->heard_ms >= b->limits.worker_silent_ms;
        if (away || silent)
            worker_end(b, w, "lost", true);
    }
}
