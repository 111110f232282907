/* SPDX-License-Identifier: Apache-2.0
 *
 * picture: the farm at one moment, as the broker's answers tell it record by record: what it says
 * of itself, its queues, its workers with their slots, the newest sessions; and the rates since an
 * earlier picture. It asks nobody. Pure.
 */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include "proto/record.h"

enum {
    PICTURE_SESSIONS = 50, /* asked for one by one: so many are shown */
    PICTURE_WORDS = 40,
    PACE_LEAST_MS = 900,   /* a rate over less is noise */
    PACE_MOST_MS = 600000, /* what was counted that long ago says nothing of now */
};

/* How fast a counter counts. */
struct pace {
    int64_t since_ms; /* when it stood at count; 0: never */
    uint64_t count;
    double rate; /* a second; below 0: not known yet */
};
/* now and count are the newest; `before` may be NULL. */
struct pace pace_next(const struct pace *before, uint64_t count, int64_t now_ms);

struct picture_queue {
    char name[QUEUE_NAME_MAX + 1];
    bool held;
    uint64_t ready, running, delayed, workers, run_us, oldest_ms, ended;
    struct pace finished;
};

struct picture_slot {
    uint64_t index, pid, job;
    unsigned state;
    char queue[QUEUE_NAME_MAX + 1];
};

struct picture_worker {
    char name[NAME_BYTES_MAX + 1], host[NAME_BYTES_MAX + 1];
    uint64_t pid, slots, since_ms;
    unsigned state;
    size_t first, slot_count; /* in the picture's slots */
    size_t busy;              /* slots that run something */
};

struct picture_session {
    uint64_t id, submitted_ms, iteration;
    unsigned state; /* 0: not told yet */
    bool has_best;
    double best;
    char method[PICTURE_WORDS], model[PICTURE_WORDS];
};

struct picture { /* zeroed storage is an empty one */
    bool come;   /* the status has */
    struct msg_status status;
    char release[PICTURE_WORDS];
    struct pace submitted, finished;
    struct picture_queue *queues;
    struct picture_worker *workers;
    struct picture_slot *slots;
    struct picture_session *sessions;
    size_t queue_count, worker_count, slot_count, session_count;
};

void picture_clear(struct picture *p);
void picture_fini(struct picture *p);

/* One answer to get_status, list_queues, list_workers, list_jobs (sessions, newest first) or
 * get_session; any other record changes nothing. */
void picture_take(struct picture *p, const struct record *answer);
/* What an earlier picture knows of session i, when that has ended and so cannot have changed. */
bool picture_recall(struct picture *p, size_t i, const struct picture *before);
/* All has come: queues are put into the order of their names, and the rates are told. before: the
 * picture shown until now, an empty one at first. */
void picture_close(struct picture *p, const struct picture *before, int64_t now_ms);

#endif
