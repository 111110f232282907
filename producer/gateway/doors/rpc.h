/* SPDX-License-Identifier: Apache-2.0
 *
 * rpc: a unary gRPC call that asks the broker: a call.h call, answered to a gRPC client. What the
 * broker refuses ends it with the status that says so.
 */
#ifndef DOORS_RPC_H
#define DOORS_RPC_H

#include "producer/gateway/api/call.h"
#include "producer/gateway/grpc/message.h"

struct rpc { /* may be the first member of something larger */
    struct call base;
    struct grpc_call *call;
};

static inline struct rpc *rpc_of(struct call *c)
{
    return (struct rpc *)c;
}

/* The call's user is the rpc from now on. size: of the larger thing. NULL: the call has been ended:
 * there is no broker, or too much under way. */
struct rpc *rpc_open(struct gateway *g, struct grpc_call *c, size_t size);

/* Each ends the call; the rpc is gone. message: &m.base */
void rpc_answer(struct rpc *r, const ProtobufCMessage *message);
void rpc_end(struct rpc *r, enum grpc_status status, const char *text);

/* A method's `gone`. */
void rpc_gone(struct grpc_call *c, enum grpc_status why);

/* What an error of ours (proto/errors.h) is in gRPC. */
enum grpc_status rpc_status(unsigned err);

#endif
