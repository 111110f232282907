/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pack.h"

#include <limits.h>

static uint64_t be_get(const unsigned char *at, unsigned width)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < width; i++)
        v = v << 8 | at[i];
    return v;
}

static void be_put(unsigned char *at, uint64_t v, unsigned width)
{
    for (unsigned i = width; i-- > 0; v >>= 8)
        at[i] = (unsigned char)v;
}

/* What one header says: the kind, a number (value, length or count), and how long it was. */
struct header {
    enum pack_kind kind;
    unsigned size;
    uint64_t number;
};

/* 0xc0..0xdf: kind and width of the number that follows. Fixed-size ext carry their length. */
static const struct {
    unsigned char kind, width, fixed;
} heads[32] = {
    {PACK_NIL, 0, 0},   {PACK_NONE, 0, 0},  {PACK_BOOL, 0, 0},  {PACK_BOOL, 0, 1},
    {PACK_BIN, 1, 0},   {PACK_BIN, 2, 0},   {PACK_BIN, 4, 0},   {PACK_EXT, 1, 0},
    {PACK_EXT, 2, 0},   {PACK_EXT, 4, 0},   {PACK_FLOAT, 4, 0}, {PACK_FLOAT, 8, 0},
    {PACK_UINT, 1, 0},  {PACK_UINT, 2, 0},  {PACK_UINT, 4, 0},  {PACK_UINT, 8, 0},
    {PACK_INT, 1, 0},   {PACK_INT, 2, 0},   {PACK_INT, 4, 0},   {PACK_INT, 8, 0},
    {PACK_EXT, 0, 1},   {PACK_EXT, 0, 2},   {PACK_EXT, 0, 4},   {PACK_EXT, 0, 8},
    {PACK_EXT, 0, 16},  {PACK_STR, 1, 0},   {PACK_STR, 2, 0},   {PACK_STR, 4, 0},
    {PACK_ARRAY, 2, 0}, {PACK_ARRAY, 4, 0}, {PACK_MAP, 2, 0},   {PACK_MAP, 4, 0},
};

static uint64_t sign_extend(uint64_t v, unsigned width)
{
    unsigned shift = 64 - 8 * width;
    return (uint64_t)((int64_t)(v << shift) >> shift);
}

static inline struct header header_read(const struct cursor *c)
{
    struct header none = {.kind = PACK_NONE};
    if (c->failed || c->at == c->end)
        return none;
    unsigned first = c->at[0];
    if (first < 0x80)
        return (struct header){PACK_UINT, 1, first};
    if (first >= 0xe0)
        return (struct header){PACK_INT, 1, sign_extend(first, 1)};
    if (first < 0x90)
        return (struct header){PACK_MAP, 1, first & 0x0f};
    if (first < 0xa0)
        return (struct header){PACK_ARRAY, 1, first & 0x0f};
    if (first < 0xc0)
        return (struct header){PACK_STR, 1, first & 0x1f};
    unsigned width = heads[first - 0xc0].width;
    if (cursor_left(c) < 1u + width)
        return none;
    struct header h = {.kind = (enum pack_kind)heads[first - 0xc0].kind, .size = 1 + width};
    h.number = width ? be_get(c->at + 1, width) : heads[first - 0xc0].fixed;
    if (h.kind == PACK_INT) {
        h.number = sign_extend(h.number, width);
        if ((int64_t)h.number >= 0)
            h.kind = PACK_UINT;
    }
    return h;
}

/* Is what the header claims there, as far as that can be seen? left: the bytes behind it. */
static inline bool header_fits(const struct header *h, size_t left)
{
    switch (h->kind) {
    case PACK_NONE: return false;
    case PACK_STR:
    case PACK_BIN:
    case PACK_ARRAY: return h->number <= left;
    case PACK_EXT: return h->number < left; /* one byte of type before the data */
    case PACK_MAP: return h->number <= left / 2;
    default: return true;
    }
}

/* Takes the header when it is of that kind and what it claims can be there. */
static inline struct header header_take(struct cursor *c, enum pack_kind kind)
{
    struct header h = header_read(c);
    if (h.kind != kind || !header_fits(&h, cursor_left(c) - h.size)) {
        c->failed = true;
        return (struct header){.kind = PACK_NONE};
    }
    c->at += h.size;
    return h;
}

enum pack_kind cursor_peek_long(const struct cursor *c)
{
    if (!c->failed && c->at != c->end && *c->at == 0xc0) /* what most jobs answer */
        return PACK_NIL;
    return header_read(c).kind;
}

uint64_t cursor_uint(struct cursor *c)
{
    return header_take(c, PACK_UINT).number;
}

int64_t cursor_int(struct cursor *c)
{
    struct header h = header_read(c);
    if (h.kind != PACK_INT && (h.kind != PACK_UINT || h.number > INT64_MAX)) {
        c->failed = true;
        return 0;
    }
    c->at += h.size;
    return (int64_t)h.number;
}

double cursor_float(struct cursor *c)
{
    switch (cursor_peek(c)) {
    case PACK_UINT: return (double)cursor_uint(c);
    case PACK_INT: return (double)cursor_int(c);
    default: break;
    }
    struct header h = header_take(c, PACK_FLOAT);
    if (c->failed)
        return 0;
    if (h.size == 5) {
        uint32_t bits = (uint32_t)h.number;
        float f;
        memcpy(&f, &bits, sizeof f);
        return (double)f;
    }
    double d;
    memcpy(&d, &h.number, sizeof d);
    return d;
}

bool cursor_bool(struct cursor *c)
{
    return header_take(c, PACK_BOOL).number != 0;
}

static struct bytes cursor_run(struct cursor *c, enum pack_kind kind)
{
    struct header h = header_take(c, kind);
    struct bytes b = bytes_of(c->at, (size_t)h.number);
    c->at += h.number;
    return b;
}

struct bytes cursor_str(struct cursor *c)
{
    return cursor_run(c, PACK_STR);
}

struct bytes cursor_bin(struct cursor *c)
{
    return cursor_run(c, PACK_BIN);
}

uint32_t cursor_array(struct cursor *c)
{
    return (uint32_t)header_take(c, PACK_ARRAY).number;
}

uint32_t cursor_map(struct cursor *c)
{
    return (uint32_t)header_take(c, PACK_MAP).number;
}

/* Passes over a value up to those inside of it; how many there are. */
static inline uint64_t skip_outer(struct cursor *c)
{
    struct header h = header_read(c);
    if (!header_fits(&h, cursor_left(c) - h.size)) {
        c->failed = true;
        return 0;
    }
    c->at += h.size;
    switch (h.kind) {
    case PACK_STR:
    case PACK_BIN: c->at += h.number; return 0;
    case PACK_EXT: c->at += h.number + 1; return 0;
    case PACK_ARRAY: return h.number;
    case PACK_MAP: return h.number * 2;
    default: return 0;
    }
}

/* Iterative: `open[d]` counts the values still missing at depth d, so a hostile nest costs neither
 * stack nor time beyond its own bytes. Most values have none inside. */
static void skip(struct cursor *c, unsigned depth_max)
{
    uint64_t open[PACK_DEPTH_MAX], inner = skip_outer(c);
    for (unsigned depth = 0;; inner = skip_outer(c)) {
        if (inner && depth + 1 >= depth_max)
            c->failed = true;
        else if (inner)
            open[depth++] = inner;
        while (depth && open[depth - 1] == 0)
            depth--;
        if (!depth || c->failed)
            return;
        open[depth - 1]--;
    }
}

void cursor_skip(struct cursor *c)
{
    skip(c, PACK_DEPTH_MAX);
}

struct bytes cursor_value(struct cursor *c)
{
    const unsigned char *from = c->at;
    cursor_skip(c);
    return c->failed ? bytes_of(NULL, 0) : bytes_of(from, (size_t)(c->at - from));
}

/* Of what is one byte, or a short text: how many bytes it takes. 0: its header has to be read. */
static inline size_t short_size(unsigned char first)
{
    if ((first & 0xe0) == 0xa0)
        return 1u + (first & 0x1fu);
    return first < 0x80 || first >= 0xe0 || first == 0xc0;
}

/* Is it a short value, as most results are, or a few in an array, as most arguments? That is seen
 * in one pass. */
static bool is_plain(struct bytes value)
{
    const unsigned char *at = value.data;
    if (value.size == 0)
        return false;
    const unsigned char *end = at + value.size;
    unsigned missing = (*at & 0xf0) == 0x90 ? *at++ & 0x0f : 1;
    for (; missing; missing--) {
        size_t size = at < end ? short_size(*at) : 0;
        if (size == 0 || size > (size_t)(end - at))
            return false;
        at += size;
    }
    return at == end;
}

bool pack_valid(struct bytes value)
{
    if (is_plain(value))
        return true;
    struct cursor c = cursor_of(value);
    cursor_skip(&c);
    return cursor_ok(&c) && cursor_done(&c);
}

bool pack_valid_array(struct bytes value)
{
    const unsigned char *at = value.data;
    return value.size && ((*at & 0xf0) == 0x90 || *at == 0xdc || *at == 0xdd) && pack_valid(value);
}

bool pack_valid_inside(struct bytes value, unsigned levels)
{
    struct cursor c = cursor_of(value);
    skip(&c, levels < PACK_DEPTH_MAX ? PACK_DEPTH_MAX - levels : 0);
    return cursor_ok(&c) && cursor_done(&c);
}

static void put_head(struct buf *b, unsigned char head, uint64_t number, unsigned width)
{
    unsigned char *at = buf_extend(b, 1 + width);
    at[0] = head;
    be_put(at + 1, number, width);
}

void pack_nil(struct buf *b)
{
    put_head(b, 0xc0, 0, 0);
}

void pack_bool(struct buf *b, bool value)
{
    put_head(b, value ? 0xc3 : 0xc2, 0, 0);
}

void pack_uint(struct buf *b, uint64_t v)
{
    if (v < 0x80)
        put_head(b, (unsigned char)v, 0, 0);
    else if (v <= UINT8_MAX)
        put_head(b, 0xcc, v, 1);
    else if (v <= UINT16_MAX)
        put_head(b, 0xcd, v, 2);
    else if (v <= UINT32_MAX)
        put_head(b, 0xce, v, 4);
    else
        put_head(b, 0xcf, v, 8);
}

void pack_int(struct buf *b, int64_t v)
{
    if (v >= 0)
        pack_uint(b, (uint64_t)v);
    else if (v >= -32)
        put_head(b, (unsigned char)v, 0, 0);
    else if (v >= INT8_MIN)
        put_head(b, 0xd0, (uint64_t)v, 1);
    else if (v >= INT16_MIN)
        put_head(b, 0xd1, (uint64_t)v, 2);
    else if (v >= INT32_MIN)
        put_head(b, 0xd2, (uint64_t)v, 4);
    else
        put_head(b, 0xd3, (uint64_t)v, 8);
}

void pack_float(struct buf *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_head(b, 0xcb, bits, 8);
}

void pack_str(struct buf *b, struct bytes text)
{
    if (text.size < 32)
        put_head(b, (unsigned char)(0xa0 | text.size), 0, 0);
    else if (text.size <= UINT8_MAX)
        put_head(b, 0xd9, text.size, 1);
    else if (text.size <= UINT16_MAX)
        put_head(b, 0xda, text.size, 2);
    else
        put_head(b, 0xdb, text.size, 4);
    buf_put(b, text.data, text.size);
}

void pack_text(struct buf *b, const char *text)
{
    pack_str(b, bytes_text(text));
}

void pack_bin(struct buf *b, struct bytes data)
{
    if (data.size <= UINT8_MAX)
        put_head(b, 0xc4, data.size, 1);
    else if (data.size <= UINT16_MAX)
        put_head(b, 0xc5, data.size, 2);
    else
        put_head(b, 0xc6, data.size, 4);
    buf_put(b, data.data, data.size);
}

void pack_array(struct buf *b, uint32_t count)
{
    if (count < 16)
        put_head(b, (unsigned char)(0x90 | count), 0, 0);
    else if (count <= UINT16_MAX)
        put_head(b, 0xdc, count, 2);
    else
        put_head(b, 0xdd, count, 4);
}

void pack_map(struct buf *b, uint32_t count)
{
    if (count < 16)
        put_head(b, (unsigned char)(0x80 | count), 0, 0);
    else if (count <= UINT16_MAX)
        put_head(b, 0xde, count, 2);
    else
        put_head(b, 0xdf, count, 4);
}
