/* SPDX-License-Identifier: Apache-2.0
 *
 * messages.def is read four times here: for the table of names, for how long a record will be, for
 * writing it and for reading it. So the directions cannot disagree, and each record gets straight
 * code of its own: every job passes through half a dozen of them.
 */
#include "proto/record.h"

/* --- the table -------------------------------------------------------------------------------- */

static const struct layout {
    const char *name;
    unsigned required;
} layouts[REC_TYPES] = {
#define RECORD(name, number, required) [number] = {#name, required},
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"
};

const char *record_name(unsigned type)
{
    return type < REC_TYPES && layouts[type].name ? layouts[type].name : "unknown";
}

/* --- the kinds of field: empty? how long at most? to bytes, from bytes ------------------------ */

/* The short forms, which nearly all fields have. There are too many of them for the compiler to see
 * that a call costs more than they do. */
#define SHORT static inline __attribute__((always_inline))

enum { HEAD_BYTES = 8, NUMBER_BYTES = 9, ID_BYTES = 10, LENGTH_BYTES = 5 };

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

static unsigned char *put_be(unsigned char *at, unsigned char head, uint64_t v, unsigned width)
{
    *at++ = head;
    for (unsigned i = width; i-- > 0; v >>= 8)
        at[i] = (unsigned char)v;
    return at + width;
}

/* A number has room for the longest form: eight bytes are stored, of which one to eight count. */
static unsigned char *put_long_uint(unsigned char *at, uint64_t v)
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

static unsigned char *put_INT(unsigned char *at, int64_t v)
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
static unsigned char *put_long_size(unsigned char *at, unsigned char head, size_t size)
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

SHORT unsigned char *put_BIN(unsigned char *at, struct bytes b)
{
    if (b.size <= UINT8_MAX) {
        *at++ = 0xc4;
        *at++ = (unsigned char)b.size;
    } else {
        at = put_long_size(at, 0xc4, b.size);
    }
    return put_raw(at, b);
}

/* Reading: the short forms at once, the rest through the cursor. */

SHORT bool short_number(const struct cursor *c)
{
    return c->at < c->end && *c->at < 0x80;
}

static uint64_t get_long_uint(struct cursor *c)
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
static uint64_t get_long_id(struct cursor *c)
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

/* --- writing ---------------------------------------------------------------------------------- */

/* How many fields are written: those at the end that are empty may be left out. */
#define RECORD(name, number, required)                                                             \
    static unsigned name##_used(const struct msg_##name *m)                                        \
    {                                                                                              \
        unsigned used = required, field = 0;                                                       \
        (void)m, (void)field;
#define FIELD(record, kind, name)                                                                  \
    field++;                                                                                       \
    used = EMPTY_##kind(m->name) || field < used ? used : field;
#define END(record)                                                                                \
    return used;                                                                                   \
    }
#include "proto/messages.def"

/* Bytes a record takes at most. */
#define RECORD(name, number, required)                                                             \
    static size_t name##_room(const struct msg_##name *m)                                          \
    {                                                                                              \
        (void)m;                                                                                   \
        return HEAD_BYTES
#define FIELD(record, kind, name) +ROOM_##kind(m->name)
#define END(record)                                                                                \
    ;                                                                                              \
    }
#include "proto/messages.def"

#define RECORD(name, number, required)                                                             \
    static unsigned char *name##_write(unsigned char *at, const struct msg_##name *m,              \
                                       unsigned used)                                              \
    {                                                                                              \
        unsigned field = 0;                                                                        \
        (void)m, (void)field, (void)used;
#define FIELD(record, kind, name)                                                                  \
    if (field++ == used)                                                                           \
        return at;                                                                                 \
    at = put_##kind(at, m->name);
#define END(record)                                                                                \
    return at;                                                                                     \
    }
#include "proto/messages.def"

static unsigned char *put_head(unsigned char *at, unsigned type, unsigned fields)
{
    if (fields + 1 < 16)
        *at++ = (unsigned char)(0x90 | (fields + 1));
    else
        at = put_be(at, 0xdc, fields + 1, 2);
    return put_UINT(at, type);
}

#define RECORD(name, number, required)                                                             \
    void put_##name(struct buf *out, const struct msg_##name *m)                                   \
    {                                                                                              \
        unsigned used = name##_used(m);                                                            \
        size_t room = name##_room(m), before = out->size;                                          \
        unsigned char *at = put_head(buf_extend(out, room), number, used);                         \
        at = name##_write(at, m, used);                                                            \
        out->size = (size_t)(at - out->data);                                                      \
        must(out->size - before <= room);                                                          \
    }
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"

void record_put(struct buf *out, const struct record *r)
{
    switch (r->type) {
#define RECORD(name, number, required)                                                             \
    case REC_##name:                                                                               \
        put_##name(out, &r->name);                                                                 \
        break;
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"
    default: must(false && "a record of the list");
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

#define RECORD(name, number, required)                                                             \
    static unsigned name##_read(struct cursor *c, struct msg_##name *m, uint32_t given)            \
    {                                                                                              \
        unsigned field = 0;                                                                        \
        (void)c, (void)given;                                                                      \
        memset(m, 0, sizeof *m);
#define FIELD(record, kind, name)                                                                  \
    if (field == given)                                                                            \
        return field;                                                                              \
    m->name = get_##kind(c);                                                                       \
    field++;
#define END(record)                                                                                \
    return field;                                                                                  \
    }
#include "proto/messages.def"

enum err record_get(struct cursor *c, struct record *out)
{
    uint32_t count = get_array(c);
    uint64_t type = get_UINT(c);
    if (!cursor_ok(c) || count == 0)
        return ERR_MALFORMED;
    uint32_t given = count - 1;
    unsigned read = 0;
    if (type < REC_TYPES && given < layouts[type].required)
        return ERR_MALFORMED;
    out->type = REC_NONE;
    switch (type) {
#define RECORD(name, number, required)                                                             \
    case number:                                                                                   \
        out->type = REC_##name;                                                                    \
        read = name##_read(c, &out->name, given);                                                  \
        break;
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"
    default: break;
    }
    for (; read < given && cursor_ok(c); read++)
        cursor_skip(c); /* what a newer peer says beyond what we know */
    return cursor_ok(c) ? OK : ERR_MALFORMED;
}

const char *worker_state_name(unsigned state)
{
    switch (state) {
#define X(name, number, text)                                                                      \
    case number: return text;
        WORKER_STATES_LIST(X)
#undef X
    default: return "unknown";
    }
}

const char *broker_state_name(unsigned state)
{
    switch (state) {
#define X(name, number, text)                                                                      \
    case number: return text;
        BROKER_STATES_LIST(X)
#undef X
    default: return "unknown";
    }
}

const char *slot_state_name(unsigned state)
{
    switch (state) {
#define X(name, number, text)                                                                      \
    case number: return text;
        SLOT_STATES_LIST(X)
#undef X
    default: return "unknown";
    }
}

bool queue_name_valid(struct bytes name)
{
    const char *at = name.data;
    size_t dots = 0;
    if (name.size < 3 || name.size > QUEUE_NAME_MAX || at[0] == '.' || at[name.size - 1] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
        dots += c == '.';
        if (!word && c != '.')
            return false;
    }
    return dots > 0;
}

bool progress_valid(struct bytes map)
{
    enum { LEVELS = 4 }; /* arrays and maps around it where it is shown */
    struct cursor c = cursor_of(map);
    if (map.size > PROGRESS_BYTES_MAX || cursor_peek(&c) != PACK_MAP ||
        !pack_valid_inside(map, LEVELS))
        return false;
    for (uint32_t pairs = cursor_map(&c); pairs; pairs--) {
        if (cursor_peek(&c) != PACK_STR)
            return false;
        cursor_skip(&c);
        cursor_skip(&c);
    }
    return true;
}
