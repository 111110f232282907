/* SPDX-License-Identifier: Apache-2.0
 *
 * piece: up to 64 rows of jobs as one blob. Ids are cut into blocks of 64; the rows of a block that
 * come in one commit lie in one piece, since to SQLite a row costs some 2 us however small it is,
 * and jobs that come and end together are neighbours.
 *
 *   version u8, count u8, 0 u16, sum u32, at_ms u64           sum: of this head but for itself, the
 *   count times: slot u8, state u8, 0 u16, size u32, sum u32  directory, the table and the block
 *   count rows                                                sum: of the row, its id, its state
 * and the table
 *
 * All numbers little endian. A sum is a CRC32C: what does not fit is damaged, and never served.
 */
#ifndef STORE_PIECE_H
#define STORE_PIECE_H

#include "common/buf.h"

enum { BLOCK_IDS = 64, PIECE_VERSION = 1 };

struct piece_row {
    uint8_t slot; /* id within its block */
    uint8_t state;
    bool sound; /* its sum fits */
    struct bytes row;
};

struct piece {
    int64_t at_ms; /* when they were kept, wall clock */
    unsigned count;
    struct piece_row rows[BLOCK_IDS]; /* by slot */
};

static inline uint64_t block_of(uint64_t id)
{
    return id / BLOCK_IDS;
}

static inline unsigned slot_of(uint64_t id)
{
    return id % BLOCK_IDS;
}

static inline uint64_t slot_bit(uint64_t id)
{
    return (uint64_t)1 << slot_of(id);
}

/* table: a letter that tells tables apart. Appends to out. */
void piece_write(struct buf *out, char table, uint64_t block, const struct piece *piece);
/* False: not even its directory can be read. Rows borrow the blob. */
bool piece_read(struct bytes blob, char table, uint64_t block, struct piece *out);

#endif
