/* SPDX-License-Identifier: Apache-2.0
 *
 * number: what the calculator reckons with, a whole number of any size or a finite double.
 *
 * A whole number comes as a msgpack integer or as text of digits with a sign before it; a number
 * with a point or an exponent comes as a msgpack float or as such text. It leaves as a msgpack
 * integer when it fits 64 bits, else as text of digits; a double without a fraction below 2^53
 * leaves as an integer too, so that its shortest form shows (0.5 + 0.5 -> 1).
 */
#ifndef CALCULATOR_NUMBER_H
#define CALCULATOR_NUMBER_H

#include <gmp.h>

#include "common/buf.h"
#include "common/must.h"

/* Bytes of text; leaves room for the value's own header within the 16 MiB of a job's result. */
enum { NUMBER_TEXT_MAX = 16 * 1024 * 1024 - 16, NUMBER_ERROR_SIZE = 200 };

struct number {
    bool whole;
    mpz_t integer; /* means something when whole */
    double real;   /* else this, always finite */
};

void number_init(struct number *n); /* 0 */
void number_fini(struct number *n);

/* From one msgpack value. -1 with a text in error: not a number, or not a finite one. */
MUST_CHECK int number_read(struct number *n, struct bytes value, char error[NUMBER_ERROR_SIZE]);
MUST_CHECK int number_from_text(struct number *n, struct bytes text, char error[NUMBER_ERROR_SIZE]);
/* How many bytes at the head of text are one number: 0 when there is none. */
size_t number_span(struct bytes text);

/* Appends one msgpack value. -1: more than NUMBER_TEXT_MAX digits. */
MUST_CHECK int number_write(const struct number *n, struct buf *out, char error[NUMBER_ERROR_SIZE]);

/* The nearest double to dividend / divisor (ties to even, as the processor divides), whatever
 * their sizes: the operands themselves need not fit a double. Infinite when the quotient is out of
 * range. divisor must not be 0. */
double number_quotient(const mpz_t dividend, const mpz_t divisor);

/* The nearest double; infinite when out of range. */
double number_real(const struct number *n);

#endif
