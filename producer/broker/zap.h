/* SPDX-License-Identifier: Apache-2.0
 *
 * zap: says who is let in (ZeroMQ RFC 27). libzmq asks it at each handshake, by the port's domain
 * and the peer's public key; it answers from the list of principals, in a thread of its own, so
 * that a storm of handshakes holds nobody up. The User-Id that libzmq then gives each message of
 * the connection is that key. It knows no secret.
 */
#ifndef BROKER_ZAP_H
#define BROKER_ZAP_H

#include "proto/acl.h"

struct zap;

/* Binds the handler's place in this context and starts the thread; before any socket with CURVE is
 * bound. The list is taken over; who is refused by this first one is not logged (proof.h). NULL and
 * errno: there is a handler already. */
struct zap *zap_start(void *context, struct acl *list);

/* Another list from now on, which is taken over. Connections that stand are not looked at. */
void zap_replace(struct zap *zap, struct acl *list);

/* After zmq_ctx_shutdown and before zmq_ctx_term. NULL: nothing. */
void zap_stop(struct zap *zap);

/* NULL: let in. Else why not, in one word for the log. *who: the key's, when it is known. */
const char *zap_refuses(const struct acl *list, struct bytes domain, struct bytes key,
                        int64_t wall_ms, const struct principal **who);

#endif
