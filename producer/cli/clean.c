/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/clean.h"

#include "common/must.h"
#include "common/utf8.h"

/* Controls of both kinds, ends of lines, and marks that nobody sees: of direction, of width 0. */
static bool is_shown(uint32_t c)
{
    static const uint32_t hidden[][2] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                                         {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                                         {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
    for (size_t i = 0; i < LENGTH(hidden); i++)
        if (c >= hidden[i][0] && c <= hidden[i][1])
            return false;
    return true;
}

void clean_put(struct buf *out, struct bytes text)
{
    const unsigned char *at = text.data, *end = at + text.size;
    while (text.size && at < end) {
        const unsigned char *before = at;
        uint32_t c = utf8_next(&at, end);
        /* U+FFFD itself is three bytes long; read of a single byte it says that it is none. */
        bool broken = c == UTF8_INVALID && at - before != 3;
        if (broken || !is_shown(c))
            buf_put(out, "?", 1);
        else
            buf_put(out, before, (size_t)(at - before));
    }
}
