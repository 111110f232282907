/* SPDX-License-Identifier: Apache-2.0
 *
 * api_plant: what sessions are about: models, the CVs of a session's model, and the client as the
 * plant: what is proposed to it, what it tells.
 */
#include "common/value.h"
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/session_call.h"
#include "producer/gateway/api/waits.h"
#include "producer/view/field.h"

static const char *const no_parameters[] = {NULL};

enum { SERVICE_MS = 10000 };

/* A job of the service, of which nothing need be kept. */
static void ask_service(struct call *c, const char *method, struct bytes args,
                        void (*accepted)(struct call *c, uint64_t id))
{
    struct reeve_job_options options = {.durability = REEVE_RECEIVED};
    call_may_take(c, SERVICE_MS);
    call_submit(c, method, args, &options, accepted);
}

/* True: it went well; else the call has been answered with what the service says. */
static bool went_well(struct call *c, const struct msg_ended *ended)
{
    struct buf text = {0};
    if (ended->state == JOB_OK)
        return true;
    if (ended->value.size)
        value_text(&text, ended->value);
    call_fail(c, ended->state == JOB_FAILED ? ERR_INVALID : ERR_ENDED, buf_bytes(&text));
    buf_fini(&text);
    return false;
}

/* --- models --------------------------------------------------------------------------------- */

static void take_models(struct call *c, const struct record *answer)
{
    struct pairs p = {.count = 0};
    if (!went_well(c, &answer->ended))
        return;
    pairs_value(&p, "models", answer->ended.value);
    call_pairs(c, 200, &p);
}

static void on_models(struct call *c, uint64_t id)
{
    waits_end(c, id, take_models);
}

static void models(struct request *r)
{
    struct buf none = {0};
    struct call *c = asked_query(r, no_parameters) ? call_open(r, sizeof *c) : NULL;
    pack_array(&none, 0);
    if (c)
        ask_service(c, MODELS_METHOD, buf_bytes(&none), on_models);
    buf_fini(&none);
}

/* --- CVs ------------------------------------------------------------------------------------ */

struct question {
    struct session_call s;
    uint64_t session; /* the call's id becomes that of the service's job */
};

static void take_cvs(struct call *c, const struct record *answer)
{
    struct pairs p = {.count = 0};
    struct bytes value = answer->ended.value;
    if (!went_well(c, &answer->ended))
        return;
    c->id = container_of(c, struct question, s.call)->session;
    call_pairs_id(c, &p);
    pairs_value(&p, "cvs", field_of(value, "cvs"));
    pack_str(pairs_key(&p, "message"), field_text(value, "message"));
    call_pairs(c, 200, &p);
}

static void on_question(struct call *c, uint64_t id)
{
    waits_end(c, id, take_cvs);
}

static void cv_seen(struct session_call *s)
{
    struct buf args = {0};
    session_view_question(&s->now, field_of(buf_bytes(&s->given), "mvs"), &args);
    container_of(s, struct question, s)->session = s->call.id;
    s->call.failed = NULL;
    ask_service(&s->call, CV_METHOD, buf_bytes(&args), on_question);
    buf_fini(&args);
}

/* A session call with the body kept; NULL: answered. */
static struct session_call *open_given(struct request *r, size_t size,
                                       const struct shape_field *shape)
{
    struct buf given = {0};
    if (!asked_query(r, no_parameters) || !asked_body(r, shape, false, &given))
        return NULL;
    struct session_call *s = session_call_open(r, size);
    if (s)
        s->given = given;
    else
        buf_fini(&given);
    return s;
}

static void cv(struct request *r)
{
    static const struct shape_field shape[] = {{"mvs", SHAPE_NUMBERS, true, 0, 0}, {0}};
    struct session_call *s = open_given(r, sizeof(struct question), shape);
    if (s)
        session_call_look(s, cv_seen);
}

/* --- proposal, tell ------------------------------------------------------------------------- */

static bool proposes(const struct session_call *s)
{
    return session_view_asks(&s->now) && !session_view_begins(&s->now);
}

static void answer_proposal(struct session_call *s)
{
    struct pairs p = {.count = 0};
    call_pairs_id(&s->call, &p);
    pairs_text(&p, "state", session_state_name((unsigned)s->now.state));
    pairs_integer(&p, "iteration", (int64_t)s->now.iteration);
    pairs_value(&p, "mvs", session_view_mvs(&s->now));
    pairs_text(&p, "message", SAID_PROPOSED);
    call_pairs(&s->call, 200, &p);
}

static void refuse_proposal(struct session_call *s)
{
    session_call_refuse(s, session_view_ended(&s->now) ? ERR_ENDED : ERR_NOT_ASKING,
                        SAID_NOT_RUNNING);
}

static void proposal_seen(struct session_call *s)
{
    if (proposes(s))
        answer_proposal(s);
    else
        refuse_proposal(s);
}

/* One that has to be started or resumed first proposes nothing, however long one waits. */
static bool proposal_comes(struct session_call *s)
{
    if (proposes(s))
        answer_proposal(s);
    else if (session_view_ended(&s->now) || s->now.state == REEVE_SESSION_PAUSED ||
             session_view_begins(&s->now))
        refuse_proposal(s);
    else
        return false;
    return true;
}

static void proposal(struct request *r)
{
    static const char *const names[] = {"wait", NULL};
    int64_t wait_ms;
    if (!asked_query(r, names) || !asked_wait(r, &wait_ms))
        return;
    struct session_call *s = session_call_open(r, sizeof *s);
    if (!s)
        return;
    if (wait_ms < 0) {
        session_call_look(s, proposal_seen);
        return;
    }
    call_may_take(&s->call, wait_ms);
    session_call_follow(s, proposal_comes);
}

static void told(struct call *c, const struct record *answer)
{
    (void)answer;
    session_call_say(container_of(c, struct session_call, call), SAID_TOLD);
}

static void tell_seen(struct session_call *s)
{
    double objective = 0;
    struct bytes given = buf_bytes(&s->given), cvs = field_of(given, "cvs");
    struct pairs p = {.count = 0};
    struct buf word = {0};
    if (!proposes(s)) {
        refuse_proposal(s);
        return;
    }
    field_number(given, "objective", &objective);
    pairs_number(&p, "objective", objective);
    if (cvs.size > 1)
        pairs_value(&p, "cvs", cvs);
    else
        pack_map(pairs_key(&p, "cvs"), 0);
    pairs_close(&p, &word);
    struct record ask = {
        .type = REC_tell,
        .tell = {.id = s->call.id, .iteration = s->now.iteration, .value = buf_bytes(&word)}};
    if (field_of(given, "iteration").size)
        ask.tell.iteration = field_uint(given, "iteration");
    call_ask(&s->call, &ask, told);
    buf_fini(&word);
}

static void tell(struct request *r)
{
    static const struct shape_field shape[] = {{"objective", SHAPE_NUMBER, true, 0, 0},
                                               {"cvs", SHAPE_NUMBERS, false, 0, 0},
                                               {"iteration", SHAPE_WHOLE, false, 0, INT64_MAX},
                                               {0}};
    struct session_call *s = open_given(r, sizeof *s, shape);
    if (s)
        session_call_look(s, tell_seen);
}

const struct route api_plant_routes[] = {
    {"GET", "/v1/models", false, models},
    {"POST", "/v1/sessions/{id}/cv", false, cv},
    {"GET", "/v1/sessions/{id}/proposal", false, proposal},
    {"POST", "/v1/sessions/{id}/tell", false, tell},
    {0},
};
