/* SPDX-License-Identifier: Apache-2.0
 *
 * backend: what a store is underneath. One thread at a time is in it: the caller's for open, load
 * and close, the store's or the caller's for all else. A change is what put, drop and settle say;
 * changes gather until commit keeps them, all or none. What the disk does is an outcome, never an
 * abort.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "common/must.h"
#include "producer/store/answers.h"

/* A line for people, when something cannot be opened or read. */
struct complaint {
    char *text;
    size_t size;
};
void complain(struct complaint why, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct store_setup {
    const char *where;
    const char *sessions;       /* a folder for their files, or NULL */
    struct store_limits limits; /* no zeros */
    int64_t wall_ms;
    struct answers *answers;   /* where find and list put what they find; they need not ring */
    void (*nudge)(void *user); /* asks for a rest soon; from any thread */
    void *user;
};

struct store_ask {
    bool list;
    uint64_t ticket;
    uint64_t id; /* of a list: after */
    uint64_t limit;
    unsigned state;
    struct bytes queue;
};

struct store_report {
    enum store_condition condition;
    uint64_t kept, bytes, damaged;
    int64_t retry_ms;   /* VERDICT_WAIT: commit again after so long */
    const char *broken; /* VERDICT_BROKEN: what is; lent */
};

enum store_verdict {
    VERDICT_KEPT,
    VERDICT_WAIT,  /* not now: the changes stand, and commit is to be called again */
    VERDICT_BROKEN /* for good */
};

struct store_backend {
    const char *name;
    bool durable;
    void *(*open)(const struct store_setup *setup, struct store_found *found, struct complaint why);
    void (*close)(void *self);
    int64_t (*load)(void *self, store_take *take, void *user, uint64_t *damaged,
                    struct complaint why);
    /* Borrow until the commit that keeps them. */
    void (*put)(void *self, const struct row_key *key, struct bytes row, unsigned state,
                bool settled);
    void (*drop)(void *self, const struct row_key *key);
    void (*settle)(void *self, uint64_t id, uint64_t count);
    enum store_verdict (*commit)(void *self, int64_t now_ms, struct store_report *report);
    /* Is the next commit no more work than its changes? */
    bool (*quick)(const void *self);
    /* Nothing has come for a while, or it was nudged: what may be done then. No changes wait. */
    enum store_verdict (*rest)(void *self, int64_t now_ms, struct store_report *report);
    /* Answers now, or from a thread of its own; borrows for the call. */
    void (*ask)(void *self, const struct store_ask *ask);
};

extern const struct store_backend memory_backend, sqlite_backend;

/* Larger than that of any start before; tenths of a second since 2025 unless the clock went back.
 */
uint32_t store_incarnation(int64_t wall_ms, uint32_t last);

/* Is it the row of a job of that queue? */
bool row_of_queue(struct bytes row, struct bytes queue);

#endif
