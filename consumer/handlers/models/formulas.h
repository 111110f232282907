/* SPDX-License-Identifier: Apache-2.0
 *
 * formulas: named expressions over given inputs and over each other, evaluated in the order in
 * which they need each other. Who needs itself, over however many others, is refused by name.
 */
#ifndef MODELS_FORMULAS_H
#define MODELS_FORMULAS_H

#include "consumer/handlers/models/expression.h"
#include "consumer/handlers/models/model.h"

struct formulas;

/* All of it is borrowed for the call but the names, which must outlive the formulas. No name stands
 * twice. */
struct formulas_spec {
    const char *const *inputs;
    size_t input_count;
    const char *const *names, *const *texts; /* of the expressions */
    size_t count;
};

/* NULL with the reason in text. */
struct formulas *formulas_new(const struct formulas_spec *spec, char text[MODEL_TEXT_SIZE]);
void formulas_free(struct formulas *f); /* NULL is fine */

/* Fills outputs, one for each expression. Ends at the first whose result is no finite number: -1
 * with its name in text. */
MUST_CHECK int formulas_evaluate(struct formulas *f, const double *inputs, double *outputs,
                                 char text[MODEL_TEXT_SIZE]);

#endif
