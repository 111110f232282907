/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker's core, incident by incident: events in, effects out, as text (see farm.h). Where a
 * test says nothing of priorities, limits and the like, they are the usual ones.
 */
#include "tests/unit/farm.h"

static struct farm *farm_with(unsigned slots)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    worker(f, "w1", slots, "calc.add");
    farm_forget(f);
    return f;
}

/* --- the usual course ------------------------------------------------------------------------- */

TEST(a_job_is_accepted_lent_and_answered)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1 j1\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(submissions_of_one_body_are_accepted_in_one_record)
{
    struct farm *f = farm_with(1);
    struct buf body = {0};
    for (uint64_t n = 1; n <= 3; n++) {
        struct record r = {
            .type = REC_submit,
            .submit = {.number = n, .queue = bytes_text("calc.add"), .args = bytes_of("\x90", 1)}};
        record_put(&body, &r);
    }
    says_bytes(f, "c1", buf_bytes(&body));
    buf_fini(&body);
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1..3 j1..j3\n");
    farm_free(f);
}

TEST(a_slot_that_becomes_free_gets_the_next_job)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < lease j2 t1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_worker_that_joins_finds_what_waits)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    submits_as(
        f, "c1",
        (struct msg_submit){.queue = bytes_text("calc.add"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    SAYS(f, "c1 < accepted 1 j1\n");
    worker(f, "w1", 1, "calc.add");
    SAYS(f, "w1 < lease j1 t1\n");
    farm_free(f);
}

TEST(a_queue_that_nobody_ever_offered_is_refused)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.sub");
    SAYS(f, "c1 < error 1 unknown-handler\n");
    submits(f, "c1", "calc.add");
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 2 j1\n");
    farm_free(f);
}

TEST(a_queue_whose_workers_have_left_takes_jobs_all_the_same)
{
    struct farm *f = farm_with(1);
    says(f, "w1", &(struct record){.type = REC_goodbye});
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < accepted 1 j1\n");
    farm_free(f);
}

/* --- order ------------------------------------------------------------------------------------ */

static void submits_with_priority(struct farm *f, int64_t priority)
{
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .priority = priority});
}

TEST(higher_priority_first_then_age)
{
    struct farm *f = farm_with(1);
    submits_with_priority(f, 0);
    submits_with_priority(f, -5);
    submits_with_priority(f, 9);
    submits_with_priority(f, 0);
    submits_with_priority(f, 9);
    farm_forget(f);
    static const unsigned order[] = {1, 3, 5, 4, 2};
    for (unsigned i = 0; i + 1 < LENGTH(order); i++) {
        results(f, "w1", order[i], 1, REASON_NONE);
        char lease[32];
        snprintf(lease, sizeof lease, "w1 < lease j%u t1\n", order[i + 1]);
        CHECK(strstr(farm_log(f), lease));
        farm_forget(f);
    }
    farm_free(f);
}

TEST(priority_goes_before_fairness_between_queues)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    hello_worker(f, "w1", 1);
    offers(f, "w1", "a.a");
    offers(f, "w1", "b.b");
    ready(f, "w1");
    submits(f, "c1", "a.a");
    submits(f, "c1", "a.a");
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("b.b"), .priority = 1});
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < lease j3 t1 offer 1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

/* Which of the running jobs (one a slot) is over next: the one that has run long enough. */
struct run {
    unsigned job;
    bool slow;
    int64_t until_us;
};

/* A 1 ms queue and a 1 s queue share two slots by run time: while the slow one uses 4 s, the fast
 * one must get about as much, which are thousands of jobs and not four. */
TEST(queues_share_slots_by_run_time_not_by_count)
{
    struct farm *f = farm_new(&(struct broker_limits){.ahead_jobs_max = 1, .ahead_us_max = 1});
    client(f, "c1");
    hello_worker(f, "w1", 2);
    offers(f, "w1", "fast.f");
    offers(f, "w1", "slow.s");
    ready(f, "w1");
    enum { FAST = 6000, SLOW = 12 };
    unsigned run_fast = 0, run_slow = 0;
    for (unsigned i = 0; i < FAST; i++)
        submits(f, "c1", "fast.f");
    for (unsigned i = 0; i < SLOW; i++)
        submits(f, "c1", "slow.s");
    struct run runs[2] = {{1, false, 1000}, {2, false, 1000}};
    farm_forget(f);
    while (run_slow < 4 && run_fast < FAST - 10) {
        struct run *r = runs[0].until_us <= runs[1].until_us ? &runs[0] : &runs[1];
        takes_us(f, "w1", r->job, 1, r->slow ? 1000000 : 1000);
        run_slow += r->slow;
        run_fast += !r->slow;
        const char *lease = strstr(farm_log(f), "w1 < lease j");
        CHECK(lease);
        unsigned job = (unsigned)strtoul(lease + strlen("w1 < lease j"), NULL, 10);
        bool slow = job > FAST;
        *r = (struct run){job, slow, r->until_us + (slow ? 1000000 : 1000)};
        farm_forget(f);
    }
    CHECK(run_slow == 4);
    CHECK(run_fast > 3000 && run_fast < 5000);
    farm_free(f);
}

TEST(a_queue_that_slept_has_saved_nothing_up)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    hello_worker(f, "w1", 1);
    offers(f, "w1", "a.a");
    offers(f, "w1", "b.b");
    ready(f, "w1");
    /* a works alone for 100 s of run time. */
    for (unsigned i = 0; i < 100; i++)
        submits(f, "c1", "a.a");
    for (unsigned i = 1; i < 100; i++)
        results(f, "w1", i, 1, REASON_NONE);
    for (unsigned i = 0; i < 20; i++)
        submits(f, "c1", "a.a");
    for (unsigned i = 0; i < 20; i++)
        submits(f, "c1", "b.b");
    farm_forget(f);
    unsigned from_b = 0;
    unsigned job = 100;
    for (unsigned i = 0; i < 10; i++) {
        results(f, "w1", job, 1, REASON_NONE);
        const char *lease = strstr(farm_log(f), "w1 < lease j");
        CHECK(lease);
        job = (unsigned)strtoul(lease + strlen("w1 < lease j"), NULL, 10);
        from_b += job > 120;
        farm_forget(f);
    }
    CHECK(from_b >= 4 && from_b <= 6);
    farm_free(f);
}

/* --- lending ahead ---------------------------------------------------------------------------- */

static unsigned leases_in(struct farm *f)
{
    unsigned count = 0;
    for (const char *at = farm_log(f); (at = strstr(at, " < lease ")); at++)
        count++;
    farm_forget(f);
    return count;
}

TEST(nothing_is_lent_ahead_of_a_queue_nobody_knows)
{
    struct farm *f = farm_with(2);
    for (unsigned i = 0; i < 10; i++)
        submits(f, "c1", "calc.add");
    CHECK_EQ(leases_in(f), 2);
    farm_free(f);
}

TEST(short_jobs_are_lent_ahead_long_ones_are_not)
{
    struct farm *f = farm_with(1);
    for (unsigned i = 0; i < 100; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 100);
    unsigned ahead = leases_in(f);
    CHECK(ahead > 5 && ahead <= 8000 / 100 + 1);
    /* One that took a second changes what is known of them. */
    takes_us(f, "w1", 2, 1, 1000000);
    CHECK_EQ(leases_in(f), 0);
    farm_free(f);
}

TEST(a_slot_never_waits_for_the_next_job_of_some_milliseconds)
{
    static const struct {
        uint32_t run_us;
        unsigned least, most; /* leases that a result brings, the free slot's among them */
    } cases[] = {{1500, 8, 10}, {3000, 4, 5}, {4001, 1, 1}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct farm *f = farm_with(2);
        for (unsigned k = 0; k < 20; k++)
            submits(f, "c1", "calc.add");
        farm_forget(f);
        takes_us(f, "w1", 1, 1, cases[i].run_us);
        unsigned leases = leases_in(f);
        CHECK(leases >= cases[i].least && leases <= cases[i].most);
        farm_free(f);
    }
}

TEST(what_is_lent_ahead_is_topped_up_when_half_of_it_is_gone)
{
    struct farm *f = farm_with(1);
    for (unsigned i = 0; i < 100; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 1000);
    CHECK_EQ(leases_in(f), 8); /* the slot's next, and seven behind it */
    for (unsigned i = 2; i <= 5; i++) {
        takes_us(f, "w1", i, 1, 1000);
        CHECK_EQ(leases_in(f), i < 5 ? 0 : 4);
    }
    farm_free(f);
}

static void submits_together(struct farm *f, const char *queue, unsigned count)
{
    while (count--)
        submits_as(f, "c1", (struct msg_submit){.queue = bytes_text(queue), .together = 1});
}

TEST(of_many_whose_results_may_come_together_more_is_lent_ahead)
{
    struct farm *f = farm_with(1);
    submits_together(f, "calc.add", 300);
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 1000);
    CHECK_EQ(leases_in(f), 24); /* three times as many as of others */
    for (unsigned i = 2; i <= 13; i++) {
        takes_us(f, "w1", i, 1, 1000);
        CHECK_EQ(leases_in(f), i < 13 ? 0 : 12);
    }
    /* Others want their results one by one. */
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .priority = 1});
    farm_forget(f);
    for (unsigned i = 14; i <= 25; i++) {
        takes_us(f, "w1", i, 1, 1000);
        CHECK_EQ(leases_in(f), 0);
    }
    farm_free(f);
}

TEST(of_few_that_wait_one_worker_is_lent_no_more_for_that)
{
    struct farm *f = farm_with(1);
    submits_together(f, "calc.add", 120);
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 1000); /* 119 wait: an eighth of them are 14 */
    CHECK_EQ(leases_in(f), 14);
    farm_free(f);
    f = farm_with(1);
    submits_together(f, "calc.add", 40);
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 1000);
    CHECK_EQ(leases_in(f), 8);
    farm_free(f);
}

TEST(what_is_lent_ahead_has_a_limit_of_jobs)
{
    struct farm *f = farm_new(&(struct broker_limits){.ahead_jobs_max = 3});
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    for (unsigned i = 0; i < 100; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 1);
    CHECK_EQ(leases_in(f), 4);
    takes_us(f, "w1", 2, 1, 1);
    CHECK_EQ(leases_in(f), 1);
    farm_free(f);
}

TEST(a_job_that_died_at_once_does_not_make_its_queue_a_short_one)
{
    struct farm *f = farm_with(1);
    for (unsigned i = 0; i < 10; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    says(f, "w1",
         &(struct record){.type = REC_result,
                          .result = {.number = 1,
                                     .id = job_id(1),
                                     .token = job_token(1),
                                     .reason = REASON_SIGNAL,
                                     .detail = 11}});
    CHECK_EQ(leases_in(f), 1);
    farm_free(f);
}

/* --- time ------------------------------------------------------------------------------------- */

TEST(a_delayed_job_is_not_lent_before_its_time)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .delay_ms = 700});
    SAYS(f, "c1 < accepted 1 j1\n");
    after(f, 699);
    SAYS(f, "");
    after(f, 1);
    SAYS(f, "w1 < lease j1 t1\n");
    farm_free(f);
}

TEST(a_job_that_waits_past_its_deadline_expires)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("calc.add"),
                                   .flags = SUBMIT_WAIT_FOR_HANDLER,
                                   .deadline_ms = 300});
    farm_forget(f);
    after(f, 299);
    SAYS(f, "");
    after(f, 1);
    SAYS(f, "store j1 expired\n"
            "c1 < ended 1 j1 expired (deadline)\n");
    farm_free(f);
}

TEST(a_running_job_past_its_deadline_is_stopped_and_then_expires)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .deadline_ms = 300});
    farm_forget(f);
    after(f, 300);
    SAYS(f, "w1 < stop j1 t1 deadline\n");
    results(f, "w1", 1, 1, REASON_NONE); /* it was ready in the same moment: too late */
    SAYS(f, "store j1 expired\n"
            "c1 < ended 1 j1 expired (deadline) by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(the_time_limit_of_an_attempt_goes_with_the_lease)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .timeout_ms = 250});
    SAYS(f, "w1 < lease j1 t1 limit 250\n"
            "c1 < accepted 1 j1\n");
    farm_free(f);
}

/* --- attempts --------------------------------------------------------------------------------- */

TEST(an_error_of_the_handler_ends_the_job)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_ERROR);
    SAYS(f, "store j1 failed\n"
            "c1 < ended 1 j1 failed (error) by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(retries_that_were_asked_for_are_made_with_growing_pauses)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .retries = 3});
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_ERROR);
    SAYS(f, "w1 < result_ack 1\n");
    after(f, 49);
    SAYS(f, "");
    after(f, 51);
    SAYS(f, "w1 < lease j1 t2 attempt 2\n");
    results(f, "w1", 1, 2, REASON_ERROR);
    farm_forget(f);
    after(f, 99);
    SAYS(f, "");
    after(f, 101);
    SAYS(f, "w1 < lease j1 t3 attempt 3\n");
    results(f, "w1", 1, 3, REASON_ERROR);
    SAYS(f, "store j1 failed\n"
            "c1 < ended 1 j1 failed (error) by w1 after 3\n"
            "w1 < result_ack 3\n");
    farm_free(f);
}

TEST(a_job_that_kills_its_handler_is_dead_after_five_attempts)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    for (unsigned token = 1; token < 5; token++) {
        results(f, "w1", 1, token, REASON_SIGNAL);
        after(f, 2000);
    }
    farm_forget(f);
    results(f, "w1", 1, 5, REASON_SIGNAL);
    SAYS(f, "store j1 dead\n"
            "c1 < ended 1 j1 dead (signal) by w1 after 5\n"
            "w1 < result_ack 5\n");
    says(f, "c1", &(struct record){.type = REC_get_status, .get_status = {.number = 9}});
    SAYS(f, "c1 < status submitted 1 executions 5 losses 5 live 0 malformed 0\n");
    farm_free(f);
}

TEST(a_result_too_large_is_not_tried_again)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .retries = 5});
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_TOO_LARGE);
    SAYS(f, "store j1 failed\n"
            "c1 < ended 1 j1 failed (result too large) by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_value_above_the_limit_is_not_passed_on)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    char *large = must_alloc(VALUE_BYTES_MAX + 1);
    struct record r = {.type = REC_result,
                       .result = {.number = 1,
                                  .id = job_id(1),
                                  .token = job_token(1),
                                  .value = bytes_of(large, VALUE_BYTES_MAX + 1)}};
    says(f, "w1", &r);
    free(large);
    SAYS(f, "store j1 failed\n"
            "c1 < ended 1 j1 failed (result too large) by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_retry_by_hand_is_another_job)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    asks(f, "c1", REC_retry, 70, 1);
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1 j1\n"
            "c1 < error 70 not-ended\n");
    results(f, "w1", 1, 1, REASON_ERROR);
    /* The row comes back from the store as it went. */
    struct buf row = {0};
    for (size_t i = 0; i < f->fx.count; i++)
        if (f->fx.list[i].type == FX_PUT) {
            struct bytes bytes = effect_bytes(&f->fx, &f->fx.list[i]);
            buf_put(&row, bytes.data, bytes.size);
        }
    CHECK(row.size);
    farm_forget(f);
    asks(f, "c1", REC_retry, 71, 1);
    SAYS(f, "find 1 j1\n");
    found(f, 1, buf_bytes(&row));
    buf_fini(&row);
    SAYS(f, "c1 < accepted 71 j2\n"
            "w1 < lease j2 t1\n");
    asks(f, "c1", REC_get_job, 72, 2);
    SAYS(f, "c1 < job 72 j2 running retry of j1\n");
    farm_free(f);
}

/* --- cancelling ------------------------------------------------------------------------------- */

TEST(cancel_while_it_waits)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    asks(f, "c1", REC_cancel, 50, 2);
    SAYS(f, "bygone j2 cancelled\n"
            "c1 < ended 2 j2 cancelled (cancelled)\n"
            "c1 < done 50\n");
    farm_free(f);
}

TEST(cancel_while_it_is_delayed)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .delay_ms = 1000});
    farm_forget(f);
    asks(f, "c1", REC_cancel, 50, 1);
    SAYS(f, "store j1 cancelled\n"
            "c1 < ended 1 j1 cancelled (cancelled)\n"
            "c1 < done 50\n");
    after(f, 2000);
    SAYS(f, "");
    farm_free(f);
}

TEST(cancel_during_the_pause_before_a_retry)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    results(f, "w1", 1, 1, REASON_SIGNAL);
    farm_forget(f);
    asks(f, "c1", REC_cancel, 50, 1);
    SAYS(f, "store j1 cancelled\n"
            "c1 < ended 1 j1 cancelled (cancelled)\n"
            "c1 < done 50\n");
    after(f, 2000);
    SAYS(f, "");
    farm_free(f);
}

TEST(cancel_while_its_queue_is_held)
{
    struct farm *f = farm_with(1);
    struct record hold = {.type = REC_hold,
                          .hold = {.number = 49, .queue = bytes_text("calc.add")}};
    says(f, "c1", &hold);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    asks(f, "c1", REC_cancel, 50, 1);
    SAYS(f, "bygone j1 cancelled\n"
            "c1 < ended 1 j1 cancelled (cancelled)\n"
            "c1 < done 50\n");
    farm_free(f);
}

TEST(cancel_while_it_runs_stops_it_and_it_is_never_ok)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    starts(f, "w1", 1, 1);
    farm_forget(f);
    asks(f, "c1", REC_cancel, 50, 1);
    SAYS(f, "w1 < stop j1 t1 cancelled\n"
            "c1 < done 50\n");
    results(f, "w1", 1, 1, REASON_NONE); /* it was faster */
    SAYS(f, "store j1 cancelled\n"
            "c1 < ended 1 j1 cancelled (cancelled) by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_cancelled_job_that_had_not_started_is_not_lent_again)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    asks(f, "c1", REC_cancel, 50, 1);
    farm_forget(f);
    returns(f, "w1", 1, 1);
    SAYS(f, "store j1 cancelled\n"
            "c1 < ended 1 j1 cancelled (cancelled) by w1\n");
    farm_free(f);
}

TEST(cancel_after_its_end_says_so)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .timeout_ms = 5000});
    results(f, "w1", 1, 1, REASON_NONE);
    struct bytes row = effect_bytes(&f->fx, &f->fx.list[0]);
    CHECK_EQ(f->fx.list[0].type, FX_PUT);
    struct buf copy = {0};
    buf_put(&copy, row.data, row.size);
    farm_forget(f);
    asks(f, "c1", REC_cancel, 50, 1);
    found(f, 1, buf_bytes(&copy));
    SAYS(f, "find 1 j1\n"
            "c1 < error 50 ended\n");
    asks(f, "c1", REC_cancel, 51, 99);
    found(f, 2, (struct bytes){0});
    SAYS(f, "find 2 j99\n"
            "c1 < error 51 unknown-job\n");
    buf_fini(&copy);
    farm_free(f);
}

/* --- workers lost ----------------------------------------------------------------------------- */

TEST(a_worker_that_dies_gives_its_jobs_back_after_a_second)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    starts(f, "w1", 1, 1);
    farm_forget(f);
    gone(f, "w1");
    after(f, 900);
    SAYS(f, "");
    after(f, 400); /* the rest of the second, a tick, the pause before another attempt */
    SAYS(f, "w2 < lease j1 t2 attempt 2\n");
    farm_free(f);
}

TEST(a_silent_worker_is_lost_after_five_seconds)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    silent(f, "w1");
    after(f, 4900);
    SAYS(f, "");
    after(f, 400);
    SAYS(f, "w2 < lease j1 t2 attempt 2\n");
    /* It was only frozen. What it had is nobody's now. */
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "w1 < hello_wanted\n");
    farm_free(f);
}

TEST(a_goodbye_gives_back_at_once_and_the_unstarted_without_an_attempt)
{
    struct farm *f = farm_with(2);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    starts(f, "w1", 1, 1);
    worker(f, "w2", 2, "calc.add");
    farm_forget(f);
    says(f, "w1", &(struct record){.type = REC_goodbye});
    SAYS(f, "w2 < lease j2 t2\n");
    after(f, 200);
    SAYS(f, "w2 < lease j1 t2 attempt 2\n");
    farm_free(f);
}

TEST(a_worker_comes_back_within_a_second_and_keeps_its_leases)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    gone(f, "w1");
    after(f, 800);
    reconnects(f, "w1");
    farm_forget(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    ready(f, "w1");
    SAYS(f, "w1 < welcome last 0\n");
    after(f, 8000);
    SAYS(f, "");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_lease_that_got_lost_on_its_way_goes_back_at_once)
{
    struct farm *f = farm_with(2);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    reconnects(f, "w1");
    farm_forget(f);
    hello_worker(f, "w1", 2);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    ready(f, "w1"); /* of j2 it knows nothing */
    SAYS(f, "w1 < welcome last 0\n"
            "w1 < lease j2 t2\n");
    farm_free(f);
}

TEST(a_worker_that_names_a_lease_it_has_lost_is_told_to_stop)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    silent(f, "w1");
    after(f, 6000);
    farm_forget(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    ready(f, "w1");
    SAYS(f, "w1 < welcome last 0\n"
            "w1 < stop j1 t1 superseded\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "w1 < result_ack 1\n");
    results(f, "w2", 1, 2, REASON_NONE);
    SAYS(f, "store j1 ok\n"
            "c1 < ended 1 j1 ok by w2 after 2\n"
            "w2 < result_ack 1\n");
    farm_free(f);
}

TEST(a_stop_is_said_again_to_a_worker_that_comes_back)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    starts(f, "w1", 1, 1);
    gone(f, "w1");
    asks(f, "c1", REC_cancel, 50, 1); /* it cannot hear it */
    reconnects(f, "w1");
    farm_forget(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    ready(f, "w1");
    SAYS(f, "w1 < welcome last 0\n"
            "w1 < stop j1 t1 cancelled\n");
    farm_free(f);
}

TEST(the_brokers_own_pause_makes_nobody_silent)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    gone(f, "w2");
    farm_forget(f);
    pauses(f, 60000);
    SAYS(f, ""); /* w1 was not heard of for a minute, w2 not seen: we did not listen */
    farm_free(f);
}

TEST(a_result_under_an_old_token_changes_nothing)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    returns(f, "w1", 1, 1);
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "w1 < result_ack 1\n");
    returns(f, "w1", 1, 1);
    starts(f, "w1", 1, 1);
    SAYS(f, "");
    results(f, "w1", 1, 2, REASON_NONE);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 2\n");
    results(f, "w1", 1, 2, REASON_NONE);
    SAYS(f, "w1 < result_ack 3\n");
    farm_free(f);
}

TEST(a_result_of_a_job_that_another_worker_has_changes_nothing)
{
    struct farm *f = farm_with(1);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    results(f, "w2", 1, 1, REASON_NONE);
    SAYS(f, "w2 < result_ack 1\n");
    farm_free(f);
}

TEST(a_connection_that_takes_another_name_leaves_the_first_one_behind)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    /* The same connection says hello under another peer id, then dies. */
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = 1,
                                 .version_max = 1,
                                 .role = ROLE_CLIENT,
                                 .peer_id = bytes_text("another 16 bytes")}};
    says(f, "c1", &r);
    struct record w = {.type = REC_hello,
                       .hello = {.version_min = 1,
                                 .version_max = 1,
                                 .role = ROLE_WORKER,
                                 .peer_id = bytes_text("another 16 bytes"),
                                 .name = bytes_text("w9"),
                                 .slots = 1}};
    says(f, "w1", &w);
    gone(f, "c1");
    gone(f, "w1");
    farm_forget(f);
    after(f, 2000); /* nobody reaches for what is gone */
    SAYS(f, "");
    farm_free(f);
}

TEST(a_refused_offer_keeps_its_number)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    hello_worker(f, "w1", 1);
    offers(f, "w1", "a.a");
    offers(f, "w1", "no name at all");
    offers(f, "w1", "c.c");
    SAYS(f, "w1 < welcome last 0\n"
            "w1 < error 0 invalid\n");
    ready(f, "w1");
    submits(f, "c1", "c.c");
    SAYS(f, "w1 < lease j1 t1 offer 2\n"
            "c1 < accepted 1 j1\n");
    farm_free(f);
}

TEST(a_second_worker_of_the_same_name_is_refused)
{
    struct farm *f = farm_with(1);
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = 1,
                                 .version_max = 1,
                                 .role = ROLE_WORKER,
                                 .peer_id = bytes_text("another 16 bytes"),
                                 .name = bytes_text("w1"),
                                 .slots = 1}};
    says(f, "w2", &r);
    CHECK(strstr(farm_log(f), "w2 < error 0 "));
    farm_free(f);
}

/* --- draining --------------------------------------------------------------------------------- */

static void drains(struct farm *f, const char *name)
{
    struct record r = {.type = REC_drain, .drain = {.number = 60, .worker = bytes_text(name)}};
    says(f, "c1", &r);
}

TEST(a_draining_worker_gets_nothing_more_and_leaves)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    drains(f, "w1");
    SAYS(f, "w1 < draining\n"
            "c1 < done 60\n");
    submits(f, "c1", "calc.add");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "c1 < accepted 2 j2\n"
            "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    says(f, "w1", &(struct record){.type = REC_goodbye});
    worker(f, "w2", 1, "calc.add");
    SAYS(f, "w2 < lease j2 t1\n");
    farm_free(f);
}

TEST(a_drain_is_said_again_after_a_reconnect)
{
    struct farm *f = farm_with(1);
    gone(f, "w1");
    drains(f, "w1");
    reconnects(f, "w1");
    farm_forget(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    ready(f, "w1");
    SAYS(f, "w1 < welcome last 0\n"
            "w1 < draining\n");
    farm_free(f);
}

TEST(draining_nobody_is_an_error)
{
    struct farm *f = farm_with(1);
    drains(f, "w7");
    SAYS(f, "c1 < error 60 unknown-worker\n");
    farm_free(f);
}

/* --- holding ---------------------------------------------------------------------------------- */

TEST(a_held_queue_hands_nothing_out_until_released)
{
    struct farm *f = farm_with(1);
    struct record r = {.type = REC_hold, .hold = {.number = 60, .queue = bytes_text("calc.add")}};
    says(f, "c1", &r);
    submits(f, "c1", "calc.add");
    asks(f, "c1", REC_get_job, 61, 1);
    SAYS(f, "c1 < done 60\n"
            "c1 < accepted 1 j1\n"
            "c1 < job 61 j1 held\n");
    r = (struct record){.type = REC_release,
                        .release = {.number = 62, .queue = bytes_text("calc.add")}};
    says(f, "c1", &r);
    SAYS(f, "c1 < done 62\n"
            "w1 < lease j1 t1\n");
    r.release.queue = bytes_text("no.such");
    says(f, "c1", &r);
    SAYS(f, "c1 < error 62 unknown-queue\n");
    farm_free(f);
}

/* --- numbers and keys ------------------------------------------------------------------------- */

static void submits_number(struct farm *f, uint64_t number)
{
    submits_as(f, "c1", (struct msg_submit){.number = number, .queue = bytes_text("calc.add")});
}

TEST(a_number_that_comes_again_makes_no_second_job)
{
    struct farm *f = farm_with(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .timeout_ms = 5000});
    farm_forget(f);
    submits_number(f, 1);
    SAYS(f, "c1 < accepted 1 j1\n");
    results(f, "w1", 1, 1, REASON_NONE);
    struct buf row = {0};
    buf_put(&row, effect_bytes(&f->fx, &f->fx.list[0]).data, f->fx.list[0].size);
    farm_forget(f);
    submits_number(f, 1);
    SAYS(f, "find 1 j1\n"
            "c1 < accepted 1 j1\n");
    found(f, 1, buf_bytes(&row));
    SAYS(f, "c1 < ended 1 j1 ok by w1\n");
    buf_fini(&row);
    submits_number(f, 1);
    found(f, 2, (struct bytes){0}); /* the store has let it go */
    SAYS(f, "find 2 j1\n"
            "c1 < accepted 1 j1\n"
            "c1 < error 1 forgotten\n");
    farm_free(f);
}

TEST(after_a_lost_connection_everything_unsettled_is_sent_again)
{
    struct farm *f = farm_with(1);
    submits_number(f, 1);
    submits_number(f, 2);
    gone(f, "c1");
    results(f, "w1", 1, 1, REASON_NONE); /* told to nobody, kept */
    reconnects(f, "c1");
    farm_forget(f);
    says(f, "c1",
         &(struct record){.type = REC_hello,
                          .hello = {.version_min = 1,
                                    .version_max = 1,
                                    .role = ROLE_CLIENT,
                                    .peer_id = bytes_of("c1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16)}});
    submits_number(f, 1);
    submits_number(f, 2);
    submits_number(f, 3);
    SAYS(f, "c1 < welcome last 2\n"
            "c1 < accepted 1 j1\n"
            "c1 < ended 1 j1 ok by w1\n"
            "c1 < accepted 2 j2\n"
            "c1 < accepted 3 j3\n");
    farm_free(f);
}

TEST(a_refused_number_is_taken_and_comes_to_nothing_again)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.sub");
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.sub")});
    SAYS(f, "c1 < error 1 unknown-handler\n"
            "c1 < error 1 forgotten\n");
    farm_free(f);
}

TEST(a_number_beyond_the_next_is_not_taken)
{
    struct farm *f = farm_with(1);
    submits_number(f, 2);
    submits_number(f, 1);
    submits_number(f, 2);
    SAYS(f, "c1 < error 2 unexpected\n"
            "w1 < lease j1 t1\n"
            "c1 < accepted 1 j1\n"
            "c1 < accepted 2 j2\n");
    farm_free(f);
}

TEST(acknowledged_results_are_settled_and_forgotten)
{
    struct farm *f = farm_with(1);
    for (uint64_t n = 1; n <= 3; n++) /* the second one has a row */
        submits_as(
            f, "c1",
            (struct msg_submit){.queue = bytes_text("calc.add"), .timeout_ms = n == 2 ? 5000 : 0});
    for (unsigned n = 1; n <= 3; n++)
        results(f, "w1", n, 1, REASON_NONE);
    farm_forget(f);
    struct record ack = {.type = REC_ack, .ack = {.number = 1, .count = 3, .floor = 4}};
    says(f, "c1", &ack);
    SAYS(f, "");
    after(f, 100);
    SAYS(f, "settle j1 count 3\n");
    submits_number(f, 2);
    SAYS(f, "c1 < error 2 forgotten\n");
    ack.ack = (struct msg_ack){.number = 90, .count = 5, .floor = 99}; /* never given out */
    says(f, "c1", &ack);
    SAYS(f, "");
    farm_free(f);
}

TEST(results_of_a_client_that_said_goodbye_are_settled)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    says(f, "c1", &(struct record){.type = REC_goodbye});
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok settled\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

static void submits_key(struct farm *f, const char *who, const char *key, const char *args)
{
    submits_as(f, who,
               (struct msg_submit){.queue = bytes_text("calc.add"),
                                   .key = bytes_text(key),
                                   .args = bytes_text(args)});
}

TEST(the_same_key_and_body_are_the_same_job)
{
    struct farm *f = farm_with(1);
    client(f, "c2");
    submits_key(f, "c1", "order-17", "\x91\x01");
    submits_key(f, "c2", "order-17", "\x91\x01");
    submits_key(f, "c1", "order-17", "\x91\x02");
    SAYS(f, "w1 < lease j1 t1 [1]\n"
            "c1 < accepted 1 j1\n"
            "c2 < accepted 1 j1\n"
            "c1 < error 2 key-taken\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "c2 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_key_outlives_its_job_for_a_day)
{
    struct farm *f = farm_new(&(struct broker_limits){.key_ms = 5000});
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits_key(f, "c1", "k", "\x90");
    after(f, 8000); /* while it runs no time counts */
    results(f, "w1", 1, 1, REASON_NONE);
    after(f, 4000);
    farm_forget(f);
    submits_key(f, "c1", "k", "\x90");
    SAYS(f, "find 1 j1\n"
            "c1 < accepted 2 j1\n");
    after(f, 1200);
    submits_key(f, "c1", "k", "\x90");
    SAYS(f, "w1 < lease j2 t1\n"
            "c1 < accepted 3 j2\n");
    farm_free(f);
}

/* --- what is refused -------------------------------------------------------------------------- */

TEST(reserved_fields_are_refused_not_ignored)
{
    struct farm *f = farm_with(1);
    struct bytes q = bytes_text("calc.add"), x = bytes_text("x");
    submits_as(f, "c1", (struct msg_submit){.queue = q, .session = x});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .tenant = x});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .after = x});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .schedule = x});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .content_type = x});
    SAYS(f, "c1 < error 1 reserved\n"
            "c1 < error 2 reserved\n"
            "c1 < error 3 reserved\n"
            "c1 < error 4 reserved\n"
            "c1 < error 5 reserved\n");
    farm_free(f);
}

TEST(fields_out_of_their_limits_are_refused)
{
    struct farm *f = farm_with(1);
    struct bytes q = bytes_text("calc.add");
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("nodot")});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .priority = 101});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .priority = -101});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .delay_ms = UINT64_MAX});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .deadline_ms = UINT64_MAX});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .retries = 202});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .flags = 1u << 31});
    submits_as(f, "c1", (struct msg_submit){.queue = q, .durability = CLASS_DURABLE});
    SAYS(f, "c1 < error 1 invalid\n"
            "c1 < error 2 invalid\n"
            "c1 < error 3 invalid\n"
            "c1 < error 4 invalid\n"
            "c1 < error 5 invalid\n"
            "c1 < error 6 invalid\n"
            "c1 < error 7 invalid\n"
            "c1 < error 8 not-durable\n");
    farm_free(f);
}

TEST(at_a_limit_the_answer_is_busy_and_room_makes_it_good)
{
    struct farm *f = farm_new(&(struct broker_limits){.jobs_max = 1});
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 2 busy\n");
    results(f, "w1", 1, 1, REASON_NONE);
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS(f, "w1 < lease j2 t1\n"
            "c1 < accepted 3 j2\n");
    farm_free(f);
}

/* One submission and so many behind it in its row, which have the arguments that are given. */
static void row_put(struct buf *body, struct msg_submit m, unsigned more, struct bytes args)
{
    m.args = bytes_of("\x90", 1);
    put_submit(body, &m);
    while (more--)
        put_again(body, &(struct msg_again){.value = args});
}

static void submits_row(struct farm *f, const char *who, struct msg_submit m, unsigned more,
                        struct bytes args)
{
    struct buf body = {0};
    row_put(&body, m, more, args);
    says_bytes(f, who, buf_bytes(&body));
    buf_fini(&body);
}

TEST(a_row_is_taken_as_far_as_there_is_room)
{
    struct farm *f = farm_new(&(struct broker_limits){.jobs_max = 3, .args_bytes_max = 4});
    struct bytes args = bytes_of("\x91\x01", 2);
    client(f, "c1");
    client(f, "c2");
    worker(f, "w1", 1, "calc.add");
    farm_forget(f);
    submits_row(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")}, 1,
                args);
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1..2 j1..j2\n");
    submits_row(f, "c2", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")}, 2,
                args);
    SAYS(f, "c2 < accepted 1 j3\n"
            "c2 < error 2 busy\n"
            "c2 < error 3 busy\n");
    results(f, "w1", 1, 1, REASON_NONE);
    results(f, "w1", 2, 1, REASON_NONE);
    farm_forget(f);
    submits_row(f, "c1", (struct msg_submit){.number = 3, .queue = bytes_text("calc.add")}, 1,
                bytes_of("\x93\x01\x02\x03", 4));
    SAYS(f, "c1 < accepted 3 j4\n"
            "c1 < error 4 busy\n");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(a_row_behind_a_refused_one_is_refused_one_by_one)
{
    struct farm *f = farm_with(1);
    struct bytes args = bytes_of("\x91\x01", 2);
    submits_row(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.sub")}, 1,
                args);
    SAYS(f, "c1 < error 1 unknown-handler\n"
            "c1 < error 2 unknown-handler\n");
    submits_row(f, "c1", (struct msg_submit){.number = 3, .queue = bytes_text("calc.add")}, 1,
                args);
    farm_forget(f);
    submits_row(f, "c1", (struct msg_submit){.number = 2, .queue = bytes_text("calc.add")}, 3,
                args); /* three that were said before, and a new one */
    SAYS(f, "c1 < error 2 forgotten\n"
            "c1 < accepted 3..4 j1..j2\n"
            "c1 < accepted 5 j3\n");
    farm_free(f);
}

TEST(a_row_is_over_before_anything_else_is_done)
{
    struct farm *f = farm_with(1);
    struct msg_submit m = {.number = 1, .queue = bytes_text("calc.add")};
    struct bytes args = bytes_of("\x91\x01", 2);
    struct buf body = {0};
    row_put(&body, m, 2, args);
    put_get_status(&body, &(struct msg_get_status){.number = 9});
    m.number = 4;
    m.priority = 1;
    row_put(&body, m, 1, args);
    says_bytes(f, "c1", buf_bytes(&body));
    SAYS(f, "c1 < accepted 1..3 j1..j3\n"
            "c1 < status submitted 3 executions 0 losses 0 live 3 malformed 0\n"
            "w1 < lease j4 t1\n"
            "c1 < accepted 4..5 j4..j5\n");
    results(f, "w1", 4, 1, REASON_NONE);
    SAYS_HAS(f, "w1 < lease j5 t1");
    results(f, "w1", 5, 1, REASON_NONE);
    SAYS_HAS(f, "w1 < lease j1 t1");
    farm_forget(f);
    buf_clear(&body);
    m.number = 6;
    row_put(&body, m, 1, args);
    buf_put(&body, "\xc1", 1);
    says_bytes(f, "c1", buf_bytes(&body));
    SAYS(f, "c1 < accepted 6..7 j6..j7\n"
            "c1 < error 0 malformed\n");
    buf_fini(&body);
    farm_free(f);
}

TEST(a_row_of_one_key_is_one_job)
{
    struct farm *f = farm_with(2);
    struct msg_submit m = {.number = 1, .queue = bytes_text("calc.add"), .key = bytes_text("k")};
    submits_row(f, "c1", m, 1, bytes_of("\x90", 1));
    SAYS(f, "c1 < accepted 1 j1\n"
            "w1 < lease j1 t1\n"
            "c1 < accepted 2 j1\n");
    farm_free(f);
}

TEST(a_row_of_sessions_is_sessions)
{
    struct farm *f = farm_with(2);
    struct msg_submit m = {.number = 1, .queue = bytes_text("calc.add"), .flags = SUBMIT_SESSION};
    submits_row(f, "c1", m, 1, bytes_of("\x90", 1));
    farm_forget(f);
    verdicts(f, "w1", 2, 1, (struct msg_verdict){.kind = VERDICT_CONTINUE});
    SAYS_HAS(f, "w1 < lease j2 t2");
    farm_free(f);
}

TEST(a_full_store_takes_no_new_jobs)
{
    struct farm *f = farm_with(1);
    struct event full = {.type = EV_STORE, .store = {.refuses = ERR_BUSY}};
    farm_event(f, &full);
    submits(f, "c1", "calc.add");
    full.store.refuses = OK;
    farm_event(f, &full);
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 1 busy\n"
            "w1 < lease j1 t1\n"
            "c1 < accepted 2 j1\n");
    farm_free(f);
}

TEST(every_table_has_its_limit)
{
    struct farm *f = farm_new(&(struct broker_limits){
        .clients_max = 1, .workers_max = 1, .queues_max = 1, .keys_max = 1, .args_bytes_max = 2});
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits_key(f, "c1", "a", "\x90");
    farm_forget(f);
    submits_key(f, "c1", "b", "\x90");
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("b.b"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    submits_as(
        f, "c1",
        (struct msg_submit){.queue = bytes_text("calc.add"), .args = bytes_text("\x91\x01")});
    SAYS(f, "c1 < error 2 busy\n"
            "c1 < error 3 busy\n"
            "c1 < error 4 busy\n");
    says(f, "c2",
         &(struct record){.type = REC_hello,
                          .hello = {.version_min = 1,
                                    .version_max = 1,
                                    .role = ROLE_CLIENT,
                                    .peer_id = bytes_text("another 16 bytes")}});
    hello_worker(f, "w2", 1);
    SAYS(f, "c2 < error 0 busy\n"
            "w2 < error 0 busy\n");
    farm_free(f);
}

TEST(bodies_that_do_not_decode_change_nothing_but_a_count)
{
    static const char *const bodies[] = {"\xc1", "\xdd\xff\xff\xff\xff", "\x93\x10\x02",
                                         "\x93\x10\xa1x\x02", "hello"};
    struct farm *f = farm_with(1);
    for (size_t i = 0; i < LENGTH(bodies); i++)
        says_bytes(f, "c1", bytes_text(bodies[i]));
    SAYS(f, "c1 < error 0 malformed\n"
            "c1 < error 0 malformed\n"
            "c1 < error 0 malformed\n"
            "c1 < error 0 malformed\n"
            "c1 < error 0 malformed\n");
    submits(f, "c1", "calc.add");
    says(f, "c1", &(struct record){.type = REC_get_status, .get_status = {.number = 9}});
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1 j1\n"
            "c1 < status submitted 1 executions 0 losses 0 live 1 malformed 5\n");
    farm_free(f);
}

TEST(records_before_the_first_bad_byte_hold)
{
    struct farm *f = farm_with(1);
    struct buf body = {0};
    struct record r = {
        .type = REC_submit,
        .submit = {.number = 1, .queue = bytes_text("calc.add"), .args = bytes_of("\x90", 1)}};
    record_put(&body, &r);
    buf_put(&body, "\xc1", 1);
    says_bytes(f, "c1", buf_bytes(&body));
    buf_fini(&body);
    SAYS(f, "c1 < accepted 1 j1\n"
            "c1 < error 0 malformed\n"
            "w1 < lease j1 t1\n");
    farm_free(f);
}

TEST(records_of_an_unknown_type_are_passed_over)
{
    struct farm *f = farm_with(1);
    says_bytes(f, "c1", bytes_text("\x93\x7f\x01\xa1x"));
    SAYS(f, "");
    farm_free(f);
}

TEST(who_has_not_said_hello_is_asked_to)
{
    struct farm *f = farm_with(1);
    submits(f, "c2", "calc.add");
    says(f, "w2", &(struct record){.type = REC_ready});
    SAYS(f, "c2 < hello_wanted\n"
            "w2 < hello_wanted\n");
    farm_free(f);
}

TEST(a_version_that_is_not_spoken_is_refused)
{
    struct farm *f = farm_new(NULL);
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = 2,
                                 .version_max = 9,
                                 .role = ROLE_CLIENT,
                                 .peer_id = bytes_text("another 16 bytes")}};
    says(f, "c1", &r);
    r.hello.version_min = 1;
    r.hello.role = ROLE_WORKER;
    says(f, "c1", &r);
    r.hello.role = ROLE_CLIENT;
    r.hello.peer_id = bytes_text("short");
    says(f, "c1", &r);
    r.hello.peer_id = bytes_text("another 16 bytes");
    says(f, "c1", &r);
    SAYS(f, "c1 < error 0 version\n"
            "c1 < error 0 unexpected\n"
            "c1 < error 0 invalid\n"
            "c1 < welcome last 0\n");
    farm_free(f);
}

/* --- asking ----------------------------------------------------------------------------------- */

TEST(whoever_waits_is_told_of_the_end)
{
    struct farm *f = farm_with(1);
    client(f, "c2");
    client(f, "c3");
    submits(f, "c1", "calc.add");
    asks(f, "c2", REC_wait, 5, 1);
    asks(f, "c3", REC_wait, 6, 1);
    gone(f, "c3"); /* does not wait any more */
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "c2 < ended 5 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_list_goes_from_the_newest_to_the_oldest_in_parts)
{
    enum { JOBS = 50, PART = 3 };
    struct farm *f = farm_with(1);
    struct record ask = {.type = REC_list_jobs,
                         .list_jobs = {.number = 80, .state = JOB_WAITING, .limit = PART}};
    for (unsigned i = 0; i <= JOBS; i++)
        submits(f, "c1", "calc.add"); /* the first one runs */
    for (unsigned job = JOBS + 1; job > 1;) {
        farm_forget(f);
        says(f, "c1", &ask);
        for (unsigned i = 0; i < PART && job > 1; i++, job--) {
            char line[64];
            snprintf(line, sizeof line, "c1 < job 80 j%u waiting\n", job);
            CHECK(strstr(farm_log(f), line));
        }
        ask.list_jobs.after = job_id(job + 1);
    }
    SAYS_HAS(f, "c1 < end 80\n");
    farm_free(f);
}

TEST(lists_show_jobs_queues_and_workers)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .delay_ms = 1000});
    farm_forget(f);
    says(f, "c1", &(struct record){.type = REC_list_jobs, .list_jobs = {.number = 80}});
    SAYS(f, "c1 < job 80 j3 delayed\n"
            "c1 < job 80 j2 waiting\n"
            "c1 < job 80 j1 running\n"
            "list 1\n");
    struct record some = {.type = REC_list_jobs, .list_jobs = {.number = 81, .state = JOB_WAITING}};
    says(f, "c1", &some);
    SAYS(f, "c1 < job 81 j2 waiting\n"
            "c1 < end 81\n");
    says(f, "c1", &(struct record){.type = REC_list_jobs, .list_jobs = {.number = 82, .limit = 2}});
    SAYS(f, "c1 < job 82 j3 delayed\n"
            "c1 < job 82 j2 waiting\n"
            "c1 < end 82 more\n");
    says(f, "c1", &(struct record){.type = REC_list_queues, .list_queues = {.number = 83}});
    says(f, "c1", &(struct record){.type = REC_list_workers, .list_workers = {.number = 84}});
    SAYS(f, "c1 < queue calc.add ready 1 running 1 delayed 1\n"
            "c1 < end 83\n"
            "c1 < worker w1 up leased 1\n"
            "c1 < end 84\n");
    farm_free(f);
}

/* --- updates ---------------------------------------------------------------------------------- */

/* Job 1 of a farm made by farm_with. */
static const char *topic_of_job_1(void)
{
    static char topic[32];
    char text[JOB_ID_TEXT];
    snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(1), text));
    return topic;
}

static void watch(struct farm *f, uint64_t number, const char *topic, uint64_t incarnation,
                  uint64_t seen)
{
    struct record r = {.type = REC_watch,
                       .watch = {.number = number,
                                 .topic = bytes_text(topic),
                                 .incarnation = incarnation,
                                 .after = seen}};
    says(f, "c1", &r);
}

TEST(a_watched_job_tells_each_change_under_its_number)
{
    struct farm *f = farm_with(1);
    const char *topic = topic_of_job_1();
    char want[400];
    watches(f, topic, true);
    submits(f, "c1", "calc.add");
    snprintf(want, sizeof want,
             "%s: 1 state waiting\n"
             "%s: 2 state running\n"
             "w1 < lease j1 t1\n"
             "c1 < accepted 1 j1\n",
             topic, topic);
    SAYS(f, want);
    results(f, "w1", 1, 1, REASON_NONE);
    snprintf(want, sizeof want,
             "bygone j1 ok\n"
             "%s: 3 state ok\n"
             "c1 < ended 1 j1 ok by w1\n"
             "w1 < result_ack 1\n",
             topic);
    SAYS(f, want);
    farm_free(f);
}

TEST(an_unwatched_job_counts_and_a_late_watcher_is_told_what_is_lost)
{
    struct farm *f = farm_with(1);
    const char *topic = topic_of_job_1();
    submits(f, "c1", "calc.add"); /* 1 waiting, 2 running */
    farm_forget(f);
    watch(f, 90, topic, 0, 0);
    SAYS(f, "c1 < snapshot 2 snapshot running\n");
    watches(f, topic, true);
    results(f, "w1", 1, 1, REASON_SIGNAL); /* 3 backoff */
    after(f, 100);                         /* 4 waiting, 5 running */
    farm_forget(f);
    watch(f, 91, topic, 7, 2);
    SAYS(f, "c1 < update 3 state backoff\n"
            "c1 < update 4 state waiting\n"
            "c1 < update 5 state running\n"
            "c1 < snapshot 5 snapshot running\n");
    watch(f, 92, topic, 7, 1);
    SAYS(f, "c1 < lost 2..2\n"
            "c1 < update 3 state backoff\n"
            "c1 < update 4 state waiting\n"
            "c1 < update 5 state running\n"
            "c1 < snapshot 5 snapshot running\n");
    watches(f, topic, false); /* the last one has left: half a minute later the ring goes */
    after(f, 31000);
    watches(f, topic, true);
    farm_forget(f);
    watch(f, 93, topic, 7, 2);
    SAYS(f, "c1 < lost 3..5\n"
            "c1 < snapshot 5 snapshot running\n");
    watch(f, 94, topic, 7, 5); /* up to date */
    SAYS(f, "c1 < snapshot 5 snapshot running\n");
    watch(f, 95, topic, 6, 99); /* of another life of the broker */
    SAYS(f, "c1 < snapshot 5 snapshot running\n");
    farm_free(f);
}

TEST(who_comes_back_soon_has_missed_nothing)
{
    struct farm *f = farm_with(1);
    const char *topic = topic_of_job_1();
    submits(f, "c1", "calc.add"); /* 1 waiting, 2 running */
    watches(f, topic, true);
    watches(f, topic, false);
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_SIGNAL); /* 3 backoff */
    after(f, 100);                         /* 4 waiting, 5 running */
    CHECK(!strstr(farm_log(f), "job/"));   /* nobody is there to be told */
    watches(f, topic, true);
    farm_forget(f);
    watch(f, 91, topic, 7, 2);
    SAYS(f, "c1 < update 3 state backoff\n"
            "c1 < update 4 state waiting\n"
            "c1 < update 5 state running\n"
            "c1 < snapshot 5 snapshot running\n");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(a_ring_keeps_the_last_updates_only)
{
    struct farm *f = farm_with(1);
    const char *topic = "queue/calc.add";
    watches(f, topic, true);
    struct record hold = {.type = REC_hold, .hold = {.queue = bytes_text("calc.add")}};
    struct record release = {.type = REC_release, .release = {.queue = bytes_text("calc.add")}};
    for (int i = 0; i < 100; i++) {
        says(f, "c1", &hold);
        says(f, "c1", &release);
    }
    farm_forget(f);
    watch(f, 90, topic, 7, 1);
    /* 1 was the offer; 200 changes follow, of which the last 64 are there. */
    CHECK(strncmp(farm_log(f), "c1 < lost 2..137\nc1 < update 138 held\n", 38) == 0);
    CHECK(strstr(farm_log(f), "c1 < update 201 released\nc1 < snapshot 201 snapshot\n"));
    farm_free(f);
}

TEST(the_topic_of_a_worker_goes_on_when_one_of_its_name_comes)
{
    struct farm *f = farm_with(1);
    watches(f, "worker/w1", true);
    says(f, "w1", &(struct record){.type = REC_goodbye});
    SAYS(f, "worker/w1: 2 left up\n");
    hello_worker(f, "w1", 1);
    SAYS(f, "w1 < welcome last 0\n"
            "worker/w1: 3 joined up\n");
    farm_free(f);
}

TEST(a_prefix_sees_all_below_it)
{
    struct farm *f = farm_with(1);
    struct event ev = {.type = EV_WATCH, .watch = {.topic = bytes_text("worker/"), .on = true}};
    farm_event(f, &ev);
    hello_worker(f, "w2", 1);
    SAYS(f, "w2 < welcome last 0\n"
            "worker/w2: 1 joined up\n");
    ev.watch.on = false;
    farm_event(f, &ev);
    hello_worker(f, "w3", 1);
    SAYS(f, "w3 < welcome last 0\n");
    farm_free(f);
}

TEST(counts_of_a_watched_queue_are_told_at_most_once_a_tick)
{
    struct farm *f = farm_with(1);
    watches(f, "queue/calc.add", true);
    for (int i = 0; i < 50; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    after(f, 100);
    SAYS(f, "queue/calc.add: 2 counts\n");
    after(f, 1000);
    SAYS(f, "");
    farm_free(f);
}

TEST(a_nonce_comes_back_on_the_updates_socket)
{
    struct farm *f = farm_with(1);
    says(f, "c1", &(struct record){.type = REC_sync, .sync = {.nonce = bytes_text("n-1")}});
    SAYS(f, "sync/n-1: 0 sync\n");
    farm_free(f);
}

TEST(watching_what_is_not_there_is_an_error)
{
    struct farm *f = farm_with(1);
    watch(f, 90, "queue/no.such", 0, 0);
    watch(f, 91, "worker/w7", 0, 0);
    watch(f, 92, "job/short", 0, 0);
    watch(f, 93, "weather/tomorrow", 0, 0);
    SAYS(f, "c1 < error 90 unknown-queue\n"
            "c1 < error 91 unknown-worker\n"
            "c1 < error 92 unknown-job\n"
            "c1 < error 93 unknown-feed\n");
    farm_free(f);
}

/* --- recall ----------------------------------------------------------------------------------- */

/* w1 has one slot and has shown that calc.add is short, so it is lent jobs ahead. */
static struct farm *farm_lent_ahead(void)
{
    struct farm *f = farm_with(1);
    for (unsigned i = 1; i <= 8; i++) {
        submits(f, "c1", "calc.add");
        takes_us(f, "w1", i, 1, 10);
    }
    farm_forget(f);
    for (unsigned i = 0; i < 3; i++)
        submits(f, "c1", "calc.add");
    SAYS_HAS(f, "w1 < lease j11 t1\n");
    return f;
}

TEST(jobs_that_wait_behind_a_long_one_are_recalled)
{
    struct farm *f = farm_lent_ahead();
    starts(f, "w1", 9, 1);
    after(f, 15);
    SAYS(f, "");
    after(f, 10);
    SAYS(f, "w1 < recall j11 t1\n"
            "w1 < recall j10 t1\n");
    returns(f, "w1", 11, 1);
    returns(f, "w1", 10, 1);
    SAYS(f, ""); /* nothing more is lent ahead there */
    after(f, 500);
    SAYS(f, "");
    worker(f, "w2", 1, "calc.add");
    SAYS_HAS(f, "w2 < lease j10 t2\n");
    farm_free(f);
}

/* It may have no core for a while, or the broker no time to listen: nothing long is known of. */
TEST(a_worker_that_has_not_said_that_a_job_runs_is_asked_for_nothing)
{
    struct farm *f = farm_lent_ahead();
    after(f, 500);
    SAYS(f, "");
    starts(f, "w1", 9, 1);
    after(f, 15);
    SAYS(f, "");
    after(f, 10);
    SAYS(f, "w1 < recall j11 t1\n"
            "w1 < recall j10 t1\n");
    farm_free(f);
}

TEST(a_worker_that_moves_again_is_lent_ahead_again)
{
    struct farm *f = farm_lent_ahead();
    starts(f, "w1", 9, 1);
    after(f, 25);
    returns(f, "w1", 11, 1);
    returns(f, "w1", 10, 1);
    farm_forget(f);
    takes_us(f, "w1", 9, 1, 30);
    SAYS_HAS(f, "w1 < lease j11 t2\n");
    farm_free(f);
}

TEST(a_worker_that_moves_is_asked_for_nothing)
{
    struct farm *f = farm_lent_ahead();
    after(f, 15);
    takes_us(f, "w1", 9, 1, 10);
    farm_forget(f);
    after(f, 15);
    SAYS(f, "");
    farm_free(f);
}

TEST(what_a_long_job_has_had_so_far_counts)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    hello_worker(f, "w1", 2);
    offers(f, "w1", "long.job");
    offers(f, "w1", "short.job");
    ready(f, "w1");
    for (int i = 0; i < 3; i++)
        submits(f, "c1", "long.job"); /* two take the slots; nothing is known of them yet */
    submits(f, "c1", "short.job");
    submits(f, "c1", "short.job");
    after(f, 1000);
    farm_forget(f);
    takes_us(f, "w1", 1, 1, 1000000);
    SAYS_HAS(f, "w1 < lease j4 t1 offer 1\n");
    takes_us(f, "w1", 4, 1, 1000);
    SAYS_HAS(f, "w1 < lease j5 t1 offer 1\n");
    farm_free(f);
}

/* --- progress --------------------------------------------------------------------------------- */

TEST(what_a_running_job_tells_is_an_update_and_shown_until_its_attempt_ends)
{
    struct farm *f = farm_with(1);
    const char *topic = topic_of_job_1();
    char want[300];
    submits(f, "c1", "calc.add"); /* 1 waiting, 2 running */
    progresses(f, "w1", 1, 1, 1); /* counted, though nobody watches */
    farm_forget(f);
    watch(f, 90, topic, 0, 0);
    SAYS(f, "c1 < snapshot 3 snapshot running done 1\n");
    watches(f, topic, true);
    progresses(f, "w1", 1, 1, 4);
    asks(f, "c1", REC_get_job, 70, 1);
    snprintf(want, sizeof want,
             "%s: 4 progress running done 4\n"
             "c1 < job 70 j1 running done 4\n",
             topic);
    SAYS(f, want);
    results(f, "w1", 1, 1, REASON_SIGNAL);
    asks(f, "c1", REC_get_job, 71, 1);
    snprintf(want, sizeof want,
             "%s: 5 state backoff\n"
             "w1 < result_ack 1\n"
             "c1 < attempt 71 j1 1 signal\n"
             "c1 < job 71 j1 backoff\n",
             topic);
    SAYS(f, want);
    farm_free(f);
}

TEST(progress_is_taken_from_who_has_the_job_under_its_token_only)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    returns(f, "w1", 1, 1); /* and gets it again */
    worker(f, "w2", 1, "calc.add");
    watches(f, topic_of_job_1(), true);
    farm_forget(f);
    progresses(f, "w1", 1, 1, 1); /* an old token */
    progresses(f, "w2", 1, 2, 1); /* another's job */
    progresses(f, "w1", 2, 1, 1); /* no job */
    SAYS(f, "");
    progresses(f, "w1", 1, 2, 1);
    results(f, "w1", 1, 2, REASON_NONE);
    farm_forget(f);
    progresses(f, "w1", 1, 2, 2); /* it is over */
    SAYS(f, "");
    farm_free(f);
}

TEST(progress_that_is_no_map_of_texts_or_too_large_changes_nothing)
{
    static unsigned char large[PROGRESS_BYTES_MAX + 1] = {0x81, 0xa1, 'x', 0xc5, 0x0f, 0xfb};
    static const struct {
        const char *bytes;
        size_t size;
    } wrong[] = {{"", 0}, {"\x90", 1}, {"\x81\x01\x02", 3}, {"\x81\xa1x", 3}, {"\x80\x80", 2}};
    struct farm *f = farm_with(1);
    struct record r = {.type = REC_progress};
    submits(f, "c1", "calc.add");
    farm_forget(f);
    watches(f, topic_of_job_1(), true);
    r.progress.id = job_id(1);
    r.progress.token = job_token(1);
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        r.progress.value = bytes_of(wrong[i].bytes, wrong[i].size);
        says(f, "w1", &r);
    }
    r.progress.value = bytes_of(large, sizeof large);
    CHECK(pack_valid(r.progress.value));
    says(f, "w1", &r);
    SAYS(f, "");
    farm_free(f);
}

TEST(who_tells_its_progress_has_begun)
{
    struct farm *f = farm_with(1);
    submits(f, "c1", "calc.add");
    progresses(f, "w1", 1, 1, 1);
    farm_forget(f);
    returns(f, "w1", 1, 1);
    SAYS(f, "");
    farm_free(f);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* What lies between them has an effect of its own, and so has what comes behind that. */
TEST(leases_of_one_turn_are_one_row)
{
    struct farm *f = farm_with(4);
    uint32_t more = 0, sends = 0;
    farm_forget(f);
    struct buf body = {0};
    for (uint64_t n = 1; n <= 4; n++) {
        struct record r = {
            .type = REC_submit,
            .submit = {.number = n, .queue = bytes_text("calc.add"), .args = bytes_of("\x01", 1)}};
        record_put(&body, &r);
    }
    says_bytes(f, "c1", buf_bytes(&body));
    buf_fini(&body);
    for (size_t i = 0; i < f->fx.count; i++) {
        const struct effect *e = &f->fx.list[i];
        sends += e->type == FX_SEND;
        more += e->more;
        CHECK(!e->more || (e->mark && e->more_size == e->more * 5));
    }
    CHECK_EQ(more, 3);
    CHECK_EQ(sends, 2); /* the row, and what was accepted */
    farm_free(f);
}
