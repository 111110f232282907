/* SPDX-License-Identifier: Apache-2.0
 *
 * purge: what goes from the table of ended jobs when a limit is reached, the oldest first, some at
 * a time. Within a transaction.
 */
#ifndef STORE_PURGE_H
#define STORE_PURGE_H

#include "producer/store/lines.h"
#include "producer/store/table.h"

/* Drops at most rows_max rows, and the lines of sessions with them; returns the highest id dropped,
 * or 0. */
uint64_t purge_ended(struct table *ended, struct lines *lines, const struct store_limits *limits,
                     int64_t wall_ms, uint64_t rows_max);

/* Has it no room for another result that nobody has fetched? */
bool purge_crowded(const struct table *ended, const struct lines *lines,
                   const struct store_limits *limits);

#endif
