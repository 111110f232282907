/* SPDX-License-Identifier: Apache-2.0
 *
 * broker: the front of the core. Takes events apart, knows peers, wakes what is due.
 */
#include "producer/core/broker.h"

#include "producer/core/core.h"

enum {
    PING_MS = 500,
    TICK_MS = 100,        /* workers and watched counts are looked at so often */
    PAUSE_MS = 1000,      /* a longer gap between two events was our own pause, nobody's fault */
    TIMERS_A_STEP = 1000, /* the rest waits for the next step */
};

static uint64_t limit_or(uint64_t given, uint64_t otherwise)
{
    return given ? given : otherwise;
}

static struct broker_limits limits_of(const struct broker_limits *given)
{
    struct broker_limits l = *given;
    l.jobs_max = limit_or(l.jobs_max, 20000000);
    l.args_bytes_max = limit_or(l.args_bytes_max, 4ull << 30);
    l.queues_max = limit_or(l.queues_max, 100000);
    l.keys_max = limit_or(l.keys_max, 1000000);
    l.clients_max = limit_or(l.clients_max, 100000);
    l.workers_max = limit_or(l.workers_max, 10000);
    l.topics_max = limit_or(l.topics_max, 100000);
    l.follows_max = limit_or(l.follows_max, 10000);
    l.peers_max = limit_or(l.peers_max, 60000);
    l.waits_max = limit_or(l.waits_max, 1000000);
    l.attempts_max = (uint32_t)limit_or(l.attempts_max, 5);
    l.ahead_jobs_max = (uint32_t)limit_or(l.ahead_jobs_max, 8000);
    l.ahead_us_max = (uint32_t)limit_or(l.ahead_us_max, 8000);
    l.worker_silent_ms = (int64_t)limit_or((uint64_t)l.worker_silent_ms, 5000);
    l.worker_return_ms = (int64_t)limit_or((uint64_t)l.worker_return_ms, 1000);
    l.key_ms = (int64_t)limit_or((uint64_t)l.key_ms, 24ull * 3600 * 1000);
    l.recovery_ms = (int64_t)limit_or((uint64_t)l.recovery_ms, 3000);
    l.mark_jobs = limit_or(l.mark_jobs, 65536);
    l.held_bytes_max = limit_or(l.held_bytes_max, 256ull << 20);
    l.history_max = limit_or(l.history_max, 100000);
    l.history_bytes_max = limit_or(l.history_bytes_max, 256ull << 20);
    l.history_ms = (int64_t)limit_or((uint64_t)l.history_ms, 7ull * 24 * 3600 * 1000);
    l.results_max = limit_or(l.results_max, 1000000);
    l.results_bytes_max = limit_or(l.results_bytes_max, 1ull << 30);
    l.results_ms = (int64_t)limit_or((uint64_t)l.results_ms, 24ull * 3600 * 1000);
    return l;
}

struct broker *broker_new(const struct broker_options *options)
{
    struct broker *b = must_alloc(sizeof *b);
    must(options->broker_id < 2048); /* the highest bit of an id is kept free, see ask.c */
    b->options = *options;
    b->limits = limits_of(&options->limits);
    b->now_ms = b->start_ms = b->tick_ms = options->now_ms;
    b->wall_ms = options->wall_ms;
    b->recall_ms = INT64_MAX;
    b->random.state = options->seed;
    /* Ids grow with time, also over restarts of a broker that remembers nothing. */
    uint64_t last = options->last_id & JOB_SEQUENCE_MASK;
    b->job_sequence = (uint64_t)options->incarnation << 20;
    if (b->job_sequence < last)
        b->job_sequence = last;
    struct namemap *maps[] = {&b->clients,      &b->workers_by_id, &b->workers_by_name,
                              &b->past_workers, &b->queues,        &b->keys,
                              &b->topics,       &b->awaited,       &b->late,
                              &b->feeds,        &b->feed_heads,    &b->permits.owners};
    for (size_t i = 0; i < LENGTH(maps); i++)
        maps[i]->seed = random_next(&b->random);
    struct link *heads[] = {&b->peers_list, &b->clients_idle, &b->workers,    &b->past_list,
                            &b->active,     &b->prefixes,     &b->storing,    &b->recovering,
                            &b->lends,      &b->fills,        &b->feeds_idle, &b->topics_left,
                            &b->eased,      &b->clients_late};
    for (size_t i = 0; i < LENGTH(heads); i++)
        link_init(heads[i]);
    pool_init(&b->pool);
    bygones_init(&b->bygones);
    return b;
}

static void peer_free(struct broker *b, struct peer *peer)
{
    waiters_of_peer_free(peer);
    follows_fini(peer);
    link_take(&peer->link);
    idmap_take(&b->peers, peer->id);
    free(peer->again);
    pool_give(&b->pool, peer, sizeof *peer);
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    size_t at = 0;
    for (struct job *job; (job = job_next(b, &at));)
        job_free(b, job);
    bygones_fini(b);
    list_each_safe(w, &b->workers) worker_free(b, container_of(w, struct worker, link));
    list_each_safe(p, &b->peers_list) peer_free(b, container_of(p, struct peer, link));
    at = 0;
    for (struct client *client; (client = namemap_next(&b->clients, &at));) {
        free(client->runs);
        free(client);
    }
    for (uint32_t i = 0; i < b->queues_count; i++)
        queue_fini(b->queues_list[i]);
    free(b->queues_list);
    at = 0;
    for (struct find *find; (find = idmap_next(&b->finds, &at));) {
        find_free(find);
    }
    keys_fini(b);
    feeds_fini(b);
    todo_fini(b);
    topics_fini(b);
    idmap_fini(&b->peers);
    idmap_fini(&b->jobs);
    pool_fini(&b->pool);
    idmap_fini(&b->finds);
    namemap_fini(&b->clients);
    namemap_fini(&b->workers_by_id);
    namemap_fini(&b->workers_by_name);
    past_workers_fini(b);
    namemap_fini(&b->queues);
    recovery_fini(b);
    permits_fini(b);
    heap_fini(&b->timers);
    effects_fini(&b->held);
    buf_fini(&b->scratch);
    free(b);
}

/* --- peers ------------------------------------------------------------------------------------ */

static struct peer *peer_of(struct broker *b, uint64_t id, enum port port, struct bytes key)
{
    struct peer *peer = idmap_find(&b->peers, id);
    if (peer || b->peers.count >= b->limits.peers_max)
        return peer;
    peer = pool_take(&b->pool, sizeof *peer);
    *peer = (struct peer){.id = id, .port = port, .ping_ms = b->now_ms + PING_MS};
    link_init(&peer->waiters);
    list_append(&b->peers_list, &peer->link);
    idmap_put(&b->peers, id, peer);
    permit_know(b, peer, key);
    return peer;
}

static void peer_gone(struct broker *b, uint64_t id)
{
    struct peer *peer = idmap_find(&b->peers, id);
    if (!peer)
        return;
    if (peer->worker)
        worker_gone(b, peer->worker);
    if (peer->client)
        client_left(b, peer->client, false);
    follows_end(b, peer);
    peer_free(b, peer);
}

static void hello(struct broker *b, struct peer *peer, const struct msg_hello *m)
{
    enum role role = peer->port == PORT_CLIENTS ? ROLE_CLIENT : ROLE_WORKER;
    if (!(m->knows & KNOWS_AGAIN)) {
        free(peer->again);
        peer->again = NULL;
    } else if (!peer->again) {
        peer->again = must_alloc(sizeof *peer->again);
    }
    if (m->version_min > PROTOCOL_VERSION || m->version_max < PROTOCOL_VERSION)
        send_error(b, peer, 0, ERR_VERSION, "this broker speaks versions 1..1");
    else if (m->role != role)
        send_error(b, peer, 0, ERR_UNEXPECTED,
                   role == ROLE_CLIENT ? "this is the clients' port" : "this is the workers' port");
    else if (m->peer_id.size != PEER_ID_BYTES)
        send_error(b, peer, 0, ERR_INVALID, "hello: a peer id has 16 bytes");
    else if (role == ROLE_CLIENT)
        client_hello(b, peer, m);
    else
        worker_hello(b, peer, m);
}

/* It was let go, and its connection stands: nobody can cut it but itself, as it is asked to. */
static void turn_away(struct broker *b, struct peer *peer)
{
    b->permits.denied++;
    send_error(b, peer, 0, ERR_DENIED, "this key is not on the list");
    send_record(b, peer, &(struct record){.type = REC_goodbye});
}

static bool row_goes_on(struct broker *b, const struct record *r)
{
    if (r->type == REC_submit)
        return intake_next(b, &r->submit);
    return r->type == REC_result && harvest_next(b, &r->result);
}

static void rows_close(struct broker *b)
{
    if (b->intake.last)
        intake_close(b);
    if (b->harvest.worker)
        harvest_close(b);
}

static void body(struct broker *b, uint64_t id, enum port port, struct bytes bytes,
                 struct bytes key)
{
    struct peer *peer = peer_of(b, id, port, key);
    if (!peer)
        return; /* at the limit of connections; it will say hello again */
    if (b->permits.on && !peer->principal) {
        turn_away(b, peer);
        return;
    }
    if (peer->worker)
        worker_fetch(peer->worker);
    struct cursor c = cursor_of(bytes);
    bool wanted = false;
    struct record r;
    r.type = REC_NONE;
    enum err err = OK;
    while (!cursor_done(&c) && !(err = record_next(&c, &r))) {
        if (r.in_row && row_goes_on(b, &r))
            continue;
        rows_close(b);
        if (peer->worker)
            peer->worker->heard_ms = b->now_ms;
        if (r.type == REC_NONE)
            continue;
        if (r.type == REC_enrol)
            enrol(b, peer, &r.enrol);
        else if (b->permits.on && peer->principal->until_s)
            permit_deny(b, peer, &r); /* it is invited, and that is all */
        else if (r.type == REC_hello)
            hello(b, peer, &r.hello);
        else if (peer->client)
            client_record(b, peer, &r);
        else if (peer->worker)
            worker_record(b, peer, &r);
        else if (r.type != REC_goodbye && r.type != REC_pong)
            wanted = true;
    }
    rows_close(b);
    if (err) {
        b->totals.malformed++;
        accepted_flush(b);
        send_error(b, peer, 0, ERR_MALFORMED, NULL);
    }
    if (wanted)
        send_record(b, peer, &(struct record){.type = REC_hello_wanted});
    lend_due(b);
    accepted_flush(b);
    struct worker *w = peer->worker;
    if (w && w->result_number) {
        struct record ack = {.type = REC_result_ack, .result_ack = {.number = w->result_number}};
        gate_open(b);
        if (w->state == WORKER_DRAINING) /* leaves when all it has is acknowledged */
            send_record(b, peer, &ack);
        else
            send_lazily(b, peer, &ack);
        gate_close(b);
        w->result_number = 0;
    }
    if (peer->client)
        client_heard(b, peer->client);
}

/* --- time ------------------------------------------------------------------------------------- */

/* If we slept (stopped, swapped, suspended), nobody was silent: we did not listen. */
static void excuse_pause(struct broker *b, int64_t gap_ms)
{
    list_each(l, &b->workers)
    {
        struct worker *w = container_of(l, struct worker, link);
        w->heard_ms += gap_ms;
        if (!w->peer)
            w->gone_ms += gap_ms;
    }
}

static void timers_tick(struct broker *b)
{
    for (int i = 0; i < TIMERS_A_STEP; i++) {
        struct heap_node *first = heap_first(&b->timers);
        if (!first || first->key > b->now_ms)
            return;
        struct job *job = job_find(b, first->order);
        must(job && &job->more->timer == first);
        if (job->more->deadline_ms && job->more->deadline_ms <= b->now_ms)
            job_stop(b, job, REASON_DEADLINE);
        else if (job->more->kept_seq > b->stored_seq) /* its last attempt is not kept yet */
            heap_put(&b->timers, &job->more->timer, b->now_ms + TICK_MS, job->id);
        else
            job_ready(b, job, false);
    }
}

static void pings_tick(struct broker *b)
{
    list_each(l, &b->peers_list)
    {
        struct peer *peer = container_of(l, struct peer, link);
        if (peer->ping_ms > b->now_ms)
            continue;
        peer->ping_ms = b->now_ms + PING_MS;
        send_record(b, peer, &(struct record){.type = REC_ping});
    }
}

static void tick(struct broker *b)
{
    timers_tick(b);
    recall_tick(b);
    if (b->now_ms < b->tick_ms)
        return;
    b->tick_ms = b->now_ms + TICK_MS;
    pings_tick(b);
    workers_tick(b);
    queue_counts_tick(b);
    keys_purge(b);
    feeds_tick(b);
    topics_tick(b);
    bygones_tick(b);
    recovery_tick(b);
    keep_late(b);
}

/* Some that were watched will be again, in a moment: their rings are still there. */
static void unwatched(struct broker *b)
{
    struct buf wire = {0};
    size_t at = 0;
    for (const struct topic *t; (t = namemap_next(&b->topics, &at));) {
        if (!t->subscribed)
            continue;
        buf_clear(&wire);
        buf_put(&wire, t->name.data, t->name.size);
        buf_put(&wire, "", 1);
        topic_watch(b, buf_bytes(&wire), false);
    }
    buf_fini(&wire);
    list_each_safe(l, &b->prefixes)
        topic_watch(b, container_of(l, struct prefix, link)->name, false);
}

static void load(struct broker *b, const struct row_key *key, struct bytes row)
{
    b->loading = true;
    if (!load_row(b, key, row))
        b->totals.malformed++;
}

static void serve(struct broker *b)
{
    b->loading = false;
    load_end(b);
}

int64_t broker_deadline(const struct broker *b)
{
    const struct heap_node *first = heap_first(&b->timers);
    int64_t at_ms = b->recall_ms < b->tick_ms ? b->recall_ms : b->tick_ms;
    return first && first->key < at_ms ? first->key : at_ms;
}

void broker_step(struct broker *b, const struct event *ev, struct effects *out)
{
    out->count = 0;
    out->row = NULL;
    buf_clear(&out->bytes);
    b->out = out;
    if (ev->now_ms - b->now_ms > PAUSE_MS)
        excuse_pause(b, ev->now_ms - b->now_ms);
    if (ev->now_ms > b->now_ms)
        b->now_ms = ev->now_ms;
    b->wall_ms = ev->wall_ms;
    switch (ev->type) {
    case EV_BODY: body(b, ev->body.peer, ev->body.port, ev->body.bytes, ev->body.key); break;
    case EV_PEER_GONE: peer_gone(b, ev->gone.peer); break;
    case EV_WATCH: topic_watch(b, ev->watch.topic, ev->watch.on); break;
    case EV_FOUND: find_found(b, ev); break;
    case EV_STORED: kept_up_to(b, ev->stored.seq, ev->stored.outcome); break;
    case EV_STORE:
        b->kept = ev->store.kept;
        b->store_refuses = ev->store.refuses;
        b->store_bytes = ev->store.bytes;
        b->commit_us = ev->store.commit_us;
        b->memory_bytes = ev->store.memory_bytes;
        break;
    case EV_LOADED: load(b, &ev->loaded.key, ev->loaded.row); break;
    case EV_SERVE: serve(b); break;
    case EV_ACL: permit_list(b, ev->acl.text); break;
    case EV_UNWATCHED: unwatched(b); break;
    case EV_ENROLLED:
        enrol_done(b, ev->enrolled.peer, ev->enrolled.name, ev->enrolled.failure);
        break;
    case EV_TICK: tick(b); break;
    case EV_END: keep_late(b); break;
    }
    lend_due(b);
    b->out = NULL;
}

bool broker_fenced(const struct broker *b)
{
    return b->fenced;
}

void broker_totals(const struct broker *b, struct broker_totals *out)
{
    *out = b->totals;
}
