/* SPDX-License-Identifier: Apache-2.0
 *
 * The quadruple tank (Johansson 2000): two pumps, each feeding a lower tank and the upper one of
 * the other side; the valves gamma say how much goes where.
 *
 * MVs: pump voltages v1, v2. CVs: levels h1 .. h4, cm; 3 drains into 1, 4 into 2. At steady state
 * each outlet passes what comes in, a sqrt(2 g h):
 *
 *     h3 = ((1-g2) k2 v2 / a3)^2 / 2g    h1 = ((g1 k1 v1 + (1-g2) k2 v2) / a1)^2 / 2g
 *     h4 = ((1-g1) k1 v1 / a4)^2 / 2g    h2 = ((g2 k2 v2 + (1-g1) k1 v1) / a2)^2 / 2g
 *
 * quadruple_tank is the operating point P-, whose zeros are in the left half plane,
 * quadruple_tank_nonminimum P+, where one is not. Levels measured at the real rig, which are
 * often cited, are up to 0.2 cm off these equations.
 */
#include <math.h>

#include "consumer/handlers/models/plants.h"

enum { V1, V2 };
enum { H1, H2, H3, H4 };

/* Valves and pumps of an operating point: share into the lower tank, cm3/(V s). */
struct rig {
    double gamma[2], k[2];
};

static const struct rig p_minus = {.gamma = {.70, .60}, .k = {3.33, 3.35}};
static const struct rig p_plus = {.gamma = {.43, .34}, .k = {3.14, 3.29}};

/* The level at which an outlet of that area, cm2, passes the flow, cm3/s. */
static double level(double flow, double outlet)
{
    double speed = flow / outlet;
    return speed * speed / (2 * 981);
}

static enum model_result levels(const struct rig *r, const struct model *m, const double *mvs,
                                double *cvs, char text[MODEL_TEXT_SIZE])
{
    static const double outlet[] = {[H1] = .071, [H2] = .057, [H3] = .071, [H4] = .057};
    for (int i = V1; i <= V2; i++) {
        if (mvs[i] >= 0)
            continue;
        snprintf(text, MODEL_TEXT_SIZE, "model %s: %s must not be below 0 V, as %g is", m->id,
                 m->mvs[i].name, mvs[i]);
        return MODEL_NO_STATE;
    }
    double pump1 = r->k[0] * mvs[V1], pump2 = r->k[1] * mvs[V2];
    double into3 = (1 - r->gamma[1]) * pump2, into4 = (1 - r->gamma[0]) * pump1;
    cvs[H1] = level(r->gamma[0] * pump1 + into3, outlet[H1]);
    cvs[H2] = level(r->gamma[1] * pump2 + into4, outlet[H2]);
    cvs[H3] = level(into3, outlet[H3]);
    cvs[H4] = level(into4, outlet[H4]);
    snprintf(text, MODEL_TEXT_SIZE, "steady state in closed form");
    return MODEL_OK;
}

static enum model_result compute_minus(const struct model *m, const double *mvs, double *cvs,
                                       char text[MODEL_TEXT_SIZE])
{
    return levels(&p_minus, m, mvs, cvs, text);
}

static enum model_result compute_plus(const struct model *m, const double *mvs, double *cvs,
                                      char text[MODEL_TEXT_SIZE])
{
    return levels(&p_plus, m, mvs, cvs, text);
}

static const struct variable minus_mvs[] = {
    [V1] = {.name = "v1", .unit = "V", .lower = 0, .upper = 10, .nominal = 3},
    [V2] = {.name = "v2", .unit = "V", .lower = 0, .upper = 10, .nominal = 3},
};

static const struct variable plus_mvs[] = {
    [V1] = {.name = "v1", .unit = "V", .lower = 0, .upper = 10, .nominal = 3.15},
    [V2] = {.name = "v2", .unit = "V", .lower = 0, .upper = 10, .nominal = 3.15},
};

static const struct variable cv_list[] = {
    [H1] = {.name = "h1", .unit = "cm", .lower = 0, .upper = (double)INFINITY},
    [H2] = {.name = "h2", .unit = "cm", .lower = 0, .upper = (double)INFINITY},
    [H3] = {.name = "h3", .unit = "cm", .lower = 0, .upper = (double)INFINITY},
    [H4] = {.name = "h4", .unit = "cm", .lower = 0, .upper = (double)INFINITY},
};

static const char *const full_enough[] = {"[h1] >= 12", "[h2] >= 12"};

const struct model quadruple_tank = {
    .id = "quadruple_tank",
    .title = "Quadruple tank at P-: least effort of the pumps that keeps the lower levels",
    .mvs = minus_mvs,
    .cvs = cv_list,
    .mv_count = LENGTH(minus_mvs),
    .cv_count = LENGTH(cv_list),
    .objective = "[v1]^2 + [v2]^2",
    .constraints = full_enough,
    .constraint_count = LENGTH(full_enough),
    .compute = compute_minus,
};

const struct model quadruple_tank_nonminimum = {
    .id = "quadruple_tank_nonminimum",
    .title = "Quadruple tank at P+: least effort of the pumps that keeps the lower levels",
    .mvs = plus_mvs,
    .cvs = cv_list,
    .mv_count = LENGTH(plus_mvs),
    .cv_count = LENGTH(cv_list),
    .objective = "[v1]^2 + [v2]^2",
    .constraints = full_enough,
    .constraint_count = LENGTH(full_enough),
    .compute = compute_plus,
};
