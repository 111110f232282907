/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "common/pack.h"
#include "common/random.h"
#include "consumer/handlers/calculator/calculator.h"
#include "tests/unit/check.h"

/* A word as the command line sends it: an integer of 64 bits or a double stays one, all else is
 * text. */
static void put_word(struct buf *args, const char *word)
{
    char *end;
    errno = 0;
    long long whole = strtoll(word, &end, 10);
    if (*word && !*end && !errno) {
        pack_int(args, whole);
        return;
    }
    double real = strtod(word, &end);
    if (*word && !*end && strpbrk(word, ".e") && isfinite(real))
        pack_float(args, real);
    else
        pack_text(args, word);
}

static struct buf answer_buf, shown;

/* What a person would see of the reply: "error: ..." when it is refused. */
static const char *show(struct buf *args)
{
    char error[NUMBER_ERROR_SIZE] = "";
    buf_clear(&answer_buf);
    buf_clear(&shown);
    if (calculator_answer(buf_bytes(args), &answer_buf, error)) {
        CHECK_EQ(answer_buf.size, 0);
        buf_printf(&shown, "error: %s", error);
    } else {
        CHECK(pack_valid(buf_bytes(&answer_buf)));
        struct cursor c = cursor_of(buf_bytes(&answer_buf));
        switch (cursor_peek(&c)) {
        case PACK_UINT: buf_printf(&shown, "%" PRIu64, cursor_uint(&c)); break;
        case PACK_INT: buf_printf(&shown, "%" PRId64, cursor_int(&c)); break;
        case PACK_FLOAT: buf_printf(&shown, "%.17g", cursor_float(&c)); break;
        default: {
            struct bytes text = cursor_str(&c);
            CHECK(cursor_ok(&c));
            buf_put(&shown, text.data, text.size);
        }
        }
    }
    buf_fini(args);
    return buf_text(&shown);
}

static const char *calc(const char *a, const char *op, const char *b)
{
    struct buf args = {0};
    pack_array(&args, 3);
    put_word(&args, a);
    pack_text(&args, op);
    put_word(&args, b);
    return show(&args);
}

static const char *expression(const char *text)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_text(&args, text);
    return show(&args);
}

#define CHECK_ERROR(is, part)                                                                      \
    do {                                                                                           \
        const char *said = is;                                                                     \
        if (strncmp(said, "error: ", 7) || !strstr(said, part))                                    \
            CHECK_TEXT(said, "error: ..." part "...");                                             \
    } while (0)

TEST(whole_numbers_stay_exact)
{
    CHECK_TEXT(calc("2", "+", "2"), "4");
    CHECK_TEXT(calc("2", "-", "5"), "-3");
    CHECK_TEXT(calc("-3", "*", "-4"), "12");
    CHECK_TEXT(calc("6", "/", "3"), "2");
    CHECK_TEXT(calc("-6", "/", "-3"), "2");
    CHECK_TEXT(calc("2", "^", "10"), "1024");
    CHECK_TEXT(calc("2", "^", "200"),
               "1606938044258990275541962092341162602522202993782792835301376");
    CHECK_TEXT(calc("-2", "^", "3"), "-8");
    CHECK_TEXT(calc("-2", "^", "64"), "18446744073709551616");
}

TEST(the_edge_of_64_bits)
{
    CHECK_TEXT(calc("9223372036854775807", "+", "1"), "9223372036854775808");
    CHECK_EQ(answer_buf.data[0], 0xcf); /* still a number, not text */
    CHECK_TEXT(calc("18446744073709551614", "+", "1"), "18446744073709551615");
    CHECK_EQ(answer_buf.data[0], 0xcf);
    CHECK_TEXT(calc("18446744073709551615", "+", "1"), "18446744073709551616");
    CHECK_EQ(answer_buf.data[0], 0xa0 | 20);
    CHECK_TEXT(calc("-9223372036854775807", "-", "1"), "-9223372036854775808");
    CHECK_EQ(answer_buf.data[0], 0xd3);
    CHECK_TEXT(calc("-9223372036854775808", "-", "1"), "-9223372036854775809");
    CHECK_EQ(answer_buf.data[0], 0xa0 | 20);
    CHECK_TEXT(calc("-9223372036854775808", "*", "1"), "-9223372036854775808");
    CHECK_TEXT(calc("18446744073709551616", "-", "18446744073709551615"), "1");
}

TEST(digits_beyond_64_bits_come_as_text)
{
    CHECK_TEXT(calc("100000000000000000000000000000000000001", "-",
                    "100000000000000000000000000000000000000"),
               "1");
    CHECK_TEXT(calc("+123456789012345678901234567890", "*", "-10"),
               "-1234567890123456789012345678900");
    CHECK_TEXT(calc("1606938044258990275541962092341162602522202993782792835301376", "/", "4"),
               "401734511064747568885490523085290650630550748445698208825344");
}

TEST(a_quotient_that_is_not_whole_is_the_nearest_double)
{
    CHECK_TEXT(calc("7", "/", "2"), "3.5");
    CHECK_TEXT(calc("-7", "/", "2"), "-3.5");
    calc("1", "/", "3");
    CHECK(strtod(buf_text(&shown), NULL) == 1.0 / 3.0);
    calc("2", "/", "3");
    CHECK(strtod(buf_text(&shown), NULL) == 2.0 / 3.0);
    CHECK_TEXT(calc("2", "^", "-1"), "0.5");
    CHECK_TEXT(calc("-2", "^", "-3"), "-0.125");
    CHECK_TEXT(calc("1", "^", "-5"), "1");
    CHECK_TEXT(calc("-1", "^", "-5"), "-1");
    calc("10", "^", "-300");
    CHECK(strtod(buf_text(&shown), NULL) == 1e-300);
    calc("10", "^", "-320"); /* below DBL_MIN: rounded once, as strtod does */
    CHECK(strtod(buf_text(&shown), NULL) == 1e-320);
    CHECK_TEXT(calc("10", "^", "-400"), "0");
    CHECK_TEXT(calc("2", "^", "-1074"), "4.9406564584124654e-324");
    CHECK_TEXT(calc("2", "^", "-1075"), "0"); /* a tie, to even */
    CHECK_TEXT(calc("2", "^", "-99999999999999999999"), "0");
}

/* The processor divides doubles with one rounding, so for operands that are exact as doubles the
 * two must agree in every bit. */
TEST(quotients_round_as_the_processor_does)
{
    struct random r = {.state = 7};
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    for (int i = 0; i < 20000; i++) {
        int64_t up = (int64_t)(random_next(&r) >> (11 + random_below(&r, 50)));
        int64_t down = (int64_t)(random_next(&r) >> (11 + random_below(&r, 50))) + 1;
        if (random_next(&r) & 1)
            up = -up;
        mpz_set_si(a, up);
        mpz_set_si(b, down);
        CHECK(number_quotient(a, b) == (double)up / (double)down);
    }
    for (int i = 0; i < 20000; i++) { /* 64 bits: the conversion rounds */
        uint64_t up = random_next(&r);
        mpz_set_ui(a, up);
        mpz_set_ui(b, 1);
        CHECK(number_quotient(a, b) == (double)up);
    }
    mpz_ui_pow_ui(a, 2, 1024);
    CHECK(isinf(number_quotient(a, b)));
    mpz_sub_ui(a, a, 1);
    CHECK(isinf(number_quotient(a, b))); /* rounds up to 2^1024 */
    mpz_tdiv_q_2exp(a, a, 971);
    mpz_mul_2exp(a, a, 971);
    CHECK(number_quotient(a, b) == DBL_MAX);
    mpz_clears(a, b, NULL);
}

TEST(large_operands_divide_though_no_double_holds_them)
{
    CHECK_TEXT(calc("7"
                    "0000000000"
                    "0000000000"
                    "0000000000",
                    "/",
                    "2"
                    "0000000000"
                    "0000000000"
                    "0000000000"),
               "3.5");
    struct number a, b;
    char error[NUMBER_ERROR_SIZE];
    number_init(&a);
    number_init(&b);
    mpz_ui_pow_ui(a.integer, 10, 5000);
    mpz_mul_ui(b.integer, a.integer, 8);
    mpz_add_ui(a.integer, a.integer, 1);
    CHECK_EQ(calculate(&a, &a, '/', &b, error), 0);
    CHECK(!a.whole && a.real == 0.125);
    mpz_ui_pow_ui(a.integer, 10, 400);
    a.whole = true;
    mpz_set_ui(b.integer, 3);
    CHECK_EQ(calculate(&a, &a, '/', &b, error), -1);
    CHECK_TEXT(error, "result is not a finite number: beyond 1.8e308");
    number_fini(&a);
    number_fini(&b);
}

TEST(doubles)
{
    CHECK_TEXT(calc("0.5", "+", "0.5"), "1");
    CHECK_TEXT(calc("1.5", "*", "3"), "4.5");
    calc("0.1", "+", "0.2");
    CHECK(strtod(buf_text(&shown), NULL) == 0.1 + 0.2);
    CHECK_TEXT(calc("4", "^", "0.5"), "2");
    CHECK_TEXT(calc("1e3", "-", "1"), "999");
    CHECK_TEXT(calc("-0.0", "*", "5"), "0");
    CHECK_TEXT(calc("1e300", "*", "2.5e7"), "2.5e+307");
    CHECK_TEXT(calc("9007199254740993", "*", "1.0"), "9007199254740992");
}

TEST(what_has_no_value_is_refused)
{
    CHECK_ERROR(calc("1", "/", "0"), "division by zero");
    CHECK_ERROR(calc("1.5", "/", "0"), "division by zero");
    CHECK_ERROR(calc("1", "/", "0.0"), "division by zero");
    CHECK_ERROR(calc("0", "^", "-1"), "division by zero");
    CHECK_ERROR(calc("0.0", "^", "-1.5"), "division by zero");
    CHECK_ERROR(calc("1e308", "*", "10.0"), "not a finite number");
    CHECK_ERROR(calc("-8", "^", "0.5"), "not a finite number");
    CHECK_ERROR(calc("1e999", "+", "1"), "\"1e999\" is not a finite number");
    CHECK_ERROR(calc("nan", "+", "1"), "\"nan\" is not a number");
    CHECK_ERROR(calc("inf", "+", "1"), "\"inf\" is not a number");
    CHECK_ERROR(calc("0x10", "+", "1"), "\"0x10\" is not a number");
    CHECK_ERROR(calc("", "+", "1"), "\"\" is not a number");
    CHECK_ERROR(calc("two", "+", "2"), "\"two\" is not a number");
    CHECK_ERROR(calc("2", "%", "2"), "unknown operator \"%\"");
    CHECK_ERROR(calc("2", "**", "2"), "unknown operator \"**\"");
    CHECK_ERROR(calc("2", "", "2"), "unknown operator \"\"");
    CHECK_TEXT(calc("0", "^", "0"), "1");
}

TEST(a_float_argument_may_be_neither_nan_nor_infinite)
{
    double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < LENGTH(odd); i++) {
        struct buf args = {0};
        pack_array(&args, 3);
        pack_float(&args, odd[i]);
        pack_text(&args, "+");
        pack_int(&args, 1);
        CHECK_ERROR(show(&args), "is not a finite number");
    }
}

TEST(a_result_above_the_limit_is_refused_before_it_is_computed)
{
    CHECK_ERROR(calc("2", "^", "1000000000000"), "result too large: about 3.01e+11 digits");
    CHECK_ERROR(calc("10", "^", "16777216"), "result too large");
    CHECK_ERROR(calc("9", "^", "99999999999999999999999"), "result too large");
    CHECK_TEXT(calc("1", "^", "99999999999999999999999"), "1");
    CHECK_TEXT(calc("-1", "^", "99999999999999999999999"), "-1");
    CHECK_TEXT(calc("0", "^", "99999999999999999999999"), "0");
    struct number a, b;
    char error[NUMBER_ERROR_SIZE];
    number_init(&a);
    number_init(&b);
    mpz_set_ui(a.integer, 1);
    mpz_mul_2exp(a.integer, a.integer, 30000000);
    CHECK_EQ(calculate(&b, &a, '*', &a, error), -1);
    CHECK(strstr(error, "result too large"));
    mpz_tdiv_q_2exp(a.integer, a.integer, 20000000);
    CHECK_EQ(calculate(&b, &a, '*', &a, error), 0); /* 6 million digits are fine */
    CHECK_EQ(mpz_sizeinbase(b.integer, 2), 20000001);
    number_fini(&a);
    number_fini(&b);
}

TEST(one_text_may_hold_the_expression)
{
    CHECK_TEXT(expression("2 + 2"), "4");
    CHECK_TEXT(expression("2+2"), "4");
    CHECK_TEXT(expression("  7 /\t2 "), "3.5");
    CHECK_TEXT(expression("2 - -3"), "5");
    CHECK_TEXT(expression("-2-3"), "-5");
    CHECK_TEXT(expression("1e3*2"), "2000");
    CHECK_TEXT(expression("2 ^ 100"), "1267650600228229401496703205376");
    CHECK_ERROR(expression(""), "not of the form A OP B");
    CHECK_ERROR(expression("2"), "not of the form A OP B");
    CHECK_ERROR(expression("2 +"), "not of the form A OP B");
    CHECK_ERROR(expression("2 + 2 + 2"), "not of the form A OP B");
    CHECK_ERROR(expression("2 % 2"), "unknown operator");
    CHECK_ERROR(expression("two + 2"), "not of the form A OP B");
}

TEST(other_argument_lists_are_refused)
{
    struct buf args = {0};
    pack_array(&args, 0);
    CHECK_ERROR(show(&args), "expected three arguments");
    pack_array(&args, 2);
    pack_int(&args, 2);
    pack_text(&args, "+");
    CHECK_ERROR(show(&args), "there are 2");
    pack_array(&args, 1);
    pack_int(&args, 2);
    CHECK_ERROR(show(&args), "there are 1");
    pack_array(&args, 3);
    pack_int(&args, 2);
    pack_int(&args, 2);
    pack_int(&args, 2);
    CHECK_ERROR(show(&args), "unknown operator 2");
    pack_array(&args, 3);
    pack_array(&args, 0);
    pack_text(&args, "+");
    pack_nil(&args);
    CHECK_ERROR(show(&args), "a list is not a number");
    pack_map(&args, 0);
    CHECK_ERROR(show(&args), "expected three arguments");
    CHECK_ERROR(show(&args), "expected three arguments"); /* no bytes at all */
    pack_array(&args, 3);
    CHECK_ERROR(show(&args), "expected three arguments"); /* claims what is not there */
}

TEST(an_error_quotes_a_long_word_in_part_only)
{
    struct buf args = {0};
    pack_array(&args, 3);
    struct buf word = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&word, "%s", "\xd1\x8f\n");
    pack_str(&args, buf_bytes(&word));
    pack_text(&args, "+");
    pack_int(&args, 1);
    const char *said = show(&args);
    CHECK(strlen(said) < 120);
    CHECK(strstr(said, "...\" is not a number"));
    CHECK(!strchr(said, '\n'));
    buf_fini(&word);
}

TEST(an_error_is_text_whatever_was_given)
{
    CHECK_TEXT(calc("\x80\xc3z", "+", "1"), "error: \"??z\" is not a number");
    CHECK_TEXT(calc("2", "\xc3\x97", "2"),
               "error: unknown operator \"\xc3\x97\": it is one of + - * / ^");
    CHECK_ERROR(expression("2 \xc3\x97 2"), "not of the form A OP B");
}
