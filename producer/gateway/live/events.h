/* SPDX-License-Identifier: Apache-2.0
 *
 * events: /v1/updates, a stream of server-sent events: between the hub, which knows who reads what,
 * the client library, where the updates come from, and the web server, which has the streams.
 */
#ifndef LIVE_EVENTS_H
#define LIVE_EVENTS_H

#include "producer/client/ask.h"
#include "producer/gateway/http/http.h"
#include "producer/gateway/timer.h"

struct events;

extern const struct route events_routes[];

/* The client (borrowed, as the timers) watches for the streams and for nobody else. */
struct events *events_new(struct reeve_client *client, struct timers *timers);
void events_free(struct events *e); /* no stream is left */
/* After dispatch: what has come goes to the streams. */
void events_turn(struct events *e);
/* When events_turn is wanted; -1: not. */
int events_wait_ms(const struct events *e);

#endif
