/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/excerpt.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/pack.h"

struct excerpt excerpt_text(struct bytes text)
{
    static const char more[] = "...\"";
    struct excerpt e;
    const unsigned char *at = text.data;
    size_t room = EXCERPT_SIZE - sizeof more - 1;
    size_t size = text.size < room ? text.size : room;
    /* A continuation byte behind the cut means that the cut is inside a character. */
    while (size < text.size && size > 0 && (at[size] & 0xc0) == 0x80)
        size--;
    e.text[0] = '"';
    for (size_t i = 0; i < size; i++)
        e.text[i + 1] = at[i] < 0x20 || at[i] == 0x7f ? '?' : (char)at[i];
    memcpy(e.text + size + 1, size < text.size ? more : "\"", size < text.size ? sizeof more : 2);
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
