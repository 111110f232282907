/* SPDX-License-Identifier: Apache-2.0
 *
 * pack: msgpack without allocation. A writer into a buf, and a bounded cursor for reading: every
 * length is checked against the bytes that are left before it is believed, so a 5-byte message
 * that claims 4 G elements is an error and costs nothing. Used for the envelope; values inside are
 * carried as bytes (see common/value.h for turning them into something).
 *
 * Once a read fails the cursor stays failed and every later read gives 0 or empty: check
 * cursor_ok once at the end.
 */
#ifndef COMMON_PACK_H
#define COMMON_PACK_H

#include "common/buf.h"

enum { PACK_DEPTH_MAX = 32 };

enum pack_kind {
    PACK_NONE, /* end of the bytes, or malformed */
    PACK_NIL,
    PACK_BOOL,
    PACK_UINT,
    PACK_INT, /* negative */
    PACK_FLOAT,
    PACK_STR,
    PACK_BIN,
    PACK_ARRAY,
    PACK_MAP,
    PACK_EXT,
};

struct cursor {
    const unsigned char *at, *end;
    bool failed;
};

static inline struct cursor cursor_of(struct bytes b)
{
    const unsigned char *at = b.data;
    return (struct cursor){.at = at, .end = at ? at + b.size : at};
}

static inline bool cursor_ok(const struct cursor *c)
{
    return !c->failed;
}

static inline bool cursor_done(const struct cursor *c)
{
    return c->at == c->end;
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

enum pack_kind cursor_peek_long(const struct cursor *c);

/* Of the value that comes next. */
static inline enum pack_kind cursor_peek(const struct cursor *c)
{
    /* By the first four bits, where these say it all. */
    static const unsigned char kinds[16] = {
        PACK_UINT, PACK_UINT,  PACK_UINT, PACK_UINT, PACK_UINT, PACK_UINT, PACK_UINT, PACK_UINT,
        PACK_MAP,  PACK_ARRAY, PACK_STR,  PACK_STR,  PACK_NONE, PACK_NONE, PACK_INT,  PACK_INT};
    enum pack_kind kind =
        c->failed || c->at == c->end ? PACK_NONE : (enum pack_kind)kinds[*c->at >> 4];
    return kind ? kind : cursor_peek_long(c);
}
uint64_t cursor_uint(struct cursor *c);
int64_t cursor_int(struct cursor *c);  /* any integer that fits */
double cursor_float(struct cursor *c); /* any number */
bool cursor_bool(struct cursor *c);
struct bytes cursor_str(struct cursor *c);
struct bytes cursor_bin(struct cursor *c);
/* Number of elements (pairs, for a map): never more than the bytes left could hold. */
uint32_t cursor_array(struct cursor *c);
uint32_t cursor_map(struct cursor *c);
/* Passes over one whole value and returns its bytes; nesting beyond PACK_DEPTH_MAX fails. */
struct bytes cursor_value(struct cursor *c);
void cursor_skip(struct cursor *c);

/* Is it exactly one well-formed value? */
bool pack_valid(struct bytes value);
/* And is that an array, as arguments are? */
bool pack_valid_array(struct bytes value);
/* And will it still be one when it stands inside so many arrays and maps? */
bool pack_valid_inside(struct bytes value, unsigned levels);

void pack_nil(struct buf *b);
void pack_bool(struct buf *b, bool value);
void pack_uint(struct buf *b, uint64_t value);
void pack_int(struct buf *b, int64_t value);
void pack_float(struct buf *b, double value);
void pack_str(struct buf *b, struct bytes text);
void pack_text(struct buf *b, const char *text);
void pack_bin(struct buf *b, struct bytes data);
void pack_array(struct buf *b, uint32_t count);
void pack_map(struct buf *b, uint32_t count);

#endif
