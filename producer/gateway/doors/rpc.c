/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/rpc.h"

enum grpc_status rpc_status(unsigned err)
{
    switch (err) {
    case OK: return GRPC_OK;
    case ERR_INVALID:
    case ERR_RESERVED:
    case ERR_NO_SESSION: return GRPC_INVALID_ARGUMENT;
    case ERR_UNKNOWN_JOB:
    case ERR_UNKNOWN_HANDLER:
    case ERR_UNKNOWN_QUEUE:
    case ERR_UNKNOWN_WORKER:
    case ERR_UNKNOWN_TASK:
    case ERR_UNKNOWN_FEED:
    case ERR_FORGOTTEN: return GRPC_NOT_FOUND;
    case ERR_BUSY:
    case ERR_QUOTA:
    case ERR_TOO_LARGE:
    case ERR_DISK_FULL: return GRPC_RESOURCE_EXHAUSTED;
    case ERR_KEY_TAKEN: return GRPC_ALREADY_EXISTS;
    case ERR_ENDED:
    case ERR_NOT_ENDED:
    case ERR_PAUSED:
    case ERR_NOT_PAUSED:
    case ERR_NOT_ASKING:
    case ERR_NOT_DURABLE: return GRPC_FAILED_PRECONDITION;
    case ERR_UNREACHABLE: return GRPC_UNAVAILABLE;
    case ERR_TIMEOUT: return GRPC_DEADLINE_EXCEEDED;
    default: return GRPC_INTERNAL;
    }
}

static void on_failed(struct call *base, unsigned err, struct bytes text)
{
    struct buf words = {0};
    buf_put(&words, text.data, text.size);
    if (!text.size)
        buf_printf(&words, "%s", err_text(err));
    rpc_end(rpc_of(base), rpc_status(err), buf_text(&words));
    buf_fini(&words);
}

struct rpc *rpc_open(struct gateway *g, struct grpc_call *c, size_t size)
{
    enum err err;
    struct rpc *r = (struct rpc *)call_open_bare(g, size, &err);
    if (!r) {
        grpc_call_end(c, err == ERR_BUSY ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNAVAILABLE,
                      err_text(err));
        return NULL;
    }
    r->call = c;
    r->base.failed = on_failed;
    grpc_call_user_set(c, r);
    return r;
}

void rpc_answer(struct rpc *r, const ProtobufCMessage *message)
{
    grpc_message_answer(r->call, message);
    call_drop(&r->base);
}

void rpc_end(struct rpc *r, enum grpc_status status, const char *text)
{
    grpc_call_end(r->call, status, text);
    call_drop(&r->base);
}

void rpc_gone(struct grpc_call *c, enum grpc_status why)
{
    struct rpc *r = grpc_call_user(c);
    (void)why;
    if (r) /* its message may not have come yet */
        call_drop(&r->base);
}
