/* SPDX-License-Identifier: Apache-2.0
 *
 * function: what an expression may call, one table. Clients write the names in any letter case.
 * A result that is no number is NaN or infinite, as IEEE 754 has it; a NaN among the arguments is
 * never lost, not even in min and max.
 */
#ifndef MODELS_FUNCTION_H
#define MODELS_FUNCTION_H

#include "common/bytes.h"

struct function {
    const char *name;
    size_t least, most; /* arguments */
    /* Exactly one of them is set. */
    double (*one)(double);
    double (*two)(double, double);
    double (*any)(const double *values, int count);
};

/* By its number, from 0; NULL beyond the last. */
const struct function *function_at(size_t number);
/* NULL when there is none of that name; otherwise its number is in *number. */
const struct function *function_find(struct bytes name, size_t *number);

#endif
