/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands of the text port: what is read, and what is refused.
 */
#include "proto/text_command.h"

#include <stdlib.h>

#include "common/random.h"
#include "tests/unit/check.h"

/* Reads the line; the queue and its arguments as "class.method [args]", or the error. Freed by the
 * next call. */
static const char *read_line(struct bytes line)
{
    static char text[4096];
    struct text_command c;
    struct reeve_value *args = reeve_value_new();
    if (text_command_read(line, &c, args)) {
        char *json = reeve_json(reeve_value_data(args), reeve_value_size(args));
        snprintf(text, sizeof text, "%s %s", c.queue, json ? json : "not one value");
        free(json);
    } else {
        CHECK_EQ(reeve_value_size(args), 0);
        CHECK(strlen(c.error) > 0 && !strchr(c.error, '\n'));
        snprintf(text, sizeof text, "error");
    }
    reeve_value_free(args);
    return text;
}

TEST(commands)
{
    static const struct {
        const char *line, *reads;
    } rows[] = {
        {"calculator calculate 2 + 2", "calculator.calculate [2,\"+\",2]"},
        {"  calculator\tcalculate   2  \r", "calculator.calculate [2]"},
        {"fibonacci_generator calculate 100", "fibonacci_generator.calculate [100]"},
        {"a b", "a.b []"},
        {"a b -1 1.5 1e3 true false", "a.b [-1,1.5,1000.0,true,false]"},
        {"a b [1,2] {\"k\":1} [1 {", "a.b [[1,2],{\"k\":1},\"[1\",\"{\"]"},
        {"a b null \"x\" 007 - + tree",
         "a.b [\"null\",\"\\\"x\\\"\",\"007\",\"-\",\"+\",\"tree\"]"},
        {"a b 9223372036854775807 18446744073709551616",
         "a.b [9223372036854775807,\"18446744073709551616\"]"},
        {"neural_analyzer polarity not a bad film",
         "neural_analyzer.polarity [\"not\",\"a\",\"bad\",\"film\"]"},
        {"", "error"},
        {"   ", "error"},
        {"calculator", "error"},
        {"a/b c", "error"},
        {". .", "error"},
        {"\x01 \xff", "error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_TEXT(read_line(bytes_text(rows[i].line)), rows[i].reads);
}

TEST(names_that_are_too_long_are_refused)
{
    char line[300];
    memset(line, 'a', sizeof line);
    line[150] = ' ';
    CHECK_TEXT(read_line(bytes_of(line, sizeof line)), "error");
    line[2] = line[90] = ' '; /* exactly two names that fit, and one long word */
    CHECK(strncmp(read_line(bytes_of(line, 200)), "aa.aaa", 6) == 0);
}

TEST(a_zero_byte_inside_a_word_is_text)
{
    CHECK_TEXT(read_line(bytes_of("a b x\0y", 7)), "a.b [\"x\\u0000y\"]");
}

TEST(an_error_is_one_line_and_no_traceback)
{
    static const struct {
        const char *text, *line;
    } cases[] = {{"", ""},
                 {"division by zero", "division by zero"},
                 {"two\nlines\r\nor three", "two lines  or three"},
                 {"ValueError: no\n\nTraceback:\n  File", "ValueError: no"},
                 {"\n\nmore", ""}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct buf out = {0};
        buf_printf(&out, "error: ");
        text_error_put(&out, bytes_text(cases[i].text));
        CHECK_TEXT(buf_text(&out) + 7, cases[i].line);
        buf_fini(&out);
    }
}

TEST(a_command_ends_at_its_newline)
{
    CHECK_EQ(text_command_end(bytes_text("")), -1);
    CHECK_EQ(text_command_end(bytes_text("a b")), -1);
    CHECK_EQ(text_command_end(bytes_text("a b\n")), 3);
    CHECK_EQ(text_command_end(bytes_text("\na")), 0);
}

/* Whatever comes, it is a command or an error. */
TEST(any_bytes_are_read_or_refused)
{
    static const char alphabet[] = "ab. \t-{}[]\",:019e\\u\x80\xff";
    struct random r = {.state = 9};
    for (int i = 0; i < 50000; i++) {
        char line[64];
        size_t size = random_below(&r, sizeof line);
        for (size_t k = 0; k < size; k++)
            line[k] = random_below(&r, 8) ? alphabet[random_below(&r, sizeof alphabet)]
                                          : (char)random_next(&r);
        read_line(bytes_of(line, size));
    }
}
