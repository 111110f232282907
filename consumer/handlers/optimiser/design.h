/* SPDX-License-Identifier: Apache-2.0
 *
 * design: points that fill a space: a Latin hypercube (each variable takes each of count shares of
 * its range once), the one of several whose nearest two points are farthest apart.
 */
#ifndef OPTIMISER_DESIGN_H
#define OPTIMISER_DESIGN_H

#include "common/random.h"

#include <stddef.h>

/* Writes count points of n shares 0..1 each. */
void design_fill(struct random *random, size_t count, size_t n, double *points);

#endif
