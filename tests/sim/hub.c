/* SPDX-License-Identifier: Apache-2.0
 *
 * hub: the broker's shell in the sim, and its lives. Bodies go into the real core, its effects to
 * the modelled connections, subscriptions and disk. It decides nothing, as the real one. It can die
 * between any two effects, before the first and behind the last, while it loads as well; then
 * another one takes over from what the disk has kept.
 */
#include "tests/sim/sim.h"

struct sub_topic {
    struct bytes name; /* owned */
    uint64_t count;
};

static void step_now(struct sim *s, struct event *ev);

/* Its clock is wrong by drift_ppm and begins anew with each life. */
int64_t hub_ms(const struct sim *s)
{
    const struct hub *hub = &s->hub;
    int64_t us = s->now_us - hub->clock_us;
    return hub->clock_ms + (us + us * hub->drift_ppm / 1000000) / 1000;
}

static int64_t sim_us_of(const struct sim *s, int64_t hub_at_ms)
{
    const struct hub *hub = &s->hub;
    int64_t us = (hub_at_ms - hub->clock_ms) * 1000;
    return hub->clock_us + us * 1000000 / (1000000 + hub->drift_ppm);
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

/* Some of what was about to be sent still leaves. */
static void flush_dying(struct sim *s)
{
    list_each_safe(l, &s->hub.dirty)
    {
        struct wire *w = container_of(l, struct wire, dirty);
        if (sim_chance(s, 0.5))
            send_out(s, w);
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
        case FX_PUBLISH: watcher_publish(s, effect_name(fx, e), bytes); break;
        case FX_PUT:
        case FX_DROP:
        case FX_SETTLE: store_order(s, fx, e); break;
        case FX_FIND:
        case FX_LIST: store_ask(s, e, bytes); break;
        case FX_BYGONE:
        case FX_GONE: break; /* the ledger's */
        case FX_ENROL:
        case FX_AUDIT: must(false && "no list is in force"); break;
        }
    }
}

/* Puts the records of a row, each whole, into effects of their own behind `out`. */
static void part_row(struct sim *s, const struct effects *fx, const struct effect *e,
                     struct effects *out)
{
    struct cursor c = cursor_of(effect_bytes(fx, e));
    uint32_t count = 0;
    struct record r = {.type = REC_NONE};
    for (; !cursor_done(&c); count++) {
        if (record_next(&c, &r) != OK)
            sim_fail(s, "S19", "a row does not decode");
        struct effect *one = effects_append(out);
        *one = (struct effect){.type = FX_SEND, .peer = e->peer, .at = out->bytes.size};
        record_put(&out->bytes, &r);
        one->size = (uint32_t)(out->bytes.size - one->at);
    }
    if (count != e->more + 1)
        sim_fail(s, "S19", "a row of %u has %u records", e->more + 1, count);
}

/* All else here looks at one record an effect, and may take them apart. */
static void part_rows(struct sim *s, struct effects *fx)
{
    struct effects out = {0};
    for (size_t i = 0; i < fx->count; i++) {
        struct effect *e = &fx->list[i];
        if (e->type == FX_SEND) {
            part_row(s, fx, e, &out);
            continue;
        }
        struct bytes whole =
            bytes_of(fx->bytes.data + e->at - e->name_size, e->name_size + e->size);
        e->at = out.bytes.size + e->name_size;
        buf_put(&out.bytes, whole.data, whole.size);
        *effects_append(&out) = *e;
    }
    effects_fini(fx);
    *fx = out;
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
        uint64_t fields[] = {e->type, e->settled, e->state, e->kind,
                             e->seq,  e->peer,    e->id,    e->count};
        s->hash = hash_more(s->hash, fields, sizeof fields);
        s->hash = hash_more(s->hash, fx->bytes.data + e->at, e->size);
        struct bytes name = effect_name(fx, e);
        s->hash = hash_more(s->hash, name.data, name.size);
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

static void ticks(struct sim *s, struct happening *h)
{
    struct event ev = {.type = EV_TICK};
    if (!s->hub.up || h->b != s->hub.life || !s->hub.tick_planned ||
        s->hub.tick_us != (int64_t)h->a)
        return; /* another is planned before this one */
    hub_step(s, &ev);
}

static void plan_tick(struct sim *s)
{
    struct hub *hub = &s->hub;
    int64_t at = sim_us_of(s, broker_deadline(hub->broker));
    if (at < s->now_us + 1000)
        at = s->now_us + 1000; /* the shell's loop takes its time too */
    if (hub->tick_planned && hub->tick_us <= at)
        return;
    hub->tick_planned = true;
    hub->tick_us = at;
    struct happening *h = sim_at(s, at, ticks, NULL);
    h->a = (uint64_t)at;
    h->b = hub->life;
}

/* Is a death planned before the end of this step? Then only the effects before it happen. */
static bool dies_here(struct sim *s)
{
    struct hub *hub = &s->hub;
    struct effects *fx = &hub->effects;
    if (!hub->crash_in)
        return false;
    if (hub->crash_in > fx->count + 1) {
        hub->crash_in -= fx->count + 1;
        return false;
    }
    fx->count = (size_t)hub->crash_in - 1;
    return true;
}

static void step_now(struct sim *s, struct event *ev)
{
    struct hub *hub = &s->hub;
    ev->now_ms = hub_ms(s);
    ev->wall_ms = sim_wall_ms(s);
    if (ev->type == EV_TICK)
        hub->tick_planned = false;
    if (ev->type == EV_WATCH)
        trace(s, "broker", "%s %.*s", ev->watch.on ? "is subscribed to" : "has nobody for",
              BYTES_ARG(ev->watch.topic));
    struct event given = *ev;
    if (s->plant)
        plant_event(s, &given);
    broker_expect(hub->broker, &given, 1);
    broker_step(hub->broker, &given, &hub->effects);
    part_rows(s, &hub->effects);
    hub->steps++;
    if (s->plant)
        plant_effects(s, ev, &hub->effects);
    hash_effects(s);
    broker_audit(hub->broker);
    bool dies = dies_here(s);
    ledger_step(s, ev, &hub->effects, dies);
    apply(s);
    if (dies) {
        flush_dying(s);
        hub_crash(s, "between two effects");
        return;
    }
    hub->depth++;
    if (hub->up) {
        plan_tick(s);
        flush(s);
    }
    hub->depth--;
    if (hub->broker && !hub->depth)
        store_flush(s);
}

static void stepped_later(struct sim *s, struct happening *h)
{
    struct event ev;
    memcpy(&ev, h->bytes.data, sizeof ev);
    struct bytes rest = bytes_of(h->bytes.data + sizeof ev, h->bytes.size - sizeof ev);
    if (h->b != s->hub.life)
        return;
    if (ev.type == EV_FOUND)
        ev.found.rows = rest;
    else if (ev.type == EV_WATCH)
        ev.watch.topic = rest;
    hub_step(s, &ev);
}

void hub_step(struct sim *s, struct event *ev)
{
    struct hub *hub = &s->hub;
    if (!hub->broker)
        return;
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
    h->b = hub->life;
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
    if (!hub->up || w->life != hub->life)
        return;
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
    if (!hub->up)
        return;
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

static void topics_forget(struct hub *hub)
{
    size_t at = 0;
    for (struct sub_topic *t; (t = namemap_next(&hub->topics, &at));) {
        free((void *)(uintptr_t)t->name.data);
        free(t);
    }
    namemap_fini(&hub->topics);
    hub->topics = (struct namemap){0};
}

/* --- its lives -------------------------------------------------------------------------------- */

static void broker_begin(struct sim *s)
{
    struct hub *hub = &s->hub;
    hub->clock_us = s->now_us;
    hub->clock_ms = hub->life == 1 ? s->knobs.clock_ms : 1000 + (int64_t)sim_below(s, 1u << 30);
    hub->drift_ppm = s->knobs.drift_ppm
                         ? (int)sim_below(s, 2 * (uint64_t)s->knobs.drift_ppm) - s->knobs.drift_ppm
                         : 0;
    struct broker_options options = {.seed = random_next(&s->random),
                                     .incarnation = hub->incarnation,
                                     .broker_id = 1,
                                     .durable = s->knobs.durable,
                                     .tells_ends = true,
                                     .last_id = s->store.disk.last_id,
                                     .pid = 1,
                                     .now_ms = hub_ms(s),
                                     .wall_ms = sim_wall_ms(s),
                                     .limits = s->knobs.limits};
    hub->broker = broker_new(&options);
}

static void load(void *user, const struct disk_row *row)
{
    struct sim *s = user;
    if (!s->hub.broker || !plant_row(s, &row->key))
        return; /* it died while it loaded */
    struct event ev = {.type = EV_LOADED,
                       .loaded = {.key = row->key, .row = buf_bytes(&row->bytes)}};
    step_now(s, &ev);
}

static void restart(struct sim *s, struct happening *h)
{
    struct hub *hub = &s->hub;
    if (h->a != hub->life)
        return;
    hub->incarnation += 1 + (sim_chance(s, 0.5) ? (uint32_t)sim_below(s, 1000) : 0);
    trace(s, "broker", "starts, incarnation %u", hub->incarnation);
    if (s->knobs.damage > 0 && sim_chance(s, s->knobs.damage))
        store_damage(s);
    if (!s->calm && sim_chance(s, 0.2)) /* it will not live long */
        hub->crash_in = 1 + sim_below(s, 60);
    broker_begin(s);
    disk_load(&s->store.disk, load, s);
    if (!hub->broker)
        return;
    hub->served_ms = hub_ms(s);
    hub->up = true;
    step_now(s, &(struct event){.type = EV_SERVE});
}

void hub_start(struct sim *s)
{
    struct hub *hub = &s->hub;
    link_init(&hub->dirty);
    hub->life = 1;
    hub->incarnation = s->knobs.incarnation;
    broker_begin(s);
    hub->served_ms = hub_ms(s);
    hub->up = true;
    step_now(s, &(struct event){.type = EV_SERVE});
}

void hub_crash(struct sim *s, const char *why)
{
    struct hub *hub = &s->hub;
    if (!hub->broker)
        return;
    trace(s, "broker", "dies %s", why);
    broker_free(hub->broker);
    hub->broker = NULL;
    hub->up = false;
    hub->crash_in = 0;
    hub->crashes++;
    if (hub->paused_us > s->now_us)
        hub->paused_us = s->now_us;
    hub->tick_planned = false;
    net_crash(s);
    must(list_empty(&hub->dirty));
    for (unsigned i = 0; i < s->knobs.clients; i++)
        watcher_cut(s, &s->clients[i]);
    topics_forget(hub);
    store_crash(s);
    ledger_crashed(s);
    hub->life++;
    sim_at(s, s->now_us + (int64_t)sim_below(s, sim_chance(s, 0.7) ? 300 * MS_US : 5 * SEC_US),
           restart, NULL)
        ->a = hub->life;
}

void hub_fini(struct sim *s)
{
    struct hub *hub = &s->hub;
    list_each_safe(l, &s->wires) wire_free(s, container_of(l, struct wire, link));
    topics_forget(hub);
    idmap_fini(&hub->wires);
    effects_fini(&hub->effects);
    broker_free(hub->broker);
}
