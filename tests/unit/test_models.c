/* SPDX-License-Identifier: Apache-2.0
 *
 * The plants against what is published of them, and models out of files. The reactor of Williams
 * and Otto is checked further by test_calculate_cv.c.
 */
#include "consumer/handlers/models/model.h"

#include <math.h>

#include "common/buf.h"
#include "consumer/handlers/models/constraint.h"
#include "consumer/handlers/models/user_model.h"
#include "tests/unit/check.h"

static char text[MODEL_TEXT_SIZE];

#define CHECK_NEAR(is, want, within)                                                               \
    do {                                                                                           \
        double x_ = (is), y_ = (want);                                                             \
        if (!(fabs(x_ - y_) <= (within)))                                                          \
            check_failed(__FILE__, __LINE__, "%s is %.9g, not %.9g", #is, x_, y_);                 \
    } while (0)

static const struct model *found(const char *id)
{
    const struct model *m = model_find(bytes_text(id));
    if (!m)
        check_failed(__FILE__, __LINE__, "no model %s", id);
    return m;
}

static void compute(const struct model *m, const double *mvs, double *cvs)
{
    if (model_compute(m, mvs, cvs, text))
        check_failed(__FILE__, __LINE__, "%s", text);
}

static struct model *from_file(const char *name)
{
    struct model *m = user_model_read(TEST_MODELS, bytes_text(name), text);
    if (!m)
        check_failed(__FILE__, __LINE__, "%s", text);
    return m;
}

/* --- the own problem of a model --------------------------------------------------------------- */

/* Its objective and worst violation at the MVs; infinite where it has no state. */
struct point {
    double objective, violation;
};

static struct point point_of(const struct model *m, const double *mvs)
{
    const char *names[2 * MODEL_VARIABLES_MAX];
    double values[2 * MODEL_VARIABLES_MAX];
    struct expression_error error;
    struct point p = {.violation = (double)INFINITY};
    for (size_t i = 0; i < m->mv_count + m->cv_count; i++)
        names[i] = i < m->mv_count ? m->mvs[i].name : m->cvs[i - m->mv_count].name;
    memcpy(values, mvs, m->mv_count * sizeof *mvs);
    if (model_compute(m, mvs, values + m->mv_count, text))
        return p;
    p.violation = 0;
    struct expression *e =
        expression_new(bytes_text(m->objective), names, m->mv_count + m->cv_count, &error);
    if (!e)
        check_failed(__FILE__, __LINE__, "%s: %s", m->objective, error.text);
    CHECK_EQ(expression_evaluate(e, values, &p.objective), EXPRESSION_OK);
    expression_free(e);
    for (size_t i = 0; i < m->constraint_count; i++) {
        struct constraint *c =
            constraint_new(bytes_text(m->constraints[i]), names, m->mv_count + m->cv_count, &error);
        if (!c)
            check_failed(__FILE__, __LINE__, "%s: %s", m->constraints[i], error.text);
        p.violation = fmax(p.violation, constraint_violation(c, values));
        constraint_free(c);
    }
    for (size_t i = 0; i < m->mv_count; i++)
        if (mvs[i] < m->mvs[i].lower || mvs[i] > m->mvs[i].upper)
            p.violation = (double)INFINITY;
    return p;
}

/* The MVs are feasible to 1e-6, the objective is the published one, and none of the points around
 * is feasible and better: in each direction of the MVs that are not optional, at several steps. */
static void check_optimum(const struct model *m, const double *best, double objective,
                          double within)
{
    struct point p = point_of(m, best);
    CHECK_NEAR(p.objective, objective, within);
    if (!(p.violation <= 1e-6))
        check_failed(__FILE__, __LINE__, "%s: violation %g", m->id, p.violation);
    double mvs[MODEL_VARIABLES_MAX];
    for (int step = -6; step < 0; step++) {
        for (int direction = 0; direction < 64; direction++) {
            double turn = 0.7 + 2.399963 * direction;
            for (size_t i = 0; i < m->mv_count; i++)
                mvs[i] =
                    best[i] + (m->mvs[i].optional ? 0
                                                  : pow(10, step) * fmax(fabs(best[i]), 1) *
                                                        sin(turn * (double)(i + 1) + (double)i));
            struct point q = point_of(m, mvs);
            double better = m->maximise ? q.objective - objective : objective - q.objective;
            if (q.violation <= 0 && better > within)
                check_failed(__FILE__, __LINE__, "%s: better by %g at a step of 1e%d", m->id,
                             better, step);
        }
    }
}

/* --- the table -------------------------------------------------------------------------------- */

TEST(the_table_lists_every_model)
{
    static const char *const ids[] = {"williams_otto",
                                      "van_de_vusse",
                                      "van_de_vusse_isothermal",
                                      "quadruple_tank",
                                      "quadruple_tank_nonminimum",
                                      "wood_berry",
                                      "none"};
    for (size_t i = 0; i < LENGTH(ids); i++) {
        CHECK(model_at(i) != NULL);
        CHECK_TEXT(model_at(i)->id, ids[i]);
        CHECK(model_find(bytes_text(ids[i])) == model_at(i));
        CHECK(model_at(i)->title && strlen(model_at(i)->title) > 10);
    }
    CHECK(model_at(LENGTH(ids)) == NULL);
    CHECK(model_find(bytes_text("wo")) == NULL);
    CHECK(model_find(bytes_text("")) == NULL);
}

TEST(every_model_starts_within_its_bounds_and_its_texts_compile)
{
    const struct model *m;
    for (size_t i = 0; (m = model_at(i)); i++) {
        double mvs[MODEL_VARIABLES_MAX];
        for (size_t j = 0; j < m->mv_count; j++) {
            CHECK(m->mvs[j].unit && m->mvs[j].lower <= m->mvs[j].nominal);
            CHECK(m->mvs[j].nominal <= m->mvs[j].upper);
            mvs[j] = m->mvs[j].nominal;
        }
        if (m->objective)
            CHECK(isfinite(point_of(m, mvs).violation));
    }
}

TEST(no_plant)
{
    double none = 0;
    const struct model *m = found("none");
    CHECK_EQ(m->mv_count + m->cv_count, 0);
    CHECK_EQ(model_compute(m, &none, &none, text), MODEL_OK);
}

/* --- Williams-Otto ---------------------------------------------------------------------------- */

TEST(williams_otto_at_the_check_point)
{
    static const double want[] = {.087481, .389604, .015310, .290608, .107540, .109457};
    double cvs[7];
    compute(found("williams_otto"), (double[]){4.787, 89.70}, cvs);
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(cvs[i], want[i], 5e-7);
}

TEST(williams_otto_at_its_optimum)
{
    static const double want[] = {.087465, .389622, .015306, .290607, .107543, .109456};
    const struct model *m = found("williams_otto");
    double cvs[7];
    compute(m, (double[]){4.787420, 89.703884}, cvs);
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(cvs[i], want[i], 5e-7);
    check_optimum(m, (double[]){4.787420, 89.703884}, 190.980330, 5e-7);
    CHECK_NEAR(point_of(m, (double[]){4.7836, 89.647}).objective, 190.97983, 5e-6);
}

TEST(williams_otto_with_limits)
{
    static const char *const limits[] = {"[XA] <= 0.12", "[XG] <= 0.08"};
    struct model m = *found("williams_otto");
    m.constraints = limits;
    m.constraint_count = LENGTH(limits);
    check_optimum(&m, (double[]){4.974678, 84.322437}, 178.529081, 2e-5);
}

/* --- van de Vusse ----------------------------------------------------------------------------- */

TEST(van_de_vusse_isothermal_as_published)
{
    const struct model *m = found("van_de_vusse_isothermal");
    double cvs[2];
    compute(m, (double[]){34.3}, cvs);
    CHECK_NEAR(cvs[0], 3.00069, 5e-6);
    CHECK_NEAR(cvs[1], 1.11716, 5e-6);
    check_optimum(m, (double[]){77.52563}, 1.26598632, 5e-9);
    compute(m, (double[]){0}, cvs);
    CHECK(cvs[0] == 0 && cvs[1] == 0);
    CHECK_EQ(model_compute(m, (double[]){-1}, cvs, text), MODEL_NO_STATE);
    CHECK_TEXT(text, "model van_de_vusse_isothermal: D must not be below 0 1/h, as -1 is");
}

/* Its balances as they are published, in their own units. */
static void check_balances(const double *mvs, const double *cvs)
{
    double d = mvs[0], qk = mvs[1], t0 = mvs[2], ca = cvs[0], cb = cvs[1], t = cvs[2], tk = cvs[3];
    double k1 = 1.287e12 * exp(-9758.3 / (t + 273.15)), k3 = 9.043e9 * exp(-8560 / (t + 273.15));
    double heat = k1 * ca * 4.2 + k1 * cb * -11.0 + k3 * ca * ca * -41.85;
    double size = d + k1;
    CHECK(ca >= 0 && cb >= 0 && t > -273.15 && tk > -273.15);
    CHECK_NEAR((d * (5.1 - ca) - k1 * ca - k3 * ca * ca) / size, 0, 1e-9);
    CHECK_NEAR((-d * cb + k1 * ca - k1 * cb) / size, 0, 1e-9);
    CHECK_NEAR(d * (t0 - t) - heat / (.9342 * 3.01) + 4032 * .215 / (.9342 * 3.01 * 10) * (tk - t),
               0, 1e-6 * (d + 30));
    CHECK_NEAR((qk + 4032 * .215 * (t - tk)) / (5 * 2.0), 0, 1e-5);
}

TEST(van_de_vusse_at_both_published_points)
{
    static const struct {
        double mvs[3], cvs[4];
    } points[] = {
        {{14.19, -1113.5, 104.9}, {2.14021, 1.09030, 114.1911, 112.9066}},
        {{18.83, -4495.7, 130}, {1.234827, .900007, 134.1404, 128.9543}},
    };
    static const double digit[2][4] = {{5e-6, 5e-6, 5e-5, 5e-5}, {5e-7, 5e-7, 5e-5, 5e-5}};
    const struct model *m = found("van_de_vusse");
    double cvs[4];
    for (int i = 0; i < 2; i++) {
        compute(m, points[i].mvs, cvs);
        for (int j = 0; j < 4; j++)
            CHECK_NEAR(cvs[j], points[i].cvs[j], digit[i][j]);
        check_balances(points[i].mvs, cvs);
    }
    compute(m, (double[]){14.19, -1113.5, 130}, cvs); /* the two feeds mixed up */
    CHECK_NEAR(cvs[0], .784, 5e-4);
}

TEST(van_de_vusse_at_its_optimum)
{
    check_optimum(found("van_de_vusse"), (double[]){15.53036, -799.834, 104.9}, 1.09153066, 1e-8);
}

TEST(van_de_vusse_balances_in_its_range_and_far_beyond)
{
    static const double feeds[] = {3, 5, 8, 14, 20, 28, 35, .5, 100, 1000};
    static const double heats[] = {0, -500, -1500, -4000, -8500, 2000};
    static const double inlets[] = {104.9, 130, 100, 20, 160};
    double cvs[4];
    for (size_t i = 0; i < LENGTH(feeds); i++) {
        for (size_t j = 0; j < LENGTH(heats); j++) {
            for (size_t k = 0; k < LENGTH(inlets); k++) {
                double mvs[] = {feeds[i], heats[j], inlets[k]};
                if (feeds[i] < 3 && heats[j] < -500)
                    continue; /* colder than anything: see the next test */
                compute(found("van_de_vusse"), mvs, cvs);
                check_balances(mvs, cvs);
            }
        }
    }
}

TEST(where_nothing_physical_is_left_it_says_so)
{
    const struct model *m = found("van_de_vusse");
    double cvs[4];
    CHECK_EQ(model_compute(m, (double[]){.1, -8500, 104.9}, cvs, text), MODEL_NO_STATE);
    CHECK(strstr(text, "model van_de_vusse: no steady state found at D = 0.1, QK = -8500"));
    CHECK_EQ(model_compute(m, (double[]){0, 0, 104.9}, cvs, text), MODEL_NO_STATE);
    CHECK_TEXT(text, "model van_de_vusse: D must be above 0 1/h, not 0");
    CHECK_EQ(model_compute(m, (double[]){10, 0, -300}, cvs, text), MODEL_NO_STATE);
    CHECK_TEXT(text, "model van_de_vusse: T0 must be above -273.15 C, not -300");
    CHECK_EQ(model_compute(m, (double[]){10, 1, 104.9}, cvs, text), MODEL_OK);
    CHECK(strstr(text, "; QK = 1 lies outside -8500..0"));
}

/* --- quadruple tank --------------------------------------------------------------------------- */

TEST(quadruple_tank_at_both_points)
{
    static const double minus[] = {12.263, 12.783, 1.634, 1.409};
    static const double plus[] = {12.442, 13.167, 4.730, 4.986};
    static const double rig_minus[] = {12.4, 12.7, 1.8, 1.4}, rig_plus[] = {12.6, 13.0, 4.8, 4.9};
    double cvs[4];
    compute(found("quadruple_tank"), (double[]){3, 3}, cvs);
    for (int i = 0; i < 4; i++) {
        CHECK_NEAR(cvs[i], minus[i], 5e-4);
        CHECK_NEAR(cvs[i], rig_minus[i], .2);
    }
    compute(found("quadruple_tank_nonminimum"), (double[]){3.15, 3.15}, cvs);
    for (int i = 0; i < 4; i++) {
        CHECK_NEAR(cvs[i], plus[i], 5e-4);
        CHECK_NEAR(cvs[i], rig_plus[i], .2);
    }
    CHECK_EQ(model_compute(found("quadruple_tank"), (double[]){3, -1}, cvs, text), MODEL_NO_STATE);
    CHECK_TEXT(text, "model quadruple_tank: v2 must not be below 0 V, as -1 is");
}

/* The relative gain of the first pair, from differences about a point. */
static double relative_gain(const struct model *m, const double *at)
{
    double gain[2][2], high[4], low[4];
    for (int j = 0; j < 2; j++) {
        double above[3] = {at[0], at[1], at[2]}, below[3] = {at[0], at[1], at[2]};
        above[j] += 1e-5;
        below[j] -= 1e-5;
        compute(m, above, high);
        compute(m, below, low);
        for (int i = 0; i < 2; i++)
            gain[i][j] = (high[i] - low[i]) / 2e-5;
    }
    return 1 / (1 - gain[0][1] * gain[1][0] / (gain[0][0] * gain[1][1]));
}

TEST(relative_gains_as_published)
{
    CHECK_NEAR(relative_gain(found("quadruple_tank"), (double[]){3, 3, 0}), 1.40, 5e-3);
    CHECK_NEAR(relative_gain(found("quadruple_tank_nonminimum"), (double[]){3.15, 3.15, 0}), -0.636,
               5e-4);
    CHECK_NEAR(relative_gain(found("wood_berry"), (double[]){1.95, 1.71, 2.45}), 2.0094, 5e-5);
}

TEST(quadruple_tank_at_its_optimum)
{
    check_optimum(found("quadruple_tank"), (double[]){3.0411639, 2.8397951}, 17.3131141, 1e-5);
}

/* --- Wood-Berry ------------------------------------------------------------------------------- */

TEST(wood_berry_as_published)
{
    const struct model *m = found("wood_berry");
    double cvs[2];
    compute(m, (double[]){1.95, 1.71, 2.45}, cvs);
    CHECK_NEAR(cvs[0], 96.25, 1e-12);
    CHECK_NEAR(cvs[1], .515, 1e-12);
    compute(m, (double[]){1.913048, 1.698202, 2.45}, cvs);
    CHECK_NEAR(cvs[0], 96, 2e-5);
    CHECK_NEAR(cvs[1], .5, 2e-5);
    compute(m, (double[]){1.965019, 1.801759, 2.79}, cvs);
    CHECK_NEAR(cvs[0], 96, 2e-5);
    CHECK_NEAR(cvs[1], .5, 2e-5);
}

/* --- models out of files ---------------------------------------------------------------------- */

TEST(hs71_from_its_file)
{
    struct model *m = from_file("hs71.json");
    CHECK_TEXT(m->id, "hs71.json");
    CHECK_TEXT(m->title, "Hock-Schittkowski 71");
    CHECK_EQ(m->mv_count, 4);
    CHECK_EQ(m->cv_count, 0);
    CHECK(!m->maximise);
    struct point p = point_of(m, (double[]){1, 4.7429994, 3.8211503, 1.3794082});
    CHECK_NEAR(p.objective, 17.0140173, 1e-6);
    CHECK_NEAR(p.violation, 0, 1e-7);
    CHECK_NEAR(point_of(m, (double[]){1, 5, 5, 1}).violation, 12. / 40, 1e-12);
    CHECK_NEAR(point_of(m, (double[]){1, 5, 5, 1}).objective, 16, 1e-12);
    user_model_free(m);
}

TEST(hs43_from_its_file)
{
    struct model *m = from_file("hs43.json");
    check_optimum(m, (double[]){0, 1, 2, -1}, -44, 1e-12);
    CHECK_NEAR(point_of(m, (double[]){0, 0, 0, 0}).objective, 0, 0);
    CHECK_NEAR(point_of(m, (double[]){3, 0, 0, 0}).violation, 19, 1e-12);
    user_model_free(m);
}

/* A file says the same as the model that is built in, over a grid of two MVs. */
static void check_same(const char *file, const char *id, const size_t *cvs, size_t count)
{
    struct model *m = from_file(file);
    const struct model *built_in = found(id);
    double is[MODEL_VARIABLES_MAX], want[MODEL_VARIABLES_MAX];
    for (int i = 0; i < 100; i++) {
        double mvs[] = {1.5 + .1 * (i / 10), 1.4 + .2 * (i % 10), 2.45 + .01 * i};
        compute(m, mvs, is);
        compute(built_in, mvs, want);
        for (size_t j = 0; j < count; j++)
            CHECK_NEAR(is[cvs[j]], want[j], 1e-12 * fmax(1, fabs(want[j])));
    }
    CHECK_TEXT(m->objective, built_in->objective);
    CHECK_EQ(m->maximise, built_in->maximise);
    CHECK_EQ(m->constraint_count, built_in->constraint_count);
    for (size_t i = 0; i < m->constraint_count; i++)
        CHECK_TEXT(m->constraints[i], built_in->constraints[i]);
    user_model_free(m);
}

TEST(files_say_the_same_as_what_is_built_in)
{
    check_same("wood_berry.json", "wood_berry", (size_t[]){0, 1}, 2);
    check_same("quadruple_tank.json", "quadruple_tank", (size_t[]){0, 1, 2, 3}, 4);
    check_same("van_de_vusse_isothermal.json", "van_de_vusse_isothermal", (size_t[]){0, 1}, 2);
}

#define PLANT                                                                                      \
    "{\"mvs\": [{\"name\": \"u\", \"lower\": 0, \"upper\": 2}], \"constants\": {\"k\": 3},"        \
    " \"cvs\": [{\"name\": \"z\", \"expression\": \"[y] + 1\"},"                                   \
    "           {\"name\": \"y\", \"expression\": \"[k] / [u]\"}],"                                \
    " \"objective\": \"[z] - [u]\", \"maximise\": true, \"constraints\": [\"[y] <= 6\"]}"

static struct model *parsed(const char *json)
{
    struct model *m = user_model_parse(bytes_text(json), "p.json", text);
    if (!m)
        check_failed(__FILE__, __LINE__, "%s", text);
    return m;
}

TEST(cvs_are_computed_in_the_order_they_need)
{
    double cvs[2];
    struct model *m = parsed(PLANT);
    CHECK(m->maximise);
    compute(m, (double[]){2}, cvs);
    CHECK_NEAR(cvs[0], 2.5, 0);
    CHECK_NEAR(cvs[1], 1.5, 0);
    CHECK_EQ(model_compute(m, (double[]){0}, cvs, text), MODEL_NO_STATE);
    CHECK_TEXT(text, "model p.json: y is infinite at this point");
    compute(m, (double[]){1}, cvs);
    CHECK_NEAR(cvs[0], 4, 0);
    user_model_free(m);
}

/* The plant above with one piece of its text replaced. */
static void broken(const char *piece, const char *instead, const char *want)
{
    struct buf json = {0};
    const char *at = strstr(PLANT, piece);
    CHECK(at != NULL);
    buf_printf(&json, "%.*s%s%s", (int)(at - PLANT), PLANT, instead, at + strlen(piece));
    struct model *m = user_model_parse(buf_bytes(&json), "p.json", text);
    buf_fini(&json);
    user_model_free(m);
    CHECK(m == NULL);
    CHECK_TEXT(text, want);
}

TEST(a_broken_file_is_refused_by_name)
{
    broken("[k] /", "[z] /", "model file p.json: z needs y needs z again");
    broken("[k] /", "[y] /", "model file p.json: y needs y again");
    broken("[k] /", "[kk] /",
           "model file p.json: expression of \"y\", column 1: unknown variable \"kk\": "
           "the nearest known is \"k\"");
    broken("[k] / [u]", "",
           "model file p.json: expression of \"y\", column 1: "
           "an expression is missing here");
    broken("[z] - [u]", "[z] - [k]",
           "model file p.json: objective, column 7: unknown variable \"k\": "
           "the nearest known is \"u\"");
    broken("[z] - [u]", "[z] -",
           "model file p.json: objective, column 6: "
           "a value is missing at the end");
    broken("[y] <= 6", "[y]",
           "model file p.json: constraints[0], column 0: "
           "a constraint needs a <=, >= or = between two expressions");
    broken("\"[y] <= 6\"", "6", "model file p.json: constraints[0] must be text");
    broken("\"k\": 3", "\"u\": 3", "model file p.json: the name \"u\" stands there twice");
    broken("\"k\": 3", "\"k\": \"3\"", "model file p.json: constant \"k\" must be a number");
    broken("\"k\": 3", "\"k]\": 3", "model file p.json: the name \"k]\" is empty or has brackets");
    broken("\"z\"", "\"u\"", "model file p.json: the name \"u\" stands there twice");
    broken(", \"expression\": \"[y] + 1\"", "",
           "model file p.json: cvs[0] needs an \"expression\"");
    broken("\"maximise\": true", "\"maximise\": 1",
           "model file p.json: maximise of the file must be true or false");
    broken("\"maximise\"", "\"maximize\"",
           "model file p.json: unknown key \"maximize\" in the file");
    broken("\"mvs\"", "\"mv\"", "model file p.json: unknown key \"mv\" in the file");
    broken("\"lower\": 0", "\"lower\": 3", "model file p.json: lower of mvs[0] is above its upper");
}

TEST(a_long_chain_and_a_long_circle)
{
    for (int round = 0; round < 2; round++) {
        struct buf json = {0};
        buf_printf(&json, "{\"mvs\": [{\"name\": \"u\"}], \"cvs\": [");
        for (int i = 0; i < MODEL_VARIABLES_MAX - 1; i++)
            buf_printf(&json, "{\"name\": \"c%d\", \"expression\": \"[c%d] + 1\"},", i, i + 1);
        buf_printf(&json, "{\"name\": \"c%d\", \"expression\": \"[%s]\"}]}",
                   MODEL_VARIABLES_MAX - 1, round ? "c0" : "u");
        struct model *m = user_model_parse(buf_bytes(&json), "p.json", text);
        buf_fini(&json);
        if (round) {
            CHECK(m == NULL);
            CHECK(strstr(text, "model file p.json: c0 needs c1 needs c2 needs"));
            continue;
        }
        double cvs[MODEL_VARIABLES_MAX];
        compute(m, (double[]){1}, cvs);
        CHECK_EQ(cvs[0], MODEL_VARIABLES_MAX);
        user_model_free(m);
    }
}

TEST(a_linear_file_may_say_what_is_asked_of_it)
{
    struct model *m = parsed("{\"title\": \"gains\", \"mvs\": [{\"name\": \"u\", \"nominal\": 1}],"
                             " \"cvs\": [{\"name\": \"y\", \"nominal\": 10}], \"gains\": [[2]],"
                             " \"objective\": \"[y]\", \"constraints\": [\"0 <= [u] <= 3\"]}");
    double y;
    compute(m, (double[]){1.5}, &y);
    CHECK_NEAR(y, 11, 0);
    CHECK_TEXT(m->objective, "[y]");
    CHECK_EQ(m->constraint_count, 1);
    CHECK_TEXT(m->title, "gains");
    user_model_free(m);
}

TEST(a_program_is_asked_elsewhere)
{
    struct model *m = parsed("{\"mvs\": [{\"name\": \"u\"}], \"cvs\": [{\"name\": \"y\"}],"
                             " \"method\": \"my_plant.calculate_cv\", \"objective\": \"[y]\"}");
    double y;
    CHECK(m->compute == NULL);
    CHECK_TEXT(m->method, "my_plant.calculate_cv");
    CHECK_EQ(model_compute(m, (double[]){1}, &y, text), MODEL_ELSEWHERE);
    CHECK_TEXT(text, "model p.json is computed by jobs of my_plant.calculate_cv");
    user_model_free(m);
}

TEST(only_files_of_the_folder)
{
    CHECK(user_model_read(TEST_MODELS, bytes_text("../unit/check.h"), text) == NULL);
    CHECK(strstr(text, "must not lead out of the models folder"));
    CHECK(user_model_read(TEST_MODELS, bytes_text("none.json"), text) == NULL);
    CHECK(strstr(text, "No such file or directory"));
    char name[300] = {0};
    memset(name, 'a', sizeof name - 1);
    CHECK(user_model_read(TEST_MODELS, bytes_text(name), text) == NULL);
    CHECK(strstr(text, "the name is longer than 199 bytes"));
}
