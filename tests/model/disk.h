/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: a store as the core sees one, without a disk: rows that were put and are not committed,
 * rows that are, and a crash that forgets the first. For the step tests and the simulator.
 */
#ifndef MODEL_DISK_H
#define MODEL_DISK_H

#include "common/list.h"
#include "common/map.h"
#include "producer/core/broker.h"

struct disk_row {
    struct row_key key; /* name owned */
    struct buf bytes;
    uint64_t sum; /* of bytes, as they were put: one that no longer fits is not given to anybody */
    uint8_t state;
    bool settled;
    struct link link; /* disk::rows[kind], in the order of their first commit */
};

struct disk {
    struct link waiting; /* orders that are not committed */
    uint64_t put_seq, kept_seq;
    struct link rows[ROW_KINDS];
    struct idmap by_id[ROW_KINDS]; /* of jobs, open and ended */
    uint64_t damaged;              /* rows found so and set aside, so far */
    uint64_t last_id;              /* the highest of any job that was ever kept */
};

void disk_init(struct disk *d);
void disk_fini(struct disk *d);

/* FX_PUT, FX_DROP, FX_SETTLE: in the order of their seq, which must go on from the one before. */
void disk_order(struct disk *d, const struct effects *fx, const struct effect *e);
/* Commits orders up to seq; returns the last one committed. */
uint64_t disk_commit(struct disk *d, uint64_t seq);
/* What is not committed is gone, and the numbers begin anew. */
void disk_crash(struct disk *d);

struct disk_row *disk_ended(const struct disk *d, uint64_t id); /* NULL: no such row */
struct disk_row *disk_open(const struct disk *d, uint64_t id);
struct bytes disk_lines(const struct disk *d, uint64_t id); /* of a session's file */
void disk_forget(struct disk *d, struct disk_row *row);

/* Every row that a start gets, in its order. A damaged one is set aside. */
void disk_load(struct disk *d, void (*take)(void *user, const struct disk_row *row), void *user);

/* Bytes change under it; unnoticed: and its sum still fits. */
void disk_damage(struct disk_row *row, bool unnoticed);
/* The rows of ended jobs that are asked for, damaged or not, are answered from here. */
bool disk_row_good(const struct disk_row *row);

#endif
