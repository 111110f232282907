/* SPDX-License-Identifier: Apache-2.0
 *
 * plot: a series of numbers as a line drawn in text, for a terminal. Pure.
 *
 *     190.98 ┤       ╭────────
 *            │  ╭────╯
 *      97.1  ┤──╯
 *             1              30
 */
#ifndef CLI_PLOT_H
#define CLI_PLOT_H

#include "common/buf.h"

enum { PLOT_ROWS = 8, PLOT_COLUMNS = 60 };

/* Appends the lines. values: NaN is a gap. first, last: what the axis below says of both ends.
 * Nothing is drawn of fewer than two numbers. columns: room for the line itself, at most
 * PLOT_COLUMNS. */
void plot_draw(struct buf *out, const double *values, size_t count, size_t columns, uint64_t first,
               uint64_t last);

#endif
