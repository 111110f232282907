/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: reads a table of pieces block by block, up or down, and gives the living rows of each. The
 * writing and the reading connection have scans of their own.
 */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "producer/store/db.h"
#include "producer/store/shelf.h"

/* The tables of pieces. A mark stands beside a piece unless all its rows live and none is settled.
 */
enum table_name { TABLE_OPEN, TABLE_ENDED, TABLES };
extern const struct table_text {
    const char *name;
    char letter; /* in its sums */
} table_texts[TABLES];

uint32_t mark_sum(enum table_name table, uint64_t key, uint64_t live, uint64_t settled);

struct scan_piece {
    uint64_t key;
    int64_t at_ms;
    struct shelf_state state;
    bool unreadable;   /* its directory does not fit: rows unknown */
    uint64_t damaged;  /* living rows that do not fit their sum */
    bool mark_damaged; /* then all rows count as living that live in no other piece */
};

struct scan {
    struct db *db;
    enum table_name table;
    sqlite3_stmt *up, *down, *now; /* now: under way, or NULL */
    bool ahead;                    /* now stands on a row of the next block */
    uint64_t wanted;               /* bits of rows in each block */
    struct buf bytes;              /* of rows */
    size_t at[BLOCK_IDS];          /* where each is in them */
    uint8_t of[BLOCK_IDS];         /* the piece each is of */
    /* the block */
    uint64_t block;
    uint64_t have; /* bits of rows that live, are sound and wanted */
    struct piece_row rows[BLOCK_IDS];
    struct scan_piece pieces[BLOCK_IDS];
    unsigned pieces_count;
};

void scan_init(struct scan *s, struct db *db, enum table_name table);
void scan_fini(struct scan *s);
/* Begins with the blocks from that of low to that of high. */
void scan_start(struct scan *s, uint64_t low, uint64_t high, bool down);
bool scan_next(struct scan *s); /* false at the end, or on an error of the db */
/* Only the block of id, and of its rows only that one; false: it is not there. */
bool scan_find(struct scan *s, uint64_t id);
void scan_stop(struct scan *s); /* no transaction is left open by it */

static inline uint64_t scan_id(const struct scan *s, unsigned slot)
{
    return s->block * BLOCK_IDS + slot;
}

#endif
