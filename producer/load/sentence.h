/* SPDX-License-Identifier: Apache-2.0
 *
 * sentence: made-up English sentences that read like a customer's remark, so that their polarity
 * means something. Pure: drawn from the given generator and from nothing else.
 */
#ifndef LOAD_SENTENCE_H
#define LOAD_SENTENCE_H

#include <stddef.h>

#include "common/random.h"

/* Writes one sentence, a capital first and a full stop last, cut off at size. */
void sentence_make(struct random *r, char *text, size_t size);

#endif
