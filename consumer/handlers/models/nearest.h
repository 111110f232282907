/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest: which known name somebody may have meant: the one that the fewest inserted, removed or
 * replaced characters turn into the given one, letter case counting half. For error texts only.
 */
#ifndef MODELS_NEAREST_H
#define MODELS_NEAREST_H

#include "common/bytes.h"

enum { NEAREST_CHARACTERS_MAX = 64 }; /* what is longer is compared by its head */

/* How far two names are apart; 0 when they are equal. */
size_t nearest_distance(struct bytes a, struct bytes b);

#endif
