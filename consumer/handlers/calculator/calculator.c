/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/calculator/calculator.h"

#include <float.h>
#include <math.h>

#include "common/pack.h"
#include "consumer/handlers/excerpt.h"

static int refuse(char error[NUMBER_ERROR_SIZE], const char *text)
{
    snprintf(error, NUMBER_ERROR_SIZE, "%s", text);
    return -1;
}

/* digits may be infinite: then nobody needs to know how many. */
static int refuse_size(char error[NUMBER_ERROR_SIZE], double digits)
{
    if (isfinite(digits))
        snprintf(error, NUMBER_ERROR_SIZE,
                 "result too large: about %.3g digits, the limit is 16 MiB", digits);
    else
        snprintf(error, NUMBER_ERROR_SIZE, "result too large: the limit is 16 MiB");
    return -1;
}

/* --- whole numbers -------------------------------------------------------------------------- */

static int divide_whole(struct number *result, const struct number *a, const struct number *b,
                        char error[NUMBER_ERROR_SIZE])
{
    if (mpz_sgn(b->integer) == 0)
        return refuse(error, "division by zero");
    if (mpz_divisible_p(a->integer, b->integer)) {
        mpz_divexact(result->integer, a->integer, b->integer);
        result->whole = true;
        return 0;
    }
    result->real = number_quotient(a->integer, b->integer);
    result->whole = false;
    return 0;
}

/* About log10 of |integer|, which is not 0: off by less than 1e-14 of itself. */
static double decimal_log(const mpz_t integer)
{
    signed long exponent;
    double mantissa = mpz_get_d_2exp(&exponent, integer);
    return log10(fabs(mantissa)) + (double)exponent * log10(2);
}

/* |base| is 2 or more, exponent below 0: 1 / base^-exponent. */
static void power_inverse(struct number *result, const mpz_t base, const mpz_t exponent)
{
    mpz_t power, one;
    mpz_init(power);
    mpz_init_set_ui(one, 1);
    mpz_neg(power, exponent);
    /* Beyond this the value is less than half of the least double, and computing it would be a
     * waste. */
    bool vanishes = mpz_cmp_ui(power, DBL_MANT_DIG - DBL_MIN_EXP + 1) > 0 ||
                    decimal_log(base) * mpz_get_d(power) > 400;
    if (vanishes) {
        result->real = 0;
    } else {
        mpz_pow_ui(power, base, mpz_get_ui(power));
        result->real = number_quotient(one, power);
    }
    result->whole = false;
    mpz_clears(power, one, NULL);
}

static int power_whole(struct number *result, const struct number *a, const struct number *b,
                       char error[NUMBER_ERROR_SIZE])
{
    const mpz_t *base = &a->integer, *exponent = &b->integer;
    int sign = mpz_sgn(*exponent);
    if (mpz_sgn(*base) == 0 && sign < 0)
        return refuse(error, "division by zero: 0 to a negative power");
    result->whole = true;
    if (sign == 0) {
        mpz_set_ui(result->integer, 1);
        return 0;
    }
    if (mpz_cmpabs_ui(*base, 1) <= 0) { /* 0, 1 and -1 stay small however large the exponent */
        bool even = mpz_even_p(*exponent);
        mpz_set(result->integer, *base);
        if (even)
            mpz_abs(result->integer, result->integer);
        return 0;
    }
    if (sign < 0) {
        power_inverse(result, *base, *exponent);
        return 0;
    }
    double digits = decimal_log(*base) * mpz_get_d(*exponent);
    if (!mpz_fits_ulong_p(*exponent) || digits > NUMBER_TEXT_MAX)
        return refuse_size(error, digits);
    mpz_pow_ui(result->integer, *base, mpz_get_ui(*exponent));
    return 0;
}

/* Digits of a product are known to one before it is computed; sums of operands that
 * fit the limit are cheap enough to be measured when they are written. */
static int multiply_whole(struct number *result, const struct number *a, const struct number *b,
                          char error[NUMBER_ERROR_SIZE])
{
    result->whole = true;
    if (mpz_sgn(a->integer) != 0 && mpz_sgn(b->integer) != 0) {
        double digits = decimal_log(a->integer) + decimal_log(b->integer);
        if (digits > NUMBER_TEXT_MAX)
            return refuse_size(error, digits);
    }
    mpz_mul(result->integer, a->integer, b->integer);
    return 0;
}

static int calculate_whole(struct number *result, const struct number *a, char op,
                           const struct number *b, char error[NUMBER_ERROR_SIZE])
{
    switch (op) {
    case '+':
        mpz_add(result->integer, a->integer, b->integer);
        result->whole = true;
        return 0;
    case '-':
        mpz_sub(result->integer, a->integer, b->integer);
        result->whole = true;
        return 0;
    case '*': return multiply_whole(result, a, b, error);
    case '/': return divide_whole(result, a, b, error);
    default: return power_whole(result, a, b, error);
    }
}

/* --- doubles -------------------------------------------------------------------------------- */

static int calculate_real(struct number *result, double a, char op, double b,
                          char error[NUMBER_ERROR_SIZE])
{
    double real;
    if (!isfinite(a) || !isfinite(b))
        return refuse(error, "a whole number above 1.8e308 cannot be mixed with a fraction");
    if (op == '/' && b == 0)
        return refuse(error, "division by zero");
    if (op == '^' && a == 0 && b < 0)
        return refuse(error, "division by zero: 0 to a negative power");
    switch (op) {
    case '+': real = a + b; break;
    case '-': real = a - b; break;
    case '*': real = a * b; break;
    case '/': real = a / b; break;
    default: real = pow(a, b); break;
    }
    if (isnan(real))
        return refuse(error, "result is not a finite number: a negative number to a power "
                             "with a fraction");
    if (isinf(real))
        return refuse(error, "result is not a finite number: beyond 1.8e308");
    result->whole = false;
    result->real = real;
    return 0;
}

int calculate(struct number *result, const struct number *a, char op, const struct number *b,
              char error[NUMBER_ERROR_SIZE])
{
    if (!strchr("+-*/^", op) || !op) {
        snprintf(error, NUMBER_ERROR_SIZE, "unknown operator %s: it is one of + - * / ^",
                 excerpt_text(bytes_of(&op, 1)).text);
        return -1;
    }
    if (a->whole && b->whole) {
        if (calculate_whole(result, a, op, b, error))
            return -1;
        if (result->whole || isfinite(result->real))
            return 0;
        return refuse(error, "result is not a finite number: beyond 1.8e308");
    }
    return calculate_real(result, number_real(a), op, number_real(b), error);
}

/* --- a job ---------------------------------------------------------------------------------- */

static int read_operator(char *op, struct bytes value, char error[NUMBER_ERROR_SIZE])
{
    struct cursor c = cursor_of(value);
    struct bytes text = cursor_peek(&c) == PACK_STR ? cursor_str(&c) : bytes_text(NULL);
    if (text.size != 1) {
        snprintf(error, NUMBER_ERROR_SIZE, "unknown operator %s: it is one of + - * / ^",
                 excerpt_of(value).text);
        return -1;
    }
    *op = *(const char *)text.data;
    return 0;
}

static struct bytes skip_blanks(struct bytes text)
{
    const char *at = text.data;
    size_t i = 0;
    while (i < text.size && (at[i] == ' ' || at[i] == '\t' || at[i] == '\n' || at[i] == '\r'))
        i++;
    return bytes_of(at + i, text.size - i);
}

static struct bytes text_from(struct bytes text, size_t from)
{
    return bytes_of((const char *)text.data + from, text.size - from);
}

/* "2 + 2", "2+2", " -7 / 2 ". */
static int read_expression(struct number *a, char *op, struct number *b, struct bytes whole,
                           char error[NUMBER_ERROR_SIZE])
{
    struct bytes text = skip_blanks(whole);
    size_t size = text.size ? number_span(text) : 0;
    struct bytes left = bytes_of(text.data, size);
    struct bytes rest = skip_blanks(text_from(text, size));
    if (size == 0 || rest.size == 0) {
        snprintf(error, NUMBER_ERROR_SIZE, "%s is not of the form A OP B, such as 2 + 2",
                 excerpt_text(whole).text);
        return -1;
    }
    *op = *(const char *)rest.data;
    struct bytes right = skip_blanks(text_from(rest, 1));
    size_t right_size = right.size ? number_span(right) : 0;
    if (right_size == 0 || skip_blanks(text_from(right, right_size)).size) {
        snprintf(error, NUMBER_ERROR_SIZE, "%s is not of the form A OP B, such as 2 + 2",
                 excerpt_text(whole).text);
        return -1;
    }
    right.size = right_size;
    return number_from_text(a, left, error) || number_from_text(b, right, error) ? -1 : 0;
}

static int read_args(struct number *a, char *op, struct number *b, struct bytes args,
                     char error[NUMBER_ERROR_SIZE])
{
    struct cursor c = cursor_of(args);
    uint32_t count = cursor_array(&c);
    if (count == 1 && cursor_peek(&c) == PACK_STR)
        return read_expression(a, op, b, cursor_str(&c), error);
    if (!cursor_ok(&c) || count != 3) {
        snprintf(error, NUMBER_ERROR_SIZE,
                 "expected three arguments, A OP B, such as 2 + 2; there are %u", count);
        return -1;
    }
    struct bytes left = cursor_value(&c), middle = cursor_value(&c), right = cursor_value(&c);
    if (!cursor_ok(&c))
        return refuse(error, "the arguments are malformed");
    if (number_read(a, left, error) || read_operator(op, middle, error) ||
        number_read(b, right, error))
        return -1;
    return 0;
}

int calculator_answer(struct bytes args, struct buf *reply, char error[NUMBER_ERROR_SIZE])
{
    struct number a, b;
    char op = 0;
    number_init(&a);
    number_init(&b);
    int err = read_args(&a, &op, &b, args, error);
    if (!err)
        err = calculate(&a, &a, op, &b, error);
    if (!err)
        err = number_write(&a, reply, error);
    number_fini(&a);
    number_fini(&b);
    return err;
}
