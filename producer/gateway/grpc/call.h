/* SPDX-License-Identifier: Apache-2.0
 *
 * call: one gRPC call on one HTTP/2 stream, as the connection sees it; methods see it through
 * grpc.h. What happens inside nghttp2's callbacks is only noted; the methods are told by
 * grpc_call_turn, when nghttp2 is not at work.
 *
 *     headers --> ASKED --> OPEN --> ENDED --> the stream closes: freed
 *                   |                  ^
 *                   +--- refused ------+
 */
#ifndef GRPC_CALL_H
#define GRPC_CALL_H

#include "producer/gateway/grpc/server.h"
#include "producer/gateway/grpc/tube.h"

enum grpc_call_state {
    CALL_ASKED, /* its headers come */
    CALL_OPEN,  /* with its method, or about to be */
    CALL_ENDED  /* its status is decided; what is left leaves */
};

struct grpc_call {
    struct link link;       /* grpc_server::calls */
    struct link pending;    /* grpc_server::pending */
    struct heap_node timer; /* grpc_server::timers: when ASKED or ENDED must be over, OPEN: what */
    int64_t deadline_ms;    /* is earlier, that of the call */
    int64_t whole_ms;       /* or that of the message that has begun to come; INT64_MAX: none */
    struct grpc_server *server;
    const struct grpc_method *method; /* NULL: unknown */
    void *user;
    int32_t stream;
    enum grpc_call_state state;

    struct buf metadata; /* name 0 value 0 ... */
    size_t header_bytes;
    int64_t timeout_ms; /* -1: none */
    bool posted, is_grpc, timeout_bad;

    struct tube in, out;
    size_t in_credited; /* of what is in `in`: given back to the stream's window */
    size_t out_whole;   /* of what is in `out`: the rest of the message whose beginning has left */
    bool half_closed;   /* the client has */
    bool closed;        /* the stream is: nghttp2 knows it no more */
    bool begun, wants, told_half_close; /* the method: knows it, wants a message, has been told */
    bool greeted;                       /* the headers are sent */
    bool refused;                       /* a message was not taken */
    bool compressed;                    /* one that has come */

    bool doomed;             /* OPEN, and to be ended by us */
    enum grpc_status status; /* ENDED or doomed */
    struct buf text;         /* as in grpc-message */
};

struct grpc_call *grpc_call_new(struct grpc_server *s, int32_t stream);
void grpc_call_free(struct grpc_call *c);
/* All headers are there: opens the call, or answers it. */
void grpc_call_headers(struct grpc_call *c);
void grpc_call_data(struct grpc_call *c, struct bytes in);
void grpc_call_half_close(struct grpc_call *c);
/* The stream is gone. */
void grpc_call_close(struct grpc_call *c);
/* Its deadline, or the end of its patience. */
void grpc_call_expire(struct grpc_call *c);
/* Ends it by the next turn, and tells the method; the first doom is it. */
void grpc_call_doom(struct grpc_call *c, enum grpc_status status, const char *text);
/* Tells the method what there is. The call may be gone after it. */
void grpc_call_turn(struct grpc_call *c);

#endif
