/* SPDX-License-Identifier: Apache-2.0
 *
 * rto: what the two services of real-time optimisation share: a call about a session, starting one,
 * letting it optimise, pause, stop. Sessions of these doors are sessions like all others. What is
 * said stands in rto_words.h and session_view.h.
 */
#ifndef DOORS_RTO_H
#define DOORS_RTO_H

#include "producer/gateway/api/session_call.h"
#include "producer/gateway/doors/doors.h"
#include "producer/gateway/doors/rpc.h"
#include "producer/gateway/doors/rto_words.h"

struct rto { /* may be the first member of something larger */
    struct session_call s;
    struct grpc_call *grpc;
    void *request;     /* unpacked; freed with the call */
    const char *asked; /* the session, as the client names it: of the request */
    int flag;          /* of what was done so far; FLAG_RUNNING: nothing */
    /* Answers with that, and no values: what is refused. */
    void (*say)(struct rto *r, int flag, const char *message);
    void (*seen)(struct rto *r);
    bool (*stands)(struct rto *r);
};

static inline struct rto *rto_of(struct session_call *s)
{
    return (struct rto *)s;
}

/* size: of the larger thing. The request (NULL: none, as of a message that was none) is taken.
 * NULL: the call has been ended. */
struct rto *rto_open(struct grpc_call *c, size_t size, void *request, const char *session,
                     void (*say)(struct rto *r, int flag, const char *message));
/* Ends the call. message: &m.base */
void rto_answer(struct rto *r, const ProtobufCMessage *message);
void rto_gone(struct grpc_call *c, enum grpc_status why); /* a method's `gone` */

/* seen is called when `now` is as it is. What is no session of the optimisation service has been
 * told so. */
void rto_look(struct rto *r, void (*seen)(struct rto *r));
/* Begins, or resumes, what is to be; then, and after each change, stands is asked, until it says
 * true: it has answered, or asks further. One that was stopped or failed has been told so. */
void rto_steer(struct rto *r, bool (*stands)(struct rto *r));
/* Tells an asking session something, and steers it on. */
void rto_tell(struct rto *r, const struct buf *word);

/* A new session; model: "": none. The request is taken. */
void rto_start(struct grpc_call *c, void *request, const struct rto_start *start,
               const char *model);

/* Methods of both services. */
void rto_status(struct grpc_call *c, struct bytes message);
void rto_pause(struct grpc_call *c, struct bytes message);
void rto_stop(struct grpc_call *c, struct bytes message);

/* protobuf-c wants texts that may be written to, and does not write to those of an answer. */
static inline char *rto_lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

#endif
