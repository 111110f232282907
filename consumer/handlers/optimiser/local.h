/* SPDX-License-Identifier: Apache-2.0
 *
 * local: searches from a known point to the optimum near it.
 */
#ifndef OPTIMISER_LOCAL_H
#define OPTIMISER_LOCAL_H

#include "consumer/handlers/optimiser/phase.h"

/* What is left for a last polish when the other phases have had their part. */
uint64_t local_reserve(const struct replay *r);
/* Evaluations that a phase before the polish may use. */
uint64_t local_allowed(const struct replay *r);

/* Sequential quadratic programming; where that does not become feasible, linear approximations over
 * a larger region and then again. The best point it came to. */
struct entry *local_search(struct replay *r, struct entry *from, enum phase_end *end);

/* The best point, by central differences, and for few variables by a small simplex against kinks
 * and noise, until nothing more is gained. */
enum phase_end local_polish(struct replay *r);

/* Is b better than a by more than the run's tolerance? */
bool local_gained(const struct replay *r, const struct entry *a, const struct entry *b);

#endif
