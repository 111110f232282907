/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf: what the pieces of a table hold, in memory and without the rows: which of their ids still
 * live, which were settled, how much that is together. Changes stand on trial until shelf_keep or
 * shelf_undo, as the transaction they belong to. Pure: knows no disk.
 */
#ifndef STORE_SHELF_H
#define STORE_SHELF_H

#include "common/list.h"
#include "common/map.h"
#include "producer/store/piece.h"

/* Bits are by slot. */
struct shelf_state {
    uint64_t rows;    /* in the blob */
    uint64_t live;    /* of them; the others were replaced or dropped */
    uint64_t settled; /* of the live ones */
    uint64_t bytes;   /* of the blob */
    bool marked;      /* a mark in its table says which live and which are settled */
};

struct shelf_piece {
    uint64_t key; /* of its row in the table: an id of its block, of no other piece there */
    int64_t at_ms;
    struct shelf_state now, before; /* before: the trial, when it is on shelf::tried */
    struct shelf_piece *next;       /* of the same block */
    struct link waiting; /* shelf::waiting, in the order of coming, while a row is not settled */
    struct link settled; /* shelf::settled, in the order of settling, while a row is */
    struct link tried;   /* shelf::tried */
    bool made;           /* by this trial */
};

/* Bytes are exact when all rows of a piece are of a kind, else in proportion. */
struct shelf_counts {
    uint64_t rows, bytes, settled_rows, settled_bytes;
};

struct shelf {
    struct idmap blocks; /* by block + 1: the first of its pieces */
    struct link waiting, settled, tried;
    struct shelf_counts counts;
};

void shelf_init(struct shelf *s);
void shelf_fini(struct shelf *s);

/* The piece in which id lives, or NULL. */
struct shelf_piece *shelf_find(const struct shelf *s, uint64_t id);
struct shelf_piece *shelf_block(const struct shelf *s, uint64_t block); /* the first, or NULL */
/* A key of id's block that no living piece has: id itself when it can be. */
uint64_t shelf_free_key(const struct shelf *s, uint64_t id);

/* As found on disk: not a trial. */
struct shelf_piece *shelf_load(struct shelf *s, uint64_t key, int64_t at_ms,
                               const struct shelf_state *state);
/* After all are loaded: brings the lists into the order in which the pieces came. */
void shelf_sort(struct shelf *s);
struct shelf_piece *shelf_make(struct shelf *s, uint64_t key, int64_t at_ms,
                               const struct shelf_state *state);
/* A piece without living rows is gone once that is kept. */
void shelf_set(struct shelf *s, struct shelf_piece *p, const struct shelf_state *state);
void shelf_keep(struct shelf *s);
void shelf_undo(struct shelf *s);

static inline unsigned bits_count(uint64_t bits)
{
    return (unsigned)__builtin_popcountll(bits);
}

/* The lowest n of them. */
uint64_t bits_lowest(uint64_t bits, uint64_t n);

#endif
