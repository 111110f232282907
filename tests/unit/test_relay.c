/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers say on its way to the worker's standard error, which is a pipe here.
 */
#include "consumer/worker/relay.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/must.h"
#include "tests/unit/check.h"

struct world {
    struct relay relay;
    struct relay_line line;
    int reader, writer;
};

static struct world world_new(void)
{
    int ends[2];
    struct world w = {.line = {.size = 0}};
    must(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    w.reader = ends[0];
    w.writer = ends[1];
    relay_open(&w.relay, w.writer);
    return w;
}

static void world_free(struct world *w)
{
    relay_close(&w->relay);
    close(w->reader);
    close(w->writer);
}

static void say(struct world *w, const char *text)
{
    relay_put(&w->relay, &w->line, "p: ", bytes_text(text));
}

/* What has come out since. */
static const char *heard(struct world *w)
{
    static char text[1 << 16];
    ssize_t n = read(w->reader, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    return text;
}

TEST(whole_lines_go_out_behind_the_prefix)
{
    struct world w = world_new();
    say(&w, "one\ntw");
    CHECK_TEXT(heard(&w), "p: one\n");
    say(&w, "o\r\n\nthree");
    CHECK_TEXT(heard(&w), "p: two\np: \n");
    relay_end(&w.relay, &w.line, "p: ");
    CHECK_TEXT(heard(&w), "p: three\n");
    relay_end(&w.relay, &w.line, "p: ");
    CHECK_TEXT(heard(&w), "");
    world_free(&w);
}

TEST(what_moves_a_cursor_does_not_get_through)
{
    struct world w = world_new();
    say(&w, "\x1b[2J\xff\n");
    CHECK_TEXT(heard(&w), "p: \\x1b[2J\\xff\n");
    world_free(&w);
}

TEST(a_long_line_is_broken)
{
    struct world w = world_new();
    char text[RELAY_LINE_BYTES * 2 + 11];
    memset(text, '\a', sizeof text - 1); /* four bytes each, when shown */
    text[sizeof text - 1] = 0;
    say(&w, text);
    say(&w, "\n");
    const char *at = heard(&w);
    for (int line = 0; line < 3; line++) {
        size_t size = strcspn(at, "\n");
        CHECK_EQ(size, 3 + 4 * (line < 2 ? RELAY_LINE_BYTES : 10));
        at += size + 1;
    }
    CHECK_TEXT(at, "");
    world_free(&w);
}

TEST(a_pipe_that_nobody_reads_is_not_waited_for)
{
    struct world w = world_new();
    char text[1001];
    memset(text, 'x', sizeof text - 2);
    text[999] = '\n';
    text[1000] = 0;
    for (int i = 0; i < 100; i++) /* more than a pipe holds */
        say(&w, text);
    CHECK(relay_second(&w.relay) > 0);
    while (*heard(&w))
        continue;
    say(&w, "again\n");
    CHECK_TEXT(heard(&w), "p: again\n");
    CHECK_EQ(relay_second(&w.relay), 0);
    world_free(&w);
}

TEST(a_flood_is_cut_and_counted)
{
    struct world w = world_new();
    static char text[RELAY_BYTES_A_SECOND / 8];
    memset(text, '\n', sizeof text);
    size_t lines = 0;
    for (int i = 0; i < 8; i++) {
        relay_put(&w.relay, &w.line, "", bytes_of(text, sizeof text));
        for (const char *out; *(out = heard(&w));)
            lines += strlen(out);
    }
    uint64_t dropped = relay_second(&w.relay); /* a pipe holds 64 KiB of these at a time */
    CHECK_EQ(lines + dropped, RELAY_BYTES_A_SECOND);
    for (int i = 0; i < 8; i++)
        relay_put(&w.relay, &w.line, "", bytes_of(text, sizeof text));
    while (*heard(&w))
        continue;
    relay_second(&w.relay);
    say(&w, "next second\n");
    CHECK_TEXT(heard(&w), "p: next second\n");
    for (int i = 0; i < 9; i++)
        relay_put(&w.relay, &w.line, "", bytes_of(text, sizeof text));
    while (*heard(&w))
        continue;
    say(&w, "too much\n");
    CHECK_TEXT(heard(&w), "");
    world_free(&w);
}
