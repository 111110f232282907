/* SPDX-License-Identifier: Apache-2.0
 *
 * plot: a report as an SVG picture: how long jobs took, percentile by percentile; how many came
 * back a second and how long they took while the run went on; and the steps of a search for the
 * knee. Pure.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "producer/bench/report.h"

void plot_svg(const struct report *r, struct buf *out);

#endif
