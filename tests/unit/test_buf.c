/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"
#include "common/random.h"
#include "tests/unit/check.h"

TEST(zeroed_storage_is_an_empty_buf)
{
    struct buf b = {0};
    CHECK_EQ(buf_bytes(&b).size, 0);
    CHECK_TEXT(buf_text(&b), "");
    CHECK_EQ(b.size, 0);
    buf_put(&b, NULL, 0);
    CHECK_EQ(b.size, 0);
    buf_fini(&b);
    CHECK(b.data == NULL);
}

TEST(what_was_put_stays_as_it_grows)
{
    struct buf b = {0};
    struct random r = {.state = 1};
    unsigned char piece[300];
    size_t total = 0;
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = (unsigned char)i;
    for (int i = 0; i < 2000; i++) {
        size_t size = random_below(&r, sizeof piece);
        buf_put(&b, piece, size);
        total += size;
        CHECK_EQ(b.size, total);
        CHECK(b.capacity >= b.size);
        CHECK_BYTES(bytes_of(b.data + total - size, size), bytes_of(piece, size));
    }
    buf_clear(&b);
    CHECK_EQ(b.size, 0);
    CHECK(b.capacity >= total); /* clearing keeps the memory */
    buf_fini(&b);
}

TEST(printf_appends_and_does_not_count_the_closing_0)
{
    struct buf b = {0};
    buf_printf(&b, "%s-%d", "j", 7);
    buf_printf(&b, "%s", "");
    CHECK_EQ(b.size, 3);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%03d", i);
    CHECK_EQ(b.size, 3003);
    CHECK_BYTES(bytes_of(b.data, 9), bytes_text("j-7000001"));
    CHECK_TEXT(buf_text(&b) + 3000, "999");
    buf_fini(&b);
}

TEST(text_is_closed_exactly_at_the_capacity)
{
    struct buf b = {0};
    memset(buf_extend(&b, 256), 'x', 256);
    CHECK_EQ(b.capacity, 256);
    CHECK_EQ(strlen(buf_text(&b)), 256);
    CHECK_EQ(b.size, 256);
    buf_fini(&b);
}

TEST(bytes_compare_by_content)
{
    CHECK(bytes_equal(bytes_of(NULL, 0), bytes_text("")));
    CHECK(bytes_equal(bytes_text("ab"), bytes_of("abc", 2)));
    CHECK(!bytes_equal(bytes_text("ab"), bytes_text("ac")));
    CHECK(!bytes_equal(bytes_text("ab"), bytes_text("abc")));
    CHECK(bytes_starts(bytes_text("job/1"), bytes_text("job/")));
    CHECK(bytes_starts(bytes_text("job/1"), bytes_of(NULL, 0)));
    CHECK(!bytes_starts(bytes_text("job"), bytes_text("job/")));
    CHECK(bytes_hash(bytes_text("a"), 1) != bytes_hash(bytes_text("a"), 2));
    CHECK(bytes_hash(bytes_text("a"), 1) == bytes_hash(bytes_text("a"), 1));
}
