/* SPDX-License-Identifier: Apache-2.0
 *
 * stream: lines to standard output by somebody who must not wait for a slow reader. The caller
 * polls for POLLOUT while something is pending. Bounded by the caller, who stops adding.
 */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include "common/buf.h"

enum { STREAM_FULL_BYTES = 1 << 20 };

struct stream { /* zeroed storage with fd set */
    int fd;
    struct buf buf;
    size_t at;
    int error; /* errno of a failed write; EPIPE: the reader has had enough */
};

/* Adds a line; a newline inside it is written as \n. */
void stream_line(struct stream *s, struct bytes text);
/* Writes what can be written without waiting; wait: all of it. */
void stream_flush(struct stream *s, bool wait);
void stream_fini(struct stream *s);

static inline size_t stream_pending(const struct stream *s)
{
    return s->buf.size - s->at;
}

static inline bool stream_full(const struct stream *s)
{
    return stream_pending(s) >= STREAM_FULL_BYTES;
}

#endif
