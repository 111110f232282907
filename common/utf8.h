/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8: reading UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Header only.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include "common/bytes.h"

enum { UTF8_INVALID = 0xfffd };

/* The character at *at, which must be before end; moves *at behind it. A byte that begins no
 * character reads as UTF8_INVALID and is passed over alone. */
static inline uint32_t utf8_next(const unsigned char **at, const unsigned char *end)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = *at;
    uint32_t c = *p++;
    unsigned more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    *at = p;
    if (!more)
        return c;
    if (c >= 0xc2 && c < 0xe0 && p < end &&
        (*p & 0xc0) == 0x80) { /* two bytes: nothing else to see */
        *at = p + 1;
        return (c & 0x1f) << 6 | (*p & 0x3f);
    }
    if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < more)
        return UTF8_INVALID;
    c &= 0x3fu >> more;
    for (unsigned i = 0; i < more; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return UTF8_INVALID;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return UTF8_INVALID;
    *at = p + more;
    return c;
}

static inline bool utf8_valid(struct bytes text)
{
    const unsigned char *at = text.data, *end = at + text.size;
    while (at < end) {
        const unsigned char *before = at;
        /* U+FFFD itself is valid, and three bytes long. */
        if (utf8_next(&at, end) == UTF8_INVALID && at - before != 3)
            return false;
    }
    return true;
}

#endif
