/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: is what came back for a task right? A Fibonacci number is compared modulo a prime of 61
 * bits, which costs microseconds where the number itself has thousands of digits; a polarity must
 * lie in -1..1; the mass fractions in a reactor must add up to 1. Pure.
 */
#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include "common/bytes.h"
#include "producer/load/plan.h"

enum answer {
    ANSWER_RIGHT,
    ANSWER_WRONG, /* of the right kind, but not what it ought to be */
    ANSWER_ERROR, /* no answer at all: on the text protocol an error is a text like any other */
};

enum answer answer_check(const struct task *t, struct bytes text);

/* F(n) modulo 2^61 - 1, with F(1) = F(2) = 1. */
uint64_t answer_fibonacci(uint64_t n);

#endif
