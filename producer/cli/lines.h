/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: standard input a line at a time without ever waiting for it: the caller polls, reads once
 * when there is something, and takes the lines that are whole. Holds one line and a read more.
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "common/buf.h"

enum { LINES_READ_BYTES = 64 << 10, LINE_BYTES_MAX = 17 << 20 };

struct lines { /* zeroed storage with fd set */
    int fd;
    struct buf buf;
    size_t at, searched; /* where the next line starts; up to where there is no end of it */
    bool ended;          /* nothing more will be read */
    int error;           /* errno of a read that failed */
};

/* Reads once; waits when nothing is there (poll first). */
void lines_read(struct lines *l);
/* The next whole line without its end, lent until the next read; false when there is none yet. A
 * line beyond LINE_BYTES_MAX ends the input with EMSGSIZE. */
bool lines_next(struct lines *l, struct bytes *line);
/* Is there no whole line to take without another read? */
bool lines_hungry(struct lines *l);
void lines_fini(struct lines *l);

/* All lines have been taken. */
static inline bool lines_over(const struct lines *l)
{
    return l->ended && l->at == l->buf.size;
}

#endif
