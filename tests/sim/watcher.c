/* SPDX-License-Identifier: Apache-2.0
 *
 * watcher: subscriptions of a client. What is asked and shown is decided by the library's own
 * watch; the SUB connection under it loses what is under way when it is cut, and says its
 * subscriptions again by itself when it is back. Some topics are followed over the client's own
 * connection instead, with so little credit that it is often used up. Whatever is shown is compared
 * with what was published under that number.
 */
#include <inttypes.h>

#include "tests/sim/sim.h"

enum { FOLLOW_CREDIT_SIM = 6 };

struct watching {
    struct link link; /* client_sim::watches */
    struct client_sim *client;
    uint64_t number;
    bool over, subscribed; /* subscribed: the broker's socket knows */
    bool follows;
    uint64_t taken; /* updates that came since credit was given for them */
    struct watch watch;
    uint64_t incarnation; /* of what was shown last */
    uint64_t shown;       /* the number of the last update shown or told lost; 0: none */
    struct bytes topic;   /* with its closing 0 */
    char text[TOPIC_BYTES_MAX];
};

static void subscribed(struct sim *s, struct happening *h)
{
    struct watching *w = h->who;
    if (w->over || w->follows || w->subscribed || !w->client->sub_up || w->client->left ||
        !s->hub.up)
        return;
    w->subscribed = true;
    hub_watch(s, w->topic, true);
}

static void unsubscribe(struct sim *s, struct watching *w)
{
    if (w->subscribed)
        hub_watch(s, w->topic, false);
    w->subscribed = false;
}

static void restart(struct sim *s, struct watching *w)
{
    char nonce[WATCH_NONCE];
    if (w->follows) {
        watch_follow(&w->watch, sim_ms(s));
        return;
    }
    snprintf(nonce, sizeof nonce, "%08x%08" PRIx64, w->client->index, ++w->client->nonces);
    watch_start(&w->watch, nonce, sim_ms(s));
}

void watcher_add(struct sim *s, struct client_sim *c, const char *topic)
{
    unsigned count = 0;
    list_each(l, &c->watches)
    {
        const struct watching *w = container_of(l, struct watching, link);
        if (++count == WATCHES_MAX || (!w->over && strcmp(w->text, topic) == 0))
            return;
    }
    struct watching *w = must_alloc(sizeof *w);
    w->client = c;
    w->number = WATCH_NUMBERS_SIM + count;
    snprintf(w->text, sizeof w->text, "%s", topic);
    w->topic = bytes_of(w->text, strlen(w->text) + 1);
    watch_init(&w->watch, 0, 0);
    w->follows = sim_chance(s, s->knobs.follow) && !bytes_starts(w->topic, bytes_text("feed"));
    list_append(&c->watches, &w->link);
    restart(s, w);
    sim_at(s, s->now_us + sim_spread(s, s->knobs.delay_us), subscribed, w);
}

/* To a feed people come, leave it, and come again, and it may be that nobody offers it yet. */
void watcher_toggle(struct sim *s, struct client_sim *c, const char *topic)
{
    list_each(l, &c->watches)
    {
        struct watching *w = container_of(l, struct watching, link);
        if (strcmp(w->text, topic) != 0)
            continue;
        w->over = !w->over;
        if (w->over) {
            unsubscribe(s, w);
        } else {
            restart(s, w);
            sim_at(s, s->now_us + sim_spread(s, s->knobs.delay_us), subscribed, w);
        }
        return;
    }
    watcher_add(s, c, topic);
}

void watcher_resume(struct sim *s, struct client_sim *c)
{
    list_each(l, &c->watches) restart(s, container_of(l, struct watching, link));
}

static void sub_back(struct sim *s, struct happening *h)
{
    struct client_sim *c = h->who;
    if (!s->hub.up) {
        sim_at(s, s->now_us + sim_spread(s, 100 * MS_US), sub_back, c);
        return;
    }
    c->sub_up = true;
    list_each(l, &c->watches) sim_at(s, s->now_us + sim_spread(s, s->knobs.delay_us), subscribed,
                                     container_of(l, struct watching, link));
}

void watcher_cut(struct sim *s, struct client_sim *c)
{
    list_each(l, &c->watches) unsubscribe(s, container_of(l, struct watching, link));
    c->sub_up = false;
    if (!c->left)
        sim_at(s, s->now_us + sim_spread(s, 500 * MS_US), sub_back, c);
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void body_numbers(struct bytes body, uint64_t *incarnation, uint64_t *seq)
{
    struct cursor c = cursor_of(body);
    *incarnation = *seq = 0;
    for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("seq")))
            *seq = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("incarnation")))
            *incarnation = cursor_uint(&c);
        else
            cursor_skip(&c);
    }
    must(cursor_ok(&c));
}

static void check_shown(struct sim *s, const struct watching *w, const struct watch_shown *shown)
{
    struct bytes topic = bytes_of(w->topic.data, w->topic.size - 1);
    bool same = shown->incarnation == w->incarnation;
    switch (shown->event) {
    case WATCH_NONE: break;
    case WATCH_SNAPSHOT:
        if (shown->incarnation < w->incarnation || (same && shown->seq < w->shown))
            sim_fail(s, "S13", "%s: a snapshot after %" PRIu64 " is older than %" PRIu64, w->text,
                     shown->seq, w->shown);
        break;
    case WATCH_LOST:
        if (w->shown && (!same || shown->first != w->shown + 1))
            sim_fail(s, "S13", "%s: lost from %" PRIu64 " on after %" PRIu64, w->text, shown->first,
                     w->shown);
        break;
    case WATCH_UPDATE:
        if (w->shown && (!same || shown->seq != w->shown + 1))
            sim_fail(s, "S13", "%s: update %" PRIu64 " is shown after %" PRIu64, w->text,
                     shown->seq, w->shown);
        updates_shown(s, topic, shown->incarnation, shown->seq, shown->body);
        break;
    }
}

static void show(struct sim *s, struct watching *w)
{
    static const char *const names[] = {"nothing", "update", "snapshot", "lost"};
    struct watch_shown shown;
    while ((shown = watch_next(&w->watch)).event != WATCH_NONE) {
        check_shown(s, w, &shown);
        w->incarnation = shown.incarnation;
        w->shown = shown.seq;
        trace(s, w->client->end.name, "%s: %s up to %" PRIu64, w->text, names[shown.event],
              shown.seq);
    }
}

static void ask_watch(struct client_sim *c, const struct watching *w)
{
    struct record r = {.type = REC_watch,
                       .watch = {.number = w->number,
                                 .topic = bytes_of(w->topic.data, w->topic.size - 1),
                                 .incarnation = w->watch.known ? w->watch.incarnation : 0,
                                 .after = w->watch.known ? w->watch.seq : 0}};
    client_say(c, &r);
}

/* Whatever went before under another number is over. */
static void ask_follow(struct client_sim *c, struct watching *w)
{
    struct record r = {.type = REC_unfollow, .unfollow = {.number = w->number}};
    client_say(c, &r);
    w->number = WATCH_NUMBERS_SIM + WATCHES_MAX + ++c->nonces;
    w->taken = 0;
    r = (struct record){.type = REC_follow,
                        .follow = {.number = w->number,
                                   .topic = bytes_of(w->topic.data, w->topic.size - 1),
                                   .incarnation = w->watch.known ? w->watch.incarnation : 0,
                                   .after = w->watch.known ? w->watch.seq : 0,
                                   .credit = FOLLOW_CREDIT_SIM}};
    client_say(c, &r);
}

static void follow_more(struct client_sim *c, struct watching *w)
{
    struct record r = {.type = REC_follow_more,
                       .follow_more = {.number = w->number, .count = w->taken}};
    if (w->taken < FOLLOW_CREDIT_SIM / 2)
        return;
    client_say(c, &r);
    w->taken = 0;
}

void watcher_turn(struct sim *s, struct client_sim *c)
{
    list_each(l, &c->watches)
    {
        struct watching *w = container_of(l, struct watching, link);
        if (w->over)
            continue;
        show(s, w);
        struct record r = {.type = REC_sync, .sync = {.nonce = bytes_text(w->watch.nonce)}};
        switch (watch_wish(&w->watch, sim_ms(s))) {
        case WATCH_NOTHING: follow_more(c, w); break;
        case WATCH_SAY_SYNC: client_say(c, &r); break;
        case WATCH_SAY_WATCH: ask_watch(c, w); break;
        case WATCH_SAY_FOLLOW: ask_follow(c, w); break;
        }
    }
}

bool watcher_record(struct sim *s, struct client_sim *c, const struct record *r)
{
    list_each(l, &c->watches)
    {
        struct watching *w = container_of(l, struct watching, link);
        uint64_t incarnation, seq;
        if (w->number != r->done.number || w->over)
            continue;
        switch (r->type) {
        case REC_update:
            body_numbers(r->update.body, &incarnation, &seq);
            watch_update(&w->watch, incarnation, seq, r->update.body, sim_ms(s));
            w->taken += w->follows;
            break;
        case REC_lost: watch_lost(&w->watch, r->lost.last); break;
        case REC_snapshot:
            watch_snapshot(&w->watch, r->snapshot.incarnation, r->snapshot.seq, r->snapshot.body,
                           sim_ms(s));
            break;
        case REC_error: /* it is not there (any more); a feed may come */
            if (r->error.code == ERR_UNKNOWN_FEED)
                break;
            w->over = true;
            unsubscribe(s, w);
            break;
        default: return false;
        }
        show(s, w);
    }
    return true;
}

static void arrives(struct sim *s, struct happening *h)
{
    struct watching *w = h->who;
    uint64_t incarnation, seq;
    struct bytes body = bytes_of(h->bytes.data, h->bytes.size);
    if (w->over || !w->subscribed || w->client->left)
        return; /* its connection is another one now */
    if (h->a) {
        watch_nonce(&w->watch, body, sim_ms(s));
        return;
    }
    body_numbers(body, &incarnation, &seq);
    watch_update(&w->watch, incarnation, seq, body, sim_ms(s));
    show(s, w);
}

void watcher_publish(struct sim *s, struct bytes topic, struct bytes body)
{
    struct bytes name = bytes_of(topic.data, topic.size - 1), sync = bytes_text("sync/");
    bool nonce = bytes_starts(name, sync);
    for (unsigned i = 0; i < s->knobs.clients; i++) {
        list_each(l, &s->clients[i].watches)
        {
            struct watching *w = container_of(l, struct watching, link);
            if (w->over || !w->subscribed)
                continue;
            struct bytes tail =
                bytes_of((const char *)name.data + sync.size, nonce ? name.size - sync.size : 0);
            if (nonce ? !bytes_equal(tail, bytes_text(w->watch.nonce))
                      : !bytes_equal(topic, w->topic))
                continue;
            if (sim_chance(s, s->knobs.update_drop))
                continue; /* its queue is full, and nobody is told */
            /* In order for each subscriber: all take the same time. */
            struct happening *h = sim_at(s, s->now_us + s->knobs.delay_us, arrives, w);
            h->a = nonce;
            buf_put(&h->bytes, nonce ? tail.data : body.data, nonce ? tail.size : body.size);
        }
    }
}

void watcher_check(struct sim *s, struct client_sim *c)
{
    list_each(l, &c->watches)
    {
        const struct watching *w = container_of(l, struct watching, link);
        uint64_t last = updates_last(s, bytes_of(w->topic.data, w->topic.size - 1));
        if (!w->over && !c->left && last && !bytes_starts(w->topic, bytes_text("feed0/")) &&
            (w->shown < last || w->incarnation != s->hub.incarnation))
            sim_fail(s, "L3", "%s: %s has seen up to %" PRIu64 " of %" PRIu64, w->text, c->end.name,
                     w->shown, last);
    }
}

void watcher_fini(struct sim *s, struct client_sim *c)
{
    (void)s;
    list_each_safe(l, &c->watches)
    {
        struct watching *w = container_of(l, struct watching, link);
        watch_fini(&w->watch);
        free(w);
    }
}
