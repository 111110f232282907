/* SPDX-License-Identifier: Apache-2.0
 *
 * user_model: a model out of the text of a file (JSON). There are three kinds, by what computes the
 * CVs: an expression each, a matrix of gains, or a program of the user's.
 *
 *     {"title": "Two tanks",
 *      "mvs": [{"name": "v", "unit": "V", "lower": 0, "upper": 10, "nominal": 3}],
 *      "constants": {"a": 0.071, "g": 981},
 *      "cvs": [{"name": "flow", "expression": "3.33 * [v]"},
 *              {"name": "h", "unit": "cm", "expression": "([flow] / [a])^2 / (2 * [g])"}],
 *      "objective": "[v]", "maximise": false,
 *      "constraints": ["[h] >= 12", "1 <= [v] <= 9"]}
 *
 * The expression of a CV is over MVs, constants and other CVs, in any order but in no circle; a
 * model whose objective is over the MVs alone has no "cvs". No name stands twice.
 *
 *      "cvs": [{"name": "xD", "nominal": 96.25}], "gains": [[12.8, -18.9]]
 *
 * gains has a row a CV and a column an MV, see linear_plant.h; in the unit of the CV per unit of
 * the MV.
 *
 *      "cvs": [{"name": "h"}], "method": "my_plant.calculate_cv"
 *
 * method names the jobs that compute it; whoever wants the CVs has to ask for one.
 *
 * "objective", over MVs and CVs, and "constraints" are what is usually asked and may be left out,
 * as may "about" anywhere, which is for people. nominal is 0 when it is left out; an MV with
 * "optional": true (a measured disturbance, say) may be left out of a request and then stands at
 * its nominal value. Other keys are errors, so that a misspelt one is found.
 */
#ifndef MODELS_USER_MODEL_H
#define MODELS_USER_MODEL_H

#include "consumer/handlers/models/model.h"

enum { MODEL_CONSTRAINTS_MAX = 256 };

/* NULL with a text that names the offending part of the file. id is shown in messages. */
struct model *user_model_parse(struct bytes json, const char *id, char text[MODEL_TEXT_SIZE]);
/* The same for a file that must have gains. */
struct model *user_model_parse_linear(struct bytes json, const char *id,
                                      char text[MODEL_TEXT_SIZE]);
/* The same of a file of the models folder, see model_file.h; its id is the name. */
struct model *user_model_read(const char *folder, struct bytes name, char text[MODEL_TEXT_SIZE]);
void user_model_free(struct model *m); /* NULL is fine */

#endif
