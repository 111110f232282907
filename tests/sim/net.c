/* SPDX-License-Identifier: Apache-2.0
 *
 * net: connections as ZeroMQ over TCP gives them. On one connection bodies arrive in order or not
 * at all; what is lost is lost at its end. Either side may learn of the end late. The peer's
 * socket connects again by itself, under a name that the broker has not heard before, and first
 * sends what was put into it meanwhile.
 */
#include "tests/sim/sim.h"

enum { OUTBOX_MAX = 400 }; /* bodies for one that does not read */

static void deliver_up(struct sim *s, struct happening *h);
static void deliver_down(struct sim *s, struct happening *h);
static void connect_later(struct sim *s, struct end *end, int64_t mean_us);

static int64_t arrival(struct sim *s, int64_t *last_us)
{
    int64_t at = s->now_us + 30 + sim_spread(s, s->knobs.delay_us);
    if (at <= *last_us)
        at = *last_us + 1;
    *last_us = at;
    return at;
}

static void wire_up(struct sim *s, struct wire *w, struct bytes body)
{
    if (++w->up_sent > w->up_limit)
        return; /* into a dead connection */
    struct happening *h = sim_at(s, arrival(s, &w->up_last_us), deliver_up, w);
    h->a = w->up_sent;
    buf_put(&h->bytes, body.data, body.size);
}

static struct wire *wire_new(struct sim *s, struct end *end)
{
    struct wire *w = must_alloc(sizeof *w);
    uint64_t peer = ++s->peers;
    *w = (struct wire){.birth = peer,
                       .peer = peer,
                       .life = s->hub.life,
                       .process = end->process,
                       .end = end,
                       .owner = end,
                       .port = end->port,
                       .up_limit = UINT64_MAX,
                       .down_limit = UINT64_MAX};
    link_init(&w->dirty);
    list_append(&s->wires, &w->link);
    idmap_put(&s->hub.wires, w->peer, w);
    return w;
}

void wire_free(struct sim *s, struct wire *w)
{
    link_take(&w->link);
    link_take(&w->dirty);
    idmap_take(&s->hub.wires, w->peer);
    buf_fini(&w->out);
    free(w);
}

static void connect_now(struct sim *s, struct happening *h)
{
    struct end *end = h->who;
    if (!end->open || end->wire || end->life != h->a)
        return;
    if (!s->hub.up) { /* nobody listens there */
        connect_later(s, end, 100 * MS_US);
        return;
    }
    end->wire = wire_new(s, end);
    size_t at = 0;
    while (at < end->backlog.size) {
        uint32_t size;
        memcpy(&size, end->backlog.data + at, sizeof size);
        wire_up(s, end->wire, bytes_of(end->backlog.data + at + sizeof size, size));
        at += sizeof size + size;
    }
    buf_clear(&end->backlog);
    if (end->linked)
        end->linked(s, end, true);
}

static void connect_later(struct sim *s, struct end *end, int64_t mean_us)
{
    struct happening *h = sim_at(s, s->now_us + 200 + sim_spread(s, mean_us), connect_now, end);
    h->a = end->life;
}

void end_open(struct sim *s, struct end *end)
{
    end->open = true;
    end->life++;
    connect_later(s, end, 2 * MS_US);
}

/* What is under way at this moment arrives up to a random one; the rest never does. */
static void wire_cut(struct sim *s, struct wire *w, bool gently, int64_t broker_us)
{
    if (!w->cut) {
        w->cut = true;
        w->up_limit = gently ? w->up_sent : w->up_done + sim_below(s, w->up_sent - w->up_done + 1);
        w->down_limit = w->down_done + sim_below(s, w->down_sent - w->down_done + 1);
        w->notices_us = s->now_us + broker_us;
    }
}

void end_close(struct sim *s, struct end *end, bool gently)
{
    if (end->wire) {
        wire_cut(s, end->wire, gently, gently ? 5 * MS_US : (int64_t)sim_below(s, 3 * MS_US));
        end->wire->end = NULL;
        end->wire = NULL;
    }
    end->open = false;
    end->life++;
    buf_clear(&end->backlog);
}

void end_reopen(struct sim *s, struct end *end)
{
    end_close(s, end, true);
    end_open(s, end);
}

static void notices(struct sim *s, struct happening *h)
{
    struct end *end = h->who;
    if (end->life != h->a || !end->wire || end->wire->birth != h->b)
        return;
    end->wire->end = NULL;
    end->wire = NULL;
    trace(s, end->name, "disconnected");
    if (end->linked)
        end->linked(s, end, false);
    connect_later(s, end, s->calm ? 10 * MS_US : 100 * MS_US);
}

void end_cut(struct sim *s, struct end *end)
{
    struct wire *w = end->wire;
    if (!w || w->cut)
        return;
    bool up = sim_chance(s, s->knobs.half_open), down = sim_chance(s, s->knobs.half_open);
    int64_t broker_us = up ? sim_spread(s, 3 * SEC_US) : sim_spread(s, 5 * MS_US);
    int64_t end_us = down ? sim_spread(s, 3 * SEC_US) : sim_spread(s, 5 * MS_US);
    wire_cut(s, w, false, broker_us);
    trace(s, end->name, "cut: peer %llu, broker knows in %lld ms, it in %lld ms",
          (unsigned long long)w->peer, (long long)broker_us / 1000, (long long)end_us / 1000);
    struct happening *h = sim_at(s, s->now_us + end_us, notices, end);
    h->a = end->life;
    h->b = w->birth;
}

/* Its end learns of it soon; or late, when the host went down with it. */
void net_crash(struct sim *s)
{
    list_each(l, &s->wires)
    {
        struct wire *w = container_of(l, struct wire, link);
        if (w->life != s->hub.life)
            continue;
        idmap_take(&s->hub.wires, w->peer);
        link_take(&w->dirty);
        buf_clear(&w->out);
        w->closed = w->told = true;
        wire_cut(s, w, false, 0);
        w->up_limit = w->up_done;
        if (!w->end)
            continue;
        bool late = sim_chance(s, s->knobs.half_open);
        struct happening *h =
            sim_at(s, s->now_us + sim_spread(s, late ? 3 * SEC_US : 5 * MS_US), notices, w->end);
        h->a = w->end->life;
        h->b = w->birth;
    }
}

void end_send(struct sim *s, struct end *end, struct bytes body)
{
    if (!end->open)
        return;
    if (end->wire) {
        wire_up(s, end->wire, body);
        return;
    }
    uint32_t size = (uint32_t)body.size;
    buf_put(&end->backlog, &size, sizeof size);
    buf_put(&end->backlog, body.data, body.size);
}

static void deliver_up(struct sim *s, struct happening *h)
{
    struct wire *w = h->who;
    if (h->a > w->up_limit)
        return;
    w->up_done = h->a;
    hub_body(s, w, buf_bytes(&h->bytes));
}

bool wire_send(struct sim *s, struct wire *w, struct bytes body)
{
    if (w->cut && s->now_us >= w->notices_us)
        return false;
    if (w->down_sent - w->down_done > OUTBOX_MAX && !w->cut && w->end &&
        w->end->frozen_us > s->now_us)
        return false; /* it does not read: the shell lets it go */
    if (++w->down_sent > w->down_limit)
        return true; /* it will never know */
    struct happening *h = sim_at(s, arrival(s, &w->down_last_us), deliver_down, w);
    h->a = w->down_sent;
    buf_put(&h->bytes, body.data, body.size);
    return true;
}

static void deliver_down(struct sim *s, struct happening *h)
{
    struct wire *w = h->who;
    struct end *end = w->end;
    if (h->a > w->down_limit || !end || !end->open)
        return;
    if (end->frozen_us > s->now_us) { /* waits in its socket */
        struct happening *later = sim_at(s, end->frozen_us, deliver_down, w);
        later->a = h->a;
        later->node.order = h->node.order;
        heap_put(&s->future, &later->node, end->frozen_us, h->node.order);
        buf_put(&later->bytes, h->bytes.data, h->bytes.size);
        return;
    }
    w->down_done = h->a;
    trace_body(s, "broker", end->name, buf_bytes(&h->bytes));
    end->take(s, end, buf_bytes(&h->bytes));
}

void end_put(struct sim *s, struct end *end, struct buf *out, struct bytes row, uint32_t count)
{
    struct cursor c = cursor_of(row);
    struct buf one = {0};
    for (struct record r = {.type = REC_NONE}; !cursor_done(&c); count--) {
        struct cursor from = c;
        if (record_next(&c, &r) != OK)
            sim_fail(s, "S19", "%s sends what does not decode", end->name);
        buf_clear(&one);
        record_put(&one, &r);
        if (out->size + one.size > FRAME_BYTES) {
            end_send(s, end, buf_bytes(out));
            buf_clear(out);
        }
        if (r.in_row && out->size && sim_chance(s, 0.8)) {
            buf_clear(&one);
            buf_put(&one, from.at, (size_t)(c.at - from.at));
        }
        buf_put(out, one.data, one.size);
    }
    if (count)
        sim_fail(s, "S19", "%s sends a row of another length", end->name);
    buf_fini(&one);
}
