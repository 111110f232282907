/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve/client.h: hand in jobs, wait for them, watch them.
 *
 *     struct reeve_client *c;
 *     struct reeve_result r;
 *     if (reeve_connect(&c, NULL, 5000) == 0 &&
 *         reeve_call_json(c, "calculator.calculate", "[2, \"+\", 2]", 10000, &r) == 0)
 *         puts(r.text);
 *     reeve_close(c);
 *
 * One client is used by one thread at a time. It has one file descriptor and one dispatch
 * function, so it fits any event loop; the blocking calls are built on those two. A lost
 * connection is made again by itself: what was not settled is submitted again under its number,
 * which makes no second job. A broker that was started anew without what it knew gets it as new
 * jobs: so a job of class `received` runs at least once, one of class `durable` is not run again.
 *
 * Functions that can fail return 0 or a REEVE_E... code; reeve_error says it in words.
 */
#ifndef REEVE_CLIENT_H
#define REEVE_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <reeve/value.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct reeve_client;

/* The codes of proto/errors.h, those a caller can meet. */
enum reeve_code {
    REEVE_OK = 0,
    REEVE_EVERSION = 2,
    REEVE_EINVALID = 5,
    REEVE_EUNKNOWN_JOB = 6,
    REEVE_EUNKNOWN_HANDLER = 7,
    REEVE_EUNKNOWN_QUEUE = 8,
    REEVE_EUNKNOWN_WORKER = 9,
    REEVE_EBUSY = 10,
    REEVE_ETOO_LARGE = 11,
    REEVE_EKEY_TAKEN = 12,
    REEVE_ENOT_DURABLE = 13,
    REEVE_EENDED = 15,
    REEVE_ENOT_ENDED = 16,
    REEVE_EFORGOTTEN = 17,
    REEVE_EUNREACHABLE = 18,
    REEVE_ETIMEOUT = 19,
    REEVE_EIO = 20,
    REEVE_EINTERRUPTED = 21, /* a signal came while the call waited */
    REEVE_EDISK_FULL = 22,   /* the broker's: worth trying again later */
    REEVE_ENO_SESSION = 23,  /* the job is none */
    REEVE_EPAUSED = 24,
    REEVE_ENOT_PAUSED = 25,
    REEVE_ENOT_ASKING = 26,
    REEVE_EUNKNOWN_TASK = 27,
    REEVE_EUNKNOWN_FEED = 28,
    REEVE_EDENIED =
        29, /* the broker does not let us in, or not do this; or our identity is no good */
    REEVE_EQUOTA = 30, /* more than our key allows */
};

enum reeve_state {
    REEVE_WAITING = 1,
    REEVE_DELAYED,
    REEVE_HELD,
    REEVE_RUNNING,
    REEVE_BACKOFF,
    REEVE_JOB_OK, /* from here on ended, up to expired */
    REEVE_FAILED,
    REEVE_DEAD,
    REEVE_CANCELLED,
    REEVE_EXPIRED,
    REEVE_PAUSED, /* of sessions, which wait without a slot: to be resumed, */
    REEVE_ASKING, /* for a word, */
    REEVE_FORKED, /* for their children */
};

enum reeve_durability { REEVE_DEFAULT, REEVE_RECEIVED, REEVE_DURABLE };
enum reeve_kind { REEVE_ONCE, REEVE_SESSION };

/* Connects to the clients' port. address NULL: $REEVE_BROKER, else tcp://127.0.0.1:7710. Waits up
 * to timeout_ms (-1: for ever) for the broker's welcome; REEVE_EUNREACHABLE when it does not come.
 * On success *out is the caller's, to be closed with reeve_close. */
int reeve_connect(struct reeve_client **out, const char *address, int timeout_ms);

struct reeve_options { /* zero is the default of each */
    const char *address;
    /* The file with our key, as `reeve keys new` makes it, for a broker that asks for one. NULL:
     * $REEVE_IDENTITY, else identity in $CREDENTIALS_DIRECTORY when it is there, else none; "":
     * none.
     */
    const char *identity;
};
/* The same with options. REEVE_EDENIED when the broker does not know the key, or the file cannot be
 * believed; a client that was connected tries again every 2 s, and dispatch returns that code for
 * each refusal. */
int reeve_connect_with(struct reeve_client **out, const struct reeve_options *options,
                       int timeout_ms);

/* Sends what waits (up to a second), says goodbye, frees. Jobs go on. NULL is fine. */
void reeve_close(struct reeve_client *c);

/* The last failure of this client in words; lent until the next call. NULL: of this thread's last
 * reeve_connect. */
const char *reeve_error(const struct reeve_client *c);

/* 1 while the broker answers; 0 while it is looked for. */
int reeve_connected(const struct reeve_client *c);

/* --- jobs ------------------------------------------------------------------------------------- */
struct reeve_job_options { /* zero is the default of each */
    int priority;          /* -100 .. 100, higher first */
    uint64_t delay_ms;     /* not before */
    uint64_t deadline_ms;  /* ended by then, or expired */
    uint64_t timeout_ms;   /* limit of one attempt */
    int retries;           /* 0: not said; n + 1: n retries when the handler fails */
    const char *key;       /* same key, same body: the same job */
    enum reeve_durability durability;
    int wait_for_handler; /* accept although no worker has ever offered it */
    enum reeve_kind kind; /* REEVE_SESSION: runs again and again, see below */
    const char *tags;     /* "gpu=1,zone=eu": only a worker that has all of these runs it */
    int refuse_busy;      /* REEVE_EBUSY, REEVE_EDISK_FULL and REEVE_EQUOTA are results too; not
                             said: the job is handed in again until it is taken */
    int together;         /* one of many: nobody waits for its result alone, so it may come with
                             others, 10 ms later at most */
};

struct reeve_result {
    uint64_t number; /* of the submission */
    uint64_t id;     /* of the job; 0 when it was refused */
    int code;        /* REEVE_OK: the job was accepted and has ended; else why it was refused */
    enum reeve_state state;
    const void *value; /* msgpack, lent; for failed and dead jobs the error text */
    size_t size;
    const char *text;   /* the value for people, or the refusal; lent; ends in 0 */
    const char *worker; /* where it ran last, lent */
    const char *reason; /* "" or why it did not go well: "error", "signal 11", ...; lent */
    uint64_t run_us;
    unsigned attempts;
    size_t text_size; /* of text, in which a 0 may stand */
};

/* Called from reeve_dispatch (or a blocking call) when the job has ended or was refused. What the
 * result lends ends with the call. The client may be used inside, but not closed. */
typedef void reeve_on_result(void *user, const struct reeve_result *result);
/* The job has its id. Called once more, with another id, when the broker had to be given it
 * anew. */
typedef void reeve_on_accepted(void *user, uint64_t number, uint64_t id);

/* Hands in a job; args is a msgpack array (copied), options may be NULL, the callbacks may be
 * NULL. Returns at once; the record leaves with the next dispatch or flush, together with
 * others. *number (may be NULL) gets the submission's number. REEVE_EINVALID, REEVE_ETOO_LARGE. */
int reeve_submit(struct reeve_client *c, const char *method, const void *args, size_t size,
                 const struct reeve_job_options *options, reeve_on_accepted *accepted,
                 reeve_on_result *result, void *user, uint64_t *number);

/* Submissions that have not ended yet. */
size_t reeve_pending(const struct reeve_client *c);

/* Sends what waits now, as far as it can without waiting. */
int reeve_flush(struct reeve_client *c);
/* A descriptor to poll for reading; when it fires, or at least every 500 ms, call dispatch. */
int reeve_fd(const struct reeve_client *c);
/* Sends what waits, takes what has come, calls back. Waits up to timeout_ms for something to come
 * (0: not at all, -1: for ever); that nothing came is no failure. A lost connection is none
 * either: see reeve_connected. */
int reeve_dispatch(struct reeve_client *c, int timeout_ms);

/* Submit, wait, result. The result is lent until the next call on this client. REEVE_ETIMEOUT,
 * REEVE_EUNREACHABLE (the time has passed and no broker answers) and REEVE_EINTERRUPTED leave the
 * job running. A refusal is returned as its code, with the result filled in. The return value is
 * about the call; whether the job went well is in result->state. */
int reeve_call(struct reeve_client *c, const char *method, const void *args, size_t size,
               const struct reeve_job_options *options, int timeout_ms,
               struct reeve_result *result);
/* The same with the arguments as a JSON array. */
int reeve_call_json(struct reeve_client *c, const char *method, const char *args_json,
                    int timeout_ms, struct reeve_result *result);
/* Waits for any job by id. */
int reeve_wait(struct reeve_client *c, uint64_t id, int timeout_ms, struct reeve_result *result);
int reeve_cancel(struct reeve_client *c, uint64_t id, int timeout_ms);

/* "01h2...": 13 characters and a closing 0. reeve_job_id_parse gives 0 for what is not an id. */
void reeve_job_id_format(uint64_t id, char text[14]);
uint64_t reeve_job_id_parse(const char *text);
const char *reeve_state_name(enum reeve_state state);

/* --- sessions ---------------------------------------------------------------------------------
 * A session is a job that runs again and again: reeve_submit with kind REEVE_SESSION. Its result
 * comes when it is over; until then every client that knows its id may steer it and watch
 * session/ID. How one is written stands in reeve/handler.h.
 *
 * The requests return at once and call back, from reeve_dispatch or a blocking call, with the
 * broker's answer. One whose answer was lost with the connection is made again by itself: where
 * that finds the session as it was to become, it is REEVE_OK. reeve_close sends what waits, and
 * calls nobody back. */
enum reeve_session_state {
    REEVE_SESSION_CREATED = 1, /* it has done nothing but ask for its first word, or not that yet */
    REEVE_SESSION_RUNNING,
    REEVE_SESSION_PAUSED,
    REEVE_SESSION_FINISHED, /* from here on: ended */
    REEVE_SESSION_STOPPED,
    REEVE_SESSION_FAILED,
};
const char *reeve_session_state_name(enum reeve_session_state state);

struct reeve_session {
    uint64_t id;
    int code; /* REEVE_OK; else why the request was refused, and of the rest only text holds */
    enum reeve_session_state state;
    enum reeve_state job_state;
    uint64_t iteration; /* how many are over */
    const char *queue;  /* handler.method; lent, as all below */
    const void *view;   /* a msgpack map: what the last iteration showed; view_size 0: nothing */
    size_t view_size;
    const void *value; /* msgpack: what a finished one came to, why a failed one failed */
    size_t size;
    const char *text;                /* the value for people, or the refusal; ends in 0 */
    const char *reason;              /* "" or why it did not go well: "error", "signal 11", ... */
    uint64_t submitted_ms, ended_ms; /* since 1970 */
};

/* text: the refusal in words, lent for the call; "" for REEVE_OK. */
typedef void reeve_on_done(void *user, int code, const char *text);
/* What the session lends ends with the call. */
typedef void reeve_on_session(void *user, const struct reeve_session *session);

/* Answers a session that asks: value is one msgpack value of at most 1 MiB (copied; size 0: nil).
 * iteration: how many were over when it asked, as reeve_session and the updates say it; so a word
 * that is said twice counts once, and never for another question. Callbacks may be NULL.
 * REEVE_EINVALID, REEVE_ETOO_LARGE; the rest comes to the callback: REEVE_ENOT_ASKING, and as for
 * all of these REEVE_EUNKNOWN_JOB, REEVE_ENO_SESSION, REEVE_EENDED. */
int reeve_tell(struct reeve_client *c, uint64_t id, uint64_t iteration, const void *value,
               size_t size, reeve_on_done *done, void *user);
/* No further iteration begins; the one under way is kept. REEVE_EPAUSED. */
void reeve_pause(struct reeve_client *c, uint64_t id, reeve_on_done *done, void *user);
/* It goes on from where it is. REEVE_ENOT_PAUSED. */
void reeve_resume(struct reeve_client *c, uint64_t id, reeve_on_done *done, void *user);
/* Forgets an ended session or job; an open session is stopped first, with its children.
 * REEVE_ENOT_ENDED for an open job. */
void reeve_drop(struct reeve_client *c, uint64_t id, reeve_on_done *done, void *user);
void reeve_get_session(struct reeve_client *c, uint64_t id, reeve_on_session *session, void *user);

/* The same with waiting: the code of the answer, or REEVE_ETIMEOUT, REEVE_EUNREACHABLE,
 * REEVE_EINTERRUPTED, after which the request may still come to pass. */
int reeve_tell_wait(struct reeve_client *c, uint64_t id, uint64_t iteration, const void *value,
                    size_t size, int timeout_ms);
int reeve_pause_wait(struct reeve_client *c, uint64_t id, int timeout_ms);
int reeve_resume_wait(struct reeve_client *c, uint64_t id, int timeout_ms);
int reeve_drop_wait(struct reeve_client *c, uint64_t id, int timeout_ms);
/* The session is lent until the next call on this client. */
int reeve_get_session_wait(struct reeve_client *c, uint64_t id, int timeout_ms,
                           struct reeve_session *session);

/* --- updates ---------------------------------------------------------------------------------- */
struct reeve_update {
    const char *topic;         /* lent */
    uint64_t incarnation, seq; /* seq counts up by 1 within an incarnation */
    const char *event; /* "state", ...; "snapshot" for where a watch begins, "lost" for a gap */
    const void *body;  /* the msgpack map, lent */
    size_t size;
};
typedef void reeve_on_update(void *user, const struct reeve_update *update);

/* Watches a topic (job/ID, session/ID, queue/NAME, worker/ID) without gaps, or everything under a
 * prefix that ends in / (no snapshot and no replay there). First comes a "snapshot", then updates
 * in order; what cannot be had any more is told as "lost" with {first, last}, and a snapshot after
 * it. "error" with {error, text} is the last event: there is no such object (any more). Callbacks
 * come from reeve_dispatch or a blocking call.
 *
 * Updates come from the broker's updates' port; over the connection there is where that port is
 * closed to this client, or REEVE_UPDATES=connection stands in the environment of reeve_connect.
 * Then a prefix is REEVE_EINVALID. */
int reeve_subscribe(struct reeve_client *c, const char *topic, reeve_on_update *update, void *user);
int reeve_unsubscribe(struct reeve_client *c, const char *topic);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
