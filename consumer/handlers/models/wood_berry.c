/* SPDX-License-Identifier: Apache-2.0
 *
 * The Wood-Berry distillation column (Wood and Berry 1973) by its steady-state gains, methanol and
 * water: reflux R and steam S, lb/min, move the methanol in distillate xD and bottoms xB, wt%;
 * the feed F is given rather than manipulated.
 */
#include <math.h>

#include "consumer/handlers/models/linear_plant.h"
#include "consumer/handlers/models/plants.h"

static const struct variable mv_list[] = {
    {.name = "R", .unit = "lb/min", .lower = 1.5, .upper = 2.5, .nominal = 1.95},
    {.name = "S", .unit = "lb/min", .lower = 1.4, .upper = 2.1, .nominal = 1.71},
    {.name = "F",
     .unit = "lb/min",
     .lower = -(double)INFINITY,
     .upper = (double)INFINITY,
     .nominal = 2.45,
     .optional = true},
};

static const struct variable cv_list[] = {
    {.name = "xD",
     .unit = "wt%",
     .lower = -(double)INFINITY,
     .upper = (double)INFINITY,
     .nominal = 96.25},
    {.name = "xB",
     .unit = "wt%",
     .lower = -(double)INFINITY,
     .upper = (double)INFINITY,
     .nominal = .515},
};

static const double gain_list[] = {
    12.8, -18.9, 3.8, /* xD */
    6.6,  -19.4, 4.9, /* xB */
};

static const char *const pure_enough[] = {"[xD] >= 96", "[xB] <= 0.5"};

const struct model wood_berry = {
    .id = "wood_berry",
    .title = "Wood-Berry column: least steam that keeps both products pure",
    .mvs = mv_list,
    .cvs = cv_list,
    .mv_count = LENGTH(mv_list),
    .cv_count = LENGTH(cv_list),
    .objective = "[S]",
    .constraints = pure_enough,
    .constraint_count = LENGTH(pure_enough),
    .compute = linear_plant_compute,
    .gains = gain_list,
};
