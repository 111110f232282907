/* SPDX-License-Identifier: Apache-2.0
 *
 * feeds: the ledger's books of feeds: who is watched, and by which session it is fed. Their numbers
 * are those of any topic (updates.c), their leases those of any job (leases.c).
 */
#include <inttypes.h>

#include "tests/sim/books.h"

enum { IDLE_MS = 60000 };

static struct feed_book *book_of(struct sim *s, struct bytes topic)
{
    for (unsigned i = 0; i < FEED_NAMES; i++)
        if (bytes_equal(topic, bytes_text(feed_topics[i])))
            return &s->ledger->feeds[i];
    return NULL;
}

static struct feed_book *book_by_spec(struct sim *s, const struct spec *spec)
{
    return &s->ledger->feeds[spec->serial - feed_spec(0).serial];
}

void feeds_watched(struct sim *s, struct bytes topic, bool on)
{
    struct feed_book *book = book_of(s, topic);
    if (!book)
        return;
    struct spec spec = feed_spec((unsigned)(book - s->ledger->feeds));
    ledger_submitted(s, &spec, &(struct msg_submit){.number = 0});
    if (on)
        book->away_ms = hub_ms(s) - book->left_ms;
    else
        book->left_ms = hub_ms(s);
    book->watched = on;
    book->over = book->paused = false;
}

void feeds_lent(struct sim *s, uint64_t id, const struct spec *spec)
{
    struct feed_book *book = book_by_spec(s, spec);
    const struct work *before = work_of(s, book->id);
    if (!book->watched)
        sim_fail(s, "S24", "job %" PRIx64 " of a feed is lent, and nobody watches", id);
    if (before && before->id != id && work_open(before))
        sim_fail(s, "S24", "jobs %" PRIx64 " and %" PRIx64 " are of one feed", before->id, id);
    book->id = id;
}

void feeds_published(struct sim *s, struct bytes topic, struct bytes body)
{
    struct feed_book *book = book_of(s, topic);
    if (!book)
        return;
    book->told_us = s->now_us;
    book->over = bytes_equal(task_read(body).event, bytes_text("ended"));
}

/* A client may pause one as it may pause any session. */
void feeds_paused(struct sim *s, const struct work *work)
{
    book_by_spec(s, &work->spec)->paused = true;
}

/* Nobody came back to it for a minute; its last iteration may have taken longer than that. */
bool feeds_idle(struct sim *s, const struct work *work)
{
    const struct feed_book *book = book_by_spec(s, &work->spec);
    int64_t away_ms = book->watched ? book->away_ms : hub_ms(s) - book->left_ms;
    return away_ms >= IDLE_MS || s->knobs.limits.topics_max; /* it may be watched by too many */
}

void feeds_crashed(struct ledger *l)
{
    for (unsigned i = 0; i < FEED_NAMES; i++)
        l->feeds[i].watched = l->feeds[i].over = l->feeds[i].paused = false;
}

/* In the calm each that is watched goes on, unless it has ended. */
bool feeds_done(const struct sim *s)
{
    for (unsigned i = 0; i < FEED_NAMES && !s->knobs.limits.topics_max; i++) {
        const struct feed_book *book = &s->ledger->feeds[i];
        if (book->watched && !book->over && !book->paused && book->told_us <= s->calm_us)
            return false;
    }
    return true;
}

/* Those to which nobody has come back are no more. */
void feeds_end(struct sim *s)
{
    for (unsigned i = 0; i < FEED_NAMES; i++) {
        const struct work *work = work_of(s, s->ledger->feeds[i].id);
        int64_t left_ms = hub_ms(s) - s->ledger->feeds[i].left_ms;
        if (work && work_open(work) && !s->ledger->feeds[i].watched && left_ms > IDLE_MS + 5000)
            sim_fail(s, "L4", "job %" PRIx64 " of a feed is left over", work->id);
    }
}

void feeds_explain(const struct sim *s)
{
    for (unsigned i = 0; i < FEED_NAMES; i++) {
        const struct feed_book *book = &s->ledger->feeds[i];
        if (book->watched)
            printf("%s is watched: job %" PRIx64 ", last told at %" PRId64 " s%s\n", feed_topics[i],
                   book->id, book->told_us / SEC_US, book->over ? ", has ended" : "");
    }
}
