/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions in the broker's core: iterations and their four verdicts, pause, resume and words, with
 * a store that keeps and one that does not. See farm.h for how to read it.
 */
#include "common/pack.h"
#include "tests/unit/farm.h"

#define STATE(text) .state = {text, sizeof(text) - 1}

static const struct msg_verdict goes_on = {.kind = VERDICT_CONTINUE, STATE("\x07")};
static const struct msg_verdict asks_for_a_word = {.kind = VERDICT_ASK, STATE("\x08")};
static const struct msg_verdict is_done = {.kind = VERDICT_DONE, .value = {"\x09", 1}};

/* Session j1, whose first iteration w1 has. */
static struct farm *farm_with(bool durable, unsigned slots)
{
    struct farm *f = durable ? farm_durable(NULL) : farm_new(NULL);
    client(f, "c1");
    worker(f, "w1", slots, "calc.add");
    if (durable)
        kept(f);
    begins(f, "c1", "calc.add");
    if (durable)
        kept(f);
    farm_forget(f);
    return f;
}

static void shows(struct farm *f, const char *line)
{
    farm_forget(f);
    asks(f, "c1", REC_get_session, 99, 1);
    SAYS(f, line);
}

TEST(an_iteration_gets_the_state_of_the_one_before)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    farm_forget(f);
    begins(f, "c1", "calc.add");
    SAYS(f, "w1 < lease j1 t1 [null,[]]\n"
            "c1 < accepted 1 j1\n");
    verdicts(f, "w1", 1, 1, goes_on);
    SAYS(f, "w1 < lease j1 t2 [7,null]\n"
            "w1 < result_ack 1\n");
    verdicts(f, "w1", 1, 2, is_done);
    SAYS(f, "store j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 2\n");
    farm_free(f);
}

TEST(a_plain_answer_ends_a_session_as_well)
{
    struct farm *f = farm_with(false, 1);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS_HAS(f, "c1 < ended 1 j1 ok by w1\n");
    farm_free(f);
}

TEST(the_next_iteration_waits_until_the_last_one_is_kept)
{
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1, goes_on);
    SAYS(f, "keep job j1\n");
    kept(f);
    SAYS(f, "w1 < result_ack 1\n"
            "w1 < lease j1 t2 [7,null]\n");
    farm_free(f);
}

TEST(a_broker_that_dies_loses_no_iteration_that_was_kept)
{
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1, goes_on);
    kept(f);
    restarts(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 2); /* under the lease of the second iteration */
    farm_forget(f);
    ready(f, "w1");
    client(f, "c1");
    shows(f, "c1 < session 99 j1 running (running) iteration 1\n");
    farm_free(f);
}

TEST(a_broker_that_dies_before_it_was_kept_gets_the_verdict_again)
{
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1, goes_on);
    restarts(f);
    client(f, "c1");
    after(f, 4000); /* nobody holds it */
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    farm_forget(f);
    ready(f, "w1");
    kept(f);
    SAYS_HAS(f, "w1 < lease j1 1:t1 [null,[]]\n");
    farm_free(f);
}

TEST(a_delay_is_waited_for_in_no_slot)
{
    struct farm *f = farm_with(false, 1);
    verdicts(f, "w1", 1, 1, (struct msg_verdict){.kind = VERDICT_CONTINUE, .delay_ms = 500});
    shows(f, "c1 < session 99 j1 running (delayed) iteration 1\n");
    after(f, 400);
    SAYS(f, "");
    after(f, 200);
    SAYS(f, "w1 < lease j1 t2 [null,null]\n");
    farm_free(f);
}

TEST(a_session_that_asks_goes_on_with_the_answer)
{
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1, asks_for_a_word);
    kept(f);
    shows(f, "c1 < session 99 j1 created (asking) iteration 1\n");
    tells(f, "c1", 5, 1, 1);
    SAYS(f, "keep job j1\n");
    kept(f);
    SAYS(f, "c1 < done 5\n"
            "w1 < lease j1 t2 [8,42]\n");
    farm_free(f);
}

TEST(a_word_that_comes_again_is_not_taken_for_the_next_answer)
{
    struct farm *f = farm_with(false, 1);
    verdicts(f, "w1", 1, 1, asks_for_a_word);
    tells(f, "c1", 5, 1, 1);
    verdicts(f, "w1", 1, 2, asks_for_a_word);
    farm_forget(f);
    tells(f, "c1", 6, 1, 1);
    SAYS(f, "c1 < done 6\n");
    shows(f, "c1 < session 99 j1 running (asking) iteration 2\n");
    farm_free(f);
}

TEST(a_word_nobody_waits_for_is_refused)
{
    struct farm *f = farm_with(false, 1);
    tells(f, "c1", 5, 1, 0);
    SAYS(f, "c1 < error 5 not-asking\n");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    tells(f, "c1", 6, 2, 0);
    SAYS(f, "c1 < error 6 no-session\n");
    farm_free(f);
}

TEST(a_pause_keeps_the_result_under_way)
{
    struct farm *f = farm_with(true, 1);
    asks(f, "c1", REC_pause, 5, 1);
    kept(f);
    farm_forget(f);
    verdicts(f, "w1", 1, 1, goes_on);
    kept(f);
    SAYS(f, "keep job j1\n"
            "w1 < result_ack 1\n");
    shows(f, "c1 < session 99 j1 paused (paused) iteration 1\n");
    restarts(f);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    after(f, 4000);
    kept(f);
    shows(f, "c1 < session 99 j1 paused (paused) iteration 1\n");
    asks(f, "c1", REC_resume, 6, 1);
    kept(f);
    SAYS(f, "keep job j1\n"
            "c1 < done 6\n"
            "w1 < lease j1 1:t2 [7,null]\n");
    farm_free(f);
}

TEST(pause_and_resume_say_what_is_so_already)
{
    struct farm *f = farm_with(false, 1);
    asks(f, "c1", REC_resume, 5, 1);
    asks(f, "c1", REC_pause, 6, 1);
    asks(f, "c1", REC_pause, 7, 1);
    SAYS(f, "c1 < error 5 not-paused\n"
            "c1 < done 6\n"
            "c1 < error 7 paused\n");
    farm_free(f);
}

/* Two children of calc.add. */
static struct msg_verdict forks(struct buf *children)
{
    put_child(children, &(struct msg_child){.queue = bytes_text("calc.add"),
                                            .args = bytes_of("\x91\x01", 2)});
    put_child(children, &(struct msg_child){.queue = bytes_text("calc.add"),
                                            .args = bytes_of("\x91\x02", 2)});
    return (struct msg_verdict){
        .kind = VERDICT_FORK, STATE("\x0a"), .children = buf_bytes(children)};
}

TEST(children_run_and_their_results_come_back_in_order)
{
    struct buf children = {0};
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1, forks(&children));
    SAYS(f, "keep job j2\n"
            "keep job j3\n"
            "keep job j1\n");
    kept(f);
    SAYS(f, "w1 < result_ack 1\n"
            "w1 < lease j2 t1 [1]\n");
    results(f, "w1", 2, 1, REASON_NONE);
    kept(f);
    SAYS(f, "store j2 ok\n"
            "w1 < lease j3 t1 [2]\n"
            "w1 < result_ack 2\n");
    results(f, "w1", 3, 1, REASON_ERROR);
    kept(f);
    SAYS(f, "store j3 failed\n"
            "w1 < result_ack 3\n"
            "w1 < lease j1 t2 [10,[[6,4],[7,4]]]\n");
    verdicts(f, "w1", 1, 2, is_done);
    SAYS(f, "settle j2 count 2\n"
            "store j1 ok\n");
    farm_free(f);
    buf_fini(&children);
}

/* The result of a child: so many bytes. */
static void results_large(struct farm *f, unsigned job, uint64_t number, uint32_t size)
{
    struct buf value = {0};
    void *zeros = must_alloc(size);
    pack_bin(&value, bytes_of(zeros, size));
    says(f, "w1",
         &(struct record){.type = REC_result,
                          .result = {.number = number,
                                     .id = job_id(job),
                                     .token = job_token(1),
                                     .run_us = 1000000,
                                     .value = buf_bytes(&value)}});
    buf_fini(&value);
    free(zeros);
}

TEST(results_that_do_not_fit_into_one_lease_are_told_as_failures)
{
    struct buf children = {0};
    struct farm *f = farm_with(false, 1);
    verdicts(f, "w1", 1, 1, forks(&children));
    results_large(f, 2, 2, 9 << 20);
    farm_forget(f);
    results_large(f, 3, 3, 9 << 20);
    const char *log = farm_log(f);
    CHECK(strlen(log) > 9 << 20); /* the first one whole */
    CHECK(strstr(log, "[7,\"result too large\"]]"));
    farm_free(f);
    buf_fini(&children);
}

TEST(a_broker_that_dies_makes_no_second_children)
{
    struct buf children = {0};
    struct farm *f = farm_with(true, 2);
    verdicts(f, "w1", 1, 1, forks(&children));
    kept(f);
    results(f, "w1", 3, 1, REASON_NONE);
    kept(f);
    restarts(f);
    client(f, "c1");
    hello_worker(f, "w1", 2);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 2, 1);
    farm_forget(f);
    ready(f, "w1");
    SAYS(f, "");
    shows(f, "c1 < session 99 j1 running (forked) iteration 1\n");
    results(f, "w1", 2, 1, REASON_NONE);
    kept(f);
    SAYS(f, "store j2 ok\n"
            "w1 < result_ack 3\n"
            "w1 < lease j1 1:t2 [10,[[6,4],[6,4]]]\n");
    farm_free(f);
    buf_fini(&children);
}

/* It is in the store as one that nobody has fetched, for whatever reason. */
TEST(a_child_of_an_earlier_fork_is_none_of_this)
{
    struct buf children = {0};
    struct farm *f = farm_with(true, 2);
    verdicts(f, "w1", 1, 1, forks(&children));
    kept(f);
    for (unsigned child = 2; child <= 3; child++)
        results(f, "w1", child, 1, REASON_NONE);
    kept(f);
    buf_clear(&children);
    verdicts(f, "w1", 1, 2, forks(&children));
    kept(f);
    for (unsigned child = 2; child <= 3; child++) {
        CHECK(disk_ended(&f->disk, job_id(child))->settled);
        disk_ended(&f->disk, job_id(child))->settled = false;
    }
    restarts(f);
    client(f, "c1");
    worker(f, "w1", 2, "calc.add");
    kept(f);
    SAYS(f, "w1 < lease j4 1:t1 [1]\n"
            "w1 < lease j5 1:t1 [2]\n");
    farm_free(f);
    buf_fini(&children);
}

TEST(a_session_that_is_stopped_stops_its_children)
{
    struct buf children = {0};
    struct farm *f = farm_with(false, 1);
    verdicts(f, "w1", 1, 1, forks(&children));
    farm_forget(f);
    asks(f, "c1", REC_cancel, 5, 1);
    SAYS(f, "store j1 cancelled\n"
            "c1 < ended 1 j1 cancelled (cancelled)\n"
            "settle j2 count 2\n"
            "w1 < stop j2 t1 cancelled\n"
            "store j3 cancelled\n"
            "settle j3 count 1\n"
            "c1 < done 5\n");
    results(f, "w1", 2, 1, REASON_CANCELLED);
    SAYS(f, "store j2 cancelled\n"
            "settle j2 count 1\n"
            "w1 < result_ack 2\n");
    farm_free(f);
    buf_fini(&children);
}

TEST(a_session_that_is_removed_leaves_nothing)
{
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1,
             (struct msg_verdict){.kind = VERDICT_ASK, .lines = bytes_text("begun\n")});
    kept(f);
    CHECK(bytes_equal(disk_lines(&f->disk, job_id(1)), bytes_text("begun\n")));
    farm_forget(f);
    asks(f, "c1", REC_drop, 5, 1);
    kept(f);
    CHECK(!disk_ended(&f->disk, job_id(1)));
    CHECK_EQ(disk_lines(&f->disk, job_id(1)).size, 0);
    SAYS(f, "keep job j1\n"
            "store j1 cancelled\n"
            "keep client c1\n"
            "drop ended j1\n"
            "c1 < ended 1 j1 cancelled (cancelled)\n"
            "c1 < done 5\n");
    farm_free(f);
}

TEST(a_lost_iteration_runs_again)
{
    struct farm *f = farm_with(false, 1);
    verdicts(f, "w1", 1, 1, goes_on);
    farm_forget(f);
    results(f, "w1", 1, 2, REASON_SIGNAL);
    SAYS(f, "w1 < result_ack 2\n");
    after(f, 200);
    SAYS(f, "w1 < lease j1 t3 attempt 2 [7,null]\n");
    shows(f, "c1 < session 99 j1 running (running) iteration 1\n");
    verdicts(f, "w1", 1, 3, goes_on);
    SAYS(f, "w1 < lease j1 t4 [7,null]\n"
            "w1 < result_ack 3\n"); /* attempts begin anew */
    farm_free(f);
}

TEST(what_is_no_verdict_is_tried_again_and_then_dead)
{
    struct broker_limits limits = {.attempts_max = 1};
    struct farm *f = farm_new(&limits);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    begins(f, "c1", "calc.add");
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_VERDICT);
    SAYS_HAS(f, "c1 < ended 1 j1 dead (protocol) by w1\n");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    verdicts(f, "w1", 2, 1, goes_on); /* of a job that is no session */
    SAYS_HAS(f, "c1 < ended 2 j2 dead (protocol) by w1\n");
    begins(f, "c1", "calc.add");
    verdicts(f, "w1", 3, 1,
             (struct msg_verdict){.kind = VERDICT_ASK, .lines = bytes_text("half a line")});
    SAYS_HAS(f, "c1 < ended 3 j3 dead (protocol) by w1\n");
    farm_free(f);
}

TEST(sessions_take_turns)
{
    struct farm *f = farm_with(false, 1);
    begins(f, "c1", "calc.add");
    farm_forget(f);
    verdicts(f, "w1", 1, 1, goes_on);
    SAYS_HAS(f, "w1 < lease j2 t1 [null,[]]\n");
    verdicts(f, "w1", 2, 1, goes_on);
    SAYS_HAS(f, "w1 < lease j1 t2 [7,null]\n");
    farm_free(f);
}

TEST(updates_of_a_session_are_numbered_and_tell_each_iteration_once)
{
    char text[JOB_ID_TEXT], topic[32];
    struct farm *f = farm_with(true, 1);
    snprintf(topic, sizeof topic, "session/%s", job_id_text(job_id(1), text));
    watches(f, topic, true);
    verdicts(f, "w1", 1, 1, goes_on);
    kept(f);
    SAYS_HAS(f, ": 1 iteration running 1\n");
    asks(f, "c1", REC_pause, 5, 1);
    kept(f);
    SAYS_HAS(f, ": 2 paused paused 1\n");
    asks(f, "c1", REC_resume, 6, 1);
    kept(f);
    SAYS_HAS(f, ": 3 resumed running 1\n");
    verdicts(f, "w1", 1, 2, is_done);
    kept(f);
    SAYS_HAS(f, ": 4 iteration running 2\n");
    says(f, "c1",
         &(struct record){.type = REC_watch, .watch = {.number = 7, .topic = bytes_text(topic)}});
    SAYS_HAS(f, "find 1 j1\n");
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    SAYS(f, "c1 < snapshot 5 snapshot finished 2\n");
    farm_free(f);
}

TEST(a_failed_session_is_retried_from_where_it_was)
{
    struct farm *f = farm_with(true, 1);
    verdicts(f, "w1", 1, 1, goes_on);
    kept(f);
    results(f, "w1", 1, 2, REASON_ERROR);
    kept(f);
    asks(f, "c1", REC_retry, 5, 1);
    farm_forget(f);
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    kept(f);
    SAYS(f, "keep job j2\n"
            "c1 < accepted 5 j2\n"
            "w1 < lease j2 t1 [7,null]\n");
    farm_free(f);
}
