/* SPDX-License-Identifier: Apache-2.0
 *
 * hub: the broker's shell in the sim. Bodies go into the real core, its effects to the modelled
 * connections, subscriptions and store. It decides nothing, as the real one.
 */
#include "tests/sim/sim.h"

struct sub_topic {
    struct bytes name; /* owned */
    uint64_t count;
};

void hub_start(struct sim *s)
{
    struct hub *hub = &s->hub;
    struct broker_options options = {.seed = random_next(&s->random),
                                     .incarnation = 7,
                                     .broker_id = 1,
                                     .pid = 1,
                                     .now_ms = sim_ms(s),
                                     .wall_ms = sim_wall_ms(s),
                                     .limits = s->knobs.limits};
    link_init(&hub->dirty);
    link_init(&hub->rows_list);
    hub->broker = broker_new(&options);
}

static void row_free(struct hub *hub, struct row *row)
{
    idmap_take(&hub->rows, row->id);
    link_take(&row->link);
    buf_fini(&row->bytes);
    free(row);
}

void hub_fini(struct sim *s)
{
    struct hub *hub = &s->hub;
    list_each_safe(l, &s->wires) wire_free(s, container_of(l, struct wire, link));
    list_each_safe(l, &hub->rows_list) row_free(hub, container_of(l, struct row, link));
    size_t at = 0;
    for (struct sub_topic *t; (t = namemap_next(&hub->topics, &at));) {
        free((void *)(uintptr_t)t->name.data);
        free(t);
    }
    namemap_fini(&hub->topics);
    idmap_fini(&hub->wires);
    idmap_fini(&hub->rows);
    effects_fini(&hub->effects);
    broker_free(hub->broker);
}

/* --- the store -------------------------------------------------------------------------------- */

static void rows_trim(struct sim *s)
{
    struct hub *hub = &s->hub;
    if (!s->knobs.store_rows)
        return;
    list_each_safe(l, &hub->rows_list)
    {
        struct row *row = container_of(l, struct row, link);
        if (hub->rows.count <= s->knobs.store_rows)
            return;
        if (!row->settled)
            continue;
        ledger_forgets(s, row->id);
        row_free(hub, row);
    }
}

static void append(struct sim *s, const struct effect *e, struct bytes bytes)
{
    struct hub *hub = &s->hub;
    if (idmap_find(&hub->rows, e->id))
        sim_fail(s, "S4", "job %llx is stored twice", (unsigned long long)e->id);
    struct row *row = must_alloc(sizeof *row);
    row->id = e->id;
    row->settled = e->settled;
    row->state = e->state;
    buf_put(&row->bytes, bytes.data, bytes.size);
    list_append(&hub->rows_list, &row->link);
    idmap_put(&hub->rows, row->id, row);
    rows_trim(s);
}

static void settle(struct sim *s, uint64_t id, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct row *row = idmap_find(&s->hub.rows, id + i);
        if (row)
            row->settled = true;
    }
    rows_trim(s);
}

static void answers(struct sim *s, struct happening *h)
{
    struct event ev = {.type = EV_FOUND,
                       .found = {.ticket = h->a, .rows = buf_bytes(&h->bytes), .next = h->b}};
    hub_step(s, &ev);
}

static void find(struct sim *s, const struct effect *e)
{
    const struct row *row = idmap_find(&s->hub.rows, e->id);
    struct happening *h =
        sim_at(s, s->now_us + 10 + sim_spread(s, s->knobs.find_us), answers, NULL);
    h->a = e->ticket;
    if (row)
        buf_put(&h->bytes, row->bytes.data, row->bytes.size);
}

static void list(struct sim *s, const struct effect *e)
{
    struct happening *h =
        sim_at(s, s->now_us + 10 + sim_spread(s, s->knobs.find_us), answers, NULL);
    h->a = e->ticket;
    uint64_t left = e->count;
    for (struct link *l = s->hub.rows_list.prev; l != &s->hub.rows_list; l = l->prev) {
        const struct row *row = container_of(l, struct row, link);
        if ((e->state && row->state != e->state) || (e->id && row->id >= e->id))
            continue;
        if (left-- == 0) {
            h->b = row->id + 1;
            return;
        }
        buf_put(&h->bytes, row->bytes.data, row->bytes.size);
    }
}

/* --- the sockets ------------------------------------------------------------------------------ */

static void send_out(struct sim *s, struct wire *w)
{
    if (!w->out.size)
        return;
    if (!w->closed && !wire_send(s, w, buf_bytes(&w->out)))
        w->closed = true;
    buf_clear(&w->out);
}

/* A send that found no way is told to the core, which may make new effects. */
static void flush(struct sim *s)
{
    struct hub *hub = &s->hub;
    while (!list_empty(&hub->dirty)) {
        struct wire *w = list_first(&hub->dirty, struct wire, dirty);
        link_take(&w->dirty);
        send_out(s, w);
        if (!w->closed || w->told)
            continue;
        w->told = true;
        uint64_t peer = w->peer;
        trace(s, "broker", "peer %llu is gone", (unsigned long long)peer);
        idmap_take(&hub->wires, peer);
        struct event ev = {.type = EV_PEER_GONE, .gone = {.peer = peer}};
        hub_step(s, &ev);
    }
}

static void apply(struct sim *s)
{
    struct hub *hub = &s->hub;
    const struct effects *fx = &hub->effects;
    for (size_t i = 0; i < fx->count; i++) {
        const struct effect *e = &fx->list[i];
        struct bytes bytes = effect_bytes(fx, e);
        struct wire *w;
        switch (e->type) {
        case FX_SEND:
            w = idmap_find(&hub->wires, e->peer);
            if (!w || w->closed)
                break; /* the core is told of it next */
            if (w->out.size + bytes.size > FRAME_BYTES)
                send_out(s, w);
            buf_put(&w->out, bytes.data, bytes.size);
            if (!link_listed(&w->dirty))
                list_append(&hub->dirty, &w->dirty);
            break;
        case FX_PUBLISH: watcher_publish(s, effect_topic(fx, e), bytes); break;
        case FX_APPEND: append(s, e, bytes); break;
        case FX_SETTLE: settle(s, e->id, e->count); break;
        case FX_FIND: find(s, e); break;
        case FX_LIST: list(s, e); break;
        }
    }
}

static uint64_t hash_more(uint64_t hash, const void *data, size_t size)
{
    return bytes_hash(bytes_of(data, size), hash);
}

static void hash_effects(struct sim *s)
{
    const struct effects *fx = &s->hub.effects;
    for (size_t i = 0; i < fx->count; i++) {
        const struct effect *e = &fx->list[i];
        uint64_t fields[] = {e->type, e->settled, e->state, e->peer, e->ticket, e->id, e->count};
        s->hash = hash_more(s->hash, fields, sizeof fields);
        s->hash = hash_more(s->hash, fx->bytes.data + e->at, e->size);
        if (e->type == FX_PUBLISH)
            s->hash = hash_more(s->hash, fx->bytes.data + e->topic, e->topic_size);
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

static void ticks(struct sim *s, struct happening *h)
{
    struct event ev = {.type = EV_TICK};
    if (!s->hub.tick_planned || s->hub.tick_us != (int64_t)h->a)
        return; /* another is planned before this one */
    hub_step(s, &ev);
}

static void plan_tick(struct sim *s)
{
    struct hub *hub = &s->hub;
    int64_t at = s->now_us + (broker_deadline(hub->broker) - sim_ms(s)) * 1000;
    if (at < s->now_us + 1000)
        at = s->now_us + 1000; /* the shell's loop takes its time too */
    if (hub->tick_planned && hub->tick_us <= at)
        return;
    hub->tick_planned = true;
    hub->tick_us = at;
    sim_at(s, at, ticks, NULL)->a = (uint64_t)at;
}

static void step_now(struct sim *s, struct event *ev)
{
    struct hub *hub = &s->hub;
    ev->now_ms = sim_ms(s);
    ev->wall_ms = sim_wall_ms(s);
    if (ev->type == EV_TICK)
        hub->tick_planned = false;
    else if (ev->type == EV_WATCH && ev->watch.on)
        ledger_watched(s, ev->watch.topic);
    broker_step(hub->broker, ev, &hub->effects);
    hub->steps++;
    if (s->plant)
        plant_effects(s, &hub->effects);
    hash_effects(s);
    broker_audit(hub->broker);
    ledger_effects(s, &hub->effects);
    apply(s);
    plan_tick(s);
    flush(s);
}

static void stepped_later(struct sim *s, struct happening *h)
{
    struct event ev;
    memcpy(&ev, h->bytes.data, sizeof ev);
    struct bytes rest = bytes_of(h->bytes.data + sizeof ev, h->bytes.size - sizeof ev);
    if (ev.type == EV_FOUND)
        ev.found.rows = rest;
    else if (ev.type == EV_WATCH)
        ev.watch.topic = rest;
    hub_step(s, &ev);
}

void hub_step(struct sim *s, struct event *ev)
{
    struct hub *hub = &s->hub;
    if (s->now_us >= hub->paused_us) {
        step_now(s, ev);
        return;
    }
    struct bytes rest = {0};
    if (ev->type == EV_FOUND)
        rest = ev->found.rows;
    else if (ev->type == EV_WATCH)
        rest = ev->watch.topic;
    struct happening *h = sim_at(s, hub->paused_us, stepped_later, NULL);
    buf_put(&h->bytes, ev, sizeof *ev);
    buf_put(&h->bytes, rest.data, rest.size);
    if (ev->type == EV_TICK) {
        hub->tick_planned = true;
        hub->tick_us = hub->paused_us;
    }
}

static void body_later(struct sim *s, struct happening *h)
{
    hub_body(s, h->who, buf_bytes(&h->bytes));
}

void hub_body(struct sim *s, struct wire *w, struct bytes body)
{
    struct hub *hub = &s->hub;
    if (s->now_us < hub->paused_us) {
        struct happening *h = sim_at(s, hub->paused_us, body_later, w);
        buf_put(&h->bytes, body.data, body.size);
        return;
    }
    if (w->closed) { /* what still lay in the socket comes under a new name */
        w->closed = w->told = false;
        w->peer = ++s->peers;
        idmap_put(&hub->wires, w->peer, w);
    }
    trace_body(s, w->owner->name, "broker", body);
    ledger_body(s, w, body);
    struct buf changed = {0};
    struct event ev = {.type = EV_BODY, .body = {.peer = w->peer, .port = w->port, .bytes = body}};
    if (s->plant && plant_body(s, w, body, &changed))
        ev.body.bytes = buf_bytes(&changed);
    hub_step(s, &ev);
    buf_fini(&changed);
}

void hub_watch(struct sim *s, struct bytes topic, bool on)
{
    struct hub *hub = &s->hub;
    struct sub_topic *t = namemap_find(&hub->topics, topic);
    if (!t && on) {
        t = must_alloc(sizeof *t);
        void *copy = must_alloc(topic.size);
        memcpy(copy, topic.data, topic.size);
        t->name = bytes_of(copy, topic.size);
        namemap_put(&hub->topics, t->name, t);
    }
    if (!t || (!on && !t->count))
        return;
    t->count += on ? 1 : (uint64_t)-1;
    if (t->count != on)
        return; /* neither the first nor the last one */
    struct event ev = {.type = EV_WATCH, .watch = {.topic = topic, .on = on}};
    hub_step(s, &ev);
}
