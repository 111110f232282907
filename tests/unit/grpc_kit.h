/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc_kit: a gRPC connection in memory for the tests: the server under test, nghttp2's own client
 * at the other end, a clock that stands still, and methods that write down what they are told.
 */
#ifndef UNIT_GRPC_KIT_H
#define UNIT_GRPC_KIT_H

#include <nghttp2/nghttp2.h>

#include "common/must.h"
#include "producer/gateway/grpc/grpc.h"

enum { KIT_STREAMS_MAX = 256 };

/* What the client was answered on a stream, as text: "200 application/grpc; grpc-status 0" with one
 * part a header block. */
struct kit_reply {
    struct buf said, data;
    struct buf body; /* what is to be sent */
    size_t body_at;
    bool half_closes; /* when the body is sent */
    bool closed;
    uint32_t error; /* of the close */
};

struct kit {
    struct grpc_server *server;
    struct grpc_budget budget;
    nghttp2_session *client;
    int64_t now_ms;
    bool deaf;                                 /* the client opens no windows */
    struct buf trace;                          /* what the methods were told, a word each */
    struct grpc_call *call;                    /* the last that began, until it is gone */
    size_t fill_left, fill_bytes;              /* of /t.T/Fill: messages to come, and their size */
    struct kit_reply replies[KIT_STREAMS_MAX]; /* by (stream - 1) / 2 */
    uint32_t goaway;                           /* its error; UINT32_MAX: none */
    char goaway_text[64];
    size_t pings_answered;
};

/* t.T: Echo and Later (unary; the test answers Later by kit->call), Fill (a stream of fill_left
 * messages, by its room), Chat (bidi, echoes), Hold (bidi, asks for nothing by itself). */
struct kit *kit_new(void);
void kit_free(struct kit *k);
/* The client hangs up: the server is freed, as its socket would be closed. */
void kit_cut(struct kit *k);

/* Another header of the request, or another value for one of the usual ones; NULL: without it. */
struct kit_header {
    const char *name, *value;
};
/* Asks; body holds framed messages. Nothing has travelled yet. */
int32_t kit_ask(struct kit *k, const char *path, struct bytes body, bool half_closes,
                const struct kit_header *headers, size_t header_count);
/* The usual: one message, whole. */
int32_t kit_call(struct kit *k, const char *path, const char *message);
void kit_say(struct kit *k, int32_t stream, struct bytes body, bool half_closes);
void kit_frame(struct buf *out, struct bytes message); /* the five bytes, and it */

/* Carries bytes both ways until nothing moves. */
void kit_pump(struct kit *k);
void kit_pass(struct kit *k, int64_t ms); /* time passes; then pumps */
/* Bytes that no client would send; what the server answers, lent. */
struct bytes kit_raw(struct kit *k, struct bytes in);

struct kit_reply *kit_reply(struct kit *k, int32_t stream);
const char *kit_said(struct kit *k, int32_t stream);
const char *kit_data(struct kit *k, int32_t stream); /* messages, each in [] */
const char *kit_trace(struct kit *k);                /* and clears it */

#endif
