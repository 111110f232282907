/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/live/hub.h"

#include "common/must.h"
#include "common/pack.h"
#include "common/value.h"

void hub_init(struct hub *h, const struct hub_source *source, void *user)
{
    *h = (struct hub){.source = source, .user = user};
    link_init(&h->readers);
    link_init(&h->dirty);
}

void hub_fini(struct hub *h)
{
    must(list_empty(&h->readers) && !h->topics.count);
    namemap_fini(&h->topics);
    buf_fini(&h->scratch);
}

/* --- text ----------------------------------------------------------------------------------- */

static void put_text(struct buf *out, struct bytes text)
{
    struct buf value = {0};
    pack_str(&value, text);
    value_json(out, buf_bytes(&value));
    buf_fini(&value);
}

void hub_text(struct buf *out, const char *topic, const char *event, struct bytes body)
{
    struct cursor c = cursor_of(body);
    buf_put(out, "{\"topic\":", 9);
    put_text(out, bytes_text(topic));
    for (uint32_t pairs = cursor_map(&c); pairs-- > 0 && cursor_ok(&c);) {
        struct bytes key = cursor_str(&c), value = cursor_value(&c);
        if (!cursor_ok(&c))
            break;
        buf_put(out, ",", 1);
        put_text(out, key);
        buf_put(out, ":", 1);
        if (event && bytes_equal(key, bytes_text("event")))
            put_text(out, bytes_text(event));
        else
            value_json(out, value);
    }
    buf_put(out, "}", 1);
}

/* --- topics --------------------------------------------------------------------------------- */

static void topic_free(struct hub_topic *t)
{
    t->hub->bytes -= t->ring.bytes;
    link_take(&t->dirty);
    ring_fini(&t->ring);
    buf_fini(&t->latest);
    free(t->name);
    free(t);
}

struct hub_topic *hub_follow(struct hub *h, const char *name, struct position after, enum err *err)
{
    struct hub_topic *t = namemap_find(&h->topics, bytes_text(name));
    *err = OK;
    if (t)
        return t;
    if (h->topics.count >= HUB_TOPICS_MAX) {
        *err = ERR_BUSY;
        return NULL;
    }
    t = must_alloc(sizeof *t);
    t->hub = h;
    t->name = strdup(name);
    must(t->name);
    t->prefix = name[strlen(name) - 1] == '/';
    link_init(&t->followers);
    link_init(&t->dirty);
    /* With a position there comes no state by itself. */
    t->asked = !after.incarnation;
    *err = h->source->subscribe(h->user, t, t->name, after);
    if (*err) {
        topic_free(t);
        return NULL;
    }
    namemap_put(&h->topics, bytes_text(t->name), t);
    return t;
}

void hub_unfollow(struct hub_topic *t)
{
    if (!list_empty(&t->followers))
        return;
    if (!t->over) {
        namemap_take(&t->hub->topics, bytes_text(t->name));
        t->hub->source->unsubscribe(t->hub->user, t->name);
    }
    topic_free(t);
}

/* --- events --------------------------------------------------------------------------------- */

static uint64_t first_lost(struct bytes body)
{
    struct cursor c = cursor_of(body);
    for (uint32_t pairs = cursor_map(&c); pairs-- > 0 && cursor_ok(&c);) {
        if (bytes_equal(cursor_str(&c), bytes_text("first")))
            return cursor_uint(&c);
        cursor_skip(&c);
    }
    return 0;
}

static enum ring_kind kind_of(const char *event)
{
    return strcmp(event, "snapshot") == 0 ? RING_SNAPSHOT
           : strcmp(event, "lost") == 0   ? RING_LOST
           : strcmp(event, "error") == 0  ? RING_ERROR
                                          : RING_UPDATE;
}

static void mark(struct hub_topic *t)
{
    if (!link_listed(&t->dirty))
        list_append(&t->hub->dirty, &t->dirty);
}

static void keep_latest(struct hub_topic *t, struct position position, struct bytes body)
{
    buf_clear(&t->latest);
    buf_put(&t->latest, body.data, body.size);
    t->latest_position = position;
}

void hub_event(struct hub_topic *t, const char *name, const char *event, struct position position,
               struct bytes body)
{
    struct hub *h = t->hub;
    struct ring_event head = {.kind = kind_of(event), .position = position};
    if (head.kind == RING_LOST)
        head.first = first_lost(body);
    if (!t->prefix && (head.kind == RING_UPDATE || head.kind == RING_SNAPSHOT))
        keep_latest(t, position, body);
    if (head.kind == RING_ERROR && !t->over) {
        /* Whoever asks for it next asks anew: it may be there by then. */
        t->over = true;
        namemap_take(&h->topics, bytes_text(t->name));
    }
    buf_clear(&h->scratch);
    hub_text(&h->scratch, name, NULL, body);
    h->bytes -= t->ring.bytes;
    ring_put(&t->ring, &head, buf_bytes(&h->scratch), h->bytes > HUB_BYTES_MAX);
    h->bytes += t->ring.bytes;
    mark(t);
}

void hub_state(struct hub *h, const char *name, struct position position, struct bytes body)
{
    struct hub_topic *t = namemap_find(&h->topics, bytes_text(name));
    if (!t || t->latest.size)
        return;
    keep_latest(t, position, body);
    mark(t);
}

/* --- turns ---------------------------------------------------------------------------------- */

void hub_turn(struct hub *h, int64_t now_us)
{
    if (list_empty(&h->dirty) || now_us - h->turned_us < HUB_TURN_US)
        return;
    h->turned_us = now_us;
    list_each_safe(l, &h->dirty)
    {
        struct hub_topic *t = container_of(l, struct hub_topic, dirty);
        link_take(l);
        list_each(m, &t->followers)
        {
            const struct reader *r = container_of(m, struct follow, link)->reader;
            r->wake(r->user);
        }
    }
}

int64_t hub_wait_us(const struct hub *h, int64_t now_us)
{
    if (list_empty(&h->dirty))
        return -1;
    int64_t left = h->turned_us + HUB_TURN_US - now_us;
    return left < 0 ? 0 : left;
}

void hub_beat(struct hub *h)
{
    list_each(l, &h->readers)
    {
        struct reader *r = container_of(l, struct reader, link);
        r->beat = true;
        r->wake(r->user);
    }
}
