/* SPDX-License-Identifier: Apache-2.0
 *
 * expression_text: the reading half of an expression: checks the user's text word by word and
 * writes the same formula with generated names, v0 v1 ... for numbers and variables (slots), f0 f1
 * ... for functions (by their number in function.h). What it passes is a complete formula; what it
 * refuses it names with its place. Does not recur: nesting costs an entry of an array.
 */
#ifndef MODELS_EXPRESSION_TEXT_H
#define MODELS_EXPRESSION_TEXT_H

#include "common/buf.h"
#include "consumer/handlers/models/expression.h"

/* Stands for a number: no name has that index. */
#define SLOT_NUMBER SIZE_MAX

struct slot {
    size_t name; /* its index, or SLOT_NUMBER */
    double number;
};

struct expression_text {
    struct buf formula;
    struct slot slots[EXPRESSION_PARTS_MAX]; /* a variable has one, a number one for each time */
    size_t slot_count;
};

/* Fills a zeroed *out. -1 with *error; *out is to be given back by expression_text_fini in any
 * case. */
MUST_CHECK int expression_text_read(struct expression_text *out, struct bytes text,
                                    const char *const *names, size_t count,
                                    struct expression_error *error);
void expression_text_fini(struct expression_text *t);

#endif
