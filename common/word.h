/* SPDX-License-Identifier: Apache-2.0
 *
 * word: one word of a command as a value: what reads as a JSON number, boolean, array or object
 * stays itself, all else is text (an integer beyond 64 bits too: text of digits).
 */
#ifndef COMMON_WORD_H
#define COMMON_WORD_H

#include <reeve/value.h>

#include "common/bytes.h"

void word_put(struct reeve_value *out, struct bytes word);

#endif
