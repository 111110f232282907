/* SPDX-License-Identifier: Apache-2.0
 *
 * plants: the built-in models, one file a plant; for the table in model.c. Everybody else asks
 * model_find.
 */
#ifndef MODELS_PLANTS_H
#define MODELS_PLANTS_H

#include "consumer/handlers/models/model.h"

extern const struct model williams_otto;
extern const struct model van_de_vusse, van_de_vusse_isothermal;
extern const struct model quadruple_tank, quadruple_tank_nonminimum;
extern const struct model wood_berry;
extern const struct model no_model;

#endif
