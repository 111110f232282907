/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc: gRPC over HTTP/2 for one connection, without I/O: bytes and the time go in, bytes come out,
 * and calls are handed to a table of methods. It opens nothing and reads no clock; nghttp2 stands
 * behind it and is seen nowhere else. It knows messages as bytes: what is in them is not its
 * business.
 *
 *     bytes from the socket --> grpc_receive --+--> method->begin, message, half_close, room, gone
 *     bytes to the socket   <-- grpc_send    <-+--  grpc_call_message, grpc_call_end
 *     the time              --> grpc_tick      |    from a method's functions, or any time later
 *
 * Everything a peer can make grow has a limit (the enum below), and what is over it is answered as
 * gRPC says, or the connection ends. A method's functions are called from grpc_receive, grpc_send,
 * grpc_tick and grpc_free only, never from inside another of them.
 */
#ifndef GRPC_GRPC_H
#define GRPC_GRPC_H

#include "common/buf.h"
#include "common/must.h"

/* Numbers are the wire's. */
enum grpc_status {
    GRPC_OK,
    GRPC_CANCELLED,
    GRPC_UNKNOWN,
    GRPC_INVALID_ARGUMENT,
    GRPC_DEADLINE_EXCEEDED,
    GRPC_NOT_FOUND,
    GRPC_ALREADY_EXISTS,
    GRPC_PERMISSION_DENIED,
    GRPC_RESOURCE_EXHAUSTED,
    GRPC_FAILED_PRECONDITION,
    GRPC_ABORTED,
    GRPC_OUT_OF_RANGE,
    GRPC_UNIMPLEMENTED,
    GRPC_INTERNAL,
    GRPC_UNAVAILABLE,
    GRPC_DATA_LOSS,
    GRPC_UNAUTHENTICATED
};

enum {
    GRPC_MESSAGE_BYTES_MAX = 4 << 20,  /* either way */
    GRPC_OUTBOX_BYTES_MAX = 256 << 10, /* of a call, before it is full; one message always fits */
    GRPC_CONNECTION_BYTES_MAX = 16 << 20, /* held for all calls of a connection, in and out */
    GRPC_HEADER_BYTES_MAX = 16 << 10,     /* of a request, counted as HTTP/2 does */
    GRPC_CALLS_MAX = 100,                 /* at once on a connection */
    GRPC_RESETS_MAX = 1000,               /* at once; GRPC_RESETS_PER_S are forgiven */
    GRPC_RESETS_PER_S = 33,
    GRPC_NOISE_MAX = 200, /* PING, SETTINGS and the like while nothing of ours is sent */
    GRPC_NOISE_PER_S = 20,
    GRPC_HANDSHAKE_MS = 10 * 1000, /* for the client's first words */
    GRPC_IDLE_MS = 10 * 60 * 1000, /* without a call; then we say goodbye */
    GRPC_SILENCE_MS = 60 * 1000,   /* of a client with calls; then it is asked for a sign */
    GRPC_SIGN_MS = 20 * 1000,      /* to give it */
    GRPC_WHOLE_MS = 30 * 1000,     /* for headers, or a message, once they have begun to come */
    GRPC_DRAIN_MS = 1000,          /* for calls under way when the server stops */
    GRPC_LEAVE_MS = 30 * 1000,     /* for what is left of a call that has ended */
    GRPC_FAREWELL_MS = 5 * 1000,   /* for the last bytes of a connection */
};

struct grpc_call;
struct grpc_server;

enum grpc_kind {
    GRPC_UNARY,  /* one message in, one out: grpc_call_answer, or grpc_call_end with an error */
    GRPC_STREAM, /* one message in, any number out */
    GRPC_BIDI    /* any number both ways */
};

/* A call belongs to its method until the method ends it (grpc_call_end, grpc_call_answer) or it is
 * gone: exactly one of the two happens, and after it the method knows it no more. */
struct grpc_method {
    const char *path; /* "/todo.TodoService/AddTask" */
    enum grpc_kind kind;
    /* The call is there; may be NULL. */
    void (*begin)(struct grpc_call *c);
    /* A message, borrowed. GRPC_BIDI: each only after grpc_call_next. The others: the one. */
    void (*message)(struct grpc_call *c, struct bytes message);
    /* GRPC_BIDI: the client has sent its last message, and all have been given; may be NULL for the
     * others. */
    void (*half_close)(struct grpc_call *c);
    /* A message was not taken; now there is room. NULL: never refused, or the method does not wait.
     */
    void (*room)(struct grpc_call *c);
    /* The client has cancelled (GRPC_CANCELLED), its time is up (GRPC_DEADLINE_EXCEEDED), the
     * connection or the server ends (GRPC_UNAVAILABLE), a limit is reached; NULL: the method holds
     * nothing for it, and never ends it later. */
    void (*gone)(struct grpc_call *c, enum grpc_status why);
};

/* --- what was asked --- */
void *grpc_call_context(const struct grpc_call *c); /* of the server's options */
/* A header of the request, lent while the call lasts; NULL: none. ":path" is one; names are small
 * letters, and those that gRPC itself uses are not kept. */
const char *grpc_call_metadata(const struct grpc_call *c, const char *name);
/* The method's own. */
void grpc_call_user_set(struct grpc_call *c, void *user);
void *grpc_call_user(const struct grpc_call *c);

/* --- the answer --- */
/* GRPC_BIDI: gives the next message, or the half-close, when it is there. */
void grpc_call_next(struct grpc_call *c);
/* Sends the headers now, before any message: the client learns that the call stands. */
void grpc_call_greet(struct grpc_call *c);
/* Copies the message. False: it is not taken; `room` follows when there is room, or `gone`. */
MUST_CHECK bool grpc_call_message(struct grpc_call *c, struct bytes message);
/* The messages before it leave first. text may be NULL; of any bytes, of which the first KiB goes.
 */
void grpc_call_end(struct grpc_call *c, enum grpc_status status, const char *text);
/* The one message and GRPC_OK; GRPC_RESOURCE_EXHAUSTED when it is too large. */
void grpc_call_answer(struct grpc_call *c, struct bytes message);

/* --- the connection --- */
/* Shared by all connections of a process: what they hold for calls together. */
struct grpc_budget {
    size_t held_bytes, most_bytes;
};

struct grpc_options { /* all borrowed for life */
    /* Tables of methods, each ended by {0}, the whole by NULL. */
    const struct grpc_method *const *methods;
    struct grpc_budget *budget;
    void *context;
    /* There may be something to send, or a call to be told something: grpc_send is due. Called from
     * inside any function here. */
    void (*wake)(void *user);
    void *user;
};

/* The times below are of one clock, in ms, and never go back. */
struct grpc_server *grpc_new(const struct grpc_options *options, int64_t now_ms);
/* Calls that are still there are gone (GRPC_UNAVAILABLE). */
void grpc_free(struct grpc_server *s);

void grpc_receive(struct grpc_server *s, struct bytes in, int64_t now_ms);
/* Appends what is to be sent, about `most` bytes at most (a frame of 16 KiB over it). Nothing
 * appended: nothing is to be sent for now. */
void grpc_send(struct grpc_server *s, struct buf *out, size_t most);
/* When grpc_tick is to be called, at the latest. */
int64_t grpc_deadline_ms(const struct grpc_server *s);
void grpc_tick(struct grpc_server *s, int64_t now_ms);
/* The server stops: no new calls, those under way get GRPC_DRAIN_MS. */
void grpc_drain(struct grpc_server *s, int64_t now_ms);
/* Nothing more will come or go: the socket can be closed. Before that, when grpc_send gives
 * nothing any more. */
bool grpc_done(const struct grpc_server *s);
size_t grpc_calls(const struct grpc_server *s); /* that are with methods */
/* No call stands, and nobody has said goodbye. */
bool grpc_idle(const struct grpc_server *s);

#endif
