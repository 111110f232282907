/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: what a running job tells of itself, the latest only. It is the attempt's: gone with its
 * lease, and no row ever has it. Its bytes count as those of arguments do, so they are bounded.
 */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H

#include "producer/core/core.h"

/* From who holds the job's lease: an update, unless it is no such map. A session shows what it has
 * to show by itself. */
void progress_tell(struct broker *b, struct job *job, struct bytes map);
void progress_drop(struct broker *b, struct job *job);
size_t progress_bytes(const struct job *job); /* 0: it has told nothing */

#endif
