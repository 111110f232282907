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
 * The balances are divided by F, so residuals are mass fractions, and solved by steady.h. In
 * all unknowns but XC they are linear or nearly so, and their only root with all X in 0..1
 * attracts from far; several starting points are there for the far corners of the MVs.
 */
#include <math.h>

#include "consumer/handlers/models/plants.h"
#include "consumer/handlers/models/steady.h"

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

static void balances(const void *plant, const double *x, double *f)
{
    const struct reactor *r = plant;
    double r1 = r->k[0] * x[XA] * x[XB];
    double r2 = r->k[1] * x[XB] * x[XC];
    double r3 = r->k[2] * x[XC] * x[XP];
    f[XA] = feed_a / r->flow - x[XA] - r1;
    f[XB] = r->feed_b / r->flow - x[XB] - r1 - r2;
    f[XC] = -x[XC] + 2 * r1 - 2 * r2 - r3;
    f[XE] = -x[XE] + 2 * r2;
    f[XG] = -x[XG] + 1.5 * r3;
    f[XP] = -x[XP] + r2 - 0.5 * r3;
}

static bool physical(const void *plant, const double *x)
{
    (void)plant;
    for (int i = 0; i < FRACTIONS; i++)
        if (!(x[i] >= -residual_max && x[i] <= 1 + residual_max))
            return false;
    return true;
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

/* From the first of the starts that leads anywhere. */
static bool reactor_solve(const struct reactor *r, double *x, struct steady_effort *effort,
                          size_t *tried)
{
    static const double starts[][FRACTIONS] = {
        {.0875, .39, .015, .29, .107, .11}, /* near the published optimum */
        {.25, .6, .02, .05, .01, .03},      /* hardly any reaction */
        {.05, .3, .005, .35, .2, .05},      /* hot */
        {.01, .1, .001, .3, .4, .01},       /* almost all G */
        {.5, .5, 0, 0, 0, 0},
    };
    static const double scale[FRACTIONS] = {1, 1, 1, 1, 1, 1};
    struct steady s = {.unknowns = FRACTIONS,
                       .scale = scale,
                       .residual_max = residual_max,
                       .plant = r,
                       .balances = balances,
                       .physical = physical};
    for (*tried = 0; *tried < LENGTH(starts); ++*tried)
        if (steady_solve(&s, starts[*tried], x, effort))
            return true;
    return false;
}

static enum model_result compute(const struct model *m, const double *mvs, double *cvs,
                                 char text[MODEL_TEXT_SIZE])
{
    if (!(mvs[FB] > 0)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: FB must be above 0 kg/s, not %g", m->id,
                 mvs[FB]);
        return MODEL_NO_STATE;
    }
    if (!(mvs[TR] > -kelvin)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: TR must be above %g C, not %g", m->id, -kelvin,
                 mvs[TR]);
        return MODEL_NO_STATE;
    }
    struct reactor r;
    struct steady_effort effort = {0};
    size_t tried;
    reactor_init(&r, mvs[FB], mvs[TR]);
    if (!reactor_solve(&r, cvs, &effort, &tried)) {
        snprintf(text, MODEL_TEXT_SIZE,
                 "model %s: no steady state found at FB = %g, TR = %g (%d evaluations from %zu "
                 "starting points)",
                 m->id, mvs[FB], mvs[TR], effort.evaluations, tried);
        return MODEL_NO_STATE;
    }
    for (int i = 0; i < FRACTIONS; i++) /* rounding may leave -1e-20 of something absent */
        cvs[i] = fmax(cvs[i], 0);
    cvs[FRACTIONS] =
        (1143.38 * cvs[XP] + 25.92 * cvs[XE]) * r.flow - 76.23 * feed_a - 114.34 * mvs[FB];
    snprintf(text, MODEL_TEXT_SIZE, "steady state found, residual %.1e, %d evaluations",
             effort.residual, effort.evaluations);
    return MODEL_OK;
}

static const struct variable mv_list[] = {
    [FB] = {.name = "FB", .unit = "kg/s", .lower = 3, .upper = 6, .nominal = 4.5},
    [TR] = {.name = "TR", .unit = "C", .lower = 70, .upper = 100, .nominal = 85},
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
    .title = "Williams-Otto reactor: most profit by feed B and temperature",
    .mvs = mv_list,
    .cvs = cv_list,
    .mv_count = LENGTH(mv_list),
    .cv_count = LENGTH(cv_list),
    .objective = "[J]",
    .maximise = true,
    .compute = compute,
};
