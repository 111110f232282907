/* SPDX-License-Identifier: Apache-2.0
 *
 * rto_data: Grpc.RtoApi.DataProcessingService: sessions whose objective is computed here.
 */
#include "common/clock.h"
#include "common/value.h"
#include "producer/gateway/api/waits.h"
#include "producer/gateway/doors/rto.h"
#include "producer/view/field.h"

enum { SERVICE_MS = 10000 };

static void start(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__StartRequest *asked =
        grpc_message_read(c, &grpc__rto_api__start_request__descriptor, message);
    if (!asked)
        return;
    rto_start(c, asked,
              &(struct rto_start){.cvs = asked->cvs,
                                  .mvs = asked->mvs,
                                  .cv_count = asked->n_cvs,
                                  .mv_count = asked->n_mvs,
                                  .objective = asked->objective_function,
                                  .method = asked->optimization_method,
                                  .maximize = asked->maximize,
                                  .max_iterations = asked->max_iterations},
              asked->model_id);
}

/* --- optimise ------------------------------------------------------------------------------- */

static void answer(struct rto *r, int flag, const char *message, struct bytes mvs)
{
    Grpc__RtoApi__StartOptimizeResponse response = GRPC__RTO_API__START_OPTIMIZE_RESPONSE__INIT;
    struct rto_values values = rto_values_of(mvs, (uint64_t)clock_wall_ms());
    response.mvs = values.at;
    response.n_mvs = values.count;
    response.sessionid = rto_lent(r->asked);
    response.flag = flag;
    response.message = rto_lent(message);
    rto_answer(r, &response.base);
    rto_values_free(&values);
}

/* This port's clients know no flag of its own for a session that is none. */
static void say(struct rto *r, int flag, const char *message)
{
    answer(r, flag == RTO_NO_SESSION ? FLAG_ERROR : flag, message, bytes_of(NULL, 0));
}

static bool stands(struct rto *r)
{
    static const char *const said[] = {[FLAG_STARTED] = SAID_STARTED,
                                       [FLAG_RESUMED] = SAID_RESUMED,
                                       [FLAG_RUNNING] = SAID_RUNNING,
                                       [FLAG_FINISHED] = SAID_FINISHED};
    struct bytes mvs = session_view_mvs(&r->s.now);
    if (r->flag == FLAG_RUNNING && r->s.now.state == REEVE_SESSION_FINISHED)
        r->flag = FLAG_FINISHED;
    if (!mvs.size) /* nothing has been computed yet */
        mvs = field_of(buf_bytes(&r->s.given), "mvs");
    answer(r, r->flag, said[r->flag], mvs);
    return true;
}

static void optimise_seen(struct rto *r)
{
    rto_steer(r, stands);
}

static void optimise(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__StartOptimizeRequest *asked =
        grpc_message_read(c, &grpc__rto_api__start_optimize_request__descriptor, message);
    struct rto *r =
        rto_open(c, sizeof *r, asked, asked ? asked->optimization_instance_id : "", say);
    if (!r)
        return;
    rto_pack_beginning(asked, &r->s.given);
    rto_look(r, optimise_seen);
}

/* --- CVs ------------------------------------------------------------------------------------ */

struct question {
    struct rto rto;
    bool own; /* the session's own model is asked */
};

static void answer_cv(struct rto *r, const char *message, struct bytes cvs)
{
    Grpc__RtoApi__CalculateCVResponse response = GRPC__RTO_API__CALCULATE_CVRESPONSE__INIT;
    struct rto_values values = rto_values_of(cvs, (uint64_t)clock_wall_ms());
    response.sessionid = rto_lent(r->asked);
    response.cv_values = values.at;
    response.n_cv_values = values.count;
    response.message = rto_lent(message);
    rto_answer(r, &response.base);
    rto_values_free(&values);
}

static void say_cv(struct rto *r, int flag, const char *message)
{
    (void)flag;
    answer_cv(r, message, bytes_of(NULL, 0));
}

static void ask_cv(struct question *q);

static void take_cv(struct call *c, const struct record *record)
{
    struct question *q = (struct question *)c;
    const struct msg_ended *ended = &record->ended;
    struct buf text = {0};
    struct bytes said = field_text(ended->value, "message");
    if (ended->state == JOB_OK)
        buf_put(&text, said.data, said.size);
    else if (!ended->value.size || !value_text(&text, ended->value))
        buf_printf(&text, "%s", err_text(ERR_ENDED));
    if (ended->state == JOB_OK) {
        answer_cv(&q->rto, text.size ? buf_text(&text) : "success", field_of(ended->value, "cvs"));
    } else if (!q->own && bytes_starts(buf_bytes(&text), bytes_text(SAID_NO_MODEL))) {
        q->own = true;
        ask_cv(q);
    } else {
        say_cv(&q->rto, FLAG_ERROR, buf_text(&text));
    }
    buf_fini(&text);
}

static void on_question(struct call *c, uint64_t id)
{
    waits_end(c, id, take_cv);
}

static void put_question(const struct question *q, struct buf *args)
{
    const Grpc__RtoApi__CalculateCVRequest *asked = q->rto.request;
    struct buf mvs = {0};
    rto_pack_values(asked->mv_values, asked->n_mv_values, &mvs);
    if (q->own) {
        session_view_question(&q->rto.s.now, buf_bytes(&mvs), args);
    } else {
        struct pairs p = {.count = 0};
        pairs_text(&p, "session", asked->sessionid);
        pairs_text(&p, "model", asked->modelid);
        pairs_value(&p, "mvs", buf_bytes(&mvs));
        pack_array(args, 1);
        pairs_close(&p, args);
    }
    buf_fini(&mvs);
}

static void ask_cv(struct question *q)
{
    struct reeve_job_options options = {.durability = REEVE_RECEIVED};
    struct buf args = {0};
    put_question(q, &args);
    call_may_take(&q->rto.s.call, SERVICE_MS);
    call_submit(&q->rto.s.call, CV_METHOD, buf_bytes(&args), &options, on_question);
    buf_fini(&args);
}

static void cv_seen(struct rto *r)
{
    ask_cv((struct question *)r);
}

static void calculate_cv(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__CalculateCVRequest *asked =
        grpc_message_read(c, &grpc__rto_api__calculate_cvrequest__descriptor, message);
    struct rto *r =
        rto_open(c, sizeof(struct question), asked, asked ? asked->sessionid : "", say_cv);
    if (!r || !asked) /* of a message that is none there is none */
        return;
    ((struct question *)r)->own = !*asked->modelid;
    rto_look(r, cv_seen);
}

/* --- the objective -------------------------------------------------------------------------- */

/* The answer has no room for a message. */
static void say_objective(struct rto *r, int flag, const char *message)
{
    grpc_call_end(r->grpc, flag == RTO_NO_SESSION ? GRPC_NOT_FOUND : GRPC_FAILED_PRECONDITION,
                  message);
    call_drop(&r->s.call);
}

static void objective_seen(struct rto *r)
{
    Grpc__RtoApi__TargetfreqResponse response = GRPC__RTO_API__TARGETFREQ_RESPONSE__INIT;
    struct buf text = {0};
    struct bytes objective = field_text(buf_bytes(&r->s.now.view), "objective_text");
    buf_put(&text, objective.data, objective.size);
    response.objectivefunction = rto_lent(buf_text(&text));
    rto_answer(r, &response.base);
    buf_fini(&text);
}

static void target(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__TargetfreqRequest *asked =
        grpc_message_read(c, &grpc__rto_api__targetfreq_request__descriptor, message);
    struct rto *r = rto_open(c, sizeof *r, asked, asked ? asked->sessionid : "", say_objective);
    if (r)
        rto_look(r, objective_seen);
}

#define METHOD(name, function)                                                                     \
    {                                                                                              \
        .path = "/Grpc.RtoApi.DataProcessingService/" name, .kind = GRPC_UNARY,                    \
        .message = function, .gone = rto_gone                                                      \
    }

const struct grpc_method rto_data_methods[] = {
    METHOD("GetServiceStatus", rto_status),
    METHOD("Start", start),
    METHOD("StartOptimize", optimise),
    METHOD("StartOptimise", optimise),
    METHOD("Pause", rto_pause),
    METHOD("Stop", rto_stop),
    METHOD("CalculateCV", calculate_cv),
    METHOD("Targetfreq", target),
    {0},
};
