/* SPDX-License-Identifier: Apache-2.0
 *
 * model_json: what all model files have in common: keys that must be known ones, and lists of
 * variables. For user_model.c, which says what a file is made of.
 */
#ifndef MODELS_MODEL_JSON_H
#define MODELS_MODEL_JSON_H

#include <jansson.h>

#include "consumer/handlers/models/model.h"

/* A file under reading: its objects own the texts that are taken from it. */
struct model_json {
    json_t *file;
    const char *id;
    char *text; /* where the reason goes, MODEL_TEXT_SIZE */
};

/* "model file ID: ..."; always -1. */
int model_json_wrong(struct model_json *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All below: 0, or -1 with the reason. where says which object it is, for messages. */

/* Every key of object must be one of the known ones (ends with NULL). */
MUST_CHECK int model_json_keys(struct model_json *j, json_t *object, const char *const *known,
                               const char *where);
/* These leave *out alone when there is no such key. */
MUST_CHECK int model_json_number(struct model_json *j, json_t *object, const char *key,
                                 const char *where, double *out);
MUST_CHECK int model_json_text(struct model_json *j, json_t *object, const char *key,
                               const char *where, const char **out);
MUST_CHECK int model_json_truth(struct model_json *j, json_t *object, const char *key,
                                const char *where, bool *out);
/* The list under key, 1 to MODEL_VARIABLES_MAX. more: a key that each of its variables must have, a
 * text that is left to the caller; or NULL. */
MUST_CHECK int model_json_variables(struct model_json *j, const char *key, const char *more,
                                    struct variable *list, size_t *count);

#endif
