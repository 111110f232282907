/* SPDX-License-Identifier: Apache-2.0
 *
 * What an optimiser promises whatever it minimises: the same sequence however often it is saved,
 * loaded, run or asked; no failed point for the best; damaged states refused.
 */
#include "check.h"
#include "common/crc32c.h"
#include "common/pack.h"
#include "consumer/handlers/optimiser/optimiser.h"
#include "optimiser_kit.h"

#include <math.h>

enum { SEQUENCE_MAX = 4000 };

/* A function that remembers where it was called. */
struct recorder {
    const struct known *known;
    size_t count;
    double x[SEQUENCE_MAX][4];
};

static bool record(void *context, const double *x, double *f, double *c)
{
    struct recorder *r = context;
    must(r->count < SEQUENCE_MAX && r->known->variables <= LENGTH(r->x[0]));
    memcpy(r->x[r->count++], x, r->known->variables * sizeof *x);
    return r->known->evaluate(NULL, x, f, c);
}

static struct recorder *recorder_of(const char *name)
{
    struct recorder *r = must_alloc(sizeof *r);
    r->known = known_find(name);
    return r;
}

static struct optimiser *again(struct optimiser *o)
{
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct buf state = {0}, twice = {0};
    optimiser_save(o, &state);
    optimiser_free(o);
    o = optimiser_load(buf_bytes(&state), text);
    if (!o)
        check_failed(__FILE__, __LINE__, "%s", text);
    optimiser_save(o, &twice);
    CHECK_BYTES(buf_bytes(&twice), buf_bytes(&state));
    buf_fini(&state);
    buf_fini(&twice);
    return o;
}

static void check_same(const char *method, const struct recorder *is, const struct recorder *want)
{
    if (is->count != want->count || memcmp(is->x, want->x, sizeof is->x) != 0)
        check_failed(__FILE__, __LINE__, "%s on %s: another sequence", method, want->known->name);
}

static void check_same_state(const struct optimiser *is, const struct optimiser *want)
{
    struct buf a = {0}, b = {0};
    optimiser_save(is, &a);
    optimiser_save(want, &b);
    CHECK_BYTES(buf_bytes(&a), buf_bytes(&b));
    buf_fini(&a);
    buf_fini(&b);
}

/* Saved and loaded after every so many evaluations, against one that is left alone. */
static void check_resume(const char *method, const char *name, size_t step, size_t evaluations)
{
    struct optimiser_settings settings = {.method = method, .seed = 11};
    settings.evaluations_max = evaluations;
    struct recorder *plain = recorder_of(name), *broken = recorder_of(name);
    struct optimiser *a = known_optimiser(plain->known, &settings);
    struct optimiser *b = known_optimiser(broken->known, &settings);
    CHECK(optimiser_run(a, SIZE_MAX, record, plain) <= evaluations);
    while (optimiser_status(b).end == OPTIMISER_GOING) {
        optimiser_run(b, step, record, broken);
        b = again(b);
    }
    check_same(method, broken, plain);
    check_same_state(b, a);
    optimiser_free(a);
    optimiser_free(b);
    free(plain);
    free(broken);
}

TEST(a_run_that_is_interrupted_anywhere_goes_the_same_way)
{
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        check_resume(method, "HS71", 1, 45);
        check_resume(method, "HS71", 7, 150);
        check_resume(method, "Himmelblau", 13, 300);
        check_resume(method, "G08", 50, 500);
    }
}

TEST(the_default_is_interrupted_at_every_evaluation_of_all_its_phases)
{
    check_resume("auto", "HS65", 1, 600);
}

/* Asked for up to max points, told in reverse order; all that were told are in the recorder. */
static struct optimiser *ask_and_tell(struct recorder *r, const struct optimiser_settings *settings,
                                      size_t max)
{
    struct optimiser *o = known_optimiser(r->known, settings);
    size_t n = r->known->variables, m = r->known->inequalities + r->known->equalities, count;
    double xs[OPTIMISER_ASK_MAX * 4];
    while ((count = optimiser_ask(o, max, xs)) > 0) {
        struct optimiser_answer answers[OPTIMISER_ASK_MAX];
        double constraints[OPTIMISER_ASK_MAX][8];
        CHECK(count <= max && m <= LENGTH(constraints[0]));
        for (size_t i = 0; i < count; i++) {
            struct optimiser_answer *a = &answers[count - 1 - i];
            *a = (struct optimiser_answer){.x = xs + i * n, .constraints = constraints[i]};
            a->failed = !record(r, a->x, &a->f, constraints[i]);
        }
        optimiser_tell(o, answers, count);
        o = again(o);
    }
    return o;
}

static void check_ask(const char *method, const char *name, size_t evaluations)
{
    struct optimiser_settings settings = {.method = method, .seed = 4};
    settings.evaluations_max = evaluations;
    struct recorder *run = recorder_of(name), *one = recorder_of(name), *many = recorder_of(name);
    struct optimiser *a = known_optimiser(run->known, &settings);
    optimiser_run(a, SIZE_MAX, record, run);
    struct optimiser *b = ask_and_tell(one, &settings, 1);
    check_same(method, one, run);
    check_same_state(b, a);
    struct optimiser *c = ask_and_tell(many, &settings, 16);
    struct optimiser_status is = optimiser_status(c), want = optimiser_status(a);
    CHECK_EQ(is.evaluations, want.evaluations);
    CHECK_EQ(is.end, want.end);
    CHECK(is.f == want.f && memcmp(is.x, want.x, run->known->variables * sizeof *is.x) == 0);
    for (size_t i = 0; i < run->count; i++) {
        size_t k = 0;
        while (k < many->count && memcmp(many->x[k], run->x[i], sizeof run->x[i]) != 0)
            k++;
        CHECK(k < many->count);
    }
    CHECK(many->count <= run->count + run->count / 10 + 16); /* hardly any asked for in vain */
    optimiser_free(a);
    optimiser_free(b);
    optimiser_free(c);
    free(run);
    free(one);
    free(many);
}

TEST(asking_and_telling_goes_the_way_of_running)
{
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        check_ask(method, "HS71", 40);
        check_ask(method, "Himmelblau", 60);
    }
}

static size_t asked(const char *method, const char *name)
{
    double xs[OPTIMISER_ASK_MAX * KIT_VARIABLES_MAX];
    struct optimiser_settings settings = {.method = method};
    struct optimiser *o = known_optimiser(known_find(name), &settings);
    size_t count = optimiser_ask(o, SIZE_MAX, xs);
    optimiser_free(o);
    return count;
}

TEST(points_that_depend_on_nothing_are_asked_for_together)
{
    CHECK_EQ(asked("LD_SLSQP", "ellipsoid 30"), 31); /* the start and its gradient */
    CHECK_EQ(asked("GN_ISRES", "HS71"), OPTIMISER_ASK_MAX);
    CHECK_EQ(asked("GN_ESCH", "Himmelblau"), OPTIMISER_ASK_MAX);
    CHECK(asked("GN_CRS2_LM", "Himmelblau") >= 20);
    CHECK(asked("auto", "HS71") >= 5);
}

TEST(what_was_asked_stays_asked_until_it_is_told)
{
    const struct known *k = known_find("ellipsoid 30");
    struct optimiser *o = known_optimiser(k, &(struct optimiser_settings){.method = "LD_SLSQP"});
    double first[OPTIMISER_ASK_MAX * 30], then[OPTIMISER_ASK_MAX * 30], f, none;
    CHECK_EQ(optimiser_ask(o, 31, first), 31);
    for (size_t i = 1; i < 31; i += 2) { /* all but every second one */
        k->evaluate(NULL, first + i * 30, &f, &none);
        optimiser_tell(o, &(struct optimiser_answer){.x = first + i * 30, .f = f}, 1);
    }
    CHECK_EQ(optimiser_status(o).evaluations, 0); /* the start is still missing */
    o = again(o);
    CHECK_EQ(optimiser_ask(o, 16, then), 16);
    for (size_t i = 0; i < 16; i++)
        CHECK(memcmp(then + i * 30, first + i * 60, 30 * sizeof *then) == 0);
    then[0] = 17; /* out of bounds, and never asked for */
    optimiser_tell(o, &(struct optimiser_answer){.x = then, .f = -1e9}, 1);
    CHECK(!optimiser_status(o).found);
    optimiser_free(o);
}

static bool half_fails(void *context, const double *x, double *f, double *c)
{
    (void)context;
    (void)c;
    *f = (x[0] - 1) * (x[0] - 1) + (x[1] - 2) * (x[1] - 2);
    return x[0] + x[1] > 1;
}

static bool half_nan(void *context, const double *x, double *f, double *c)
{
    bool good = half_fails(context, x, f, c);
    if (!good)
        *f = x[0] < 0 ? NAN : x[1] < 0 ? INFINITY : -INFINITY;
    return true;
}

static bool constraint_nan(void *context, const double *x, double *f, double *c)
{
    bool good = half_fails(context, x, f, c);
    c[0] = good ? x[0] - 0.5 : NAN;
    return true;
}

static bool all_fail(void *context, const double *x, double *f, double *c)
{
    (void)context, (void)x, (void)c;
    *f = -1e9;
    return false;
}

static struct optimiser *solve(const struct optimiser_problem *p, const char *method,
                               uint64_t evaluations_max, optimiser_evaluate *evaluate)
{
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct optimiser_settings settings = {.method = method, .evaluations_max = evaluations_max};
    struct optimiser *o = optimiser_new(p, &settings, text);
    if (!o)
        check_failed(__FILE__, __LINE__, "%s", text);
    while (optimiser_status(o).end == OPTIMISER_GOING)
        CHECK(optimiser_run(o, 50, evaluate, NULL) <= 50);
    CHECK(optimiser_status(o).evaluations <= evaluations_max);
    return o;
}

TEST(a_failed_point_is_never_the_best)
{
    double lower[] = {-5, -5}, upper[] = {5, 5}, bad[] = {-3, -3};
    struct optimiser_problem p = {2, 0, 0, lower, upper, bad};
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        struct optimiser *o = solve(&p, method, 300, half_nan);
        struct optimiser_status s = optimiser_status(o);
        CHECK(!s.found || (isfinite(s.f) && s.x[0] + s.x[1] > 1));
        optimiser_free(o);
    }
}

TEST(a_function_that_fails_on_half_of_its_domain_is_minimised_on_the_other)
{
    double lower[] = {-5, -5}, upper[] = {5, 5}, bad[] = {-3, -3}, good[] = {4, 4};
    static const char *const methods[] = {"auto", "GradientDescent", "Evolutionary", "Genetic_Algo",
                                          "GaussOpt"};
    for (size_t i = 0; i < LENGTH(methods); i++) {
        struct optimiser_problem p = {2, 0, 0, lower, upper, i % 2 ? good : bad};
        struct optimiser *o = solve(&p, methods[i], 1500, i % 2 ? half_fails : half_nan);
        CHECK(optimiser_status(o).f < 1e-6);
        optimiser_free(o);
    }
    struct optimiser_problem p = {2, 1, 0, lower, upper, bad};
    struct optimiser *o = solve(&p, "auto", 1500, constraint_nan);
    CHECK(optimiser_status(o).feasible && fabs(optimiser_status(o).f - 0.25) < 1e-5);
    optimiser_free(o);
}

TEST(where_everything_fails_there_is_no_best_point_and_an_end)
{
    double lower[] = {-5, -5}, upper[] = {5, 5};
    struct optimiser_problem p = {2, 1, 1, lower, upper};
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        struct optimiser *o = solve(&p, method, 300, all_fail);
        CHECK(!optimiser_status(o).found && optimiser_status(o).evaluations > 0);
        optimiser_free(again(o));
    }
}

static bool contradiction(void *context, const double *x, double *f, double *c)
{
    (void)context;
    *f = x[0];
    c[0] = x[0] + 1; /* x <= -1 */
    c[1] = 2 - x[0]; /* x >= 2 */
    return true;
}

TEST(what_cannot_be_feasible_ends_with_the_least_violation)
{
    double lower[] = {-5}, upper[] = {5};
    struct optimiser_problem p = {1, 2, 0, lower, upper};
    struct optimiser *o = solve(&p, "auto", 1500, contradiction);
    struct optimiser_status s = optimiser_status(o);
    CHECK(s.found && !s.feasible && fabs(s.violation - 1.5) < 1e-3);
    optimiser_free(o);
}

static bool third_fixed(void *context, const double *x, double *f, double *c)
{
    (void)context, (void)c;
    must(x[1] == 0.25);
    *f = (x[0] - x[1]) * (x[0] - x[1]) + (x[2] + 1) * (x[2] + 1);
    return true;
}

TEST(equal_bounds_fix_a_variable)
{
    double lower[] = {-1, 0.25, -3}, upper[] = {1, 0.25, 3};
    struct optimiser_problem p = {3, 0, 0, lower, upper};
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        struct optimiser *o = solve(&p, method, 1500, third_fixed);
        CHECK(optimiser_status(o).f < 1e-3);
        optimiser_free(o);
    }
    double all[] = {0.5, 0.25, 0.5};
    p.lower = p.upper = all;
    struct optimiser *o = solve(&p, "auto", 1500, third_fixed);
    CHECK_EQ(optimiser_status(o).evaluations, 1);
    CHECK(optimiser_status(o).f == 0.0625 + 2.25);
    optimiser_free(o);
}

TEST(the_budget_is_kept_and_the_best_never_gets_worse)
{
    const struct known *k = known_find("Haverly");
    struct optimiser *o = known_optimiser(k, &(struct optimiser_settings){.evaluations_max = 333});
    struct optimiser_status before = optimiser_status(o);
    uint64_t made = 0;
    while (optimiser_status(o).end == OPTIMISER_GOING) {
        double f = before.f, violation = before.violation;
        bool found = before.found, feasible = before.feasible;
        made += optimiser_run(o, 10, k->evaluate, NULL);
        struct optimiser_status s = optimiser_status(o);
        CHECK_EQ(s.evaluations, made);
        CHECK(!feasible || (s.feasible && s.f <= f));
        CHECK(!found || feasible || s.feasible || s.violation <= violation);
        before = s;
    }
    CHECK_EQ(made, 333);
    CHECK_EQ(optimiser_status(o).end, OPTIMISER_BUDGET);
    CHECK_EQ(optimiser_run(o, 10, k->evaluate, NULL), 0);
    optimiser_free(o);
}

TEST(a_full_table_begins_a_new_epoch_from_the_best_point)
{
    static const char *const methods[] = {"auto", "LN_COBYLA", "GN_ESCH", "GN_DIRECT_L"};
    for (size_t i = 0; i < LENGTH(methods); i++) {
        struct optimiser_settings settings = {.method = methods[i], .table_max = 60};
        const struct known *k = known_find("HS65");
        struct optimiser *o = known_optimiser(k, &settings);
        size_t largest = 0;
        while (optimiser_status(o).end == OPTIMISER_GOING) {
            optimiser_run(o, 17, k->evaluate, NULL);
            struct buf state = {0};
            optimiser_save(o, &state);
            largest = state.size > largest ? state.size : largest;
            buf_fini(&state);
            o = again(o);
        }
        CHECK(optimiser_status(o).epoch > 0);
        CHECK(known_reached(k, o));
        CHECK(largest < 62 * 50);
        optimiser_free(o);
    }
    struct optimiser_settings settings = {.method = "auto", .table_max = 60};
    struct recorder *plain = recorder_of("HS65"), *broken = recorder_of("HS65");
    struct optimiser *a = known_optimiser(plain->known, &settings);
    struct optimiser *b = known_optimiser(broken->known, &settings);
    optimiser_run(a, SIZE_MAX, record, plain);
    while (optimiser_run(b, 1, record, broken) > 0)
        b = again(b);
    check_same("auto", broken, plain);
    optimiser_free(a);
    optimiser_free(b);
    free(plain);
    free(broken);
}

static bool many_constraints(void *context, const double *x, double *f, double *c)
{
    (void)context;
    *f = x[0];
    for (int i = 0; i < OPTIMISER_CONSTRAINTS_MAX; i++)
        c[i] = 0.3333 * i - x[i % OPTIMISER_VARIABLES_MAX];
    return true;
}

TEST(the_largest_state_is_below_its_limit)
{
    double lower[OPTIMISER_VARIABLES_MAX], upper[OPTIMISER_VARIABLES_MAX];
    for (int i = 0; i < OPTIMISER_VARIABLES_MAX; i++) {
        lower[i] = -1.7;
        upper[i] = 100.3;
    }
    char text[OPTIMISER_TEXT_SIZE];
    struct optimiser_problem p = {
        OPTIMISER_VARIABLES_MAX, OPTIMISER_CONSTRAINTS_MAX, 0, lower, upper, lower};
    struct optimiser *o = optimiser_new(
        &p, &(struct optimiser_settings){.method = "GN_ESCH", .table_max = SIZE_MAX}, text);
    size_t largest = 0;
    for (int i = 0; i < 8; i++) {
        optimiser_run(o, 50, many_constraints, NULL);
        struct buf state = {0};
        optimiser_save(o, &state);
        largest = state.size > largest ? state.size : largest;
        buf_fini(&state);
    }
    CHECK(largest > OPTIMISER_STATE_MAX / 3 && largest <= OPTIMISER_STATE_MAX);
    CHECK(optimiser_status(o).epoch > 0);
    optimiser_free(o);
}

TEST(islands_take_over_the_best_and_go_on_from_there)
{
    const struct known *k = known_find("HS71");
    struct optimiser *o[3];
    for (uint64_t i = 0; i < 3; i++) {
        o[i] = known_optimiser(k, &(struct optimiser_settings){.seed = i, .method = "GN_ISRES"});
        optimiser_run(o[i], 20 + 60 * i, k->evaluate, NULL);
    }
    size_t best = 0;
    for (size_t i = 1; i < 3; i++) {
        struct optimiser_status is = optimiser_status(o[i]), was = optimiser_status(o[best]);
        if (is.feasible ? !was.feasible || is.f < was.f
                        : !was.feasible && is.violation < was.violation)
            best = i;
    }
    struct optimiser_status want = optimiser_status(o[best]);
    double x[4];
    memcpy(x, want.x, sizeof x);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(optimiser_merge(o[i], o, 3), i != best);
    for (size_t i = 0; i < 3; i++) {
        struct optimiser_status s = optimiser_status(o[i]);
        CHECK(s.f == want.f && memcmp(s.x, x, sizeof x) == 0);
        CHECK_EQ(s.evaluations, 20 + 60 * i);
        o[i] = again(o[i]);
        while (optimiser_status(o[i]).end == OPTIMISER_GOING)
            optimiser_run(o[i], 50, k->evaluate, NULL);
        CHECK(known_reached(k, o[i]));
        optimiser_free(o[i]);
    }
}

static bool loads(struct bytes state)
{
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct optimiser *o = optimiser_load(state, text);
    CHECK(o || text[0]);
    optimiser_free(o);
    return o;
}

static struct buf state_of(const char *name, const char *method, size_t evaluations)
{
    const struct known *k = known_find(name);
    struct optimiser *o = known_optimiser(k, &(struct optimiser_settings){.method = method});
    optimiser_run(o, evaluations, k->evaluate, NULL);
    struct buf state = {0};
    optimiser_save(o, &state);
    optimiser_free(o);
    return state;
}

TEST(a_damaged_state_is_refused)
{
    struct buf state = state_of("HS71", "auto", 20);
    CHECK(loads(buf_bytes(&state)));
    for (size_t size = 0; size < state.size; size++) {
        unsigned char *copy = must_alloc(size); /* so that a read beyond it is seen */
        memcpy(copy, state.data, size);
        CHECK(!loads(bytes_of(copy, size)));
        free(copy);
    }
    for (size_t i = 0; i < state.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            state.data[i] ^= (unsigned char)(1 << bit);
            CHECK(!loads(buf_bytes(&state)));
            state.data[i] ^= (unsigned char)(1 << bit);
        }
    }
    *buf_extend(&state, 1) = 0;
    CHECK(!loads(buf_bytes(&state)));
    buf_fini(&state);
}

/* Damaged where the sum agrees: it is refused, or is some state that can be gone on with. */
TEST(a_wrong_state_with_a_right_sum_does_no_harm)
{
    struct buf state = state_of("Himmelblau", "auto", 8);
    struct cursor c = cursor_of(buf_bytes(&state));
    cursor_array(&c);
    cursor_uint(&c);
    cursor_uint(&c);
    struct bytes body = cursor_bin(&c);
    unsigned char *copy = must_alloc(body.size);
    size_t refused = 0;
    for (size_t i = 0; i < body.size * 4; i++) {
        static const unsigned char masks[] = {0x01, 0x80, 0xff, 0x10};
        char text[OPTIMISER_TEXT_SIZE];
        struct buf sealed = {0};
        bytes_copy(copy, body);
        copy[i / 4] ^= masks[i % 4];
        pack_array(&sealed, 3);
        pack_uint(&sealed, 1);
        pack_uint(&sealed, crc32c(0, bytes_of(copy, body.size)));
        pack_bin(&sealed, bytes_of(copy, body.size));
        struct optimiser *o = optimiser_load(buf_bytes(&sealed), text);
        refused += !o;
        if (o && optimiser_variables(o) == 2 && optimiser_constraints(o) == 0)
            optimiser_run(o, 2, known_find("Himmelblau")->evaluate, NULL);
        optimiser_free(o);
        buf_fini(&sealed);
    }
    CHECK(refused > body.size / 4);
    free(copy);
    buf_fini(&state);
}

TEST(a_state_of_another_version_is_named)
{
    struct buf state = state_of("HS6", "auto", 3);
    char text[OPTIMISER_TEXT_SIZE];
    CHECK_EQ(state.data[1], 1);
    state.data[1] = 2;
    CHECK(!optimiser_load(buf_bytes(&state), text));
    CHECK_TEXT(text, "a saved state of version 2; this is version 1");
    buf_fini(&state);
}

static const char *refusal(const struct optimiser_problem *p, const char *method,
                           char text[OPTIMISER_TEXT_SIZE])
{
    struct optimiser *o = optimiser_new(p, &(struct optimiser_settings){.method = method}, text);
    CHECK(!o);
    return text;
}

TEST(what_is_wrong_is_named)
{
    char text[OPTIMISER_TEXT_SIZE];
    double lower[] = {0, 2}, upper[] = {1, 1}, good[] = {3, 3}, start[] = {0, NAN}, zero[] = {0};
    struct optimiser_problem p = {2, 0, 0, lower, upper};
    CHECK_TEXT(refusal(&p, NULL, text), "variable 2: bounds 2..1 are crossed or no numbers");
    p.upper = good;
    p.start = start;
    CHECK_TEXT(refusal(&p, NULL, text), "variable 2: starts at nan");
    p.start = NULL;
    CHECK_TEXT(refusal(&p, "Genetic Algo", text),
               "unknown method \"Genetic Algo\": the nearest is \"Genetic_Algo\"");
    CHECK_TEXT(refusal(&p, "LN_COBYLLA", text),
               "unknown method \"LN_COBYLLA\": the nearest is \"LN_COBYLA\"");
    p.equalities = 1;
    p.scales = zero;
    CHECK_TEXT(refusal(&p, NULL, text), "constraint 1: its scale is 0");
    p.equalities = 257;
    CHECK_TEXT(refusal(&p, NULL, text), "more than 256 constraints");
    p.variables = 0;
    CHECK_TEXT(refusal(&p, NULL, text), "0 variables: 1 to 64 are possible");
    CHECK(optimiser_method_known("nlopt_ln_cobyla", text) && optimiser_method_known("AUTO", text));
    CHECK(!optimiser_method_known("", text));
}

TEST(the_seed_decides)
{
    static const char *const methods[] = {"auto", "Genetic_Algo", "GN_CRS2_LM"};
    for (size_t i = 0; i < LENGTH(methods); i++) {
        struct recorder *runs[3];
        for (uint64_t k = 0; k < 3; k++) {
            runs[k] = recorder_of("G08");
            struct optimiser_settings settings = {.method = methods[i], .seed = k / 2};
            struct optimiser *o = known_optimiser(runs[k]->known, &settings);
            optimiser_run(o, 300, record, runs[k]);
            optimiser_free(o);
        }
        check_same(methods[i], runs[1], runs[0]);
        CHECK(memcmp(runs[2]->x, runs[0]->x, sizeof runs[0]->x) != 0);
        for (size_t k = 0; k < 3; k++)
            free(runs[k]);
    }
}
