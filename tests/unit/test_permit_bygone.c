/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs that have ended and have no row are somebody's as they were before (see permit_kit.h); what
 * each role may ask about them is in test_permit.c.
 */
#include "tests/unit/permit_kit.h"

#include <stdio.h>

/* A farm in which job 1 of c1 and job 2 of c2 have ended. */
static struct farm *farm_ended(void)
{
    struct farm *f = farm_guarded(false);
    submits(f, "c1", "calc.add");
    submits(f, "c2", "calc.add");
    results(f, "w1", 1, 1, REASON_NONE);
    results(f, "w1", 2, 1, REASON_NONE);
    farm_forget(f);
    return f;
}

TEST(it_stays_its_owners)
{
    struct farm *f = farm_ended();
    asks(f, "c1", REC_drop, 50, 2);
    SAYS(f, "c1 < error 50 denied\n"
            "denied principal=c1 role=client record=drop\n");
    asks(f, "c2", REC_get_job, 50, 2);
    SAYS(f, "c2 < job 50 j2 ok\n");
    shows_key_of(f, "c6", "c1"); /* the same principal under another client id */
    client(f, "c6");
    asks(f, "c6", REC_drop, 50, 1);
    SAYS(f, "gone j1\n"
            "c6 < done 50\n");
    farm_free(f);
}

TEST(its_number_still_leads_its_client_to_it)
{
    struct farm *f = farm_ended();
    submits_as(f, "c1", (struct msg_submit){.number = 1, .queue = bytes_text("calc.add")});
    SAYS(f, "c1 < accepted 1 j1\n"
            "c1 < ended 1 j1 ok by w1\n");
    farm_free(f);
}

TEST(it_is_its_owners_when_its_client_is_forgotten)
{
    struct farm *f = farm_new(&(struct broker_limits){.clients_max = 1});
    principals(f, everybody);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits(f, "c1", "calc.add");
    results(f, "w1", 1, 1, REASON_NONE);
    gone(f, "c1");
    client(f, "c2");
    asks(f, "c2", REC_get_job, 50, 1);
    SAYS(f, "c2 < error 50 denied\n"
            "denied principal=c2 role=client record=get_job\n");
    gone(f, "c2");
    shows_key_of(f, "c6", "c1");
    client(f, "c6");
    asks(f, "c6", REC_get_job, 50, 1);
    SAYS(f, "c6 < job 50 j1 ok\n");
    farm_free(f);
}

TEST(it_is_watched_by_its_owner)
{
    static const char *const who[] = {"c1", "c2", "c3"};
    struct farm *f = farm_ended();
    char text[JOB_ID_TEXT], topic[32], wanted[100];
    snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(1), text));
    for (size_t i = 0; i < LENGTH(who); i++) {
        struct record watch = {.type = REC_watch,
                               .watch = {.number = 60, .topic = bytes_text(topic)}};
        struct record follow = {.type = REC_follow,
                                .follow = {.number = 61, .topic = bytes_text(topic), .credit = 10}};
        const char *is = i == 1 ? "error 60 denied" : "snapshot 3 snapshot ok";
        snprintf(wanted, sizeof wanted, "%s < %s\n", who[i], is);
        says(f, who[i], &watch);
        SAYS_HAS(f, wanted);
        is = i == 1 ? "error 61 denied" : "snapshot 3 snapshot ok";
        snprintf(wanted, sizeof wanted, "%s < %s\n", who[i], is);
        says(f, who[i], &follow);
        SAYS_HAS(f, wanted);
    }
    farm_free(f);
}

/* Who tries it again does not take it away from who had it. */
TEST(tried_again_it_stays_its_owners)
{
    struct farm *f = farm_ended();
    asks(f, "c2", REC_retry, 50, 1);
    SAYS_HAS(f, "c2 < error 50 denied\n");
    asks(f, "c5", REC_retry, 50, 1);
    SAYS(f, "c5 < accepted 50 j3\n"
            "w1 < lease j3 t1\n");
    asks(f, "c5", REC_get_job, 51, 3);
    asks(f, "c1", REC_get_job, 51, 3);
    SAYS(f, "c5 < job 51 j3 running retry of j1\n"
            "c1 < job 51 j3 running retry of j1\n");
    principals(f, "client c1 bench.\nworker w1 calc.");
    client(f, "c1");
    asks(f, "c1", REC_retry, 52, 1);
    SAYS_HAS(f, "c1 < error 52 denied\n");
    farm_free(f);
}

/* --- lists ------------------------------------------------------------------------------------ */

static void lists(struct farm *f, const char *who, uint64_t limit, uint64_t after)
{
    struct record r = {.type = REC_list_jobs,
                       .list_jobs = {.number = 80, .limit = limit, .after = after}};
    says(f, who, &r);
}

/* Six jobs, those of c1 odd, those of c2 even; 3 and 4 have rows. */
static struct farm *farm_listed(struct buf *rows, struct buf *row3)
{
    struct farm *f = farm_guarded(false);
    for (unsigned n = 1; n <= 6; n++) {
        uint64_t timeout_ms = n == 3 || n == 4 ? 1000 : 0;
        submits_as(f, n % 2 ? "c1" : "c2",
                   (struct msg_submit){.queue = bytes_text("calc.add"), .timeout_ms = timeout_ms});
        results(f, "w1", n, 1, REASON_NONE);
        rows_take(f, n == 3 ? row3 : rows);
    }
    buf_put(rows, row3->data, row3->size); /* behind that of 4: newest first */
    farm_forget(f);
    return f;
}

TEST(a_list_has_ones_own_of_both_kinds)
{
    struct buf rows = {0}, row3 = {0};
    struct farm *f = farm_listed(&rows, &row3);
    lists(f, "c1", 0, 0);
    found_some(f, 1, &rows, 0);
    SAYS(f, "list 1\n"
            "c1 < job 80 j5 ok\n"
            "c1 < job 80 j3 ok\n"
            "c1 < job 80 j1 ok\n"
            "c1 < end 80\n");
    lists(f, "c3", 0, 0);
    found_some(f, 2, &rows, 0);
    SAYS(f, "list 2\n"
            "c3 < job 80 j6 ok\n"
            "c3 < job 80 j5 ok\n"
            "c3 < job 80 j4 ok\n"
            "c3 < job 80 j3 ok\n"
            "c3 < job 80 j2 ok\n"
            "c3 < job 80 j1 ok\n"
            "c3 < end 80\n");
    buf_fini(&rows);
    buf_fini(&row3);
    farm_free(f);
}

/* What another's rows have taken of the store's answer is made up for, or asked for again. */
TEST(a_list_goes_on_behind_what_is_anothers)
{
    struct buf rows = {0}, row3 = {0}, none = {0};
    struct farm *f = farm_listed(&rows, &row3);
    lists(f, "c1", 2, 0);
    found_some(f, 1, &rows, 0);
    SAYS(f, "list 1\n"
            "c1 < job 80 j5 ok\n"
            "c1 < job 80 j3 ok\n"
            "c1 < end 80 more\n");
    lists(f, "c1", 2, 1ull << 63 | job_id(3));
    found_some(f, 2, &none, 0);
    SAYS(f, "list 2\n"
            "c1 < job 80 j1 ok\n"
            "c1 < end 80\n");
    lists(f, "c2", 0, 1ull << 63 | job_id(4));
    found_some(f, 3, &row3, job_id(3)); /* as if there were older ones */
    SAYS(f, "list 3\n"
            "c2 < end 80 more\n");
    buf_fini(&rows);
    buf_fini(&row3);
    farm_free(f);
}

/* It was asked for before a new list. */
TEST(a_list_comes_too_late_for_who_was_struck_off)
{
    struct buf rows = {0}, row3 = {0};
    struct farm *f = farm_listed(&rows, &row3);
    lists(f, "c1", 0, 0);
    principals(f, "client c2 *\nworker w1 *");
    farm_forget(f);
    found_some(f, 1, &rows, 0);
    SAYS(f, "");
    buf_fini(&rows);
    buf_fini(&row3);
    farm_free(f);
}

/* --- a list begins ---------------------------------------------------------------------------- */

TEST(those_from_before_there_was_a_list_are_the_admins)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    worker(f, "w1", 1, "calc.add");
    submits(f, "c1", "calc.add");
    results(f, "w1", 1, 1, REASON_NONE);
    principals(f, everybody);
    reconnects(f, "c1");
    client(f, "c1");
    client(f, "c5");
    asks(f, "c1", REC_get_job, 50, 1);
    SAYS(f, "c1 < error 50 denied\n"
            "denied principal=c1 role=client record=get_job\n");
    asks(f, "c5", REC_get_job, 50, 1);
    SAYS(f, "c5 < job 50 j1 ok\n");
    farm_free(f);
}
