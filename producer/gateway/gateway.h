/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway: the parts of reeve-gateway put together, and the loop they turn in. For the broker it is
 * two clients: one that asks and submits for requests, one that watches for streams, so that a long
 * list in an answer holds up no update. It decides nothing about jobs.
 *
 * A handler of a request takes what it needs from gateway_of, starts asking (client_ask_start,
 * reeve_submit), and answers from the callback. It does not block.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "common/notify.h"
#include "producer/client/ask.h"
#include "producer/gateway/http/guard.h"
#include "producer/gateway/http/http.h"
#include "producer/gateway/live/events.h"
#include "producer/gateway/timer.h"

struct gateway {
    struct http *http;
    struct reeve_client *client;  /* for requests */
    struct reeve_client *watcher; /* for streams */
    struct timers timers;
    struct calls *calls; /* requests of the API under way */
    struct events *events;
    struct doors *doors; /* NULL: none */
    struct guard guard;
};

/* Taken in this order; what the page's files are comes last, since "/{file}" fits much. */
extern const struct route *const gateway_routes[];

static inline struct gateway *gateway_of(const struct request *r)
{
    return request_context(r);
}

/* The client for requests; NULL when no broker answers: the request is answered 503 then. */
struct reeve_client *gateway_client(struct request *r);

struct doors_plan;

struct gateway_options {
    const char *broker;             /* clients' address */
    const char *identity;           /* file with the key to show it, as in reeve/client.h */
    int listen_fd;                  /* taken */
    struct guard guard;             /* names and token */
    const struct doors_plan *doors; /* their ports are taken */
};

/* NULL, with a line in the log: it cannot be started. */
struct gateway *gateway_new(const struct gateway_options *options);
/* Serves until signal_fd tells of a signal that is not HUP. */
void gateway_run(struct gateway *g, int signal_fd, struct notify *notify);
void gateway_free(struct gateway *g);

#endif
