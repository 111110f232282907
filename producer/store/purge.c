/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/purge.h"

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t above(uint64_t is, uint64_t max)
{
    return is > max ? is - max : 0;
}

/* How many settled rows must go, told from the piece they are taken from; of what is too old, all
 * of it. */
static uint64_t history_over(const struct table *t, const struct lines *lines,
                             const struct store_limits *l, const struct shelf_piece *p,
                             int64_t wall_ms)
{
    const struct shelf_counts *c = &t->shelf.counts;
    uint64_t rows = above(c->settled_rows, l->history_rows_max);
    uint64_t bytes = above(c->settled_bytes + lines->settled_bytes, l->history_bytes_max);
    uint64_t row_bytes = max_of(p->now.bytes / bits_count(p->now.rows), 1);
    if (wall_ms - p->at_ms >= l->history_ms)
        return UINT64_MAX;
    if (bytes && lines->settled_bytes) /* it may be a session, with far more than its row */
        return max_of(rows, 1);
    return max_of(rows, (bytes + row_bytes - 1) / row_bytes);
}

static uint64_t drop(struct table *t, struct lines *lines, struct shelf_piece *p, uint64_t bits,
                     uint64_t *left)
{
    uint64_t first = block_of(p->key) * BLOCK_IDS;
    uint64_t highest = first + 63 - (unsigned)__builtin_clzll(bits);
    *left -= bits_count(bits);
    for (uint64_t b = bits; b && lines->sessions.count; b &= b - 1)
        lines_drop(lines, first + (unsigned)__builtin_ctzll(b));
    table_drop_rows(t, p, bits);
    return highest;
}

uint64_t purge_ended(struct table *t, struct lines *lines, const struct store_limits *l,
                     int64_t wall_ms, uint64_t rows_max)
{
    uint64_t left = rows_max, highest = 0;
    while (left && !list_empty(&t->shelf.settled)) {
        struct shelf_piece *p = list_first(&t->shelf.settled, struct shelf_piece, settled);
        uint64_t over = history_over(t, lines, l, p, wall_ms);
        if (!over)
            break;
        uint64_t bits = bits_lowest(p->now.settled, over < left ? over : left);
        highest = max_of(highest, drop(t, lines, p, bits, &left));
    }
    while (left && !list_empty(&t->shelf.waiting)) {
        struct shelf_piece *p = list_first(&t->shelf.waiting, struct shelf_piece, waiting);
        if (wall_ms - p->at_ms < l->results_ms)
            break;
        uint64_t bits = bits_lowest(p->now.live & ~p->now.settled, left);
        highest = max_of(highest, drop(t, lines, p, bits, &left));
    }
    return highest;
}

bool purge_crowded(const struct table *t, const struct lines *lines, const struct store_limits *l)
{
    const struct shelf_counts *c = &t->shelf.counts;
    return c->rows - c->settled_rows > l->results_rows_max ||
           c->bytes - c->settled_bytes + lines->bytes - lines->settled_bytes > l->results_bytes_max;
}
