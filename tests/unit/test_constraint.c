/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/constraint.h"

#include <math.h>

#include "tests/unit/check.h"

static const char *const names[] = {"x", "y", "a<=b"};

static struct constraint *made(const char *text)
{
    struct expression_error error;
    struct constraint *c = constraint_new(bytes_text(text), names, LENGTH(names), &error);
    if (!c)
        check_failed(__FILE__, __LINE__, "%s: column %zu: %s", text, error.column, error.text);
    return c;
}

/* What one constraint says at (x, y, 7), from the text to the violation. */
static void check(int line, const char *text, double x, double y, size_t count, double first,
                  double second, double violation)
{
    struct constraint *c = made(text);
    double values[] = {x, y, 7}, parts[CONSTRAINT_PARTS_MAX] = {0, 0};
    enum expression_result result = constraint_evaluate(c, values, parts);
    double is = constraint_violation(c, values);
    check_equal(__FILE__, line, text, (long long)constraint_parts(c), (long long)count);
    constraint_free(c);
    check_equal(__FILE__, line, text, result, EXPRESSION_OK);
    if (parts[0] != first || parts[1] != second)
        check_failed(__FILE__, line, "%s: %g and %g, not %g and %g", text, parts[0], parts[1],
                     first, second);
    if (!(fabs(is - violation) <= 1e-15))
        check_failed(__FILE__, line, "%s: violation %g, not %g", text, is, violation);
}

#define CHECK_AT(text, x, y, first, violation) check(__LINE__, text, x, y, 1, first, 0, violation)
#define CHECK_CHAIN(text, x, y, first, second, violation)                                          \
    check(__LINE__, text, x, y, 2, first, second, violation)

static void refused(int line, const char *text, size_t column, const char *want)
{
    struct expression_error error;
    struct constraint *c = constraint_new(bytes_text(text), names, LENGTH(names), &error);
    constraint_free(c);
    if (c)
        check_failed(__FILE__, line, "%s is accepted", text);
    check_text(__FILE__, line, text, error.text, want);
    check_equal(__FILE__, line, text, (long long)error.column, (long long)column);
}

#define CHECK_REFUSED(text, column, want) refused(__LINE__, text, column, want)

TEST(each_sign)
{
    CHECK_AT("[x] <= 4", 5, 0, 1, .25);
    CHECK_AT("[x] <= 4", 3, 0, -1, 0);
    CHECK_AT("[x] < 4", 5, 0, 1, .25);
    CHECK_AT("[x] >= 4", 5, 0, -1, 0);
    CHECK_AT("[x] >= 4", 3, 0, 1, .25);
    CHECK_AT("[x] > 4", 3, 0, 1, .25);
    CHECK_AT("[x] = 4", 5, 0, 1, .25);
    CHECK_AT("[x] == 4", 3, 0, -1, .25);
    CHECK_AT("[x] ≤ 4", 5, 0, 1, .25);
    CHECK_AT("[x]≥4", 3, 0, 1, .25);
    CHECK_AT("4 >= [x]", 5, 0, 1, .25);
    CHECK_AT("[x]^2 + [y]^2 = 40", 2, 6, 0, 0);
    CHECK_AT("[x]*2 <= [y]-1", 3, 4, 3, 3);
}

TEST(a_chain_is_two)
{
    CHECK_CHAIN("1 <= [x] <= 5", 3, 0, -2, -2, 0);
    CHECK_CHAIN("1 <= [x] <= 5", .5, 0, .5, -4.5, .5);
    CHECK_CHAIN("1 < [x] < 5", 6, 0, -5, 1, .2);
    CHECK_CHAIN("5 >= [x] >= 1", 6, 0, 1, -5, .2);
    CHECK_CHAIN("[x] <= [y] <= 2*[x]", 2, 5, -3, 1, 1);
}

TEST(equality_or_not)
{
    static const char *const texts[] = {"[x] = 1", "[x] == 1", "[x] <= 1", "1 >= [x] >= 0"};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct constraint *c = made(texts[i]);
        CHECK_EQ(constraint_is_equality(c), i < 2);
        CHECK(constraint_uses(c, 0) && !constraint_uses(c, 1));
        constraint_free(c);
    }
}

TEST(signs_inside_names_and_spaces)
{
    CHECK_AT("[a<=b] >= 8", 0, 0, 1, .125);
    CHECK_AT("  [x]\n<=\t4 ", 5, 0, 1, .25);
}

TEST(the_scale_is_the_constant_sides_size)
{
    static const struct {
        const char *text;
        double scale;
    } cases[] = {{"[x] <= 0.12", .12}, {"[x] >= -96", 96}, {"25 <= [x]*[y]", 25},
                 {"[x] <= 0", 1},      {"[x] <= [y]", 1},  {"[x] = 2*20", 40}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct constraint *c = made(cases[i].text);
        if (constraint_scale(c, 0) != cases[i].scale)
            check_failed(__FILE__, __LINE__, "%s: %g", cases[i].text, constraint_scale(c, 0));
        constraint_free(c);
    }
    struct constraint *c = made("-1 <= [x] <= 1000");
    CHECK_EQ(constraint_scale(c, 0), 1);
    CHECK_EQ(constraint_scale(c, 1), 1000);
    constraint_free(c);
}

TEST(without_a_constant_the_scale_is_taken_at_a_point)
{
    struct constraint *c = made("[x] <= [y]");
    constraint_scale_at(c, (double[]){0, 0, 0});
    CHECK_EQ(constraint_scale(c, 0), 1);
    constraint_scale_at(c, (double[]){3000, -4000, 0});
    CHECK_EQ(constraint_scale(c, 0), 4000);
    CHECK(fabs(constraint_violation(c, (double[]){4, 0, 0}) - .001) < 1e-15);
    constraint_scale_at(c, (double[]){(double)NAN, 1, 0});
    CHECK_EQ(constraint_scale(c, 0), 4000);
    constraint_free(c);
    c = made("[x] <= 4");
    constraint_scale_at(c, (double[]){3000, 0, 0});
    CHECK_EQ(constraint_scale(c, 0), 4);
    constraint_free(c);
}

TEST(what_cannot_be_told_is_violated_without_end)
{
    struct constraint *c = made("ln([x]) <= [y]");
    double parts[CONSTRAINT_PARTS_MAX];
    CHECK_EQ(constraint_evaluate(c, (double[]){-1, 0, 0}, parts), EXPRESSION_NAN);
    CHECK(isinf(constraint_violation(c, (double[]){-1, 0, 0})));
    CHECK_EQ(constraint_evaluate(c, (double[]){0, 0, 0}, parts), EXPRESSION_INFINITE);
    CHECK(isinf(constraint_violation(c, (double[]){0, 0, 0})));
    CHECK_EQ(constraint_evaluate(c, (double[]){1, (double)NAN, 0}, parts), EXPRESSION_NAN);
    CHECK_EQ(constraint_evaluate(c, (double[]){1, 0, 0}, parts), EXPRESSION_OK);
    CHECK_EQ(constraint_violation(c, (double[]){1, 0, 0}), 0);
    constraint_free(c);
    c = made("[x] <= [y]");
    CHECK_EQ(constraint_evaluate(c, (double[]){1e308, -1e308, 0}, parts), EXPRESSION_INFINITE);
    constraint_free(c);
}

TEST(what_is_no_constraint)
{
    CHECK_REFUSED("", 1, "an expression is missing here");
    CHECK_REFUSED("[x] + 1", 0, "a constraint needs a <=, >= or = between two expressions");
    CHECK_REFUSED("1 <= 2", 0, "a constraint names at least one variable");
    CHECK_REFUSED("[x] <= 1/0", 7, "this side has no finite value");
    CHECK_REFUSED("1 <= [x] >= 0", 10, "both signs of a chain are <= or both are >=");
    CHECK_REFUSED("1 = [x] = 1", 9, "both signs of a chain are <= or both are >=");
    CHECK_REFUSED("1 = [x] <= 1", 9, "both signs of a chain are <= or both are >=");
    CHECK_REFUSED("1 <= [x] <= 2 <= 3", 15, "a constraint compares two or three expressions");
}

TEST(errors_of_a_side_have_their_place_in_the_whole)
{
    CHECK_REFUSED("[x] <= ", 8, "an expression is missing here");
    CHECK_REFUSED("<= 1", 1, "an expression is missing here");
    CHECK_REFUSED("[x] <= 1 + $", 12, "a value is missing before \"$\"");
    CHECK_REFUSED("1 ≤ [x] ≤ [z]", 11, "unknown variable \"z\": the nearest known is \"x\"");
    CHECK_REFUSED("[x] =< 1", 6, "both signs of a chain are <= or both are >=");
    CHECK_REFUSED("[x] != 1", 5, "a comparison is no part of an expression");
    CHECK_REFUSED("[x] <> 1", 6, "both signs of a chain are <= or both are >=");
    CHECK_REFUSED("([x] <= 1)", 6, "a comparison is no part of an expression");
    CHECK_REFUSED("([x] <= 1", 6, "a comparison is no part of an expression");
    CHECK_REFUSED("[x <= 1", 1, "the [ is not closed");
}

TEST(a_long_one_is_refused)
{
    struct expression_error error;
    size_t size = 100 * 1024;
    char *text = malloc(size + 1);
    memset(text, '[', size);
    text[size] = 0;
    CHECK(!constraint_new(bytes_text(text), names, LENGTH(names), &error));
    CHECK_TEXT(error.text, "the constraint is longer than 64 KiB");
    text[64 * 1024] = 0;
    CHECK(!constraint_new(bytes_text(text), names, LENGTH(names), &error));
    CHECK_TEXT(error.text, "the [ is not closed");
    free(text);
}
