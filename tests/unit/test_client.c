/* SPDX-License-Identifier: Apache-2.0
 *
 * The client library against a broker of a few lines, in a thread: what it says, what it makes of
 * the answers, and what it does when the broker forgets it, is busy, or is started anew. The
 * name of the queue says what the broker does with a job.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <reeve/client.h>
#include <stdatomic.h>
#include <stdio.h>
#include <zmq.h>

#include "common/conn.h"
#include "common/pack.h"
#include "producer/client/ask.h"
#include "tests/unit/check.h"

enum { LIVES_MAX = 4, WAIT_MS = 20000, ROUTE_MAX = 32, TOPIC_UPDATES = 5 };

struct fake {
    pthread_t thread;
    void *context, *router, *xpub;
    char address[64];
    unsigned updates_port;
    atomic_bool stop, restart, forget, silent_topics, workers_back;
    atomic_bool one_port; /* the updates' port is closed to the client */
    atomic_uint incarnation;
    atomic_uint submits, hellos, goodbyes, acked, asked, cut_lists;
    /* of the thread */
    unsigned char route[ROUTE_MAX];
    size_t route_size;
    uint64_t last, busy_left, update_seq;
    uint64_t follow, credit; /* the number that job/watched is followed under, 0: none */
    struct buf out;
};

static unsigned bind_any(struct fake *f, void **socket, enum conn_kind kind, unsigned port)
{
    char address[64];
    size_t size = sizeof address;
    const struct conn_options options = {0};
    if (port)
        snprintf(address, sizeof address, "tcp://127.0.0.1:%u", port);
    else
        snprintf(address, sizeof address, "tcp://127.0.0.1:*");
    do /* a socket that was closed gives its port back a moment later */
        *socket = conn_open(f->context, kind, address, &options);
    while (!*socket && errno == EADDRINUSE);
    must(*socket);
    must(zmq_getsockopt(*socket, ZMQ_LAST_ENDPOINT, address, &size) == 0);
    return (unsigned)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static void say(struct fake *f, const struct record *r)
{
    record_put(&f->out, r);
}

static void update_put(struct buf *b, const struct fake *f, uint64_t seq)
{
    pack_map(b, 3);
    pack_text(b, "seq");
    pack_uint(b, seq);
    pack_text(b, "incarnation");
    pack_uint(b, f->incarnation);
    pack_text(b, "event");
    pack_text(b, "state");
}

static void publish(struct fake *f, const char *topic, size_t topic_size, uint64_t seq)
{
    struct buf b = {0};
    update_put(&b, f, seq);
    zmq_send(f->xpub, topic, topic_size, ZMQ_SNDMORE);
    zmq_send(f->xpub, b.data, b.size, 0);
    buf_fini(&b);
}

static void take_submit(struct fake *f, const struct msg_submit *m)
{
    struct record error = {.type = REC_error, .error = {.number = m->number}};
    struct record accepted = {.type = REC_accepted,
                              .accepted = {.number = m->number, .id = 1000 + m->number}};
    struct record ended = {.type = REC_ended,
                           .ended = {.number = m->number,
                                     .id = 1000 + m->number,
                                     .state = JOB_OK,
                                     .value = m->args,
                                     .worker = bytes_text("w1"),
                                     .attempts = 1}};
    atomic_fetch_add(&f->submits, 1);
    if (m->number > f->last + 1) {
        error.error.code = ERR_UNEXPECTED;
        say(f, &error);
        return;
    }
    if (m->number == f->last + 1)
        f->last++;
    if (bytes_equal(m->queue, bytes_text("no.handler")))
        error.error.code = ERR_UNKNOWN_HANDLER;
    if (bytes_equal(m->queue, bytes_text("back.later")) && !f->workers_back &&
        !(m->flags & SUBMIT_WAIT_FOR_HANDLER))
        error.error.code = ERR_UNKNOWN_HANDLER;
    if (bytes_equal(m->queue, bytes_text("busy.twice")) && f->busy_left) {
        f->busy_left--;
        error.error.code = ERR_BUSY;
        error.error.retry_ms = 10;
    }
    if (bytes_equal(m->queue, bytes_text("always.busy")))
        error.error.code = ERR_BUSY;
    if (error.error.code) {
        say(f, &error);
        return;
    }
    say(f, &accepted);
    bool ends_later = bytes_equal(m->queue, bytes_text("second.life")) ||
                      bytes_equal(m->queue, bytes_text("back.later"));
    if (bytes_equal(m->queue, bytes_text("never.ends")) || (ends_later && f->incarnation == 1))
        return;
    if (bytes_equal(m->queue, bytes_text("always.fails"))) {
        ended.ended.state = JOB_DEAD;
        ended.ended.value = bytes_of(NULL, 0);
        ended.ended.reason = REASON_SIGNAL;
        ended.ended.detail = 11;
    }
    say(f, &ended);
}

/* Lasts as long as there is credit. */
static void tell_follower(struct fake *f)
{
    struct buf body = {0};
    if (!f->follow || !f->credit)
        return;
    f->credit--;
    update_put(&body, f, ++f->update_seq);
    struct record r = {.type = REC_update,
                       .update = {.number = f->follow,
                                  .topic = bytes_text("job/watched"),
                                  .body = buf_bytes(&body)}};
    say(f, &r);
    zmq_send(f->router, f->route, f->route_size, ZMQ_SNDMORE);
    zmq_send(f->router, f->out.data, f->out.size, 0);
    buf_clear(&f->out);
    buf_fini(&body);
}

/* One update a watch, so that the watcher sees some; the first snapshot is at 0. */
static void take_watch(struct fake *f, const struct msg_watch *m)
{
    struct record r = {.type = REC_error, .error = {.number = m->number, .code = ERR_UNKNOWN_JOB}};
    if (bytes_equal(m->topic, bytes_text("job/watched")))
        r = (struct record){.type = REC_snapshot,
                            .snapshot = {.number = m->number,
                                         .topic = m->topic,
                                         .incarnation = f->incarnation,
                                         .seq = f->update_seq,
                                         .body = bytes_of("\x80", 1)}};
    say(f, &r);
}

static void take(struct fake *f, const struct record *r)
{
    struct record answer = {.type = REC_NONE};
    char topic[100];
    switch (r->type) {
    case REC_submit: take_submit(f, &r->submit); break;
    case REC_ack: atomic_fetch_add(&f->acked, r->ack.count ? (unsigned)r->ack.count : 1u); break;
    case REC_ping: answer.type = REC_pong; break;
    case REC_goodbye: atomic_fetch_add(&f->goodbyes, 1); break;
    case REC_wait: /* asked for again when the broker has forgotten whom to answer */
        if (atomic_fetch_add(&f->asked, 1) == 0)
            f->route_size = 0;
        else
            answer = (struct record){.type = REC_ended,
                                     .ended = {.number = r->wait.number,
                                               .id = r->wait.id,
                                               .state = JOB_FAILED,
                                               .reason = REASON_ERROR,
                                               .value = bytes_of("\xa4"
                                                                 "oops",
                                                                 5)}};
        break;
    case REC_list_queues:
        answer =
            (struct record){.type = REC_queue,
                            .queue = {.number = r->list_queues.number, .name = bytes_text("a.b")}};
        say(f, &answer);
        if (f->cut_lists && f->cut_lists--) { /* the connection is lost over it */
            f->route_size = 0;
            answer = (struct record){.type = REC_hello_wanted};
            break;
        }
        say(f, &answer);
        answer = (struct record){.type = REC_end, .end = {.number = r->list_queues.number}};
        break;
    case REC_cancel:
        answer = (struct record){.type = REC_error,
                                 .error = {.number = r->cancel.number, .code = ERR_ENDED}};
        break;
    case REC_sync:
        snprintf(topic, sizeof topic, "sync/%.*s", BYTES_ARG(r->sync.nonce));
        publish(f, topic, strlen(topic) + 1, 0);
        break;
    case REC_watch: take_watch(f, &r->watch); break;
    case REC_follow: /* they begin alike */
        take_watch(f, &r->watch);
        if (bytes_equal(r->follow.topic, bytes_text("job/watched"))) {
            f->follow = r->follow.number;
            f->credit = r->follow.credit;
        }
        break;
    case REC_follow_more:
        if (r->follow_more.number == f->follow)
            f->credit += r->follow_more.count;
        break;
    case REC_unfollow:
        if (r->unfollow.number == f->follow)
            f->follow = 0;
        break;
    default: break;
    }
    if (answer.type)
        say(f, &answer);
}

static void take_hello(struct fake *f, const zmq_msg_t *route)
{
    struct record welcome = {.type = REC_welcome,
                             .welcome = {.version = PROTOCOL_VERSION,
                                         .incarnation = f->incarnation,
                                         .last_number = f->last,
                                         .updates_port = f->one_port ? 0 : f->updates_port,
                                         .release = bytes_text("fake")}};
    atomic_fetch_add(&f->hellos, 1);
    f->route_size = zmq_msg_size(route);
    memcpy(f->route, zmq_msg_data((zmq_msg_t *)(uintptr_t)route), f->route_size);
    say(f, &welcome);
}

static void take_body(struct fake *f, zmq_msg_t *route, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r;
    while (!cursor_done(&c)) {
        must(record_get(&c, &r) == OK);
        bool known = f->route_size == zmq_msg_size(route) &&
                     memcmp(f->route, zmq_msg_data(route), f->route_size) == 0;
        if (r.type == REC_hello) {
            take_hello(f, route);
        } else if (!known) {
            say(f, &(struct record){.type = REC_hello_wanted});
            break;
        } else {
            take(f, &r);
        }
    }
    if (!f->out.size)
        return;
    zmq_msg_send(route, f->router, ZMQ_SNDMORE);
    zmq_send(f->router, f->out.data, f->out.size, 0);
    buf_clear(&f->out);
}

static void fake_restart(struct fake *f)
{
    unsigned port = (unsigned)strtoul(strrchr(f->address, ':') + 1, NULL, 10);
    zmq_close(f->router);
    zmq_close(f->xpub);
    bind_any(f, &f->router, CONN_ROUTER, port);
    bind_any(f, &f->xpub, CONN_XPUB, f->updates_port);
    f->last = f->route_size = f->update_seq = f->follow = 0;
    f->workers_back = false;
    f->incarnation++;
}

static void fake_turn(struct fake *f)
{
    zmq_pollitem_t items[] = {{.socket = f->router, .events = ZMQ_POLLIN},
                              {.socket = f->xpub, .events = ZMQ_POLLIN}};
    zmq_poll(items, 2, 10);
    zmq_msg_t route, body;
    while (zmq_msg_init(&route), zmq_msg_recv(&route, f->router, ZMQ_DONTWAIT) >= 0) {
        zmq_msg_init(&body);
        zmq_msg_recv(&body, f->router, 0);
        take_body(f, &route, bytes_of(zmq_msg_data(&body), zmq_msg_size(&body)));
        zmq_msg_close(&body);
        zmq_msg_close(&route);
    }
    char subscription[256];
    while (zmq_recv(f->xpub, subscription, sizeof subscription, ZMQ_DONTWAIT) >= 0)
        ;
    if (f->one_port)
        tell_follower(f);
    else if (!f->silent_topics && f->update_seq < 1000)
        publish(f, "job/watched", sizeof "job/watched", ++f->update_seq);
}

static void *fake_run(void *user)
{
    struct fake *f = user;
    while (!f->stop) {
        fake_turn(f);
        if (atomic_exchange(&f->forget, false))
            f->route_size = 0;
        if (atomic_exchange(&f->restart, false))
            fake_restart(f);
    }
    return NULL;
}

static void fake_start(struct fake *f)
{
    *f = (struct fake){.context = conn_context(), .busy_left = 2};
    f->incarnation = 1;
    f->silent_topics = true;
    snprintf(f->address, sizeof f->address, "tcp://127.0.0.1:%u",
             bind_any(f, &f->router, CONN_ROUTER, 0));
    f->updates_port = bind_any(f, &f->xpub, CONN_XPUB, 0);
    must(pthread_create(&f->thread, NULL, fake_run, f) == 0);
}

static void fake_stop(struct fake *f)
{
    f->stop = true;
    pthread_join(f->thread, NULL);
    zmq_close(f->router);
    zmq_close(f->xpub);
    zmq_ctx_term(f->context);
    buf_fini(&f->out);
}

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
