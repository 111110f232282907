/* SPDX-License-Identifier: Apache-2.0
 *
 * rows: an array that grows by one. Header only.
 */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <stdbool.h>

#include "common/must.h"

enum { ROWS_FIRST = 16 };

/* The array with room for one row of `size` bytes behind its `count` rows. It doubles whenever the
 * count is a power of two, so that nobody keeps a capacity; filled anew from 0 it begins small. */
static inline void *rows_room(void *rows, size_t count, size_t size)
{
    bool full = count >= ROWS_FIRST ? (count & (count - 1)) == 0 : count == 0;
    return full ? must_realloc(rows, (count ? 2 * count : ROWS_FIRST) * size) : rows;
}

#endif
