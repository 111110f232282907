/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a JSON value ends: whole, in pieces, and in what is none.
 */
#include "producer/gateway/doors/json_end.h"

#include "common/random.h"
#include "tests/unit/check.h"

TEST(ends)
{
    static const struct {
        const char *text;
        ptrdiff_t end;
    } rows[] = {
        {"", -1},
        {" \r\n\t", -1},
        {"{}", 2},
        {" {} ", 3},
        {"{}{}", 2},
        {"[]", 2},
        {"{\"a\":[1,{\"b\":2}]}x", 17},
        {"{\"a\":[1,{\"b\":2}]", -1},
        {"{\"}\":\"]\\\"}\"}", 12},
        {"{\"a\\\\\":1}", 9},
        {"{\"a\\", -1},
        {"{\"a\":\"", -1},
        {"{]", 0},
        {"[}", 0},
        {"{\"a\":[}", 0},
        {"}", 0},
        {"12", 0},
        {"\"a\"", 0},
        {"nonsense", 0},
        {"\xef\xbb\xbf{}", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_end whole = {0}, pieces = {0};
        ptrdiff_t end = -1;
        CHECK_EQ(json_end(&whole, bytes_text(rows[i].text)), rows[i].end);
        for (size_t size = 1; end < 0 && size <= strlen(rows[i].text); size++)
            end = json_end(&pieces, bytes_of(rows[i].text, size));
        CHECK_EQ(end, rows[i].end);
    }
}

TEST(nesting_has_a_limit)
{
    char text[2 * JSON_END_DEPTH_MAX + 2];
    memset(text, '[', JSON_END_DEPTH_MAX + 1);
    memset(text + JSON_END_DEPTH_MAX + 1, ']', JSON_END_DEPTH_MAX + 1);
    struct json_end one = {0}, other = {0};
    CHECK_EQ(json_end(&one, bytes_of(text, sizeof text)), 0);
    CHECK_EQ(json_end(&other, bytes_of(text + 1, sizeof text - 2)), 2 * JSON_END_DEPTH_MAX);
}

TEST(what_is_wrong_stays_so)
{
    struct json_end e = {0};
    CHECK_EQ(json_end(&e, bytes_text("x")), 0);
    CHECK_EQ(json_end(&e, bytes_text("x{}")), 0);
}

/* However the bytes are cut, the end is the same. */
TEST(any_cut_gives_the_same_end)
{
    static const char alphabet[] = "{}[]\"\\:, a1";
    struct random r = {.state = 3};
    for (int i = 0; i < 50000; i++) {
        char text[40];
        size_t size = random_below(&r, sizeof text), at = 0;
        for (size_t k = 0; k < size; k++)
            text[k] = k ? alphabet[random_below(&r, sizeof alphabet - 1)] : '{';
        struct json_end whole = {0}, pieces = {0};
        ptrdiff_t end = json_end(&whole, bytes_of(text, size)), cut = -1;
        while (cut < 0 && at < size) {
            at += 1 + random_below(&r, size - at);
            cut = json_end(&pieces, bytes_of(text, at));
        }
        CHECK_EQ(cut, end);
    }
}
