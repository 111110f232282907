/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs that have ended and have no row: what is asked of them is answered at once, and they are
 * forgotten in the order that the store has promised for its own.
 */
#include "tests/unit/farm.h"

static struct farm *farm_limited(const struct broker_limits *limits)
{
    struct farm *f = farm_new(limits);
    client(f, "c1");
    worker(f, "w1", 100, "calc.add");
    farm_forget(f);
    return f;
}

static void submits_number(struct farm *f, uint64_t number)
{
    submits_as(f, "c1", (struct msg_submit){.number = number, .queue = bytes_text("calc.add")});
}

/* Jobs first..last of numbers that are the same. */
static void run(struct farm *f, unsigned first, unsigned last)
{
    for (unsigned n = first; n <= last; n++)
        submits_number(f, n);
    for (unsigned n = first; n <= last; n++)
        results(f, "w1", n, 1, REASON_NONE);
    farm_forget(f);
}

static void fetches(struct farm *f, uint64_t number, uint64_t count)
{
    says(f, "c1",
         &(struct record){.type = REC_ack, .ack = {.number = number, .count = count, .floor = 1}});
}

static void lists(struct farm *f, struct msg_list_jobs ask)
{
    ask.number = 80;
    says(f, "c1", &(struct record){.type = REC_list_jobs, .list_jobs = ask});
}

TEST(what_is_asked_of_it_is_answered_at_once)
{
    struct farm *f = farm_limited(NULL);
    run(f, 1, 1);
    asks(f, "c1", REC_get_job, 50, 1);
    asks(f, "c1", REC_wait, 51, 1);
    asks(f, "c1", REC_cancel, 52, 1);
    asks(f, "c1", REC_get_session, 53, 1);
    asks(f, "c1", REC_pause, 54, 1);
    SAYS(f, "c1 < job 50 j1 ok\n"
            "c1 < ended 51 j1 ok by w1\n"
            "c1 < error 52 ended\n"
            "c1 < error 53 no-session\n"
            "c1 < error 54 ended\n");
    asks(f, "c1", REC_explain, 55, 1);
    SAYS(f, "c1 < explanation it ended ok after 1 attempt, the last on w1\n"
            "c1 < end 55\n");
    farm_free(f);
}

/* All of jobs 1..count, in one body: the first is said, those behind it as the one before. */
static void results_in_a_row(struct farm *f, unsigned count)
{
    struct buf body = {0};
    put_result(&body, &(struct msg_result){.number = 1,
                                           .id = job_id(1),
                                           .token = job_token(1),
                                           .value = bytes_of("\x04", 1),
                                           .run_us = 1000});
    for (unsigned job = 2; job <= count; job++)
        put_again(&body, &(struct msg_again){.run_us = 1000 + job});
    says_bytes(f, "w1", buf_bytes(&body));
    buf_fini(&body);
}

TEST(results_in_a_row_end_one_by_one)
{
    struct farm *f = farm_limited(NULL);
    for (unsigned n = 1; n <= 3; n++)
        submits_number(f, n);
    farm_forget(f);
    results_in_a_row(f, 3);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "bygone j2 ok\n"
            "c1 < ended 2 j2 ok by w1\n"
            "bygone j3 ok\n"
            "c1 < ended 3 j3 ok by w1\n"
            "w1 < result_ack 3\n");
    results_in_a_row(f, 3); /* which they have already */
    SAYS(f, "w1 < result_ack 3\n");
    asks(f, "c1", REC_wait, 51, 3);
    SAYS(f, "c1 < ended 51 j3 ok by w1\n");
    fetches(f, 1, 3);
    SAYS(f, "");
    farm_free(f);
}

TEST(what_is_no_plain_call_ends_a_row_and_another_begins)
{
    struct farm *f = farm_limited(NULL);
    for (unsigned n = 1; n <= 5; n++)
        submits_number(f, n);
    asks(f, "c1", REC_cancel, 50, 3);
    farm_forget(f);
    results_in_a_row(f, 5);
    SAYS(f, "bygone j1 ok\n"
            "c1 < ended 1 j1 ok by w1\n"
            "bygone j2 ok\n"
            "c1 < ended 2 j2 ok by w1\n"
            "store j3 cancelled\n"
            "c1 < ended 3 j3 cancelled (cancelled) by w1\n"
            "bygone j4 ok\n"
            "c1 < ended 4 j4 ok by w1\n"
            "bygone j5 ok\n"
            "c1 < ended 5 j5 ok by w1\n"
            "w1 < result_ack 5\n");
    farm_free(f);
}

TEST(a_retry_has_its_arguments)
{
    struct farm *f = farm_limited(NULL);
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("calc.add"),
                                   .priority = 7,
                                   .args = bytes_of("\x92\x01\x02", 3)});
    results(f, "w1", 1, 1, REASON_NONE);
    farm_forget(f);
    asks(f, "c1", REC_retry, 70, 1);
    SAYS(f, "c1 < accepted 70 j2\n"
            "w1 < lease j2 t1 [1,2]\n");
    asks(f, "c1", REC_get_job, 71, 2);
    SAYS(f, "c1 < job 71 j2 running retry of j1\n");
    farm_free(f);
}

TEST(who_watches_it_learns_its_last_update)
{
    struct farm *f = farm_limited(NULL);
    char text[JOB_ID_TEXT], topic[32];
    snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(1), text));
    run(f, 1, 1);
    says(f, "c1",
         &(struct record){.type = REC_watch, .watch = {.number = 60, .topic = bytes_text(topic)}});
    SAYS(f, "c1 < snapshot 3 snapshot ok\n");
    farm_free(f);
}

TEST(a_number_that_comes_again_is_told_its_end)
{
    struct farm *f = farm_limited(NULL);
    run(f, 1, 1);
    submits_number(f, 1);
    SAYS(f, "c1 < accepted 1 j1\n"
            "c1 < ended 1 j1 ok by w1\n");
    fetches(f, 1, 1);
    asks(f, "c1", REC_drop, 50, 1);
    SAYS(f, "gone j1\n"
            "c1 < done 50\n");
    submits_number(f, 1);
    found(f, 1, (struct bytes){0});
    SAYS(f, "find 1 j1\n"
            "c1 < accepted 1 j1\n"
            "c1 < error 1 forgotten\n");
    farm_free(f);
}

TEST(of_those_that_were_fetched_the_latest_stay)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_max = 2});
    run(f, 1, 6);
    fetches(f, 5, 1);
    fetches(f, 1, 1);
    SAYS(f, "");
    fetches(f, 3, 2); /* 5 and 1 are the ones fetched longest ago, 2 and 6 never were */
    SAYS(f, "gone j5\n"
            "gone j1\n");
    fetches(f, 3, 2); /* which they are already */
    SAYS(f, "");
    fetches(f, 1, 6);
    SAYS(f, "gone j3\n"
            "gone j4\n");
    after(f, 100);
    SAYS(f, "settle j1 count 6\n"); /* what is not here may be in the store */
    farm_free(f);
}

TEST(a_run_longer_than_all_that_waits_is_fetched)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_max = 1});
    run(f, 1, 3);
    fetches(f, 3, 1);
    fetches(f, 1, 3);
    SAYS(f, "gone j3\n"
            "gone j1\n");
    after(f, 100);
    SAYS(f, "settle j1 count 3\n");
    farm_free(f);
}

TEST(what_is_said_with_a_floor_above_it_is_fetched_too)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_max = 1});
    struct buf body = {0};
    run(f, 1, 3);
    record_put(&body, &(struct record){.type = REC_ack, .ack = {.number = 3, .floor = 4}});
    record_put(&body,
               &(struct record){.type = REC_ack, .ack = {.number = 1, .count = 2, .floor = 4}});
    says_bytes(f, "c1", buf_bytes(&body));
    buf_fini(&body);
    SAYS(f, "gone j3\n"
            "gone j1\n");
    submits_number(f, 2);
    SAYS(f, "c1 < error 2 forgotten\n");
    farm_free(f);
}

/* The client says it again when it is welcomed. */
TEST(what_is_said_before_a_hello_is_not_fetched)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_max = 1});
    run(f, 1, 2);
    reconnects(f, "c1");
    fetches(f, 1, 2);
    SAYS(f, "c1 < hello_wanted\n");
    client(f, "c1");
    fetches(f, 1, 2);
    SAYS(f, "gone j1\n");
    farm_free(f);
}

TEST(bytes_have_a_limit_too)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_bytes_max = 1});
    run(f, 1, 2);
    fetches(f, 2, 1);
    SAYS(f, "gone j2\n");
    farm_free(f);
}

TEST(results_of_a_client_that_has_left_are_history)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_bytes_max = 1});
    submits(f, "c1", "calc.add");
    says(f, "c1", &(struct record){.type = REC_goodbye});
    farm_forget(f);
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "bygone j1 ok settled\n"
            "gone j1\n"
            "w1 < result_ack 1\n");
    farm_free(f);
}

TEST(when_too_many_wait_to_be_fetched_nothing_new_is_taken)
{
    struct farm *f = farm_limited(&(struct broker_limits){.results_max = 2});
    run(f, 1, 3);
    submits_number(f, 4);
    SAYS(f, "c1 < error 4 busy\n");
    fetches(f, 2, 1);
    submits_number(f, 5);
    SAYS(f, "w1 < lease j4 t1\n"
            "c1 < accepted 5 j4\n");
    farm_free(f);
}

TEST(the_old_ones_go)
{
    struct farm *f = farm_limited(&(struct broker_limits){.history_ms = 5000, .results_ms = 10000});
    run(f, 1, 2);
    after(f, 3000);
    run(f, 3, 4);
    fetches(f, 2, 1);
    fetches(f, 4, 1);
    after(f, 2500);
    SAYS(f, "gone j2\n");
    after(f, 3000);
    SAYS(f, "gone j4\n");
    after(f, 2000);
    SAYS(f, "gone j1\n");
    after(f, 3000);
    SAYS(f, "gone j3\n");
    farm_free(f);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Five jobs; 4 and then 2 have a row, which is what the store tells last ended first. */
static struct farm *farm_listed(struct buf *row4, struct buf *row2)
{
    struct farm *f = farm_limited(NULL);
    for (unsigned n = 1; n <= 5; n++)
        submits_as(
            f, "c1",
            (struct msg_submit){.queue = bytes_text("calc.add"), .timeout_ms = n % 2 ? 0 : 1000});
    for (unsigned n = 1; n <= 5; n++) {
        results(f, "w1", n, 1, REASON_NONE);
        if (n % 2 == 0)
            rows_take(f, n == 4 ? row4 : row2);
    }
    farm_forget(f);
    return f;
}

TEST(a_list_has_them_between_what_the_store_has)
{
    struct buf row4 = {0}, row2 = {0}, rows = {0};
    struct farm *f = farm_listed(&row4, &row2);
    lists(f, (struct msg_list_jobs){.state = JOB_OK});
    SAYS(f, "list 1\n");
    buf_put(&rows, row4.data, row4.size);
    buf_put(&rows, row2.data, row2.size);
    found_some(f, 1, &rows, 0);
    SAYS(f, "c1 < job 80 j5 ok\n"
            "c1 < job 80 j4 ok\n"
            "c1 < job 80 j3 ok\n"
            "c1 < job 80 j2 ok\n"
            "c1 < job 80 j1 ok\n"
            "c1 < end 80\n");
    buf_fini(&row4);
    buf_fini(&row2);
    buf_fini(&rows);
    farm_free(f);
}

TEST(a_list_goes_on_after_any_of_them)
{
    struct buf row4 = {0}, row2 = {0}, both = {0}, none = {0};
    struct farm *f = farm_listed(&row4, &row2);
    lists(f, (struct msg_list_jobs){.limit = 1});
    found_some(f, 1, &row4, job_id(4));
    SAYS(f, "list 1\n"
            "c1 < job 80 j5 ok\n"
            "c1 < end 80 more\n");
    lists(f, (struct msg_list_jobs){.limit = 2, .after = 1ull << 63 | job_id(5)});
    buf_put(&both, row4.data, row4.size);
    buf_put(&both, row2.data, row2.size);
    found_some(f, 2, &both, 0);
    buf_fini(&both);
    SAYS(f, "list 2\n"
            "c1 < job 80 j4 ok\n"
            "c1 < job 80 j3 ok\n"
            "c1 < end 80 more\n");
    /* The store stops at a limit of bytes: what is older than its last row waits for the rest. */
    lists(f, (struct msg_list_jobs){.after = 1ull << 63 | job_id(4)});
    found_some(f, 3, &row2, job_id(2));
    SAYS(f, "list 3\n"
            "c1 < job 80 j3 ok\n"
            "c1 < job 80 j2 ok\n"
            "c1 < end 80 more\n");
    lists(f, (struct msg_list_jobs){.after = 1ull << 63 | job_id(2)});
    asks(f, "c1", REC_drop, 81, 1); /* before the store answers */
    found_some(f, 4, &none, 0);
    SAYS(f, "list 4\n"
            "gone j1\n"
            "c1 < done 81\n"
            "c1 < end 80\n");
    buf_fini(&row4);
    buf_fini(&row2);
    farm_free(f);
}

TEST(a_list_is_of_one_queue_and_one_state)
{
    struct farm *f = farm_limited(NULL);
    struct buf none = {0};
    run(f, 1, 2);
    submits_as(f, "c1",
               (struct msg_submit){
                   .number = 3, .queue = bytes_text("calc.sub"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    asks(f, "c1", REC_cancel, 50, 3);
    farm_forget(f);
    lists(f, (struct msg_list_jobs){.state = JOB_OK, .queue = bytes_text("calc.sub")});
    found_some(f, 1, &none, 0);
    SAYS(f, "list 1\n"
            "c1 < end 80\n");
    lists(f, (struct msg_list_jobs){.state = JOB_CANCELLED, .queue = bytes_text("calc.sub")});
    found_some(f, 2, &none, 0);
    SAYS(f, "list 2\n"
            "c1 < job 80 j3 cancelled\n"
            "c1 < end 80\n");
    lists(f, (struct msg_list_jobs){.state = JOB_OK, .queue = bytes_text("calc.add"), .limit = 1});
    found_some(f, 3, &none, 0);
    SAYS(f, "list 3\n"
            "c1 < job 80 j2 ok\n"
            "c1 < end 80 more\n");
    farm_free(f);
}

/* --- a broker that has a disk ----------------------------------------------------------------- */

static void submits_received(struct farm *f)
{
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("calc.add"), .durability = CLASS_RECEIVED});
}

TEST(on_a_durable_broker_it_is_told_as_received_and_gone_with_it)
{
    struct farm *f = farm_durable(NULL);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    kept(f);
    submits_received(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    farm_forget(f);
    struct record again = {
        .type = REC_submit,
        .submit = {.number = 1, .queue = bytes_text("calc.add"), .args = bytes_of("\x90", 1)}};
    says(f, "c1", &again);
    struct cursor c = cursor_of(effect_bytes(&f->fx, &f->fx.list[0]));
    struct record r;
    CHECK(record_get(&c, &r) == OK && r.type == REC_accepted);
    CHECK_EQ(r.accepted.durability, CLASS_RECEIVED);
    SAYS(f, "c1 < accepted 1 j1\n"
            "c1 < ended 1 j1 ok by w1\n");
    restarts(f);
    client(f, "c1");
    asks(f, "c1", REC_get_job, 50, 1);
    found(f, 1, (struct bytes){0});
    SAYS(f, "find 1 j1\n"
            "c1 < error 50 unknown-job\n");
    farm_free(f);
}
