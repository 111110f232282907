/* SPDX-License-Identifier: Apache-2.0
 *
 * follows: the ledger's books of topics that are followed over a client's own connection: what is
 * told under one number has no gap that is not told as lost, and is no more than was asked for.
 * What such an update must be beside that is what any must be (updates.c).
 */
#include <inttypes.h>

#include "tests/sim/books.h"

enum { RING = 64 }; /* updates that an answer may repeat */

struct follow_book {
    uint64_t peer, number;
    bool known;            /* where it stands: */
    uint64_t told;         /* the last update that was told, as it is or as lost */
    uint64_t given, spent; /* credit; updates told */
    uint64_t answers;      /* snapshots told */
    char topic[TOPIC_BYTES_MAX + 1];
};

static struct follow_book *book_of(const struct sim *s, uint64_t peer, uint64_t number)
{
    struct follow_book *all = (struct follow_book *)(void *)s->ledger->follows.data;
    for (size_t i = 0; i < s->ledger->follows.size / sizeof *all; i++)
        if (all[i].peer == peer && all[i].number == number)
            return &all[i];
    return NULL;
}

/* A body may come twice, so may all that is in it. */
void follows_asked(struct sim *s, uint64_t peer, const struct msg_follow *m)
{
    struct follow_book *book = book_of(s, peer, m->number);
    if (!book) {
        struct follow_book fresh = {.peer = peer, .number = m->number};
        snprintf(fresh.topic, sizeof fresh.topic, "%.*s", BYTES_ARG(m->topic));
        buf_put(&s->ledger->follows, &fresh, sizeof fresh);
        book = book_of(s, peer, m->number);
        book->known = m->incarnation == s->hub.incarnation;
        book->told = m->after;
    }
    book->given += m->credit;
    book->answers++;
}

void follows_more(struct sim *s, uint64_t peer, const struct msg_follow_more *m)
{
    struct follow_book *book = book_of(s, peer, m->number);
    if (book)
        book->given += m->count;
}

static void told_update(struct sim *s, struct follow_book *book, struct bytes body)
{
    uint64_t seq = updates_followed(s, bytes_text(book->topic), body);
    if (!book->known || seq > book->told + 1)
        sim_fail(s, "S13", "%s: update %" PRIu64 " is told after %" PRIu64, book->topic, seq,
                 book->told);
    if (++book->spent > book->given + book->answers * RING)
        sim_fail(s, "S13", "%s: update %" PRIu64 " is told beyond what was asked for", book->topic,
                 seq);
    if (seq > book->told)
        book->told = seq;
}

bool follows_told(struct sim *s, uint64_t peer, const struct record *r)
{
    struct follow_book *book = book_of(s, peer, r->done.number); /* they all begin with it */
    if (!book)
        return false;
    switch (r->type) {
    case REC_update: told_update(s, book, r->update.body); break;
    case REC_lost:
        if (!book->known || r->lost.first > book->told + 1)
            sim_fail(s, "S13", "%s: lost from %" PRIu64 " on after %" PRIu64, book->topic,
                     r->lost.first, book->told);
        if (r->lost.last > book->told)
            book->told = r->lost.last;
        break;
    case REC_snapshot:
        if (book->known && r->snapshot.seq > book->told)
            sim_fail(s, "S13", "%s: a snapshot at %" PRIu64 " after %" PRIu64, book->topic,
                     r->snapshot.seq, book->told);
        book->known = true;
        if (r->snapshot.seq > book->told)
            book->told = r->snapshot.seq;
        book->answers++;
        break;
    default: break; /* refused */
    }
    return true;
}
