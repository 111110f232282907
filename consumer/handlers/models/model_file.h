/* SPDX-License-Identifier: Apache-2.0
 *
 * model_file: reads a file of the models folder, and nothing outside it. Requests come from
 * anybody who may submit a job, so a name is taken step by step from the folder: no absolute path,
 * no "..", no symbolic link on the way, an ordinary file of at most 1 MiB at the end.
 */
#ifndef MODELS_MODEL_FILE_H
#define MODELS_MODEL_FILE_H

#include "common/buf.h"
#include "common/must.h"
#include "consumer/handlers/models/model.h"

enum { MODEL_FILE_MAX = 1024 * 1024 };

/* REEVE_MODELS, or the folder share/reeve/models that belongs to the running program
 * (PREFIX/libexec/reeve/PROGRAM). Appended to out. */
void model_folder(struct buf *out);

/* Appends the content of folder/name to out. -1 with a text. */
MUST_CHECK int model_file_read(const char *folder, struct bytes name, struct buf *out,
                               char text[MODEL_TEXT_SIZE]);

#endif
