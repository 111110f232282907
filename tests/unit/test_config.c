/* SPDX-License-Identifier: Apache-2.0
 *
 * config: what a file of settings is read as, and what is said of one that is none.
 */
#include "common/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/must.h"
#include "tests/unit/check.h"

static struct config c;

static bool parse(const char *text)
{
    config_fini(&c);
    return config_parse(&c, bytes_text(text), "f");
}

static void check_wrong(const char *text, const char *error)
{
    CHECK(!parse(text));
    CHECK_TEXT(c.error, error);
    config_fini(&c);
}

static void check_pair(size_t i, unsigned line, const char *name, const char *value)
{
    CHECK(i < c.count);
    CHECK_EQ(c.items[i].line, line);
    CHECK_TEXT(c.items[i].name, name);
    CHECK_TEXT(c.items[i].value, value);
}

TEST(pairs_know_their_section_and_line)
{
    CHECK(parse("# a comment\n"
                "worker   # and one more\n"
                "\n"
                "    slots = 4\n"
                "    # between\n"
                "    name=a b c   # spaces are kept within\n"
                "broker\n"
                "    bind = tcp://127.0.0.1:1\r\n"
                "worker\n"
                "    slots = 5"));
    CHECK_EQ(c.count, 7);
    CHECK_TEXT(c.items[0].section, "worker");
    CHECK(c.items[0].name == NULL);
    check_pair(1, 4, "slots", "4");
    check_pair(2, 6, "name", "a b c");
    CHECK_TEXT(c.items[3].section, "broker");
    check_pair(4, 8, "bind", "tcp://127.0.0.1:1");
    check_pair(6, 10, "slots", "5");
    CHECK_TEXT(c.items[6].section, "worker");
    config_fini(&c);
}

TEST(a_quoted_value_may_hold_anything_of_a_line)
{
    CHECK(parse(
        "w\n    a = \"x # y\"  # z\n    b = 'say \"no\"'\n    c = \"\"\n    d =\n    e\t=\t1\n"));
    check_pair(1, 2, "a", "x # y");
    check_pair(2, 3, "b", "say \"no\"");
    check_pair(3, 4, "c", "");
    check_pair(4, 5, "d", "");
    check_pair(5, 6, "e", "1");
    config_fini(&c);
}

TEST(nothing_is_a_file_as_well)
{
    CHECK(parse(""));
    CHECK_EQ(c.count, 0);
    CHECK(parse("\n   \n# x"));
    CHECK_EQ(c.count, 0);
    config_fini(&c);
}

TEST(what_is_wrong_is_said_with_its_line)
{
    check_wrong("w\n  a = 1\n", "f:2: lines are indented by four blanks");
    check_wrong("w\n\ta = 1\n", "f:2: lines are indented by four blanks");
    check_wrong("a = 1\n", "f:1: a setting stands below a section, four blanks in");
    check_wrong("    a = 1\n", "f:1: a setting stands below a section");
    check_wrong("w\n        a = 1\n", "f:2: a section has no sections");
    check_wrong("w\n    a 1\n", "f:2: wants NAME = VALUE");
    check_wrong("w\n    a\n", "f:2: wants NAME = VALUE");
    check_wrong("w\n    = 1\n", "f:2: wants NAME = VALUE");
    check_wrong("[w]\n", "f:1: wants NAME = VALUE");
    check_wrong("w\n    a = \"x\n", "f:2: a quote that is not closed");
    check_wrong("w\n    a = \"x\" y\n", "f:2: more than a value");
    check_wrong("w\n    a = # y\n", "f:2: a value is missing (\"\" is an empty one)");
    check_wrong("w\n    a = x#y\n", "f:2: a value with # in it is quoted");
    check_wrong("w\n    a = x\033[1m\n", "f:2: a control character");
    CHECK(!config_parse(&c, bytes_of("w\0\n", 3), "f"));
    CHECK_TEXT(c.error, "f:1: a control character");
    config_fini(&c);
}

/* zconfig drops what is behind 1024 bytes of a line and then reads past the end of the text. */
TEST(long_lines_many_lines_and_large_files_are_refused)
{
    struct buf b = {0};
    buf_printf(&b, "w\n    a = %01017d\n", 7); /* 1025 with what leads it */
    check_wrong(buf_text(&b), "f:2: longer than 1024 bytes");
    buf_clear(&b);
    buf_printf(&b, "w\n    a = %01016d\n", 7);
    CHECK(parse(buf_text(&b)));
    buf_clear(&b);
    for (int i = 0; i <= CONFIG_ITEMS_MAX; i++)
        buf_printf(&b, "w\n");
    check_wrong(buf_text(&b), "f:1001: too many settings");
    b.size = 0;
    for (int i = 0; i <= CONFIG_BYTES_MAX / 2; i++)
        buf_printf(&b, "#\n");
    check_wrong(buf_text(&b), "f: larger than 64 KiB");
    buf_fini(&b);
}

TEST(a_file_is_read_as_its_text_is)
{
    char path[] = "config-XXXXXX", wanted[80];
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "w\n    a = 1\n", 12) == 12);
    CHECK(config_load(&c, path));
    check_pair(1, 2, "a", "1");
    config_fini(&c);
    CHECK(ftruncate(fd, CONFIG_BYTES_MAX + 1) == 0);
    CHECK(!config_load(&c, path));
    snprintf(wanted, sizeof wanted, "%s: larger than 64 KiB", path);
    CHECK_TEXT(c.error, wanted);
    config_fini(&c);
    close(fd);
    unlink(path);
    CHECK(!config_load(&c, "no-such-file"));
    CHECK_TEXT(c.error, "no-such-file: No such file or directory");
    config_fini(&c);
    CHECK(!config_load(&c, "."));
    CHECK_TEXT(c.error, ".: Is a directory");
    config_fini(&c);
}
