/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/expression.h"

#include <float.h>
#include <math.h>

#include "common/buf.h"
#include "common/random.h"
#include "tests/unit/check.h"

static const char *const names[] = {"CV1", "CV2", "CV3", "x"};
static const double values[] = {2, 3, 4, -0.5};

/* What the text comes to at these values; ends the test when it does not compile. */
static double value_of(const char *text)
{
    struct expression_error error;
    struct expression *e = expression_new(bytes_text(text), names, LENGTH(names), &error);
    double result = 0;
    if (!e)
        check_failed(__FILE__, __LINE__, "%s: column %zu: %s", text, error.column, error.text);
    expression_evaluate(e, values, &result);
    expression_free(e);
    return result;
}

#define CHECK_VALUE(text, want)                                                                    \
    do {                                                                                           \
        double is_ = value_of(text), want_ = (want);                                               \
        if (!(fabs(is_ - want_) <= 1e-14 * fabs(want_)))                                           \
            check_failed(__FILE__, __LINE__, "%s is %.17g, not %.17g", text, is_, want_);          \
    } while (0)

static enum expression_result result_of(const char *text)
{
    struct expression_error error;
    double ignored;
    struct expression *e = expression_new(bytes_text(text), names, LENGTH(names), &error);
    if (!e)
        check_failed(__FILE__, __LINE__, "%s: %s", text, error.text);
    enum expression_result result = expression_evaluate(e, values, &ignored);
    expression_free(e);
    return result;
}

static void refused(int line, const char *text, size_t column, const char *want)
{
    struct expression_error error;
    struct expression *e = expression_new(bytes_text(text), names, LENGTH(names), &error);
    expression_free(e);
    if (e)
        check_failed(__FILE__, line, "%s is accepted", text);
    check_text(__FILE__, line, text, error.text, want);
    check_equal(__FILE__, line, text, (long long)error.column, (long long)column);
}

#define CHECK_REFUSED(text, column, want) refused(__LINE__, text, column, want)

/* --- what they come to ------------------------------------------------------------------------ */

TEST(the_sample_of_the_service)
{
    CHECK_VALUE("[CV1]*[CV2]^2-3/[CV3]", 17.25);
    CHECK_VALUE("10 * Pow([x] + 7 , 2) + 15", 10 * 6.5 * 6.5 + 15);
}

TEST(what_binds_closer)
{
    CHECK_VALUE("1 + 2*3", 7);
    CHECK_VALUE("(1 + 2)*3", 9);
    CHECK_VALUE("2*3^2", 18);
    CHECK_VALUE("-2^2", -4);
    CHECK_VALUE("(-2)^2", 4);
    CHECK_VALUE("2^-2", .25);
    CHECK_VALUE("2^3^2", 512);
    CHECK_VALUE("2^-1^2", .5);
    CHECK_VALUE("8/4/2", 1);
    CHECK_VALUE("8-4-2", 2);
    CHECK_VALUE("8/4*2", 4);
    CHECK_VALUE("2--3", 5);
    CHECK_VALUE("2*-3", -6);
    CHECK_VALUE("2*--3^2", 18);
    CHECK_VALUE("- + - -2", -2);
    CHECK_VALUE("+[CV1]", 2);
    CHECK_VALUE("-[CV1]^[CV2]", -8);
    CHECK_VALUE("-[CV1]*[CV2]", -6);
    CHECK_VALUE("2^-[CV1]*[CV3]", 1);
    CHECK_VALUE("-(-(-[CV2]))", -3);
}

TEST(numbers)
{
    CHECK_VALUE("0.5", .5);
    CHECK_VALUE(".5", .5);
    CHECK_VALUE("5.", 5);
    CHECK_VALUE("1e3", 1000);
    CHECK_VALUE("1.5E-3", .0015);
    CHECK_VALUE("2e+2", 200);
    CHECK_VALUE("0.1+0.2", .1 + .2);
    CHECK_VALUE("1.797e308", 1.797e308);
    CHECK_VALUE("1e-400", 0);
    CHECK_VALUE("007", 7);
}

TEST(every_function)
{
    CHECK_VALUE("sin([x])", sin(-.5));
    CHECK_VALUE("cos([x])", cos(-.5));
    CHECK_VALUE("tan([x])", tan(-.5));
    CHECK_VALUE("asin([x])", asin(-.5));
    CHECK_VALUE("acos([x])", acos(-.5));
    CHECK_VALUE("atan([x])", atan(-.5));
    CHECK_VALUE("exp([x])", exp(-.5));
    CHECK_VALUE("sqrt([CV1])", sqrt(2));
    CHECK_VALUE("log10([CV1])", log10(2));
    CHECK_VALUE("ln([CV1])", log(2));
    CHECK_VALUE("log([CV1])", log(2));
    CHECK_VALUE("abs([x])", .5);
    CHECK_VALUE("pow([CV1], [x])", pow(2, -.5));
    CHECK_VALUE("min([CV1], [x], 7)", -.5);
    CHECK_VALUE("max([CV1], [x], 7)", 7);
    CHECK_VALUE("min([CV3])", 4);
}

TEST(functions_in_any_letter_case_and_one_in_another)
{
    CHECK_VALUE("SIN([x])", sin(-.5));
    CHECK_VALUE("Log10(1000)", 3);
    CHECK_VALUE("MAX(Min(1, 2), POW(2, 3))", 8);
    CHECK_VALUE("sin (0)", 0);
    CHECK_VALUE("sin(-[x])^2", sin(.5) * sin(.5));
    CHECK_VALUE("-sin(1)^2", -sin(1) * sin(1));
    CHECK_VALUE("pow((1+1), (2))", 4);
}

TEST(space_anywhere_between)
{
    CHECK_VALUE("\t[CV1]\r\n  *\n[CV2] ", 6);
    CHECK_VALUE("[CV1]*[CV2]", 6);
}

TEST(names_as_clients_have_them)
{
    static const char *const wild[] = {"15b5132c-5041-4f0e-9c6a-0123456789ab",
                                       "Reaktor 1.Temperatur",
                                       "Расход-Б",
                                       "流量",
                                       "a+b",
                                       "sin",
                                       "1e5",
                                       " x"};
    struct expression_error error;
    struct expression *e = expression_new(
        bytes_text("[15b5132c-5041-4f0e-9c6a-0123456789ab]-[Reaktor 1.Temperatur]*[Расход-Б]"
                   "+[流量]^[a+b]+[sin]+[1e5]-[ x]"),
        wild, LENGTH(wild), &error);
    double result;
    CHECK(e != NULL);
    CHECK_EQ(expression_evaluate(e, (double[]){100, 2, 3, 4, 5, 6, 7, 8}, &result), EXPRESSION_OK);
    CHECK_EQ(result, 100 - 2 * 3 + 1024 + 6 + 7 - 8);
    expression_free(e);
}

TEST(what_an_expression_uses)
{
    struct expression_error error;
    struct expression *e =
        expression_new(bytes_text("[CV3] + 0*[x] + [CV3]"), names, LENGTH(names), &error);
    CHECK(!expression_uses(e, 0) && !expression_uses(e, 1));
    CHECK(expression_uses(e, 2) && expression_uses(e, 3));
    CHECK(!expression_is_constant(e));
    expression_free(e);
    e = expression_new(bytes_text("2*3"), NULL, 0, &error);
    double result;
    CHECK(expression_is_constant(e) && !expression_uses(e, 0));
    CHECK_EQ(expression_evaluate(e, NULL, &result), EXPRESSION_OK);
    CHECK_EQ(result, 6);
    expression_free(e);
}

TEST(evaluated_again_it_forgets_what_was)
{
    struct expression_error error;
    struct expression *e = expression_new(bytes_text("1/[x] + [x]"), &names[3], 1, &error);
    double result;
    for (int round = 0; round < 3; round++) {
        CHECK_EQ(expression_evaluate(e, (double[]){0}, &result), EXPRESSION_INFINITE);
        CHECK_EQ(expression_evaluate(e, (double[]){(double)NAN}, &result), EXPRESSION_NAN);
        CHECK_EQ(expression_evaluate(e, (double[]){2}, &result), EXPRESSION_OK);
        CHECK_EQ(result * 2, 5);
    }
    expression_free(e);
}

/* --- no number -------------------------------------------------------------------------------- */

TEST(what_is_no_number_is_told_apart)
{
    CHECK_EQ(result_of("0/0"), EXPRESSION_NAN);
    CHECK_EQ(result_of("sqrt(-1)"), EXPRESSION_NAN);
    CHECK_EQ(result_of("ln(-1)"), EXPRESSION_NAN);
    CHECK_EQ(result_of("asin(2)"), EXPRESSION_NAN);
    CHECK_EQ(result_of("(-2)^0.5"), EXPRESSION_NAN);
    CHECK_EQ(result_of("1/0 - 1/0"), EXPRESSION_NAN);
    CHECK_EQ(result_of("1/0"), EXPRESSION_INFINITE);
    CHECK_EQ(result_of("-1/0"), EXPRESSION_INFINITE);
    CHECK_EQ(result_of("ln(0)"), EXPRESSION_INFINITE);
    CHECK_EQ(result_of("10^400"), EXPRESSION_INFINITE);
    CHECK_EQ(result_of("exp([CV1]*1000)"), EXPRESSION_INFINITE);
    CHECK_EQ(result_of("1e308*10*[CV1]/10"), EXPRESSION_INFINITE);
    CHECK_EQ(result_of("1/(1/0)"), EXPRESSION_OK);
    CHECK_TEXT(expression_result_text(EXPRESSION_NAN), "not a number");
    CHECK_TEXT(expression_result_text(EXPRESSION_INFINITE), "infinite");
}

TEST(min_and_max_do_not_lose_it)
{
    CHECK_EQ(result_of("min(0/0, 1)"), EXPRESSION_NAN);
    CHECK_EQ(result_of("min(1, 0/0, 2)"), EXPRESSION_NAN);
    CHECK_EQ(result_of("max(1, 0/0)"), EXPRESSION_NAN);
    CHECK_EQ(result_of("max(0/0, 1, 2)"), EXPRESSION_NAN);
}

TEST(the_largest_numbers_are_not_calculated_ahead)
{
    CHECK_VALUE("[CV1]*1e-300*1e308", 2 * 1e-300 * 1e308);
    CHECK_VALUE("[x]*1e308*2/1e308", -1);
    CHECK_EQ(result_of("1e308*[CV1] - 1e308*[CV1]"), EXPRESSION_NAN);
}

/* --- against another evaluator ---------------------------------------------------------------- */

/* A random formula, written with only the parentheses that it needs, and what it comes to. */
struct written {
    struct buf text;
    double value;
    int binds; /* 1: + -, 2: * /, 3: a sign, 4: ^, 5: everything else */
};

static struct written write_formula(struct random *seed, int depth);

static void put_operand(struct buf *out, struct written *operand, bool enclosed)
{
    buf_printf(out, enclosed ? "(%s)" : "%s", buf_text(&operand->text));
    buf_fini(&operand->text);
}

static struct written write_leaf(struct random *seed)
{
    struct written w = {.binds = 5};
    uint64_t pick = random_below(seed, LENGTH(names) + 1);
    if (pick < LENGTH(names)) {
        buf_printf(&w.text, "[%s]", names[pick]);
        w.value = values[pick];
    } else {
        w.value = (double)random_below(seed, 100) / 8;
        buf_printf(&w.text, "%g", w.value);
    }
    return w;
}

static struct written write_sign(struct random *seed, int depth)
{
    struct written w = {.binds = 3}, inner = write_formula(seed, depth - 1);
    w.value = -inner.value;
    buf_printf(&w.text, "-");
    put_operand(&w.text, &inner, inner.binds < 3);
    return w;
}

static double apply(char sign, double a, double b)
{
    switch (sign) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return a / b;
    default: return pow(a, b);
    }
}

static struct written write_binary(struct random *seed, int depth)
{
    static const struct {
        char sign;
        int binds, left, right; /* what its operands must at least be, to stand without ( ) */
    } operators[] = {
        {'+', 1, 1, 2}, {'-', 1, 1, 2}, {'*', 2, 2, 3}, {'/', 2, 2, 3}, {'^', 4, 5, 3}};
    uint64_t pick = random_below(seed, LENGTH(operators));
    struct written w = {.binds = operators[pick].binds};
    struct written a = write_formula(seed, depth - 1), b = write_formula(seed, depth - 1);
    w.value = apply(operators[pick].sign, a.value, b.value);
    put_operand(&w.text, &a, a.binds < operators[pick].left);
    buf_printf(&w.text, "%c", operators[pick].sign);
    put_operand(&w.text, &b, b.binds < operators[pick].right);
    return w;
}

static struct written write_call(struct random *seed, int depth)
{
    struct written w = {.binds = 5}, a = write_formula(seed, depth - 1);
    if (random_below(seed, 2)) {
        w.value = sin(a.value);
        buf_printf(&w.text, "sin");
        put_operand(&w.text, &a, true);
    } else {
        struct written b = write_formula(seed, depth - 1);
        w.value = pow(a.value, b.value);
        buf_printf(&w.text, "pow(");
        put_operand(&w.text, &a, false);
        buf_printf(&w.text, ",");
        put_operand(&w.text, &b, false);
        buf_printf(&w.text, ")");
    }
    return w;
}

static struct written write_formula(struct random *seed, int depth)
{
    uint64_t pick = depth ? random_below(seed, 8) : 0;
    if (pick < 2)
        return write_leaf(seed);
    if (pick == 2)
        return write_sign(seed, depth);
    return pick == 3 ? write_call(seed, depth) : write_binary(seed, depth);
}

TEST(random_formulas_come_to_what_their_trees_do)
{
    struct random seed = {1};
    int finite = 0;
    for (int i = 0; i < 5000; i++) {
        struct written w = write_formula(&seed, 1 + i % 6);
        double is = value_of(buf_text(&w.text));
        finite += isfinite(w.value) != 0;
        if (!(isnan(is) && isnan(w.value)) && is != w.value &&
            !(fabs(is - w.value) <= 1e-9 * fabs(w.value)))
            check_failed(__FILE__, __LINE__, "%s is %.17g, not %.17g", buf_text(&w.text), is,
                         w.value);
        buf_fini(&w.text);
    }
    CHECK(finite > 2500);
}

/* --- errors ----------------------------------------------------------------------------------- */

TEST(a_syntax_error_names_its_place)
{
    CHECK_REFUSED("", 1, "an expression is missing here");
    CHECK_REFUSED("   ", 4, "an expression is missing here");
    CHECK_REFUSED("1 +", 4, "a value is missing at the end");
    CHECK_REFUSED("-", 2, "a value is missing at the end");
    CHECK_REFUSED("1 + * 2", 5, "a value is missing before \"*\"");
    CHECK_REFUSED("2 [x]", 3, "an operator is missing before \"[\"");
    CHECK_REFUSED("[x] [x]", 5, "an operator is missing before \"[\"");
    CHECK_REFUSED("1.2.3", 4, "an operator is missing before \".\"");
    CHECK_REFUSED("5e", 2, "an operator is missing before \"e\"");
    CHECK_REFUSED("0x10", 2, "an operator is missing before \"x\"");
    CHECK_REFUSED("2$", 2, "an operator is missing before \"$\"");
    CHECK_REFUSED("2*$", 3, "a value is missing before \"$\"");
    CHECK_REFUSED(".", 1, "a number needs a digit before or behind its point");
    CHECK_REFUSED("1e400", 1, "the number 1e400 is too large");
    CHECK_REFUSED(
        "1,5", 2,
        "a comma stands between the arguments of a function only (decimals have a point)");
    CHECK_REFUSED(
        "([x], 1)", 5,
        "a comma stands between the arguments of a function only (decimals have a point)");
    CHECK_REFUSED("1 <= [x]", 3, "a comparison is no part of an expression");
    CHECK_REFUSED("[x] = 1", 5, "a comparison is no part of an expression");
    CHECK_REFUSED("\"a\"", 1, "a value is missing before \"\"\"");
    CHECK_REFUSED("1 ? 2 : 3", 3, "an operator is missing before \"?\"");
    CHECK_REFUSED("1 && 2", 3, "an operator is missing before \"&\"");
}

TEST(parentheses_and_brackets_are_named)
{
    CHECK_REFUSED("(1 + 2", 1, "the parenthesis is not closed");
    CHECK_REFUSED("1 + sin(2", 5, "the parenthesis is not closed");
    CHECK_REFUSED("1 + 2)", 6, "the ) closes nothing");
    CHECK_REFUSED("()", 2, "a value is missing before \")\"");
    CHECK_REFUSED("1 + [CV1", 5, "the [ is not closed");
    CHECK_REFUSED("[CV1*[CV2]", 1, "the [ is not closed");
    CHECK_REFUSED("1 + []", 5, "there is no name between the brackets");
    CHECK_REFUSED("1 + ]", 5, "a value is missing before \"]\"");
}

TEST(places_count_characters_not_bytes)
{
    static const char *const cyrillic[] = {"Расход"};
    struct expression_error error;
    CHECK(!expression_new(bytes_text("[Расход] * $"), cyrillic, 1, &error));
    CHECK_EQ(error.column, 12);
    CHECK(!expression_new(bytes_text("[Расход] − 1"), cyrillic, 1, &error));
    CHECK_EQ(error.column, 10);
    CHECK_TEXT(error.text, "an operator is missing before \"−\"");
    CHECK(!expression_new(bytes_text("[Расход] + [Расхот]"), cyrillic, 1, &error));
    CHECK_EQ(error.column, 12);
    CHECK_TEXT(error.text, "unknown variable \"Расхот\": the nearest known is \"Расход\"");
    CHECK(!expression_new(bytes_of("[Расход] \xff\xfe", 16), cyrillic, 1, &error));
    CHECK_EQ(error.column, 10);
    CHECK(!expression_new(bytes_of("1\0+1", 4), cyrillic, 1, &error));
    CHECK_EQ(error.column, 2);
}

TEST(what_is_unknown_is_named_with_the_nearest_known)
{
    CHECK_REFUSED("[CV1] + [CV4]", 9, "unknown variable \"CV4\": the nearest known is \"CV1\"");
    CHECK_REFUSED("[cv3]", 1, "unknown variable \"cv3\": the nearest known is \"CV3\"");
    CHECK_REFUSED("[X]", 1, "unknown variable \"X\": the nearest known is \"x\"");
    CHECK_REFUSED("[CV 2]", 1, "unknown variable \"CV 2\": the nearest known is \"CV2\"");
    CHECK_REFUSED("1 + sine(2)", 5, "unknown function \"sine\": the nearest known is \"sin\"");
    CHECK_REFUSED("squrt(2)", 1, "unknown function \"squrt\": the nearest known is \"sqrt\"");
    CHECK_REFUSED("CV1 + 1", 1,
                  "\"CV1\" is no number: names of variables stand in brackets, as in [CV1]");
    CHECK_REFUSED("1 + sin 2", 9, "the arguments of sin stand in parentheses behind it");
    struct expression_error error;
    CHECK(!expression_new(bytes_text("[a]"), NULL, 0, &error));
    CHECK_TEXT(error.text, "unknown variable \"a\": none is known here");
}

TEST(a_function_counts_its_arguments)
{
    CHECK_REFUSED("1 + sin(1, 2)", 5, "sin takes 1 argument, not 2");
    CHECK_REFUSED("pow(2)", 1, "pow takes 2 arguments, not 1");
    CHECK_REFUSED("2*POW(1, 2, 3)", 3, "pow takes 2 arguments, not 3");
    CHECK_REFUSED("sin()", 5, "a value is missing before \")\"");
    CHECK_REFUSED("max(1,)", 7, "a value is missing before \")\"");
    CHECK_REFUSED("max(,1)", 5, "a value is missing before \",\"");
}

/* --- limits ----------------------------------------------------------------------------------- */

/* head, then piece times count, then tail times count. */
static char *repeated(const char *piece, size_t count, const char *middle, const char *tail)
{
    struct buf out = {0};
    for (size_t i = 0; i < count; i++)
        buf_printf(&out, "%s", piece);
    buf_printf(&out, "%s", middle);
    for (size_t i = 0; i < count; i++)
        buf_printf(&out, "%s", tail);
    buf_text(&out);
    return (char *)out.data;
}

static void check_limit(char *text, const char *want)
{
    struct expression_error error;
    struct expression *e = expression_new(bytes_text(text), names, LENGTH(names), &error);
    free(text);
    CHECK(e == NULL);
    CHECK_TEXT(error.text, want);
}

TEST(deep_and_long_texts_are_refused)
{
    check_limit(repeated("(", 10000, "1", ")"), "parentheses are nested deeper than 200");
    check_limit(repeated("sin(", 201, "1", ")"), "parentheses are nested deeper than 200");
    check_limit(repeated("-", 10000, "1", ""),
                "the expression has more than 4096 numbers, names and signs");
    check_limit(repeated("1+", 10000, "1", ""),
                "the expression has more than 4096 numbers, names and signs");
    check_limit(repeated("[x]^", 10000, "1", ""),
                "the expression has more than 4096 numbers, names and signs");
    check_limit(repeated("1+", 50000, "1", ""), "the expression is longer than 64 KiB");
    check_limit(repeated(" ", 100 * 1024, "1", ""), "the expression is longer than 64 KiB");
    check_limit(repeated("1", 65, "", ""), "the number is longer than 64 digits");
}

TEST(up_to_the_limits_it_works)
{
    char *text = repeated("(", 200, "[x]", ")");
    CHECK_VALUE(text, -.5);
    free(text);
    text = repeated("-(", 200, "[x]", ")");
    CHECK_VALUE(text, -.5);
    free(text);
    text = repeated("1+", 2047, "1", "");
    CHECK_VALUE(text, 2048);
    free(text);
    text = repeated(" ", 64 * 1024 - 1, "1", "");
    CHECK_VALUE(text, 1);
    free(text);
    text = repeated("-", 4095, "1", "");
    CHECK_VALUE(text, -1);
    free(text);
    text = repeated("1^", 2047, "[x]", "");
    CHECK_VALUE(text, 1);
    free(text);
}
