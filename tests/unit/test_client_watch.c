/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching a topic without loss: by hand for each rule, and against a broker and a network that
 * lose, delay and repeat.
 */
#include <stdio.h>

#include "common/random.h"
#include "producer/client/watch.h"
#include "tests/unit/check.h"

static const char nonce_a[WATCH_NONCE] = "aaaaaaaaaaaaaaaa",
                  nonce_b[WATCH_NONCE] = "bbbbbbbbbbbbbbbb";

static struct bytes body_of(uint64_t incarnation, uint64_t seq)
{
    static char text[64];
    snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)incarnation,
             (unsigned long long)seq);
    return bytes_text(text);
}

static void update(struct watch *w, uint64_t incarnation, uint64_t seq, int64_t now_ms)
{
    watch_update(w, incarnation, seq, body_of(incarnation, seq), now_ms);
}

static void snapshot(struct watch *w, uint64_t incarnation, uint64_t seq, int64_t now_ms)
{
    watch_snapshot(w, incarnation, seq, body_of(incarnation, seq), now_ms);
}

/* Everything there is to show, as "S1.4 U1.5 L1.6-9 ". */
static const char *shown(struct watch *w)
{
    static struct buf out;
    struct watch_shown s;
    buf_clear(&out);
    while ((s = watch_next(w)).event != WATCH_NONE) {
        if (s.event == WATCH_LOST) {
            buf_printf(&out, "L%llu.%llu-%llu ", (unsigned long long)s.incarnation,
                       (unsigned long long)s.first, (unsigned long long)s.seq);
            continue;
        }
        CHECK_BYTES(s.body, body_of(s.incarnation, s.seq));
        buf_printf(&out, "%c%.*s ", s.event == WATCH_SNAPSHOT ? 'S' : 'U', BYTES_ARG(s.body));
    }
    return buf_text(&out);
}

/* Brought to LIVE with a snapshot at 1.10 at time 0. */
static void live(struct watch *w)
{
    watch_init(w, 0, 0);
    watch_start(w, nonce_a, 0);
    CHECK_EQ(watch_wish(w, 0), WATCH_SAY_SYNC);
    watch_nonce(w, bytes_text(nonce_a), 0);
    CHECK_EQ(watch_wish(w, 0), WATCH_SAY_WATCH);
    snapshot(w, 1, 10, 0);
    CHECK_TEXT(shown(w), "S1.10 ");
    CHECK_EQ(watch_wish(w, 0), WATCH_NOTHING);
}

TEST(sync_is_said_until_its_nonce_comes)
{
    struct watch w;
    watch_init(&w, 0, 0);
    watch_start(&w, nonce_a, 100);
    CHECK_EQ(watch_wish(&w, 100), WATCH_SAY_SYNC);
    CHECK_EQ(watch_wish(&w, 100), WATCH_NOTHING);
    CHECK_EQ(watch_wish(&w, 149), WATCH_NOTHING);
    CHECK_EQ(watch_wish(&w, 150), WATCH_SAY_SYNC);
    watch_nonce(&w, bytes_text(nonce_b), 160);
    CHECK_EQ(watch_wish(&w, 160), WATCH_NOTHING);
    watch_nonce(&w, bytes_text(nonce_a), 170);
    CHECK_EQ(watch_wish(&w, 170), WATCH_SAY_WATCH);
    CHECK_EQ(watch_wish(&w, 171), WATCH_NOTHING);
    watch_nonce(&w, bytes_text(nonce_a), 180); /* sync was said twice */
    CHECK_EQ(watch_wish(&w, 180), WATCH_NOTHING);
    CHECK_EQ(watch_wish(&w, 2170), WATCH_SAY_WATCH); /* no answer */
    watch_fini(&w);
}

TEST(updates_before_the_snapshot_follow_it)
{
    struct watch w;
    watch_init(&w, 0, 0);
    watch_start(&w, nonce_a, 0);
    update(&w, 1, 4, 0);
    update(&w, 1, 6, 0);
    update(&w, 1, 5, 0);
    CHECK_TEXT(shown(&w), "");
    watch_nonce(&w, bytes_text(nonce_a), 0);
    CHECK_EQ(watch_wish(&w, 0), WATCH_SAY_WATCH);
    snapshot(&w, 1, 4, 0);
    CHECK_TEXT(shown(&w), "S1.4 U1.5 U1.6 ");
    watch_fini(&w);
}

TEST(each_update_is_shown_once_and_in_order)
{
    struct watch w;
    live(&w);
    update(&w, 1, 11, 1);
    update(&w, 1, 11, 1);
    update(&w, 1, 10, 1);
    update(&w, 1, 3, 1);
    CHECK_TEXT(shown(&w), "U1.11 ");
    update(&w, 1, 13, 1);
    update(&w, 1, 13, 1);
    update(&w, 1, 12, 1);
    CHECK_TEXT(shown(&w), "U1.12 U1.13 ");
    CHECK_EQ(watch_wish(&w, 1), WATCH_NOTHING);
    watch_fini(&w);
}

TEST(a_gap_is_asked_for_at_once_and_closed_by_the_replay)
{
    struct watch w;
    live(&w);
    update(&w, 1, 14, 1);
    CHECK_TEXT(shown(&w), "");
    CHECK_EQ(watch_wish(&w, 1), WATCH_SAY_WATCH);
    update(&w, 1, 15, 2);
    CHECK_TEXT(shown(&w), "");
    CHECK_EQ(watch_wish(&w, 2), WATCH_NOTHING); /* asked already */
    for (uint64_t seq = 11; seq <= 14; seq++)
        update(&w, 1, seq, 3);
    CHECK_TEXT(shown(&w), "U1.11 U1.12 U1.13 U1.14 U1.15 ");
    snapshot(&w, 1, 14, 3);
    CHECK_TEXT(shown(&w), ""); /* no news */
    CHECK_EQ(watch_wish(&w, 3), WATCH_NOTHING);
    update(&w, 1, 16, 4);
    CHECK_TEXT(shown(&w), "U1.16 ");
    watch_fini(&w);
}

TEST(what_is_lost_is_told_exactly_and_followed_by_a_snapshot)
{
    struct watch w;
    live(&w);
    update(&w, 1, 20, 1);
    CHECK_EQ((shown(&w), watch_wish(&w, 1)), WATCH_SAY_WATCH);
    watch_lost(&w, 17);
    for (uint64_t seq = 18; seq <= 20; seq++)
        update(&w, 1, seq, 2);
    snapshot(&w, 1, 20, 2);
    CHECK_TEXT(shown(&w), "L1.11-17 U1.18 U1.19 U1.20 S1.20 ");
    watch_fini(&w);
}

TEST(what_is_lost_may_be_told_after_what_is_not)
{
    struct watch w;
    live(&w);
    update(&w, 1, 20, 1);
    CHECK_EQ((shown(&w), watch_wish(&w, 1)), WATCH_SAY_WATCH);
    update(&w, 1, 18, 2);
    update(&w, 1, 19, 2);
    CHECK_TEXT(shown(&w), "");
    watch_lost(&w, 17);
    CHECK_TEXT(shown(&w), "L1.11-17 U1.18 U1.19 U1.20 ");
    snapshot(&w, 1, 20, 2);
    CHECK_TEXT(shown(&w), "S1.20 ");
    watch_fini(&w);
}

TEST(an_update_that_came_by_itself_is_not_lost)
{
    struct watch w;
    live(&w);
    update(&w, 1, 13, 1);
    CHECK_EQ((shown(&w), watch_wish(&w, 1)), WATCH_SAY_WATCH);
    watch_lost(&w, 15);
    snapshot(&w, 1, 15, 2);
    CHECK_TEXT(shown(&w), "L1.11-12 U1.13 L1.14-15 S1.15 ");
    watch_fini(&w);
}

TEST(a_snapshot_ahead_of_all_updates_means_loss)
{
    struct watch w;
    live(&w);
    CHECK_EQ(watch_wish(&w, WATCH_SILENCE_MS), WATCH_SAY_WATCH);
    snapshot(&w, 1, 12, WATCH_SILENCE_MS);
    CHECK_TEXT(shown(&w), "L1.11-12 S1.12 ");
    watch_fini(&w);
}

TEST(silence_is_checked_every_2_s)
{
    struct watch w;
    live(&w);
    update(&w, 1, 11, 1500);
    CHECK_TEXT(shown(&w), "U1.11 ");
    CHECK_EQ(watch_wish(&w, 3499), WATCH_NOTHING);
    CHECK_EQ(watch_wish(&w, 3500), WATCH_SAY_WATCH);
    snapshot(&w, 1, 11, 3501);
    CHECK_TEXT(shown(&w), "");
    CHECK_EQ(watch_wish(&w, 5500), WATCH_NOTHING);
    CHECK_EQ(watch_wish(&w, 5501), WATCH_SAY_WATCH);
    update(&w, 1, 12, 5502); /* the last event, lost on SUB, replayed */
    snapshot(&w, 1, 12, 5502);
    CHECK_TEXT(shown(&w), "U1.12 ");
    watch_fini(&w);
}

TEST(after_a_lost_connection_it_goes_on_where_it_was)
{
    struct watch w;
    live(&w);
    watch_start(&w, nonce_b, 5000);
    CHECK_EQ(watch_wish(&w, 5000), WATCH_SAY_SYNC);
    snapshot(&w, 1, 10, 5000); /* an answer from before: not to what is asked now */
    CHECK_EQ(w.state, WATCH_SYNC);
    watch_nonce(&w, bytes_text(nonce_a), 5000);
    CHECK_EQ(watch_wish(&w, 5000), WATCH_NOTHING);
    watch_nonce(&w, bytes_text(nonce_b), 5000);
    CHECK_EQ(watch_wish(&w, 5000), WATCH_SAY_WATCH);
    CHECK(w.known && w.incarnation == 1 && w.seq == 10);
    update(&w, 1, 11, 5001);
    snapshot(&w, 1, 11, 5001);
    CHECK_TEXT(shown(&w), "U1.11 ");
    watch_fini(&w);
}

TEST(another_life_of_the_broker_begins_with_a_snapshot)
{
    struct watch w;
    live(&w);
    update(&w, 2, 1, 1);
    CHECK_TEXT(shown(&w), "");
    CHECK_EQ(watch_wish(&w, 1), WATCH_SAY_WATCH);
    update(&w, 2, 3, 1);
    update(&w, 2, 2, 1);
    snapshot(&w, 2, 1, 2);
    CHECK_TEXT(shown(&w), "S2.1 U2.2 U2.3 ");
    update(&w, 1, 11, 3); /* of the life that is over */
    CHECK_TEXT(shown(&w), "");
    CHECK_EQ(watch_wish(&w, 3), WATCH_NOTHING);
    watch_fini(&w);
}

TEST(it_can_begin_behind_a_known_update)
{
    struct watch w;
    watch_init(&w, 1, 7);
    watch_start(&w, nonce_a, 0);
    watch_nonce(&w, bytes_text(nonce_a), 0);
    CHECK_EQ(watch_wish(&w, 0), WATCH_SAY_WATCH);
    update(&w, 1, 8, 0);
    update(&w, 1, 9, 0);
    snapshot(&w, 1, 9, 0);
    CHECK_TEXT(shown(&w), "U1.8 U1.9 ");
    watch_fini(&w);
}

TEST(what_is_held_has_a_limit)
{
    struct watch w;
    live(&w);
    for (uint64_t seq = 12; seq < 12 + 3 * WATCH_HELD_MAX; seq++)
        update(&w, 1, seq, 1);
    CHECK_EQ(w.held_count, WATCH_HELD_MAX);
    CHECK_TEXT(shown(&w), "");
    CHECK_EQ(watch_wish(&w, 1), WATCH_SAY_WATCH);
    snapshot(&w, 1, 11 + WATCH_HELD_MAX, 2);
    shown(&w);
    CHECK_EQ(w.seq, 11 + WATCH_HELD_MAX);
    static char large[WATCH_HELD_BYTES_MAX];
    watch_update(&w, 1, w.seq + 2, bytes_of(large, sizeof large), 3);
    watch_update(&w, 1, w.seq + 3, bytes_of(large, 1), 3);
    CHECK_EQ(w.held_count, 1);
    watch_fini(&w);
}

TEST(who_follows_says_so_once_and_is_not_troubled_by_silence)
{
    struct watch w;
    watch_init(&w, 0, 0);
    watch_follow(&w, 0);
    CHECK_EQ(watch_wish(&w, 0), WATCH_SAY_FOLLOW);
    CHECK_EQ(watch_wish(&w, 1999), WATCH_NOTHING);
    CHECK_EQ(watch_wish(&w, 2000), WATCH_SAY_FOLLOW); /* no answer */
    snapshot(&w, 1, 4, 2001);
    CHECK_TEXT(shown(&w), "S1.4 ");
    update(&w, 1, 5, 2002);
    CHECK_TEXT(shown(&w), "U1.5 ");
    CHECK_EQ(watch_wish(&w, 1000000), WATCH_NOTHING);
    watch_follow(&w, 1000000); /* on another connection */
    CHECK_EQ(watch_wish(&w, 1000000), WATCH_SAY_FOLLOW);
    CHECK(w.known && w.incarnation == 1 && w.seq == 5);
    watch_fini(&w);
}

TEST(what_went_by_without_credit_is_told_as_an_answer)
{
    struct watch w;
    watch_init(&w, 0, 0);
    watch_follow(&w, 0);
    CHECK_EQ(watch_wish(&w, 0), WATCH_SAY_FOLLOW);
    snapshot(&w, 1, 4, 1);
    CHECK_TEXT(shown(&w), "S1.4 ");
    watch_lost(&w, 6);
    update(&w, 1, 7, 2);
    snapshot(&w, 1, 7, 2);
    CHECK_TEXT(shown(&w), "L1.5-6 U1.7 S1.7 ");
    CHECK_EQ(watch_wish(&w, 2), WATCH_NOTHING);
    watch_fini(&w);
}

/* --- against a broker and a network ---------------------------------------------------------- */

enum { RING = 8, PIPE = 64, CREDIT = 16 };
struct message {
    enum { MSG_UPDATE, MSG_LOST, MSG_SNAPSHOT, MSG_NONCE } kind;
    uint64_t incarnation, seq;
};
struct pipe {
    struct message at[PIPE];
    unsigned count;
};
struct world {
    struct random random;
    uint64_t incarnation, seq;
    bool subscribed;
    bool one_port, followed, behind; /* updates come on the dealer, as far as there is credit */
    int credit, taken;
    uint64_t told; /* to who follows */
    struct pipe sub, dealer;
    char nonce[WATCH_NONCE];
    unsigned nonces;
    struct watch w;
    /* what was shown */
    bool begun;
    uint64_t shown_incarnation, shown_seq;
    bool stale;
    unsigned snapshots, updates, losses;
};

static bool often(struct world *world, unsigned percent)
{
    return random_below(&world->random, 100) < percent;
}

static void carry(struct pipe *p, struct message m)
{
    if (p->count < PIPE)
        p->at[p->count++] = m;
}

static void broker_publishes(struct world *world)
{
    world->seq++;
    if (world->subscribed && often(world, 80)) /* a full queue drops without a word */
        carry(&world->sub, (struct message){MSG_UPDATE, world->incarnation, world->seq});
    if (!world->followed)
        return;
    if (world->credit <= 0) {
        world->behind = true;
        return;
    }
    world->credit--;
    world->told = world->seq;
    carry(&world->dealer, (struct message){MSG_UPDATE, world->incarnation, world->seq});
}

static void broker_answers(struct world *world, uint64_t after)
{
    uint64_t first = world->seq > RING ? world->seq - RING + 1 : 1;
    if (after && after < world->seq) {
        if (after + 1 < first)
            carry(&world->dealer, (struct message){MSG_LOST, world->incarnation, first - 1});
        for (uint64_t s = after + 1 < first ? first : after + 1; s <= world->seq; s++) {
            carry(&world->dealer, (struct message){MSG_UPDATE, world->incarnation, s});
            world->credit--;
        }
    }
    carry(&world->dealer, (struct message){MSG_SNAPSHOT, world->incarnation, world->seq});
    world->told = world->seq;
    world->behind = false;
}

static void broker_is_given(struct world *world, int credit)
{
    world->credit += credit;
    if (world->behind && world->credit > 0)
        broker_answers(world, world->told);
}

static void client_shows(struct world *world)
{
    struct watch_shown s;
    while ((s = watch_next(&world->w)).event != WATCH_NONE) {
        bool same = world->begun && s.incarnation == world->shown_incarnation;
        switch (s.event) {
        case WATCH_SNAPSHOT:
            CHECK(!world->begun || s.incarnation > world->shown_incarnation || world->stale);
            CHECK(!same || s.seq == world->shown_seq);
            world->stale = false;
            world->snapshots++;
            break;
        case WATCH_UPDATE:
            CHECK(same && s.seq == world->shown_seq + 1);
            world->updates++;
            break;
        case WATCH_LOST:
            CHECK(same && s.first == world->shown_seq + 1 && s.seq >= s.first);
            CHECK(s.seq <= world->seq || s.incarnation != world->incarnation);
            world->stale = true;
            world->losses++;
            break;
        default: CHECK(false);
        }
        world->begun = true;
        world->shown_incarnation = s.incarnation;
        world->shown_seq = s.seq;
    }
}

/* The first of a pipe arrives; now and then twice, or (SUB and DEALER are two connections) late. */
static void client_takes(struct world *world, struct pipe *p, int64_t now_ms)
{
    if (!p->count)
        return;
    struct message m = p->at[0];
    memmove(p->at, p->at + 1, --p->count * sizeof *p->at);
    switch (m.kind) {
    case MSG_UPDATE: update(&world->w, m.incarnation, m.seq, now_ms); break;
    case MSG_LOST: watch_lost(&world->w, m.seq); break;
    case MSG_SNAPSHOT: snapshot(&world->w, m.incarnation, m.seq, now_ms); break;
    case MSG_NONCE: watch_nonce(&world->w, bytes_text(world->nonce), now_ms); break;
    }
    client_shows(world);
    if (m.kind == MSG_UPDATE && world->followed && ++world->taken >= CREDIT / 2) {
        broker_is_given(world, world->taken);
        world->taken = 0;
    }
}

static void client_connects(struct world *world, int64_t now_ms)
{
    world->sub.count = world->dealer.count = 0;
    snprintf(world->nonce, sizeof world->nonce, "%016x", ++world->nonces);
    if (world->one_port)
        watch_follow(&world->w, now_ms);
    else
        watch_start(&world->w, world->nonce, now_ms);
    world->subscribed = world->followed = false;
}

static void client_says(struct world *world, int64_t now_ms)
{
    uint64_t after =
        world->w.known && world->w.incarnation == world->incarnation ? world->w.seq : 0;
    switch (watch_wish(&world->w, now_ms)) {
    case WATCH_SAY_SYNC:
        world->subscribed = world->subscribed || often(world, 50); /* it is on its way */
        if (world->subscribed)
            carry(&world->sub, (struct message){.kind = MSG_NONCE});
        break;
    case WATCH_SAY_WATCH: broker_answers(world, after); break;
    case WATCH_SAY_FOLLOW:
        world->followed = true;
        world->credit = CREDIT;
        world->taken = 0;
        broker_answers(world, after);
        break;
    case WATCH_NOTHING: break;
    }
}

static void step(struct world *world, int64_t now_ms, bool faults)
{
    if (faults && often(world, 30))
        broker_publishes(world);
    if (faults && random_below(&world->random, 500) == 0)
        for (int i = 0; i < 3 * RING; i++) /* more than the ring can replay */
            broker_publishes(world);
    if (faults && random_below(&world->random, 2000) == 0) {
        world->incarnation++; /* a new life, with what it finds of the object */
        world->seq = random_below(&world->random, 5);
        client_connects(world, now_ms);
    } else if (faults && random_below(&world->random, 1000) == 0) {
        client_connects(world, now_ms);
    }
    if (often(world, 60))
        client_takes(world, &world->sub, now_ms);
    if (often(world, 60))
        client_takes(world, &world->dealer, now_ms);
    client_says(world, now_ms);
}

static void many_worlds(bool one_port)
{
    unsigned updates = 0, losses = 0, snapshots = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world world = {
            .random = {.state = seed}, .incarnation = 1, .seq = seed % 3, .one_port = one_port};
        int64_t now_ms = 0;
        watch_init(&world.w, 0, 0);
        client_connects(&world, now_ms);
        for (int i = 0; i < 5000; i++)
            step(&world, now_ms += 10, true);
        /* Then nothing more happens, the last update was perhaps lost, and time passes. */
        for (int i = 0; i < 2000; i++)
            step(&world, now_ms += 10, false);
        CHECK_EQ(world.shown_incarnation, world.incarnation);
        CHECK_EQ(world.shown_seq, world.seq);
        CHECK(!world.stale);
        updates += world.updates;
        losses += world.losses;
        snapshots += world.snapshots;
        watch_fini(&world.w);
    }
    CHECK(updates > 10000 && losses > 1000 && snapshots > 200);
}

TEST(whatever_is_lost_on_the_way_all_is_shown_or_told)
{
    many_worlds(false);
}

TEST(who_follows_with_little_credit_is_shown_or_told_all)
{
    many_worlds(true);
}
