/* SPDX-License-Identifier: Apache-2.0
 *
 * store: the broker's disk in the sim, on tests/model/disk. Works as the real one: one commit is
 * under way, and what comes meanwhile gathers for the next; questions are answered when the orders
 * before them are kept. A commit takes its time, sometimes a hundred times as long; the disk can be
 * full for a while, and can fail for good, which ends the broker. A crash loses what was not
 * committed; the commit under way is kept as a whole or not at all.
 */
#include "tests/sim/sim.h"

static const double STALLS = 0.005; /* share of commits that take 100 times as long */

struct asked_row { /* a question on its way */
    struct link link;
    uint64_t seq;     /* answered when all up to here is kept; 0: its turn is not over */
    bool list, going; /* going: its answer is on its way */
    uint8_t state;
    uint64_t ticket, id, count;
    struct buf queue;
};

static void commit_begin(struct sim *s);

void store_start(struct sim *s)
{
    disk_init(&s->store.disk);
    link_init(&s->store.asks);
}

static void ask_free(struct asked_row *ask)
{
    link_take(&ask->link);
    buf_fini(&ask->queue);
    free(ask);
}

void store_fini(struct sim *s)
{
    list_each_safe(l, &s->store.asks) ask_free(container_of(l, struct asked_row, link));
    disk_fini(&s->store.disk);
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool of_queue(const struct disk_row *row, const struct asked_row *ask)
{
    struct cursor c = cursor_of(buf_bytes(&row->bytes));
    struct record r;
    return !ask->queue.size ||
           (record_get(&c, &r) == OK && bytes_equal(r.submit.queue, buf_bytes(&ask->queue)));
}

static struct disk_row *newest_below(const struct sim *s, const struct asked_row *ask, uint64_t id)
{
    struct disk_row *newest = NULL;
    list_each(l, &s->store.disk.rows[ROW_ENDED])
    {
        struct disk_row *row = container_of(l, struct disk_row, link);
        if ((!ask->state || row->state == ask->state) && (!id || row->key.id < id) &&
            (!newest || row->key.id > newest->key.id) && of_queue(row, ask) && disk_row_good(row))
            newest = row;
    }
    return newest;
}

/* Newest first; the id after which there is more, or 0. */
static uint64_t list_rows(struct sim *s, const struct asked_row *ask, struct buf *out)
{
    const struct disk_row *row = newest_below(s, ask, ask->id);
    uint64_t last = 0;
    for (uint64_t left = ask->count; row && left; left--) {
        last = row->key.id;
        buf_put(out, row->bytes.data, row->bytes.size);
        row = newest_below(s, ask, last);
    }
    return row ? last : 0;
}

static void answer(struct sim *s, struct happening *h)
{
    struct asked_row *ask = h->who;
    if (h->a != s->hub.life)
        return; /* freed by the crash */
    struct buf rows = {0};
    struct event ev = {.type = EV_FOUND, .found = {.ticket = ask->ticket}};
    const struct disk_row *row = ask->list ? NULL : disk_ended(&s->store.disk, ask->id);
    if (ask->list)
        ev.found.next = list_rows(s, ask, &rows);
    else if (row && disk_row_good(row))
        buf_put(&rows, row->bytes.data, row->bytes.size);
    ask_free(ask);
    ev.found.rows = buf_bytes(&rows);
    hub_step(s, &ev);
    buf_fini(&rows);
}

static void answer_soon(struct sim *s, struct asked_row *ask)
{
    int64_t after_us = 10 + sim_spread(s, s->knobs.find_us);
    ask->going = true;
    sim_at(s, s->now_us + after_us, answer, ask)->a = s->hub.life;
}

void store_ask(struct sim *s, const struct effect *e, struct bytes queue)
{
    struct store_sim *st = &s->store;
    struct asked_row *ask = must_alloc(sizeof *ask);
    *ask = (struct asked_row){.list = e->type == FX_LIST,
                              .state = e->state,
                              .ticket = e->ticket,
                              .id = e->id,
                              .count = e->count};
    if (ask->list)
        buf_put(&ask->queue, queue.data, queue.size);
    list_append(&st->asks, &ask->link);
}

/* They go with the lot of their turn, and are answered when that is kept. */
static void asks_flush(struct sim *s)
{
    const struct disk *d = &s->store.disk;
    list_each(l, &s->store.asks)
    {
        struct asked_row *ask = container_of(l, struct asked_row, link);
        if (!ask->seq)
            ask->seq = d->put_seq ? d->put_seq : 1;
        if (!ask->going && (ask->seq <= d->kept_seq || !d->put_seq))
            answer_soon(s, ask);
    }
}

/* --- commits ---------------------------------------------------------------------------------- */

/* The oldest that were fetched go when there are too many. */
static void trim(struct sim *s)
{
    struct disk *d = &s->store.disk;
    list_each_safe(l, &d->rows[ROW_ENDED])
    {
        struct disk_row *row = container_of(l, struct disk_row, link);
        if (!s->knobs.store_rows || d->by_id[ROW_ENDED].count <= s->knobs.store_rows)
            return;
        if (!row->settled)
            continue;
        ledger_forgets(s, row->key.id);
        disk_forget(d, row);
    }
}

static void keep(struct sim *s, uint64_t seq)
{
    disk_commit(&s->store.disk, seq);
    ledger_committed(s, seq);
    trim(s);
}

static void commit_ends(struct sim *s, struct happening *h)
{
    struct store_sim *st = &s->store;
    if (h->a != s->hub.life || st->broken)
        return;
    if (st->full) { /* tried again later */
        sim_at(s, s->now_us + 100 * MS_US, commit_ends, NULL)->a = h->a;
        return;
    }
    uint64_t seq = st->lot_seq;
    st->committing = false;
    keep(s, seq);
    trace(s, "store", "keeps up to %llu", (unsigned long long)seq);
    list_each(l, &st->asks)
    {
        struct asked_row *ask = container_of(l, struct asked_row, link);
        if (!ask->going && ask->seq && ask->seq <= seq)
            answer_soon(s, ask);
    }
    commit_begin(s);
    struct event ev = {.type = EV_STORED, .stored = {.seq = seq}};
    hub_step(s, &ev);
}

static void told_early(struct sim *s, struct happening *h)
{
    struct event ev = {.type = EV_STORED, .stored = {.seq = h->b}};
    if (h->a == s->hub.life)
        hub_step(s, &ev);
}

static void commit_begin(struct sim *s)
{
    struct store_sim *st = &s->store;
    bool waits = st->disk.put_seq > st->disk.kept_seq;
    if (st->committing || st->broken || !waits)
        return;
    st->committing = true;
    st->lot_seq = st->disk.put_seq;
    int64_t us = 20 + sim_spread(s, s->knobs.commit_us);
    if (s->knobs.faults && sim_chance(s, STALLS))
        us *= 100;
    if (s->now_us + us < st->stalled_us)
        us = st->stalled_us - s->now_us;
    sim_at(s, s->now_us + us, commit_ends, NULL)->a = s->hub.life;
    if (s->plant != PLANT_STORED_EARLY)
        return;
    struct happening *h = sim_at(s, s->now_us + 1, told_early, NULL);
    h->a = s->hub.life;
    h->b = st->lot_seq;
}

static void trace_order(struct sim *s, const struct effects *fx, const struct effect *e)
{
    static const char *const kinds[] = {"job",  "end",   "client", "key",  "worker",
                                        "mark", "queue", "lines",  "task", "joined"};
    static const char *const types[] = {
        [FX_PUT] = "put", [FX_DROP] = "drop", [FX_SETTLE] = "settle"};
    bool named = e->kind == ROW_KEY || e->kind == ROW_QUEUE || e->kind == ROW_TASK;
    trace(s, "broker", "%llu: %s %s %llx %.*s", (unsigned long long)e->seq, types[e->type],
          kinds[e->kind], (unsigned long long)e->id & 0xfffffffffffff,
          named ? (int)e->name_size : 0, (const char *)effect_name(fx, e).data);
}

void store_order(struct sim *s, const struct effects *fx, const struct effect *e)
{
    trace_order(s, fx, e);
    disk_order(&s->store.disk, fx, e);
}

/* In memory nothing is waited for; nobody else would see the difference. */
void store_flush(struct sim *s)
{
    struct store_sim *st = &s->store;
    if (s->knobs.durable)
        commit_begin(s);
    else if (st->disk.put_seq > st->disk.kept_seq)
        keep(s, st->disk.put_seq);
    asks_flush(s);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

void store_crash(struct sim *s)
{
    struct store_sim *st = &s->store;
    if (st->committing && sim_chance(s, 0.5)) {
        trace(s, "store", "had just kept up to %llu", (unsigned long long)st->lot_seq);
        keep(s, st->lot_seq);
    }
    list_each_safe(l, &st->asks) ask_free(container_of(l, struct asked_row, link));
    disk_crash(&st->disk);
    if (!s->knobs.durable) {
        disk_fini(&st->disk);
        disk_init(&st->disk);
    }
    st->committing = st->broken = st->full = false;
    st->refuses = OK;
    st->stalled_us = 0;
}

static void tell(struct sim *s)
{
    struct event ev = {
        .type = EV_STORE,
        .store = {.kept = s->store.disk.by_id[ROW_ENDED].count, .refuses = s->store.refuses}};
    hub_step(s, &ev);
}

static void has_room(struct sim *s, struct happening *h)
{
    struct store_sim *st = &s->store;
    if (h->a != s->hub.life || s->now_us < st->refused_us)
        return;
    trace(s, "store", "has room");
    st->refuses = OK;
    st->full = false;
    tell(s);
}

void store_condition(struct sim *s, enum err refuses, bool full, int64_t for_us)
{
    struct store_sim *st = &s->store;
    if (!s->hub.up)
        return;
    trace(s, "store", "%s", full ? "full" : err_name(refuses));
    st->refuses = refuses;
    st->full = full && s->knobs.durable;
    st->refused_us = s->now_us + for_us;
    sim_at(s, st->refused_us, has_room, NULL)->a = s->hub.life;
    tell(s);
}

/* The bytes of one row change, whichever it is: the store finds that, or the core finds that they
 * do not decode. (The plant: neither does, and it is served.) */
void store_damage(struct sim *s)
{
    struct disk *d = &s->store.disk;
    unsigned kind = (unsigned)sim_below(s, ROW_KINDS), at = 0, count = 0;
    for (int tries = 0; tries < 5 && list_empty(&d->rows[kind]); tries++)
        kind = (unsigned)sim_below(s, ROW_KINDS);
    if (list_empty(&d->rows[kind]))
        return;
    list_each(l, &d->rows[kind]) count++;
    uint64_t which = sim_below(s, count);
    list_each(l, &d->rows[kind])
    {
        struct disk_row *row = container_of(l, struct disk_row, link);
        if (at++ != which)
            continue;
        trace(s, "store", "row of kind %u, id %llx is damaged", kind,
              (unsigned long long)row->key.id & 0xfffffffffffff);
        if (s->plant != PLANT_UNDAMAGED)
            disk_damage(row, sim_chance(s, 0.5));
        ledger_damaged(s, &row->key);
        return;
    }
}
