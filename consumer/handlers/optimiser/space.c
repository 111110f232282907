/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/space.h"

#include <math.h>

/* A range that many times the size of the numbers in it says nothing about where to look. */
#define RANGE_MAX 1e4
/* Where there is no bound, a search over the whole space ends so many magnitudes away. */
#define REACH 100.0

static double within(double v, double lower, double upper)
{
    return fmin(fmax(v, lower), upper);
}

/* Where a search may look: x itself, or the whole number beside it. */
static double place(const struct space *s, size_t v, double x)
{
    const struct problem *p = s->problem;
    return p->whole[v] ? optimiser_whole(x, p->lower[v], p->upper[v])
                       : within(x, p->lower[v], p->upper[v]) + 0.0;
}

static void axis_init(struct space *s, size_t i, const double *start)
{
    size_t v = s->index[i];
    double lower = s->problem->lower[v], upper = s->problem->upper[v];
    double range = upper - lower;
    double given = start ? start[v] : within(0, lower, upper);
    double size = fmax(1, fabs(given));
    s->wide[i] = !(range <= RANGE_MAX * size);
    s->origin[i] = s->wide[i] ? given : lower;
    s->unit[i] = s->wide[i] ? size : range;
    s->lower[i] = s->wide[i] ? (lower - given) / size : 0;
    s->upper[i] = s->wide[i] ? (upper - given) / size : 1;
    s->near[i] = fmax(s->lower[i], -REACH);
    s->far[i] = fmin(s->upper[i], REACH);
    s->anchor_x[v] = place(s, v, s->wide[i] || start ? given : lower + range / 2);
}

void space_init(struct space *s, const struct problem *problem, const double *start)
{
    *s = (struct space){.problem = problem};
    for (size_t v = 0; v < problem->variables; v++) {
        s->anchor_x[v] = problem->lower[v];
        if (problem->lower[v] == problem->upper[v])
            continue;
        s->index[s->free_count] = v;
        axis_init(s, s->free_count++, start);
    }
    space_u(s, s->anchor_x, s->anchor_u);
}

void space_anchor(struct space *s, const double *x)
{
    memcpy(s->anchor_x, x, s->problem->variables * sizeof *x);
    space_u(s, x, s->anchor_u);
}

void space_x(const struct space *s, const double *u, double *x)
{
    const struct problem *p = s->problem;
    memcpy(x, s->anchor_x, p->variables * sizeof *x);
    for (size_t i = 0; i < s->free_count; i++) {
        size_t v = s->index[i];
        if (u[i] <= s->lower[i])
            x[v] = p->lower[v];
        else if (u[i] >= s->upper[i])
            x[v] = p->upper[v];
        else if (u[i] != s->anchor_u[i])
            x[v] = place(s, v, s->origin[i] + s->unit[i] * u[i]);
    }
}

void space_u(const struct space *s, const double *x, double *u)
{
    for (size_t i = 0; i < s->free_count; i++) {
        size_t v = s->index[i];
        u[i] = within((x[v] - s->origin[i]) / s->unit[i], s->lower[i], s->upper[i]);
    }
}

double space_spread(const struct space *s, size_t i, double share)
{
    if (!s->wide[i])
        return share;
    double side = 2 * share - 1;
    double away = copysign(pow(1 + REACH, fabs(side)) - 1, side);
    return within(away, s->near[i], s->far[i]);
}

double space_distance(const struct space *s, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < s->free_count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}
