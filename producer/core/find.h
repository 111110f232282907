/* SPDX-License-Identifier: Apache-2.0
 *
 * find: what is asked about jobs that have ended, and lists, which have those too.
 */
#ifndef CORE_FIND_H
#define CORE_FIND_H

#include "common/buf.h"
#include "producer/core/broker.h"

struct peer;

/* A question that the store answers. */
enum find_kind {
    FIND_WAIT,
    FIND_SUBMITTED, /* the end of a submission that came again */
    FIND_JOB,
    FIND_RETRY,
    FIND_LIST,
    FIND_WATCH,
    FIND_FOLLOW,
    FIND_CANCEL,
    FIND_DROP,
    FIND_EXPLAIN,
    FIND_SESSION,
    FIND_SAY /* to a session that has ended: refused */
};
struct find {
    uint64_t peer, number, id;
    enum find_kind kind;
    struct bytes topic; /* owned, FIND_WATCH and FIND_FOLLOW */
    bool goes_on;       /* likewise: from update id on */
    uint64_t limit;     /* FIND_LIST */
    struct buf bygones; /* FIND_LIST: ids, newest first, to go between what the store has */
};

/* About a job that does not live: answered now when it is a bygone, else by the store. Borrows the
 * question. */
void find_ask(struct broker *b, struct peer *peer, const struct find *ask, uint64_t id);

/* A question for the store; its effect is the caller's to fill. Copies the topic, takes the
 * bygones. */
struct effect *find_put(struct broker *b, const struct peer *peer, const struct find *ask,
                        enum effect_type type);
void find_found(struct broker *b, const struct event *ev);
void find_free(struct find *find);

/* --- lists (job_list.c) --- */

void job_list_ask(struct broker *b, struct peer *peer, const struct msg_list_jobs *ask);
void job_list_found(struct broker *b, struct peer *peer, const struct find *find,
                    struct cursor rows, uint64_t next);

#endif
