/* SPDX-License-Identifier: Apache-2.0
 *
 * The checksum against published values (RFC 3720, B.4), and its two ways against each other.
 */
#include "common/crc32c.h"
#include "common/random.h"
#include "tests/unit/check.h"

static void check_both(struct bytes data, uint32_t want)
{
    CHECK_EQ(crc32c(0, data), want);
    CHECK_EQ(crc32c_plain(0, data), want);
}

TEST(published_values)
{
    unsigned char data[32] = {0};
    check_both(bytes_of(NULL, 0), 0);
    check_both(bytes_text("123456789"), 0xe3069283);
    check_both(bytes_of(data, sizeof data), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    check_both(bytes_of(data, sizeof data), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)i;
    check_both(bytes_of(data, sizeof data), 0x46dd794e);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(31 - i);
    check_both(bytes_of(data, sizeof data), 0x113fdb5c);
}

TEST(any_length_at_any_place_in_any_parts_gives_the_same)
{
    unsigned char data[300];
    struct random r = {.state = 1};
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)random_next(&r);
    for (size_t at = 0; at < 9; at++)
        for (size_t size = 0; at + size <= 260; size++) {
            uint32_t whole = crc32c_plain(0, bytes_of(data + at, size));
            CHECK_EQ(crc32c(0, bytes_of(data + at, size)), whole);
            size_t part = size ? random_below(&r, size + 1) : 0;
            uint32_t head = crc32c(0, bytes_of(data + at, part));
            CHECK_EQ(crc32c(head, bytes_of(data + at + part, size - part)), whole);
        }
}

TEST(every_single_bit_counts)
{
    unsigned char data[64] = {1, 2, 3};
    uint32_t sound = crc32c(0, bytes_of(data, sizeof data));
    for (unsigned bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] = (unsigned char)(data[bit / 8] ^ 1u << bit % 8);
        CHECK(crc32c(0, bytes_of(data, sizeof data)) != sound);
        data[bit / 8] = (unsigned char)(data[bit / 8] ^ 1u << bit % 8);
    }
}
