/* SPDX-License-Identifier: Apache-2.0
 *
 * compare: two results of `reeve bench --out` side by side, with ratios. Pure: the caller reads the
 * files.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "common/buf.h"

/* Appends the table. 0, or -1 with a sentence in error: one of them is no result. */
int compare_text(struct bytes a, struct bytes b, struct buf *out, char error[static 160]);

#endif
