/* SPDX-License-Identifier: Apache-2.0
 *
 * The last lines of a process, and what of them may be shown.
 */
#include "consumer/worker/tail.h"

#include <stdio.h>

#include "tests/unit/check.h"

static const char *cleaned(const char *raw, size_t size)
{
    static struct buf out;
    buf_clear(&out);
    tail_clean(&out, bytes_of(raw, size));
    const char *text = buf_text(&out);
    static char copy[2000];
    snprintf(copy, sizeof copy, "%s", text);
    buf_fini(&out);
    return copy;
}
#define CLEANED(raw) cleaned(raw, sizeof raw - 1)

TEST(what_moves_a_cursor_is_escaped)
{
    CHECK_TEXT(CLEANED("plain text, \tand more\n"), "plain text, \tand more\n");
    CHECK_TEXT(CLEANED("\x1b[31mred\a\b\x7f"), "\\x1b[31mred\\x07\\x08\\x7f");
    CHECK_TEXT(CLEANED("50%\r100%\r\nnext"), "50%\\x0d100%\nnext");
    CHECK_TEXT(CLEANED("a\0b"), "a\\x00b");
    CHECK_TEXT(CLEANED("\xc2\x9b"
                       "31m"),
               "\\xc2\\x9b31m"); /* the control sequence in one character */
}

TEST(what_is_no_utf8_is_escaped)
{
    CHECK_TEXT(CLEANED("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d"), "h\xc3\xa9 \xe2\x82\xac "
                                                                   "\xf0\x9f\x90\x9d");
    CHECK_TEXT(CLEANED("\xff\xc3"), "\\xff\\xc3");
    CHECK_TEXT(CLEANED("\xc0\xaf"), "\\xc0\\xaf");          /* overlong */
    CHECK_TEXT(CLEANED("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* a surrogate */
    CHECK_TEXT(CLEANED("\xef\xbf\xbd"), "\xef\xbf\xbd");    /* the replacement itself is fine */
}

static const char *text_of(const struct tail *t)
{
    static struct buf out;
    static char copy[TAIL_BYTES + 1];
    tail_text(t, &out);
    CHECK(out.size <= TAIL_BYTES);
    snprintf(copy, sizeof copy, "%s", buf_text(&out));
    buf_fini(&out);
    return copy;
}

static void put(struct tail *t, const char *text)
{
    tail_put(t, bytes_text(text));
}

TEST(lines_come_in_pieces)
{
    struct tail t = {0};
    CHECK_TEXT(text_of(&t), "");
    put(&t, "on");
    put(&t, "e\ntw");
    CHECK_TEXT(text_of(&t), "one\ntw"); /* the last one need not be whole */
    put(&t, "o\n\n");
    CHECK_TEXT(text_of(&t), "one\ntwo");
    tail_clear(&t);
    CHECK_TEXT(text_of(&t), "");
    put(&t, "three\n");
    CHECK_TEXT(text_of(&t), "three");
}

TEST(twenty_lines_are_kept)
{
    struct tail t = {0};
    struct buf want = {0};
    for (int i = 1; i <= 100; i++) {
        char line[20];
        snprintf(line, sizeof line, "line %d\n", i);
        put(&t, line);
        if (i > 80)
            buf_printf(&want, "%s%.*s", i > 81 ? "\n" : "", (int)strlen(line) - 1, line);
    }
    CHECK_TEXT(text_of(&t), buf_text(&want));
    buf_fini(&want);
}

/* Of so many bytes the last 4 KiB, from the start of a line. */
TEST(four_kib_are_kept)
{
    struct tail t = {0};
    char line[1001];
    memset(line, 'x', sizeof line - 2);
    line[999] = '\n';
    line[1000] = 0;
    for (int i = 0; i < 9; i++) {
        line[0] = (char)('0' + i);
        put(&t, line);
    }
    const char *text = text_of(&t);
    CHECK_EQ(strlen(text), 3999);
    CHECK(text[0] == '5' && text[3000] == '8');
}

TEST(of_a_line_without_end_the_end_is_kept)
{
    struct tail t = {0};
    for (int i = 0; i < 5000; i++)
        put(&t, "\xc3\xa9"); /* cut it in the middle: 4095 bytes */
    put(&t, "!");
    const char *text = text_of(&t);
    size_t size = strlen(text);
    CHECK(size <= TAIL_BYTES && size > TAIL_BYTES - 8);
    CHECK_TEXT(text + size - 3, "\xc3\xa9!");
}

TEST(escapes_make_it_longer_and_then_less_is_kept)
{
    struct tail t = {0};
    char bells[3000];
    memset(bells, '\a', sizeof bells);
    put(&t, "first\n");
    tail_put(&t, bytes_of(bells, sizeof bells));
    const char *text = text_of(&t);
    CHECK_EQ(strlen(text), TAIL_BYTES);
    CHECK_TEXT(text + TAIL_BYTES - 8, "\\x07\\x07");
}

TEST(one_large_chunk_is_as_many_small_ones)
{
    struct tail one = {0}, many = {0};
    static char chunk[20000];
    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = i % 61 == 60 ? '\n' : (char)('a' + i % 26);
    tail_put(&one, bytes_of(chunk, sizeof chunk));
    for (size_t i = 0; i < sizeof chunk; i += 7)
        tail_put(&many, bytes_of(chunk + i, i + 7 < sizeof chunk ? 7 : sizeof chunk - i));
    char first[TAIL_BYTES + 1];
    snprintf(first, sizeof first, "%s", text_of(&one));
    CHECK_TEXT(text_of(&many), first);
    CHECK_EQ(strlen(first), 19 * 61 + sizeof chunk % 61);
}
