/* SPDX-License-Identifier: Apache-2.0
 *
 * excerpt: a value of a job's arguments, short enough to stand in an error text: text in double
 * quotes, cut at EXCERPT_SIZE without breaking a UTF-8 character and with control characters as
 * '?'; numbers as written; a list, a map or binary data by its kind. Shared by the handlers here.
 */
#ifndef HANDLERS_EXCERPT_H
#define HANDLERS_EXCERPT_H

#include "common/bytes.h"

enum { EXCERPT_SIZE = 72 };

struct excerpt {
    char text[EXCERPT_SIZE];
};

/* value: one msgpack value; anything malformed reads as "nothing". */
struct excerpt excerpt_of(struct bytes value);
struct excerpt excerpt_text(struct bytes text);

#endif
