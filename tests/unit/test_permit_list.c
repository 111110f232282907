/* SPDX-License-Identifier: Apache-2.0
 *
 * What a new list of principals does to those who are there, and what of owners outlives the broker
 * (see permit_kit.h).
 */
#include "tests/unit/permit_kit.h"

/* --- another list ----------------------------------------------------------------------------- */

TEST(a_list_that_does_not_read_changes_nothing)
{
    struct farm *f = farm_guarded(false);
    struct event ev = {.type = EV_ACL, .acl = {.text = bytes_text("client c1\n")}};
    farm_event(f, &ev);
    SAYS(f, "");
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < accepted 1 j1\n");
    farm_free(f);
}

TEST(a_worker_that_is_struck_off_loses_its_leases_at_once)
{
    struct farm *f = farm_guarded(false);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "lease j1 t1");
    principals(f, "client c1 calc.,bench.\nworker w2 *");
    SAYS_HAS(f, "w1 < error 0 denied\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "w1 < error 0 denied\n"
            "w1 < goodbye\n");
    after(f, 500); /* the wait before the next attempt */
    SAYS_HAS(f, "w2 < lease j1 t2");
    results(f, "w2", 1, 2, REASON_NONE);
    SAYS_HAS(f, "c1 < ended 1 j1 ok by w2 after 2\n");
    farm_free(f);
}

TEST(a_client_that_is_struck_off_hears_nothing_more)
{
    struct farm *f = farm_guarded(false);
    submits(f, "c1", "calc.add");
    shows_key_of(f, "c1b", "c1");
    client(f, "c1b");
    asks(f, "c1b", REC_wait, 1, 1);
    farm_forget(f);
    principals(f, "worker w1 calc.");
    SAYS_HAS(f, "c1 < error 0 denied\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS(f, "store j1 ok\n"
            "w1 < result_ack 1\n");
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 0 denied\n"
            "c1 < goodbye\n");
    client(f, "c1");
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 0 denied\n"
            "c1 < goodbye\n");
    principals(f, everybody); /* and back again */
    client(f, "c1");
    submits_as(f, "c1", (struct msg_submit){.number = 2, .queue = bytes_text("calc.add")});
    SAYS_HAS(f, "c1 < accepted 2 j2\n");
    farm_free(f);
}

/* Its question was under way when it was struck off. */
TEST(answers_of_the_store_come_too_late_for_who_was_struck_off)
{
    struct farm *f = farm_guarded(true);
    submits(f, "c1", "calc.add");
    kept(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    farm_forget(f);
    asks(f, "c1", REC_get_job, 1, 1);
    SAYS(f, "find 1 j1\n");
    principals(f, "worker w1 *");
    farm_forget(f);
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    SAYS(f, "");
    farm_free(f);
}

TEST(another_role_is_another_principal)
{
    struct farm *f = farm_guarded(false);
    principals(f, "watcher c5 *\nworker w1 calc.");
    SAYS_HAS(f, "c5 < error 0 denied\n");
    client(f, "c5");
    says(f, "c5", &(struct record){.type = REC_hold, .hold = {1, bytes_text("calc.add")}});
    SAYS_HAS(f, "c5 < error 1 denied\n");
    farm_free(f);
}

TEST(a_worker_with_other_queues_says_again_what_it_offers)
{
    struct farm *f = farm_guarded(false);
    worker(f, "w2", 1, "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    principals(f, "client c1 *\nworker w1 bench.\nworker w2 *");
    SAYS_HAS(f, "w1 < hello_wanted\n");
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    holds(f, "w1", 1, 1);
    SAYS(f, "w1 < welcome last 0\n"
            "w1 < error 0 denied\n"
            "denied principal=w1 role=worker record=offer\n"
            "w1 < stop j1 t1 superseded\n");
    ready(f, "w1");
    SAYS_HAS(f, "w2 < lease j1 t2");
    farm_free(f);
}

/* --- what is kept ----------------------------------------------------------------------------- */

TEST(owners_outlive_the_broker)
{
    struct farm *f = farm_guarded(true);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    kept(f);
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    restarts(f);
    principals(f, everybody);
    shows_key_of(f, "c1b", "c1");
    client(f, "c1b");
    client(f, "c2");
    asks(f, "c2", REC_cancel, 1, 2);
    SAYS(f, "c2 < error 1 denied\n"
            "denied principal=c2 role=client record=cancel\n");
    asks(f, "c1b", REC_get_job, 1, 2);
    SAYS_HAS(f, "c1b < job 1 j2 ");
    struct bytes row = buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes);
    asks(f, "c2", REC_get_job, 2, 1);
    found(f, 1, row);
    SAYS(f, "find 1 j1\n"
            "c2 < error 2 denied\n"
            "denied principal=c2 role=client record=get_job\n");
    asks(f, "c1b", REC_get_job, 2, 1);
    found(f, 2, row);
    SAYS(f, "find 2 j1\n"
            "c1b < job 2 j1 ok\n");
    farm_free(f);
}

/* A client id too, of which nothing but a number is left. */
TEST(a_client_id_is_somebodys_in_the_next_life_too)
{
    struct farm *f = farm_guarded(true);
    submits(f, "c1", "calc.add");
    kept(f);
    restarts(f);
    principals(f, everybody);
    shows_key_of(f, "c1", "c2");
    reconnects(f, "c1");
    client(f, "c1");
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < hello_wanted\n");
    farm_free(f);
}

/* Who tries it again does not take it away from who had it. */
TEST(a_job_that_is_tried_again_stays_its_owners)
{
    struct farm *f = farm_guarded(true);
    submits(f, "c1", "calc.add");
    kept(f);
    results(f, "w1", 1, 1, REASON_ERROR);
    kept(f);
    struct bytes row = buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes);
    farm_forget(f);
    asks(f, "c2", REC_retry, 1, 1);
    found(f, 1, row);
    SAYS_HAS(f, "c2 < error 1 denied\n");
    asks(f, "c5", REC_retry, 1, 1);
    found(f, 2, row);
    kept(f);
    SAYS_HAS(f, "c5 < accepted 1 j2\n");
    asks(f, "c1", REC_get_job, 1, 2);
    SAYS_HAS(f, "c1 < job 1 j2 running retry of j1\n");
    principals(f, "client c1 bench.\nworker w1 calc.");
    SAYS_HAS(f, "c1 < hello_wanted\n");
    client(f, "c1");
    asks(f, "c1", REC_retry, 2, 1);
    found(f, 3, row);
    SAYS_HAS(f, "c1 < error 2 denied\n");
    farm_free(f);
}

/* --- without a list --------------------------------------------------------------------------- */

TEST(without_a_list_keys_mean_nothing)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    client(f, "c2");
    worker(f, "w1", 1, "calc.add");
    submits(f, "c1", "calc.add");
    asks(f, "c2", REC_cancel, 1, 1);
    SAYS_HAS(f, "c2 < done 1\n");
    farm_free(f);
}

/* A broker that begins to ask for keys has jobs that are nobody's. */
TEST(jobs_from_before_are_the_admins)
{
    struct farm *f = farm_durable(NULL);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits(f, "c1", "calc.add");
    kept(f);
    restarts(f);
    principals(f, everybody);
    client(f, "c2");
    client(f, "c5");
    asks(f, "c2", REC_get_job, 1, 1);
    SAYS_HAS(f, "c2 < error 1 denied\n");
    asks(f, "c5", REC_get_job, 1, 1);
    SAYS_HAS(f, "c5 < job 1 j1");
    farm_free(f);
}

TEST(all_subscribers_come_again_when_the_socket_is_another_one)
{
    struct farm *f = farm_guarded(false);
    struct event ev = {.type = EV_UNWATCHED};
    watches(f, "queue/calc.add", true);
    watches(f, "job/", true);
    farm_event(f, &ev);
    submits(f, "c1", "calc.add");
    after(f, 200);
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 1 j1\n");
    watches(f, "queue/calc.add", true);
    submits(f, "c1", "calc.add");
    after(f, 200);
    SAYS_HAS(f, "queue/calc.add: ");
    farm_free(f);
}

/* Before it comes back nobody else can take what it holds. */
TEST(a_worker_id_is_its_principals_in_the_next_life)
{
    struct farm *f = farm_guarded(true);
    submits(f, "c2", "calc.add");
    kept(f);
    starts(f, "w1", 1, 1);
    restarts(f);
    principals(f, everybody);
    shows_key_of(f, "w1", "w2");
    farm_forget(f);
    hello_worker(f, "w1", 1);
    SAYS(f, "w1 < error 0 denied\n"
            "denied principal=w2 role=worker record=hello\n");
    shows_key_of(f, "w1", "w1");
    reconnects(f, "w1");
    hello_worker(f, "w1", 1);
    SAYS_HAS(f, "w1 < welcome");
    farm_free(f);
}

/* Late, too: it may still hold what nobody else was given meanwhile. */
TEST(a_late_worker_id_is_its_principals)
{
    struct farm *f = farm_guarded(true);
    submits(f, "c2", "calc.add");
    kept(f);
    restarts(f);
    principals(f, everybody);
    after(f, 5000);
    shows_key_of(f, "w1", "w2");
    farm_forget(f);
    hello_worker(f, "w1", 1);
    SAYS_HAS(f, "w1 < error 0 denied\n");
    farm_free(f);
}
