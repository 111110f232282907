/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: which phases a method has, and when it is done.
 */
#ifndef OPTIMISER_PLAN_H
#define OPTIMISER_PLAN_H

#include "consumer/handlers/optimiser/methods.h"
#include "consumer/handlers/optimiser/replay.h"

/* Goes through the phases of an epoch. What it returns counts only when the replay has not
 * stopped. */
enum optimiser_end plan_run(struct replay *r, const struct method *method);

/* Is the method still looking over the whole space, where finding nothing better proves nothing? */
bool plan_exploring(const struct method *method, const struct replay *r);

#endif
