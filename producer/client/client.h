/* SPDX-License-Identifier: Apache-2.0
 *
 * client: what a reeve_client is made of; shared by the files of this room and by nobody else.
 *
 *   session       are we welcome?            (pure)
 *   pending, acks submissions under numbers  (pure)
 *   terms         what they say alike        (pure)
 *   watch         one watched topic          (pure)
 *   wire          the sockets
 *   body.c        who gets which record
 *   turn.c        receive, tick, send; the blocking calls' waiting
 *   client.c      connect, close, errors
 *   submit.c, ask.c, chain.c, subscribe.c    the calls of the public header
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <reeve/client.h>

#include "common/list.h"
#include "common/map.h"
#include "producer/client/acks.h"
#include "producer/client/ask.h"
#include "producer/client/chain.h"
#include "producer/client/pending.h"
#include "producer/client/result.h"
#include "producer/client/session.h"
#include "producer/client/terms.h"
#include "producer/client/watch.h"
#include "producer/client/wire.h"

/* Submissions and requests count apart, but an `error` says only a number: these tell whose. */
#define ASK_NUMBERS   (1ull << 48)
#define WATCH_NUMBERS (1ull << 49)

struct ask {
    struct link link; /* reeve_client::asks */
    uint64_t number;
    enum record_type type;
    struct buf record; /* to be sent again after a lost connection */
    ask_answer *answer;
    void *user;
    bool owned;       /* by the client, and so is user: freed with the last answer */
    bool said, again; /* on one connection; on a later one too */
    bool over;
    enum err code;
};

struct subscription {
    struct link link; /* reeve_client::subscriptions */
    struct buf topic; /* as on the wire: with its closing 0, unless it is a prefix */
    struct bytes name;
    bool prefix, over; /* over: freed when no callback is running */
    reeve_on_update *update;
    void *user;
    uint64_t number; /* of its last watch or follow */
    uint64_t taken;  /* updates that came under it since credit was given for them */
    struct watch watch;
};

struct reeve_client {
    struct session session;
    struct wire wire;
    struct pending pending;
    struct acks acks;
    int64_t acks_ms;   /* when they leave alone */
    struct link calls; /* those whose result has not come */
    struct link asks;
    struct namemap topics; /* subscription::name, those not over */
    struct link subscriptions;
    struct msg_welcome welcome;
    struct buf welcome_name, welcome_release; /* its strings */
    uint64_t told;                            /* the last number told to a caller */
    uint64_t asked, watched;                  /* the last numbers of requests */
    int64_t now_ms;                           /* of this turn */
    int64_t busy_ms;    /* the broker is at a limit: no submission leaves before */
    int64_t settled_ms; /* until then the workers of a broker started anew may not be back */
    bool one_port;      /* $REEVE_UPDATES: updates over the own connection, whatever is offered */
    bool renewed;       /* this connection was opened because numbers had to change */
    bool closing;       /* nobody is called back any more */
    unsigned depth;     /* of turns: callbacks may call us */
    enum err refused;   /* the broker does not want us: for good */
    enum err fault;     /* to be returned by the next dispatch */
    struct buf error, record;
    struct terms terms;             /* of the last submission */
    struct result_strings *strings; /* for the next result; NULL: they are in use */
    struct result_strings kept;
    struct chain_strings chain_kept;
};

/* client.c */
int client_fail(struct reeve_client *c, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void client_fault(struct reeve_client *c, enum err code, struct bytes text);

/* body.c */
void body_take(struct reeve_client *c, struct bytes body);
void body_hello(struct reeve_client *c);
/* The broker does not let us in. Whom it lets in may change: it is asked again, later, on another
 * connection. */
void body_refused(struct reeve_client *c, struct bytes why);
/* The session is lost: what waits to be sent is made again after the welcome. */
void body_lost(struct reeve_client *c);

/* turn.c */
/* Turns until done says so. 0, ERR_TIMEOUT or ERR_UNREACHABLE, ERR_INTERRUPTED, ... */
int client_until(struct reeve_client *c, bool (*done)(const void *), const void *what,
                 int timeout_ms);
/* all: also what might wait for more to be said. */
int client_send(struct reeve_client *c, bool all);

/* submit.c */
void submit_accepted(struct reeve_client *c, const struct msg_accepted *m);
void submit_ended(struct reeve_client *c, const struct msg_ended *m);
void submit_refused(struct reeve_client *c, const struct msg_error *m);
/* A new welcome: everything unsettled goes out again. new_life: the broker was started anew. */
void submit_resume(struct reeve_client *c, uint64_t last_number, bool new_life);
/* Moves submissions and acknowledgements to the outbox. */
void submit_pump(struct reeve_client *c, bool all);
/* When acknowledgements leave, whatever else does; INT64_MAX: there are none. */
int64_t submit_deadline(const struct reeve_client *c);

void submit_fini(struct reeve_client *c);

/* ask.c */
void ask_record(struct reeve_client *c, uint64_t number, const struct record *r);
void ask_resume(struct reeve_client *c);
/* Requests that nobody waits for and that no connection has taken yet. */
bool ask_unsaid(const struct reeve_client *c);
void ask_fini(struct reeve_client *c);

/* subscribe.c */
void subscribe_record(struct reeve_client *c, const struct record *r);
void subscribe_update(struct reeve_client *c, struct bytes topic, struct bytes body);
void subscribe_resume(struct reeve_client *c);
void subscribe_tick(struct reeve_client *c);
int64_t subscribe_deadline(const struct reeve_client *c);
/* Frees what is over. */
void subscribe_sweep(struct reeve_client *c);
void subscribe_fini(struct reeve_client *c);

#endif
