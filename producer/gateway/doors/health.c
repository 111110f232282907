/* SPDX-License-Identifier: Apache-2.0
 *
 * health: grpc.health.v1.Health, on every gRPC port. A service serves while the broker answers the
 * gateway: without it no call gets far.
 */
#include "grpc/health/v1/health.pb-c.h"

#include "producer/gateway/doors/doors.h"
#include "producer/gateway/grpc/message.h"

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving;

struct health_watch {
    struct link link; /* doors::health */
    struct grpc_call *call;
    serving told, due; /* due: not taken yet */
};

/* "" is the whole server. */
static bool is_served(const struct grpc_call *c, const char *service)
{
    const struct door_port *port = grpc_call_context(c);
    size_t length = strlen(service);
    for (const struct grpc_method *const *table = port->tables; *table; table++) {
        const char *path = (*table)->path; /* "/SERVICE/METHOD"; a table is of one service */
        if (strncmp(path + 1, service, length) == 0 && path[1 + length] == '/')
            return true;
    }
    return length == 0;
}

static serving state_of(const struct doors *d)
{
    return reeve_connected(d->gateway->client) ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

static void check(struct grpc_call *c, struct bytes message)
{
    Grpc__Health__V1__HealthCheckRequest *asked =
        grpc_message_read(c, &grpc__health__v1__health_check_request__descriptor, message);
    Grpc__Health__V1__HealthCheckResponse answer = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    if (!asked)
        return;
    answer.status = state_of(doors_of(c));
    if (is_served(c, asked->service))
        grpc_message_answer(c, &answer.base);
    else
        grpc_call_end(c, GRPC_NOT_FOUND, "unknown service");
    grpc_message_free(asked);
}

/* Only the newest matters to who is slow. */
static void say(struct health_watch *w)
{
    Grpc__Health__V1__HealthCheckResponse answer = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    answer.status = w->due;
    if (w->due != w->told && grpc_message_send(w->call, &answer.base))
        w->told = w->due;
}

static void watch(struct grpc_call *c, struct bytes message)
{
    Grpc__Health__V1__HealthCheckRequest *asked =
        grpc_message_read(c, &grpc__health__v1__health_check_request__descriptor, message);
    if (!asked)
        return;
    struct health_watch *w = must_alloc(sizeof *w);
    *w = (struct health_watch){.call = c, .told = STATUS(UNKNOWN)};
    link_init(&w->link);
    grpc_call_user_set(c, w);
    if (is_served(c, asked->service)) {
        w->due = state_of(doors_of(c));
        list_append(&doors_of(c)->health, &w->link);
    } else {
        w->due = STATUS(SERVICE_UNKNOWN); /* and stays so */
    }
    grpc_message_free(asked);
    say(w);
}

static void room(struct grpc_call *c)
{
    say(grpc_call_user(c));
}

static void gone(struct grpc_call *c, enum grpc_status why)
{
    struct health_watch *w = grpc_call_user(c);
    (void)why;
    if (!w)
        return;
    link_take(&w->link);
    free(w);
}

void health_tell(struct doors *d)
{
    list_each(l, &d->health)
    {
        struct health_watch *w = container_of(l, struct health_watch, link);
        w->due = state_of(d);
        say(w);
    }
}

const struct grpc_method health_methods[] = {
    {.path = "/grpc.health.v1.Health/Check", .kind = GRPC_UNARY, .message = check},
    {.path = "/grpc.health.v1.Health/Watch",
     .kind = GRPC_STREAM,
     .message = watch,
     .room = room,
     .gone = gone},
    {0},
};
