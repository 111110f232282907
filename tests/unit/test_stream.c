/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines to a pipe that nobody reads for a while.
 */
#include "producer/cli/stream.h"

#include <string.h>
#include <unistd.h>

#include "common/must.h"
#include "tests/unit/check.h"

enum { LINES = 20000 };

/* What has been read so far is `was`; what is in the pipe is added. */
static void read_all(int fd, struct buf *was, size_t bytes)
{
    while (was->size < bytes) {
        unsigned char *room = buf_extend(was, bytes - was->size);
        size_t asked = (size_t)(was->data + was->size - room);
        ssize_t size = read(fd, room, asked);
        must(size > 0);
        was->size -= asked - (size_t)size;
    }
}

static void lines_put(struct stream *s, struct buf *wanted)
{
    for (int i = 1; i <= LINES; i++) {
        size_t at = wanted->size;
        buf_printf(wanted, "line %d", i);
        stream_line(s, bytes_of(wanted->data + at, wanted->size - at));
        buf_put(wanted, "\n", 1);
    }
}

TEST(what_a_full_pipe_has_taken_ends_with_a_line)
{
    int pipes[2];
    struct buf wanted = {0}, got = {0};
    must(pipe(pipes) == 0);
    struct stream s = {.fd = pipes[1]};
    lines_put(&s, &wanted);
    stream_flush(&s, false);
    CHECK(stream_pending(&s) > 0 && stream_pending(&s) < wanted.size);
    while (got.size < wanted.size) {
        read_all(pipes[0], &got, wanted.size - stream_pending(&s));
        CHECK_EQ(got.data[got.size - 1], '\n');
        stream_flush(&s, false);
    }
    CHECK(got.size == wanted.size && memcmp(got.data, wanted.data, got.size) == 0);
    stream_fini(&s);
    buf_fini(&wanted);
    buf_fini(&got);
    close(pipes[0]);
    close(pipes[1]);
}

TEST(a_line_that_is_longer_than_a_part_goes_in_parts)
{
    enum { LONG = 100000 };
    int pipes[2];
    char *line = must_alloc(LONG);
    struct buf got = {0};
    must(pipe(pipes) == 0);
    struct stream s = {.fd = pipes[1]};
    memset(line, 'x', LONG);
    stream_line(&s, bytes_of(line, LONG));
    while (got.size < LONG + 1) {
        stream_flush(&s, false);
        CHECK(LONG + 1 - stream_pending(&s) > got.size);
        read_all(pipes[0], &got, LONG + 1 - stream_pending(&s));
    }
    CHECK(memcmp(got.data, line, LONG) == 0 && got.data[LONG] == '\n');
    stream_fini(&s);
    buf_fini(&got);
    free(line);
    close(pipes[0]);
    close(pipes[1]);
}
