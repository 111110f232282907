/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker's core with a store that keeps: what is told waits for the store, and a broker that
 * died is taken up where the store ends. See farm.h for how to read it.
 */
#include "tests/unit/farm.h"

TEST(an_acceptance_waits_for_the_store)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    SAYS(f, "keep mark\n"
            "keep job j1\n");
    kept(f);
    SAYS(f, "c1 < accepted 1 j1\n"
            "w1 < lease j1 t1\n");
    farm_free(f);
}

TEST(a_result_waits_for_the_store)
{
    struct farm *f = farm_leased();
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n");
    kept(f);
    SAYS(f, "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(an_update_of_the_end_waits_too)
{
    char text[JOB_ID_TEXT], topic[32];
    struct farm *f = farm_leased();
    snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(1), text));
    watches(f, topic, true);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n");
    kept(f);
    SAYS_HAS(f, "3 state ok\n");
    farm_free(f);
}

TEST(a_job_of_class_received_does_not_wait)
{
    struct farm *f = farm_kept(1);
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("calc.add"), .durability = CLASS_RECEIVED});
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1 j1\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(a_worker_that_comes_back_keeps_what_it_holds)
{
    struct farm *f = farm_leased();
    restarts(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    farm_forget(f);
    ready(f, "w1");
    SAYS(f, "");
    client(f, "c1");
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    SAYS(f, "c1 < accepted 1 j1\n"
            "store j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(what_a_worker_that_comes_back_does_not_hold_goes_again)
{
    struct farm *f = farm_leased();
    restarts(f);
    worker(f, "w1", 1, "calc.add");
    SAYS(f, "w1 < lease j1 1:t1\n");
    farm_free(f);
}

TEST(a_worker_that_does_not_come_back_is_waited_for_three_seconds)
{
    struct farm *f = farm_leased();
    restarts(f);
    worker(f, "w2", 1, "calc.add");
    kept(f);
    after(f, 2500);
    SAYS(f, "");
    after(f, 700);
    SAYS(f, "drop worker w1\n"
            "w2 < lease j1 1:t1\n");
    farm_free(f);
}

TEST(a_handler_is_not_unknown_while_one_who_may_offer_it_is_waited_for)
{
    struct farm *f = farm_leased();
    restarts(f);
    client(f, "c2");
    kept(f);
    farm_forget(f);
    submits(f, "c2", "calc.add");
    SAYS(f, "c2 < error 1 busy\n");
    after(f, 3200);
    farm_forget(f);
    submits(f, "c2", "calc.add");
    SAYS(f, "c2 < error 2 unknown-handler\n");
    farm_free(f);
}

TEST(a_worker_that_comes_too_late_has_lost_its_lease)
{
    struct farm *f = farm_leased();
    restarts(f);
    worker(f, "w2", 1, "calc.add");
    kept(f);
    after(f, 3200);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    farm_forget(f);
    holds(f, "w1", 1, 1);
    SAYS(f, "w1 < stop j1 t1 superseded\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "");
    farm_free(f);
}

TEST(a_worker_that_comes_late_keeps_a_job_that_nobody_was_given)
{
    struct farm *f = farm_leased();
    restarts(f);
    after(f, 3200);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    farm_forget(f);
    ready(f, "w1");
    kept(f);
    SAYS(f, "");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n");
    farm_free(f);
}

TEST(of_two_that_hold_a_job_the_later_lease_is_the_one)
{
    struct farm *f = farm_durable(NULL);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    kept(f);
    submits(f, "c1", "calc.add");
    kept(f);
    starts(f, "w1", 1, 1);
    silent(f, "w1");
    after(f, 6000); /* lost; its attempt is over and the job waits to be tried again */
    worker(f, "w2", 1, "calc.add");
    kept(f);
    after(f, 1000);
    kept(f);
    farm_forget(f);
    restarts(f);
    for (int i = 0; i < 2; i++) {
        const char *who = i ? "w2" : "w1";
        hello_worker(f, who, 1);
        offers(f, who, "calc.add");
        farm_forget(f);
        holds(f, who, 1, i ? 2 : 1);
        SAYS(f, i ? "" : "w1 < stop j1 t1 superseded\n");
    }
    ready(f, "w2");
    farm_forget(f);
    results(f, "w2", 1, 2, REASON_NONE);
    SAYS(f, "store j1 ok\n");
    farm_free(f);
}

TEST(a_job_above_the_mark_goes_at_once)
{
    struct farm *f = farm_durable(&(struct broker_limits){.mark_jobs = 4});
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    kept(f);
    for (int i = 0; i < 8; i++)
        submits(f, "c1", "calc.add");
    kept(f);
    kept(f);
    SAYS_HAS(f, "w1 < lease j1 t1\n");
    restarts(f);
    worker(f, "w2", 1, "calc.add");
    kept(f);
    kept(f);
    /* j1 is in the hands of w1, and up to the mark others might be. */
    SAYS(f, "keep mark\n"
            "w2 < lease j6 1:t1\n");
    farm_free(f);
}

TEST(no_job_above_the_mark_is_leased_before_the_mark_has_moved)
{
    struct farm *f = farm_durable(&(struct broker_limits){.mark_jobs = 4});
    client(f, "c1");
    for (int i = 0; i < 8; i++)
        submits_as(
            f, "c1",
            (struct msg_submit){.queue = bytes_text("calc.add"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    kept(f);
    farm_forget(f);
    worker(f, "w1", 8, "calc.add");
    SAYS(f, "");
    kept(f);
    SAYS(f, "keep mark\n");
    kept(f);
    CHECK(!strstr(farm_log(f), "lease j6 "));
    SAYS_HAS(f, "w1 < lease j5 t1\n");
    kept(f);
    SAYS_HAS(f, "w1 < lease j8 t1\n");
    farm_free(f);
}

TEST(at_most_once_is_leased_when_the_lease_is_kept)
{
    struct farm *f = farm_kept(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .retries = 1});
    kept(f);
    SAYS(f, "keep mark\n"
            "keep job j1\n"
            "c1 < accepted 1 j1\n"
            "keep job j1\n");
    kept(f);
    SAYS(f, "w1 < lease j1 t1\n");
    farm_free(f);
}

static struct farm *farm_at_most_once(void)
{
    struct farm *f = farm_kept(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .retries = 1});
    kept(f);
    kept(f);
    farm_forget(f);
    return f;
}

TEST(at_most_once_does_not_run_again_after_a_restart)
{
    struct farm *f = farm_at_most_once();
    restarts(f);
    client(f, "c1");
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    worker(f, "w1", 1, "calc.add");
    kept(f);
    SAYS(f, "store j1 failed\n"
            "c1 < ended 1 j1 failed (worker lost)\n");
    farm_free(f);
}

TEST(at_most_once_that_is_held_goes_on_after_a_restart)
{
    struct farm *f = farm_at_most_once();
    restarts(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    ready(f, "w1");
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n");
    farm_free(f);
}

TEST(a_cancellation_that_was_told_holds_after_a_restart)
{
    struct farm *f = farm_leased();
    starts(f, "w1", 1, 1);
    asks(f, "c1", REC_cancel, 100, 1);
    SAYS(f, "keep job j1\n");
    kept(f);
    SAYS(f, "w1 < stop j1 t1 cancelled\n"
            "c1 < done 100\n");
    restarts(f);
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    farm_forget(f);
    holds(f, "w1", 1, 1);
    SAYS(f, "w1 < stop j1 t1 cancelled\n");
    ready(f, "w1");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 cancelled\n");
    farm_free(f);
}

TEST(a_delay_goes_on_after_a_restart)
{
    struct farm *f = farm_kept(1);
    submits_as(f, "c1", (struct msg_submit){.queue = bytes_text("calc.add"), .delay_ms = 10000});
    kept(f);
    restarts(f);
    worker(f, "w1", 1, "calc.add");
    farm_forget(f);
    after(f, 9000);
    SAYS(f, "");
    after(f, 1500);
    SAYS(f, "w1 < lease j1 1:t1\n");
    farm_free(f);
}

TEST(attempts_are_remembered)
{
    struct farm *f = farm_leased();
    for (unsigned t = 1; t <= 2; t++) {
        results(f, "w1", 1, t, REASON_SIGNAL);
        kept(f);
        after(f, 1000);
    }
    farm_forget(f);
    restarts(f);
    client(f, "c1");
    asks(f, "c1", REC_get_job, 100, 1);
    SAYS(f, "c1 < attempt 100 j1 1 signal\n"
            "c1 < attempt 100 j1 2 signal\n"
            "c1 < job 100 j1 waiting\n");
    farm_free(f);
}

TEST(the_next_attempt_waits_until_the_last_one_is_kept)
{
    struct farm *f = farm_leased();
    results(f, "w1", 1, 1, REASON_SIGNAL);
    SAYS(f, "keep job j1\n");
    after(f, 1000);
    SAYS(f, "keep client c1\n");
    kept(f);
    after(f, 200);
    SAYS(f, "w1 < result_ack 1\n"
            "w1 < lease j1 t2 attempt 2\n");
    farm_free(f);
}

TEST(a_held_queue_stays_held)
{
    struct farm *f = farm_kept(1);
    says(f, "c1", &(struct record){.type = REC_hold, .hold = {100, bytes_text("calc.add")}});
    SAYS(f, "keep queue calc.add\n");
    kept(f);
    SAYS(f, "c1 < done 100\n");
    submits(f, "c1", "calc.add");
    kept(f);
    restarts(f);
    worker(f, "w1", 1, "calc.add");
    kept(f);
    SAYS(f, "");
    client(f, "c1");
    says(f, "c1", &(struct record){.type = REC_release, .release = {101, bytes_text("calc.add")}});
    kept(f);
    SAYS(f, "drop queue calc.add\n"
            "w1 < lease j1 1:t1\n"
            "c1 < done 101\n");
    farm_free(f);
}

TEST(an_answer_shows_nothing_that_is_not_kept)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    says(f, "c1",
         &(struct record){.type = REC_list_jobs, .list_jobs = {100, JOB_WAITING, {0}, 0, 0}});
    SAYS(f, "");
    kept(f);
    SAYS(f, "c1 < accepted 1 j1\n"
            "c1 < job 100 j1 waiting\n"
            "c1 < end 100\n"
            "w1 < lease j1 t1\n");
    farm_free(f);
}

TEST(how_it_is_is_told_while_nothing_is_kept)
{
    struct record ask = {.type = REC_get_status, .get_status = {.number = 9}};
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    after(f, 2000);
    farm_forget(f);
    says(f, "c1", &ask);
    SAYS(f,
         "c1 < status submitted 1 executions 0 losses 0 live 1 malformed 0 stalled 2000000 us\n");
    kept(f);
    after(f, 2000);
    farm_forget(f);
    says(f, "c1", &ask);
    SAYS(f, "c1 < status submitted 1 executions 0 losses 0 live 1 malformed 0\n");
    farm_free(f);
}

TEST(a_full_disk_refuses_and_comes_back)
{
    struct farm *f = farm_kept(1);
    farm_event(f, &(struct event){.type = EV_STORE, .store = {.refuses = ERR_DISK_FULL}});
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 1 disk-full\n");
    farm_event(f, &(struct event){.type = EV_STORE});
    submits(f, "c1", "calc.add");
    kept(f);
    SAYS(f, "keep mark\n"
            "keep job j1\n"
            "c1 < accepted 2 j1\n"
            "w1 < lease j1 t1\n");
    farm_free(f);
}

TEST(a_fenced_broker_says_nothing_more)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    struct event ev = {.type = EV_STORED,
                       .stored = {.seq = f->disk.put_seq, .outcome = ROW_FENCED}};
    farm_event(f, &ev);
    SAYS(f, "");
    CHECK(broker_fenced(f->broker));
    farm_free(f);
}

TEST(an_ended_job_can_be_dropped)
{
    struct farm *f = farm_leased();
    results(f, "w1", 1, 1, REASON_SIGNAL);
    kept(f);
    asks(f, "c1", REC_drop, 100, 1);
    SAYS(f, "keep job j1\n"
            "w1 < result_ack 1\n"
            "c1 < error 100 not-ended\n");
    asks(f, "c1", REC_cancel, 101, 1);
    kept(f);
    farm_forget(f);
    asks(f, "c1", REC_drop, 102, 1);
    SAYS(f, "find 1 j1\n");
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    SAYS(f, "keep client c1\n"
            "drop ended j1\n");
    kept(f);
    SAYS(f, "c1 < done 102\n");
    CHECK(!disk_ended(&f->disk, job_id(1)));
    farm_free(f);
}
