/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/gradient.h"

#include <math.h>

/* Steps are parts of a variable's size: its value, or this part of its range when that is larger.
 */
#define FORWARD_STEP  1e-7
#define FORWARD_RANGE 0.1
#define CENTRAL_STEP  2e-5
#define CENTRAL_RANGE 0.01

struct side {
    const struct entry *near, *far; /* one and two steps away; NULL: not asked for */
};

/* One column: variable i. */
struct column {
    struct replay *r;
    const struct entry *at;
    size_t i, v;
    double u[OPTIMISER_VARIABLES_MAX];
    double here, step;
    bool whole; /* it has neighbours, one away, and nothing between */
};

static double step_of(const struct space *s, const struct entry *at, size_t i, bool central)
{
    double part = central ? CENTRAL_STEP : FORWARD_STEP;
    double range = (central ? CENTRAL_RANGE : FORWARD_RANGE) * s->unit[i];
    return part * fmax(fabs(at->x[s->index[i]]), range) / s->unit[i];
}

static bool inside(const struct column *c, double away)
{
    const struct space *s = &c->r->space;
    double slack = c->whole ? c->step / 4 : 0; /* a bound is a neighbour, however it is rounded */
    return c->here + away >= s->lower[c->i] - slack && c->here + away <= s->upper[c->i] + slack;
}

static bool look(struct column *c, double away, const struct entry **out)
{
    c->u[c->i] = c->here + away;
    *out = replay_ask(c->r, c->u);
    c->u[c->i] = c->here;
    return *out;
}

static double value(const struct entry *e, size_t row)
{
    return row ? e->constraints[row - 1] : e->f;
}

static double unit_of(const struct replay *r, size_t row)
{
    return row ? r->table->problem->scales[row - 1] : 1;
}

/* By x as it came out of rounding, not by the step that was wanted. */
static double distance(const struct column *c, const struct entry *to, const struct entry *from)
{
    return (to->x[c->v] - from->x[c->v]) / c->r->space.unit[c->i];
}

static double slope(const struct column *c, const struct entry *to, const struct entry *from,
                    size_t row)
{
    double d = distance(c, to, from);
    return d != 0 ? (value(to, row) - value(from, row)) / d : 0;
}

/* The slope at the end of three points in a row: of the parabola through them. */
static double slope_at_end(const struct column *c, const struct side *side, size_t row)
{
    double first = slope(c, side->near, c->at, row);
    double second = slope(c, side->far, side->near, row);
    double a = distance(c, side->near, c->at), b = distance(c, side->far, side->near);
    return a + b != 0 ? first - (second - first) * a / (a + b) : first;
}

static bool good(const struct entry *e)
{
    return e && !e->failed;
}

/* Towards the better neighbour; where neither is better there is no slope. */
static double slope_whole(const struct column *c, const struct side *up, const struct side *down)
{
    if (good(up->near) && up->near->f < c->at->f)
        return slope(c, up->near, c->at, 0);
    if (good(down->near) && down->near->f < c->at->f)
        return slope(c, down->near, c->at, 0);
    return 0;
}

static void fill(const struct column *c, const struct side *up, const struct side *down,
                 double *rows)
{
    size_t count = 1 + problem_constraints(c->r->table->problem);
    for (size_t row = 0; row < count; row++) {
        double d = 0;
        if (c->whole && row == 0)
            d = slope_whole(c, up, down);
        else if (good(up->near) && good(down->near))
            d = slope(c, up->near, down->near, row);
        else if (good(up->near) && good(up->far))
            d = slope_at_end(c, up, row);
        else if (good(down->near) && good(down->far))
            d = slope_at_end(c, down, row);
        else if (good(up->near))
            d = slope(c, up->near, c->at, row);
        else if (good(down->near))
            d = slope(c, down->near, c->at, row);
        rows[row * c->r->space.free_count + c->i] = d / unit_of(c->r, row);
    }
}

static bool forward(struct column *c, struct side *up, struct side *down)
{
    if (inside(c, c->step) && !look(c, c->step, &up->near))
        return false;
    return good(up->near) || !inside(c, -c->step) || look(c, -c->step, &down->near);
}

static bool both_sides(struct column *c, struct side *up, struct side *down)
{
    bool above = inside(c, c->step), below = inside(c, -c->step);
    if (above && !look(c, c->step, &up->near))
        return false;
    if (below && !look(c, -c->step, &down->near))
        return false;
    if (!below && above && inside(c, 2 * c->step))
        return look(c, 2 * c->step, &up->far);
    if (!above && below && inside(c, -2 * c->step))
        return look(c, -2 * c->step, &down->far);
    return true;
}

bool gradient_at(struct replay *r, const double *u, const struct entry *at, bool central,
                 double *rows)
{
    const struct space *s = &r->space;
    size_t n = s->free_count, count = 1 + problem_constraints(r->table->problem);
    memset(rows, 0, n * count * sizeof *rows);
    if (at->failed)
        return true;
    struct column c = {.r = r, .at = at};
    memcpy(c.u, u, n * sizeof *u);
    for (size_t i = 0; i < n; i++) {
        struct side up = {0}, down = {0};
        c.i = i;
        c.v = s->index[i];
        c.here = u[i];
        c.whole = s->problem->whole[c.v];
        c.step = c.whole ? 1 / s->unit[i] : step_of(s, at, i, central);
        if (!(central || c.whole ? both_sides(&c, &up, &down) : forward(&c, &up, &down)))
            return false;
        fill(&c, &up, &down, rows);
    }
    return true;
}
