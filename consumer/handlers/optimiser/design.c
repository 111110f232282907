/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/design.h"

#include "common/must.h"

#include <math.h>

enum { TRIES = 5 };

static void cube(struct random *random, size_t count, size_t n, double *points)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < count; k++)
            points[k * n + i] = (double)k;
        for (size_t k = count; k-- > 1;) {
            size_t other = random_below(random, k + 1);
            double kept = points[k * n + i];
            points[k * n + i] = points[other * n + i];
            points[other * n + i] = kept;
        }
        for (size_t k = 0; k < count; k++)
            points[k * n + i] = (points[k * n + i] + random_unit(random)) / (double)count;
    }
}

/* Squared distance of the nearest two. */
static double nearest(size_t count, size_t n, const double *points)
{
    double least = INFINITY;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < a; b++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++) {
                double d = points[a * n + i] - points[b * n + i];
                sum += d * d;
            }
            least = fmin(least, sum);
        }
    }
    return least;
}

void design_fill(struct random *random, size_t count, size_t n, double *points)
{
    double *other = must_alloc(count * n * sizeof *other);
    double best = -1;
    for (int k = 0; k < TRIES; k++) {
        cube(random, count, n, other);
        double is = nearest(count, n, other);
        if (is > best) {
            best = is;
            memcpy(points, other, count * n * sizeof *points);
        }
    }
    free(other);
}
