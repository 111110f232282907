/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: one watched topic, from PROTOCOL.md section 6. A SUB socket alone loses updates without a
 * word (a subscription still on its way, a full queue, a lost connection), so this decides what to
 * ask the broker for and what may be shown: a snapshot, then every update once and in order, and
 * `lost` for what cannot be had. Pure: time and records are given, wishes are taken from it.
 *
 *   SYNC    subscribed; sync(nonce) is said until the nonce comes back on SUB: the subscription holds
 *   ASKED   watch(...) is said, its snapshot has not come
 *   LIVE    updates follow one another; after 2 s of silence: ASKED
 *
 * A topic that ends in / is a prefix: what comes is shown, nothing is asked.
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
enum watch_wish { WATCH_NOTHING, WATCH_SAY_SYNC, WATCH_SAY_WATCH };

/* What is to be shown next. */
enum watch_event { WATCH_NONE, WATCH_UPDATE, WATCH_SNAPSHOT, WATCH_LOST };
struct watch_shown {
    enum watch_event event;
    uint64_t incarnation, seq; /* of the update; of the last one lost */
    uint64_t first;            /* lost: first .. seq */
    struct bytes body;         /* lent until the next call */
};

struct watch {
    enum watch_state state;
    bool prefix;
    bool known;                /* incarnation and seq are what was shown last */
    uint64_t incarnation, seq;
    char nonce[WATCH_NONCE];
    int64_t due_ms;            /* say it (again); -1: nothing is due */
    struct watch_held {        /* came too early, by seq */
        uint64_t incarnation, seq;
        struct buf body;
    } * held;
    size_t held_count, held_bytes;
    struct watch_shown snapshot; /* to be shown after what is lost before it */
    struct buf body, shown;      /* of the snapshot; of what is lent */
    uint64_t lost_to;            /* told: nothing up to here will come */
};

/* after > 0: go on behind that update of that incarnation. */
void watch_init(struct watch *w, bool prefix, uint64_t incarnation, uint64_t after);
void watch_fini(struct watch *w);

/* The connection is (again) there, or the subscription was made anew: begin with SYNC. */
void watch_start(struct watch *w, const char nonce[static WATCH_NONCE], int64_t now_ms);

void watch_nonce(struct watch *w, struct bytes nonce, int64_t now_ms);
/* From SUB or from the answer to watch; body borrowed. */
void watch_update(struct watch *w, uint64_t incarnation, uint64_t seq, struct bytes body,
                  int64_t now_ms);
void watch_lost(struct watch *w, uint64_t last);
void watch_snapshot(struct watch *w, uint64_t incarnation, uint64_t seq, struct bytes body,
                    int64_t now_ms);

/* What is to be said now; each wish is told once, until it is due again. */
enum watch_wish watch_wish(struct watch *w, int64_t now_ms);

/* The next thing to show; call until WATCH_NONE. */
struct watch_shown watch_next(struct watch *w);

#endif
