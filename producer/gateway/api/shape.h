/* SPDX-License-Identifier: Apache-2.0
 *
 * shape: what the JSON object of a request may hold, as a table a request; checks an object against
 * it and says in words what does not fit. And what numbers look like elsewhere in a request. What
 * they mean is not known here. Pure.
 */
#ifndef API_SHAPE_H
#define API_SHAPE_H

#include "common/pack.h"

enum shape_kind {
    SHAPE_TEXT,   /* of least to most bytes, without a zero byte */
    SHAPE_WHOLE,  /* from least to most */
    SHAPE_NUMBER, /* finite */
    SHAPE_TRUTH,
    SHAPE_ARRAY,
    SHAPE_NUMBERS, /* {name: number} */
};

struct shape_field { /* a table of them ends with {0} */
    const char *name;
    enum shape_kind kind;
    bool needed;
    int64_t least, most;
};

enum { SHAPE_ERROR = 256 };

/* Is the map an object that has the fields it needs, each as it must be, and no others? A null is
 * as if it were not there. False, with a sentence in error that names what is wrong. */
bool shape_check(struct bytes map, const struct shape_field *fields,
                 char error[static SHAPE_ERROR]);

/* Digits only, and not more than `most`; false: it is no such number. */
bool shape_digits(struct bytes text, uint64_t most, uint64_t *out);
/* "1.5" seconds as ms. */
bool shape_seconds(struct bytes text, int64_t most_s, int64_t *out_ms);

#endif
