/* SPDX-License-Identifier: Apache-2.0
 *
 * server: what the parts of a gRPC connection share. server.c has its life and its times, session.c
 * what HTTP/2 says, call.c the calls.
 */
#ifndef GRPC_SERVER_H
#define GRPC_SERVER_H

#include <nghttp2/nghttp2.h>

#include "common/heap.h"
#include "common/list.h"
#include "producer/gateway/grpc/grpc.h"

struct grpc_server {
    struct grpc_options options;
    nghttp2_session *session;
    struct link calls;   /* grpc_call::link; all whose stream stands */
    struct link pending; /* grpc_call::pending: to be told something, or to be freed */
    struct heap timers;  /* grpc_call::timer */
    size_t open;         /* calls that are with their methods */
    size_t held_bytes;
    uint64_t timer_order;
    int32_t last_stream; /* that the client has begun */

    size_t preface;   /* bytes of the client's preface that were seen */
    bool greeted;     /* its SETTINGS have come */
    bool broken;      /* nothing is read or written by the session any more */
    bool closing;     /* nothing is read any more */
    bool draining;    /* no new calls */
    struct buf words; /* for who speaks no HTTP/2: sent instead of all else */

    int64_t now_ms, heard_ms, idle_ms; /* the last was when the last call left */
    int64_t due_ms;   /* of the client's first words, of its sign, of the drain; 0: nothing is */
    int64_t leave_ms; /* by then the connection is done; 0: it goes on */
    int64_t noise, noise_ms; /* what is left of it, and as of when */
};

/* A new call is there, or a call has left. */
void grpc_server_count(struct grpc_server *s);
/* A frame that may be noise; ours that show that it was not. */
void grpc_server_noise(struct grpc_server *s);
void grpc_server_quiet(struct grpc_server *s);

/* The HTTP/2 half. */
nghttp2_session *grpc_session_new(struct grpc_server *s);

#endif
