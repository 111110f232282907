/* SPDX-License-Identifier: Apache-2.0
 *
 * store: where rows live (producer/core/row.h tells what they are). A thread of its own and a
 * backend behind a table of functions: memory, or a folder with an SQLite database. The caller
 * hands over operations in order and reads answers; both are batched: what waits is handed over as
 * one, the thread works it off and commits once, and says up to where all is kept.
 *
 * All functions below are the caller's side, called from one thread.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "producer/core/row.h"

struct store;

struct store_limits {                             /* 0: the default */
    uint64_t history_rows_max, history_bytes_max; /* results that were fetched: 100,000, 256 MiB */
    int64_t history_ms;                           /* since they ended: 7 days */
    uint64_t results_rows_max, results_bytes_max; /* results that were not: 1,000,000, 1 GiB */
    int64_t results_ms;                           /* nobody fetched it for so long: 24 h */
    uint64_t free_bytes_min;                      /* of the disk: 256 MiB, and at least 5 % */
    uint64_t here_us; /* commits that take less an idle caller makes itself: 1,000 */
};

enum store_condition {
    STORE_OPEN,
    STORE_CROWDED,   /* no room for another result that nobody has fetched */
    STORE_DISK_LOW,  /* below the watermark: takes no new job, finishes what it has */
    STORE_DISK_FULL, /* nothing can be written now; what was handed over waits */
};

/* For the log and for people: "open", "disk full", ... */
const char *store_condition_text(enum store_condition condition);

enum store_answer_type {
    STORE_DONE,  /* all up to seq is kept; outcome speaks of seq itself */
    STORE_FOUND, /* rows for a ticket */
    STORE_STATE, /* condition, kept, bytes, commit_us, damaged */
    STORE_BROKEN /* the disk failed (text): nothing more is kept, the process must end */
};

struct store_answer {
    enum store_answer_type type;
    uint64_t seq;
    enum row_outcome outcome;
    uint64_t ticket, next; /* next: what to give a list as `after` to go on; 0 at the end */
    struct bytes rows;     /* lent until the next store_next */
    enum store_condition condition;
    uint64_t kept, bytes, commit_us; /* ended jobs; size of the files, or of the rows in memory; a
                                        commit's mean time */
    uint64_t damaged;                /* rows set aside since the start, of store_load's too */
    const char *text;                /* lent like rows */
};

/* What a start finds. */
struct store_found {
    uint32_t incarnation; /* already kept: larger than that of any start before */
    uint64_t last_id;     /* no job has had a higher one */
};

/* where: "memory" or a folder, which is made when it is not there. sessions: a folder for a text
 * file of each session that has lines, which is made when one has; NULL: no such files. NULL is
 * returned: why (a line for people) says what is wrong: in use by another broker, of another
 * format, damaged, no such folder. */
struct store *store_open(const char *where, const char *sessions, const struct store_limits *limits,
                         int64_t wall_ms, struct store_found *found, char *why, size_t why_size);
void store_close(struct store *s); /* works off what was handed over first; NULL is fine */
bool store_durable(const struct store *s);

/* Every row of the start, once, before the first store_flush: ROW_MARK, ROW_WORKER, ROW_CLIENT,
 * ROW_KEY, ROW_QUEUE, ROW_TASK, ROW_JOINED, then ROW_JOB and then those ROW_ENDED that nobody has
 * fetched, by id. Stops when take says so. Damaged rows are not given but set aside (kept in a
 * table of their own) and counted in *damaged; why names the first. Returns rows given, or -1: it
 * cannot be read at all (why), the store is of no use. Lines are not given, but the files of
 * sessions are made right. */
typedef bool store_take(void *user, const struct row_key *key, struct bytes row);
int64_t store_load(struct store *s, store_take *take, void *user, uint64_t *damaged, char *why,
                   size_t why_size);

/* Row by row, in order; the file of a session has its lines before they are told kept. seq grows by
 * one each. The ended job's state is for lists; settled: nobody waits for its result. */
void store_put(struct store *s, uint64_t seq, const struct row_key *key, struct bytes row,
               unsigned state, bool settled);
void store_drop(struct store *s, uint64_t seq, const struct row_key *key);
/* The results of ids id..id+count-1 have been fetched: first to go when room is short. */
void store_settle(struct store *s, uint64_t seq, uint64_t id, uint64_t count);
/* Answered STORE_FOUND, after all that was handed over before is kept, in any order. Ended jobs
 * only. */
void store_find(struct store *s, uint64_t ticket, uint64_t id);
/* At most limit rows, and no more than LIST_BYTES_MAX but for one; newest first. state 0, no queue:
 * any; after 0: from the newest. */
enum { LIST_BYTES_MAX = 4 << 20 };
void store_list(struct store *s, uint64_t ticket, unsigned state, struct bytes queue,
                uint64_t after, uint64_t limit);

/* At the end of a turn: hands over what waits. A durable backend gets it at once; one that is not
 * gets it when somebody waits for an answer or may look into a file, when it is much, or when it
 * has waited for a while (now_ms tells). The thread starts with the first.
 * idle: the caller has nothing else to do, so that it may keep a little itself, while commits are
 * quick (here_us). True: what was waiting is its own to keep, by store_keep, next. */
bool store_flush(struct store *s, int64_t now_ms, bool idle);

/* After a store_flush that said so, once. It takes as long as the disk does; meanwhile another
 * thread may call all the rest, and is never idle. There may be answers then of which store_fd does
 * not tell. What the disk does not take now the thread tries again. */
void store_keep(struct store *s);

/* Readable when there are answers; then call store_next until it says false. */
int store_fd(const struct store *s);
bool store_next(struct store *s, struct store_answer *out);

#endif
