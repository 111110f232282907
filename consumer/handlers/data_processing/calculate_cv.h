/* SPDX-License-Identifier: Apache-2.0
 *
 * calculate_cv: one job of data_processing.calculate_cv, from its arguments to its result.
 *
 * The argument is a map (or text that is such a JSON object, as the text doors send it):
 *
 *     {"model": "williams_otto", "mvs": {"FB": 4.787, "TR": 89.70}, "session": ID}
 *     {"model": "linear", "model_file": "wood_berry.json", "mvs": {"R": 1.95, "S": 1.71}}
 *
 * "session" may be left out; it is handed back as it came. The result, keys in this order:
 *
 *     {"session": ID or "", "cvs": {"XA": 0.0875, ...}, "message": TEXT}
 *
 * Errors name what is wrong: the model, the variable, the key, the file.
 */
#ifndef DATA_PROCESSING_CALCULATE_CV_H
#define DATA_PROCESSING_CALCULATE_CV_H

#include "common/buf.h"
#include "common/must.h"
#include "consumer/handlers/models/model.h"

/* args: the msgpack array of the job's arguments; models: the folder of the model files. Appends
 * one msgpack value to reply, or returns -1 with a text. */
MUST_CHECK int calculate_cv(struct bytes args, const char *models, struct buf *reply,
                            char text[MODEL_TEXT_SIZE]);

#endif
