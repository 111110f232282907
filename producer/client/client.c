/* SPDX-License-Identifier: Apache-2.0
 *
 * The turn: take what has come, do what time asks for, send what waits. Every blocking call is
 * turns with waits between them.
 */
#include "producer/client/client.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"

enum { FRAMES_A_TURN = 256, CLOSE_MS = 1000, BUSY_MS = 1000, TURN_MS_MAX = 500 };

static _Thread_local char connect_error[512];

const char *reeve_error(const struct reeve_client *c)
{
    return c ? (const char *)c->error.data : connect_error;
}

static void error_set(struct reeve_client *c, const char *text, size_t size)
{
    buf_clear(&c->error);
    buf_put(&c->error, text, size);
    (void)buf_text(&c->error);
}

int client_fail(struct reeve_client *c, enum err code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(c, text, strlen(text));
    return (int)code;
}

void client_fault(struct reeve_client *c, enum err code, struct bytes text)
{
    struct bytes said = text.size ? text : bytes_text(err_text(code));
    error_set(c, said.data, said.size);
    c->fault = code;
}

const struct msg_welcome *client_welcome(const struct reeve_client *c)
{
    return &c->welcome;
}

int reeve_connected(const struct reeve_client *c)
{
    return c->session.up;
}

int reeve_fd(const struct reeve_client *c)
{
    /* That it is polled is known to the wire only: the client's state is not touched. */
    return wire_fd((struct wire *)(uintptr_t)&c->wire);
}

/* --- hello ------------------------------------------------------------------------------------ */

static void hello_say(struct reeve_client *c)
{
    char host[NAME_BYTES_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = 0;
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = PROTOCOL_VERSION,
                                 .version_max = PROTOCOL_VERSION,
                                 .role = ROLE_CLIENT,
                                 .peer_id = bytes_of(c->session.peer_id, PEER_ID_BYTES),
                                 .last_number = c->pending.next - 1,
                                 .host = bytes_text(host),
                                 .pid = (uint64_t)getpid(),
                                 .incarnation = c->session.incarnation}};
    outbox_fini(&c->wire.out);
    wire_put(&c->wire, &r);
}

/* What waits to be sent is made again after the welcome. */
static void session_lost(struct reeve_client *c)
{
    outbox_fini(&c->wire.out);
}

static void welcome_keep(struct reeve_client *c, const struct msg_welcome *m)
{
    c->welcome = *m;
    buf_clear(&c->welcome_name);
    buf_clear(&c->welcome_release);
    buf_put(&c->welcome_name, m->name.data, m->name.size);
    buf_put(&c->welcome_release, m->release.data, m->release.size);
    c->welcome.name = buf_bytes(&c->welcome_name);
    c->welcome.release = buf_bytes(&c->welcome_release);
}

static void welcomed(struct reeve_client *c, const struct msg_welcome *m)
{
    if (c->session.up)
        return; /* the answer to a hello said twice */
    if (pending_gapped(&c->pending, m->last_number) && !c->renewed) {
        /* Numbers will mean something else from here on, and answers to the old ones may still
         * lie in this connection: it ends here. */
        int rc = wire_reopen(&c->wire);
        if (rc)
            client_fault(c, ERR_IO, bytes_text(strerror(rc)));
        c->renewed = true;
        c->session.hello_ms = c->now_ms;
        return;
    }
    c->renewed = false;
    welcome_keep(c, m);
    bool new_life = c->session.met && m->incarnation != c->session.incarnation;
    session_welcome(&c->session, m->incarnation, c->now_ms);
    submit_resume(c, m->last_number, new_life);
    ask_resume(c);
    subscribe_resume(c);
}

/* An error about no request of ours: about hello, or about a body that could not be read. */
static void told_off(struct reeve_client *c, const struct msg_error *m)
{
    if (c->session.up || m->code == ERR_MALFORMED) {
        client_fault(c, m->code == ERR_MALFORMED ? ERR_IO : (enum err)m->code, m->text);
    } else if (m->code == ERR_BUSY) {
        c->session.hello_ms = c->now_ms + (m->retry_ms ? (int64_t)m->retry_ms : BUSY_MS);
    } else {
        client_fault(c, (enum err)m->code, m->text);
        c->refused = c->fault;
    }
}

/* --- records ------------------------------------------------------------------------------------
 */

static void error_take(struct reeve_client *c, const struct record *r)
{
    uint64_t number = r->error.number;
    if (number == 0)
        told_off(c, &r->error);
    else if (number >= WATCH_NUMBERS)
        subscribe_record(c, r);
    else if (number >= ASK_NUMBERS)
        ask_record(c, number, r);
    else
        submit_refused(c, &r->error);
}

static void record_take(struct reeve_client *c, const struct record *r)
{
    switch (r->type) {
    case REC_welcome: welcomed(c, &r->welcome); break;
    case REC_hello_wanted: session_lose(&c->session, c->now_ms); break;
    case REC_error: error_take(c, r); break;
    case REC_ping:
        if (c->session.up)
            wire_put(&c->wire, &(struct record){.type = REC_pong});
        break;
    case REC_goodbye: session_lose(&c->session, c->now_ms); break;
    case REC_accepted:
        if (r->accepted.number < ASK_NUMBERS)
            submit_accepted(c, &r->accepted);
        else
            ask_record(c, r->accepted.number, r);
        break;
    case REC_ended:
        if (r->ended.number < ASK_NUMBERS)
            submit_ended(c, &r->ended);
        else
            ask_record(c, r->ended.number, r);
        break;
    case REC_update:
    case REC_lost:
    case REC_snapshot:
        /* Each begins with its number. */
        if (r->update.number >= WATCH_NUMBERS)
            subscribe_record(c, r);
        else
            ask_record(c, r->update.number, r);
        break;
    case REC_done:
    case REC_end:
    case REC_job:
    case REC_queue:
    case REC_worker:
    case REC_slot:
    case REC_status: ask_record(c, r->done.number, r); break;
    default: break; /* a newer broker knows more */
    }
}

static void body_take(struct reeve_client *c, struct bytes body)
{
    struct cursor at = cursor_of(body);
    struct record r;
    bool was_up = c->session.up;
    c->session.heard_ms = c->now_ms;
    while (!cursor_done(&at)) {
        if (record_get(&at, &r) != OK) {
            client_fault(c, ERR_IO, bytes_text("the broker sent what does not decode"));
            break;
        }
        record_take(c, &r);
    }
    if (was_up && !c->session.up)
        session_lost(c);
}

/* --- the turn ------------------------------------------------------------------------------------
 */

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

int client_send(struct reeve_client *c, bool idle)
{
    submit_pump(c, idle);
    c->unsent_bytes = 0;
    int rc = wire_flush(&c->wire);
    if (rc && rc != EAGAIN)
        client_fault(c, ERR_IO, bytes_text(zmq_strerror(rc)));
    return rc;
}

static void tick(struct reeve_client *c)
{
    c->now_ms = clock_ms();
    if (session_silent(&c->session, c->now_ms))
        session_lost(c);
    if (session_hello_due(&c->session, c->now_ms))
        hello_say(c);
    if (c->session.up)
        subscribe_tick(c);
}

/* How many frames came. */
static unsigned turn(struct reeve_client *c)
{
    c->depth++;
    c->now_ms = clock_ms();
    unsigned bodies = bodies_take(c), updates = updates_take(c);
    tick(c);
    client_send(c, bodies + updates == 0);
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
    int64_t watch = subscribe_deadline(c);
    if (c->session.up && watch < until)
        until = watch;
    if (c->busy_ms > c->now_ms && c->busy_ms < until)
        until = c->busy_ms;
    int64_t left = until - clock_ms();
    return left < 0 ? 0 : left > TURN_MS_MAX ? TURN_MS_MAX : left;
}

/* One turn, and when nothing came a wait of at most left_ms. *came: whether something did. */
static int turn_or_wait(struct reeve_client *c, int64_t left_ms, bool *came)
{
    *came = turn(c) > 0;
    if (c->refused)
        return (int)c->refused;
    if (c->fault) {
        int code = (int)c->fault;
        c->fault = OK;
        return code;
    }
    if (*came || left_ms == 0)
        return 0;
    int64_t idle = idle_ms(c);
    int rc = wire_wait(&c->wire, left_ms < idle ? left_ms : idle);
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
        int rc = turn_or_wait(c, left, &came);
        if (rc || came || left == 0)
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
        int rc = turn_or_wait(c, done(what) ? 0 : left, &came);
        if (done(what))
            return 0;
        if (rc)
            return rc;
        if (left == 0)
            break;
    }
    if (c->session.up)
        return client_fail(c, ERR_TIMEOUT, "no answer within %g s", timeout_ms / 1000.0);
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

/* --- life ----------------------------------------------------------------------------------------
 */

static void client_free(struct reeve_client *c)
{
    subscribe_fini(c);
    submit_fini(c);
    pending_fini(&c->pending);
    wire_close(&c->wire);
    result_strings_fini(&c->strings);
    result_strings_fini(&c->kept);
    buf_fini(&c->welcome_name);
    buf_fini(&c->welcome_release);
    buf_fini(&c->error);
    buf_fini(&c->record);
    free(c);
}

static bool is_up(const void *what)
{
    return ((const struct reeve_client *)what)->session.up;
}

int reeve_connect(struct reeve_client **out, const char *address, int timeout_ms)
{
    const char *given = address ? address : getenv("REEVE_BROKER");
    if (!given || !*given)
        given = "tcp://127.0.0.1:7710";
    *out = NULL;
    struct reeve_client *c = must_alloc(sizeof *c);
    if (getrandom(c->session.peer_id, PEER_ID_BYTES, 0) != PEER_ID_BYTES) {
        free(c);
        snprintf(connect_error, sizeof connect_error, "no random bytes: %s", strerror(errno));
        return REEVE_EIO;
    }
    int rc = wire_open(&c->wire, given);
    if (rc) {
        free(c);
        snprintf(connect_error, sizeof connect_error, "%s: %s", given,
                 rc == EINVAL ? "not an address like tcp://HOST:PORT" : zmq_strerror(rc));
        return rc == EINVAL ? REEVE_EINVALID : REEVE_EIO;
    }
    pending_init(&c->pending);
    link_init(&c->calls);
    link_init(&c->asks);
    link_init(&c->subscriptions);
    error_set(c, "", 0);
    rc = client_until(c, is_up, c, timeout_ms);
    if (rc) {
        snprintf(connect_error, sizeof connect_error, "%s", reeve_error(c));
        client_free(c);
        return rc == REEVE_ETIMEOUT ? REEVE_EUNREACHABLE : rc;
    }
    *out = c;
    return REEVE_OK;
}

static bool all_sent(const void *what)
{
    const struct reeve_client *c = what;
    return c->session.up && outbox_empty(&c->wire.out) && c->pending.sent == c->pending.next &&
           !c->acks.count;
}

void reeve_close(struct reeve_client *c)
{
    if (!c)
        return;
    c->closing = true;
    bool waits = !outbox_empty(&c->wire.out) || c->pending.sent < c->pending.next || c->acks.count;
    if (waits && !c->refused && client_until(c, all_sent, c, CLOSE_MS) != 0)
        waits = true; /* there is nobody to tell it to: what was not sent is not a job */
    if (c->session.up) {
        wire_put(&c->wire, &(struct record){.type = REC_goodbye});
        client_send(c, true);
    }
    client_free(c);
}
