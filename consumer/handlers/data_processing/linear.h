/* SPDX-License-Identifier: Apache-2.0
 *
 * linear: a plant given by its steady-state gains, read from the text of a model file (JSON):
 *
 *     {"mvs":  [{"name": "R", "nominal": 1.95, "lower": 1.5, "upper": 2.5, "unit": "lb/min"}, ...],
 *      "cvs":  [{"name": "xD", "nominal": 96.25}, ...],
 *      "gains": [[12.8, -18.9], ...]}
 *
 *     cv[i] = nominal of cv[i] + sum over j of gains[i][j] * (mv[j] - nominal of mv[j])
 *
 * gains has a row a CV and a column an MV, in the unit of the CV per unit of the MV. nominal is 0
 * when it is left out; lower, upper, unit and "about" are for people; an MV with "optional": true
 * (a measured disturbance, say) may be left out of a request and then stands at its nominal value.
 * Other keys are errors, so that a misspelt one is found.
 */
#ifndef DATA_PROCESSING_LINEAR_H
#define DATA_PROCESSING_LINEAR_H

#include "consumer/handlers/data_processing/model.h"

/* NULL with a text that names the offending part of the file. id is shown in messages. */
struct model *linear_parse(struct bytes json, const char *id, char text[MODEL_TEXT_SIZE]);
void linear_free(struct model *m); /* NULL is fine */

#endif
