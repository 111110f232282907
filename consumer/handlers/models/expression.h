/* SPDX-License-Identifier: Apache-2.0
 *
 * expression: a formula over named numbers, compiled once and evaluated often:
 *
 *     [CV1]*[CV2]^2 - 3/[CV3]        17.25 at (2, 3, 4)
 *
 *     value     number | [name] | function(value, ...) | (value) | -value | +value
 *     operators ^ binds closest and from the right, then signs (-2^2 is -4), then * /, then + -
 *     functions sin cos tan asin acos atan exp sqrt log10 ln log abs pow min max, in any letter
 *               case; log is the natural one, angles are radians; min and max take one or more
 *
 * A name is everything between its brackets but a bracket, letter for letter: spaces, dashes,
 * letters of any alphabet. Numbers have a decimal point. A comparison is no part of an expression
 * (see constraint.h).
 *
 * The text is checked here, so that an error names its place; muParser evaluates. It sees
 * none of the user's names, only generated ones, and no number: it would calculate ahead with
 * those, by rules that do not hold for the largest ones.
 */
#ifndef MODELS_EXPRESSION_H
#define MODELS_EXPRESSION_H

#include "common/bytes.h"
#include "common/must.h"

enum {
    EXPRESSION_BYTES_MAX = 64 * 1024,
    EXPRESSION_PARTS_MAX = 4096, /* numbers, names, functions, operators, parentheses, commas */
    EXPRESSION_DEPTH_MAX = 200,  /* parentheses in parentheses */
    EXPRESSION_TEXT_SIZE = 240,
};

struct expression;

struct expression_error {
    size_t column; /* in the text, from 1, in characters; 0: the text as a whole */
    char text[EXPRESSION_TEXT_SIZE];
};

enum expression_result {
    EXPRESSION_OK,
    EXPRESSION_NAN,      /* 0/0, the root of -1, NaN among the values */
    EXPRESSION_INFINITE, /* overflow, 1/0, ln(0) */
};

/* NULL with the reason in *error. Both text and names are borrowed for the call; a name's index
 * is that of its value later; of equal names the first is meant. */
MUST_CHECK struct expression *expression_new(struct bytes text, const char *const *names,
                                             size_t count, struct expression_error *error);
void expression_free(struct expression *e); /* NULL is fine */

/* values: one for each name given to expression_new. The result is in *result whatever it is. It
 * works in the expression's own memory: an expression is used by one thread at a time; different
 * ones have nothing in common. */
enum expression_result expression_evaluate(struct expression *e, const double *values,
                                           double *result);

/* Does the text hold names[index]? */
bool expression_uses(const struct expression *e, size_t index);
bool expression_is_constant(const struct expression *e);

/* "not a number", "infinite" */
const char *expression_result_text(enum expression_result result);

#endif
