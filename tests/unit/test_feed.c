/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeds in the broker's core: sessions that run while somebody watches. See farm.h for how to read
 * it.
 */
#include <stdio.h>

#include "common/pack.h"
#include "tests/unit/farm.h"

static const struct msg_verdict value = {
    .kind = VERDICT_CONTINUE, .view = {"\x81\xa1x\x01", 4}, .delay_ms = 100};

static void comes(struct farm *f, const char *who, unsigned slots)
{
    hello_worker(f, who, slots);
    feeds(f, who, "stock.stream", "ticker");
    ready(f, who);
}

static struct farm *farm_with(unsigned slots)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    comes(f, "w1", slots);
    farm_forget(f);
    return f;
}

static void asks_for(struct farm *f, const char *topic)
{
    says(f, "c1",
         &(struct record){.type = REC_watch, .watch = {.number = 8, .topic = bytes_text(topic)}});
}

TEST(the_first_subscriber_starts_it)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    SAYS(f, "w1 < lease j1 t1 [null,[\"AAPL\"]]\n");
    verdicts(f, "w1", 1, 1, value);
    SAYS_HAS(f, "ticker/AAPL: 1 value running 1\n");
    after(f, 100);
    verdicts(f, "w1", 1, 2, value);
    SAYS_HAS(f, "ticker/AAPL: 2 value running 2\n");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(what_stands_behind_the_head_comes_in_parts)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL/0.5", true);
    SAYS(f, "w1 < lease j1 t1 [null,[\"AAPL\",\"0.5\"]]\n");
    watches(f, "ticker/", true);
    farm_free(f);
}

TEST(the_last_one_leaving_stops_it_and_its_numbers_go_on)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    verdicts(f, "w1", 1, 1, value);
    watches(f, "ticker/AAPL", false);
    farm_forget(f);
    after(f, 5000);
    SAYS(f, "");
    watches(f, "ticker/AAPL", true);
    SAYS_HAS(f, "w1 < lease j1 t2");
    verdicts(f, "w1", 1, 2, value);
    SAYS_HAS(f, "ticker/AAPL: 2 value running 2\n");
    farm_free(f);
}

TEST(one_that_runs_when_the_last_one_leaves_is_stopped_behind_it)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    watches(f, "ticker/AAPL", false);
    verdicts(f, "w1", 1, 1, value);
    farm_forget(f);
    after(f, 5000);
    SAYS(f, "");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(nobody_for_a_minute_ends_it_and_numbers_never_go_back)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    verdicts(f, "w1", 1, 1, value);
    watches(f, "ticker/AAPL", false);
    farm_forget(f);
    after(f, 61000);
    SAYS(f, "store j1 cancelled settled\n");
    watches(f, "ticker/AAPL", true);
    SAYS_HAS(f, "w1 < lease j2 t1 [null,[\"AAPL\"]]\n");
    verdicts(f, "w1", 2, 1, value);
    SAYS_HAS(f, "ticker/AAPL: 2 value running 1\n");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(one_that_was_given_up_while_it_ran_begins_anew_for_who_comes_then)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    watches(f, "ticker/AAPL", false); /* w1 has it, and takes its time */
    after(f, 61000);
    watches(f, "ticker/AAPL", true);
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_CANCELLED);
    SAYS_HAS(f, "w1 < lease j2 t1 [null,[\"AAPL\"]]\n");
    verdicts(f, "w1", 2, 1, value);
    SAYS_HAS(f, "ticker/AAPL: 1 value running 1\n");
    watches(f, "ticker/AAPL", false);
    broker_audit(f->broker);
    farm_free(f);
}

TEST(a_new_subscriber_gets_the_last_value_at_once)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    verdicts(f, "w1", 1, 1, value);
    farm_forget(f);
    asks_for(f, "ticker/AAPL");
    SAYS(f, "c1 < snapshot 1 snapshot running 1\n");
    asks_for(f, "ticker/GOOGL");
    SAYS(f, "c1 < error 8 unknown-feed\n");
    asks_for(f, "weather/Kyiv");
    SAYS(f, "c1 < error 8 unknown-feed\n");
    farm_free(f);
}

TEST(a_lost_worker_costs_no_number)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    verdicts(f, "w1", 1, 1, value);
    after(f, 100);
    starts(f, "w1", 1, 2);
    comes(f, "w2", 1);
    gone(f, "w1");
    farm_forget(f);
    after(f, 1500);
    SAYS_HAS(f, "w2 < lease j1 t3 attempt 2");
    verdicts(f, "w2", 1, 3, value);
    SAYS_HAS(f, "ticker/AAPL: 2 value running 2\n");
    farm_free(f);
}

TEST(topics_watched_before_a_worker_came_begin_with_it)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    watches(f, "ticker/AAPL", true);
    watches(f, "ticker", true);
    farm_forget(f);
    asks_for(f, "ticker/AAPL");
    SAYS(f, "c1 < error 8 unknown-feed\n");
    comes(f, "w1", 1);
    SAYS_HAS(f, "w1 < lease j1 t1 [null,[\"AAPL\"]]\n");
    farm_free(f);
}

TEST(one_that_fails_says_so_until_nobody_watches)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/!", true);
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_ERROR);
    SAYS_HAS(f, "ticker/!: 1 ended failed\n");
    asks_for(f, "ticker/!");
    SAYS(f, "c1 < snapshot 1 snapshot failed\n");
    watches(f, "ticker/!", false);
    watches(f, "ticker/!", true);
    SAYS_HAS(f, "w1 < lease j2 t1");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(an_iteration_that_shows_nothing_is_no_update)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    farm_forget(f);
    verdicts(f, "w1", 1, 1, (struct msg_verdict){.kind = VERDICT_CONTINUE, .delay_ms = 100});
    CHECK(!strstr(farm_log(f), "ticker/AAPL"));
    after(f, 100);
    verdicts(f, "w1", 1, 2, value);
    SAYS_HAS(f, "ticker/AAPL: 1 value running 2\n");
    farm_free(f);
}

TEST(many_feeds_take_turns_on_few_slots)
{
    struct farm *f = farm_with(2);
    char topic[32];
    for (int i = 0; i < 100; i++) {
        snprintf(topic, sizeof topic, "ticker/S%d", i);
        watches(f, topic, true);
    }
    for (unsigned i = 1; i <= 100; i++)
        verdicts(f, "w1", i, 1, value);
    farm_forget(f);
    says(f, "c1", &(struct record){.type = REC_list_feeds, .list_feeds = {.number = 9}});
    CHECK(strstr(farm_log(f), "c1 < feed 9 ticker/S99 running 1\n"));
    CHECK(strstr(farm_log(f), "c1 < feed 9 ticker/S0 running 1\n"));
    broker_audit(f->broker);
    farm_free(f);
}

TEST(a_head_is_one_queue_s_and_none_of_ours)
{
    static const char *const wrong[] = {"ticker", "job",    "session",
                                        "queue",  "worker", "todo",
                                        "sync",   "a/b",    "a_head_that_is_longer_than_we_allow"};
    struct farm *f = farm_with(1);
    hello_worker(f, "w2", 1);
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        farm_forget(f);
        feeds(f, "w2", "other.stream", wrong[i]);
        SAYS(f, "w2 < error 0 invalid\n");
    }
    feeds(f, "w2", "other.stream", "weather");
    SAYS(f, "");
    farm_free(f);
}

/* Tasks are for people: a worker that offers them as a feed is refused. */
TEST(tasks_are_no_feed)
{
    struct farm *f = farm_with(1);
    hello_worker(f, "w2", 1);
    farm_forget(f);
    feeds(f, "w2", "todo.task", "weather");
    SAYS(f, "w2 < error 0 invalid\n");
    farm_free(f);
}

/* A session that runs is resumed by a word; a feed by a subscriber. */
TEST(one_that_nobody_watches_cannot_be_resumed)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    verdicts(f, "w1", 1, 1, value);
    watches(f, "ticker/AAPL", false);
    farm_forget(f);
    asks(f, "c1", REC_resume, 5, 1);
    after(f, 5000);
    SAYS(f, "c1 < error 5 paused\n");
    farm_free(f);
}

TEST(one_that_nobody_watches_is_not_tried_again)
{
    struct farm *f = farm_with(1);
    watches(f, "ticker/AAPL", true);
    watches(f, "ticker/AAPL", false);
    starts(f, "w1", 1, 1);
    results(f, "w1", 1, 1, REASON_SIGNAL);
    farm_forget(f);
    after(f, 5000);
    SAYS(f, "");
    watches(f, "ticker/AAPL", true);
    SAYS_HAS(f, "w1 < lease j1 t2 attempt 2");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(one_that_has_ended_is_its_watchers_to_begin)
{
    struct farm *f = farm_durable(NULL);
    client(f, "c1");
    comes(f, "w1", 1);
    kept(f);
    watches(f, "ticker/AAPL", true);
    asks(f, "c1", REC_cancel, 5, 1);
    results(f, "w1", 1, 1, REASON_CANCELLED);
    kept(f);
    asks(f, "c1", REC_retry, 6, 1);
    farm_forget(f);
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    SAYS(f, "c1 < error 6 ended\n");
    farm_free(f);
}

/* The subscriber of one topic too many is told of gaps when it asks, and leaves as it came. */
TEST(one_topic_too_many_changes_nothing)
{
    struct farm *f = farm_new(&(struct broker_limits){.topics_max = 1});
    client(f, "c1");
    comes(f, "w1", 1);
    watches(f, "ticker/AAPL", true);
    watches(f, "ticker/AAPL", false);
    watches(f, "todo", true);
    watches(f, "ticker/AAPL", true);
    watches(f, "ticker/AAPL", false);
    watches(f, "todo", false);
    watches(f, "ticker/AAPL", true);
    broker_audit(f->broker);
    farm_free(f);
}
