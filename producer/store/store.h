/* SPDX-License-Identifier: Apache-2.0
 *
 * store: where rows of ended jobs live. A thread of its own and a backend behind a table of
 * functions (memory here; others later). The caller hands over operations in order and reads
 * answers; both are batched: what waits is handed over as one, the thread works it off and commits
 * once.
 *
 * All functions below are the caller's side, called from one thread.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "common/buf.h"
#include "proto/errors.h"

struct store;

struct store_limits {                             /* 0: the default */
    uint64_t history_rows_max, history_bytes_max; /* results that were fetched: 100,000, 256 MiB */
    uint64_t results_rows_max, results_bytes_max; /* results that were not: 1,000,000, 1 GiB */
    int64_t results_ms;                           /* nobody fetched it for so long: 1 h */
};

enum store_answer_type {
    STORE_FOUND, /* rows for a ticket */
    STORE_KEPT,  /* how full it is */
};

struct store_answer {
    enum store_answer_type type;
    uint64_t ticket, next;
    struct bytes rows; /* lent until the next store_next */
    uint64_t kept;
    bool full;
};

/* what: "memory". NULL for what is not known. */
struct store *store_open(const char *what, const struct store_limits *limits);
void store_close(struct store *s); /* works off what was handed over first; NULL is fine */
bool store_durable(const struct store *s);

void store_append(struct store *s, uint64_t id, unsigned state, bool settled, struct bytes row);
void store_settle(struct store *s, uint64_t id, uint64_t count);
void store_find(struct store *s, uint64_t ticket, uint64_t id);
void store_list(struct store *s, uint64_t ticket, unsigned state, struct bytes queue,
                uint64_t after, uint64_t limit);

/* At the end of a turn: hands over what waits when somebody waits for an answer, when it is much,
 * or when it has waited for a while (now_ms tells). */
void store_flush(struct store *s, int64_t now_ms);

/* Readable when there are answers; then call store_next until it says false. */
int store_fd(const struct store *s);
bool store_next(struct store *s, struct store_answer *out);

#endif
