/* SPDX-License-Identifier: Apache-2.0
 *
 * gradient: derivatives by finite differences. Their points are evaluations like any other: they
 * count, are kept and can be asked for side by side.
 */
#ifndef OPTIMISER_GRADIENT_H
#define OPTIMISER_GRADIENT_H

#include "consumer/handlers/optimiser/replay.h"

/* Fills rows of free_count each: of f, then of the constraints in units of their scales, all by u.
 * at is the known point at u. Central differences cost twice as much and are far more accurate.
 * Points turn inwards at a bound and to the other side where one failed; where nothing can be known
 * the derivative is 0. False: no answer came. */
MUST_CHECK bool gradient_at(struct replay *r, const double *u, const struct entry *at, bool central,
                            double *rows);

#endif
