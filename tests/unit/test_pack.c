/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pack.h"

#include <math.h>

#include "common/must.h"
#include "common/random.h"
#include "tests/unit/check.h"

#define BYTES(...)                                                                                 \
    bytes_of((const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__}))

TEST(unsigned_integers_take_the_shortest_form)
{
    static const struct {
        uint64_t value;
        size_t size;
        unsigned char head;
    } cases[] = {
        {0, 1, 0x00},         {127, 1, 0x7f},        {128, 2, 0xcc},
        {255, 2, 0xcc},       {256, 3, 0xcd},        {65535, 3, 0xcd},
        {65536, 5, 0xce},     {UINT32_MAX, 5, 0xce}, {UINT32_MAX + 1ull, 9, 0xcf},
        {INT64_MAX, 9, 0xcf}, {UINT64_MAX, 9, 0xcf},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct buf b = {0};
        pack_uint(&b, cases[i].value);
        CHECK_EQ(b.size, cases[i].size);
        CHECK_EQ(b.data[0], cases[i].head);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(cursor_peek(&c), PACK_UINT);
        CHECK(cursor_uint(&c) == cases[i].value);
        CHECK(cursor_ok(&c) && cursor_done(&c));
        c = cursor_of(buf_bytes(&b));
        int64_t as_int = cursor_int(&c);
        CHECK_EQ(cursor_ok(&c), cases[i].value <= INT64_MAX);
        CHECK_EQ(as_int, cursor_ok(&c) ? (int64_t)cases[i].value : 0);
        buf_fini(&b);
    }
}

TEST(negative_integers_take_the_shortest_form)
{
    static const struct {
        int64_t value;
        size_t size;
        unsigned char head;
    } cases[] = {
        {-1, 1, 0xff},        {-32, 1, 0xe0},       {-33, 2, 0xd0},
        {INT8_MIN, 2, 0xd0},  {-129, 3, 0xd1},      {INT16_MIN, 3, 0xd1},
        {-32769, 5, 0xd2},    {INT32_MIN, 5, 0xd2}, {INT32_MIN - 1ll, 9, 0xd3},
        {INT64_MIN, 9, 0xd3},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct buf b = {0};
        pack_int(&b, cases[i].value);
        CHECK_EQ(b.size, cases[i].size);
        CHECK_EQ(b.data[0], cases[i].head);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(cursor_peek(&c), PACK_INT);
        CHECK_EQ(cursor_int(&c), cases[i].value);
        CHECK(cursor_ok(&c) && cursor_done(&c));
        c = cursor_of(buf_bytes(&b));
        cursor_uint(&c); /* a negative number is no unsigned one */
        CHECK(!cursor_ok(&c));
        buf_fini(&b);
    }
}

TEST(a_signed_form_of_a_positive_number_reads_as_unsigned)
{
    struct cursor c = cursor_of(BYTES(0xd1, 0x01, 0x00));
    CHECK_EQ(cursor_peek(&c), PACK_UINT);
    CHECK_EQ(cursor_uint(&c), 256);
    CHECK(cursor_done(&c));
}

TEST(strings_and_binaries_at_the_borders_of_their_headers)
{
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 70000};
    static char text[70000];
    memset(text, 's', sizeof text);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        struct buf b = {0};
        struct bytes want = bytes_of(text, sizes[i]);
        pack_str(&b, want);
        pack_bin(&b, want);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(cursor_peek(&c), PACK_STR);
        CHECK_BYTES(cursor_str(&c), want);
        CHECK_EQ(cursor_peek(&c), PACK_BIN);
        CHECK_BYTES(cursor_bin(&c), want);
        CHECK(cursor_ok(&c) && cursor_done(&c));
        c = cursor_of(buf_bytes(&b));
        cursor_bin(&c); /* text is not binary */
        CHECK(!cursor_ok(&c));
        buf_fini(&b);
    }
}

TEST(numbers_of_every_kind_read_as_float)
{
    struct buf b = {0};
    pack_float(&b, 0.1);
    pack_float(&b, -INFINITY);
    pack_float(&b, NAN);
    pack_uint(&b, 7);
    pack_int(&b, -7);
    buf_put(&b, "\xca\x3f\xc0\x00\x00", 5); /* 1.5 as a 32-bit float */
    struct cursor c = cursor_of(buf_bytes(&b));
    CHECK_EQ(cursor_peek(&c), PACK_FLOAT);
    CHECK(cursor_float(&c) == 0.1);
    CHECK(isinf(cursor_float(&c)));
    CHECK(isnan(cursor_float(&c)));
    CHECK(cursor_float(&c) == 7);
    CHECK(cursor_float(&c) == -7);
    CHECK(cursor_float(&c) == 1.5);
    CHECK(cursor_ok(&c) && cursor_done(&c));
    buf_fini(&b);
}

TEST(nil_and_booleans)
{
    struct buf b = {0};
    pack_bool(&b, true);
    pack_bool(&b, false);
    pack_nil(&b);
    CHECK_BYTES(buf_bytes(&b), BYTES(0xc3, 0xc2, 0xc0));
    struct cursor c = cursor_of(buf_bytes(&b));
    CHECK(cursor_bool(&c));
    CHECK(!cursor_bool(&c));
    CHECK(cursor_ok(&c));
    CHECK_EQ(cursor_peek(&c), PACK_NIL);
    cursor_bool(&c);
    CHECK(!cursor_ok(&c));
    buf_fini(&b);
}

TEST(arrays_and_maps_at_the_borders_of_their_headers)
{
    static const uint32_t counts[] = {0, 1, 15, 16, 65535, 65536};
    for (size_t i = 0; i < LENGTH(counts); i++) {
        struct buf b = {0};
        pack_array(&b, counts[i]);
        memset(buf_extend(&b, counts[i]), 0xc0, counts[i]);
        size_t array_size = b.size;
        pack_map(&b, counts[i]);
        memset(buf_extend(&b, 2 * (size_t)counts[i]), 0xc0, 2 * (size_t)counts[i]);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(cursor_value(&c).size, array_size);
        CHECK_EQ(cursor_map(&c), counts[i]);
        CHECK(cursor_ok(&c));
        CHECK_EQ(cursor_left(&c), 2 * (size_t)counts[i]);
        buf_fini(&b);
    }
}

TEST(what_claims_more_than_there_is_fails)
{
    static const struct {
        unsigned char data[6];
        size_t size;
    } bombs[] = {
        {{0xdd, 0xff, 0xff, 0xff, 0xff}, 5},       /* array of 4 G elements */
        {{0xdf, 0xff, 0xff, 0xff, 0xff}, 5},       /* map of 4 G pairs */
        {{0xdb, 0xff, 0xff, 0xff, 0xff}, 5},       /* str */
        {{0xc6, 0xff, 0xff, 0xff, 0xff}, 5},       /* bin */
        {{0xc9, 0xff, 0xff, 0xff, 0xff, 0x01}, 6}, /* ext */
        {{0xdc, 0x00, 0x02, 0xc0}, 4},             /* one element short */
        {{0x82, 0xc0, 0xc0, 0xc0}, 4},             /* half a pair short */
        {{0xa3, 'a', 'b'}, 3},
        {{0xd4, 0x01}, 2}, /* fixext 1 with its type only */
        {{0xc1}, 1},       /* never used in msgpack */
        {{0xcd, 0x01}, 2},
        {{0}, 0},
    };
    for (size_t i = 0; i < LENGTH(bombs); i++) {
        struct bytes b = bytes_of(bombs[i].data, bombs[i].size);
        struct cursor c = cursor_of(b);
        CHECK(!pack_valid(b));
        cursor_skip(&c);
        CHECK(!cursor_ok(&c));
        c = cursor_of(b);
        CHECK_EQ(cursor_array(&c) + cursor_map(&c) + cursor_str(&c).size + cursor_bin(&c).size, 0);
        CHECK(!cursor_ok(&c));
    }
}

TEST(a_failed_cursor_stays_failed_and_still)
{
    struct cursor c = cursor_of(BYTES(0xa1, 'x', 0x05));
    cursor_uint(&c);
    const unsigned char *at = c.at;
    CHECK(!cursor_ok(&c));
    CHECK_EQ(cursor_uint(&c), 0);
    CHECK_EQ(cursor_int(&c), 0);
    CHECK(cursor_float(&c) == 0);
    CHECK(!cursor_bool(&c));
    CHECK_EQ(cursor_str(&c).size, 0);
    CHECK_EQ(cursor_value(&c).size, 0);
    CHECK_EQ(cursor_peek(&c), PACK_NONE);
    CHECK(c.at == at);
    c = cursor_of(bytes_of(NULL, 0));
    CHECK(cursor_done(&c));
    cursor_skip(&c);
    CHECK(!cursor_ok(&c));
}

static void pack_pair(struct buf *b)
{
    pack_map(b, 1);
    pack_nil(b);
}

TEST(nesting_has_a_limit)
{
    for (uint32_t depth = 1; depth < PACK_DEPTH_MAX + 5; depth++) {
        struct buf b = {0};
        for (uint32_t i = 0; i < depth; i++)
            i % 2 ? pack_pair(&b) : pack_array(&b, 1);
        pack_nil(&b);
        CHECK_EQ(pack_valid(buf_bytes(&b)), depth < PACK_DEPTH_MAX);
        CHECK_EQ(pack_valid_inside(buf_bytes(&b), 3), depth + 3 < PACK_DEPTH_MAX);
        buf_fini(&b);
    }
}

/* A million opening brackets: refused in the time of a few. */
TEST(a_deep_nest_costs_no_stack)
{
    struct buf b = {0};
    memset(buf_extend(&b, 1000000), 0x91, 1000000);
    struct cursor c = cursor_of(buf_bytes(&b));
    cursor_skip(&c);
    CHECK(!cursor_ok(&c));
    CHECK((size_t)(c.at - b.data) <= PACK_DEPTH_MAX + 1);
    buf_fini(&b);
}

/* One value with a bit of everything inside. */
static void pack_random(struct buf *b, struct random *r, int depth)
{
    static const char text[300] = "text";
    switch (random_below(r, depth ? 9 : 7)) {
    case 0: pack_nil(b); break;
    case 1: pack_bool(b, random_below(r, 2)); break;
    case 2: pack_uint(b, random_next(r) >> random_below(r, 64)); break;
    case 3: pack_int(b, (int64_t)random_next(r) >> random_below(r, 64)); break;
    case 4: pack_float(b, random_unit(r)); break;
    case 5: pack_str(b, bytes_of(text, random_below(r, sizeof text))); break;
    case 6: pack_bin(b, bytes_of(text, random_below(r, sizeof text))); break;
    case 7: {
        uint32_t count = (uint32_t)random_below(r, 20);
        pack_array(b, count);
        while (count--)
            pack_random(b, r, depth - 1);
        break;
    }
    default: {
        uint32_t count = (uint32_t)random_below(r, 20);
        pack_map(b, count);
        for (count *= 2; count--;)
            pack_random(b, r, depth - 1);
    }
    }
}

TEST(a_value_is_valid_whole_and_at_no_shorter_length)
{
    struct random r = {.state = 5};
    for (int i = 0; i < 300; i++) {
        struct buf b = {0};
        pack_random(&b, &r, 3);
        size_t whole = b.size;
        struct cursor first = cursor_of(buf_bytes(&b));
        CHECK(pack_valid(buf_bytes(&b)));
        CHECK_EQ(pack_valid_array(buf_bytes(&b)), cursor_peek(&first) == PACK_ARRAY);
        for (size_t size = whole > 4000 ? whole - 4000 : 0; size < whole; size++)
            CHECK(!pack_valid(bytes_of(b.data, size)));
        pack_nil(&b);
        CHECK(!pack_valid(buf_bytes(&b))); /* two values are not one */
        CHECK(!pack_valid_array(buf_bytes(&b)));
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_BYTES(cursor_value(&c), bytes_of(b.data, whole));
        CHECK_EQ(cursor_left(&c), 1);
        buf_fini(&b);
    }
}
