/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve/value.h: JSON to values, values to JSON, words of a command line, and bytes that are no
 * value.
 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <reeve/value.h>
#include <stdlib.h>

#include "common/must.h"
#include "common/pack.h"
#include "common/random.h"
#include "tests/unit/check.h"

/* The value as JSON and free of everything. */
static void check_json(struct reeve_value *v, const char *want)
{
    char *json = reeve_json(reeve_value_data(v), reeve_value_size(v));
    CHECK(json != NULL);
    CHECK_TEXT(json, want);
    free(json);
    reeve_value_free(v);
}

static struct reeve_value *of_json(const char *json)
{
    struct reeve_value *v = reeve_value_new();
    CHECK_EQ(reeve_put_json(v, json, strlen(json), NULL, 0), 0);
    return v;
}

static struct reeve_value *of_word(const char *word)
{
    struct reeve_value *v = reeve_value_new();
    CHECK_EQ(reeve_put_word(v, word), 0);
    return v;
}

static struct reeve_value *of_double(double number)
{
    struct reeve_value *v = reeve_value_new();
    reeve_put_double(v, number);
    return v;
}

TEST(json_comes_back_as_it_went)
{
    static const char *const same[] = {
        "null",
        "true",
        "-1",
        "0",
        "9223372036854775807",
        "-9223372036854775808",
        "3.5",
        "0.1",
        "\"\"",
        "\"a\\\"b\\\\c\\n\\u0001\"",
        "\"\\u0000\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "[]",
        "{}",
        "[1,[2,[3,{}]],{\"a\":{\"b\":[null,false]}}]",
    };
    for (size_t i = 0; i < LENGTH(same); i++)
        check_json(of_json(same[i]), same[i]);
}

TEST(doubles_are_shortest_and_exact)
{
    check_json(of_double(3), "3.0");
    check_json(of_double(-0.0), "-0.0");
    check_json(of_double(0.1), "0.1");
    check_json(of_double(1.0 / 3), "0.3333333333333333");
    check_json(of_double(0.1 + 0.2), "0.30000000000000004");
    check_json(of_double(1e22), "1e+22");
    check_json(of_double(5e-324), "5e-324");
    check_json(of_double(DBL_MAX), "1.7976931348623157e+308");
    check_json(of_double(NAN), "null");
    check_json(of_double(-INFINITY), "null");
}

TEST(doubles_read_back_to_the_same_bits)
{
    struct random r = {.state = 11};
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_next(&r);
        double number, back;
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number))
            continue;
        struct reeve_value *v = of_double(number);
        char *json = reeve_json(reeve_value_data(v), reeve_value_size(v));
        CHECK(json != NULL);
        back = strtod(json, NULL);
        CHECK_BYTES(bytes_of(&back, sizeof back), bytes_of(&number, sizeof number));
        free(json);
        reeve_value_free(v);
    }
}

TEST(a_locale_with_another_decimal_point_changes_nothing)
{
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < LENGTH(commas); i++)
        if (setlocale(LC_ALL, commas[i]))
            break; /* where none of them is installed the test runs in the one there is */
    check_json(of_double(3.5), "3.5");
    check_json(of_json("[2.25]"), "[2.25]");
    setlocale(LC_ALL, "C");
}

TEST(integers_without_a_sign)
{
    struct reeve_value *v = reeve_value_new();
    reeve_put_uint(v, UINT64_MAX);
    check_json(v, "18446744073709551615");
}

TEST(binary_is_base64)
{
    struct reeve_value *v = reeve_value_new();
    reeve_put_array(v, 4);
    reeve_put_bytes(v, "", 0);
    reeve_put_bytes(v, "f", 1);
    reeve_put_bytes(v, "fo", 2);
    reeve_put_bytes(v, "foo\xff", 4);
    check_json(v, "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v/w==\"]");
}

TEST(what_is_not_utf8_is_replaced)
{
    struct reeve_value *v = reeve_value_new();
    reeve_put_text(v, "a\xff"
                      "b\xc3"
                      "c\xed\xa0\x80"
                      "d\xc0\xaf");
    check_json(v, "\"a\xef\xbf\xbd"
                  "b\xef\xbf\xbd"
                  "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                  "d\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(keys_that_are_not_text)
{
    struct reeve_value *v = reeve_value_new();
    reeve_put_map(v, 2);
    reeve_put_int(v, 1);
    reeve_put_text(v, "one");
    reeve_put_array(v, 1);
    reeve_put_text(v, "k");
    reeve_put_nil(v);
    check_json(v, "{\"1\":\"one\",\"[...]\":null}");
}

/* Escaped at each level, 30 levels of keys would be gigabytes. */
TEST(keys_in_keys_cost_no_more_than_their_bytes)
{
    struct reeve_value *v = reeve_value_new();
    for (int i = 0; i < 30; i++)
        reeve_put_map(v, 1);
    reeve_put_text(v, "\"");
    for (int i = 0; i < 30; i++)
        reeve_put_nil(v);
    check_json(v, "{\"{...}\":null}");
}

TEST(words_that_read_as_json_stay_themselves)
{
    static const struct {
        const char *word, *json;
    } rows[] = {
        {"1", "1"},
        {"-1", "-1"},
        {"3.5", "3.5"},
        {"2.0", "2.0"},
        {"1e3", "1000.0"},
        {"true", "true"},
        {"false", "false"},
        {"[1, \"a\"]", "[1,\"a\"]"},
        {" {\"a\": [true]}", "{\"a\":[true]}"},
        {"9223372036854775808", "9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        /* all else is text */
        {"null", "\"null\""},
        {"abc", "\"abc\""},
        {"", "\"\""},
        {"-", "\"-\""},
        {"+", "\"+\""},
        {"+1", "\"+1\""},
        {"007", "\"007\""},
        {"1.", "\"1.\""},
        {".5", "\".5\""},
        {"1e", "\"1e\""},
        {"0x10", "\"0x10\""},
        {"1 2", "\"1 2\""},
        {" 1", "\" 1\""},
        {"True", "\"True\""},
        {"nan", "\"nan\""},
        {"\"quoted\"", "\"\\\"quoted\\\"\""},
        {"[1", "\"[1\""},
        {"[1] 2", "\"[1] 2\""},
        {"{\"a\":1,\"a\":2}", "\"{\\\"a\\\":1,\\\"a\\\":2}\""},
        /* integers beyond 64 bits are text of their digits */
        {"18446744073709551616", "\"18446744073709551616\""},
        {"-9223372036854775809", "\"-9223372036854775809\""},
        {"[1,99999999999999999999,\"99999999999999999999\"]",
         "[1,\"99999999999999999999\",\"99999999999999999999\"]"},
        {"{\"a\\\"1\":-99999999999999999999}", "{\"a\\\"1\":\"-99999999999999999999\"}"},
        {"1e999", "\"1e999\""},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        check_json(of_word(rows[i].word), rows[i].json);
}

TEST(bad_json_changes_nothing_and_says_why)
{
    static const char *const bad[] = {
        "",         "[1,]",
        "[1] x",    "nul",
        "\"a",      "{\"a\":1,\"a\":2}",
        "\"\xff\"", "99999999999999999999",
        "1e999",
    };
    struct reeve_value *v = reeve_value_new();
    reeve_put_int(v, 7);
    for (size_t i = 0; i < LENGTH(bad); i++) {
        char why[200] = "";
        CHECK_EQ(reeve_put_json(v, bad[i], strlen(bad[i]), why, sizeof why), -1);
        CHECK(strncmp(why, "not JSON: ", 10) == 0);
        CHECK_EQ(reeve_value_size(v), 1);
    }
    check_json(v, "7");
}

TEST(nesting_has_a_limit_and_what_is_within_it_is_a_value)
{
    char json[101], why[100] = "";
    for (size_t depth = 1; depth <= 50; depth++) {
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        struct reeve_value *v = reeve_value_new();
        int rc = reeve_put_json(v, json, 2 * depth, why, sizeof why);
        CHECK_EQ(rc, depth <= PACK_DEPTH_MAX - 1 ? 0 : -1);
        CHECK_EQ(reeve_value_size(v), rc ? 0 : depth);
        CHECK(rc || pack_valid(bytes_of(reeve_value_data(v), reeve_value_size(v))));
        char *text = rc ? NULL : reeve_json(reeve_value_data(v), reeve_value_size(v));
        CHECK(rc || strncmp(text, json, 2 * depth) == 0);
        free(text);
        reeve_value_free(v);
    }
    CHECK(strstr(why, "nested deeper") != NULL);
}

TEST(bytes_that_are_not_one_value_give_null)
{
    static const struct bytes bad[] = {
        {"", 0},
        {"\xc1", 1},
        {"\x01\x02", 2},
        {"\xa3"
         "ab",
         3},
        {"\xa1"
         "ab",
         3},
        {"\x92\x01", 2},
        {"\xdd\xff\xff\xff\xff", 5}, /* 4 G elements */
        {"\xdf\xff\xff\xff\xff", 5},
        {"\xc6\xff\xff\xff\xff", 5},
        {"\xcb\x00", 2},
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        CHECK(reeve_json(bad[i].data, bad[i].size) == NULL);
        CHECK(reeve_text(bad[i].data, bad[i].size, NULL) == NULL);
    }
}

TEST(text_is_shown_as_it_is_and_the_rest_as_json)
{
    struct reeve_value *v = reeve_value_new();
    size_t size = 0;
    reeve_put_text_n(v, "a\"\0b", 4);
    char *text = reeve_text(reeve_value_data(v), reeve_value_size(v), &size);
    CHECK_BYTES(bytes_of(text, size), bytes_of("a\"\0b", 4));
    CHECK_EQ(text[4], 0);
    free(text);
    reeve_value_clear(v);
    CHECK_EQ(reeve_value_size(v), 0);
    reeve_put_array(v, 1);
    reeve_put_text(v, "a");
    text = reeve_text(reeve_value_data(v), reeve_value_size(v), &size);
    CHECK_TEXT(text, "[\"a\"]");
    CHECK_EQ(size, 5);
    free(text);
    reeve_value_free(v);
}

/* Any bytes: either they are no value, or what comes out is JSON that jansson reads. */
TEST(random_bytes_never_break_it)
{
    struct random r = {.state = 5};
    size_t good = 0;
    for (int i = 0; i < 50000; i++) {
        unsigned char data[24];
        size_t size = random_below(&r, sizeof data) + 1;
        for (size_t k = 0; k < size; k++)
            data[k] = (unsigned char)random_next(&r);
        char *json = reeve_json(data, size);
        CHECK_EQ(json != NULL, pack_valid(bytes_of(data, size)));
        if (!json)
            continue;
        struct reeve_value *v = reeve_value_new();
        char why[200] = "";
        int rc = reeve_put_json(v, json, strlen(json), why, sizeof why);
        /* Two keys may read alike, an integer may have no sign: JSON, but not for us. */
        CHECK(rc == 0 || strstr(why, "duplicate") || strstr(why, "too big"));
        good++;
        free(json);
        reeve_value_free(v);
    }
    CHECK(good > 1000);
}
