/* SPDX-License-Identifier: Apache-2.0
 *
 * The Williams-Otto reactor, the usual benchmark of real-time optimisation (Williams and Otto
 * 1960, in the form of Forbes and Marlin 1996 and Marchetti, Chachuat and Bonvin 2009):
 *
 *     A + B -> C    C + B -> P + E    C + P -> G    in a stirred tank of W kg
 *
 * MVs: FB, feed of B, kg/s; TR, reactor temperature, degrees C. FA is fixed. Rates r in kg/s, T in
 * K, X the mass fractions, F = FA + FB:
 *
 *     r1 = k1 XA XB W   r2 = k2 XB XC W   r3 = k3 XC XP W   ki = ai exp(-bi / T)
 *     0 = FA - F XA - r1             0 = -F XE + 2 r2
 *     0 = FB - F XB - r1 - r2        0 = -F XP + r2 - r3 / 2
 *     0 = -F XC + 2 r1 - 2 r2 - r3   0 = -F XG + 1.5 r3
 *
 * CVs: the six mass fractions and the profit J = 1143.38 XP F + 25.92 XE F - 76.23 FA - 114.34 FB,
 * $/s.
 *
 * The balances are divided by F, so residuals are mass fractions, and solved by MINPACK's hybrd. In
 * all unknowns but XC they are linear or nearly so, and their only root with all X in 0..1
 * attracts from far; several starting points are there for the far corners of the MVs.
 */
#include <cminpack.h>
#include <math.h>
#include <stdio.h>

#include "consumer/handlers/data_processing/model.h"

enum { XA, XB, XC, XE, XG, XP, FRACTIONS };
enum { FB, TR };

static const double feed_a = 1.8275; /* kg/s */
static const double holdup = 2105;   /* kg */
static const double kelvin = 273.15;
static const double residual_max = 1e-10; /* mass fraction */

struct reactor {
    double feed_b, flow;
    double k[3]; /* 1/s, times W / F: what a rate adds to a fraction */
};

static int balances(void *given, int n, const double *x, double *f, int flag)
{
    const struct reactor *r = given;
    (void)n;
    (void)flag;
    double r1 = r->k[0] * x[XA] * x[XB];
    double r2 = r->k[1] * x[XB] * x[XC];
    double r3 = r->k[2] * x[XC] * x[XP];
    f[XA] = feed_a / r->flow - x[XA] - r1;
    f[XB] = r->feed_b / r->flow - x[XB] - r1 - r2;
    f[XC] = -x[XC] + 2 * r1 - 2 * r2 - r3;
    f[XE] = -x[XE] + 2 * r2;
    f[XG] = -x[XG] + 1.5 * r3;
    f[XP] = -x[XP] + r2 - 0.5 * r3;
    return 0;
}

static void reactor_init(struct reactor *r, double feed_b, double celsius)
{
    static const double factor[3] = {1.6599e6, 7.2117e8, 2.6745e12}; /* 1/s */
    static const double activation[3] = {6666.7, 8333.3, 11111};     /* K */
    r->feed_b = feed_b;
    r->flow = feed_a + feed_b;
    for (int i = 0; i < 3; i++)
        r->k[i] = factor[i] * exp(-activation[i] / (celsius + kelvin)) * holdup / r->flow;
}

/* Solved, and a state that a tank can be in? */
static bool is_steady(const struct reactor *r, const double *x, double *residual)
{
    double f[FRACTIONS];
    balances((void *)r, FRACTIONS, x, f, 0);
    *residual = 0;
    for (int i = 0; i < FRACTIONS; i++) {
        *residual = fmax(*residual, fabs(f[i]));
        if (!(x[i] >= -residual_max && x[i] <= 1 + residual_max))
            return false;
    }
    return *residual <= residual_max;
}

/* One run of hybrd; the number of evaluations in *calls. */
static bool solve_from(const struct reactor *r, const double *start, double *x, int *calls,
                       double *residual)
{
    enum { TRIANGLE = FRACTIONS * (FRACTIONS + 1) / 2 };
    double f[FRACTIONS], scale[FRACTIONS], jacobian[FRACTIONS * FRACTIONS], triangle[TRIANGLE];
    double qtf[FRACTIONS], w1[FRACTIONS], w2[FRACTIONS], w3[FRACTIONS], w4[FRACTIONS];
    int evaluations = 0;
    for (int i = 0; i < FRACTIONS; i++) {
        x[i] = start[i];
        scale[i] = 1;
    }
    /* Its verdict is not asked for: is_steady looks at the point itself. */
    hybrd(balances, (void *)r, FRACTIONS, x, f, 1e-14, 2000, FRACTIONS - 1, FRACTIONS - 1, 0, scale,
          2, 1, 0, &evaluations, jacobian, FRACTIONS, triangle, TRIANGLE, qtf, w1, w2, w3, w4);
    *calls += evaluations;
    return is_steady(r, x, residual);
}

static int compute(const struct model *m, const double *mvs, double *cvs,
                   char text[MODEL_TEXT_SIZE])
{
    static const double starts[][FRACTIONS] = {
        {.0875, .39, .015, .29, .107, .11}, /* near the published optimum */
        {.25, .6, .02, .05, .01, .03},      /* hardly any reaction */
        {.05, .3, .005, .35, .2, .05},      /* hot */
        {.01, .1, .001, .3, .4, .01},       /* almost all G */
        {.5, .5, 0, 0, 0, 0},
    };
    if (!(mvs[FB] > 0)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: FB must be above 0 kg/s, not %g", m->id,
                 mvs[FB]);
        return -1;
    }
    if (!(mvs[TR] > -kelvin)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: TR must be above %g C, not %g", m->id, -kelvin,
                 mvs[TR]);
        return -1;
    }
    struct reactor r;
    reactor_init(&r, mvs[FB], mvs[TR]);
    int calls = 0;
    double residual = 0;
    for (size_t i = 0; i < LENGTH(starts); i++) {
        if (!solve_from(&r, starts[i], cvs, &calls, &residual))
            continue;
        for (int j = 0; j < FRACTIONS; j++) /* rounding may leave -1e-20 of something absent */
            cvs[j] = fmax(cvs[j], 0);
        cvs[FRACTIONS] =
            (1143.38 * cvs[XP] + 25.92 * cvs[XE]) * r.flow - 76.23 * feed_a - 114.34 * mvs[FB];
        snprintf(text, MODEL_TEXT_SIZE, "steady state found, residual %.1e, %d evaluations",
                 residual, calls);
        return 0;
    }
    snprintf(
        text, MODEL_TEXT_SIZE,
        "model %s: no steady state found at FB = %g, TR = %g (%d evaluations from %zu starting "
        "points)",
        m->id, mvs[FB], mvs[TR], calls, LENGTH(starts));
    return -1;
}

static const struct variable mv_list[] = {
    {.name = "FB", .unit = "kg/s", .lower = 3, .upper = 6},
    {.name = "TR", .unit = "C", .lower = 70, .upper = 100},
};

static const struct variable cv_list[] = {
    [XA] = {.name = "XA", .unit = "", .lower = 0, .upper = 1},
    [XB] = {.name = "XB", .unit = "", .lower = 0, .upper = 1},
    [XC] = {.name = "XC", .unit = "", .lower = 0, .upper = 1},
    [XE] = {.name = "XE", .unit = "", .lower = 0, .upper = 1},
    [XG] = {.name = "XG", .unit = "", .lower = 0, .upper = 1},
    [XP] = {.name = "XP", .unit = "", .lower = 0, .upper = 1},
    [FRACTIONS] = {.name = "J",
                   .unit = "$/s",
                   .lower = -(double)INFINITY,
                   .upper = (double)INFINITY},
};

const struct model williams_otto = {
    .id = "williams_otto",
    .mvs = mv_list,
    .cvs = cv_list,
    .mv_count = LENGTH(mv_list),
    .cv_count = LENGTH(cv_list),
    .compute = compute,
};
