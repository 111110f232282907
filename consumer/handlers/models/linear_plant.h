/* SPDX-License-Identifier: Apache-2.0
 *
 * linear_plant: a plant by its nominal point and steady-state gains:
 *
 *     cv[i] = nominal of cv[i] + sum over j of gains[i][j] * (mv[j] - nominal of mv[j])
 */
#ifndef MODELS_LINEAR_PLANT_H
#define MODELS_LINEAR_PLANT_H

#include "consumer/handlers/models/model.h"

/* For model::compute of a model that has gains. */
enum model_result linear_plant_compute(const struct model *m, const double *mvs, double *cvs,
                                       char text[MODEL_TEXT_SIZE]);

#endif
