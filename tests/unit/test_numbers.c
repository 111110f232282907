/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of submissions, and names of jobs, in a broker with a store that keeps: after a restart
 * each still leads to its job, and to no second one. See farm.h for how to read it.
 */
#include "tests/unit/farm.h"

/* Its number is in the row of its job until that has been fetched. */
TEST(the_row_of_a_client_is_late_but_not_behind_what_was_fetched)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    kept(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    farm_forget(f);
    says(f, "c1", &(struct record){.type = REC_ack, .ack = {.number = 1, .floor = 2}});
    SAYS(f, "");
    after(f, 100);
    SAYS(f, "keep client c1\n"
            "settle j1 count 1\n");
    farm_free(f);
}

TEST(what_was_put_off_is_put_at_the_end)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    farm_event(f, &(struct event){.type = EV_END});
    SAYS(f, "keep client c1\n");
    farm_free(f);
}

TEST(what_was_not_kept_is_as_if_it_had_never_been_said)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    restarts(f);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    kept(f);
    SAYS(f, "keep mark\n"
            "keep job j1048577\n"
            "c1 < accepted 1 j1048577\n"
            "w1 < lease j1048577 1:t1\n");
    farm_free(f);
}

TEST(a_number_that_was_kept_makes_no_second_job)
{
    struct farm *f = farm_leased();
    restarts(f);
    client(f, "c1");
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    SAYS(f, "c1 < accepted 1 j1\n");
    farm_free(f);
}

TEST(the_result_of_a_number_is_found_after_a_restart)
{
    struct farm *f = farm_leased();
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    restarts(f);
    client(f, "c1");
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    SAYS(f, "find 1 j1\n"
            "c1 < accepted 1 j1\n");
    struct disk_row *row = disk_ended(&f->disk, job_id(1));
    CHECK(row);
    found(f, 1, buf_bytes(&row->bytes));
    SAYS(f, "c1 < ended 1 j1 ok by w1\n");
    farm_free(f);
}

TEST(a_key_leads_to_its_job_after_a_restart)
{
    struct farm *f = farm_kept(1);
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("calc.add"), .key = bytes_text("k")});
    kept(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    restarts(f);
    client(f, "c2");
    worker(f, "w1", 1, "calc.add");
    farm_forget(f);
    submits_as(f, "c2",
               (struct msg_submit){.queue = bytes_text("calc.add"), .key = bytes_text("k")});
    SAYS(f, "keep joined c2 1\n"
            "find 1 j1\n");
    kept(f);
    SAYS(f, "c2 < accepted 1 j1\n");
    farm_free(f);
}

/* Submission `number` of this client is for key k; 0: its next one. */
static void submits_keyed(struct farm *f, const char *who, uint64_t number)
{
    submits_as(f, who,
               (struct msg_submit){
                   .number = number, .queue = bytes_text("calc.add"), .key = bytes_text("k")});
}

TEST(a_number_that_joined_a_job_stays_with_it_after_a_restart)
{
    struct farm *f = farm_durable(&(struct broker_limits){.key_ms = 1000});
    client(f, "c1");
    client(f, "c2");
    worker(f, "w1", 1, "calc.add");
    submits_keyed(f, "c2", 0);
    kept(f);
    farm_forget(f);
    submits_keyed(f, "c1", 0);
    SAYS(f, "keep joined c1 1\n");
    kept(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    after(f, 2000); /* the key holds no longer, and leads to another job next */
    submits_keyed(f, "c2", 0);
    submits(f, "c1", "calc.add");
    kept(f);
    restarts(f);
    client(f, "c1");
    submits_keyed(f, "c1", 1);
    SAYS(f, "find 1 j1\n"
            "c1 < accepted 1 j1\n");
    farm_free(f);
}

TEST(a_number_that_joined_is_known_until_it_is_fetched)
{
    struct farm *f = farm_kept(1);
    client(f, "c2");
    submits_keyed(f, "c2", 0);
    submits_keyed(f, "c1", 0);
    submits_keyed(f, "c1", 0);
    kept(f);
    farm_forget(f);
    says(f, "c1", &(struct record){.type = REC_ack, .ack = {.number = 1, .floor = 2}});
    SAYS(f, "keep client c2\n"
            "keep client c1\n"
            "drop joined c1 1\n");
    says(f, "c1", &(struct record){.type = REC_ack, .ack = {.number = 2, .floor = 3}});
    SAYS(f, "drop joined c1 2\n");
    kept(f);
    restarts(f);
    client(f, "c1");
    submits_keyed(f, "c1", 2);
    SAYS(f, "c1 < error 2 forgotten\n");
    farm_free(f);
}

TEST(a_number_that_joined_a_job_of_class_received_goes_with_it)
{
    struct farm *f = farm_kept(1);
    client(f, "c2");
    submits_as(f, "c2",
               (struct msg_submit){.queue = bytes_text("calc.add"),
                                   .key = bytes_text("k"),
                                   .durability = CLASS_RECEIVED});
    farm_forget(f);
    submits_keyed(f, "c1", 0);
    SAYS(f, "c1 < accepted 1 j1\n");
    submits(f, "c1", "calc.add");
    kept(f);
    restarts(f);
    client(f, "c1");
    submits_keyed(f, "c1", 1);
    SAYS(f, "c1 < error 1 forgotten\n");
    farm_free(f);
}
