/* SPDX-License-Identifier: Apache-2.0
 *
 * The turn: take what has come, do what time asks for, send what waits. Every blocking call is
 * turns with waits between them.
 */
#include <errno.h>

#include "common/clock.h"
#include "producer/client/client.h"

enum { FRAMES_A_TURN = 256, TURN_MS_MAX = 500 };

static unsigned bodies_take(struct reeve_client *c)
{
    unsigned came = 0;
    int got = 1;
    while (came < FRAMES_A_TURN) {
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        got = wire_receive(&c->wire, &msg);
        if (got == 1) {
            body_take(c, bytes_of(zmq_msg_data(&msg), zmq_msg_size(&msg)));
            came++;
        }
        zmq_msg_close(&msg);
        if (got != 1)
            break;
    }
    if (got < 0)
        client_fault(c, ERR_IO, bytes_text(zmq_strerror(errno)));
    return came;
}

static unsigned updates_take(struct reeve_client *c)
{
    unsigned came = 0;
    int got = 1;
    while (came < FRAMES_A_TURN && got == 1) {
        zmq_msg_t topic, body;
        zmq_msg_init(&topic);
        zmq_msg_init(&body);
        got = wire_receive_update(&c->wire, &topic, &body);
        if (got == 1) {
            subscribe_update(c, bytes_of(zmq_msg_data(&topic), zmq_msg_size(&topic)),
                             bytes_of(zmq_msg_data(&body), zmq_msg_size(&body)));
            came++;
        }
        zmq_msg_close(&topic);
        zmq_msg_close(&body);
    }
    if (got < 0)
        client_fault(c, ERR_IO, bytes_text(zmq_strerror(errno)));
    return came;
}

static void refusal_take(struct reeve_client *c)
{
    if (wire_refused(&c->wire))
        body_refused(c, bytes_text(wire_refusal(&c->wire)));
}

int client_send(struct reeve_client *c, bool all)
{
    submit_pump(c, all);
    c->pending.unsent_bytes = 0;
    int rc = wire_flush(&c->wire);
    if (rc && rc != EAGAIN)
        client_fault(c, ERR_IO, bytes_text(zmq_strerror(rc)));
    return rc;
}

static void tick(struct reeve_client *c)
{
    c->now_ms = clock_ms();
    if (session_silent(&c->session, c->now_ms))
        body_lost(c);
    if (session_probe_due(&c->session, c->now_ms))
        wire_put(&c->wire, &(struct record){.type = REC_ping});
    if (session_hello_due(&c->session, c->now_ms))
        body_hello(c);
    if (c->session.up)
        subscribe_tick(c);
}

/* How many frames came. */
static unsigned turn(struct reeve_client *c)
{
    c->depth++;
    c->now_ms = clock_ms();
    unsigned bodies = bodies_take(c), updates = updates_take(c);
    if (bodies + updates == 0)
        refusal_take(c);
    tick(c);
    client_send(c, c->closing);
    if (--c->depth == 0)
        subscribe_sweep(c);
    /* The descriptor tells of changes only: what a bounded turn has left would lie unnoticed. */
    wire_wake(&c->wire, bodies == FRAMES_A_TURN || updates == FRAMES_A_TURN);
    return bodies + updates;
}

/* How long nothing but a frame can happen. */
static int64_t idle_ms(const struct reeve_client *c)
{
    int64_t until = session_deadline(&c->session);
    int64_t watch = subscribe_deadline(c), acks = submit_deadline(c);
    if (c->session.up && watch < until)
        until = watch;
    if (c->session.up && acks < until)
        until = acks;
    if (c->busy_ms > c->now_ms && c->busy_ms < until)
        until = c->busy_ms;
    int64_t left = until - clock_ms();
    return left < 0 ? 0 : left > TURN_MS_MAX ? TURN_MS_MAX : left;
}

/* One turn, and what is to be told of it. *came: whether something did. */
static int turn_taken(struct reeve_client *c, bool *came)
{
    *came = turn(c) > 0;
    if (c->refused)
        return (int)c->refused;
    int code = (int)c->fault;
    c->fault = OK;
    return code;
}

/* Until something may have come; at most left_ms. */
static int rest(struct reeve_client *c, int64_t left_ms)
{
    int64_t idle = idle_ms(c);
    int rc = wire_wait(&c->wire, (int)(left_ms < idle ? left_ms : idle));
    if (rc == EINTR)
        return client_fail(c, ERR_INTERRUPTED, "interrupted by a signal");
    if (rc)
        return client_fail(c, ERR_IO, "%s", zmq_strerror(rc));
    return 0;
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;
}

static int64_t left_of(int64_t deadline)
{
    int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - clock_ms();
    return left < 0 ? 0 : left;
}

int reeve_dispatch(struct reeve_client *c, int timeout_ms)
{
    int64_t deadline = deadline_of(timeout_ms);
    for (;;) {
        bool came;
        int64_t left = left_of(deadline);
        int rc = turn_taken(c, &came);
        if (rc || came || left == 0)
            return rc;
        rc = rest(c, left);
        if (rc)
            return rc;
    }
}

int client_until(struct reeve_client *c, bool (*done)(const void *), const void *what,
                 int timeout_ms)
{
    int64_t deadline = deadline_of(timeout_ms);
    for (;;) {
        bool came;
        int64_t left = left_of(deadline);
        int rc = turn_taken(c, &came);
        if (done(what)) /* also by what the turn has sent: then there is nothing to wait for */
            return 0;
        if (rc == 0 && !came && left)
            rc = rest(c, left);
        if (rc)
            return rc;
        if (left == 0)
            break;
    }
    if (c->session.up)
        return client_fail(c, ERR_TIMEOUT, "no answer within %g s", timeout_ms / 1000.0);
    if (wire_refusal(&c->wire)) /* there is one, and it does not talk to us */
        return client_fail(c, ERR_DENIED, "%s: %s", c->wire.address, wire_refusal(&c->wire));
    return client_fail(c, ERR_UNREACHABLE, "no broker answers at %s", c->wire.address);
}

int reeve_flush(struct reeve_client *c)
{
    c->now_ms = clock_ms();
    client_send(c, true);
    int code = (int)c->fault;
    c->fault = OK;
    return code;
}
