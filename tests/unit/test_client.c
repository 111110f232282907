/* SPDX-License-Identifier: Apache-2.0
 *
 * The client library against a broker of a few lines, in a thread: what it says, what it makes of
 * the answers, and what it does when the broker forgets it, is busy, or is started anew. The
 * name of the queue says what the broker does with a job.
 */
#include <poll.h>
#include <reeve/client.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/pack.h"
#include "producer/client/ask.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_broker.h"

enum { WAIT_MS = 20000, TOPIC_UPDATES = 5 };

/* --- calls ----------------------------------------------------------------------------------- */

TEST(a_call_and_its_refusals)
{
    struct fake f;
    struct reeve_client *c;
    struct reeve_result r;
    fake_start(&f);
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    CHECK_EQ(reeve_call_json(c, "echo.args", "[2, \"+\", 2.5]", WAIT_MS, &r), 0);
    CHECK_TEXT(r.text, "[2,\"+\",2.5]");
    CHECK_TEXT(r.worker, "w1");
    CHECK(r.number == 1 && r.id == 1001 && r.state == REEVE_JOB_OK && r.code == 0);
    CHECK_EQ(reeve_call_json(c, "always.fails", "[]", WAIT_MS, &r), 0);
    CHECK_EQ(r.state, REEVE_DEAD);
    CHECK_TEXT(r.reason, "signal 11");
    CHECK_TEXT(r.text, "signal 11");
    CHECK_EQ(reeve_call_json(c, "no.handler", "[]", WAIT_MS, &r), REEVE_EUNKNOWN_HANDLER);
    CHECK(strstr(reeve_error(c), "handler") != NULL);
    CHECK_EQ(r.id, 0);
    CHECK_EQ(reeve_call_json(c, "no_dot", "[]", WAIT_MS, &r), REEVE_EINVALID);
    CHECK_EQ(reeve_call_json(c, "echo.args", "{}", WAIT_MS, &r), REEVE_EINVALID);
    CHECK_EQ(reeve_call_json(c, "echo.args", "[", WAIT_MS, &r), REEVE_EINVALID);
    CHECK_EQ(reeve_call(c, "echo.args", "\x91\x01\x02", 3, NULL, WAIT_MS, &r), REEVE_EINVALID);
    CHECK_EQ(reeve_call_json(c, "never.ends", "[]", 1, &r), REEVE_ETIMEOUT);
    CHECK_EQ(reeve_pending(c), 1);
    CHECK_EQ(reeve_call_json(c, "busy.twice", "[]", WAIT_MS, &r), 0);
    CHECK_EQ(r.number, 5); /* the third time it was taken, under the number it was told */
    const struct reeve_job_options options = {.refuse_busy = 1};
    CHECK_EQ(reeve_call(c, "always.busy", "\x90", 1, &options, WAIT_MS, &r), REEVE_EBUSY);
    reeve_close(c);
    fake_stop(&f);
    CHECK_EQ(f.goodbyes, 1);
    CHECK(f.acked >= 3);
}

/* The quickest of some: on a machine that is busy with other things each may take its time. */
TEST(a_close_that_has_said_all_waits_for_nothing)
{
    enum { CLOSES = 10, PAUSE_MS = 500 /* of a client that waits for news */ };
    struct fake f;
    int64_t least_ms = INT64_MAX;
    fake_start(&f);
    for (int i = 0; i < CLOSES; i++) {
        struct reeve_client *c;
        struct reeve_result r;
        CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
        CHECK_EQ(reeve_call_json(c, "echo.args", "[]", WAIT_MS, &r), 0);
        int64_t start_ms = clock_ms();
        reeve_close(c);
        int64_t took_ms = clock_ms() - start_ms;
        least_ms = took_ms < least_ms ? took_ms : least_ms;
    }
    fake_stop(&f);
    CHECK(f.acked >= CLOSES);
    CHECK(least_ms < PAUSE_MS / 2);
}

TEST(no_broker_and_no_address)
{
    struct reeve_client *c;
    CHECK_EQ(reeve_connect(&c, "ipc:///nowhere/at/all", 1), REEVE_EUNREACHABLE);
    CHECK(c == NULL);
    CHECK(strstr(reeve_error(NULL), "no broker answers at ipc:///nowhere/at/all") != NULL);
    CHECK_EQ(reeve_connect(&c, "127.0.0.1:7710", 1), REEVE_EINVALID);
    CHECK(strstr(reeve_error(NULL), "not an address") != NULL);
    reeve_close(NULL);
}

TEST(requests_are_asked_again_by_whoever_lost_the_connection)
{
    struct fake f;
    struct reeve_client *c;
    struct reeve_result r;
    fake_start(&f);
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    CHECK_EQ(reeve_cancel(c, 7, WAIT_MS), REEVE_EENDED);
    /* The first time the broker forgets us over it; the next record makes it say so. */
    CHECK_EQ(reeve_wait(c, 7, 50, &r), REEVE_ETIMEOUT);
    CHECK_EQ(reeve_wait(c, 7, WAIT_MS, &r), 0);
    CHECK_EQ(r.state, REEVE_FAILED);
    CHECK_TEXT(r.text, "oops");
    CHECK_TEXT(r.reason, "error");
    CHECK_BYTES(client_welcome(c)->release, bytes_text("fake"));
    reeve_close(c);
    fake_stop(&f);
    CHECK(f.hellos >= 2);
}

static void count_answer(void *user, const struct record *answer)
{
    unsigned *counts = user;
    if (answer->type == REC_NONE) /* what came is void */
        counts[0] = 0;
    counts[answer->type == REC_queue ? 0 : answer->type == REC_end ? 1 : 2]++;
}

TEST(a_list_ends_with_its_end)
{
    struct fake f;
    struct reeve_client *c;
    unsigned counts[3] = {0};
    struct record r = {.type = REC_list_queues};
    fake_start(&f);
    f.cut_lists = 1;
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    CHECK_EQ(client_ask(c, &r, count_answer, counts, WAIT_MS), 0);
    CHECK_EQ(counts[0], 2);
    CHECK_EQ(counts[1], 1);
    CHECK_EQ(counts[2], 1); /* it was cut off once */
    reeve_close(c);
    fake_stop(&f);
}

/* --- many ------------------------------------------------------------------------------------ */

enum { JOBS = 5000 };
struct tally {
    unsigned char ended[JOBS + 1];
    size_t results, bad, accepted;
};

static void tally_result(void *user, const struct reeve_result *r)
{
    struct tally *t = user;
    t->results++;
    if (r->number > JOBS || t->ended[r->number]++ || r->code || r->state != REEVE_JOB_OK)
        t->bad++;
}

static void tally_accepted(void *user, uint64_t number, uint64_t id)
{
    struct tally *t = user;
    t->accepted++;
    if (number > JOBS || !id)
        t->bad++;
}

static void submit_all(struct reeve_client *c, const char *queue, struct tally *t, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK_EQ(reeve_submit(c, queue, "\x90", 1, NULL, tally_accepted, tally_result, t, NULL), 0);
}

/* Of a run some are of one priority and some are for another queue, which answers alike; some
 * arguments are long. Each has to come as what it was handed in as. */
struct run {
    size_t results, bad;
};

static void put_args(struct buf *out, uint64_t number)
{
    enum { LONG_BYTES = 5000 };
    pack_array(out, 2);
    pack_uint(out, number);
    size_t size = number % 50 == 0 ? LONG_BYTES : 1 + number % 5;
    struct buf text = {0};
    memset(buf_extend(&text, size), 'x', size);
    pack_str(out, buf_bytes(&text));
    buf_fini(&text);
}

static void run_result(void *user, const struct reeve_result *r)
{
    struct run *run = user;
    struct buf args = {0};
    put_args(&args, r->number);
    run->results++;
    if (r->code || !bytes_equal(bytes_of(r->value, r->size), buf_bytes(&args)))
        run->bad++;
    buf_fini(&args);
}

TEST(what_follows_another_is_said_briefly_and_comes_as_it_was)
{
    struct fake f;
    struct reeve_client *c;
    struct run run = {0};
    fake_start(&f);
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    for (uint64_t i = 1; i <= JOBS; i++) {
        const struct reeve_job_options options = {.priority = i / 20 % 2 ? 5 : 0};
        struct buf args = {0};
        put_args(&args, i);
        CHECK_EQ(reeve_submit(c, i / 30 % 2 ? "echo.args" : "echo.others", args.data, args.size,
                              &options, NULL, run_result, &run, NULL),
                 0);
        buf_fini(&args);
    }
    while (run.results < JOBS)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK(run.bad == 0 && f.submits == JOBS);
    CHECK(f.briefs > JOBS / 2 && f.briefs < JOBS - JOBS / 30);
    reeve_close(c);
    fake_stop(&f);
}

TEST(every_submission_has_one_result_though_the_broker_forgets_the_connection)
{
    struct fake f;
    struct reeve_client *c;
    static struct tally t;
    t = (struct tally){.results = 0};
    fake_start(&f);
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    for (int part = 0; part < 10; part++) {
        submit_all(c, "echo.args", &t, JOBS / 10);
        f.forget = true;
        while (t.results < (size_t)(JOBS / 10) * (size_t)(part + 1))
            CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    }
    CHECK(t.results == JOBS && t.bad == 0 && t.accepted == JOBS);
    CHECK_EQ(reeve_pending(c), 0);
    reeve_close(c);
    fake_stop(&f);
    CHECK(f.acked >= JOBS);
}

/* Until the first life has accepted them all; then a broker that knows nothing of them. */
static void second_life(const char *queue, struct tally *t, size_t count)
{
    struct fake f;
    struct reeve_client *c;
    struct reeve_result r;
    *t = (struct tally){.results = 0};
    fake_start(&f);
    f.workers_back = true;
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    CHECK_EQ(reeve_call_json(c, "echo.args", "[]", WAIT_MS, &r), 0); /* so that numbers change */
    submit_all(c, queue, t, count);
    while (t->accepted < count)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    f.restart = true;
    while (t->results < count)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK_EQ(reeve_call_json(c, "echo.args", "[1]", WAIT_MS, &r), 0);
    CHECK_TEXT(r.text, "[1]");
    CHECK_EQ(reeve_pending(c), 0);
    reeve_close(c);
    fake_stop(&f);
}

TEST(a_broker_started_anew_gets_what_it_has_lost)
{
    static struct tally t;
    second_life("second.life", &t, 1000);
    CHECK(t.bad == 0 && t.results == 1000);
    CHECK_EQ(t.accepted, 2000); /* each has another id now */
}

TEST(what_was_accepted_once_is_not_refused_while_workers_are_away)
{
    static struct tally t;
    second_life("back.later", &t, 10);
    CHECK(t.bad == 0 && t.results == 10);
}

TEST(it_fits_an_event_loop)
{
    struct fake f;
    struct reeve_client *c;
    static struct tally t;
    t = (struct tally){.results = 0};
    fake_start(&f);
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    struct pollfd p = {.fd = reeve_fd(c), .events = POLLIN};
    for (int i = 1; i <= 200; i++) {
        submit_all(c, "echo.args", &t, i % 20 ? 1 : 100);
        while (reeve_pending(c)) {
            /* Nothing but the descriptor wakes it: a missed event would be a test that fails. */
            CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
            CHECK_EQ(reeve_dispatch(c, 0), 0);
        }
    }
    CHECK_EQ(t.bad, 0);
    reeve_close(c);
    fake_stop(&f);
}

static void call_inside(void *user, const struct reeve_result *result)
{
    struct reeve_result inner;
    struct reeve_client *c = *(struct reeve_client **)user;
    char before[32];
    snprintf(before, sizeof before, "%s", result->text);
    CHECK_EQ(reeve_call_json(c, "echo.args", "[\"inner\"]", WAIT_MS, &inner), 0);
    CHECK_TEXT(inner.text, "[\"inner\"]");
    CHECK_TEXT(result->text, before);
    CHECK_TEXT(result->text, "[]");
    *(struct reeve_client **)user = NULL;
}

TEST(a_callback_may_make_calls)
{
    struct fake f;
    struct reeve_client *c, *inside;
    fake_start(&f);
    CHECK_EQ(reeve_connect(&c, f.address, WAIT_MS), 0);
    inside = c;
    CHECK_EQ(reeve_submit(c, "echo.args", "\x90", 1, NULL, NULL, call_inside, &inside, NULL), 0);
    while (inside)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    reeve_close(c);
    fake_stop(&f);
}

/* --- updates --------------------------------------------------------------------------------- */

struct seen {
    struct reeve_client *client;
    unsigned snapshots, updates, losses, errors, prefix;
    uint64_t seq, incarnation;
};

static void seen_update(void *user, const struct reeve_update *u)
{
    struct seen *s = user;
    if (strcmp(u->event, "snapshot") == 0) {
        s->snapshots++;
    } else if (strcmp(u->event, "state") == 0) {
        CHECK(u->incarnation == s->incarnation && u->seq == s->seq + 1);
        s->updates++;
    } else if (strcmp(u->event, "error") == 0) {
        CHECK_TEXT(u->topic, "job/unknown");
        s->errors++;
        return;
    } else {
        CHECK_TEXT(u->event, "lost");
        s->losses++;
    }
    CHECK_TEXT(u->topic, "job/watched");
    s->seq = u->seq;
    s->incarnation = u->incarnation;
}

static void seen_prefix(void *user, const struct reeve_update *u)
{
    struct seen *s = user;
    CHECK_TEXT(u->topic, "job/watched");
    if (++s->prefix == TOPIC_UPDATES)
        CHECK_EQ(reeve_unsubscribe(s->client, "job/"), 0);
}

TEST(a_topic_is_watched_through_a_second_life)
{
    struct fake f;
    struct seen s = {.seq = 0};
    fake_start(&f);
    CHECK_EQ(reeve_connect(&s.client, f.address, WAIT_MS), 0);
    CHECK_EQ(reeve_subscribe(s.client, "job/watched", seen_update, &s), 0);
    CHECK_EQ(reeve_subscribe(s.client, "job/watched", seen_update, &s), REEVE_EINVALID);
    CHECK_EQ(reeve_subscribe(s.client, "job/unknown", seen_update, &s), 0);
    CHECK_EQ(reeve_subscribe(s.client, "job/", seen_prefix, &s), 0);
    while (!s.snapshots || !s.errors)
        CHECK_EQ(reeve_dispatch(s.client, WAIT_MS), 0);
    CHECK_EQ(s.seq, 0);
    f.silent_topics = false;
    while (s.updates < TOPIC_UPDATES || s.prefix < TOPIC_UPDATES)
        CHECK_EQ(reeve_dispatch(s.client, WAIT_MS), 0);
    f.restart = true;
    while (s.incarnation != 2 || s.seq < TOPIC_UPDATES)
        CHECK_EQ(reeve_dispatch(s.client, WAIT_MS), 0);
    CHECK_EQ(s.prefix, TOPIC_UPDATES);
    CHECK_EQ(s.errors, 1);
    CHECK_EQ(reeve_unsubscribe(s.client, "job/watched"), 0);
    CHECK_EQ(reeve_unsubscribe(s.client, "job/watched"), REEVE_EINVALID);
    reeve_close(s.client);
    fake_stop(&f);
}

TEST(a_topic_is_followed_where_the_updates_port_is_closed)
{
    enum { MANY = 1000 }; /* more than the credit that is given at once */
    struct fake f;
    struct seen s = {.seq = 0};
    fake_start(&f);
    f.one_port = true;
    CHECK_EQ(reeve_connect(&s.client, f.address, WAIT_MS), 0);
    CHECK_EQ(reeve_subscribe(s.client, "job/", seen_prefix, &s), REEVE_EINVALID);
    CHECK_EQ(reeve_subscribe(s.client, "job/watched", seen_update, &s), 0);
    CHECK_EQ(reeve_subscribe(s.client, "job/unknown", seen_update, &s), 0);
    while (s.updates < MANY || !s.errors)
        CHECK_EQ(reeve_dispatch(s.client, WAIT_MS), 0);
    CHECK_EQ(s.snapshots, 1);
    f.restart = true;
    while (s.incarnation != 2 || s.seq < TOPIC_UPDATES)
        CHECK_EQ(reeve_dispatch(s.client, WAIT_MS), 0);
    CHECK(s.snapshots == 2 && s.losses == 0 && s.errors == 1);
    CHECK_EQ(reeve_unsubscribe(s.client, "job/watched"), 0);
    reeve_close(s.client);
    fake_stop(&f);
}
