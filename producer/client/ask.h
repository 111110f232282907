/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: requests of the protocol that the public header has no call of its own for; for the command
 * line and the gateway. Same thread rule as reeve/client.h.
 */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include <reeve/client.h>

#include "proto/record.h"

/* reeve_connect_with without waiting for the welcome: the broker is looked for by dispatch, for as
 * long as it takes (reeve_connected tells). Nothing can be subscribed before the first welcome. */
int client_open(struct reeve_client **out, const struct reeve_options *options);

/* Sees one answer; what it holds is borrowed for the call. */
typedef void ask_answer(void *user, const struct record *answer);

/* Sends the request (its number is filled in here) and hands over each answer until the last: end,
 * done, error, or the one record that is the whole answer or its end (job, session, status,
 * accepted, ended, snapshot). Returns 0, the code of an `error` answer (text in reeve_error),
 * REEVE_ETIMEOUT, REEVE_EUNREACHABLE or REEVE_EINTERRUPTED. A request whose answer was cut off by a
 * lost connection is asked again, its earlier answers having been seen: a record of type REC_NONE
 * says that they begin anew. timeout_ms -1: for ever. */
int client_ask(struct reeve_client *c, struct record *request, ask_answer *answer, void *user,
               int timeout_ms);

/* The same without waiting: the answers come from dispatch. user (malloc'ed, or NULL) is taken: it
 * is freed with the last answer or the client. */
void client_ask_start(struct reeve_client *c, struct record *request, ask_answer *answer,
                      void *user);

/* reeve_subscribe that goes on behind update `after` of that incarnation, as if all up to it had
 * been shown; incarnation 0: afresh. */
int client_subscribe_after(struct reeve_client *c, const char *topic, uint64_t incarnation,
                           uint64_t after, reeve_on_update *update, void *user);

/* What the broker said of itself in its welcome; lent until the next dispatch. */
const struct msg_welcome *client_welcome(const struct reeve_client *c);

#endif
