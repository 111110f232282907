/* SPDX-License-Identifier: Apache-2.0
 *
 * follow: a topic watched over the watcher's own connection, by whom the updates' port is closed to
 * or out of reach. It is answered as `watch` is (snapshot.c); behind the snapshot come the updates
 * as they happen, in order and without gaps, as far as credit was given. When it is used up nothing
 * waits here for a slow reader: the topic's ring bridges the gap once there is credit again.
 */
#include "producer/core/core.h"

enum { CREDIT_MAX = 1 << 20 };

struct follow *follow_find(const struct peer *peer, uint64_t number, struct bytes topic)
{
    struct follow *f = number ? idmap_find(&peer->follows, number) : NULL;
    return f && bytes_equal(f->topic->name, topic) ? f : NULL;
}

static void follow_end(struct broker *b, struct follow *f)
{
    idmap_take(&f->peer->follows, f->number);
    topic_unfollow(b, f);
    if (f->owner)
        f->owner->usage.follows--;
    free(f);
}

void follows_end(struct broker *b, struct peer *peer)
{
    size_t at = 0;
    for (struct follow *f; (f = idmap_next(&peer->follows, &at)); at = 0)
        follow_end(b, f);
}

void follows_fini(struct peer *peer)
{
    size_t at = 0;
    for (struct follow *f; (f = idmap_next(&peer->follows, &at));)
        free(f);
    idmap_fini(&peer->follows);
}

bool follow_refused(struct broker *b, struct peer *peer, const struct find *ask)
{
    struct follow *f = follow_find(peer, ask->number, ask->topic);
    if (f)
        follow_end(b, f);
    return f;
}

/* --- what a client says ----------------------------------------------------------------------- */

static bool name_valid(struct bytes name)
{
    const char *text = name.data;
    return name.size && name.size <= TOPIC_BYTES_MAX && text[name.size - 1] != '/';
}

static void ask_from(struct broker *b, struct follow *f, bool goes_on, uint64_t after)
{
    struct find ask = {.peer = f->peer->id,
                       .number = f->number,
                       .kind = FIND_FOLLOW,
                       .topic = f->topic->name,
                       .goes_on = goes_on,
                       .id = goes_on ? after : 0};
    f->answered = false;
    gate_open(b);
    snapshot_ask(b, f->peer, &ask); /* refused, it is over by then */
    gate_close(b);
}

static int64_t credit_of(uint64_t count)
{
    return count < CREDIT_MAX ? (int64_t)count : CREDIT_MAX;
}

static void begin(struct broker *b, struct peer *peer, const struct msg_follow *m)
{
    struct follow *f = idmap_find(&peer->follows, m->number);
    if (f) /* said again */
        follow_end(b, f);
    if (peer->follows.count >= b->limits.follows_max) {
        send_error(b, peer, m->number, ERR_BUSY, "this connection follows too many topics");
        return;
    }
    if (b->permits.on && !usage_follows(b, peer, m->number))
        return;
    f = must_alloc(sizeof *f);
    *f = (struct follow){.peer = peer,
                         .number = m->number,
                         .owner = peer->client->owner,
                         .credit = credit_of(m->credit)};
    if (!topic_follow(b, f, m->topic)) {
        send_error(b, peer, m->number, ERR_BUSY, "too many topics are watched");
        free(f);
        return;
    }
    idmap_put(&peer->follows, f->number, f);
    if (f->owner)
        f->owner->usage.follows++;
    ask_from(b, f, m->incarnation == b->options.incarnation, m->after);
}

static void more(struct broker *b, struct follow *f, uint64_t count)
{
    f->credit += credit_of(count);
    if (f->credit > CREDIT_MAX)
        f->credit = CREDIT_MAX;
    if (f->credit > 0 && f->behind && f->answered)
        ask_from(b, f, true, f->seq);
}

/* What is said of one that is not there (any more) crossed the error that ended it. */
bool follow_record(struct broker *b, struct peer *peer, const struct record *r)
{
    if (r->type != REC_follow && r->type != REC_unfollow && r->type != REC_follow_more)
        return false;
    accepted_flush(b);
    uint64_t number = r->follow.number; /* the three begin alike */
    struct follow *f = number ? idmap_find(&peer->follows, number) : NULL;
    if (r->type == REC_follow && number && name_valid(r->follow.topic))
        begin(b, peer, &r->follow);
    else if (r->type == REC_follow)
        send_error(b, peer, number, ERR_INVALID, "a topic is followed by its name, and a number");
    else if (f && r->type == REC_follow_more)
        more(b, f, r->follow_more.count);
    else if (f)
        follow_end(b, f);
    return true;
}

/* --- what it is told -------------------------------------------------------------------------- */

void follow_answered(struct broker *b, struct follow *f, uint64_t seq, uint64_t repeated)
{
    f->answered = true;
    f->behind = false;
    f->seq = seq;
    f->credit -= (int64_t)repeated;
    f->told_by = b->put_seq;
}

void follow_tell(struct broker *b, struct follow *f, uint64_t seq, struct bytes body)
{
    if (!f->answered || f->credit <= 0) {
        f->behind = true;
        return;
    }
    f->credit--;
    f->seq = seq;
    struct record r = {.type = REC_update,
                       .update = {.number = f->number, .topic = f->topic->name, .body = body}};
    send_behind(b, f->peer, &r, &f->told_by);
}
