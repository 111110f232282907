/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/fibonacci/fibonacci.h"

#include <math.h>

#include "common/pack.h"
#include "tests/unit/check.h"

static char error[FIBONACCI_ERROR_SIZE];

/* args is used up. */
static int answer(struct buf *args, struct buf *reply)
{
    error[0] = 0;
    int err = fibonacci_answer(buf_bytes(args), reply, error);
    buf_fini(args);
    return err;
}

static struct buf args_int(int64_t n)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_int(&args, n);
    return args;
}

static struct buf args_text(const char *text)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_text(&args, text);
    return args;
}

static struct buf args_real(double n)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_float(&args, n);
    return args;
}

static uint64_t small(int64_t n)
{
    struct buf reply = {0}, args = args_int(n);
    CHECK_EQ(answer(&args, &reply), 0);
    struct cursor c = cursor_of(buf_bytes(&reply));
    uint64_t f = cursor_uint(&c);
    CHECK(cursor_ok(&c) && cursor_done(&c));
    buf_fini(&reply);
    return f;
}

/* The digits, lent until the next call. */
static const char *large(int64_t n)
{
    static struct buf reply, text;
    struct buf args = args_int(n);
    buf_clear(&reply);
    buf_clear(&text);
    CHECK_EQ(answer(&args, &reply), 0);
    struct cursor c = cursor_of(buf_bytes(&reply));
    struct bytes digits = cursor_str(&c);
    CHECK(cursor_ok(&c) && cursor_done(&c));
    buf_put(&text, digits.data, digits.size);
    return buf_text(&text);
}

TEST(numbers_of_64_bits_follow_the_recurrence)
{
    CHECK_EQ(small(1), 1);
    CHECK_EQ(small(2), 1);
    for (int64_t n = 3; n <= 93; n++)
        CHECK(small(n) == small(n - 1) + small(n - 2));
    CHECK(small(93) == 12200160415121876738u);
}

TEST(larger_ones_are_text_of_digits)
{
    CHECK_TEXT(large(94), "19740274219868223167");
    CHECK_TEXT(large(100), "354224848179261915075");
    CHECK_EQ(strlen(large(1000)), 209);
    CHECK(strncmp(large(1000), "43466557686937456435688527675040625802564", 41) == 0);
    CHECK_EQ(strlen(large(10000)), 2090);
    CHECK(strncmp(large(10000), "33644764876431783266", 20) == 0);
    CHECK_TEXT(large(10000) + 2080, "9947366875");
}

TEST(the_largest_has_two_million_digits)
{
    const char *digits = large(FIBONACCI_N_MAX);
    CHECK_EQ(strlen(digits), 2089877);
    CHECK_TEXT(digits + 2089877 - 10, "6380546875");
}

TEST(text_and_whole_floats_are_numbers_too)
{
    struct buf reply = {0}, args = args_text("10");
    CHECK_EQ(answer(&args, &reply), 0);
    CHECK_BYTES(buf_bytes(&reply), bytes_of("\x37", 1));
    buf_clear(&reply);
    args = args_real(10.0);
    CHECK_EQ(answer(&args, &reply), 0);
    CHECK_BYTES(buf_bytes(&reply), bytes_of("\x37", 1));
    buf_fini(&reply);
}

static void refused(struct buf args, const char *want)
{
    struct buf reply = {0};
    CHECK_EQ(answer(&args, &reply), -1);
    CHECK_TEXT(error, want);
    CHECK_EQ(reply.size, 0);
}

#define RANGE "N must be a whole number from 1 to 10000000, not "

TEST(anything_else_is_refused_and_the_range_named)
{
    refused(args_int(0), RANGE "0");
    refused(args_int(-1), RANGE "-1");
    refused(args_int(10000001), RANGE "10000001");
    refused(args_int(99999999999), RANGE "99999999999");
    refused(args_real(1.5), RANGE "1.5");
    refused(args_real((double)NAN), RANGE "nan");
    refused(args_real(1e300), RANGE "1e+300");
    refused(args_text("abc"), RANGE "\"abc\"");
    refused(args_text(""), RANGE "\"\"");
    refused(args_text("-5"), RANGE "\"-5\"");
    refused(args_text("10 "), RANGE "\"10 \"");
    refused(args_text("99999999999999999999999999999999"),
            RANGE "\"99999999999999999999999999999999\"");
}

TEST(one_argument_is_expected)
{
    struct buf args = {0};
    pack_array(&args, 0);
    refused(args, "expected one argument, N; there are 0");
    args = (struct buf){0};
    pack_array(&args, 2);
    pack_int(&args, 1);
    pack_int(&args, 2);
    refused(args, "expected one argument, N; there are 2");
    args = (struct buf){0};
    pack_array(&args, 1);
    pack_nil(&args);
    refused(args, RANGE "null");
    refused((struct buf){0}, "expected one argument, N; there are 0");
}
