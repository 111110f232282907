/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs: a msgpack map whose pairs are counted as they are put, since many are put only when there
 * is something to say. Zeroed storage is an empty one. Values of somebody else's may be nested as
 * deep as a value can be: those that would be too deep in here are nil. Pure.
 */
#ifndef VIEW_PAIRS_H
#define VIEW_PAIRS_H

#include "common/pack.h"

struct pairs {
    struct buf buf;
    uint32_t count;
};

/* Puts the key; exactly one value is to be put into what is returned. */
struct buf *pairs_key(struct pairs *p, const char *name);
void pairs_text(struct pairs *p, const char *name, const char *text); /* NULL: no such pair */
void pairs_integer(struct pairs *p, const char *name, int64_t number);
void pairs_number(struct pairs *p, const char *name, double number);
void pairs_truth(struct pairs *p, const char *name, bool truth);
/* A packed value, of somebody else's; of what is none: nil. */
void pairs_value(struct pairs *p, const char *name, struct bytes value);
/* A pair of another map. */
void pairs_copy(struct pairs *p, struct bytes key, struct bytes value);

/* Appends the map to out; the pairs are gone. */
void pairs_close(struct pairs *p, struct buf *out);

#endif
