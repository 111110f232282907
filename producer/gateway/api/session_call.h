/* SPDX-License-Identifier: Apache-2.0
 *
 * session_call: a call about one session, which is looked at as often as it takes.
 */
#ifndef API_SESSION_CALL_H
#define API_SESSION_CALL_H

#include "producer/gateway/api/call.h"
#include "producer/view/session_view.h"

struct session_call { /* may be the first member of something larger */
    struct call call; /* its id is the session's */
    struct session_view now;
    void (*seen)(struct session_call *s);
    bool (*until)(struct session_call *s);
    bool looking, stale; /* while it is followed: looked at just now; and changed since */
    struct buf given;    /* a packed map of the request's, kept; empty: none */
};
/* A larger thing's call::fini ends with it. */
void session_call_fini(struct call *c);

/* A call about the session in the path, or about one that is to be; NULL: answered. */
struct session_call *session_call_open(struct request *r, size_t size);
struct session_call *session_call_open_new(struct request *r, size_t size);
/* seen is called when `now` is as it is; a session that is none has been answered. */
void session_call_look(struct session_call *s, void (*seen)(struct session_call *s));
/* The same, now and after each of its changes, until that says true: it has answered, or asks
 * further. */
void session_call_follow(struct session_call *s, bool (*until)(struct session_call *s));

/* What the service says. Both answer: 200 {id, message}; or refused for what it is now. */
void session_call_say(struct session_call *s, const char *message);
void session_call_refuse(struct session_call *s, unsigned err, const char *message);
/* Ended, but not well: why. */
void session_call_over(struct session_call *s);

#endif
