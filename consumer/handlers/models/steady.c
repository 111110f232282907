/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/steady.h"

#include <cminpack.h>
#include <math.h>

static int residuals(void *given, int n, const double *x, double *f, int flag)
{
    const struct steady *s = given;
    (void)n;
    (void)flag;
    s->balances(s->plant, x, f);
    return 0;
}

/* Solved, and a state that the plant can be in? */
static bool is_steady(const struct steady *s, const double *x, double *largest)
{
    double f[STEADY_UNKNOWNS_MAX];
    s->balances(s->plant, x, f);
    *largest = 0;
    for (size_t i = 0; i < s->unknowns; i++)
        *largest = isnan(f[i]) ? (double)INFINITY : fmax(*largest, fabs(f[i]));
    return *largest <= s->residual_max && s->physical(s->plant, x);
}

bool steady_solve(const struct steady *s, const double *start, double *x,
                  struct steady_effort *effort)
{
    enum { N = STEADY_UNKNOWNS_MAX, TRIANGLE = N * (N + 1) / 2 };
    double f[N], scale[N], jacobian[N * N], triangle[TRIANGLE];
    double qtf[N], w1[N], w2[N], w3[N], w4[N];
    int n = (int)s->unknowns, evaluations = 0;
    must(s->unknowns <= N);
    for (size_t i = 0; i < s->unknowns; i++) {
        x[i] = start[i];
        scale[i] = s->scale[i];
    }
    hybrd(residuals, (void *)s, n, x, f, 1e-14, 2000, n - 1, n - 1, 0, scale, 2, 1, 0, &evaluations,
          jacobian, n, triangle, n * (n + 1) / 2, qtf, w1, w2, w3, w4);
    effort->evaluations += evaluations;
    return is_steady(s, x, &effort->residual);
}
