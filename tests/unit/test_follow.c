/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates over the watcher's own connection in the broker's core. See farm.h for how to read it.
 */
#include <stdio.h>

#include "common/pack.h"
#include "tests/unit/farm.h"

enum { MUCH = 100 };

static struct farm *farm_begin(struct farm *f)
{
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    farm_forget(f);
    return f;
}

/* Follows from update `seen` of the broker's incarnation on; 0: from now on. */
static void follows(struct farm *f, const char *who, uint64_t number, const char *topic,
                    uint64_t seen, uint64_t credit)
{
    struct record r = {.type = REC_follow,
                       .follow = {.number = number,
                                  .topic = bytes_text(topic),
                                  .incarnation = seen ? f->incarnation : 0,
                                  .after = seen,
                                  .credit = credit}};
    says(f, who, &r);
}

static void unfollows(struct farm *f, const char *who, uint64_t number)
{
    says(f, who, &(struct record){.type = REC_unfollow, .unfollow = {.number = number}});
}

static void more(struct farm *f, const char *who, uint64_t number, uint64_t count)
{
    struct record r = {.type = REC_follow_more, .follow_more = {.number = number, .count = count}};
    says(f, who, &r);
}

static void hold(struct farm *f, bool on)
{
    struct record hold = {.type = REC_hold, .hold = {.queue = bytes_text("calc.add")}};
    struct record release = {.type = REC_release, .release = {.queue = bytes_text("calc.add")}};
    says(f, "c2", on ? &hold : &release);
}

static const char *topic_of_job(unsigned job)
{
    static char topic[32];
    char text[JOB_ID_TEXT];
    snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(job), text));
    return topic;
}

TEST(a_follower_is_told_as_a_watcher_and_then_each_update_as_it_happens)
{
    struct farm *f = farm_begin(farm_new(NULL));
    submits(f, "c1", "calc.add"); /* 1 waiting, 2 running */
    farm_forget(f);
    follows(f, "c1", 90, topic_of_job(1), 0, MUCH);
    SAYS(f, "c1 < snapshot 2 snapshot running\n");
    results(f, "w1", 1, 1, REASON_SIGNAL);
    SAYS_HAS(f, "c1 < update 3 state backoff\n");
    after(f, 100);
    SAYS(f, "c1 < update 4 state waiting\n"
            "c1 < update 5 state running\n"
            "w1 < lease j1 t2 attempt 2\n");
    results(f, "w1", 1, 2, REASON_NONE);
    SAYS_HAS(f, "c1 < update 6 state ok\n");
    farm_free(f);
}

TEST(who_follows_again_gets_what_was_missed)
{
    struct farm *f = farm_begin(farm_new(NULL));
    submits(f, "c1", "calc.add"); /* 1 waiting, 2 running */
    follows(f, "c1", 90, topic_of_job(1), 0, MUCH);
    unfollows(f, "c1", 90);
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_SIGNAL); /* 3 backoff */
    CHECK(!strstr(farm_log(f), "update"));
    farm_forget(f);
    follows(f, "c1", 91, topic_of_job(1), 2, MUCH);
    SAYS(f, "c1 < update 3 state backoff\n"
            "c1 < snapshot 3 snapshot backoff\n");
    follows(f, "c1", 91, topic_of_job(1), 1, MUCH); /* the same number: in its place */
    SAYS(f, "c1 < lost 2..2\n"
            "c1 < update 3 state backoff\n"
            "c1 < snapshot 3 snapshot backoff\n");
    after(f, 100);
    SAYS(f, "c1 < update 4 state waiting\n"
            "c1 < update 5 state running\n"
            "w1 < lease j1 t2 attempt 2\n");
    farm_free(f);
}

TEST(without_credit_nothing_comes_and_the_ring_bridges_the_gap)
{
    struct farm *f = farm_begin(farm_new(NULL));
    client(f, "c2");
    follows(f, "c1", 90, "queue/calc.add", 0, 2);
    farm_forget(f);
    hold(f, true);
    hold(f, false);
    hold(f, true); /* the credit is used up */
    hold(f, false);
    SAYS(f, "c1 < update 2 held\n"
            "c2 < done 0\n"
            "c1 < update 3 released\n"
            "c2 < done 0\n"
            "c2 < done 0\n"
            "c2 < done 0\n");
    more(f, "c1", 90, 3);
    SAYS(f, "c1 < update 4 held\n"
            "c1 < update 5 released\n"
            "c1 < snapshot 5 snapshot\n");
    hold(f, true);
    hold(f, false); /* what was repeated counts */
    SAYS(f, "c1 < update 6 held\n"
            "c2 < done 0\n"
            "c2 < done 0\n");
    farm_free(f);
}

TEST(what_the_ring_has_no_more_is_told_lost)
{
    struct farm *f = farm_begin(farm_new(NULL));
    client(f, "c2");
    follows(f, "c1", 90, "queue/calc.add", 0, 1);
    for (int i = 0; i < 100; i++) {
        hold(f, true);
        hold(f, false);
    }
    farm_forget(f);
    more(f, "c1", 90, 1);
    /* 2 was told; 199 changes follow, of which the last 64 are there. */
    CHECK(strncmp(farm_log(f), "c1 < lost 3..137\nc1 < update 138 held\n", 38) == 0);
    CHECK(strstr(farm_log(f), "c1 < update 201 released\nc1 < snapshot 201 snapshot\n"));
    farm_forget(f);
    hold(f, true);
    more(f, "c1", 90, 62); /* 64 were repeated for a credit of 1 */
    SAYS(f, "c2 < done 0\n");
    more(f, "c1", 90, 2);
    SAYS(f, "c1 < update 202 held\n"
            "c1 < snapshot 202 snapshot\n");
    farm_free(f);
}

TEST(credit_is_not_given_without_end)
{
    struct farm *f = farm_begin(farm_new(NULL));
    client(f, "c2");
    follows(f, "c1", 90, "queue/calc.add", 0, UINT64_MAX);
    more(f, "c1", 90, UINT64_MAX);
    farm_forget(f);
    hold(f, true);
    SAYS(f, "c1 < update 2 held\n"
            "c2 < done 0\n");
    farm_free(f);
}

TEST(what_is_not_there_is_an_error_and_ends_it)
{
    struct farm *f = farm_begin(farm_new(NULL));
    follows(f, "c1", 90, "queue/no.such", 0, MUCH);
    follows(f, "c1", 91, "weather/Kyiv", 0, MUCH);
    follows(f, "c1", 92, "worker/", 0, MUCH);
    follows(f, "c1", 93, "", 0, MUCH);
    follows(f, "c1", 0, "todo", 0, MUCH);
    SAYS(f, "c1 < error 90 unknown-queue\n"
            "c1 < error 91 unknown-feed\n"
            "c1 < error 92 invalid\n"
            "c1 < error 93 invalid\n"
            "c1 < error 0 invalid\n");
    more(f, "c1", 90, 5); /* on its way when it was refused */
    unfollows(f, "c1", 90);
    SAYS(f, "");
    farm_free(f);
}

TEST(of_one_that_has_ended_the_store_is_asked)
{
    struct farm *f = farm_begin(farm_durable(NULL));
    kept(f);
    submits(f, "c1", "calc.add");
    kept(f);
    kept(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    farm_forget(f);
    follows(f, "c1", 90, topic_of_job(1), 0, MUCH);
    follows(f, "c1", 91, topic_of_job(2), 0, MUCH);
    follows(f, "c1", 92, topic_of_job(2), 0, MUCH);
    unfollows(f, "c1", 92); /* it is over when the answer comes */
    SAYS(f, "find 1 j1\nfind 2 j2\nfind 3 j2\n");
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    found(f, 2, (struct bytes){0});
    found(f, 3, (struct bytes){0});
    SAYS(f, "c1 < snapshot 3 snapshot ok\n"
            "c1 < error 91 unknown-job\n");
    farm_free(f);
}

TEST(an_end_is_told_when_it_is_kept_and_nothing_overtakes_it)
{
    struct farm *f = farm_begin(farm_durable(NULL));
    client(f, "c2");
    kept(f);
    follows(f, "c1", 90, "queue/calc.add", 0, MUCH);
    kept(f);
    farm_forget(f);
    hold(f, true); /* told when its row is kept */
    submits_as(f, "c2",
               (struct msg_submit){.queue = bytes_text("calc.add"), .durability = CLASS_RECEIVED});
    after(f, 100); /* the counts need not wait, and stay behind it */
    CHECK(!strstr(farm_log(f), "update"));
    farm_forget(f);
    kept(f);
    const char *held = strstr(farm_log(f), "c1 < update 2 held\n");
    const char *counts = strstr(farm_log(f), "c1 < update 3 counts\n");
    CHECK(held && counts && held < counts);
    farm_free(f);
}

static const struct msg_verdict value = {
    .kind = VERDICT_CONTINUE, .view = {"\x81\xa1x\x01", 4}, .delay_ms = 100};

TEST(a_feed_runs_while_it_is_followed_or_subscribed)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    client(f, "c2");
    hello_worker(f, "w1", 1);
    feeds(f, "w1", "stock.stream", "ticker");
    ready(f, "w1");
    farm_forget(f);
    follows(f, "c1", 90, "ticker/AAPL", 0, MUCH);
    SAYS(f, "c1 < snapshot 0 snapshot created\n"
            "w1 < lease j1 t1 [null,[\"AAPL\"]]\n");
    verdicts(f, "w1", 1, 1, value);
    SAYS_HAS(f, "c1 < update 1 value running 1\n");
    watches(f, "ticker/AAPL", true);
    unfollows(f, "c1", 90);
    after(f, 100);
    SAYS_HAS(f, "w1 < lease j1 t2"); /* a subscriber is left */
    verdicts(f, "w1", 1, 2, value);
    SAYS_HAS(f, "ticker/AAPL: 2 value running 2\n");
    follows(f, "c2", 90, "ticker/AAPL", 0, MUCH);
    watches(f, "ticker/AAPL", false);
    farm_forget(f);
    after(f, 100);
    SAYS_HAS(f, "w1 < lease j1 t3"); /* a follower is */
    verdicts(f, "w1", 1, 3, value);
    gone(f, "c2");
    farm_forget(f);
    after(f, 5000);
    SAYS(f, "");
    farm_free(f);
}

TEST(a_feed_begins_with_its_worker_for_who_follows)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    watches(f, "ticker/AAPL", true); /* or to follow it would be refused */
    hello_worker(f, "w1", 1);
    feeds(f, "w1", "stock.stream", "ticker");
    ready(f, "w1");
    follows(f, "c1", 90, "ticker/AAPL", 0, MUCH);
    watches(f, "ticker/AAPL", false);
    farm_forget(f);
    verdicts(f, "w1", 1, 1, value);
    SAYS_HAS(f, "c1 < update 1 value running 1\n");
    farm_free(f);
}

TEST(a_connection_that_ends_follows_nothing_any_more)
{
    struct farm *f = farm_begin(farm_new(NULL));
    client(f, "c2");
    client(f, "c3");
    follows(f, "c1", 90, "queue/calc.add", 0, MUCH);
    follows(f, "c3", 90, "queue/calc.add", 0, MUCH);
    says(f, "c1", &(struct record){.type = REC_goodbye});
    gone(f, "c3");
    farm_forget(f);
    hold(f, true);
    SAYS(f, "c2 < done 0\n");
    client(f, "c1"); /* hello again: it says anew what it follows */
    follows(f, "c1", 90, "queue/calc.add", 2, MUCH);
    client(f, "c1");
    farm_forget(f);
    hold(f, false);
    SAYS(f, "c2 < done 0\n");
    reconnects(f, "c1");
    client(f, "c1");
    farm_forget(f);
    follows(f, "c1", 90, "queue/calc.add", 2, MUCH);
    SAYS(f, "c1 < update 3 released\n"
            "c1 < snapshot 3 snapshot\n");
    farm_free(f);
}

TEST(there_are_limits)
{
    struct farm *f =
        farm_begin(farm_new(&(struct broker_limits){.follows_max = 2, .topics_max = 3}));
    client(f, "c2");
    follows(f, "c1", 90, "todo", 0, MUCH);
    follows(f, "c1", 91, "queue/calc.add", 0, MUCH);
    farm_forget(f);
    follows(f, "c1", 92, "worker/w1", 0, MUCH);
    SAYS(f, "c1 < error 92 busy\n");
    follows(f, "c1", 91, "worker/w1", 0, MUCH); /* in its place */
    follows(f, "c2", 90, "todo", 0, MUCH);
    SAYS(f, "c1 < snapshot 1 snapshot up\n"
            "c2 < snapshot 0 snapshot\n");
    watches(f, "queue/calc.add", true);
    follows(f, "c2", 91, topic_of_job(1), 0, MUCH);
    SAYS(f, "c2 < error 91 busy\n");
    farm_free(f);
}
