/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables that take whole numbers only: whatever the method, no other point is looked at, none
 * twice, and a run that is saved and loaded takes the same way.
 */
#include "check.h"
#include "consumer/handlers/optimiser/optimiser.h"

#include <math.h>

enum { EVALUATIONS = 300 };

/* Least at x = 2, b = 1, y = 0.3. */
struct seen {
    size_t count;
    double x[EVALUATIONS][3];
};

static bool evaluate(void *context, const double *x, double *f, double *constraints)
{
    struct seen *s = context;
    (void)constraints;
    must(s->count < EVALUATIONS);
    memcpy(s->x[s->count++], x, sizeof s->x[0]);
    *f = pow(x[0] - 2.3, 2) + pow(x[1] - 0.8, 2) + pow(x[2] - 0.3, 2);
    return true;
}

static struct optimiser *optimiser_of(const char *method, const double *start)
{
    static const double lower[] = {-3.5, 0, -1}, upper[] = {7.2, 1, 1};
    static const bool whole[] = {true, true, false};
    struct optimiser_problem problem = {
        .variables = 3, .lower = lower, .upper = upper, .start = start, .whole = whole};
    struct optimiser_settings settings = {
        .method = method, .seed = 3, .evaluations_max = EVALUATIONS};
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct optimiser *o = optimiser_new(&problem, &settings, text);
    if (!o)
        check_failed(__FILE__, __LINE__, "%s", text);
    return o;
}

static void check_points(const char *method, const struct seen *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const double *x = s->x[i];
        bool good = x[0] == round(x[0]) && x[0] >= -3 && x[0] <= 7 && (x[1] == 0 || x[1] == 1);
        for (size_t k = 0; k < i; k++)
            good &= memcmp(x, s->x[k], sizeof s->x[0]) != 0;
        if (!good)
            check_failed(__FILE__, __LINE__, "%s: point %zu: %g %g %g", method, i, x[0], x[1],
                         x[2]);
    }
}

static struct optimiser *again(struct optimiser *o)
{
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct buf state = {0};
    optimiser_save(o, &state);
    optimiser_free(o);
    o = optimiser_load(buf_bytes(&state), text);
    buf_fini(&state);
    if (!o)
        check_failed(__FILE__, __LINE__, "%s", text);
    return o;
}

TEST(no_method_looks_between_whole_numbers)
{
    static const double start[] = {0.4, 0.4, 0};
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        struct seen *plain = must_alloc(sizeof *plain), *broken = must_alloc(sizeof *broken);
        struct optimiser *a = optimiser_of(method, i % 2 ? start : NULL);
        struct optimiser *b = optimiser_of(method, i % 2 ? start : NULL);
        optimiser_run(a, SIZE_MAX, evaluate, plain);
        CHECK(optimiser_status(a).end != OPTIMISER_GOING);
        while (optimiser_status(b).end == OPTIMISER_GOING) {
            optimiser_run(b, 7, evaluate, broken);
            b = again(b);
        }
        check_points(method, plain);
        CHECK_EQ(broken->count, plain->count);
        CHECK(memcmp(broken->x, plain->x, sizeof plain->x) == 0);
        optimiser_free(a);
        optimiser_free(b);
        free(plain);
        free(broken);
    }
}

TEST(the_least_whole_numbers_are_found)
{
    static const double start[] = {-2.6, 0.2, 0.9};
    static const char *const methods[] = {"auto", "GradientDescent", "GaussOpt", "Evolutionary",
                                          "TestStepOpt"};
    for (size_t i = 0; i < LENGTH(methods); i++) {
        struct seen *seen = must_alloc(sizeof *seen);
        struct optimiser *o = optimiser_of(methods[i], start);
        optimiser_run(o, SIZE_MAX, evaluate, seen);
        const double *x = optimiser_status(o).x;
        CHECK(seen->x[0][0] == -3 && seen->x[0][1] == 0 && seen->x[0][2] == 0.9);
        if (x[0] != 2 || x[1] != 1 || fabs(x[2] - 0.3) > 1e-3)
            check_failed(__FILE__, __LINE__, "%s: %g %g %g", methods[i], x[0], x[1], x[2]);
        optimiser_free(o);
        free(seen);
    }
}

TEST(a_space_of_two_points_ends)
{
    const char *method;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        static const double lower[] = {0, 2.5}, upper[] = {1, 3.5};
        static const bool whole[] = {true, true};
        struct seen seen = {0};
        char text[OPTIMISER_TEXT_SIZE];
        struct optimiser *o = optimiser_new(
            &(struct optimiser_problem){
                .variables = 2, .lower = lower, .upper = upper, .whole = whole},
            &(struct optimiser_settings){.method = method, .evaluations_max = EVALUATIONS}, text);
        double x[3] = {0}, f;
        CHECK(o);
        for (size_t count; (count = optimiser_ask(o, 1, x));) {
            evaluate(&seen, x, &f, NULL);
            optimiser_tell(o, &(struct optimiser_answer){.x = x, .f = f}, count);
        }
        CHECK(seen.count <= 2 && optimiser_status(o).x[0] == 1 && optimiser_status(o).x[1] == 3);
        optimiser_free(o);
    }
}

TEST(bounds_without_a_whole_number_between_are_crossed)
{
    static const double lower[] = {0.2}, upper[] = {0.8};
    static const bool whole[] = {true};
    char text[OPTIMISER_TEXT_SIZE] = "";
    CHECK(!optimiser_new(
        &(struct optimiser_problem){.variables = 1, .lower = lower, .upper = upper, .whole = whole},
        &(struct optimiser_settings){0}, text));
    CHECK_TEXT(text, "variable 1: bounds 0.2..0.8 are crossed or no numbers");
}
