/* SPDX-License-Identifier: Apache-2.0
 *
 * The client library's calls for sessions, against a broker of a few lines that has one session: it
 * asks, counts what it is told, can be paused, and on request loses the connection over an answer.
 */
#include <pthread.h>
#include <reeve/client.h>
#include <stdatomic.h>
#include <stdio.h>
#include <zmq.h>

#include "common/conn.h"
#include "proto/record.h"
#include "tests/unit/check.h"

enum { WAIT_MS = 20000, ROUTE_MAX = 32, ID = 77, OTHER = 78, PLAIN = 79 };

struct fake {
    pthread_t thread;
    void *context, *router;
    char address[64];
    atomic_bool stop;
    atomic_uint cut; /* so many answers are lost with the connection */
    atomic_uint told, tells, pauses, drops, flags;
    /* of the thread */
    unsigned char route[ROUTE_MAX];
    size_t route_size;
    uint64_t iteration;
    bool paused, dropped, asks;
    struct buf out;
};

static enum err take_tell(struct fake *f, const struct msg_tell *m)
{
    atomic_fetch_add(&f->tells, 1);
    if (m->iteration < f->iteration)
        return OK;
    if (!f->asks || m->iteration > f->iteration)
        return ERR_NOT_ASKING;
    atomic_fetch_add(&f->told, 1);
    f->asks = false; /* its next iteration is under way from here on */
    return OK;
}

static enum err take_request(struct fake *f, const struct record *r)
{
    uint64_t id = r->pause.id; /* they begin alike */
    if (id == PLAIN)
        return ERR_NO_SESSION;
    if (id != ID || f->dropped)
        return ERR_UNKNOWN_JOB;
    bool was = f->paused;
    switch (r->type) {
    case REC_tell: return take_tell(f, &r->tell);
    case REC_pause:
        atomic_fetch_add(&f->pauses, 1);
        f->paused = true;
        return was ? ERR_PAUSED : OK;
    case REC_resume: f->paused = false; return was ? OK : ERR_NOT_PAUSED;
    case REC_drop:
        atomic_fetch_add(&f->drops, 1);
        f->dropped = true;
        return OK;
    default: return OK;
    }
}

static struct record answer_of(const struct fake *f, const struct record *r, enum err err)
{
    if (err)
        return (struct record){.type = REC_error,
                               .error = {.number = r->pause.number, .code = err}};
    if (r->type != REC_get_session)
        return (struct record){.type = REC_done, .done = {.number = r->pause.number}};
    return (struct record){.type = REC_session,
                           .session = {.number = r->get_session.number,
                                       .id = ID,
                                       .queue = bytes_text("a.session"),
                                       .state = f->paused ? SESSION_PAUSED : SESSION_RUNNING,
                                       .job_state = f->paused ? JOB_PAUSED : JOB_ASKING,
                                       .iteration = f->iteration,
                                       .view = bytes_of("\x81\xa1x\x01", 4),
                                       .submitted_ms = 5}};
}

static void take(struct fake *f, const struct record *r)
{
    switch (r->type) {
    case REC_submit:
        f->flags = (unsigned)r->submit.flags;
        record_put(&f->out, &(struct record){.type = REC_accepted,
                                             .accepted = {.number = r->submit.number, .id = ID}});
        break;
    case REC_tell:
    case REC_pause:
    case REC_resume:
    case REC_drop:
    case REC_get_session: {
        struct record answer = answer_of(f, r, take_request(f, r));
        if (f->cut && atomic_fetch_sub(&f->cut, 1)) {
            f->route_size = 0; /* done, and nobody hears of it */
            buf_clear(&f->out);
            record_put(&f->out, &(struct record){.type = REC_hello_wanted});
        } else {
            record_put(&f->out, &answer);
        }
        break;
    }
    default: break;
    }
}

static void take_body(struct fake *f, zmq_msg_t *route, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r;
    while (!cursor_done(&c)) {
        must(record_get(&c, &r) == OK && zmq_msg_size(route) <= ROUTE_MAX);
        if (r.type == REC_hello) {
            f->route_size = zmq_msg_size(route);
            memcpy(f->route, zmq_msg_data(route), f->route_size);
            record_put(&f->out, &(struct record){.type = REC_welcome,
                                                 .welcome = {.version = PROTOCOL_VERSION,
                                                             .incarnation = 1,
                                                             .updates_port = 1}});
        } else if (f->route_size) {
            take(f, &r);
        }
    }
    if (!f->out.size)
        return;
    zmq_msg_send(route, f->router, ZMQ_SNDMORE);
    zmq_send(f->router, f->out.data, f->out.size, 0);
    buf_clear(&f->out);
}

static void *fake_run(void *user)
{
    struct fake *f = user;
    while (!f->stop) {
        zmq_pollitem_t item = {.socket = f->router, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 10);
        zmq_msg_t route, body;
        while (zmq_msg_init(&route), zmq_msg_recv(&route, f->router, ZMQ_DONTWAIT) >= 0) {
            zmq_msg_init(&body);
            zmq_msg_recv(&body, f->router, 0);
            take_body(f, &route, bytes_of(zmq_msg_data(&body), zmq_msg_size(&body)));
            zmq_msg_close(&body);
            zmq_msg_close(&route);
        }
    }
    return NULL;
}

static struct reeve_client *fake_start(struct fake *f)
{
    struct reeve_client *c;
    size_t size = sizeof f->address;
    const struct conn_options options = {0};
    *f = (struct fake){.context = conn_context(), .asks = true, .iteration = 3};
    f->router = conn_open(f->context, CONN_ROUTER, "tcp://127.0.0.1:*", &options);
    must(f->router && zmq_getsockopt(f->router, ZMQ_LAST_ENDPOINT, f->address, &size) == 0);
    must(pthread_create(&f->thread, NULL, fake_run, f) == 0);
    CHECK_EQ(reeve_connect(&c, f->address, WAIT_MS), 0);
    return c;
}

static void fake_stop(struct fake *f, struct reeve_client *c)
{
    reeve_close(c);
    f->stop = true;
    pthread_join(f->thread, NULL);
    zmq_close(f->router);
    zmq_ctx_term(f->context);
    buf_fini(&f->out);
}

/* --- with waiting ---------------------------------------------------------------------------- */

TEST(a_session_is_told_paused_resumed_shown_and_dropped)
{
    struct fake f;
    struct reeve_session s;
    struct reeve_client *c = fake_start(&f);
    CHECK_EQ(reeve_get_session_wait(c, ID, WAIT_MS, &s), 0);
    CHECK(s.id == ID && s.code == 0 && s.iteration == 3 && s.submitted_ms == 5);
    CHECK(s.state == REEVE_SESSION_RUNNING && s.job_state == REEVE_ASKING);
    CHECK_TEXT(s.queue, "a.session");
    CHECK_TEXT(s.text, "");
    CHECK_BYTES(bytes_of(s.view, s.view_size), bytes_of("\x81\xa1x\x01", 4));
    CHECK_EQ(reeve_pause_wait(c, ID, WAIT_MS), 0);
    CHECK_EQ(reeve_pause_wait(c, ID, WAIT_MS), REEVE_EPAUSED);
    CHECK_TEXT(reeve_error(c), "the session is paused already");
    CHECK_EQ(reeve_get_session_wait(c, ID, WAIT_MS, &s), 0);
    CHECK_TEXT(reeve_session_state_name(s.state), "paused");
    CHECK_EQ(reeve_resume_wait(c, ID, WAIT_MS), 0);
    CHECK_EQ(reeve_resume_wait(c, ID, WAIT_MS), REEVE_ENOT_PAUSED);
    CHECK_EQ(reeve_tell_wait(c, ID, 4, "\x01", 1, WAIT_MS), REEVE_ENOT_ASKING);
    CHECK_EQ(reeve_tell_wait(c, ID, 3, "\x01", 1, WAIT_MS), 0);
    CHECK_EQ(reeve_tell_wait(c, ID, 2, "\x01", 1, WAIT_MS), 0); /* said long ago */
    CHECK_EQ(f.told, 1);
    CHECK_EQ(reeve_get_session_wait(c, OTHER, WAIT_MS, &s), REEVE_EUNKNOWN_JOB);
    CHECK_EQ(reeve_pause_wait(c, PLAIN, WAIT_MS), REEVE_ENO_SESSION);
    CHECK_EQ(reeve_drop_wait(c, ID, WAIT_MS), 0);
    CHECK_EQ(reeve_drop_wait(c, ID, WAIT_MS), REEVE_EUNKNOWN_JOB);
    fake_stop(&f, c);
}

TEST(a_word_is_one_value_of_bounded_size)
{
    struct fake f;
    struct reeve_client *c = fake_start(&f);
    static unsigned char large[STATE_BYTES_MAX + 1];
    CHECK_EQ(reeve_tell_wait(c, ID, 3, "\x01\x02", 2, WAIT_MS), REEVE_EINVALID);
    CHECK_EQ(reeve_tell(c, ID, 3, "\x92\x01", 2, NULL, NULL), REEVE_EINVALID);
    CHECK_EQ(reeve_tell(c, ID, 3, large, sizeof large, NULL, NULL), REEVE_ETOO_LARGE);
    CHECK_EQ(f.tells, 0);
    CHECK_EQ(reeve_tell_wait(c, ID, 3, NULL, 0, WAIT_MS), 0);
    CHECK_EQ(f.told, 1);
    fake_stop(&f, c);
}

/* --- without --------------------------------------------------------------------------------- */

struct heard {
    unsigned done, refused, sessions;
    int code;
    char text[64];
};

static void on_done(void *user, int code, const char *text)
{
    struct heard *h = user;
    h->done++;
    h->refused += code != REEVE_OK;
    h->code = code;
    snprintf(h->text, sizeof h->text, "%s", text);
}

static void on_session(void *user, const struct reeve_session *s)
{
    struct heard *h = user;
    h->sessions++;
    h->code = s->code;
    snprintf(h->text, sizeof h->text, "%s", s->text);
    if (s->code == REEVE_OK)
        CHECK(s->iteration == 3 && s->view_size == 4);
}

TEST(requests_call_back_from_dispatch)
{
    struct fake f;
    struct heard h = {.done = 0};
    struct reeve_client *c = fake_start(&f);
    reeve_pause(c, ID, on_done, &h);
    reeve_get_session(c, ID, on_session, &h);
    reeve_resume(c, ID, on_done, &h);
    CHECK_EQ(reeve_tell(c, ID, 3, "\x01", 1, on_done, &h), 0);
    reeve_resume(c, ID, NULL, NULL); /* refused, and nobody minds */
    reeve_get_session(c, ID, NULL, NULL);
    CHECK_EQ(h.done + h.sessions, 0);
    while (h.done < 3)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK(h.refused == 0 && h.sessions == 1);
    CHECK_TEXT(h.text, "");
    reeve_get_session(c, PLAIN, on_session, &h);
    while (h.sessions < 2)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK_EQ(h.code, REEVE_ENO_SESSION);
    CHECK_TEXT(h.text, "the job is not a session");
    reeve_pause(c, OTHER, on_done, &h);
    while (h.done < 4)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK_EQ(h.code, REEVE_EUNKNOWN_JOB);
    CHECK_TEXT(h.text, "no such job");
    fake_stop(&f, c);
}

/* Done, but its answer was lost with the connection: asked again it has no second effect, and is
 * no failure. */
TEST(a_lost_answer_is_asked_for_again)
{
    struct fake f;
    struct heard h = {.done = 0};
    struct reeve_client *c = fake_start(&f);
    f.cut = 1;
    CHECK_EQ(reeve_tell(c, ID, 3, "\x01", 1, on_done, &h), 0);
    while (h.done < 1)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK(f.told == 1 && f.tells == 2);
    f.cut = 2;
    CHECK_EQ(reeve_pause_wait(c, ID, WAIT_MS), 0);
    CHECK_EQ(f.pauses, 3);
    f.cut = 1;
    CHECK_EQ(reeve_resume_wait(c, ID, WAIT_MS), 0);
    CHECK_EQ(reeve_resume_wait(c, ID, WAIT_MS), REEVE_ENOT_PAUSED); /* that one was answered */
    f.cut = 1;
    reeve_drop(c, ID, on_done, &h);
    while (h.done < 2)
        CHECK_EQ(reeve_dispatch(c, WAIT_MS), 0);
    CHECK(h.refused == 0 && f.drops == 1);
    fake_stop(&f, c);
}

TEST(a_close_says_what_was_asked_and_calls_nobody_back)
{
    struct fake f;
    struct heard h = {.done = 0};
    struct reeve_client *c = fake_start(&f);
    CHECK_EQ(reeve_tell(c, ID, 3, "\x01", 1, on_done, &h), 0);
    fake_stop(&f, c);
    CHECK(f.told == 1 && h.done == 0);
}

TEST(a_session_is_submitted_by_its_kind)
{
    struct fake f;
    struct reeve_client *c = fake_start(&f);
    const struct reeve_job_options options = {.kind = REEVE_SESSION};
    CHECK_EQ(reeve_submit(c, "a.session", "\x90", 1, &options, NULL, NULL, NULL, NULL), 0);
    while (!f.flags)
        CHECK_EQ(reeve_dispatch(c, 10), 0);
    CHECK(f.flags & SUBMIT_SESSION);
    fake_stop(&f, c);
}
