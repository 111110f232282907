/* SPDX-License-Identifier: Apache-2.0
 *
 * kept: the ledger's books of the disk. What the core puts is written down beside what the disk has
 * kept of it; a commit moves it over, a crash takes what was not moved. After each restart, and in
 * the shadow (shadow.c), the core must know exactly what was kept.
 */
#include <inttypes.h>

#include "tests/sim/books.h"

struct order_book {
    uint64_t seq, id;
    enum effect_type type;
    enum row_kind kind;
    struct facts facts; /* of a job */
    uint64_t number;    /* mark; life of a worker; of a task */
    struct host_book *host;
};

void kept_fini(struct ledger *l)
{
    buf_fini(&l->orders);
}

/* --- orders ----------------------------------------------------------------------------------- */

static void facts_check(struct sim *s, const struct work *work, const struct facts *facts)
{
    /* At most once: the lease may be kept, and nobody told of it. */
    size_t leases = work->lents.size / sizeof(struct lent) + (facts->leased && !work->token);
    if (facts->attempts > leases || facts->attempts > attempts_max(s, work))
        sim_fail(s, "S6",
                 "job %" PRIx64 " has made %" PRIu64 " attempts of %" PRIu64
                 " and was lent %zu times",
                 work->id, facts->attempts, attempts_max(s, work), leases);
}

/* A child of a session: the same one is not made twice. (A retry of the session has its own.) */
static void child_born(struct sim *s, struct work *work, uint64_t parent)
{
    struct intent *intent = intent_of(s, work->spec.serial);
    const struct work *twin = work_of(s, intent->id);
    work->parent = parent;
    if (twin && twin->parent == parent && !twin->gone)
        sim_fail(s, "S14", "job %" PRIx64 " is the same child as job %" PRIx64, work->id,
                 intent->id);
    intent->id = work->id;
}

/* The first row of a job. */
static struct work *born(struct sim *s, const struct spec *row_spec, const struct record *submit,
                         const struct record *origin)
{
    struct spec spec = *row_spec;
    struct work *work = work_new(s, origin->origin.id, &spec, true);
    const struct work *old = work_of(s, origin->origin.retry_of);
    if (spec.parent && !origin->origin.parent && !origin->origin.retry_of)
        sim_fail(s, "S2", "job %" PRIx64 " has lost its session", work->id);
    if (origin->origin.parent) {
        child_born(s, work, origin->origin.parent);
    } else if (!origin->origin.retry_of) {
        work_bind(s, work, client_by_id(s, origin->origin.client), submit->submit.number);
    } else {
        if (!old || !old->now.state || old->spec.serial != spec.serial || !s->ledger->retried)
            sim_fail(s, "S2", "job %" PRIx64 " is a retry of none", work->id);
        work->retries = old->retries;
        work->priority = old->priority;
    }
    return work;
}

static struct facts facts_of(const struct record *origin, const struct record *ended)
{
    struct facts facts = {.open = !ended,
                          .ended = ended,
                          .leased = origin->origin.leased,
                          .token = origin->origin.token,
                          .attempts = origin->origin.attempts,
                          .stop = origin->origin.stop};
    if (ended) {
        facts.state = (uint8_t)ended->ended.state;
        facts.end_hash = end_hash(&ended->ended);
    }
    return facts;
}

/* A result in this step's body made this row: it is acknowledged when the row is kept. */
static void result_waits(struct sim *s, const struct work *work, uint64_t seq)
{
    for (unsigned i = 0; i < s->knobs.hosts; i++) {
        struct buf *results = &s->ledger->hosts[i].results;
        struct result_book *all = (struct result_book *)(void *)results->data;
        for (size_t k = 0; k < results->size / sizeof *all; k++)
            if (all[k].id == work->id && all[k].step == s->hub.steps && all[k].first)
                all[k].seq = seq;
    }
}

static void takes_job(struct sim *s, const struct effect *e, struct bytes bytes,
                      struct facts *facts)
{
    struct cursor c = cursor_of(bytes);
    struct record submit, origin, r, ended = {.type = REC_NONE}, chain = {.type = REC_NONE};
    if (record_get(&c, &submit) || submit.type != REC_submit || record_get(&c, &origin) ||
        origin.type != REC_origin)
        sim_fail(s, "S19", "a row does not decode");
    while (!cursor_done(&c)) {
        if (record_get(&c, &r) != OK)
            sim_fail(s, "S19", "a row does not decode");
        if (r.type == REC_ended)
            ended = r;
        else if (r.type == REC_chain_row)
            chain = r;
    }
    bool end = e->kind == ROW_ENDED;
    struct spec spec = chain.type ? story_spec(chain.chain_row.state, chain.chain_row.input)
                                  : spec_get(submit.submit.args);
    struct work *work = work_of(s, e->id);
    if (!work && !end)
        work = born(s, &spec, &submit, &origin);
    /* A child of class received, or a feed, that was never lent. */
    if (!work && (origin.origin.parent || spec_feed(&spec)))
        work = work_new(s, e->id, &spec, false);
    if (!work || work->gone || (end && ended.type != REC_ended) || origin.origin.id != e->id ||
        spec.serial != work->spec.serial)
        sim_fail(s, "S2", "the row of job %" PRIx64 " is not of one job", e->id);
    if (work->now.state)
        sim_fail(s, "S4", "job %" PRIx64 " ends twice", e->id);
    *facts = facts_of(&origin, end ? &ended : NULL);
    facts->iteration = chain.type ? chain.chain_row.iteration : 0;
    if (facts->iteration != work->now.iteration && work->row_seq + work->kept.open) {
        if (facts->iteration != work->now.iteration + 1)
            sim_fail(s, "S14", "job %" PRIx64 " is at iteration %" PRIu64 " after %" PRIu64,
                     work->id, facts->iteration, work->now.iteration);
        work->turn_seq = e->seq;
    }
    facts_check(s, work, facts);
    if (spec_task(&spec))
        tasks_job_row(s, work, chain.chain_row.view, end && ended.ended.state == JOB_OK);
    if (end) {
        if (ended.ended.state != e->state)
            sim_fail(s, "S2", "the row of job %" PRIx64 " is not of one end", e->id);
        end_allowed(s, work, &ended.ended);
        work->end_seq = e->seq;
    }
    if (!work->row_seq && !work->kept.open && !end)
        work->born_seq = e->seq;
    if (facts->stop && !work->now.stop)
        work->stop_seq = e->seq;
    if (facts->leased && !work->now.leased)
        work->leased_seq = e->seq;
    work->row_seq = e->seq;
    work->now = *facts;
    result_waits(s, work, e->seq);
    if (end)
        work_ended(s, work);
}

static struct host_book *book_by_id(struct sim *s, struct bytes peer_id)
{
    for (unsigned i = 0; i < s->knobs.hosts; i++) {
        const struct host *h = &s->hosts[i];
        struct host_book *book = &s->ledger->hosts[i];
        if (bytes_equal(peer_id, bytes_of(h->peer_id, PEER_ID_BYTES))) {
            if (book->life != h->life) {
                buf_fini(&book->results);
                *book = (struct host_book){.life = h->life};
            }
            return book;
        }
    }
    return NULL;
}

static void takes_worker(struct sim *s, const struct effect *e, struct bytes peer_id,
                         struct order_book *order)
{
    struct host_book *book = book_by_id(s, peer_id);
    if (!book)
        return; /* the rogue, or one that has died meanwhile */
    book->listed = e->type == FX_PUT;
    book->row_seq = e->seq;
    order->host = book;
    order->number = book->life;
}

void kept_order(struct sim *s, const struct effect *e, struct row_key key, struct bytes bytes)
{
    struct order_book order = {.seq = e->seq, .id = e->id, .type = e->type, .kind = key.kind};
    struct cursor c = cursor_of(bytes);
    struct record r;
    if (e->type == FX_PUT && key.kind != ROW_JOB && key.kind != ROW_ENDED &&
        record_get(&c, &r) != OK)
        sim_fail(s, "S19", "a row does not decode");
    switch (key.kind) {
    case ROW_JOB:
    case ROW_ENDED:
        if (e->type == FX_PUT)
            takes_job(s, e, bytes, &order.facts);
        break;
    case ROW_WORKER: takes_worker(s, e, key.name, &order); break;
    case ROW_QUEUE:
        if (s->ledger->hold)
            s->ledger->hold->seq = e->seq;
        break;
    case ROW_TASK: order.number = tasks_row(s, key.name, e->seq, &r.task_row); break;
    case ROW_MARK:
        order.number = r.mark_row.id;
        s->ledger->mark = r.mark_row.id;
        break;
    default: break;
    }
    buf_put(&s->ledger->orders, &order, sizeof order);
}

/* --- bygones ---------------------------------------------------------------------------------- */

/* The end of a job that has no row: all that a row of it would have to be. */
void kept_bygone(struct sim *s, const struct effect *e, struct bytes bytes)
{
    struct effect end = *e;
    struct facts facts;
    end.kind = ROW_ENDED;
    takes_job(s, &end, bytes, &facts);
    struct work *work = work_of(s, e->id);
    if (work->durable)
        sim_fail(s, "S1", "job %" PRIx64 " is durable, and its end is not kept", work->id);
    if (e->settled && work->client >= 0 && !s->ledger->clients[work->client].left)
        sim_fail(s, "S26", "job %" PRIx64 " ends as if nobody waited for it", work->id);
    work->bygone = true;
    work->fetched = work->heard = e->settled;
}

/* Results of a client have arrived. What it says on a new connection before it is welcomed there is
 * lost; it says it again then. */
void kept_fetched(struct sim *s, const struct wire *w, const struct msg_ack *m)
{
    const struct client_book *book = &s->ledger->clients[client_of(s, w)];
    bool known = book->credit_peer == w->peer && !book->left;
    size_t at = 0;
    for (const struct taken *taken; (taken = idmap_next(&book->numbers, &at));) {
        struct work *work = work_of(s, taken->id);
        if (!work || work->number != taken->number || taken->number < m->number ||
            taken->number - m->number >= (m->count ? m->count : 1))
            continue;
        work->fetched = true;
        work->heard = work->heard || known;
    }
}

static uint64_t bygones_fetched(const struct sim *s)
{
    uint64_t count = 0;
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        count += work->bygone && work->fetched && !work->forgotten && !work->gone;
    return count;
}

/* An end is forgotten when somebody wants that, when it is old, or when it was fetched and others
 * that were need the room. */
void kept_gone(struct sim *s, uint64_t id)
{
    const struct broker_limits *limits = &s->knobs.limits;
    struct work *work = work_of(s, id);
    if (!work || !work->bygone || work->forgotten || work->gone)
        sim_fail(s, "S26", "job %" PRIx64 " is forgotten, and was no bygone", id);
    int64_t age_ms = hub_ms(s) - work->ended_ms;
    bool old = (work->fetched && limits->history_ms && age_ms >= limits->history_ms) ||
               (!work->heard && limits->results_ms && age_ms >= limits->results_ms);
    bool room = work->fetched && limits->history_max && bygones_fetched(s) > limits->history_max;
    if (!work->drop_asked && !old && !room)
        sim_fail(s, "S26", "the end of job %" PRIx64 " is forgotten too early", id);
    work->forgotten = true;
}

/* --- kept, and not ---------------------------------------------------------------------------- */

void ledger_committed(struct sim *s, uint64_t seq)
{
    struct ledger *l = s->ledger;
    const struct order_book *all = (const struct order_book *)(const void *)l->orders.data;
    size_t count = l->orders.size / sizeof *all, done = 0;
    for (; done < count && all[done].seq <= seq; done++) {
        const struct order_book *order = &all[done];
        struct work *work = work_of(s, order->id);
        bool job = order->kind == ROW_JOB || order->kind == ROW_ENDED;
        if (job && order->type == FX_PUT)
            work->kept = order->facts;
        else if (order->kind == ROW_ENDED && order->type == FX_DROP && work)
            work->forgotten = true;
        else if (order->kind == ROW_MARK && order->number > l->mark_kept)
            l->mark_kept = order->number;
        else if (order->kind == ROW_TASK)
            tasks_kept(s, order->number);
        else if (order->host && order->host->life == order->number)
            order->host->kept = order->type == FX_PUT;
    }
    if (done)
        memmove(l->orders.data, l->orders.data + done * sizeof *all, (count - done) * sizeof *all);
    l->orders.size -= done * sizeof *all;
}

static void work_crashed(struct sim *s, struct work *work)
{
    struct ledger *l = s->ledger;
    bool kept = s->knobs.durable && (work->kept.open || work->kept.ended);
    if (work->gone)
        return;
    if (!kept) {
        if (work->durable && work->told && s->knobs.durable)
            sim_fail(s, "S1", "job %" PRIx64 " was accepted as durable and is lost", work->id);
        work_gone(s, work);
        return;
    }
    if (work->now.state && !work->kept.state) {
        l->open++;
        l->counts.ended--;
    }
    work->now = work->kept;
    work->born_seq = work->row_seq = work->end_seq = work->stop_seq = work->leased_seq = 0;
    work->turn_seq = 0;
    lease_crashed(s, work);
}

void ledger_crashed(struct sim *s)
{
    struct ledger *l = s->ledger;
    l->counts.crashes++;
    buf_clear(&l->orders);
    buf_clear(&l->claims);
    buf_clear(&l->young);
    l->told_stored = 0;
    l->retried = false;
    l->mark = l->mark_kept;
    size_t at = 0;
    for (struct work *work; (work = idmap_next(&l->works, &at));)
        work_crashed(s, work);
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        l->clients[i].renumbers = true;
        l->clients[i].credit_peer = 0;
        if (!s->knobs.durable)
            l->clients[i].told_number = 0;
    }
    for (unsigned i = 0; i < HOSTS_MAX; i++) {
        buf_clear(&l->hosts[i].results);
        l->hosts[i].row_seq = 0;
        l->hosts[i].listed = l->hosts[i].restored = l->hosts[i].kept;
    }
    l->hold = NULL;
    updates_crashed(s);
    buf_clear(&l->follows);
    tasks_crashed(l);
    feeds_crashed(l);
}

/* Whatever it was, it is reported and no longer there. */
void ledger_damaged(struct sim *s, const struct row_key *key)
{
    struct ledger *l = s->ledger;
    struct work *work = key->id ? work_of(s, key->id) : NULL;
    l->damaged = true;
    bool of_client = key->kind == ROW_CLIENT || key->kind == ROW_JOINED;
    int client = of_client ? client_by_id(s, bytes_of(key->name.data, PEER_ID_BYTES)) : -1;
    struct host_book *book = key->kind == ROW_WORKER ? book_by_id(s, key->name) : NULL;
    switch (key->kind) {
    case ROW_JOB: work_gone(s, work); break;
    case ROW_ENDED: work->forgotten = true; break;
    case ROW_CLIENT:
    case ROW_JOINED:
        if (client >= 0)
            l->clients[client].damaged = true;
        break;
    case ROW_KEY: l->key_damaged = true; break;
    case ROW_WORKER:
        l->worker_damaged = true;
        if (book)
            book->listed = book->restored = book->kept = false;
        break;
    case ROW_MARK: l->mark_kept = 0; break;
    case ROW_TASK: tasks_damaged(s, key->name); break;
    default: break;
    }
    if (work && work->client >= 0)
        l->clients[work->client].damaged =
            true; /* its number may have been known by this row only */
}

/* --- what a start finds ----------------------------------------------------------------------- */

uint64_t kept_open(const struct sim *s, bool kept)
{
    uint64_t count = 0;
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        count += !work->gone && (kept ? work->kept.open : !work->now.state);
    return count;
}

void kept_served(struct sim *s)
{
    struct broker_totals totals;
    broker_totals(s->hub.broker, &totals);
    s->ledger->loaded = totals.submitted;
    /* Some end at once: stopped, or leased at most once and held by nobody. */
    if (totals.live != kept_open(s, false))
        sim_fail(s, "S8", "%" PRIu64 " open jobs were kept, the new broker has %" PRIu64,
                 kept_open(s, false), totals.live);
}
