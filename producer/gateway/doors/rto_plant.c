/* SPDX-License-Identifier: Apache-2.0
 *
 * rto_plant: Grpc.RtoApi.RtoService: the client is the plant. It asks, gets MVs to try, says what
 * came of them, and gets the next ones, until the session is finished. An iteration is one
 * evaluation.
 */
#include "common/clock.h"
#include "producer/gateway/doors/rto.h"

static void start(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__StartSessionRequest *asked =
        grpc_message_read(c, &grpc__rto_api__start_session_request__descriptor, message);
    if (!asked)
        return;
    /* The model_id says nothing here: the client computes whatever it is. */
    rto_start(c, asked,
              &(struct rto_start){.cvs = asked->cvs,
                                  .mvs = asked->mvs,
                                  .cv_count = asked->n_cvs,
                                  .mv_count = asked->n_mvs,
                                  .objective = "",
                                  .method = asked->optimization_method,
                                  .maximize = asked->maximize,
                                  .plant = true,
                                  .max_iterations = asked->max_iterations},
              "");
}

struct turn {
    struct rto rto;
    bool told; /* or there is nothing to tell */
};

static void answer(struct rto *r, int flag, const char *message, struct bytes mvs)
{
    Grpc__RtoApi__OptimizeIterationResponse response =
        GRPC__RTO_API__OPTIMIZE_ITERATION_RESPONSE__INIT;
    struct rto_values values = rto_values_of(mvs, (uint64_t)clock_wall_ms());
    response.mv_values = values.at;
    response.n_mv_values = values.count;
    response.sessionid = rto_lent(r->asked);
    response.flag = flag;
    response.message = rto_lent(message);
    rto_answer(r, &response.base);
    rto_values_free(&values);
}

static void say(struct rto *r, int flag, const char *message)
{
    answer(r, flag, message, bytes_of(NULL, 0));
}

/* It answers the proposal that was made before this call. */
static void tell(struct turn *t)
{
    struct buf word = {0};
    rto_pack_outcome(t->rto.request, &word);
    t->told = true;
    rto_tell(&t->rto, &word);
    buf_fini(&word);
}

static bool stands(struct rto *r)
{
    static const char *const said[] = {[FLAG_STARTED] = SAID_STARTED,
                                       [FLAG_RESUMED] = SAID_RESUMED,
                                       [FLAG_RUNNING] = SAID_PROPOSED};
    struct turn *t = (struct turn *)r;
    if (r->s.now.state == REEVE_SESSION_FINISHED)
        answer(r, FLAG_FINISHED, SAID_FINISHED, session_view_mvs(&r->s.now));
    else if (r->s.now.state == REEVE_SESSION_PAUSED)
        say(r, FLAG_ERROR, SAID_PAUSED); /* again, by somebody else */
    else if (!session_view_asks(&r->s.now))
        return false;
    else if (!t->told && r->flag != FLAG_STARTED)
        tell(t);
    else
        answer(r, r->flag, said[r->flag], session_view_mvs(&r->s.now));
    return true;
}

static void seen(struct rto *r)
{
    rto_steer(r, stands);
}

static void iterate(struct grpc_call *c, struct bytes message)
{
    Grpc__RtoApi__OptimizeIterationRequest *asked =
        grpc_message_read(c, &grpc__rto_api__optimize_iteration_request__descriptor, message);
    struct rto *r =
        rto_open(c, sizeof(struct turn), asked, asked ? asked->optimization_instance_id : "", say);
    if (!r)
        return;
    ((struct turn *)r)->told = !rto_has_outcome(asked);
    rto_look(r, seen);
}

#define METHOD(name, function)                                                                     \
    {                                                                                              \
        .path = "/Grpc.RtoApi.RtoService/" name, .kind = GRPC_UNARY, .message = function,          \
        .gone = rto_gone                                                                           \
    }

const struct grpc_method rto_plant_methods[] = {
    METHOD("GetServiceStatus", rto_status),
    METHOD("StartOptimizeSession", start),
    METHOD("OptimizeIteration", iterate),
    METHOD("Pause", rto_pause),
    METHOD("Stop", rto_stop),
    {0},
};
