/* SPDX-License-Identifier: Apache-2.0
 *
 * Subscriptions: carries records between the sockets and the watches, and what the watches show to
 * the callbacks. Where the broker does not open its updates' port to this client, or the client
 * does not want it, each topic is followed over the connection there is.
 */
#include <errno.h>
#include <sys/random.h>

#include "producer/client/client.h"

enum { FOLLOW_CREDIT = 256 }; /* updates under way of one topic */

static bool follows(const struct reeve_client *c)
{
    return c->one_port || !c->welcome.updates_port;
}

static struct subscription *subscription_find(const struct reeve_client *c, struct bytes name)
{
    return namemap_find(&c->topics, name);
}

static void subscription_free(struct subscription *s)
{
    link_take(&s->link);
    watch_fini(&s->watch);
    buf_fini(&s->topic);
    free(s);
}

static void unfollow(struct reeve_client *c, struct subscription *s)
{
    struct record r = {.type = REC_unfollow, .unfollow = {.number = s->number}};
    if (s->number && c->session.up)
        wire_put(&c->wire, &r);
    s->number = 0;
}

static void subscription_end(struct reeve_client *c, struct subscription *s)
{
    namemap_take(&c->topics, s->name);
    s->over = true;
    if (s->watch.follows)
        unfollow(c, s);
    else if (c->wire.sub)
        wire_subscribe(&c->wire, buf_bytes(&s->topic), false);
}

void subscribe_sweep(struct reeve_client *c)
{
    list_each_safe(l, &c->subscriptions)
    {
        struct subscription *s = container_of(l, struct subscription, link);
        if (s->over)
            subscription_free(s);
    }
}

void subscribe_fini(struct reeve_client *c)
{
    list_each_safe(l, &c->subscriptions)
        subscription_free(container_of(l, struct subscription, link));
    namemap_fini(&c->topics);
}

/* --- starting -------------------------------------------------------------------------------- */

static void nonce_make(char nonce[static WATCH_NONCE])
{
    uint64_t bits;
    must(getrandom(&bits, sizeof bits, 0) == (ssize_t)sizeof bits);
    snprintf(nonce, WATCH_NONCE, "%016llx", (unsigned long long)bits);
}

static int nonce_subscribe(struct reeve_client *c, const struct subscription *s, bool on)
{
    char topic[WATCH_NONCE + 8];
    snprintf(topic, sizeof topic, "sync/%s", s->watch.nonce);
    return wire_subscribe(&c->wire, bytes_text(topic), on);
}

/* The subscription is said already; a watch also needs to know when it holds. */
static int subscription_start(struct reeve_client *c, struct subscription *s)
{
    char nonce[WATCH_NONCE];
    if (s->prefix)
        return 0;
    if (follows(c)) {
        s->number = 0; /* whatever it followed, it did on another connection */
        watch_follow(&s->watch, c->now_ms);
        return 0;
    }
    if (s->watch.nonce[0])
        nonce_subscribe(c, s, false); /* of an earlier start; not there is as good */
    nonce_make(nonce);
    watch_start(&s->watch, nonce, c->now_ms);
    return nonce_subscribe(c, s, true);
}

void subscribe_resume(struct reeve_client *c)
{
    if (list_empty(&c->subscriptions))
        return;
    const void *before = c->wire.sub;
    int rc = follows(c) ? 0 : wire_updates(&c->wire, c->welcome.updates_port);
    list_each(l, &c->subscriptions)
    {
        struct subscription *s = container_of(l, struct subscription, link);
        if (!rc && !s->over && c->wire.sub && c->wire.sub != before)
            rc = wire_subscribe(&c->wire, buf_bytes(&s->topic), true);
        if (!rc && !s->over)
            rc = subscription_start(c, s);
    }
    if (rc)
        client_fault(c, ERR_IO, bytes_text(zmq_strerror(rc)));
}

int client_subscribe_after(struct reeve_client *c, const char *topic, uint64_t incarnation,
                           uint64_t after, reeve_on_update *update, void *user)
{
    size_t size = strlen(topic);
    if (!size || size > TOPIC_BYTES_MAX)
        return client_fail(c, ERR_INVALID, "a topic has 1 to %d bytes", TOPIC_BYTES_MAX);
    if (subscription_find(c, bytes_text(topic)))
        return client_fail(c, ERR_INVALID, "%s is watched already", topic);
    bool prefix = topic[size - 1] == '/';
    if (prefix && follows(c))
        return client_fail(c, ERR_INVALID, "%s: only with the updates' port", topic);
    int rc = follows(c) ? 0 : wire_updates(&c->wire, c->welcome.updates_port);
    if (rc)
        return client_fail(c, ERR_IO, "updates: %s", zmq_strerror(rc));
    struct subscription *s = must_alloc(sizeof *s);
    s->prefix = prefix;
    buf_put(&s->topic, topic, s->prefix ? size : size + 1);
    s->name = bytes_of(s->topic.data, size);
    s->update = update;
    s->user = user;
    watch_init(&s->watch, incarnation, after);
    list_append(&c->subscriptions, &s->link);
    namemap_put(&c->topics, s->name, s);
    rc = follows(c) ? 0 : wire_subscribe(&c->wire, buf_bytes(&s->topic), true);
    if (!rc)
        rc = subscription_start(c, s);
    if (rc) {
        subscription_end(c, s);
        return client_fail(c, ERR_IO, "subscribe: %s", zmq_strerror(rc));
    }
    return 0;
}

int reeve_subscribe(struct reeve_client *c, const char *topic, reeve_on_update *update, void *user)
{
    return client_subscribe_after(c, topic, 0, 0, update, user);
}

int reeve_unsubscribe(struct reeve_client *c, const char *topic)
{
    struct subscription *s = subscription_find(c, bytes_text(topic));
    if (!s)
        return client_fail(c, ERR_INVALID, "%s is not watched", topic);
    if (s->watch.nonce[0])
        nonce_subscribe(c, s, false);
    subscription_end(c, s);
    if (c->depth == 0)
        subscribe_sweep(c);
    return 0;
}

/* --- showing --------------------------------------------------------------------------------- */

/* What an update's map says of itself. */
struct heading {
    uint64_t incarnation, seq;
    struct bytes event;
};

static bool heading_read(struct bytes body, struct heading *h)
{
    struct cursor c = cursor_of(body);
    *h = (struct heading){0};
    for (uint32_t pairs = cursor_map(&c); pairs-- > 0 && cursor_ok(&c);) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("seq")))
            h->seq = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("incarnation")))
            h->incarnation = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("event")))
            h->event = cursor_str(&c);
        else
            cursor_skip(&c);
    }
    return cursor_ok(&c) && cursor_done(&c);
}

static void show(struct reeve_client *c, const struct subscription *s, struct bytes topic,
                 const struct heading *h, struct bytes body)
{
    char name[TOPIC_BYTES_MAX + 1], event[NAME_BYTES_MAX];
    snprintf(name, sizeof name, "%.*s", BYTES_ARG(topic));
    snprintf(event, sizeof event, "%.*s", BYTES_ARG(h->event));
    if (c->closing || s->over)
        return;
    struct reeve_update update = {.topic = name,
                                  .incarnation = h->incarnation,
                                  .seq = h->seq,
                                  .event = event,
                                  .body = body.data,
                                  .size = body.size};
    s->update(s->user, &update);
}

static void show_lost(struct reeve_client *c, const struct subscription *s,
                      const struct watch_shown *shown)
{
    struct buf body = {0};
    pack_map(&body, 5);
    pack_text(&body, "seq");
    pack_uint(&body, shown->seq);
    pack_text(&body, "incarnation");
    pack_uint(&body, shown->incarnation);
    pack_text(&body, "event");
    pack_text(&body, "lost");
    pack_text(&body, "first");
    pack_uint(&body, shown->first);
    pack_text(&body, "last");
    pack_uint(&body, shown->seq);
    struct heading h = {shown->incarnation, shown->seq, bytes_text("lost")};
    show(c, s, s->name, &h, buf_bytes(&body));
    buf_fini(&body);
}

static void show_all(struct reeve_client *c, struct subscription *s)
{
    struct watch_shown shown;
    struct heading h;
    while (!s->over && (shown = watch_next(&s->watch)).event != WATCH_NONE) {
        if (shown.event == WATCH_LOST) {
            show_lost(c, s, &shown);
            continue;
        }
        if (!heading_read(shown.body, &h) || shown.event == WATCH_SNAPSHOT)
            h.event = bytes_text("snapshot");
        h.incarnation = shown.incarnation;
        h.seq = shown.seq;
        show(c, s, s->name, &h, shown.body);
    }
}

/* The topic cannot be watched (any more): said as the last event. */
static void show_error(struct reeve_client *c, struct subscription *s, const struct msg_error *m)
{
    struct buf body = {0};
    pack_map(&body, 3);
    pack_text(&body, "event");
    pack_text(&body, "error");
    pack_text(&body, "error");
    pack_text(&body, err_name((unsigned)m->code));
    pack_text(&body, "text");
    if (m->text.size)
        pack_str(&body, m->text);
    else
        pack_text(&body, err_text((unsigned)m->code));
    struct heading h = {s->watch.incarnation, s->watch.seq, bytes_text("error")};
    show(c, s, s->name, &h, buf_bytes(&body));
    buf_fini(&body);
    if (!s->over)
        subscription_end(c, s);
}

/* --- what comes ------------------------------------------------------------------------------ */

/* A broker that has just begun does not know it yet: workers bring queues back, and themselves. It
 * is asked again when it is due. */
static bool may_come(const struct reeve_client *c, const struct subscription *s, uint64_t code)
{
    bool brought =
        code == ERR_UNKNOWN_QUEUE || code == ERR_UNKNOWN_WORKER || code == ERR_UNKNOWN_FEED;
    return brought && s->watch.known && c->now_ms < c->settled_ms;
}

static void error_find(struct reeve_client *c, const struct msg_error *m)
{
    list_each(l, &c->subscriptions)
    {
        struct subscription *s = container_of(l, struct subscription, link);
        if (s->number == m->number && !s->over) {
            if (!may_come(c, s, m->code))
                show_error(c, s, m);
            return;
        }
    }
}

/* Half of the credit has come: it is given again before the rest is used up. */
static void follow_more(struct reeve_client *c, struct subscription *s)
{
    struct record r = {.type = REC_follow_more,
                       .follow_more = {.number = s->number, .count = ++s->taken}};
    if (s->taken < FOLLOW_CREDIT / 2)
        return;
    s->taken = 0;
    wire_put(&c->wire, &r);
}

void subscribe_record(struct reeve_client *c, const struct record *r)
{
    if (r->type == REC_error) {
        error_find(c, &r->error);
        return;
    }
    struct subscription *s = subscription_find(c, r->update.topic); /* the three begin alike */
    struct heading h;
    if (!s || s->number != r->update.number)
        return;
    if (r->type == REC_snapshot)
        watch_snapshot(&s->watch, r->snapshot.incarnation, r->snapshot.seq, r->snapshot.body,
                       c->now_ms);
    else if (r->type == REC_lost)
        watch_lost(&s->watch, r->lost.last);
    else if (heading_read(r->update.body, &h))
        watch_update(&s->watch, h.incarnation, h.seq, r->update.body, c->now_ms);
    if (r->type == REC_update && s->watch.follows)
        follow_more(c, s);
    show_all(c, s);
}

static void nonce_take(struct reeve_client *c, struct bytes nonce)
{
    list_each(l, &c->subscriptions)
    {
        struct subscription *s = container_of(l, struct subscription, link);
        if (s->prefix || s->over || !bytes_equal(nonce, bytes_text(s->watch.nonce)))
            continue;
        watch_nonce(&s->watch, nonce, c->now_ms);
        nonce_subscribe(c, s, false);
        return;
    }
}

void subscribe_update(struct reeve_client *c, struct bytes topic, struct bytes body)
{
    const char *text = topic.data;
    struct heading h;
    if (!topic.size || text[topic.size - 1] != 0 || topic.size > TOPIC_BYTES_MAX + 1 ||
        !heading_read(body, &h))
        return; /* nothing that this protocol publishes */
    struct bytes name = bytes_of(text, topic.size - 1), sync = bytes_text("sync/");
    if (bytes_starts(name, sync)) {
        nonce_take(c, bytes_of(text + sync.size, name.size - sync.size));
        return;
    }
    for (size_t i = 0; i + 1 < name.size; i++) {
        const struct subscription *s =
            text[i] == '/' ? subscription_find(c, bytes_of(text, i + 1)) : NULL;
        if (s)
            show(c, s, name, &h, body);
    }
    struct subscription *s = subscription_find(c, name);
    if (s && !s->prefix) {
        watch_update(&s->watch, h.incarnation, h.seq, body, c->now_ms);
        show_all(c, s);
    }
}

/* --- what time asks for ---------------------------------------------------------------------- */

static void wish_say(struct reeve_client *c, struct subscription *s, enum watch_wish wish)
{
    uint64_t incarnation = s->watch.known ? s->watch.incarnation : 0;
    uint64_t after = s->watch.known ? s->watch.seq : 0;
    struct record r;
    if (wish == WATCH_SAY_SYNC) {
        r = (struct record){.type = REC_sync, .sync = {.nonce = bytes_text(s->watch.nonce)}};
        wire_put(&c->wire, &r);
        return;
    }
    if (wish == WATCH_SAY_FOLLOW)
        unfollow(c, s); /* its answer did not come, or left a gap */
    s->number = WATCH_NUMBERS + ++c->watched;
    s->taken = 0;
    if (wish == WATCH_SAY_FOLLOW)
        r = (struct record){.type = REC_follow,
                            .follow = {.number = s->number,
                                       .topic = s->name,
                                       .incarnation = incarnation,
                                       .after = after,
                                       .credit = FOLLOW_CREDIT}};
    else
        r = (struct record){
            .type = REC_watch,
            .watch = {
                .number = s->number, .topic = s->name, .incarnation = incarnation, .after = after}};
    wire_put(&c->wire, &r);
}

void subscribe_tick(struct reeve_client *c)
{
    list_each(l, &c->subscriptions)
    {
        struct subscription *s = container_of(l, struct subscription, link);
        enum watch_wish wish =
            s->over || s->prefix ? WATCH_NOTHING : watch_wish(&s->watch, c->now_ms);
        if (wish != WATCH_NOTHING)
            wish_say(c, s, wish);
    }
}

int64_t subscribe_deadline(const struct reeve_client *c)
{
    int64_t deadline = INT64_MAX;
    list_each(l, &c->subscriptions)
    {
        const struct subscription *s = container_of(l, struct subscription, link);
        if (!s->over && !s->prefix && s->watch.due_ms < deadline)
            deadline = s->watch.due_ms;
    }
    return deadline;
}
