/* SPDX-License-Identifier: Apache-2.0
 *
 * methods: the names that methods have, and what each stands for.
 */
#ifndef OPTIMISER_METHODS_H
#define OPTIMISER_METHODS_H

#include "consumer/handlers/optimiser/optimiser.h"

#include <nlopt.h>

enum plan_kind {
    PLAN_AUTO,    /* local searches from many starts */
    PLAN_DESCENT, /* one from the start; from others only where it finds nothing feasible */
    PLAN_GLOBAL,  /* an algorithm over the whole space, then local searches from its best */
    PLAN_LOCAL,   /* an algorithm from the start, repeated while it gains, then a polish */
    PLAN_ALONE,   /* nothing but a local algorithm, repeated while it gains */
};

struct method {
    enum plan_kind kind;
    nlopt_algorithm algorithm; /* of the last three */
};

/* False with a text that names the nearest. */
MUST_CHECK bool method_find(const char *name, struct method *out, char text[OPTIMISER_TEXT_SIZE]);

#endif
