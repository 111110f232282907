/* SPDX-License-Identifier: Apache-2.0
 *
 * states: what a job can be, why it ended, how durable its acceptance is. The numbers are the
 * wire's; they are only ever added to.
 */
#ifndef PROTO_STATES_H
#define PROTO_STATES_H

#include <stdbool.h>
#include <stdint.h>

#define JOB_STATES_LIST(X)                                                                         \
    X(JOB_WAITING, 1, "waiting") /* in its queue, ready */                                         \
    X(JOB_DELAYED, 2, "delayed") /* its delay has not passed */                                    \
    X(JOB_HELD, 3, "held")       /* its queue is held */                                           \
    X(JOB_RUNNING, 4, "running") /* leased to a worker */                                          \
    X(JOB_BACKOFF, 5, "backoff") /* waits before the next attempt */                               \
    X(JOB_OK, 6, "ok")                                                                             \
    X(JOB_FAILED, 7, "failed") /* the handler said so and no retry is left to it */                \
    X(JOB_DEAD, 8, "dead")     /* attempts used up */                                              \
    X(JOB_CANCELLED, 9, "cancelled")                                                               \
    X(JOB_EXPIRED, 10, "expired") /* its deadline passed */                                        \
    X(JOB_PAUSED, 11, "paused")   /* a session's: nobody hands it out */                           \
    X(JOB_ASKING, 12, "asking")   /* a session's: waits for a client's word */                     \
    X(JOB_FORKED, 13, "forked")   /* a session's: waits for its children */

enum job_state {
    JOB_NONE,
#define X(name, number, text) name = number,
    JOB_STATES_LIST(X)
#undef X
        JOB_STATES
};

/* Why an attempt ended other than well. */
#define REASONS(X)                                                                                 \
    X(REASON_NONE, 0, "")                                                                          \
    X(REASON_ERROR, 1, "error")     /* the handler said so; the value is its text */               \
    X(REASON_TIMEOUT, 2, "timeout") /* the attempt's time limit */                                 \
    X(REASON_SIGNAL, 3, "signal")   /* the handler died of a signal; detail: which */              \
    X(REASON_EXIT, 4, "exit")       /* the handler process ended; detail: its status */            \
    X(REASON_OOM, 5, "oom")                                                                        \
    X(REASON_WORKER_LOST, 6, "worker lost")                                                        \
    X(REASON_CANCELLED, 7, "cancelled")                                                            \
    X(REASON_DEADLINE, 8, "deadline")                                                              \
    X(REASON_NO_HANDLER, 9, "no handler") /* the handler program could not be started */           \
    X(REASON_TOO_LARGE, 10, "result too large")                                                    \
    X(REASON_PROTOCOL, 11, "protocol") /* the handler broke the slot protocol */                   \
    X(REASON_SUPERSEDED, 12, "superseded")                                                         \
    X(REASON_VERDICT, 13, "verdict") /* of a session: the value is a verdict, how it goes on */

enum reason {
#define X(name, number, text) name = number,
    REASONS(X)
#undef X
        REASON_COUNT
};

/* What holds a job up, or what became of it (explanation). */
#define WHYS(X)                                                                                    \
    X(WHY_STORING, 1, "storing")       /* the store has not kept its row, or the lease mark */     \
    X(WHY_RECOVERING, 2, "recovering") /* a worker of the broker's life before may hold it */      \
    X(WHY_HELD, 3, "held")                                                                         \
    X(WHY_DELAYED, 4, "delayed")                                                                   \
    X(WHY_BACKOFF, 5, "backoff")                                                                   \
    X(WHY_NO_WORKER, 6, "no-worker")       /* none offers its handler */                           \
    X(WHY_WORKERS_AWAY, 7, "workers-away") /* those that do are draining or silent */              \
    X(WHY_SLOTS_BUSY, 8, "slots-busy")                                                             \
    X(WHY_BEHIND, 9, "behind")      /* others of its queue come first */                           \
    X(WHY_PRIORITY, 10, "priority") /* another queue has more urgent ones */                       \
    X(WHY_SHARE, 11, "share")       /* another queue of equal priority has had less */             \
    X(WHY_LENT, 12, "lent")         /* handed to a worker, not known to have begun */              \
    X(WHY_RUNNING, 13, "running")                                                                  \
    X(WHY_STOPPING, 14, "stopping")                                                                \
    X(WHY_ENDED, 15, "ended")                                                                      \
    X(WHY_PAUSED, 16, "paused")                                                                    \
    X(WHY_ASKING, 17, "asking")                                                                    \
    X(WHY_FORKED, 18, "forked")

enum why {
    WHY_NONE,
#define X(name, number, text) name = number,
    WHYS(X)
#undef X
};

enum durability {
    CLASS_DEFAULT, /* the best the store can give */
    CLASS_RECEIVED,
    CLASS_DURABLE,
};

static inline bool job_ended(enum job_state s)
{
    return s >= JOB_OK && s <= JOB_EXPIRED;
}

/* How people see a session. */
#define SESSION_STATES_LIST(X)                                                                     \
    X(SESSION_CREATED, 1, "created") /* it has asked for a first word, or not yet begun */         \
    X(SESSION_RUNNING, 2, "running")                                                               \
    X(SESSION_PAUSED, 3, "paused")                                                                 \
    X(SESSION_FINISHED, 4, "finished")                                                             \
    X(SESSION_STOPPED, 5, "stopped")                                                               \
    X(SESSION_FAILED, 6, "failed")

enum session_state {
    SESSION_NONE,
#define X(name, number, text) name = number,
    SESSION_STATES_LIST(X)
#undef X
};

/* What an iteration of a session ends with. None of them holds a slot. */
#define VERDICTS(X)                                                                                \
    X(VERDICT_DONE, 1, "done")                                                                     \
    X(VERDICT_CONTINUE, 2, "continue") /* after a delay, or at once */                             \
    X(VERDICT_ASK, 3, "ask")           /* waits for a client's word, and goes on with it */        \
    X(VERDICT_FORK, 4, "fork")         /* waits for its children, and goes on with their results */

enum verdict {
    VERDICT_NONE,
#define X(name, number, text) name = number,
    VERDICTS(X)
#undef X
};

const char *session_state_name(unsigned state);
const char *job_state_name(unsigned state); /* "unknown" when there is no such */
unsigned job_state_parse(const char *name); /* 0 when there is no such */
const char *reason_name(unsigned reason);
const char *durability_name(unsigned durability);
const char *why_name(unsigned why);

/* "signal 11", "exit 3", "timeout": the reason with its detail. Returns text. */
const char *reason_text(unsigned reason, unsigned detail, char text[static 48]);

/* A job's id: u64 = 12 bits broker, 52 bits sequence; for people 13 characters of Crockford's
 * base32 in lower case. job_id_parse gives 0 for what is not one. */
enum { JOB_ID_TEXT = 14 };
const char *job_id_text(uint64_t id, char text[static JOB_ID_TEXT]);
uint64_t job_id_parse(const char *text);

#endif
