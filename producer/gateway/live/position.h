/* SPDX-License-Identifier: Apache-2.0
 *
 * position: how far a watcher has come on a topic, and as text on all topics of a stream: what a
 * browser says in Last-Event-ID. Pure.
 *
 *     17.42,.7,-       update 42 of incarnation 17; update 7 of the same one; nowhere yet
 */
#ifndef LIVE_POSITION_H
#define LIVE_POSITION_H

#include "common/buf.h"

struct position {
    uint64_t incarnation, seq; /* incarnation 0: nowhere */
};

/* "17.42"; false: it is none. */
bool position_parse(struct bytes text, struct position *out);

/* Appends the next of a row; before: the incarnation that was said last, 0 at the row's start. */
void position_put(struct buf *out, struct position p, uint64_t *before);
/* Reads a row of exactly count. */
bool position_row(struct bytes text, struct position *out, size_t count);

#endif
