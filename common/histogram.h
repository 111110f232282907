/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram: how often which size of number came by, in bounded memory, to three digits. Numbers
 * below 2048 are counted exactly; above, each power of two is cut into 1024 equal steps, so that
 * what comes out is at most 0.1 % below what went in. Numbers beyond 2^42 count as 2^42 - 1.
 * Not thread-safe: one a thread, merged at the end.
 */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 10,
    HISTOGRAM_BITS = 42,
    HISTOGRAM_CELLS = (HISTOGRAM_BITS - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

struct histogram { /* a quarter of a MiB: belongs on the heap; zeroed is empty */
    uint64_t count, least, most;
    uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest number that at least this share (0..1) of all numbers do not exceed; 0 when there
 * are none. */
uint64_t histogram_percentile(const struct histogram *h, double share);

/* Goes over what was counted, from the smallest number on: start with *at = 0. False at the end. */
bool histogram_next(const struct histogram *h, size_t *at, uint64_t *value, uint64_t *count);

#endif
