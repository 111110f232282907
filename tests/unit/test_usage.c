/* SPDX-License-Identifier: Apache-2.0
 *
 * What a principal may have of the broker at a time (see permit_kit.h): each quota, who else is
 * left alone, what gives room again. That what is counted is what there is the audit of the core
 * sees, after each event.
 */
#include "tests/unit/permit_kit.h"

#include <stdio.h>

/* A farm in which c1 has these quotas and c2 the usual ones. */
static struct farm *farm_with(const char *quotas, bool durable)
{
    char lines[200];
    struct farm *f = farm_guarded(durable);
    snprintf(lines, sizeof lines, "client c1 * %s\nclient c2 *\nadmin c5 *\nworker w1 *", quotas);
    principals(f, lines);
    client(f, "c1"); /* another queue makes it say hello again */
    hello_worker(f, "w1", 1);
    offers(f, "w1", "calc.add");
    ready(f, "w1");
    farm_forget(f);
    return f;
}

static void asks_figures(struct farm *f)
{
    says(f, "c5", &(struct record){.type = REC_get_figures, .get_figures = {3}});
}

/* --- jobs ------------------------------------------------------------------------------------- */

TEST(live_jobs_have_a_limit)
{
    struct farm *f = farm_with("jobs=2", false);
    submits(f, "c1", "calc.add");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 3 quota again 1000\n"
            "over quota principal=c1 jobs=2\n");
    submits(f, "c1", "calc.add"); /* the log has been told */
    SAYS(f, "c1 < error 4 quota again 1000\n");
    submits(f, "c2", "calc.add");
    SAYS(f, "c2 < accepted 1 j3\n");
    results(f, "w1", 1, 1, REASON_NONE);
    farm_forget(f);
    submits(f, "c1", "calc.add"); /* there is room again */
    SAYS(f, "c1 < accepted 5 j4\n");
    farm_free(f);
}

TEST(all_client_ids_of_a_principal_share_its_quota)
{
    struct farm *f = farm_with("jobs=2", false);
    shows_key_of(f, "c6", "c1");
    client(f, "c6");
    submits(f, "c1", "calc.add");
    submits(f, "c6", "calc.add");
    farm_forget(f);
    submits(f, "c6", "calc.add");
    SAYS_HAS(f, "c6 < error 2 quota again 1000\n");
    farm_free(f);
}

TEST(the_log_is_told_once_a_minute)
{
    struct farm *f = farm_with("jobs=0", false);
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "over quota principal=c1 jobs=0\n");
    after(f, 59000);
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 2 quota again 0\n"); /* nor will there ever be room */
    after(f, 1000);
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "over quota principal=c1 jobs=0\n");
    asks_figures(f);
    SAYS_HAS(f, "counter over_quota jobs 3\n");
    farm_free(f);
}

TEST(what_is_refused_makes_no_queue_and_no_number_twice)
{
    struct farm *f = farm_with("jobs=1", false);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    submits_as(
        f, "c1",
        (struct msg_submit){.queue = bytes_text("new.one"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    SAYS_HAS(f, "c1 < error 2 quota again 1000\n");
    says(f, "c5", &(struct record){.type = REC_list_queues, .list_queues = {3}});
    CHECK(!strstr(farm_log(f), "new.one"));
    farm_forget(f);
    submits_as(f, "c1", (struct msg_submit){.number = 2, .queue = bytes_text("calc.add")});
    SAYS(f, "c1 < error 2 forgotten\n");
    farm_free(f);
}

TEST(a_retry_is_a_job_more)
{
    struct farm *f = farm_with("jobs=1", false);
    submits(f, "c1", "calc.add");
    results(f, "w1", 1, 1, REASON_NONE);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    asks(f, "c1", REC_retry, 50, 1);
    SAYS_HAS(f, "c1 < error 50 quota again 1000\n");
    results(f, "w1", 2, 1, REASON_NONE);
    farm_forget(f);
    asks(f, "c1", REC_retry, 50, 1);
    SAYS_HAS(f, "c1 < accepted 50 j3\n");
    submits(f, "c1", "calc.add"); /* whoever asked for it, it is c1's */
    SAYS_HAS(f, "c1 < error 3 quota again 1000\n");
    farm_free(f);
}

/* --- rate ------------------------------------------------------------------------------------- */

TEST(a_rate_lets_a_second_of_it_through_at_once)
{
    struct farm *f = farm_with("rate=3", false);
    for (int i = 0; i < 3; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < error 4 quota again 1000\n");
    after(f, 400);
    farm_forget(f);
    submits(f, "c1", "calc.add"); /* a third of a second is one */
    SAYS(f, "c1 < accepted 5 j4\n");
    submits(f, "c1", "calc.add");
    SAYS(f, "c1 < error 6 quota again 934\n");
    submits(f, "c2", "calc.add");
    SAYS(f, "c2 < accepted 1 j5\n");
    after(f, 2000); /* no more than a second of it is ever saved up */
    farm_forget(f);
    for (int i = 0; i < 3; i++)
        submits(f, "c1", "calc.add");
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < error 10 quota again ");
    farm_free(f);
}

TEST(a_rate_of_nothing_is_not_worth_waiting_for)
{
    struct farm *f = farm_with("rate=0", false);
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < error 1 quota again 0\n");
    farm_free(f);
}

TEST(what_was_said_before_costs_nothing_again)
{
    struct farm *f = farm_with("rate=1", false);
    submits(f, "c1", "calc.add");
    farm_forget(f);
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    SAYS(f, "c1 < accepted 1 j1\n");
    farm_free(f);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void submits_bytes(struct farm *f, const char *who, size_t size)
{
    unsigned char args[600] = {0xc4};
    must(size <= 256 + 2);
    args[1] = (unsigned char)(size - 2);
    submits_as(f, who,
               (struct msg_submit){.queue = bytes_text("calc.add"), .args = bytes_of(args, size)});
}

TEST(bytes_have_a_limit)
{
    struct farm *f = farm_with("bytes=300", false);
    submits_bytes(f, "c1", 200);
    farm_forget(f);
    submits_bytes(f, "c1", 101);
    SAYS_HAS(f, "c1 < error 2 quota again 1000\n");
    submits_bytes(f, "c1", 100);
    SAYS(f, "c1 < accepted 3 j2\n");
    farm_free(f);
}

TEST(what_can_never_fit_is_not_worth_waiting_for)
{
    struct farm *f = farm_with("bytes=100", false);
    submits_bytes(f, "c1", 101);
    SAYS_HAS(f, "c1 < error 1 quota again 0\n");
    submits_bytes(f, "c1", 100);
    SAYS_HAS(f, "c1 < accepted 2 j1\n");
    farm_free(f);
}

/* They wait in memory, with their arguments. */
TEST(results_that_nobody_fetches_count)
{
    struct farm *f = farm_with("bytes=300", false);
    submits_bytes(f, "c1", 200);
    results(f, "w1", 1, 1, REASON_NONE);
    farm_forget(f);
    submits_bytes(f, "c1", 100);
    SAYS_HAS(f, "c1 < error 2 quota again 1000\n");
    says(f, "c1", &(struct record){.type = REC_ack, .ack = {.number = 1, .floor = 2}});
    submits_bytes(f, "c1", 100);
    SAYS_HAS(f, "c1 < accepted 3 j2\n");
    farm_free(f);
}

TEST(what_the_broker_remembers_counts_in_its_next_life)
{
    struct farm *f = farm_with("jobs=2", true);
    submits(f, "c1", "calc.add");
    kept(f);
    begins(f, "c1", "calc.add");
    kept(f);
    restarts(f);
    principals(f, "client c1 * jobs=2,sessions=1\nclient c2 *\nadmin c5 *\nworker w1 *");
    client(f, "c1");
    farm_forget(f);
    submits_as(
        f, "c1",
        (struct msg_submit){.queue = bytes_text("calc.add"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    SAYS_HAS(f, "c1 < error 3 quota again 1000\n");
    farm_free(f);
}

/* --- sessions --------------------------------------------------------------------------------- */

TEST(sessions_have_a_limit_of_their_own)
{
    struct farm *f = farm_with("sessions=2", false);
    begins(f, "c1", "calc.add");
    submits(f, "c1", "todo.task"); /* a task that is none is refused as such, and is none */
    farm_forget(f);
    begins(f, "c1", "calc.add");
    SAYS_HAS(f, "accepted 3 j2\n");
    begins(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < error 4 quota again 1000\n");
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < accepted 5 j3\n");
    asks(f, "c1", REC_cancel, 50, 2);
    farm_forget(f);
    begins(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < accepted 6 j4\n");
    farm_free(f);
}

/* They are its session's own doing: counted, not refused. */
TEST(children_count_and_are_not_refused)
{
    struct farm *f = farm_with("jobs=2", false);
    struct buf children = {0};
    for (int i = 0; i < 3; i++)
        put_child(&children, &(struct msg_child){.queue = bytes_text("calc.add"),
                                                 .args = bytes_of("\x90", 1)});
    begins(f, "c1", "calc.add");
    verdicts(f, "w1", 1, 1,
             (struct msg_verdict){.kind = VERDICT_FORK,
                                  .state = bytes_of("\x08", 1),
                                  .children = buf_bytes(&children)});
    says(f, "c5", &(struct record){.type = REC_get_status, .get_status = {3}});
    SAYS_HAS(f, "live 4");
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < error 2 quota again 1000\n");
    buf_fini(&children);
    farm_free(f);
}

/* --- what is followed ------------------------------------------------------------------------- */

static void follows(struct farm *f, const char *who, uint64_t number, const char *topic)
{
    says(f, who,
         &(struct record){.type = REC_follow,
                          .follow = {.number = number, .topic = bytes_text(topic), .credit = 10}});
}

TEST(what_is_followed_has_a_limit)
{
    struct farm *f = farm_with("follows=2", false);
    shows_key_of(f, "c6", "c1");
    client(f, "c6");
    follows(f, "c1", 1, "queue/calc.add");
    follows(f, "c6", 1, "queue/calc.add");
    farm_forget(f);
    follows(f, "c6", 2, "queue/calc.mul");
    SAYS_HAS(f, "c6 < error 2 quota again 1000\n");
    says(f, "c1", &(struct record){.type = REC_unfollow, .unfollow = {.number = 1}});
    follows(f, "c6", 2, "queue/calc.add");
    SAYS_HAS(f, "c6 < snapshot");
    gone(f, "c6"); /* with its connection it follows nothing */
    farm_forget(f);
    follows(f, "c1", 3, "queue/calc.add");
    follows(f, "c1", 4, "queue/calc.add");
    CHECK(!strstr(farm_log(f), "quota"));
    farm_free(f);
}

/* --- lists ------------------------------------------------------------------------------------ */

TEST(another_list_holds_at_once)
{
    struct farm *f = farm_with("jobs=1", false);
    submits(f, "c1", "calc.add");
    principals(f, "client c1 * jobs=2\nclient c2 *\nadmin c5 *\nworker w1 *");
    farm_forget(f);
    submits(f, "c1", "calc.add"); /* and it need not say hello again */
    SAYS(f, "c1 < accepted 2 j2\n");
    principals(f, "client c1 * jobs=1\nclient c2 *\nadmin c5 *\nworker w1 *");
    farm_forget(f);
    submits(f, "c1", "calc.add");
    SAYS_HAS(f, "c1 < error 3 quota again 1000\n");
    results(f, "w1", 1, 1, REASON_NONE);
    farm_forget(f);
    submits(f, "c1", "calc.add"); /* what it has stays, and counts */
    SAYS_HAS(f, "c1 < error 4 quota again 1000\n");
    farm_free(f);
}

TEST(others_than_clients_have_none_unless_it_is_said)
{
    struct farm *f = farm_with("jobs=1", false);
    for (int i = 0; i < 10; i++)
        submits(f, "c5", "calc.add");
    CHECK(!strstr(farm_log(f), "quota"));
    principals(f, "client c1 *\nclient c2 *\nadmin c5 * jobs=10\nworker w1 *");
    farm_forget(f);
    submits(f, "c5", "calc.add");
    SAYS_HAS(f, "c5 < error 11 quota again 1000\n");
    farm_free(f);
}

/* Jobs of a client from before there was a list are its owner's from its next hello on. */
TEST(what_was_nobodys_is_claimed_with_the_client)
{
    struct farm *f = farm_durable(NULL);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits(f, "c1", "calc.add");
    kept(f);
    submits(f, "c1", "calc.add");
    kept(f);
    principals(f, "client c1 * jobs=2\nworker w1 *");
    reconnects(f, "c1");
    client(f, "c1");
    farm_forget(f);
    submits_as(
        f, "c1",
        (struct msg_submit){.queue = bytes_text("calc.add"), .flags = SUBMIT_WAIT_FOR_HANDLER});
    SAYS_HAS(f, "quota again 1000\n");
    farm_free(f);
}
