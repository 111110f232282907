/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void stream_line(struct stream *s, struct bytes text)
{
    const char *at = text.data, *end = at + text.size, *newline;
    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        buf_put(&s->buf, at, (size_t)(newline - at));
        buf_put(&s->buf, "\\n", 2);
        at = newline + 1;
    }
    if (at < end)
        buf_put(&s->buf, at, (size_t)(end - at));
    buf_put(&s->buf, "\n", 1);
}

/* What a writable pipe takes without waiting, to the end of a line: should we be ended now, none is
 * cut, unless it is longer than that. */
static size_t part_size(const struct stream *s)
{
    if (stream_pending(s) <= PIPE_BUF)
        return stream_pending(s);
    const unsigned char *from = s->buf.data + s->at, *end = memrchr(from, '\n', PIPE_BUF);
    return end ? (size_t)(end + 1 - from) : PIPE_BUF;
}

void stream_flush(struct stream *s, bool wait)
{
    while (!s->error && stream_pending(s)) {
        struct pollfd out = {.fd = s->fd, .events = POLLOUT};
        int ready = poll(&out, 1, wait ? -1 : 0);
        if (ready == 0)
            break;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t put = write(s->fd, s->buf.data + s->at, part_size(s));
        if (put >= 0)
            s->at += (size_t)put;
        else if (errno == EAGAIN && !wait)
            break;
        else if (errno != EINTR && errno != EAGAIN)
            s->error = errno;
    }
    if (s->at == s->buf.size) {
        buf_clear(&s->buf);
        s->at = 0;
    } else if (s->at > STREAM_FULL_BYTES) {
        memmove(s->buf.data, s->buf.data + s->at, stream_pending(s));
        s->buf.size -= s->at;
        s->at = 0;
    }
}

void stream_fini(struct stream *s)
{
    buf_fini(&s->buf);
}
