/* SPDX-License-Identifier: Apache-2.0
 *
 * batch: the changes of one commit, put together: of what is said several times about the same row
 * only the last is left, and a job that comes and ends in one batch is only its end; lines are
 * added up. Borrows names and rows. Pure.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "producer/core/row.h"

enum batch_fate { FATE_LEAVE, FATE_PUT, FATE_DROP };

/* What becomes of the rows of a job. */
struct batch_job {
    uint64_t id;
    enum batch_fate open, ended;
    bool forgotten; /* a drop was said: the id may be in no row from now on */
    bool settled;
    uint8_t state;
    uint32_t place; /* of the end among the changes */
    struct bytes open_row, ended_row;
    bool lines_dropped;      /* those it had before the batch */
    size_t lines, lines_end; /* among the changes: where lines are added; none: both 0 */
};

struct batch_name {
    enum row_kind kind;
    enum batch_fate fate;
    struct bytes name, row;
};

struct batch_range {
    uint64_t id, count;
    uint32_t place; /* changes said before it */
};

struct batch_change;

struct batch {
    uint32_t place; /* changes said so far */
    struct batch_change *job_changes, *name_changes;
    size_t job_changes_count, job_changes_capacity, name_changes_count, name_changes_capacity;
    /* after batch_seal, until the next change */
    bool sealed;
    struct batch_job *jobs; /* by id */
    size_t jobs_count, jobs_capacity;
    struct batch_name *names; /* by kind and name */
    size_t names_count, names_capacity;
    struct batch_range *ranges; /* to settle, in rows that were there before the batch */
    size_t ranges_count, ranges_capacity;
};

void batch_fini(struct batch *b);
void batch_put(struct batch *b, const struct row_key *key, struct bytes row, unsigned state,
               bool settled);
void batch_drop(struct batch *b, const struct row_key *key);
void batch_settle(struct batch *b, uint64_t id, uint64_t count);
/* The lines that are added, in the order they were said. */
void batch_lines(const struct batch *b, const struct batch_job *job, struct buf *out);
/* Fills jobs, names, ranges: nothing more is said until batch_clear, unless it is empty. Again is
 * fine. */
void batch_seal(struct batch *b);
void batch_clear(struct batch *b);

static inline bool batch_empty(const struct batch *b)
{
    return !b->place && !b->ranges_count;
}

#endif
