/* SPDX-License-Identifier: Apache-2.0
 *
 * task: a spec understood: the model with its variables, the objective and the constraints as
 * expressions over them, and what an optimiser needs of it. A point is a value for every variable:
 * the model's MVs (those that are optimised and those that stand at their nominal values), its CVs,
 * and the CVs that are expressions.
 *
 *     x (what the optimiser moves) -> point: MVs -> the model: CVs -> expressions -> f, constraints
 */
#ifndef OPTIMISATION_TASK_H
#define OPTIMISATION_TASK_H

#include "consumer/handlers/models/model.h"
#include "consumer/handlers/optimisation/spec.h"
#include "consumer/handlers/optimiser/optimiser.h"

struct task;

/* NULL with a text for people. folder: where models of users are (model_file.h). */
struct task *task_new(struct bytes spec, const char *folder, char text[SPEC_TEXT_SIZE]);
void task_free(struct task *t); /* NULL is fine */

const struct spec *task_spec(const struct task *t); /* borrows the bytes given to task_new */
const struct model *task_model(const struct task *t);
const char *task_model_id(const struct task *t); /* as it was asked for */
const char *task_objective(const struct task *t);
bool task_maximises(const struct task *t);
bool task_computes(const struct task *t); /* its model is computed here, and at once */

/* What the optimiser is to solve; lent. f is what it minimises, whichever way the objective goes.
 */
struct optimiser_problem task_problem(const struct task *t);
/* What it starts from, if somebody knows better than the spec. False: no such MV to be moved. */
bool task_start(struct task *t, struct bytes name, double value);

/* Points. */
size_t task_values(const struct task *t);   /* how many a point has */
size_t task_mv_count(const struct task *t); /* the first of them; the others are CVs */
const char *task_name(const struct task *t, size_t i);
bool task_moves(const struct task *t, size_t i); /* is it an MV of x? */
void task_bounds(const struct task *t, size_t i, double *lower, double *upper);
void task_place(const struct task *t, const double *x, double *values); /* sets all the MVs */
/* The model's CVs from the MVs in values. False with a text: nothing physical there. */
bool task_compute(const struct task *t, double *values, char text[SPEC_TEXT_SIZE]);
/* Sets one CV that was computed elsewhere; false: there is none of that name. */
bool task_set(const struct task *t, struct bytes name, double number, double *values);
/* From MVs and CVs: the other CVs, f and the constraints. False: one of them is no number. */
bool task_judge(struct task *t, double *values, double *f, double *constraints);
/* The client computes its objective itself: f from that; CV bounds and constraints as always, but
 * not the bounds of the CV that it is the objective (empty: none is). */
bool task_judge_by(struct task *t, double *values, double objective, struct bytes cv, double *f,
                   double *constraints);
/* What f means to people. */
double task_shown(const struct task *t, double f);

#endif
