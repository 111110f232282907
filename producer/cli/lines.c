/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void count_ends(struct lines *l, const unsigned char *at, size_t size)
{
    const unsigned char *end = at + size;
    l->open = end[-1] != '\n';
    for (; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        l->ends++;
}

void lines_read(struct lines *l)
{
    if (l->ended)
        return;
    if (l->at > l->buf.size / 2) { /* seldom enough to cost nothing */
        memmove(l->buf.data, l->buf.data + l->at, l->buf.size - l->at);
        l->buf.size -= l->at;
        l->searched -= l->at;
        l->at = 0;
    }
    ssize_t got = read(l->fd, buf_extend(&l->buf, LINES_READ_BYTES), LINES_READ_BYTES);
    int error = errno;
    l->buf.size -= (size_t)(LINES_READ_BYTES - (got > 0 ? got : 0));
    if (got < 0 && (error == EINTR || error == EAGAIN))
        return;
    if (got < 0)
        l->error = error;
    if (got <= 0)
        l->ended = true;
    else
        count_ends(l, l->buf.data + l->buf.size - got, (size_t)got);
    if (l->buf.size - l->at > LINE_BYTES_MAX && lines_hungry(l)) {
        l->error = EMSGSIZE;
        l->ended = true;
        l->buf.size = l->at;
    }
}

/* Where the line that starts at `at` ends, or SIZE_MAX. */
static size_t line_end(struct lines *l)
{
    const unsigned char *found = NULL;
    if (l->searched < l->at)
        l->searched = l->at;
    if (l->buf.size > l->searched)
        found = memchr(l->buf.data + l->searched, '\n', l->buf.size - l->searched);
    if (found)
        return (size_t)(found - l->buf.data);
    l->searched = l->buf.size;
    /* The last line may lack its end. */
    return l->ended && l->buf.size > l->at ? l->buf.size : SIZE_MAX;
}

bool lines_hungry(struct lines *l)
{
    return !l->ended && line_end(l) == SIZE_MAX;
}

bool lines_next(struct lines *l, struct bytes *line)
{
    size_t end = line_end(l);
    if (end == SIZE_MAX)
        return false;
    *line = bytes_of(l->buf.data + l->at, end - l->at);
    l->at = end < l->buf.size ? end + 1 : end;
    l->searched = l->at;
    return true;
}

const char *lines_failure(const struct lines *l)
{
    if (!l->error)
        return NULL;
    return l->error == EMSGSIZE ? "a line is longer than 17 MiB" : strerror(l->error);
}

void lines_fini(struct lines *l)
{
    buf_fini(&l->buf);
}
