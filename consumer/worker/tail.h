/* SPDX-License-Identifier: Apache-2.0
 *
 * tail: the last that a process wrote to its standard error, and what may be shown of it: text
 * that is valid UTF-8 and moves no cursor. Pure; who reads it from where is not its business.
 */
#ifndef WORKER_TAIL_H
#define WORKER_TAIL_H

#include "common/buf.h"

enum { TAIL_LINES = 20, TAIL_BYTES = 4 << 10 };

struct tail { /* zeroed storage is empty */
    unsigned char bytes[TAIL_BYTES];
    size_t next, size; /* where the next byte goes; how many are there */
    bool cut;          /* there were more */
};

void tail_put(struct tail *t, struct bytes chunk);
void tail_clear(struct tail *t);
/* Replaces out by the last lines, cleaned: at most TAIL_LINES and TAIL_BYTES, no newline behind the
 * last one. */
void tail_text(const struct tail *t, struct buf *out);

/* Appends raw bytes as they may be shown: newline and tab stay, other control characters and what
 * is no UTF-8 become \xNN. At most four bytes for one. */
void tail_clean(struct buf *out, struct bytes raw);

#endif
