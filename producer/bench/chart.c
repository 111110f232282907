/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/chart.h"

#include <math.h>
#include <stdio.h>

#include "common/must.h"

enum { LEFT = 84, RIGHT = 28, TOP = 74, ABOVE = 44, BELOW = 38, FONT = 12 };

/* Apart from each other for those who see colours badly too (Okabe and Ito). */
static const char *const colours[CHART_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                   "#e69f00", "#56b4e9", "#7f7f7f", "#000000"};

/* --- axes ----------------------------------------------------------------------------------- */

/* The largest of 1, 2, 5, 10, 20, ... that is not above the value; with up the smallest that is not
 * below. */
static double round_step(double value, bool up)
{
    static const double steps[] = {1, 2, 5, 10};
    const double slack = 1e-9; /* log10 and pow are not exact */
    double decade = pow(10, floor(log10(value) + slack)), found = decade;
    for (size_t i = 0; i < LENGTH(steps); i++) {
        double step = decade * steps[i];
        if (up && step >= value * (1 - slack))
            return step;
        if (!up && step <= value * (1 + slack))
            found = step;
    }
    return found;
}

static double linear_step(const struct axis *a)
{
    return round_step((a->most - a->least) / 5, true);
}

void axis_round(struct axis *a)
{
    if (a->log) {
        a->least = round_step(a->least > 0 && isfinite(a->least) ? a->least : 1, false);
        a->most = round_step(a->most > a->least ? a->most : a->least * 2, true);
    } else {
        a->least = 0;
        a->most = a->most > 0 ? a->most : 1;
        double step = linear_step(a);
        a->most = ceil(a->most / step - 1e-9) * step;
    }
}

double axis_at(const struct axis *a, double value)
{
    double share = a->log ? log(value / a->least) / log(a->most / a->least)
                          : (value - a->least) / (a->most - a->least);
    return a->from + share * (a->to - a->from);
}

/* Over many decades 1, 10, 100 are enough. */
double axis_tick(const struct axis *a, double value)
{
    if (!a->log)
        return value + linear_step(a);
    double next = round_step(value * 1.01, true);
    if (a->most / a->least > 2e4)
        while (fabs(next / pow(10, round(log10(next))) - 1) > 1e-6)
            next = round_step(next * 1.01, true);
    return next;
}

const char *axis_label(enum chart_unit unit, double value, char text[static CHART_LABEL])
{
    static const struct {
        double size;
        const char *name;
    } scales[][4] = {
        [CHART_NUMBER] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}},
        [CHART_NS] = {{1e9, " s"}, {1e6, " ms"}, {1e3, " us"}, {1, " ns"}},
        [CHART_SECONDS] = {{1, " s"}, {1e-3, " ms"}, {1e-6, " us"}, {1e-9, " ns"}},
    };
    size_t i = 0;
    while (i < 3 && value < scales[unit][i].size * (1 - 1e-9))
        i++;
    if (value <= 0)
        snprintf(text, CHART_LABEL, "0");
    else
        snprintf(text, CHART_LABEL, "%.4g%s", value / scales[unit][i].size, scales[unit][i].name);
    return text;
}

/* --- the picture ---------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<': buf_printf(out, "&lt;"); break;
        case '>': buf_printf(out, "&gt;"); break;
        case '&': buf_printf(out, "&amp;"); break;
        case '"': buf_printf(out, "&quot;"); break;
        default: /* XML has no control characters */
            if ((unsigned char)*text >= 0x20)
                buf_put(out, text, 1);
        }
    }
}

static void put_label(struct buf *out, double x, double y, const char *attributes, const char *text)
{
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    put_text(out, text);
    buf_printf(out, "</text>\n");
}

static void put_rule(struct buf *out, double x1, double y1, double x2, double y2)
{
    buf_printf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#e3e6ea\"/>\n", x1, y1, x2, y2);
}

void chart_begin(struct buf *out, unsigned panels, const char *title, const char *subtitle)
{
    unsigned height = TOP + panels * CHART_PANEL_HEIGHT;
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
               "height=\"%u\" font-family=\"system-ui, sans-serif\" font-size=\"%d\" "
               "fill=\"#4a5058\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
               CHART_WIDTH, height, CHART_WIDTH, height, FONT);
    put_label(out, LEFT, 34, "font-size=\"17\" font-weight=\"600\" fill=\"#1b1f24\"", title);
    put_label(out, LEFT, 56, "", subtitle);
}

void chart_end(struct buf *out)
{
    buf_printf(out, "</svg>\n");
}

void panel_begin(struct panel *p, unsigned n, bool x_labels, struct buf *out)
{
    double top = TOP + n * (double)CHART_PANEL_HEIGHT;
    char text[CHART_LABEL];
    p->x.from = LEFT;
    p->x.to = CHART_WIDTH - RIGHT;
    p->y.from = top + CHART_PANEL_HEIGHT - BELOW;
    p->y.to = top + ABOVE;
    put_label(out, LEFT, top + 22, "font-weight=\"600\" fill=\"#1b1f24\"", p->title);
    for (double v = p->y.least; v <= p->y.most * (1 + 1e-9); v = axis_tick(&p->y, v)) {
        double y = axis_at(&p->y, v);
        put_rule(out, p->x.from, y, p->x.to, y);
        put_label(out, p->x.from - 8, y + 4, "text-anchor=\"end\"", axis_label(p->y.unit, v, text));
    }
    for (double v = p->x.least; x_labels && v <= p->x.most * (1 + 1e-9); v = axis_tick(&p->x, v))
        panel_tick(p, v, axis_label(p->x.unit, v, text), out);
}

void panel_tick(const struct panel *p, double x, const char *label, struct buf *out)
{
    double at = axis_at(&p->x, x);
    put_rule(out, at, p->y.from, at, p->y.to);
    put_label(out, at, p->y.from + 18, "text-anchor=\"middle\"", label);
}

void panel_line(const struct panel *p, const double *xs, const double *ys, size_t count,
                unsigned colour, struct buf *out)
{
    if (count == 0)
        return;
    buf_printf(out,
               "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" "
               "stroke-linejoin=\"round\" d=\"",
               colours[colour % CHART_COLOURS]);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', axis_at(&p->x, xs[i]), axis_at(&p->y, ys[i]));
    buf_printf(out, "\"/>\n");
}

void panel_dot(const struct panel *p, double x, double y, unsigned colour, struct buf *out)
{
    buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", axis_at(&p->x, x),
               axis_at(&p->y, y), colours[colour % CHART_COLOURS]);
}

void panel_legend(const struct panel *p, double *at, const char *name, unsigned colour,
                  struct buf *out)
{
    const double letter = 6.6, mark = 18, gap = 22; /* a guess that is wide enough */
    double width = mark + letter * (double)strlen(name);
    double x = p->x.to - *at - width, y = p->y.to - 22;
    buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"3\" fill=\"%s\"/>\n", x,
               y - 5, colours[colour % CHART_COLOURS]);
    put_label(out, x + mark, y, "", name);
    *at += width + gap;
}
