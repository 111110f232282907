/* SPDX-License-Identifier: Apache-2.0
 *
 * word: what clients say to a session, and children: maps whose pairs may be there or not. Reads
 * them, and puts what the first word says of CVs into a spec. Pure.
 */
#ifndef OPTIMISATION_WORD_H
#define OPTIMISATION_WORD_H

#include "common/buf.h"
#include "common/must.h"

/* What stands under a key of a map, lent by it; empty: nothing, or it is no map. */
struct bytes word_member(struct bytes map, const char *key);
struct bytes word_text(struct bytes map, const char *key); /* empty: no text either */
double word_number(struct bytes value);                    /* NAN: none */

/* A CV whose expression is a number stands still. Appends the spec with the numbers that cvs, a map
 * {name: number}, says for such CVs. False: it says none, and nothing was appended. */
MUST_CHECK bool word_settle(struct bytes spec, struct bytes cvs, struct buf *out);

#endif
