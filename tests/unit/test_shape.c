/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects of requests against the table of what they may hold; numbers in paths and queries.
 */
#include <reeve/value.h>

#include "common/must.h"
#include "producer/gateway/api/shape.h"
#include "tests/unit/check.h"

static char error[SHAPE_ERROR];

static const struct shape_field shape[] = {
    {"name", SHAPE_TEXT, true, 1, 10},
    {"count", SHAPE_WHOLE, false, -5, 5},
    {"weight", SHAPE_NUMBER, false, 0, 0},
    {"sure", SHAPE_TRUTH, false, 0, 0},
    {"list", SHAPE_ARRAY, false, 0, 0},
    {"values", SHAPE_NUMBERS, false, 0, 0},
    {0},
};

static bool fits(const char *json)
{
    struct reeve_value *value = reeve_value_new();
    CHECK_EQ(reeve_put_json(value, json, strlen(json), error, sizeof error), 0);
    bool fit =
        shape_check(bytes_of(reeve_value_data(value), reeve_value_size(value)), shape, error);
    reeve_value_free(value);
    return fit;
}

static void refused(const char *json, const char *why)
{
    CHECK(!fits(json));
    CHECK_TEXT(error, why);
}

TEST(what_fits)
{
    CHECK(fits("{\"name\":\"x\"}"));
    CHECK(fits("{\"name\":\"0123456789\",\"count\":-5,\"weight\":1,\"sure\":false,\"list\":[],"
               "\"values\":{}}"));
    CHECK(fits("{\"name\":\"x\",\"count\":5,\"weight\":-1.5e3,\"list\":[{}],"
               "\"values\":{\"a\":1,\"b\":2.5}}"));
    CHECK(fits("{\"name\":\"x\",\"count\":null,\"values\":null}")); /* as if it were not there */
}

TEST(what_does_not_fit_is_named)
{
    refused("[]", "the body must be a JSON object");
    refused("{}", "\"name\" is missing");
    refused("{\"name\":null}", "\"name\" is missing");
    refused("{\"name\":\"x\",\"nome\":1}", "unknown field \"nome\"");
    refused("{\"name\":5}", "\"name\" must be a text of 1 to 10 bytes");
    refused("{\"name\":\"\"}", "\"name\" must be a text of 1 to 10 bytes");
    refused("{\"name\":\"0123456789x\"}", "\"name\" must be a text of 1 to 10 bytes");
    refused("{\"name\":\"a\\u0000b\"}", "\"name\" must be a text of 1 to 10 bytes");
    refused("{\"name\":\"x\",\"count\":6}", "\"count\" must be a whole number from -5 to 5");
    refused("{\"name\":\"x\",\"count\":1.0}", "\"count\" must be a whole number from -5 to 5");
    refused("{\"name\":\"x\",\"count\":\"1\"}", "\"count\" must be a whole number from -5 to 5");
    refused("{\"name\":\"x\",\"weight\":\"1\"}", "\"weight\" must be a number");
    refused("{\"name\":\"x\",\"sure\":0}", "\"sure\" must be true or false");
    refused("{\"name\":\"x\",\"list\":{}}", "\"list\" must be an array");
    refused("{\"name\":\"x\",\"values\":[1]}", "\"values\" must be an object of numbers");
    refused("{\"name\":\"x\",\"values\":{\"a\":\"1\"}}", "\"a\" in \"values\" must be a number");
}

TEST(a_long_name_is_not_said_whole)
{
    char json[400] = "{\"";
    memset(json + 2, 'x', 300);
    snprintf(json + 302, sizeof json - 302, "\":1}");
    CHECK(!fits(json));
    CHECK(strlen(error) < 100);
}

TEST(integers_beyond_64_bits_do_not_wrap)
{
    CHECK(!fits("{\"name\":\"x\",\"count\":9223372036854775807}"));
    CHECK(!fits("{\"name\":\"x\",\"count\":-9223372036854775808}"));
}

static bool digits(const char *text, uint64_t most, uint64_t *out)
{
    return shape_digits(bytes_text(text), most, out);
}

TEST(numbers_are_digits_only)
{
    uint64_t number;
    CHECK(digits("0", 10, &number) && number == 0);
    CHECK(digits("007", 10, &number) && number == 7);
    CHECK(digits("1000", 1000, &number) && number == 1000);
    static const char *const bad[] = {"",
                                      "1001",
                                      "-1",
                                      "+1",
                                      "1.0",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "one",
                                      "18446744073709551616",
                                      "99999999999999999999999999"};
    for (size_t i = 0; i < LENGTH(bad); i++)
        CHECK(!digits(bad[i], 1000, &number));
}

static int64_t seconds(const char *text)
{
    int64_t ms;
    return shape_seconds(bytes_text(text), 300, &ms) ? ms : -1;
}

TEST(seconds_may_have_parts)
{
    CHECK_EQ(seconds("0"), 0);
    CHECK_EQ(seconds("300"), 300000);
    CHECK_EQ(seconds("1.5"), 1500);
    CHECK_EQ(seconds("0.05"), 50);
    CHECK_EQ(seconds("2.0019"), 2001);
    static const char *const bad[] = {"",    "301", "300.001", "1.",  ".5", "1.5.5",
                                      "1.x", "-1",  "1e3",     "nan", "."};
    for (size_t i = 0; i < LENGTH(bad); i++)
        CHECK_EQ(seconds(bad[i]), -1);
}
