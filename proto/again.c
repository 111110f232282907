/* SPDX-License-Identifier: Apache-2.0
 *
 * Of a row there are the record with which it began, whose fields stay the same, and of the one
 * before what moves. So a look at the fields says whether another one goes on with the row, and
 * nothing is packed to find that out.
 */
#include "proto/again.h"

#include "proto/field.h"

enum {
    NONE = 0xff,                                  /* it has no such field */
    BRIEF_ROOM = 2 + LENGTH_BYTES + NUMBER_BYTES, /* of the short form, but for its value */
};

/* All that looks at a shape is made for each of them: what it has not costs nothing. */
#define EACH static inline __attribute__((always_inline))

/* They are some bytes, or few words: a call would take longer than the look. The last word may lie
 * over the one before. */
EACH bool same(struct bytes a, struct bytes b)
{
    enum { WORD = sizeof(uint64_t) };
    const unsigned char *at = a.data, *to = b.data;
    uint64_t v, w;
    if (a.size != b.size)
        return false;
    if (!a.size || at == to)
        return true;
    if (a.size < WORD / 2) {
        for (size_t i = 0; i < a.size; i++)
            if (at[i] != to[i])
                return false;
        return true;
    }
    if (a.size < WORD) {
        uint32_t x, y, x_last, y_last;
        memcpy(&x, at, sizeof x);
        memcpy(&y, to, sizeof y);
        memcpy(&x_last, at + a.size - sizeof x, sizeof x);
        memcpy(&y_last, to + a.size - sizeof y, sizeof y);
        return x == y && x_last == y_last;
    }
    for (size_t i = 0;; i += WORD) {
        if (i + WORD > a.size)
            i = a.size - WORD;
        memcpy(&v, at + i, WORD);
        memcpy(&w, to + i, WORD);
        if (v != w)
            return false;
        if (i + WORD == a.size)
            return true;
    }
}

/* What differs in a row of such records, by its place in the struct. */
struct shape {
    enum record_type type;
    uint8_t number, id, value, run_us;
    bool args; /* its value is arguments, mostly others than those before */
};

#define AT(name, field) offsetof(struct msg_##name, field)

static const struct shape lease_shape = {.type = REC_lease,
                                         .number = NONE,
                                         .id = AT(lease, id),
                                         .value = AT(lease, args),
                                         .run_us = NONE,
                                         .args = true};
static const struct shape result_shape = {.type = REC_result,
                                          .number = AT(result, number),
                                          .id = AT(result, id),
                                          .value = AT(result, value),
                                          .run_us = AT(result, run_us)};
static const struct shape ended_shape = {.type = REC_ended,
                                         .number = AT(ended, number),
                                         .id = AT(ended, id),
                                         .value = AT(ended, value),
                                         .run_us = AT(ended, run_us)};

EACH bool moves(const struct shape *s, size_t at)
{
    return at == s->number || at == s->id || at == s->value || at == s->run_us;
}

/* like_NAME: are the fields that stay in a row the same? */
#define SAME_UINT(a, b) ((a) == (b))
#define SAME_INT(a, b)  ((a) == (b))
#define SAME_ID(a, b)   ((a) == (b))
#define SAME_STR(a, b)  same(a, b)
#define SAME_BIN(a, b)  same(a, b)

#define RECORD(name, number, required)                                                             \
    __attribute__((unused)) EACH bool like_##name(                                                 \
        const struct shape *s, const struct msg_##name *a, const struct msg_##name *b)             \
    {                                                                                              \
        (void)s, (void)a, (void)b;                                                                 \
        return true
#define FIELD(record, kind, name) &&(moves(s, AT(record, name)) || SAME_##kind(a->name, b->name))
#define END(record)                                                                                \
    ;                                                                                              \
    }
#include "proto/messages.def"

struct moving {
    uint64_t number, id, run_us;
    struct bytes value;
};

EACH uint64_t uint_at(const void *m, uint8_t at)
{
    return at == NONE ? 0 : *(const uint64_t *)((const char *)m + at);
}

EACH struct moving moving_of(const struct shape *s, const void *m)
{
    return (struct moving){.number = uint_at(m, s->number),
                           .id = uint_at(m, s->id),
                           .run_us = uint_at(m, s->run_us),
                           .value = *(const struct bytes *)((const char *)m + s->value)};
}

static void value_keep(struct again *a, struct bytes value)
{
    bytes_copy(a->value_bytes, value);
    a->value_size = (uint16_t)value.size;
}

/* Many a row has one record only: what it says is read when another one seems to come. */
static void learn(struct again *a, const struct shape *s)
{
    struct cursor c = cursor_of(bytes_of(a->first, a->size));
    must(record_get(&c, &a->last) == OK);
    value_keep(a, moving_of(s, &a->last.lease).value);
    a->known = true;
}

/* Does it come next, as far as what moves in a row can say? */
EACH bool near(struct again *a, const struct shape *s, const struct moving *v)
{
    if (a->type != s->type || v->id != a->id + 1 || !v->id)
        return false;
    if (s->number != NONE && (v->number != a->number + 1 || !v->number))
        return false;
    if (!a->known)
        learn(a, s);
    return v->value.size <= a->value_room && (v->value.size || (!a->value_size && !s->args));
}

EACH unsigned char *value_put(unsigned char *at, struct bytes value)
{
    at = put_BIN_head(at, value.size);
    bytes_copy(at, value);
    return at + value.size;
}

EACH unsigned char *brief_put(struct again *a, const struct shape *s, unsigned char *at,
                              const struct moving *v)
{
    bool given = s->args || !same(v->value, bytes_of(a->value_bytes, a->value_size));
    struct bytes value = given ? v->value : bytes_of(NULL, 0);
    *at++ = v->run_us ? 0x93 : given ? 0x92 : 0x91;
    *at++ = REC_again;
    if (given || v->run_us)
        at = value_put(at, value);
    if (v->run_us)
        at = put_UINT(at, v->run_us);
    if (given && !s->args)
        value_keep(a, value);
    a->mark++;
    a->number = v->number;
    a->id = v->id;
    return at;
}

/* It follows no other: a row may begin with it. */
static void begin(struct again *a, const struct shape *s, struct moving v, struct bytes record)
{
    a->mark++;
    a->number = v.number;
    a->id = v.id;
    a->type = v.id && record.size <= AGAIN_BYTES_MAX ? (uint8_t)s->type : REC_NONE;
    a->known = false;
    if (!a->type)
        return;
    memcpy(a->first, record.data, record.size);
    a->size = (uint16_t)record.size;
    a->value_size = (uint16_t)v.value.size;
    a->value_room = (uint16_t)(AGAIN_BYTES_MAX - a->size + a->value_size);
}

#define PUT(name)                                                                                  \
    EACH uint32_t brief_##name(struct again *a, struct buf *out, const struct msg_##name *m,       \
                               const struct moving *v)                                             \
    {                                                                                              \
        if (!near(a, &name##_shape, v) || !like_##name(&name##_shape, &a->last.name, m))           \
            return 0;                                                                              \
        unsigned char *at = buf_extend(out, BRIEF_ROOM + v->value.size),                           \
                      *end = brief_put(a, &name##_shape, at, v);                                   \
        out->size = (size_t)(end - out->data);                                                     \
        return (uint32_t)(end - at);                                                               \
    }                                                                                              \
                                                                                                   \
    struct said again_put_##name(struct again *a, struct buf *out, const struct msg_##name *m)     \
    {                                                                                              \
        struct moving v = moving_of(&name##_shape, m);                                             \
        uint32_t brief = brief_##name(a, out, m, &v);                                              \
        size_t from = out->size;                                                                   \
        put_##name(out, m);                                                                        \
        if (!brief)                                                                                \
            begin(a, &name##_shape, v, bytes_of(out->data + from, out->size - from));              \
        return (struct said){.mark = a->mark, .brief = brief};                                     \
    }                                                                                              \
                                                                                                   \
    uint32_t again_brief_##name(struct again *a, struct buf *out, const struct msg_##name *m)      \
    {                                                                                              \
        struct moving v = moving_of(&name##_shape, m);                                             \
        return brief_##name(a, out, m, &v);                                                        \
    }

PUT(lease)
PUT(result)
PUT(ended)

void again_put_args(struct buf *out, struct bytes args)
{
    unsigned char *at = buf_extend(out, BRIEF_ROOM + args.size);
    *at++ = 0x92;
    *at++ = REC_again;
    at = put_BIN(at, args);
    out->size = (size_t)(at - out->data);
}

struct said again_put(struct again *a, struct buf *out, const struct record *r)
{
    switch (r->type) {
    case REC_lease: return again_put_lease(a, out, &r->lease);
    case REC_result: return again_put_result(a, out, &r->result);
    case REC_ended: return again_put_ended(a, out, &r->ended);
    default: break;
    }
    record_put(out, r);
    return (struct said){0};
}
