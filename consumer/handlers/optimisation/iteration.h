/* SPDX-License-Identifier: Apache-2.0
 *
 * iteration: one iteration of an optimisation session, as the handler of optimisation.session runs
 * it, and the jobs that a session forks.
 *
 *     first       [spec]: it is checked: the session asks to be started, or fails with the reason
 *     started     {"mvs": {name: value}, "cvs": {...}}: where the search begins
 *
 * and then, by where the model is computed,
 *
 *     here        up to 50 evaluations, continue
 *     elsewhere   (a program of the user's, or a delay) points are asked for, a child computes
 *                 each; the next iteration tells the optimiser
 *     islands     a child an island evaluates up to 50 points; the next iteration merges
 *     external    one point is proposed; the client says {"objective": f, "cvs": {...}}
 */
#ifndef OPTIMISATION_ITERATION_H
#define OPTIMISATION_ITERATION_H

#include <reeve/handler.h>

void iteration_run(struct reeve_job *job); /* optimisation.session */
void island_run(struct reeve_job *job);    /* optimisation.island [spec, optimiser, budget] */

#endif
