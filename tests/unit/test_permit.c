/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker's core with a list of principals in force: who may say what, about whose jobs (see
 * permit_kit.h).
 */
#include "tests/unit/permit_kit.h"

#include <stdio.h>

static const char *said(struct farm *f)
{
    static char text[4096];
    snprintf(text, sizeof text, "%s", farm_log(f));
    farm_forget(f);
    return text;
}

/* --- the table -------------------------------------------------------------------------------- */

static struct record record_of(enum record_type verb)
{
    struct record r = {.type = verb};
    struct bytes queue = bytes_text("calc.add");
    switch (verb) {
    case REC_submit:
        r.submit = (struct msg_submit){.number = 1, .queue = queue, .args = bytes_of("\x90", 1)};
        break;
    case REC_hold:
    case REC_release: r.hold = (struct msg_hold){.number = 9, .queue = queue}; break;
    case REC_drain: r.drain = (struct msg_drain){.number = 9, .worker = bytes_text("w1")}; break;
    case REC_watch:
        r.watch = (struct msg_watch){.number = 9, .topic = bytes_text("worker/w1")};
        break;
    case REC_follow:
        r.follow = (struct msg_follow){.number = 9, .topic = bytes_text("worker/w1")};
        break;
    case REC_sync: r.sync = (struct msg_sync){.nonce = bytes_text("n")}; break;
    case REC_complete_task: r.complete_task = (struct msg_complete_task){9, 1}; break;
    case REC_offer: r.offer = (struct msg_offer){.queue = queue}; break;
    case REC_list_jobs:
    case REC_list_queues:
    case REC_list_workers:
    case REC_list_tasks:
    case REC_list_feeds:
    case REC_get_status:
    case REC_get_figures:
    case REC_unfollow:
    case REC_follow_more:
    case REC_ack: r.list_jobs = (struct msg_list_jobs){.number = 9}; break;
    case REC_ping:
    case REC_goodbye:
    case REC_result: break;
    default: r.wait = (struct msg_wait){.number = 9, .id = job_id(1)}; break;
    }
    return r;
}

static bool denied(struct farm *f, const char *who, enum record_type verb)
{
    struct record r = record_of(verb);
    says(f, who, &r);
    return strstr(said(f), "denied") != NULL;
}

static const struct {
    enum record_type verb;
    const char *wanted; /* c1, c3, c4, c5: y or n */
} table[] = {
    {REC_submit, "ynyy"},      {REC_ack, "ynyy"},         {REC_wait, "nyyy"},
    {REC_cancel, "nnyy"},      {REC_retry, "nnyy"},       {REC_get_job, "nyyy"},
    {REC_list_jobs, "yyyy"},   {REC_list_queues, "yyyy"}, {REC_list_workers, "nyyy"},
    {REC_get_status, "yyyy"},  {REC_hold, "nnyy"},        {REC_release, "nnyy"},
    {REC_drain, "nnyy"},       {REC_sync, "nyyy"},        {REC_watch, "nyyy"},
    {REC_explain, "nyyy"},     {REC_drop, "nnyy"},        {REC_tell, "nnyy"},
    {REC_pause, "nnyy"},       {REC_resume, "nnyy"},      {REC_get_session, "nyyy"},
    {REC_get_figures, "nyyy"}, {REC_list_tasks, "nyyy"},  {REC_complete_task, "nnyy"},
    {REC_list_feeds, "yyyy"},  {REC_follow, "nyyy"},      {REC_unfollow, "yyyy"},
    {REC_follow_more, "yyyy"}, {REC_ping, "yyyy"},        {REC_result, "nnnn"},
    {REC_offer, "nnnn"},       {REC_goodbye, "yyyy"},
};

/* The job is that of c2, and so is none of c1's, who is not let near tasks either. */
static void table_check(bool ended)
{
    static const char *const who[] = {"c1", "c3", "c4", "c5"};
    for (size_t i = 0; i < LENGTH(table); i++)
        for (size_t k = 0; k < LENGTH(who); k++) {
            struct farm *f = farm_guarded(false);
            submits(f, "c2", "calc.add");
            if (ended)
                results(f, "w1", 1, 1, REASON_NONE);
            farm_forget(f);
            bool is = !denied(f, who[k], table[i].verb);
            if (is != (table[i].wanted[k] == 'y'))
                check_failed(__FILE__, __LINE__, "%s says %s: %s", who[k],
                             record_name(table[i].verb), is ? "permitted" : "denied");
            farm_free(f);
        }
}

TEST(each_role_may_say_what_the_table_says)
{
    table_check(false);
}

TEST(of_a_job_that_has_ended_each_role_may_say_the_same)
{
    table_check(true);
}

/* What its own worker may not say either: it is a client's. */
TEST(a_worker_says_what_workers_say)
{
    struct farm *f = farm_guarded(false);
    says(f, "w1", &(struct record){.type = REC_hold, .hold = {1, bytes_text("calc.add")}});
    SAYS(f, "w1 < error 0 denied\n"
            "denied principal=w1 role=worker record=hold\n");
    farm_free(f);
}

TEST(a_client_does_all_to_its_own)
{
    static const enum record_type verbs[] = {REC_wait,  REC_get_job,    REC_explain, REC_cancel,
                                             REC_pause, REC_resume,     REC_tell,    REC_drop,
                                             REC_retry, REC_get_session};
    for (size_t i = 0; i < 2 * LENGTH(verbs); i++) {
        struct farm *f = farm_guarded(false);
        submits(f, "c1", "calc.add");
        if (i % 2)
            results(f, "w1", 1, 1, REASON_NONE);
        farm_forget(f);
        CHECK(!denied(f, "c1", verbs[i / 2]));
        farm_free(f);
    }
}

/* --- clients ---------------------------------------------------------------------------------- */

TEST(a_denied_submission_takes_its_number_and_nothing_else)
{
    struct farm *f = farm_guarded(false);
    submits(f, "c1", "todo.task");
    SAYS(f, "c1 < error 1 denied\n"
            "denied principal=c1 role=client record=submit\n");
    submits(f, "c1", "calc.add");
    SAYS(f, "w1 < lease j1 t1\n"
            "c1 < accepted 2 j1\n");
    says(f, "c5", &(struct record){.type = REC_get_status, .get_status = {3}});
    SAYS(f, "c5 < status submitted 1 executions 0 losses 0 live 1 malformed 0\n");
    farm_free(f);
}

TEST(the_same_principal_is_the_owner_under_another_client_id)
{
    struct farm *f = farm_guarded(false);
    submits(f, "c1", "calc.add");
    shows_key_of(f, "c1b", "c1");
    client(f, "c1b");
    asks(f, "c1b", REC_wait, 5, 1);
    SAYS(f, "");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS_HAS(f, "c1b < ended 5 j1 ok by w1\n");
    farm_free(f);
}

/* Whoever has seen a client id cannot go on in its name. */
TEST(a_client_id_belongs_to_who_said_it_first)
{
    struct farm *f = farm_guarded(false);
    char peer_id[PEER_ID_BYTES] = "c1";
    submits(f, "c1", "calc.add");
    farm_forget(f);
    struct record hello = {.type = REC_hello,
                           .hello = {.version_min = 1,
                                     .version_max = 1,
                                     .role = ROLE_CLIENT,
                                     .peer_id = bytes_of(peer_id, sizeof peer_id)}};
    says(f, "c2", &hello);
    SAYS(f, "c2 < error 0 denied\n"
            "denied principal=c2 role=client record=hello\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS_HAS(f, "c1 < ended 1 j1 ok by w1\n");
    farm_free(f);
}

TEST(lists_hold_what_is_ones_own)
{
    struct farm *f = farm_guarded(false);
    worker(f, "w2", 1, "other.thing");
    submits(f, "c1", "calc.add");
    submits(f, "c2", "calc.add");
    submits(f, "c2", "other.thing");
    farm_forget(f);
    says(f, "c1", &(struct record){.type = REC_list_jobs, .list_jobs = {.number = 1, .state = 1}});
    SAYS(f, "c1 < end 1\n");
    says(f, "c1", &(struct record){.type = REC_list_jobs, .list_jobs = {.number = 2, .state = 4}});
    SAYS(f, "c1 < job 2 j1 running\n"
            "c1 < end 2\n");
    says(f, "c3", &(struct record){.type = REC_list_jobs, .list_jobs = {.number = 2, .state = 1}});
    SAYS(f, "c3 < job 2 j2 waiting\n"
            "c3 < end 2\n");
    says(f, "c1", &(struct record){.type = REC_list_queues, .list_queues = {3}});
    SAYS(f, "c1 < queue calc.add ready 1 running 1 delayed 0\n"
            "c1 < end 3\n");
    says(f, "c1", &(struct record){.type = REC_get_status, .get_status = {4}});
    SAYS(f, "c1 < status submitted 0 executions 0 losses 0 live 1 malformed 0\n");
    farm_free(f);
}

TEST(a_key_of_another_leads_nowhere)
{
    struct farm *f = farm_guarded(false);
    struct msg_submit m = {.queue = bytes_text("calc.add"), .key = bytes_text("daily")};
    submits_as(f, "c2", m);
    farm_forget(f);
    submits_as(f, "c1", m);
    SAYS(f, "c1 < error 1 key-taken\n");
    submits_as(f, "c2", m);
    SAYS(f, "c2 < accepted 2 j1\n");
    farm_free(f);
}

TEST(topics_are_ones_own)
{
    static const struct {
        const char *topic;
        bool permitted;
    } rows[] = {{"job/0200000e00001", true}, {"queue/calc.add", true}, {"queue/other.thing", false},
                {"worker/w1", false},        {"todo", false},          {"sync/x", false},
                {"calc/AAPL", true},         {"other/AAPL", false},    {"", false}};
    struct farm *f = farm_guarded(false);
    hello_worker(f, "w2", 1);
    feeds(f, "w2", "calc.feed", "calc");
    feeds(f, "w2", "other.feed", "other");
    ready(f, "w2");
    submits(f, "c1", "calc.add");
    submits(f, "c2", "calc.add");
    for (size_t i = 0; i < LENGTH(rows); i++) {
        farm_forget(f);
        says(f, "c1",
             &(struct record){.type = REC_watch,
                              .watch = {.number = 7, .topic = bytes_text(rows[i].topic)}});
        if (rows[i].permitted == (strstr(farm_log(f), "denied") != NULL))
            check_failed(__FILE__, __LINE__, "topic %s: %s", rows[i].topic, farm_log(f));
    }
    char text[JOB_ID_TEXT], topic[32];
    for (unsigned job = 1; job <= 2; job++) {
        snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(job), text));
        farm_forget(f);
        says(f, "c1",
             &(struct record){.type = REC_watch,
                              .watch = {.number = 7, .topic = bytes_text(topic)}});
        CHECK_EQ(strstr(farm_log(f), "c1 < snapshot") != NULL, job == 1);
    }
    farm_free(f);
}

TEST(what_is_followed_is_ones_own)
{
    struct farm *f = farm_guarded(true);
    char text[JOB_ID_TEXT], topic[32];
    submits(f, "c1", "calc.add");
    kept(f);
    snprintf(topic, sizeof topic, "job/%s", job_id_text(job_id(1), text));
    struct record follow = {.type = REC_follow,
                            .follow = {.number = 7, .topic = bytes_text(topic), .credit = 10}};
    farm_forget(f);
    shows_key_of(f, "c6", "c2");
    client(f, "c6");
    says(f, "c6", &follow);
    SAYS_HAS(f, "c6 < error 7 denied\n");
    says(f, "c1", &follow);
    SAYS_HAS(f, "c1 < snapshot");
    results(f, "w1", 1, 1, REASON_NONE);
    kept(f);
    SAYS_HAS(f, "c1 < update ");
    says(f, "c6", &follow); /* it has ended */
    SAYS_HAS(f, "find 1 j1\n");
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    SAYS_HAS(f, "c6 < error 7 denied\n");
    farm_free(f);
}

TEST(who_is_struck_off_follows_nothing_more)
{
    struct farm *f = farm_guarded(false);
    struct record follow = {
        .type = REC_follow,
        .follow = {.number = 7, .topic = bytes_text("queue/calc.add"), .credit = 100}};
    says(f, "c1", &follow);
    says(f, "c3", &follow);
    principals(f, "client c2 *\nwatcher c3 *\nworker w1 calc.");
    farm_forget(f);
    submits(f, "c2", "calc.add");
    after(f, 200);
    CHECK(!strstr(farm_log(f), "c1 < "));
    SAYS_HAS(f, "c3 < update ");
    farm_free(f);
}

/* --- workers ---------------------------------------------------------------------------------- */

TEST(a_worker_offers_its_queues_only)
{
    struct farm *f = farm_guarded(false);
    principals(f, "client c2 *\nworker w1 calc.\nworker w3 calc.");
    farm_forget(f);
    hello_worker(f, "w3", 1);
    farm_forget(f);
    offers(f, "w3", "other.thing");
    SAYS(f, "w3 < error 0 denied\n"
            "denied principal=w3 role=worker record=offer\n");
    offers(f, "w3", "calc.mul");
    ready(f, "w3");
    submits(f, "c2", "other.thing");
    SAYS(f, "c2 < error 1 unknown-handler\n");
    submits(f, "c2", "calc.mul");
    SAYS(f, "w3 < lease j1 t1 offer 1\n"
            "c2 < accepted 2 j1\n");
    farm_free(f);
}

TEST(a_worker_cannot_end_what_it_does_not_hold)
{
    struct farm *f = farm_guarded(false);
    worker(f, "w2", 1, "other.thing");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    results(f, "w2", 1, 1, REASON_NONE);
    SAYS(f, "w2 < result_ack 1\n");
    results(f, "w1", 1, 1, REASON_NONE);
    SAYS_HAS(f, "c1 < ended 1 j1 ok by w1\n");
    farm_free(f);
}

TEST(a_worker_id_belongs_to_who_said_it_first)
{
    struct farm *f = farm_guarded(false);
    shows_key_of(f, "w1", "w2");
    reconnects(f, "w1");
    hello_worker(f, "w1", 1);
    SAYS(f, "w1 < error 0 denied\n"
            "denied principal=w2 role=worker record=hello\n");
    farm_free(f);
}

/* What an iteration forks must be its worker's to run and its owner's to submit. */
TEST(children_are_of_permitted_queues)
{
    static const struct {
        const char *client, *queue;
        bool permitted;
    } rows[] = {{"c1", "calc.mul", true},
                {"c1", "other.thing", false},
                {"c2", "other.thing", false},
                {"c2", "bench.x", false},
                {"c5", "calc.mul", true}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct farm *f = farm_guarded(false);
        struct buf children = {0};
        worker(f, "w2", 1, "other.thing");
        begins(f, rows[i].client, "calc.add");
        farm_forget(f);
        put_child(&children, &(struct msg_child){.queue = bytes_text(rows[i].queue),
                                                 .args = bytes_of("\x90", 1)});
        verdicts(f, "w1", 1, 1,
                 (struct msg_verdict){.kind = VERDICT_FORK,
                                      .state = bytes_of("\x08", 1),
                                      .children = buf_bytes(&children)});
        says(f, "c5", &(struct record){.type = REC_get_status, .get_status = {3}});
        SAYS_HAS(f, rows[i].permitted ? "live 2" : "live 1");
        buf_fini(&children);
        farm_free(f);
    }
}
