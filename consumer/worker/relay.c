/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/relay.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "consumer/worker/tail.h"

enum { PREFIX_BYTES = 100 };
_Static_assert(PREFIX_BYTES + 4 * RELAY_LINE_BYTES + 1 <= PIPE_BUF, "a line is one write");

void relay_open(struct relay *r, int fd)
{
    *r = (struct relay){.fd = fd, .left = RELAY_BYTES_A_SECOND};
}

void relay_close(struct relay *r)
{
    buf_fini(&r->out);
}

/* A pipe that says it is writable takes PIPE_BUF bytes at once; files always do. */
static void flush(struct relay *r)
{
    struct pollfd p = {.fd = r->fd, .events = POLLOUT};
    ssize_t n = -1;
    if (r->out.size && poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
        n = write(r->fd, r->out.data, r->out.size);
    r->dropped += r->out.size - (n > 0 ? (size_t)n : 0);
    buf_clear(&r->out);
}

static void put_line(struct relay *r, struct relay_line *line, const char *prefix)
{
    /* Cleaning makes four bytes of one, at most. */
    if (r->out.size + PREFIX_BYTES + 4 * line->size + 1 > PIPE_BUF)
        flush(r);
    buf_printf(&r->out, "%.*s", PREFIX_BYTES, prefix);
    tail_clean(&r->out, bytes_of(line->bytes, line->size));
    buf_put(&r->out, "\n", 1);
    line->size = 0;
}

void relay_put(struct relay *r, struct relay_line *line, const char *prefix, struct bytes chunk)
{
    const unsigned char *at = chunk.data, *end = at + chunk.size;
    if (r->left <= 0) {
        r->dropped += line->size + chunk.size;
        line->size = 0;
        return;
    }
    r->left -= (int64_t)chunk.size;
    while (at < end) {
        const unsigned char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((newline ? newline : end) - at),
               room = sizeof line->bytes - line->size;
        size_t part = size < room ? size : room;
        memcpy(line->bytes + line->size, at, part);
        line->size += part;
        at += part;
        if (part < size) { /* too long */
            put_line(r, line, prefix);
        } else if (newline) {
            at++;
            if (line->size && line->bytes[line->size - 1] == '\r')
                line->size--;
            put_line(r, line, prefix);
        }
    }
    flush(r);
}

void relay_end(struct relay *r, struct relay_line *line, const char *prefix)
{
    if (line->size)
        put_line(r, line, prefix);
    flush(r);
}

uint64_t relay_second(struct relay *r)
{
    uint64_t dropped = r->dropped;
    r->left = RELAY_BYTES_A_SECOND;
    r->dropped = 0;
    return dropped;
}
