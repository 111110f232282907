/* SPDX-License-Identifier: Apache-2.0
 *
 * table: the writing side of a table of pieces. Keeps the shelf and the table alike: both change
 * within a transaction of the connection, which the caller opens and ends.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "producer/store/scan.h"

struct table {
    struct db *db;
    enum table_name name;
    struct shelf shelf;
    struct scan scan;
    sqlite3_stmt *put, *drop, *get, *mark, *unmark, *aside;
    struct buf blob;
    uint64_t damaged, damaged_before; /* rows set aside; before the transaction */
};

void table_init(struct table *t, struct db *db, enum table_name name);
void table_fini(struct table *t);

/* Takes a piece that a scan has found onto the shelf; before any transaction. */
void table_load(struct table *t, const struct scan_piece *p);

/* The rows lie in one block, by slot; ids that live elsewhere must have been dropped before. */
void table_put(struct table *t, const struct piece *piece, uint64_t block, uint64_t settled);
void table_drop(struct table *t, uint64_t id);
void table_drop_rows(struct table *t, struct shelf_piece *p, uint64_t bits);
void table_settle(struct table *t, uint64_t id, uint64_t count);
/* Sets aside what is damaged in pieces (keys: u64 each), and writes the rest of them again. */
void table_heal(struct table *t, const struct buf *keys);
/* Writes what has changed in pieces; then the transaction ends, and the table is told how. */
void table_end(struct table *t);
void table_keep(struct table *t);
void table_undo(struct table *t);

#endif
