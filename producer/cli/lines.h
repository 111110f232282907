/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: standard input a line at a time without ever waiting for it: the caller polls, reads once
 * when there is something, and takes the lines that are whole. Holds one line and a read more,
 * unless the caller reads ahead.
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "common/buf.h"

enum {
    LINES_READ_BYTES = 64 << 10,
    LINE_BYTES_MAX = 17 << 20,
    LINES_AHEAD_BYTES =
        32 << 20, /* of input that is held so that its end, and so the total, is known early */
};

struct lines { /* zeroed storage with fd set */
    int fd;
    struct buf buf;
    size_t at, searched; /* where the next line starts; up to where there is no end of it */
    uint64_t ends;       /* newlines read */
    bool open;           /* something after the last one */
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
/* Why the input ended too early, in words; NULL when it did not. */
const char *lines_failure(const struct lines *l);
void lines_fini(struct lines *l);
/* How many lines there are, taken or not; 0 while that is not known. */
static inline uint64_t lines_total(const struct lines *l)
{
    return l->ended ? l->ends + l->open : 0;
}
/* Is there room to read ahead? */
static inline bool lines_ahead(const struct lines *l)
{
    return !l->ended && l->buf.size - l->at < LINES_AHEAD_BYTES;
}

/* All lines have been taken. */
static inline bool lines_over(const struct lines *l)
{
    return l->ended && l->at == l->buf.size;
}

#endif
