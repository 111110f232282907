/* SPDX-License-Identifier: Apache-2.0
 *
 * field: what stands under a name in a msgpack map: a session's view, the body of an update. A map
 * of somebody else's: what does not fit is as if it were not there. Pure.
 */
#ifndef VIEW_FIELD_H
#define VIEW_FIELD_H

#include "common/pack.h"

/* The value under a key, lent by the map; size 0: there is none. */
struct bytes field_of(struct bytes map, const char *key);
struct bytes field_text(struct bytes map, const char *key); /* size 0: none, or no text */
uint64_t field_uint(struct bytes map, const char *key);     /* 0: none, or no such number */
bool field_number(struct bytes map, const char *key, double *out);
bool field_truth(struct bytes map, const char *key);

/* A value that is a number, and a finite one. */
bool number_of(struct bytes value, double *out);

/* Is the key one of these names? */
bool field_among(struct bytes key, const char *const *names, size_t count);

/* The pairs in turn:  for (struct fields f = fields_of(map); fields_next(&f);) */
struct fields {
    struct cursor at;
    uint32_t left;
    struct bytes key, value;
};
struct fields fields_of(struct bytes map);
bool fields_next(struct fields *f);

#endif
