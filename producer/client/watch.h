/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: one watched topic, by PROTOCOL.md section 6. A SUB socket alone loses updates without a
 * word (a subscription still on its way, a full queue, a lost connection), so this decides what to
 * ask the broker for and what may be shown: a snapshot, then every update once and in order, and
 * `lost` for what cannot be had. Pure: time and records are given; what it wants said and shown is
 * taken from it.
 *
 *   SYNC    subscribed; sync(nonce) is said until the nonce comes back on SUB: the subscription
 * holds ASKED   watch(...) is said, its snapshot has not come LIVE    updates follow one another;
 * after a gap, or 2 s of silence: ASKED
 *
 * One that follows the topic over the client's own connection, which loses nothing without being
 * lost itself, begins with ASKED, says follow(...), and is not troubled by silence.
 */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "common/buf.h"
#include "common/must.h"

enum {
    WATCH_SYNC_EVERY_MS = 50,
    WATCH_SILENCE_MS = 2000,
    WATCH_NONCE = 17, /* 16 hexadecimal digits and a closing 0 */
    WATCH_HELD_MAX = 1024,
    WATCH_HELD_BYTES_MAX = 4 << 20,
};

enum watch_state { WATCH_SYNC, WATCH_ASKED, WATCH_LIVE };
enum watch_wish { WATCH_NOTHING, WATCH_SAY_SYNC, WATCH_SAY_WATCH, WATCH_SAY_FOLLOW };
enum watch_event { WATCH_NONE, WATCH_UPDATE, WATCH_SNAPSHOT, WATCH_LOST };

struct watch_shown {
    enum watch_event event;
    uint64_t incarnation, seq; /* of the update; of the last one lost */
    uint64_t first;            /* lost: first .. seq */
    struct bytes body;         /* lent until the next call; none for lost */
};

struct watch {
    enum watch_state state;
    bool follows; /* over the connection on which it asks */
    bool known;   /* incarnation and seq are what was shown last */
    bool stale;   /* something was lost since: the next snapshot is to be shown */
    uint64_t incarnation, seq;
    uint64_t lost_to; /* nothing up to here that is not held will come */
    char nonce[WATCH_NONCE];
    int64_t due_ms;     /* what the state says is to be said (again) */
    struct watch_held { /* came and cannot be shown yet; by incarnation and seq */
        uint64_t incarnation, seq;
        struct buf body;
    } * held;
    size_t held_count, held_bytes;
    bool answered; /* the answer's snapshot has come and was not looked at yet */
    struct watch_held answer;
    struct buf lent;
};

/* incarnation not 0: go on behind update `after` of that incarnation, as if it had been shown. */
void watch_init(struct watch *w, uint64_t incarnation, uint64_t after);
void watch_fini(struct watch *w);

/* The subscription is said on a connection that is (again) there. nonce: never used before. */
void watch_start(struct watch *w, const char nonce[static WATCH_NONCE], int64_t now_ms);

/* In its place: it follows, on a connection that is (again) there. */
void watch_follow(struct watch *w, int64_t now_ms);

/* The nonce came on SUB. One that is not ours, or was ours once, changes nothing. */
void watch_nonce(struct watch *w, struct bytes nonce, int64_t now_ms);

/* An update, from SUB, out of an answer or following one; body borrowed. */
void watch_update(struct watch *w, uint64_t incarnation, uint64_t seq, struct bytes body,
                  int64_t now_ms);

/* The answer says: nothing up to `last` is to be had any more; and: this is how it is. */
void watch_lost(struct watch *w, uint64_t last);
void watch_snapshot(struct watch *w, uint64_t incarnation, uint64_t seq, struct bytes body,
                    int64_t now_ms);

/* The next thing to show. Call until WATCH_NONE after each of the above. */
struct watch_shown watch_next(struct watch *w);

/* What is to be said now: sync(nonce); watch or follow(known ? incarnation : 0, seq). Told once,
 * until it is due again. */
enum watch_wish watch_wish(struct watch *w, int64_t now_ms);

#endif
