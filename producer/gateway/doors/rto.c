/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/rto.h"

#include "producer/gateway/api/waits.h"
#include "producer/view/field.h"

enum { PATIENCE_MS = 10000 }; /* for a session to be checked, or to propose */

/* --- a call --------------------------------------------------------------------------------- */

static void fini(struct call *c)
{
    struct rto *r = (struct rto *)c;
    session_call_fini(c);
    grpc_message_free(r->request);
}

/* Somebody else was first: what it is now decides. */
static bool raced(const struct rto *r, unsigned err)
{
    return r->stands && (err == ERR_NOT_ASKING || err == ERR_NOT_PAUSED || err == ERR_PAUSED);
}

static void steer_on(struct rto *r);

static void end(struct rto *r, enum grpc_status status, const char *text)
{
    grpc_call_end(r->grpc, status, text);
    call_drop(&r->s.call);
}

/* What the service has to say of a session is an answer; what keeps the question from it is not. */
static void on_failed(struct call *c, unsigned err, struct bytes text)
{
    struct rto *r = (struct rto *)c;
    struct buf words = {0};
    if (raced(r, err)) {
        steer_on(r);
        return;
    }
    buf_put(&words, text.data, text.size);
    if (!text.size)
        buf_printf(&words, "%s", err_text(err));
    switch (rpc_status(err)) {
    case GRPC_UNAVAILABLE:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_RESOURCE_EXHAUSTED:
    case GRPC_INTERNAL: end(r, rpc_status(err), buf_text(&words)); break;
    default:
        if (err == ERR_UNKNOWN_JOB || err == ERR_NO_SESSION)
            r->say(r, RTO_NO_SESSION, SAID_UNKNOWN);
        else
            r->say(r, FLAG_ERROR, buf_text(&words));
    }
    buf_fini(&words);
}

struct rto *rto_open(struct grpc_call *c, size_t size, void *request, const char *session,
                     void (*say)(struct rto *r, int flag, const char *message))
{
    enum err err;
    struct rto *r = request ? (struct rto *)call_open_bare(doors_of(c)->gateway, size, &err) : NULL;
    if (!r) {
        if (request)
            grpc_call_end(c, rpc_status(err), err_text(err));
        grpc_message_free(request);
        return NULL;
    }
    r->s.call.failed = on_failed;
    r->s.call.fini = fini;
    r->s.call.id = job_id_parse(session);
    r->grpc = c;
    r->request = request;
    r->asked = session;
    r->flag = FLAG_RUNNING;
    r->say = say;
    grpc_call_user_set(c, r);
    return r;
}

void rto_answer(struct rto *r, const ProtobufCMessage *message)
{
    grpc_message_answer(r->grpc, message);
    call_drop(&r->s.call);
}

void rto_gone(struct grpc_call *c, enum grpc_status why)
{
    struct rto *r = grpc_call_user(c);
    (void)why;
    if (r) /* its message may not have come yet */
        call_drop(&r->s.call);
}

/* --- looking -------------------------------------------------------------------------------- */

static void look_seen(struct session_call *s)
{
    struct rto *r = rto_of(s);
    if (bytes_equal(buf_bytes(&s->now.queue), bytes_text(SESSION_METHOD)))
        r->seen(r);
    else
        r->say(r, RTO_NO_SESSION, SAID_UNKNOWN);
}

void rto_look(struct rto *r, void (*seen)(struct rto *r))
{
    r->seen = seen;
    if (r->s.call.id)
        session_call_look(&r->s, look_seen);
    else
        r->say(r, RTO_NO_SESSION, SAID_UNKNOWN);
}

/* --- steering ------------------------------------------------------------------------------- */

static void done(struct call *c, const struct record *answer)
{
    (void)answer;
    steer_on((struct rto *)c);
}

void rto_tell(struct rto *r, const struct buf *word)
{
    struct record ask = {
        .type = REC_tell,
        .tell = {.id = r->s.call.id, .iteration = r->s.now.iteration, .value = buf_bytes(word)}};
    waits_leave(&r->s.call);
    call_ask(&r->s.call, &ask, done);
}

static void resume(struct rto *r)
{
    struct record ask = {.type = REC_resume, .resume = {.id = r->s.call.id}};
    waits_leave(&r->s.call);
    r->flag = FLAG_RESUMED;
    call_ask(&r->s.call, &ask, done);
}

static void begin(struct rto *r)
{
    struct buf none = {0}, *word = r->s.given.size ? &r->s.given : &none;
    if (!word->size)
        pack_map(&none, 0);
    if (r->flag != FLAG_RESUMED) /* else it had been paused before it began */
        r->flag = FLAG_STARTED;
    rto_tell(r, word);
    buf_fini(&none);
}

static bool over(struct rto *r)
{
    bool stopped = r->s.now.state == REEVE_SESSION_STOPPED;
    r->say(r, FLAG_ERROR, stopped ? SAID_STOPPED : buf_text(&r->s.now.text));
    return true;
}

static bool steer(struct session_call *s)
{
    struct rto *r = rto_of(s);
    bool nothing_done = r->flag == FLAG_RUNNING;
    switch (session_view_step(&s->now)) {
    case STEP_OVER: return over(r);
    case STEP_BEGIN: begin(r); return true;
    case STEP_RESUME:
        if (!nothing_done)
            break;
        resume(r);
        return true;
    case STEP_WAIT:
        if (nothing_done)
            return false;
        break;
    case STEP_RUNNING:
    case STEP_FINISHED: break;
    }
    return r->stands(r);
}

static void steer_on(struct rto *r)
{
    session_call_follow(&r->s, steer);
}

void rto_steer(struct rto *r, bool (*stands)(struct rto *r))
{
    r->stands = stands;
    call_may_take(&r->s.call, PATIENCE_MS);
    steer_on(r);
}

/* --- starting ------------------------------------------------------------------------------- */

struct starting {
    struct rto rto;
    struct rto_start start;
    const char *model; /* "": none, or none of ours */
    bool stays;
};

/* One that its client has not heard of is nobody's. */
static void starting_fini(struct call *c)
{
    struct record drop = {.type = REC_drop, .drop = {.id = c->id}};
    if (c->id && !((struct starting *)c)->stays)
        client_ask_start(c->calls->client, &drop, NULL, NULL);
    fini(c);
}

static void answer_start(struct rto *r, const char *id, const char *message)
{
    Grpc__RtoApi__StartResponse answer = GRPC__RTO_API__START_RESPONSE__INIT;
    answer.optimization_instance_id = rto_lent(id);
    answer.is_good = *id != 0;
    answer.message = rto_lent(message);
    rto_answer(r, &answer.base);
}

static void say_start(struct rto *r, int flag, const char *message)
{
    (void)flag;
    answer_start(r, "", message);
}

static void submit(struct starting *st);

static bool refused(struct starting *st)
{
    struct session_call *s = &st->rto.s;
    if (*st->model && bytes_starts(buf_bytes(&s->now.text), bytes_text(SAID_NO_MODEL))) {
        struct record drop = {.type = REC_drop, .drop = {.id = s->call.id}};
        client_ask_start(s->call.calls->client, &drop, NULL, NULL);
        st->model = "";
        submit(st);
    } else {
        say_start(&st->rto, FLAG_ERROR, buf_text(&s->now.text));
    }
    return true;
}

static bool checked(struct session_call *s)
{
    char id[JOB_ID_TEXT];
    struct buf message = {0};
    if (!session_view_checked(&s->now))
        return false;
    if (s->now.state == REEVE_SESSION_FAILED || s->now.state == REEVE_SESSION_STOPPED)
        return refused((struct starting *)s);
    struct bytes text = field_text(buf_bytes(&s->now.view), "message");
    ((struct starting *)s)->stays = true;
    buf_put(&message, text.data, text.size);
    answer_start(rto_of(s), job_id_text(s->call.id, id), buf_text(&message));
    buf_fini(&message);
    return true;
}

static void on_accepted(struct call *c, uint64_t id)
{
    (void)id;
    call_may_take(c, PATIENCE_MS);
    session_call_follow((struct session_call *)c, checked);
}

static void submit(struct starting *st)
{
    struct buf args = {0};
    char why[RTO_WHY];
    struct reeve_job_options options = {.kind = REEVE_SESSION};
    waits_leave(&st->rto.s.call);
    st->rto.s.call.id = 0;
    pack_array(&args, 1);
    if (rto_spec(&st->start, st->model, &args, why))
        call_submit(&st->rto.s.call, SESSION_METHOD, buf_bytes(&args), &options, on_accepted);
    else
        say_start(&st->rto, FLAG_ERROR, why);
    buf_fini(&args);
}

void rto_start(struct grpc_call *c, void *request, const struct rto_start *start, const char *model)
{
    struct starting *st = (struct starting *)rto_open(c, sizeof *st, request, "", say_start);
    if (!st)
        return;
    st->rto.s.call.fini = starting_fini;
    st->start = *start;
    st->model = model;
    submit(st);
}

/* --- status, pause, stop -------------------------------------------------------------------- */

void rto_status(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__ArgRequest *asked =
        grpc_message_read(c, &grpc__rto_api__arg_request__descriptor, message);
    Grpc__RtoApi__ServiceStatus answer = GRPC__RTO_API__SERVICE_STATUS__INIT;
    if (!asked)
        return;
    answer.status = rto_lent("Running");
    answer.servicetype = rto_lent("RtoService");
    grpc_message_answer(c, &answer.base);
    grpc_message_free(asked);
}

static void answer_pause(struct rto *r, bool is_paused, const char *message)
{
    Grpc__RtoApi__PauseResponse answer = GRPC__RTO_API__PAUSE_RESPONSE__INIT;
    answer.message = rto_lent(message);
    answer.is_paused = is_paused;
    rto_answer(r, &answer.base);
}

static void say_pause(struct rto *r, int flag, const char *message)
{
    (void)flag;
    answer_pause(r, false, message);
}

static void paused(struct call *c, const struct record *answer)
{
    (void)answer;
    answer_pause((struct rto *)c, true, SAID_PAUSED);
}

static void not_paused(struct call *c, unsigned err, struct bytes text)
{
    if (err == ERR_PAUSED)
        answer_pause((struct rto *)c, true, SAID_ALREADY_PAUSED);
    else if (err == ERR_ENDED)
        say_pause((struct rto *)c, FLAG_ERROR, SAID_NOT_RUNNING);
    else
        on_failed(c, err, text);
}

static void pause_seen(struct rto *r)
{
    struct record ask = {.type = REC_pause, .pause = {.id = r->s.call.id}};
    r->s.call.failed = not_paused;
    if (r->s.now.state == REEVE_SESSION_PAUSED)
        answer_pause(r, true, SAID_ALREADY_PAUSED);
    else if (r->s.now.state == REEVE_SESSION_RUNNING)
        call_ask(&r->s.call, &ask, paused);
    else
        say_pause(r, FLAG_ERROR, SAID_NOT_RUNNING);
}

void rto_pause(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__PauseRequest *asked =
        grpc_message_read(c, &grpc__rto_api__pause_request__descriptor, message);
    struct rto *r = rto_open(c, sizeof *r, asked, asked ? asked->sessionid : "", say_pause);
    if (r)
        rto_look(r, pause_seen);
}

static void say_stop(struct rto *r, int flag, const char *message)
{
    Grpc__RtoApi__StopResponse answer = GRPC__RTO_API__STOP_RESPONSE__INIT;
    (void)flag;
    answer.message = rto_lent(message);
    rto_answer(r, &answer.base);
}

static void stopped(struct call *c, const struct record *answer)
{
    (void)answer;
    say_stop((struct rto *)c, FLAG_FINISHED, SAID_STOP);
}

static void stop_seen(struct rto *r)
{
    struct record ask = {.type = REC_drop, .drop = {.id = r->s.call.id}};
    call_ask(&r->s.call, &ask, stopped);
}

void rto_stop(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__StopRequest *asked =
        grpc_message_read(c, &grpc__rto_api__stop_request__descriptor, message);
    struct rto *r = rto_open(c, sizeof *r, asked, asked ? asked->sessionid : "", say_stop);
    if (r)
        rto_look(r, stop_seen);
}
