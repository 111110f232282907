/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/methods.h"

#include "consumer/handlers/optimiser/phase.h"

#include <ctype.h>
#include <strings.h>

/* What clients of the service call them. */
static const struct named {
    const char *name;
    struct method method;
} methods[] = {
    {"auto", {PLAN_AUTO, NLOPT_LD_SLSQP}},
    {"GradientDescent", {PLAN_DESCENT, NLOPT_LD_SLSQP}},
    {"Gradient Descent", {PLAN_DESCENT, NLOPT_LD_SLSQP}},
    {"Evolutionary", {PLAN_GLOBAL, NLOPT_GN_ESCH}},
    {"EvolutionaryOpt", {PLAN_GLOBAL, NLOPT_GN_ESCH}},
    {"Genetic_Algo", {PLAN_GLOBAL, NLOPT_GN_ISRES}},
    {"SimulatedAnnealingOpt", {PLAN_GLOBAL, NLOPT_GN_CRS2_LM}}, /* random moves that calm down */
    {"GaussOpt", {PLAN_LOCAL, NLOPT_LN_COBYLA}},                /* a model of the surroundings */
    {"TestStepOpt", {PLAN_LOCAL, NLOPT_LN_SBPLX}},              /* steps of one variable each */
};

static bool compiled(nlopt_algorithm a)
{
    return !strstr(nlopt_algorithm_name(a), "NOT COMPILED");
}

/* The i-th of NLopt's that are there, behind ours. */
static nlopt_algorithm nlopt_at(size_t i)
{
    for (int a = 0; a < NLOPT_NUM_ALGORITHMS; a++) {
        if (compiled((nlopt_algorithm)a) && i-- == 0)
            return (nlopt_algorithm)a;
    }
    return NLOPT_NUM_ALGORITHMS;
}

const char *optimiser_method_name(size_t i)
{
    if (i < LENGTH(methods))
        return methods[i].name;
    nlopt_algorithm a = nlopt_at(i - LENGTH(methods));
    return a < NLOPT_NUM_ALGORITHMS ? nlopt_algorithm_to_string(a) : NULL;
}

/* The newer one of two that are there for the same: NEWUOA_BOUND does not always end, and the
 * original DIRECT reads outside of its memory when it is stopped at a bad time. */
static nlopt_algorithm sound(nlopt_algorithm a)
{
    switch (a) {
    case NLOPT_LN_NEWUOA_BOUND: return NLOPT_LN_BOBYQA;
    case NLOPT_GN_ORIG_DIRECT: return NLOPT_GN_DIRECT;
    case NLOPT_GN_ORIG_DIRECT_L: return NLOPT_GN_DIRECT_L;
    default: return a;
    }
}

static struct method method_at(size_t i)
{
    if (i < LENGTH(methods))
        return methods[i].method;
    nlopt_algorithm a = nlopt_at(i - LENGTH(methods));
    a = sound(a);
    return (struct method){phase_global(a) ? PLAN_GLOBAL : PLAN_ALONE, a};
}

/* Changes of one letter that make b from a, whatever their case. */
static size_t edits(const char *a, const char *b)
{
    size_t row[OPTIMISER_METHOD_SIZE + 1];
    size_t width = strnlen(b, OPTIMISER_METHOD_SIZE);
    for (size_t k = 0; k <= width; k++)
        row[k] = k;
    for (size_t i = 0; a[i] && i < OPTIMISER_METHOD_SIZE; i++) {
        size_t corner = row[0]++;
        for (size_t k = 0; k < width; k++) {
            bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[k]);
            size_t change = corner + !same;
            size_t insert = (row[k] < row[k + 1] ? row[k] : row[k + 1]) + 1;
            corner = row[k + 1];
            row[k + 1] = change < insert ? change : insert;
        }
    }
    return row[width];
}

bool method_find(const char *name, struct method *out, char text[OPTIMISER_TEXT_SIZE])
{
    const char *plain = strncasecmp(name, "NLOPT_", 6) == 0 ? name + 6 : name;
    const char *known, *nearest = "auto";
    size_t least = SIZE_MAX;
    for (size_t i = 0; (known = optimiser_method_name(i)); i++) {
        if (strcasecmp(plain, known) == 0) {
            *out = method_at(i);
            return true;
        }
        size_t is = edits(plain, known);
        if (is < least) {
            least = is;
            nearest = known;
        }
    }
    snprintf(text, OPTIMISER_TEXT_SIZE, "unknown method \"%.40s\": the nearest is \"%s\"", name,
             nearest);
    return false;
}

bool optimiser_method_known(const char *method, char text[OPTIMISER_TEXT_SIZE])
{
    struct method found;
    return method_find(method, &found, text);
}
