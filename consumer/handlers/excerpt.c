/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/excerpt.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/pack.h"
#include "common/utf8.h"

struct excerpt excerpt_text(struct bytes text)
{
    static const char more[] = "...\"";
    struct excerpt e = {.text = "\""};
    const unsigned char *at = text.data, *end = at + text.size;
    size_t size = 1;
    while (at < end) {
        const unsigned char *from = at;
        uint32_t c = utf8_next(&at, end);
        size_t bytes = (size_t)(at - from);
        if (size + bytes + sizeof more > EXCERPT_SIZE) {
            memcpy(e.text + size, more, sizeof more);
            return e;
        }
        if (c < 0x20 || c == 0x7f || (c == UTF8_INVALID && bytes == 1))
            e.text[size] = '?';
        else
            memcpy(e.text + size, from, bytes);
        size += bytes;
    }
    memcpy(e.text + size, "\"", 2);
    return e;
}

struct excerpt excerpt_of(struct bytes value)
{
    struct excerpt e = {"nothing"};
    struct cursor c = cursor_of(value);
    switch (cursor_peek(&c)) {
    case PACK_NIL: return (struct excerpt){"null"};
    case PACK_BOOL: return cursor_bool(&c) ? (struct excerpt){"true"} : (struct excerpt){"false"};
    case PACK_UINT: snprintf(e.text, sizeof e.text, "%" PRIu64, cursor_uint(&c)); return e;
    case PACK_INT: snprintf(e.text, sizeof e.text, "%" PRId64, cursor_int(&c)); return e;
    case PACK_FLOAT: snprintf(e.text, sizeof e.text, "%.15g", cursor_float(&c)); return e;
    case PACK_STR: return excerpt_text(cursor_str(&c));
    case PACK_BIN: return (struct excerpt){"binary data"};
    case PACK_ARRAY: return (struct excerpt){"a list"};
    case PACK_MAP: return (struct excerpt){"a map"};
    case PACK_EXT: return (struct excerpt){"an extension value"};
    case PACK_NONE: break;
    }
    return e;
}
