/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { LABEL = 14, NO_ROW = -1 };
static const double SAME = 1e-9;

/* One cell: nothing, or a piece of the line. */
enum piece { BLANK, FLAT, UPRIGHT, TO_UP, FROM_UP, TO_DOWN, FROM_DOWN };
static const char *const pieces[] = {" ", "─", "│", "╯", "╭", "╮", "╰"};

struct plot {
    size_t columns;
    double low, high;
    int rows[PLOT_COLUMNS]; /* from the top; NO_ROW: a gap */
    enum piece cells[PLOT_ROWS][PLOT_COLUMNS];
};

static void range_find(struct plot *p, const double *values, size_t count)
{
    p->low = INFINITY;
    p->high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        p->low = fmin(p->low, values[i]);
        p->high = fmax(p->high, values[i]);
    }
    /* What differs only by rounding is flat: nobody wants that drawn large. */
    if (p->low < p->high && p->high - p->low <= SAME * fmax(fabs(p->high), fabs(p->low)))
        p->low = p->high;
}

static int row_of(const struct plot *p, double value)
{
    if (!isfinite(value))
        return NO_ROW;
    double span =
        p->high / (PLOT_ROWS - 1) - p->low / (PLOT_ROWS - 1); /* a row; does not overflow */
    return span > 0 ? (int)lround((p->high - value) / span) : PLOT_ROWS / 2;
}

/* A column shows the last of the values that fall to it. */
static void rows_set(struct plot *p, const double *values, size_t count)
{
    for (size_t x = 0; x < p->columns; x++)
        p->rows[x] = row_of(p, values[((x + 1) * count - 1) / p->columns]);
}

static void cells_set(struct plot *p)
{
    for (size_t x = 0; x < p->columns; x++) {
        int to = p->rows[x], from = x ? p->rows[x - 1] : to;
        if (to == NO_ROW)
            continue;
        if (from == NO_ROW || from == to) {
            p->cells[to][x] = FLAT;
            continue;
        }
        bool up = to < from;
        p->cells[from][x] = up ? TO_UP : TO_DOWN;
        p->cells[to][x] = up ? FROM_UP : FROM_DOWN;
        for (int y = (up ? to : from) + 1; y < (up ? from : to); y++)
            p->cells[y][x] = UPRIGHT;
    }
}

static void row_draw(struct buf *out, const struct plot *p, int y)
{
    char label[LABEL + 1] = "";
    bool edge = y == 0 || y == PLOT_ROWS - 1;
    if (p->high > p->low ? edge : y == PLOT_ROWS / 2)
        snprintf(label, sizeof label, "%.7g", y == 0 ? p->high : p->low);
    buf_printf(out, "%*s %s", LABEL, label, *label ? "┤" : "│");
    size_t end = p->columns;
    while (end > 0 && p->cells[y][end - 1] == BLANK)
        end--;
    for (size_t x = 0; x < end; x++)
        buf_printf(out, "%s", pieces[p->cells[y][x]]);
    buf_put(out, "\n", 1);
}

void plot_draw(struct buf *out, const double *values, size_t count, size_t columns, uint64_t first,
               uint64_t last)
{
    struct plot p = {.columns = columns < PLOT_COLUMNS ? columns : PLOT_COLUMNS};
    char ends[2][24];
    range_find(&p, values, count);
    if (count < 2 || p.columns < 2 || p.low > p.high)
        return;
    rows_set(&p, values, count);
    cells_set(&p);
    for (int y = 0; y < PLOT_ROWS; y++)
        row_draw(out, &p, y);
    snprintf(ends[0], sizeof ends[0], "%" PRIu64, first);
    snprintf(ends[1], sizeof ends[1], "%" PRIu64, last);
    int gap = (int)p.columns - (int)strlen(ends[0]);
    buf_printf(out, "%*s %s%*s\n", LABEL + 1, "", ends[0], gap > 1 ? gap : (int)strlen(ends[1]) + 1,
               ends[1]);
}
