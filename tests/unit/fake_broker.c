/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_broker.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "common/conn.h"
#include "common/pack.h"
#include "proto/record.h"

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
    if (bytes_equal(m->queue, bytes_text("over.twice")) && f->over_left) {
        f->over_left--;
        error.error.code = ERR_QUOTA;
        error.error.retry_ms = 10;
    }
    if (bytes_equal(m->queue, bytes_text("never.fits")))
        error.error.code = ERR_QUOTA;
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
                                         .release = bytes_text("fake"),
                                         .knows = KNOWS_ALL}};
    atomic_fetch_add(&f->hellos, 1);
    f->route_size = zmq_msg_size(route);
    memcpy(f->route, zmq_msg_data((zmq_msg_t *)(uintptr_t)route), f->route_size);
    say(f, &welcome);
}

static void take_body(struct fake *f, zmq_msg_t *route, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r = {.type = REC_NONE};
    while (!cursor_done(&c)) {
        if (cursor_left(&c) > 1 && c.at[1] == REC_again)
            atomic_fetch_add(&f->briefs, 1);
        must(record_next(&c, &r) == OK);
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

void fake_start(struct fake *f)
{
    *f = (struct fake){.context = conn_context(), .busy_left = 2, .over_left = 2};
    f->incarnation = 1;
    f->silent_topics = true;
    snprintf(f->address, sizeof f->address, "tcp://127.0.0.1:%u",
             bind_any(f, &f->router, CONN_ROUTER, 0));
    f->updates_port = bind_any(f, &f->xpub, CONN_XPUB, 0);
    must(pthread_create(&f->thread, NULL, fake_run, f) == 0);
}

void fake_stop(struct fake *f)
{
    f->stop = true;
    pthread_join(f->thread, NULL);
    zmq_close(f->router);
    zmq_close(f->xpub);
    zmq_ctx_term(f->context);
    buf_fini(&f->out);
}
