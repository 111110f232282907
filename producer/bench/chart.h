/* SPDX-License-Identifier: Apache-2.0
 *
 * chart: panels of an SVG picture: two axes with ticks, and lines in them. Knows numbers and
 * pixels, not what they mean. Nothing in the picture is fetched from anywhere. Pure.
 */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <stdbool.h>

#include "common/buf.h"

enum { CHART_WIDTH = 860, CHART_PANEL_HEIGHT = 280, CHART_COLOURS = 8, CHART_LABEL = 24 };

enum chart_unit { CHART_NUMBER, CHART_NS, CHART_SECONDS };

struct axis {
    bool log;
    enum chart_unit unit;
    double least, most;
    double from, to; /* pixels */
};

/* Widens least and most to round numbers; a linear axis begins at 0. A range of nothing (least
 * infinite, most 0) becomes some range. */
void axis_round(struct axis *a);
double axis_at(const struct axis *a, double value);
/* The first tick is at least, the next behind value is: */
double axis_tick(const struct axis *a, double value);
/* "20 ms", "1.5 M", "12 s" */
const char *axis_label(enum chart_unit unit, double value, char text[static CHART_LABEL]);

struct panel {
    struct axis x, y;
    const char *title;
};

/* The picture's beginning with a title and a line below it, its end. */
void chart_begin(struct buf *out, unsigned panels, const char *title, const char *subtitle);
void chart_end(struct buf *out);

/* Lays the panel out as the n-th from above and draws title, grid and the labels of y; x_labels:
 * those of x too. The ranges of the axes must be set. */
void panel_begin(struct panel *p, unsigned n, bool x_labels, struct buf *out);
/* A tick of x that says what it is told to. */
void panel_tick(const struct panel *p, double x, const char *label, struct buf *out);
/* A line through count points; colour: 0 and up. */
void panel_line(const struct panel *p, const double *xs, const double *ys, size_t count,
                unsigned colour, struct buf *out);
void panel_dot(const struct panel *p, double x, double y, unsigned colour, struct buf *out);
/* The n-th entry of the legend; *at: pixels, begins at 0. */
void panel_legend(const struct panel *p, double *at, const char *name, unsigned colour,
                  struct buf *out);

#endif
