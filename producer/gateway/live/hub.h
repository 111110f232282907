/* SPDX-License-Identifier: Apache-2.0
 *
 * hub: live updates for many. However many read a topic, it is subscribed once, with the first of
 * them, until the last one leaves. Each event becomes text once and lies in the topic's ring; a
 * reader only knows how far it has come on each of its topics and pulls what follows, so a slow one
 * costs nothing and is told what it has missed. Pure: where topics come from is a struct of
 * functions, time is given.
 *
 * A reader that is new on a topic first gets the newest state as a "snapshot". Events carry their
 * whole object, so the newest of them is that state, too.
 */
#ifndef LIVE_HUB_H
#define LIVE_HUB_H

#include "common/list.h"
#include "common/map.h"
#include "producer/gateway/live/ring.h"
#include "proto/errors.h"

enum {
    HUB_TOPICS_MAX = 10000,
    HUB_BYTES_MAX = 64 << 20, /* of all rings; at it each keeps only its newest event */
    HUB_TURN_US = 15000,      /* readers are woken this often when there is always news */
    READER_TOPICS_MAX = 64,
};

/* Where events come from. A topic's name ends in 0; one that ends in / is a prefix: all below it,
 * without a state. */
struct hub_topic;
struct hub_source {
    /* OK, or why not; the events come to hub_event. after: go on behind it. */
    enum err (*subscribe)(void *user, struct hub_topic *topic, const char *name,
                          struct position after);
    void (*unsubscribe)(void *user, const char *name);
    /* Somebody wants the state of a topic that is subscribed from a position on: hub_state. */
    void (*ask_state)(void *user, const char *name);
};

struct hub {
    const struct hub_source *source;
    void *user;
    struct namemap topics; /* hub_topic::name; those not over */
    struct link readers;   /* reader::link */
    struct link dirty;     /* hub_topic::dirty: something came since the last turn */
    int64_t turned_us;
    size_t bytes; /* of all rings */
    struct buf scratch;
};

struct hub_topic {
    struct hub *hub;
    char *name;
    bool prefix, over; /* over: an error was its last event */
    bool asked;        /* its state was asked for */
    struct ring ring;
    struct buf latest; /* the newest state, msgpack; empty: none is known */
    struct position latest_position;
    struct link followers; /* follow::link */
    struct link dirty;
};

void hub_init(struct hub *h, const struct hub_source *source, void *user);
void hub_fini(struct hub *h); /* no reader is left */

/* An event of the topic that source was given; name: the topic it is about, which lies below a
 * prefix. event: "snapshot", "lost" (up to position; first of its body), "error", or any other. */
void hub_event(struct hub_topic *t, const char *name, const char *event, struct position position,
               struct bytes body);
/* The state of a topic, as asked for. One that is not watched any more, or known by now, changes
 * nothing. */
void hub_state(struct hub *h, const char *name, struct position position, struct bytes body);

/* Wakes the readers of what has come: at once, or with the next turn when the last one was just
 * now. */
void hub_turn(struct hub *h, int64_t now_us);
/* When hub_turn is wanted, in us from now; -1: not. */
int64_t hub_wait_us(const struct hub *h, int64_t now_us);
/* Makes every reader say something, so that both sides learn of a connection that is dead. */
void hub_beat(struct hub *h);

/* --- readers -------------------------------------------------------------------------------- */

struct follow {
    struct link link; /* hub_topic::followers */
    struct reader *reader;
    struct hub_topic *topic;
    uint64_t next;        /* in its ring */
    struct position told; /* how far the reader has come */
    bool fresh;           /* wants a snapshot first */
};

struct reader {
    struct hub *hub;
    struct link link; /* hub::readers */
    void (*wake)(void *user);
    void *user;
    bool greeted, beat;
    size_t turn; /* whose turn it is when there is more than can be taken */
    size_t count;
    struct follow follows[];
};

struct reader_wish {
    const char *topic;     /* borrowed for the call */
    struct position after; /* nowhere: from now on, beginning with a snapshot */
};

/* NULL, with why in *err: ERR_BUSY at the limit of topics, or what source says. */
struct reader *reader_new(struct hub *h, const struct reader_wish *wishes, size_t count,
                          void (*wake)(void *user), void *user, enum err *err);
void reader_free(struct reader *r);
/* Appends what there is as server-sent events, at most about `most` bytes. */
void reader_pull(struct reader *r, struct buf *out, size_t most);

/* hub.c, for reader.c */
struct hub_topic *hub_follow(struct hub *h, const char *name, struct position after, enum err *err);
void hub_unfollow(struct hub_topic *t);
/* The body of an event as JSON with its topic; event: NULL as it is, or what it is to be called. */
void hub_text(struct buf *out, const char *topic, const char *event, struct bytes body);

#endif
