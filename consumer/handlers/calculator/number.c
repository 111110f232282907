/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/calculator/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/pack.h"
#include "consumer/handlers/excerpt.h"

void number_init(struct number *n)
{
    n->whole = true;
    mpz_init(n->integer);
    n->real = 0;
}

void number_fini(struct number *n)
{
    mpz_clear(n->integer);
}

static size_t digits_span(struct bytes text, size_t from)
{
    const char *at = text.data;
    size_t i = from;
    while (i < text.size && at[i] >= '0' && at[i] <= '9')
        i++;
    return i - from;
}

static size_t sign_span(struct bytes text, size_t from)
{
    const char *at = text.data;
    return from < text.size && (at[from] == '+' || at[from] == '-');
}

/* [sign] digits [. digits] [e [sign] digits], or a point with digits behind it only. */
static size_t span_parts(struct bytes text, bool *whole)
{
    const char *at = text.data;
    size_t i = sign_span(text, 0);
    size_t before = digits_span(text, i), behind = 0;
    i += before;
    *whole = before > 0;
    if (i < text.size && at[i] == '.') {
        behind = digits_span(text, i + 1);
        if (before + behind > 0) {
            i += 1 + behind;
            *whole = false;
        }
    }
    if (before + behind == 0)
        return 0;
    if (i < text.size && (at[i] == 'e' || at[i] == 'E')) {
        size_t sign = sign_span(text, i + 1);
        size_t exponent = digits_span(text, i + 1 + sign);
        if (exponent) {
            i += 1 + sign + exponent;
            *whole = false;
        }
    }
    return i;
}

size_t number_span(struct bytes text)
{
    bool whole;
    return span_parts(text, &whole);
}

static int set_real(struct number *n, double real, struct excerpt shown,
                    char error[NUMBER_ERROR_SIZE])
{
    if (!isfinite(real)) {
        snprintf(error, NUMBER_ERROR_SIZE, "%s is not a finite number", shown.text);
        return -1;
    }
    n->whole = false;
    n->real = real;
    return 0;
}

int number_from_text(struct number *n, struct bytes text, char error[NUMBER_ERROR_SIZE])
{
    bool whole;
    if (text.size == 0 || span_parts(text, &whole) != text.size) {
        snprintf(error, NUMBER_ERROR_SIZE, "%s is not a number", excerpt_text(text).text);
        return -1;
    }
    if (text.size > NUMBER_TEXT_MAX) {
        snprintf(error, NUMBER_ERROR_SIZE, "a number of %zu digits is above the limit of 16 MiB",
                 text.size);
        return -1;
    }
    struct buf copy = {0};
    buf_put(&copy, text.data, text.size);
    const char *digits = buf_text(&copy);
    int err = 0;
    if (whole) {
        n->whole = true;
        must(mpz_set_str(n->integer, digits + (*digits == '+'), 10) == 0);
    } else {
        err = set_real(n, strtod(digits, NULL), excerpt_text(text), error);
    }
    buf_fini(&copy);
    return err;
}

int number_read(struct number *n, struct bytes value, char error[NUMBER_ERROR_SIZE])
{
    struct cursor c = cursor_of(value);
    uint64_t magnitude;
    switch (cursor_peek(&c)) {
    case PACK_UINT:
        magnitude = cursor_uint(&c);
        n->whole = true;
        mpz_import(n->integer, 1, 1, sizeof magnitude, 0, 0, &magnitude);
        return 0;
    case PACK_INT:
        magnitude = 0 - (uint64_t)cursor_int(&c);
        n->whole = true;
        mpz_import(n->integer, 1, 1, sizeof magnitude, 0, 0, &magnitude);
        mpz_neg(n->integer, n->integer);
        return 0;
    case PACK_FLOAT: return set_real(n, cursor_float(&c), excerpt_of(value), error);
    case PACK_STR: return number_from_text(n, cursor_str(&c), error);
    default: break;
    }
    snprintf(error, NUMBER_ERROR_SIZE, "%s is not a number", excerpt_of(value).text);
    return -1;
}

static int write_whole(const mpz_t integer, struct buf *out, char error[NUMBER_ERROR_SIZE])
{
    if (mpz_sizeinbase(integer, 2) <= 64) {
        uint64_t magnitude = 0;
        mpz_export(&magnitude, NULL, 1, sizeof magnitude, 0, 0, integer);
        if (mpz_sgn(integer) >= 0) {
            pack_uint(out, magnitude);
            return 0;
        }
        if (magnitude <= (uint64_t)INT64_MAX + 1) {
            pack_int(out, (int64_t)(0 - magnitude));
            return 0;
        }
    }
    /* mpz_sizeinbase may be one too high, so only the text itself is measured. */
    char *text = must_alloc(mpz_sizeinbase(integer, 10) + 2);
    mpz_get_str(text, 10, integer);
    size_t size = strlen(text);
    int err = 0;
    if (size > NUMBER_TEXT_MAX) {
        snprintf(error, NUMBER_ERROR_SIZE, "result too large: %zu digits, the limit is 16 MiB",
                 size);
        err = -1;
    } else {
        pack_str(out, bytes_of(text, size));
    }
    free(text);
    return err;
}

int number_write(const struct number *n, struct buf *out, char error[NUMBER_ERROR_SIZE])
{
    if (n->whole)
        return write_whole(n->integer, out, error);
    must(isfinite(n->real));
    if (fabs(n->real) <= 0x1p53 && n->real == trunc(n->real))
        pack_int(out, (int64_t)n->real);
    else
        pack_float(out, n->real);
    return 0;
}

/* The quotient is brought to 64 or 65 bits by a shift, then rounded once, to as many bits as a
 * double has at that size: 53, fewer below DBL_MIN. */
double number_quotient(const mpz_t dividend, const mpz_t divisor)
{
    must(mpz_sgn(divisor) != 0);
    if (mpz_sgn(dividend) == 0)
        return 0;
    bool negative = (mpz_sgn(dividend) < 0) != (mpz_sgn(divisor) < 0);
    int64_t gap = (int64_t)mpz_sizeinbase(dividend, 2) - (int64_t)mpz_sizeinbase(divisor, 2);
    if (gap > DBL_MAX_EXP + 1)
        return negative ? -INFINITY : INFINITY;
    if (gap < DBL_MIN_EXP - DBL_MANT_DIG - 2)
        return 0;
    int64_t shift = 64 - gap; /* dividend * 2^shift / divisor has 64 or 65 bits */
    mpz_t up, down, quotient, rest;
    mpz_inits(up, down, quotient, rest, NULL);
    mpz_mul_2exp(up, dividend, shift > 0 ? (mp_bitcnt_t)shift : 0);
    mpz_mul_2exp(down, divisor, shift < 0 ? (mp_bitcnt_t)-shift : 0);
    mpz_abs(up, up);
    mpz_abs(down, down);
    mpz_tdiv_qr(quotient, rest, up, down);

    int64_t bits = (int64_t)mpz_sizeinbase(quotient, 2);
    int64_t exponent = bits - shift; /* the value lies in [2^(exponent-1), 2^exponent) */
    int64_t keep = DBL_MANT_DIG;
    if (exponent < DBL_MIN_EXP)
        keep = DBL_MANT_DIG - (DBL_MIN_EXP - exponent);
    int64_t drop = bits - (keep < 0 ? 0 : keep);
    bool below_half = !mpz_tstbit(quotient, (mp_bitcnt_t)(drop - 1));
    bool beyond_half = mpz_sgn(rest) != 0 || mpz_scan1(quotient, 0) < (mp_bitcnt_t)(drop - 1);
    mpz_tdiv_q_2exp(quotient, quotient, (mp_bitcnt_t)drop);
    if (keep >= 0 && !below_half && (beyond_half || mpz_odd_p(quotient)))
        mpz_add_ui(quotient, quotient, 1);
    double magnitude = ldexp(mpz_get_d(quotient), (int)(drop - shift)); /* exact */
    mpz_clears(up, down, quotient, rest, NULL);
    return negative ? -magnitude : magnitude;
}

double number_real(const struct number *n)
{
    if (!n->whole)
        return n->real;
    mpz_t one;
    mpz_init_set_ui(one, 1);
    double real = number_quotient(n->integer, one);
    mpz_clear(one);
    return real;
}
