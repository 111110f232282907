/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/fibonacci/fibonacci.h"

#include <gmp.h>

#include "common/pack.h"
#include "consumer/handlers/excerpt.h"

/* 0: not a number of the range. */
static unsigned long n_of_text(struct bytes text)
{
    const char *at = text.data;
    unsigned long n = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (at[i] < '0' || at[i] > '9')
            return 0;
        n = n * 10 + (unsigned long)(at[i] - '0');
        if (n > FIBONACCI_N_MAX)
            return 0;
    }
    return n;
}

static unsigned long n_of_value(struct bytes value)
{
    struct cursor c = cursor_of(value);
    uint64_t n;
    double real;
    switch (cursor_peek(&c)) {
    case PACK_UINT: n = cursor_uint(&c); return n <= FIBONACCI_N_MAX ? n : 0;
    case PACK_FLOAT:
        real = cursor_float(&c);
        if (!(real >= 1 && real <= FIBONACCI_N_MAX))
            return 0;
        n = (uint64_t)real;
        return (double)n == real ? n : 0;
    case PACK_STR: return n_of_text(cursor_str(&c));
    default: return 0;
    }
}

static void write_fibonacci(unsigned long n, struct buf *reply)
{
    mpz_t f;
    mpz_init(f);
    mpz_fib_ui(f, n);
    if (mpz_sizeinbase(f, 2) <= 64) {
        uint64_t small = 0;
        mpz_export(&small, NULL, 1, sizeof small, 0, 0, f);
        pack_uint(reply, small);
    } else {
        char *digits = must_alloc(mpz_sizeinbase(f, 10) + 2);
        mpz_get_str(digits, 10, f);
        pack_text(reply, digits);
        free(digits);
    }
    mpz_clear(f);
}

int fibonacci_answer(struct bytes args, struct buf *reply, char error[FIBONACCI_ERROR_SIZE])
{
    struct cursor c = cursor_of(args);
    uint32_t count = cursor_array(&c);
    if (!cursor_ok(&c) || count != 1) {
        snprintf(error, FIBONACCI_ERROR_SIZE, "expected one argument, N; there are %u", count);
        return -1;
    }
    struct bytes value = cursor_value(&c);
    unsigned long n = n_of_value(value);
    if (n == 0) {
        snprintf(error, FIBONACCI_ERROR_SIZE, "N must be a whole number from 1 to %d, not %s",
                 FIBONACCI_N_MAX, excerpt_of(value).text);
        return -1;
    }
    write_fibonacci(n, reply);
    return 0;
}
