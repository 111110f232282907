/* SPDX-License-Identifier: Apache-2.0
 *
 * fibonacci: the N-th Fibonacci number, exact; F(1) = F(2) = 1, F(N) = F(N-1) + F(N-2).
 *
 * N is a whole number from 1 to 10,000,000 (a result of some 2 MB): a msgpack integer, a float
 * without a fraction, or text of digits. The result is a msgpack integer while it fits 64 bits (up
 * to N = 93), else text of digits. The number itself comes from GMP (mpz_fib_ui: doubling formulas,
 * O(log N) multiplications).
 */
#ifndef FIBONACCI_FIBONACCI_H
#define FIBONACCI_FIBONACCI_H

#include "common/buf.h"
#include "common/must.h"

enum { FIBONACCI_N_MAX = 10000000, FIBONACCI_ERROR_SIZE = 200 };

/* A job from end to end: args is the msgpack array of its arguments; the result is appended to
 * reply as one msgpack value. -1 with a text in error. */
MUST_CHECK int fibonacci_answer(struct bytes args, struct buf *reply,
                                char error[FIBONACCI_ERROR_SIZE]);

#endif
