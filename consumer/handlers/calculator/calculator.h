/* SPDX-License-Identifier: Apache-2.0
 *
 * calculator: A OP B, with OP one of + - * / ^.
 *
 * Whole numbers are reckoned exactly as long as the result is whole (GMP); a quotient or power that
 * is not is the double nearest to the true value, rounded once. As soon as an operand is a double,
 * so is the result. x ^ 0 is 1, also for x = 0. Refused: division by zero (0 ^ -1 too), a result
 * that is not finite, and, before it is computed, a whole result of more than 16 MiB of digits. A
 * double too small to be told from 0 is 0.
 */
#ifndef CALCULATOR_CALCULATOR_H
#define CALCULATOR_CALCULATOR_H

#include "consumer/handlers/calculator/number.h"

/* result may be a or b. -1 with a text in error. */
MUST_CHECK int calculate(struct number *result, const struct number *a, char op,
                         const struct number *b, char error[NUMBER_ERROR_SIZE]);

/* A job from end to end: args is the msgpack array of its arguments, three of them (A, OP, B) or
 * one text ("2 + 2"); the result is appended to reply as one msgpack value. -1 with a text in
 * error. */
MUST_CHECK int calculator_answer(struct bytes args, struct buf *reply,
                                 char error[NUMBER_ERROR_SIZE]);

#endif
