/* SPDX-License-Identifier: Apache-2.0
 *
 * constraint: a text that compares expressions, made into what an optimiser takes:
 *
 *     [XA] <= 0.12            one part,  g = [XA] - 0.12 <= 0
 *     [a] + [b] >= [c]        one part,  g = [c] - ([a] + [b]) <= 0
 *     [x]^2 + [y]^2 = 40      one part,  h = [x]^2 + [y]^2 - 40 = 0
 *     1 <= [x] <= 5           two parts, g = 1 - [x] <= 0 and g = [x] - 5 <= 0
 *
 * Signs: <= >= = ==; < and > mean the same as <= and >=, which also have their signs of one
 * character each in Unicode. A chain has two of them, both <= or both >=.
 *
 * Each part has a scale, what a violation is relative to: the size of the constant side where
 * there is one that is not 0, otherwise 1, or what the sides come to at a point of the caller's
 * choice (constraint_scale_at). It does not depend on the point under evaluation: the relative g
 * is as smooth as g.
 */
#ifndef MODELS_CONSTRAINT_H
#define MODELS_CONSTRAINT_H

#include "consumer/handlers/models/expression.h"

enum { CONSTRAINT_PARTS_MAX = 2 };

struct constraint;

/* NULL with the reason in *error, whose column counts in the whole text. Both text and names are
 * borrowed for the call. A constraint that names no variable is refused. */
MUST_CHECK struct constraint *constraint_new(struct bytes text, const char *const *names,
                                             size_t count, struct expression_error *error);
void constraint_free(struct constraint *c); /* NULL is fine */

size_t constraint_parts(const struct constraint *c); /* 1 or 2 */
bool constraint_is_equality(const struct constraint *c);
bool constraint_uses(const struct constraint *c, size_t index);

/* g or h of each part, not scaled, whatever it is. The result is the worst of the sides and parts.
 */
enum expression_result constraint_evaluate(struct constraint *c, const double *values,
                                           double parts[CONSTRAINT_PARTS_MAX]);

double constraint_scale(const struct constraint *c, size_t part);
/* Takes the scale of each part without a constant side from the sides' size at a point; all stay
 * as they are when a side is no number there, and one whose sides are 0. */
void constraint_scale_at(struct constraint *c, const double *values);

/* The worst of the parts' violations over their scales: 0 when all hold, infinite when that cannot
 * be told. */
double constraint_violation(struct constraint *c, const double *values);

#endif
