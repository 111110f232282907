/* SPDX-License-Identifier: Apache-2.0
 *
 * Without the instruction: eight tables, eight bytes a step. They are filled before main, so that
 * threads only ever read them.
 */
#include "common/crc32c.h"

static const uint32_t polynomial = 0x82f63b78; /* reflected */
static uint32_t tables[8][256];

__attribute__((constructor)) static void fill_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
}

static uint32_t byte_step(uint32_t crc, unsigned char byte)
{
    return crc >> 8 ^ tables[0][(crc ^ byte) & 255];
}

uint32_t crc32c_plain(uint32_t crc, struct bytes data)
{
    if (!data.size)
        return crc;
    const unsigned char *at = data.data, *end = at + data.size;
    crc = ~crc;
    for (; end - at >= 8; at += 8) {
        uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                              (uint32_t)at[3] << 24);
        crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^
              tables[4][low >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^
              tables[0][at[7]];
    }
    for (; at < end; at++)
        crc = byte_step(crc, *at);
    return ~crc;
}

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc,
                                                                     struct bytes data)
{
    if (!data.size)
        return crc;
    const unsigned char *at = data.data, *end = at + data.size;
    uint64_t sum = ~crc;
    for (; end - at >= 8; at += 8) {
        uint64_t eight;
        memcpy(&eight, at, sizeof eight);
        sum = _mm_crc32_u64(sum, eight);
    }
    uint32_t rest = (uint32_t)sum;
    for (; at < end; at++)
        rest = _mm_crc32_u8(rest, *at);
    return ~rest;
}

uint32_t crc32c(uint32_t crc, struct bytes data)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_instruction(crc, data)
                                            : crc32c_plain(crc, data);
}
#else
uint32_t crc32c(uint32_t crc, struct bytes data)
{
    return crc32c_plain(crc, data);
}
#endif
