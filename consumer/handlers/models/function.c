/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/function.h"

#include <math.h>
#include <strings.h>

#include "common/must.h"

/* fmin and fmax drop a NaN. Here it stays, since nothing is below or above it. */
static double least_of(const double *values, int count)
{
    double least = values[0];
    for (int i = 1; i < count; i++)
        if (isnan(values[i]) || values[i] < least)
            least = values[i];
    return least;
}

static double most_of(const double *values, int count)
{
    double most = values[0];
    for (int i = 1; i < count; i++)
        if (isnan(values[i]) || values[i] > most)
            most = values[i];
    return most;
}

static const struct function functions[] = {
    {"sin", 1, 1, .one = sin},
    {"cos", 1, 1, .one = cos},
    {"tan", 1, 1, .one = tan},
    {"asin", 1, 1, .one = asin},
    {"acos", 1, 1, .one = acos},
    {"atan", 1, 1, .one = atan},
    {"exp", 1, 1, .one = exp},
    {"sqrt", 1, 1, .one = sqrt},
    {"log10", 1, 1, .one = log10},
    {"ln", 1, 1, .one = log},
    {"log", 1, 1, .one = log},
    {"abs", 1, 1, .one = fabs},
    {"pow", 2, 2, .two = pow},
    {"min", 1, SIZE_MAX, .any = least_of},
    {"max", 1, SIZE_MAX, .any = most_of},
};

const struct function *function_at(size_t number)
{
    return number < LENGTH(functions) ? &functions[number] : NULL;
}

const struct function *function_find(struct bytes name, size_t *number)
{
    for (size_t i = 0; i < LENGTH(functions); i++) {
        if (strlen(functions[i].name) != name.size ||
            strncasecmp(functions[i].name, name.data, name.size) != 0)
            continue;
        *number = i;
        return &functions[i];
    }
    return NULL;
}
