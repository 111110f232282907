/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/watch.h"

void watch_init(struct watch *w, uint64_t incarnation, uint64_t after)
{
    *w = (struct watch){.known = incarnation != 0, .incarnation = incarnation, .seq = after};
}

static void held_drop(struct watch *w, size_t from, size_t count)
{
    if (!count)
        return;
    for (size_t i = from; i < from + count; i++) {
        w->held_bytes -= w->held[i].body.size;
        buf_fini(&w->held[i].body);
    }
    w->held_count -= count;
    memmove(w->held + from, w->held + from + count, (w->held_count - from) * sizeof *w->held);
}

void watch_fini(struct watch *w)
{
    held_drop(w, 0, w->held_count);
    free(w->held);
    buf_fini(&w->answer.body);
    buf_fini(&w->lent);
    *w = (struct watch){0};
}

void watch_start(struct watch *w, const char nonce[static WATCH_NONCE], int64_t now_ms)
{
    w->state = WATCH_SYNC;
    w->follows = false;
    memcpy(w->nonce, nonce, WATCH_NONCE);
    w->due_ms = now_ms;
}

void watch_follow(struct watch *w, int64_t now_ms)
{
    w->state = WATCH_ASKED;
    w->follows = true;
    w->nonce[0] = 0;
    w->due_ms = now_ms;
}

static int64_t silence_ms(const struct watch *w, int64_t now_ms)
{
    return w->follows ? INT64_MAX : now_ms + WATCH_SILENCE_MS;
}

void watch_nonce(struct watch *w, struct bytes nonce, int64_t now_ms)
{
    if (w->state != WATCH_SYNC || !bytes_equal(nonce, bytes_text(w->nonce)))
        return;
    w->state = WATCH_ASKED;
    w->due_ms = now_ms;
}

/* Below 0: a comes before b. */
static int order(uint64_t a_incarnation, uint64_t a_seq, uint64_t b_incarnation, uint64_t b_seq)
{
    if (a_incarnation != b_incarnation)
        return a_incarnation < b_incarnation ? -1 : 1;
    return a_seq < b_seq ? -1 : a_seq > b_seq;
}

void watch_update(struct watch *w, uint64_t incarnation, uint64_t seq, struct bytes body,
                  int64_t now_ms)
{
    if (w->known && order(incarnation, seq, w->incarnation, w->seq) <= 0)
        return; /* shown, or of a life of the broker that is over */
    if (w->state == WATCH_LIVE)
        w->due_ms = silence_ms(w, now_ms);
    size_t at = w->held_count;
    int side = 1;
    while (at > 0 &&
           (side = order(incarnation, seq, w->held[at - 1].incarnation, w->held[at - 1].seq)) < 0)
        at--;
    if (at > 0 && side == 0)
        return;
    /* At the limit it is a gap like any other, closed by a later answer. */
    if (w->held_count == WATCH_HELD_MAX || w->held_bytes + body.size > WATCH_HELD_BYTES_MAX)
        return;
    if (!w->held)
        w->held = must_alloc(WATCH_HELD_MAX * sizeof *w->held);
    memmove(w->held + at + 1, w->held + at, (w->held_count - at) * sizeof *w->held);
    w->held[at] = (struct watch_held){.incarnation = incarnation, .seq = seq};
    buf_put(&w->held[at].body, body.data, body.size);
    w->held_count++;
    w->held_bytes += body.size;
}

void watch_lost(struct watch *w, uint64_t last)
{
    if (w->known && last > w->lost_to)
        w->lost_to = last;
}

void watch_snapshot(struct watch *w, uint64_t incarnation, uint64_t seq, struct bytes body,
                    int64_t now_ms)
{
    if (w->state != WATCH_ASKED && !w->follows)
        return; /* an answer to what was asked before the connection was lost */
    w->state = WATCH_LIVE;
    w->due_ms = silence_ms(w, now_ms);
    w->answered = true;
    w->answer.incarnation = incarnation;
    w->answer.seq = seq;
    buf_clear(&w->answer.body);
    buf_put(&w->answer.body, body.data, body.size);
    if (w->known && incarnation == w->incarnation)
        watch_lost(w, seq); /* what the answer did not bring will not come */
    for (size_t i = w->held_count; i-- > 0;)
        if (w->held[i].incarnation != incarnation)
            held_drop(w, i, 1);
}

static struct watch_shown show_snapshot(struct watch *w)
{
    w->answered = false;
    w->known = true;
    w->stale = false;
    w->incarnation = w->answer.incarnation;
    w->seq = w->answer.seq;
    w->lost_to = 0;
    return (struct watch_shown){.event = WATCH_SNAPSHOT,
                                .incarnation = w->incarnation,
                                .seq = w->seq,
                                .body = buf_bytes(&w->answer.body)};
}

static struct watch_shown show_update(struct watch *w)
{
    buf_fini(&w->lent);
    w->lent = w->held[0].body;
    w->held[0].body = (struct buf){0};
    w->held_bytes -= w->lent.size;
    held_drop(w, 0, 1);
    w->seq++;
    return (struct watch_shown){.event = WATCH_UPDATE,
                                .incarnation = w->incarnation,
                                .seq = w->seq,
                                .body = buf_bytes(&w->lent)};
}

static struct watch_shown show_lost(struct watch *w)
{
    struct watch_shown lost = {
        .event = WATCH_LOST, .incarnation = w->incarnation, .first = w->seq + 1, .seq = w->lost_to};
    if (w->held_count && w->held[0].incarnation == w->incarnation && w->held[0].seq <= w->lost_to)
        lost.seq = w->held[0].seq - 1; /* that one we have */
    w->seq = lost.seq;
    w->stale = true;
    return lost;
}

struct watch_shown watch_next(struct watch *w)
{
    const struct watch_shown none = {.event = WATCH_NONE};
    if (w->answered && (!w->known || w->answer.incarnation != w->incarnation))
        return show_snapshot(w);
    if (!w->known)
        return none;
    size_t old = 0;
    while (old < w->held_count &&
           order(w->held[old].incarnation, w->held[old].seq, w->incarnation, w->seq) <= 0)
        old++;
    held_drop(w, 0, old);
    if (w->held_count && w->held[0].incarnation == w->incarnation && w->held[0].seq == w->seq + 1)
        return show_update(w);
    if (w->lost_to > w->seq)
        return show_lost(w);
    /* Nothing of the snapshot is news when every update up to it was shown. */
    if (w->answered && w->stale && w->answer.seq == w->seq)
        return show_snapshot(w);
    w->answered = false;
    return none;
}

enum watch_wish watch_wish(struct watch *w, int64_t now_ms)
{
    bool gap = w->state == WATCH_LIVE && w->held_count > 0;
    if (!gap && now_ms < w->due_ms)
        return WATCH_NOTHING;
    if (w->state == WATCH_SYNC) {
        w->due_ms = now_ms + WATCH_SYNC_EVERY_MS;
        return WATCH_SAY_SYNC;
    }
    w->state = WATCH_ASKED;
    w->due_ms = now_ms + WATCH_SILENCE_MS;
    return w->follows ? WATCH_SAY_FOLLOW : WATCH_SAY_WATCH;
}
