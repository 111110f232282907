/* SPDX-License-Identifier: Apache-2.0
 *
 * field: the kinds of field of messages.def, each to bytes and from bytes. Not for those who use
 * records: record.c and again.c are made of it.
 */
#ifndef PROTO_FIELD_H
#define PROTO_FIELD_H

#include "common/bytes.h"
#include "common/pack.h"

/* The short forms, which nearly all fields have. There are too many of them for the compiler to see
 * that a call costs more than they do. */
#define SHORT static inline __attribute__((always_inline))
#define LONG  static __attribute__((noinline, unused))

enum { HEAD_BYTES = 8, NUMBER_BYTES = 9, ID_BYTES = 10, LENGTH_BYTES = 5 };

/* Is it empty? How many bytes does it take at most? */
#define EMPTY_UINT(v) ((v) == 0)
#define EMPTY_INT(v)  ((v) == 0)
#define EMPTY_ID(v)   ((v) == 0)
#define EMPTY_STR(v)  ((v).size == 0)
#define EMPTY_BIN(v)  ((v).size == 0)

#define ROOM_UINT(v) NUMBER_BYTES
#define ROOM_INT(v)  NUMBER_BYTES
#define ROOM_ID(v)   ID_BYTES
#define ROOM_STR(v)  (LENGTH_BYTES + (v).size)
#define ROOM_BIN(v)  (LENGTH_BYTES + (v).size)

LONG unsigned char *put_be(unsigned char *at, unsigned char head, uint64_t v, unsigned width)
{
    *at++ = head;
    for (unsigned i = width; i-- > 0; v >>= 8)
        at[i] = (unsigned char)v;
    return at + width;
}

/* A number has room for the longest form: eight bytes are stored, of which one to eight count. */
LONG unsigned char *put_long_uint(unsigned char *at, uint64_t v)
{
    unsigned form = v <= UINT8_MAX ? 0 : v <= UINT16_MAX ? 1 : v <= UINT32_MAX ? 2 : 3;
    uint64_t be = __builtin_bswap64(v << (64 - (8u << form)));
    *at = (unsigned char)(0xcc + form);
    memcpy(at + 1, &be, sizeof be);
    return at + 1 + (1u << form);
}

SHORT unsigned char *put_UINT(unsigned char *at, uint64_t v)
{
    if (v >= 0x80)
        return put_long_uint(at, v);
    *at = (unsigned char)v;
    return at + 1;
}

LONG unsigned char *put_INT(unsigned char *at, int64_t v)
{
    if (v >= 0)
        return put_UINT(at, (uint64_t)v);
    if (v >= -32) {
        *at = (unsigned char)v;
        return at + 1;
    }
    if (v >= INT8_MIN)
        return put_be(at, 0xd0, (uint64_t)v, 1);
    if (v >= INT16_MIN)
        return put_be(at, 0xd1, (uint64_t)v, 2);
    return v >= INT32_MIN ? put_be(at, 0xd2, (uint64_t)v, 4) : put_be(at, 0xd3, (uint64_t)v, 8);
}

SHORT unsigned char *put_ID(unsigned char *at, uint64_t id)
{
    if (!id) {
        *at = 0xc0;
        return at + 1;
    }
    at[0] = 0xc4;
    at[1] = 8;
    id = __builtin_bswap64(id);
    memcpy(at + 2, &id, 8);
    return at + ID_BYTES;
}

SHORT unsigned char *put_raw(unsigned char *at, struct bytes b)
{
    if (b.size)
        memcpy(at, b.data, b.size);
    return at + b.size;
}

/* head: of the form with one byte; those with two and four follow it. */
LONG unsigned char *put_long_size(unsigned char *at, unsigned char head, size_t size)
{
    if (size <= UINT8_MAX)
        return put_be(at, head, size, 1);
    return size <= UINT16_MAX ? put_be(at, (unsigned char)(head + 1), size, 2)
                              : put_be(at, (unsigned char)(head + 2), size, 4);
}

SHORT unsigned char *put_STR(unsigned char *at, struct bytes b)
{
    if (b.size < 32)
        *at++ = (unsigned char)(0xa0 | b.size);
    else
        at = put_long_size(at, 0xd9, b.size);
    return put_raw(at, b);
}

SHORT unsigned char *put_BIN_head(unsigned char *at, size_t size)
{
    if (size > UINT8_MAX)
        return put_long_size(at, 0xc4, size);
    *at++ = 0xc4;
    *at++ = (unsigned char)size;
    return at;
}

SHORT unsigned char *put_BIN(unsigned char *at, struct bytes b)
{
    return put_raw(put_BIN_head(at, b.size), b);
}

/* Reading: the short forms at once, the rest through the cursor. */

SHORT bool short_number(const struct cursor *c)
{
    return c->at < c->end && *c->at < 0x80;
}

LONG uint64_t get_long_uint(struct cursor *c)
{
    if (cursor_left(c) < NUMBER_BYTES || *c->at < 0xcc || *c->at > 0xcf)
        return cursor_uint(c);
    unsigned form = *c->at - 0xccu;
    uint64_t be;
    memcpy(&be, c->at + 1, sizeof be);
    c->at += 1 + (1u << form);
    return __builtin_bswap64(be) >> (64 - (8u << form));
}

SHORT uint64_t get_UINT(struct cursor *c)
{
    return short_number(c) ? *c->at++ : get_long_uint(c);
}

SHORT int64_t get_INT(struct cursor *c)
{
    return short_number(c) ? *c->at++ : cursor_int(c);
}

SHORT uint32_t get_array(struct cursor *c)
{
    return c->at < c->end && (*c->at & 0xf0) == 0x90 ? *c->at++ & 0x0f : cursor_array(c);
}

/* None, or eight bytes behind a longer header than needed. */
LONG uint64_t get_long_id(struct cursor *c)
{
    if (cursor_peek(c) == PACK_NIL) {
        cursor_skip(c);
        return 0;
    }
    struct bytes b = cursor_bin(c);
    uint64_t id = 0;
    if (b.size == 8)
        memcpy(&id, b.data, 8);
    else
        c->failed = true;
    return __builtin_bswap64(id);
}

SHORT uint64_t get_ID(struct cursor *c)
{
    if (cursor_left(c) < ID_BYTES || c->at[0] != 0xc4 || c->at[1] != 8)
        return get_long_id(c);
    uint64_t id;
    memcpy(&id, c->at + 2, 8);
    c->at += ID_BYTES;
    return __builtin_bswap64(id);
}

SHORT struct bytes get_STR(struct cursor *c)
{
    if (c->at < c->end && (*c->at & 0xe0) == 0xa0) {
        size_t size = *c->at & 0x1f;
        if (size < cursor_left(c)) {
            struct bytes b = bytes_of(c->at + 1, size);
            c->at += 1 + size;
            return b;
        }
    }
    return cursor_str(c);
}

SHORT struct bytes get_BIN(struct cursor *c)
{
    if (cursor_left(c) >= 2 && c->at[0] == 0xc4 && (size_t)c->at[1] + 2 <= cursor_left(c)) {
        struct bytes b = bytes_of(c->at + 2, c->at[1]);
        c->at += 2 + b.size;
        return b;
    }
    return cursor_bin(c);
}

#undef SHORT
#undef LONG

#endif
