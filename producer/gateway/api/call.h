/* SPDX-License-Identifier: Apache-2.0
 *
 * call: one request of the JSON API under way. A handler opens a call, asks the broker something,
 * and is called with each answer; it asks further, or answers the request, which ends the call.
 * What comes for a call that is over is nobody's. It knows no job from a session.
 *
 *     handler -> call_open -> call_ask -> (answers) take -> ... -> call_json, call_empty, call_fail
 *                                  \-> an error, no answer in time, the gateway ends: answered here
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "common/list.h"
#include "common/map.h"
#include "producer/gateway/answer.h"
#include "producer/gateway/gateway.h"
#include "producer/view/pairs.h"
#include "producer/view/view.h"

enum {
    CALL_ANSWER_MS = 5000, /* a broker that says nothing for so long is away */
    CALLS_MAX = 4000,      /* under way; more are refused */
};

struct call;
/* Sees an answer of the broker; what it holds is borrowed. Never an error: see call::failed. */
typedef void call_take(struct call *c, const struct record *answer);

struct calls {                   /* all that are under way */
    struct reeve_client *client; /* borrowed, as timers */
    struct timers *timers;
    struct link open;    /* call::link */
    struct idmap handed; /* those that wait for their submission to be taken, by its number */
    struct idmap asking; /* by call::question */
    uint64_t asked;      /* the last question */
    struct waits *waits;
    size_t count;
};

struct call { /* until the request is answered; may be the first member of something larger */
    struct link link; /* calls::open */
    struct calls *calls;
    struct request *request; /* NULL: opened by call_open_bare */
    struct timer timer;
    uint64_t question; /* the one that is open, or was last */
    call_take *take;
    void (*accepted)(struct call *c, uint64_t id); /* of call_submit */
    /* Told instead of the error being answered; NULL: it is answered. */
    void (*failed)(struct call *c, unsigned err, struct bytes text);
    /* Of the larger thing; NULL: nothing to be done. Answers begin anew, what was gathered of them
     * is void; the call is over. */
    void (*again)(struct call *c);
    void (*fini)(struct call *c);
    uint64_t id;           /* of the job it is about, or 0 */
    uint64_t number;       /* of its submission while that is not taken, or 0 */
    bool patient;          /* what it waits for may take its time, which has an end too */
    struct view_rows rows; /* gathered of the answers to one question */
    /* waits.c */
    struct link wait_link; /* wait::calls */
    struct wait *wait;     /* NULL: it waits for nothing */
    void (*changed)(struct call *c);
};

struct calls *calls_new(struct reeve_client *client, struct timers *timers);
/* Answers what is under way: to be called before the server ends. NULL is fine. */
void calls_free(struct calls *calls);

/* size: of the larger thing, which is zeroed. NULL: the request has been answered; there is no
 * broker, or too much under way. */
struct call *call_open(struct request *r, size_t size);
/* For a door that is not HTTP: no request waits for it. Whatever goes wrong is told to `failed`,
 * which the caller sets at once, and which drops it. NULL: why not is in *err. */
struct call *call_open_bare(struct gateway *g, size_t size, enum err *err);
void call_drop(struct call *c); /* what comes for it is nobody's */
/* One question at a time: an earlier one's answers are not looked at any more. */
void call_ask(struct call *c, struct record *question, call_take *take);
/* Hands in a job; args: a packed array. Refused at once when the broker is at a limit. */
void call_submit(struct call *c, const char *method, struct bytes args,
                 const struct reeve_job_options *options,
                 void (*accepted)(struct call *c, uint64_t id));
/* From now on it may take so long, and is answered 504 then, with the id of its job; else 503. */
void call_may_take(struct call *c, int64_t ms);

/* Each answers the request and ends the call. */
void call_json(struct call *c, unsigned status, const struct buf *value);
void call_pairs(struct call *c, unsigned status, struct pairs *pairs); /* the pairs are gone */
void call_rows(struct call *c, const char *name);                      /* {name: [rows]} */
/* The same with `next`, where the following page begins; empty: null. */
void call_page(struct call *c, const char *name, struct bytes next);
void call_empty(struct call *c);
void call_text(struct call *c, unsigned status, const char *type, struct bytes text); /* borrowed */
void call_fail(struct call *c, unsigned err, struct bytes text);

/* Where the thing with its id is to be seen, as a header: /v1/WHERE/ID. */
void call_locate(struct call *c, const char *where);
void call_pairs_id(const struct call *c, struct pairs *p); /* the pair id */

/* A call_take of questions that are answered `done`. */
void call_done(struct call *c, const struct record *answer);

#endif
