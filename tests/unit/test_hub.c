/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub of live updates against a source made by hand: who is told what, from where on, and that
 * nobody who is slow costs the others anything. Then positions and rings by themselves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/must.h"
#include "common/pack.h"
#include "producer/gateway/live/hub.h"
#include "tests/unit/check.h"

/* --- a source ------------------------------------------------------------------------------- */

static struct hub hub;
static struct hub_topic *topic; /* subscribed last */
static struct buf said;         /* what the hub asked of its source */
static enum err refusal;

static enum err fake_subscribe(void *user, struct hub_topic *t, const char *name,
                               struct position after)
{
    (void)user;
    if (refusal)
        return refusal;
    topic = t;
    buf_printf(&said, "+%s@%llu.%llu ", name, (unsigned long long)after.incarnation,
               (unsigned long long)after.seq);
    return OK;
}

static void fake_unsubscribe(void *user, const char *name)
{
    (void)user;
    buf_printf(&said, "-%s ", name);
}

static void fake_ask_state(void *user, const char *name)
{
    (void)user;
    buf_printf(&said, "?%s ", name);
}

static const struct hub_source source = {fake_subscribe, fake_unsubscribe, fake_ask_state};

static void begin(void)
{
    hub_init(&hub, &source, NULL);
    refusal = OK;
}

static void end(void)
{
    hub_fini(&hub);
    buf_fini(&said);
}

static const char *asked(void)
{
    static char kept[500];
    snprintf(kept, sizeof kept, "%.*s", BYTES_ARG(buf_bytes(&said)));
    buf_clear(&said);
    return kept;
}

/* An event whose object is one number. */
static void event_of(struct hub_topic *t, const char *name, const char *event, uint64_t incarnation,
                     uint64_t seq, uint64_t number)
{
    struct buf body = {0};
    bool lost = strcmp(event, "lost") == 0;
    pack_map(&body, lost ? 3 : 2);
    pack_text(&body, "event");
    pack_text(&body, event);
    pack_text(&body, lost ? "first" : "x");
    pack_uint(&body, number);
    if (lost) {
        pack_text(&body, "last");
        pack_uint(&body, seq);
    }
    hub_event(t, name, event, (struct position){incarnation, seq}, buf_bytes(&body));
    buf_fini(&body);
}

static void update(uint64_t seq)
{
    event_of(topic, topic->name, "state", 1, seq, seq);
}

/* --- a reader ------------------------------------------------------------------------------- */

static unsigned wakes;

static void wake(void *user)
{
    (void)user;
    wakes++;
}

static struct reader *reader_on(const char *name, struct position after)
{
    enum err err;
    struct reader *r = reader_new(&hub, &(struct reader_wish){name, after}, 1, wake, NULL, &err);
    CHECK(r && err == OK);
    r->greeted = true;
    return r;
}

static const struct position nowhere = {0, 0};

/* What it is told, an event a word: "17.3 snapshot x3;". */
static const char *told(struct reader *r, size_t most)
{
    static struct buf out, words;
    char id[200], event[50];
    unsigned long long x;
    buf_clear(&out);
    buf_clear(&words);
    reader_pull(r, &out, most);
    for (const char *at = buf_text(&out); *at; at = strstr(at, "\n\n") + 2) {
        if (sscanf(at, "id: %199s", id) != 1) {
            buf_printf(&words, "%.*s;", (int)(strstr(at, "\n\n") - at), at);
            continue;
        }
        CHECK_EQ(sscanf(strstr(at, "\"event\":\""), "\"event\":\"%49[a-z]", event), 1);
        const char *number = strstr(at, "\"x\":"), *first = strstr(at, "\"first\":"),
                   *end_at = strstr(at, "\n\n");
        buf_printf(&words, "%s %s", id, event);
        if (strcmp(event, "lost") == 0) {
            unsigned long long last;
            CHECK_EQ(sscanf(first, "\"first\":%llu,\"last\":%llu", &x, &last), 2);
            buf_printf(&words, " %llu-%llu", x, last);
        } else if (number && number < end_at && sscanf(number, "\"x\":%llu", &x) == 1) {
            buf_printf(&words, " %llu", x);
        }
        buf_printf(&words, ";");
    }
    return buf_text(&words);
}

#define ALL ((size_t)1 << 20)

TEST(a_topic_is_subscribed_once_for_all)
{
    begin();
    struct reader *a = reader_on("t", nowhere), *b = reader_on("t", nowhere);
    CHECK_TEXT(asked(), "+t@0.0 ");
    CHECK_TEXT(told(a, ALL), "");
    event_of(topic, "t", "snapshot", 1, 4, 40);
    update(5);
    CHECK_TEXT(told(a, ALL), "1.4 snapshot 40;1.5 state 5;");
    CHECK_TEXT(told(b, ALL), "1.5 snapshot 5;"); /* it was not the first: the newest state */
    struct reader *late = reader_on("t", nowhere);
    CHECK_TEXT(told(late, ALL), "1.5 snapshot 5;");
    update(6);
    CHECK_TEXT(told(a, ALL), "1.6 state 6;");
    CHECK_TEXT(told(late, ALL), "1.6 state 6;");
    CHECK_TEXT(told(late, ALL), "");
    reader_free(a);
    reader_free(late);
    CHECK_TEXT(asked(), "");
    reader_free(b);
    CHECK_TEXT(asked(), "-t ");
    end();
}

TEST(an_event_as_it_is_sent)
{
    begin();
    struct reader *r = reader_on("job/\"x", nowhere);
    struct buf out = {0};
    r->greeted = false;
    reader_pull(r, &out, ALL);
    CHECK_TEXT(buf_text(&out), "retry: 1000\n\n");
    buf_clear(&out);
    event_of(topic, topic->name, "snapshot", 7, 2, 5);
    reader_pull(r, &out, ALL);
    CHECK_TEXT(buf_text(&out), "id: 7.2\ndata: {\"topic\":\"job/\\\"x\",\"event\":\"snapshot\","
                               "\"x\":5}\n\n");
    buf_clear(&out);
    hub_beat(&hub);
    reader_pull(r, &out, ALL);
    CHECK_TEXT(buf_text(&out), ":\n\n");
    buf_fini(&out);
    reader_free(r);
    end();
}

TEST(who_falls_behind_is_told_what_is_gone)
{
    static const char lost[] = "1.744 lost 1-744;1.745 state 745;1.746 state 746;";
    begin();
    struct reader *slow = reader_on("t", nowhere), *fast = reader_on("t", nowhere),
                  *never = reader_on("t", nowhere);
    event_of(topic, "t", "snapshot", 1, 0, 0);
    CHECK_TEXT(told(slow, ALL), "1.0 snapshot 0;");
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        update(seq);
        told(fast, ALL);
    }
    CHECK(strncmp(told(slow, ALL), lost, sizeof lost - 1) == 0);
    CHECK_TEXT(told(slow, ALL), "");
    CHECK_TEXT(told(never, ALL), "1.1000 snapshot 1000;"); /* nothing is missing to it */
    update(1001);
    CHECK_TEXT(told(slow, ALL), "1.1001 state 1001;");
    CHECK_TEXT(told(never, ALL), "1.1001 state 1001;");
    reader_free(slow);
    reader_free(fast);
    reader_free(never);
    end();
}

TEST(a_full_buffer_goes_on_where_it_was)
{
    begin();
    struct reader *r = reader_on("t", nowhere);
    event_of(topic, "t", "snapshot", 1, 0, 0);
    update(1);
    update(2);
    CHECK_TEXT(told(r, 1), "1.0 snapshot 0;");
    CHECK_TEXT(told(r, 1), "1.1 state 1;");
    CHECK_TEXT(told(r, 1), "1.2 state 2;");
    CHECK_TEXT(told(r, 1), "");
    reader_free(r);
    end();
}

TEST(no_topic_starves_another)
{
    begin();
    enum err err;
    struct reader_wish wishes[] = {{"a", {0, 0}}, {"b", {0, 0}}};
    struct reader *r = reader_new(&hub, wishes, 2, wake, NULL, &err);
    r->greeted = true;
    struct hub_topic *a = r->follows[0].topic, *b = r->follows[1].topic;
    for (uint64_t seq = 1; seq <= 3; seq++) {
        event_of(a, "a", "state", 1, seq, seq);
        event_of(b, "b", "state", 2, seq, 10 * seq);
    }
    CHECK_TEXT(told(r, 1), "1.1,- state 1;");
    CHECK_TEXT(told(r, 1), "1.1,2.1 state 10;");
    CHECK_TEXT(told(r, 1), "1.2,2.1 state 2;");
    CHECK_TEXT(told(r, ALL), "1.2,2.2 state 20;1.2,2.3 state 30;1.3,2.3 state 3;");
    CHECK_TEXT(asked(), "+a@0.0 +b@0.0 ");
    reader_free(r);
    CHECK_TEXT(asked(), "-a -b ");
    end();
}

TEST(going_on_from_a_position)
{
    begin();
    struct reader *first = reader_on("t", (struct position){1, 5});
    CHECK_TEXT(asked(), "+t@1.5 ");
    update(6); /* the source goes on from there */
    update(7);
    CHECK_TEXT(told(first, ALL), "1.6 state 6;1.7 state 7;");
    struct reader *same = reader_on("t", (struct position){1, 6});
    CHECK_TEXT(told(same, ALL), "1.7 state 7;");
    struct reader *now = reader_on("t", (struct position){1, 7});
    CHECK_TEXT(told(now, ALL), "");
    struct reader *older = reader_on("t", (struct position){1, 3});
    CHECK_TEXT(told(older, ALL), "1.5 lost 4-5;1.6 state 6;1.7 state 7;");
    struct reader *other_life = reader_on("t", (struct position){9, 3});
    CHECK_TEXT(told(other_life, ALL), "1.7 snapshot 7;");
    struct reader *ahead = reader_on("t", (struct position){1, 99});
    CHECK_TEXT(told(ahead, ALL), "1.7 snapshot 7;");
    CHECK_TEXT(asked(), "");
    struct reader *all[] = {first, same, now, older, other_life, ahead};
    for (size_t i = 0; i < LENGTH(all); i++)
        reader_free(all[i]);
    end();
}

/* Subscribed from a position, a topic that is silent has shown no state: it is asked for. */
TEST(a_new_reader_of_a_silent_topic)
{
    begin();
    struct reader *first = reader_on("t", (struct position){1, 5});
    asked();
    struct reader *fresh = reader_on("t", nowhere),
                  *behind = reader_on("t", (struct position){1, 3});
    CHECK_TEXT(asked(), "?t ");
    CHECK_TEXT(told(fresh, ALL), "");
    struct buf body = {0};
    pack_map(&body, 2);
    pack_text(&body, "event");
    pack_text(&body, "whatever");
    pack_text(&body, "x");
    pack_uint(&body, 8);
    hub_state(&hub, "t", (struct position){1, 5}, buf_bytes(&body));
    hub_state(&hub, "gone", (struct position){1, 5}, buf_bytes(&body));
    CHECK_TEXT(told(first, ALL), "");
    CHECK_TEXT(told(fresh, ALL), "1.5 snapshot 8;");
    CHECK_TEXT(told(behind, ALL), "1.5 lost 4-5;1.5 snapshot 8;");
    update(6);
    hub_state(&hub, "t", (struct position){1, 5}, buf_bytes(&body)); /* known by now */
    CHECK_TEXT(told(fresh, ALL), "1.6 state 6;");
    buf_fini(&body);
    reader_free(first);
    reader_free(fresh);
    reader_free(behind);
    end();
}

TEST(a_broker_started_anew)
{
    begin();
    struct reader *r = reader_on("t", nowhere);
    event_of(topic, "t", "snapshot", 1, 3, 3);
    CHECK_TEXT(told(r, ALL), "1.3 snapshot 3;");
    event_of(topic, "t", "snapshot", 2, 0, 9);
    event_of(topic, "t", "state", 2, 1, 10);
    CHECK_TEXT(told(r, ALL), "2.0 snapshot 9;2.1 state 10;");
    reader_free(r);
    end();
}

TEST(what_the_source_lost_is_told_once)
{
    begin();
    struct reader *r = reader_on("t", nowhere);
    event_of(topic, "t", "snapshot", 1, 3, 3);
    event_of(topic, "t", "lost", 1, 8, 4);
    event_of(topic, "t", "snapshot", 1, 8, 80);
    CHECK_TEXT(told(r, ALL), "1.3 snapshot 3;1.8 lost 4-8;1.8 snapshot 80;");
    reader_free(r);
    end();
}

TEST(a_topic_that_does_not_exist)
{
    begin();
    struct reader *r = reader_on("t", nowhere);
    asked();
    event_of(topic, "t", "error", 0, 0, 1);
    CHECK_TEXT(told(r, ALL), "- error 1;");
    struct reader *again = reader_on("t", nowhere); /* it may be there by now */
    CHECK_TEXT(asked(), "+t@0.0 ");
    event_of(topic, "t", "snapshot", 1, 1, 5);
    CHECK_TEXT(told(again, ALL), "1.1 snapshot 5;");
    CHECK_TEXT(told(r, ALL), "");
    reader_free(r);
    CHECK_TEXT(asked(), "");
    reader_free(again);
    CHECK_TEXT(asked(), "-t ");
    end();
}

TEST(it_vanishes_before_a_new_reader_has_seen_it)
{
    begin();
    struct reader *first = reader_on("t", nowhere);
    event_of(topic, "t", "snapshot", 1, 1, 5);
    struct reader *fresh = reader_on("t", nowhere);
    event_of(topic, "t", "error", 1, 1, 6);
    CHECK_TEXT(told(fresh, ALL), "1.1 snapshot 5;1.1 error 6;");
    CHECK_TEXT(told(first, ALL), "1.1 snapshot 5;1.1 error 6;");
    reader_free(first);
    reader_free(fresh);
    end();
}

TEST(below_a_prefix)
{
    begin();
    struct reader *r = reader_on("job/", nowhere);
    event_of(topic, "job/1", "state", 1, 4, 4);
    event_of(topic, "job/2", "state", 1, 9, 9);
    CHECK_TEXT(told(r, ALL), "- state 4;- state 9;");
    struct reader *late = reader_on("job/", nowhere);
    CHECK_TEXT(told(late, ALL), "");
    for (uint64_t i = 0; i < RING_EVENTS_MAX + 10; i++)
        event_of(topic, "job/3", "state", 1, i, i);
    CHECK(strncmp(told(late, ALL), "- lost 0-0;- state 10;", 22) == 0);
    reader_free(r);
    reader_free(late);
    end();
}

TEST(turns)
{
    begin();
    struct reader *a = reader_on("t", nowhere), *b = reader_on("t", nowhere);
    int64_t now_us = 1000000;
    wakes = 0;
    CHECK_EQ(hub_wait_us(&hub, now_us), -1);
    update(1);
    CHECK_EQ(hub_wait_us(&hub, now_us), 0); /* nothing was told just now: at once */
    hub_turn(&hub, now_us);
    CHECK_EQ(wakes, 2);
    CHECK_EQ(hub_wait_us(&hub, now_us), -1);
    update(2);
    hub_turn(&hub, now_us + 1000);
    CHECK_EQ(wakes, 2);
    CHECK_EQ(hub_wait_us(&hub, now_us + 1000), HUB_TURN_US - 1000);
    hub_turn(&hub, now_us + HUB_TURN_US);
    CHECK_EQ(wakes, 4);
    reader_free(a);
    update(3);
    reader_free(b); /* with news that nobody is left for */
    CHECK_EQ(hub_wait_us(&hub, now_us), -1);
    end();
}

TEST(limits)
{
    begin();
    static struct reader *all[HUB_TOPICS_MAX / READER_TOPICS_MAX + 1];
    static char names[READER_TOPICS_MAX][32];
    struct reader_wish wishes[READER_TOPICS_MAX] = {0};
    enum err err = OK;
    size_t count = 0;
    for (; err == OK; count++) {
        for (size_t i = 0; i < READER_TOPICS_MAX; i++) {
            snprintf(names[i], sizeof names[i], "t%zu.%zu", count, i);
            wishes[i].topic = names[i];
        }
        all[count] = reader_new(&hub, wishes, READER_TOPICS_MAX, wake, NULL, &err);
    }
    CHECK_EQ(err, ERR_BUSY);
    CHECK_EQ(count, HUB_TOPICS_MAX / READER_TOPICS_MAX + 1);
    for (size_t i = 0; i < count; i++)
        if (all[i])
            reader_free(all[i]);
    CHECK_EQ(hub.topics.count, 0);
    refusal = ERR_INVALID;
    CHECK(!reader_new(&hub, wishes, 1, wake, NULL, &err));
    CHECK_EQ(err, ERR_INVALID);
    end();
}

/* --- rings and positions -------------------------------------------------------------------- */

TEST(a_ring_keeps_to_its_bytes)
{
    struct ring r = {0};
    static char big[RING_BYTES_MAX / 3];
    for (uint64_t i = 0; i < 20; i++)
        ring_put(&r, &(struct ring_event){.position = {1, i}}, bytes_of(big, sizeof big), false);
    CHECK_EQ(r.next, 20);
    CHECK_EQ(r.next - r.first, 2);
    CHECK_EQ(ring_at(&r, 19)->position.seq, 19);
    ring_put(&r, &(struct ring_event){.position = {1, 20}}, bytes_text("small"), true);
    CHECK_EQ(r.next - r.first, 1);
    CHECK_BYTES(bytes_of(ring_at(&r, 20)->text, ring_at(&r, 20)->size), bytes_text("small"));
    CHECK_EQ(ring_behind(&r, (struct position){1, 20}), 21);
    CHECK_EQ(ring_behind(&r, (struct position){1, 19}), 0);
    ring_fini(&r);
}

TEST(positions)
{
    static const char *const good[] = {"17.42,.7,-,18.0,.1", "-,-,-,-,-",
                                       "1.0,-,.2,-,.18446744073709551615"};
    for (size_t i = 0; i < LENGTH(good); i++) {
        struct position row[5];
        struct buf out = {0};
        uint64_t before = 0;
        CHECK(position_row(bytes_text(good[i]), row, 5));
        for (size_t k = 0; k < 5; k++) {
            if (k)
                buf_put(&out, ",", 1);
            position_put(&out, row[k], &before);
        }
        CHECK_TEXT(buf_text(&out), good[i]);
        buf_fini(&out);
    }
    static const char *const bad[] = {
        "",       "1.2",     "1.2,3.4,5.6", ",",
        "1.2,",   ",1.2",    ".1,-",        "1.2,x",
        "1.2,3",  "1.2,.",   "1.2,-1.2",    "0.1,-",
        "1..2,-", "1.2.3,-", "1.2, 3.4",    "18446744073709551616.1,-"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct position row[2];
        if (position_row(bytes_text(bad[i]), row, 2))
            check_failed(__FILE__, __LINE__, "taken: %s", bad[i]);
    }
    struct position p;
    CHECK(position_parse(bytes_text("3.4"), &p));
    CHECK_EQ(p.incarnation, 3);
    CHECK_EQ(p.seq, 4);
    CHECK(!position_parse(bytes_text(".4"), &p));
    CHECK(!position_parse(bytes_text("-"), &p));
}
