/* SPDX-License-Identifier: Apache-2.0
 *
 * The van de Vusse reactor, A -> B -> C and 2 A -> D in a stirred tank whose gain changes its sign:
 * beyond some feed there is too little time to make B. Twice:
 *
 * van_de_vusse (Chen, Kremling and Allgoewer 1995; Klatt and Engell 1998), cooled by a jacket.
 * MVs: D = F/V, 1/h; QK, heat to the jacket, kJ/h; T0, temperature of the feed, C, given rather
 * than manipulated. CVs: concentrations cA and cB, mol/l; temperatures T of the tank and TK of the
 * jacket, C. k1 = k2 and k3 follow Arrhenius.
 *
 *     0 = D (cA0 - cA) - k1 cA - k3 cA^2
 *     0 = -D cB + k1 cA - k2 cB
 *     0 = D (T0 - T) - (k1 cA dH1 + k2 cB dH2 + k3 cA^2 dH3) / (rho Cp) + U (TK - T)
 *     0 = QK / (kw AR) + T - TK                                   U = kw AR / (rho Cp VR)
 *
 * van_de_vusse_isothermal (Doyle, Ogunnaike and Pearson 1995): only the first two balances, with
 * constant k and another feed. MV: D. CVs: cA, cB. Its quadratic is solved in closed form.
 */
#include <math.h>

#include "consumer/handlers/models/plants.h"
#include "consumer/handlers/models/steady.h"

/* The concentrations for given D and rates: the one root of the quadratic that is not negative, in
 * the form that does not cancel. */
static void concentrations(double d, double feed, double k1, double k2, double k3, double *c_a,
                           double *c_b)
{
    double p = d + k1;
    *c_a = 2 * d * feed / (p + sqrt(p * p + 4 * k3 * d * feed));
    *c_b = k1 * *c_a / (d + k2);
}

/* --- with heat -------------------------------------------------------------------------------- */

enum { D, QK, T0 };
enum { CA, CB, T, TK, STATES };

static const double kelvin = 273.15;
static const double feed_a = 5.1; /* cA0, mol/l */
static const double heat1 = 4.2;  /* kJ/mol, as the next two */
static const double heat2 = -11.0;
static const double heat3 = -41.85;
static const double heat_volume = .9342 * 3.01; /* rho Cp, kJ/(l K) */
static const double heat_wall = 4032 * .215;    /* kw AR, kJ/(h K) */
static const double volume = 10;                /* VR, l */
static const double residual_max = 1e-10;

struct reactor {
    double d, heat, feed_celsius;
};

static double rate12(double celsius)
{
    return 1.287e12 * exp(-9758.3 / (celsius + kelvin)); /* 1/h */
}

static double rate3(double celsius)
{
    return 9.043e9 * exp(-8560 / (celsius + kelvin)); /* l/(mol h) */
}

/* Concentrations over cA0 and temperatures over 100 K, both by the fastest of what changes them. */
static void balances(const void *plant, const double *x, double *f)
{
    const struct reactor *r = plant;
    double u = heat_wall / (heat_volume * volume);
    double k12 = rate12(x[T]), k3 = rate3(x[T]);
    double r1 = k12 * x[CA], r2 = k12 * x[CB], r3 = k3 * x[CA] * x[CA];
    double heat = (r1 * heat1 + r2 * heat2 + r3 * heat3) / heat_volume;
    f[CA] = (r->d * (feed_a - x[CA]) - r1 - r3) / (feed_a * (r->d + k12));
    f[CB] = (-r->d * x[CB] + r1 - r2) / (feed_a * (r->d + k12));
    f[T] = (r->d * (r->feed_celsius - x[T]) - heat + u * (x[TK] - x[T])) / (100 * (r->d + u));
    f[TK] = (r->heat / heat_wall + x[T] - x[TK]) / 100;
}

static bool physical(const void *plant, const double *x)
{
    (void)plant;
    return x[CA] >= 0 && x[CA] <= feed_a && x[CB] >= 0 && x[CB] <= feed_a && x[T] > -kelvin &&
           x[TK] > -kelvin;
}

/* From several temperatures, with the concentrations and the jacket that belong to them: only the
 * balance of heat is left to be found. */
static bool reactor_solve(const struct reactor *r, double *x, struct steady_effort *effort)
{
    static const double starts[] = {110, 130, 90, 150, 60, 20, 200, -50, 300, -150};
    static const double scale[STATES] = {[CA] = 1, [CB] = 1, [T] = .01, [TK] = .01};
    struct steady s = {.unknowns = STATES,
                       .scale = scale,
                       .residual_max = residual_max,
                       .plant = r,
                       .balances = balances,
                       .physical = physical};
    for (size_t i = 0; i < LENGTH(starts); i++) {
        double k12 = rate12(starts[i]), start[STATES];
        concentrations(r->d, feed_a, k12, k12, rate3(starts[i]), &start[CA], &start[CB]);
        start[T] = starts[i];
        start[TK] = starts[i] + r->heat / heat_wall;
        if (steady_solve(&s, start, x, effort))
            return true;
    }
    return false;
}

static enum model_result compute(const struct model *m, const double *mvs, double *cvs,
                                 char text[MODEL_TEXT_SIZE])
{
    struct reactor r = {.d = mvs[D], .heat = mvs[QK], .feed_celsius = mvs[T0]};
    struct steady_effort effort = {0};
    if (!(r.d > 0)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: D must be above 0 1/h, not %g", m->id, r.d);
        return MODEL_NO_STATE;
    }
    if (!(r.feed_celsius > -kelvin)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: T0 must be above %g C, not %g", m->id, -kelvin,
                 r.feed_celsius);
        return MODEL_NO_STATE;
    }
    if (!reactor_solve(&r, cvs, &effort)) {
        snprintf(text, MODEL_TEXT_SIZE,
                 "model %s: no steady state found at D = %g, QK = %g, T0 = %g (%d evaluations)",
                 m->id, r.d, r.heat, r.feed_celsius, effort.evaluations);
        return MODEL_NO_STATE;
    }
    snprintf(text, MODEL_TEXT_SIZE, "steady state found, residual %.1e, %d evaluations",
             effort.residual, effort.evaluations);
    return MODEL_OK;
}

static const struct variable mv_list[] = {
    [D] = {.name = "D", .unit = "1/h", .lower = 3, .upper = 35, .nominal = 14.19},
    [QK] = {.name = "QK", .unit = "kJ/h", .lower = -8500, .upper = 0, .nominal = -1113.5},
    [T0] =
        {.name = "T0", .unit = "C", .lower = 100, .upper = 130, .nominal = 104.9, .optional = true},
};

static const struct variable cv_list[] = {
    [CA] = {.name = "cA", .unit = "mol/l", .lower = 0, .upper = 5.1},
    [CB] = {.name = "cB", .unit = "mol/l", .lower = 0, .upper = 5.1},
    [T] = {.name = "T", .unit = "C", .lower = -273.15, .upper = (double)INFINITY},
    [TK] = {.name = "TK", .unit = "C", .lower = -273.15, .upper = (double)INFINITY},
};

static const char *const cool_enough[] = {"[T] <= 115"};

const struct model van_de_vusse = {
    .id = "van_de_vusse",
    .title = "Van de Vusse reactor with cooling: most B by feed and heat, below 115 C",
    .mvs = mv_list,
    .cvs = cv_list,
    .mv_count = LENGTH(mv_list),
    .cv_count = LENGTH(cv_list),
    .objective = "[cB]",
    .maximise = true,
    .constraints = cool_enough,
    .constraint_count = LENGTH(cool_enough),
    .compute = compute,
};

/* --- isothermal ------------------------------------------------------------------------------- */

static enum model_result compute_isothermal(const struct model *m, const double *mvs, double *cvs,
                                            char text[MODEL_TEXT_SIZE])
{
    if (!(mvs[D] >= 0)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: D must not be below 0 1/h, as %g is", m->id,
                 mvs[D]);
        return MODEL_NO_STATE;
    }
    concentrations(mvs[D], 10, 50, 100, 10, &cvs[CA], &cvs[CB]);
    snprintf(text, MODEL_TEXT_SIZE, "steady state in closed form");
    return MODEL_OK;
}

static const struct variable isothermal_mvs[] = {
    [D] = {.name = "D", .unit = "1/h", .lower = 0, .upper = 200, .nominal = 34.3},
};

static const struct variable isothermal_cvs[] = {
    [CA] = {.name = "cA", .unit = "mol/l", .lower = 0, .upper = 10},
    [CB] = {.name = "cB", .unit = "mol/l", .lower = 0, .upper = 10},
};

const struct model van_de_vusse_isothermal = {
    .id = "van_de_vusse_isothermal",
    .title = "Van de Vusse reactor at constant temperature: most B by feed",
    .mvs = isothermal_mvs,
    .cvs = isothermal_cvs,
    .mv_count = LENGTH(isothermal_mvs),
    .cv_count = LENGTH(isothermal_cvs),
    .objective = "[cB]",
    .maximise = true,
    .compute = compute_isothermal,
};
