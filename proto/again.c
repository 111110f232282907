/* SPDX-License-Identifier: Apache-2.0
 *
 * Of a row there are the fields that stay the same, to compare with, and the bytes of one of its
 * records. Where a whole one is wanted, what differs is written over in these bytes; one whose
 * number or value takes more or fewer of them is packed anew.
 */
#include "proto/again.h"

#include "proto/field.h"

enum {
    FIRST = 2,   /* bytes before the fields: how many there are, and the type */
    NONE = 0xff, /* it has no such field */
    BRIEF_ROOM = FIRST + LENGTH_BYTES + NUMBER_BYTES,
};

/* Of bytes in which a record lies, from run_us on. */
enum tail {
    TAIL_FIXED, /* run_us stays what it is */
    TAIL_TIMED, /* it is the last field, and there */
    TAIL_OPEN,  /* it is the last field, and may be left out */
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
    uint8_t run_field; /* how many fields there are up to it */
    bool args;         /* its value is arguments, mostly others than those before */
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
                                          .run_us = AT(result, run_us),
                                          .run_field = 6};
static const struct shape ended_shape = {.type = REC_ended,
                                         .number = AT(ended, number),
                                         .id = AT(ended, id),
                                         .value = AT(ended, value),
                                         .run_us = AT(ended, run_us),
                                         .run_field = 6};

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

/* --- the bytes of the record before ----------------------------------------------------------- */

static unsigned bytes_of_number(uint64_t v)
{
    return v < 0x80          ? 1
           : v <= UINT8_MAX  ? 2
           : v <= UINT16_MAX ? 3
           : v <= UINT32_MAX ? 5
                             : NUMBER_BYTES;
}

static unsigned used(const struct again *a)
{
    return (a->whole[0] & 0x0fu) - 1;
}

/* What was packed is to be written over from now on. */
static void tail_learn(struct again *a, unsigned run_field, uint64_t run_us)
{
    a->run_us = run_us;
    a->run_at = (uint16_t)(a->size - (run_us ? bytes_of_number(run_us) : 0));
    if (!run_field || used(a) > run_field || used(a) + 1u < run_field)
        a->tail = TAIL_FIXED;
    else if (used(a) < run_field)
        a->tail = TAIL_OPEN;
    else if (a->tail != TAIL_OPEN)
        a->tail = TAIL_TIMED;
}

static void value_keep(struct again *a, struct bytes value)
{
    bytes_copy(a->value_bytes, value);
    a->value_size = (uint16_t)value.size;
}

/* What lies behind the number lies where that leaves it. */
static void number_learn(struct again *a, const struct shape *s, uint64_t number)
{
    unsigned size = s->number == NONE ? 0 : bytes_of_number(number), id_at = FIRST + size;
    a->number_most = size > 1 ? UINT64_MAX >> (8 * (NUMBER_BYTES - size)) : 0x7f;
    a->value_at = (uint16_t)(a->value_at + id_at - a->id_at);
    a->id_at = (uint16_t)id_at;
}

/* Where things lie in `whole`. False: it has no place for a value. */
static bool learn(struct again *a, const struct shape *s)
{
    struct cursor c = cursor_of(bytes_of(a->first, a->size));
    memcpy(a->first, a->whole, a->size);
    must(record_get(&c, &a->last) == OK);
    struct moving v = moving_of(s, &a->last.lease);
    if (!v.value.data)
        return false;
    number_learn(a, s, v.number);
    a->value_at = (uint16_t)((const unsigned char *)v.value.data - a->first);
    a->tail = TAIL_FIXED;
    tail_learn(a, s->run_field, v.run_us);
    value_keep(a, v.value);
    return a->known = true;
}

EACH bool run_put(struct again *a, const struct shape *s, uint64_t run_us)
{
    if (s->run_us == NONE || run_us == a->run_us)
        return true;
    if (a->tail == TAIL_FIXED || (a->tail == TAIL_TIMED && !run_us))
        return false;
    unsigned char *at = a->whole + a->run_at;
    if (run_us)
        at = put_UINT(at, run_us);
    a->whole[0] = (unsigned char)(0x90 | (s->run_field + (run_us != 0)));
    a->size = (uint16_t)(at - a->whole);
    a->run_us = run_us;
    return true;
}

/* False: it is to be packed anew. */
EACH bool write_over(struct again *a, const struct shape *s, const struct moving *v)
{
    if (v->number > a->number_most || v->value.size != a->packed_size || !run_put(a, s, v->run_us))
        return false;
    if (s->number != NONE)
        put_UINT(a->whole + FIRST, v->number); /* may reach into the id, which comes next */
    put_ID(a->whole + a->id_at, v->id);
    if (a->stale)
        bytes_copy(a->whole + a->value_at, v->value);
    a->stale = false;
    return true;
}

/* --- both forms ------------------------------------------------------------------------------- */

/* Does it come next, as far as what differs in a row can say? */
EACH bool near(struct again *a, const struct shape *s, const struct moving *v)
{
    if (a->type != s->type || v->id != a->id + 1 || !v->id)
        return false;
    if (s->number != NONE && (v->number != a->number + 1 || !v->number))
        return false;
    if (!a->known && !learn(a, s))
        return false;
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
    a->stale |= given;
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

/* It was packed: a row may begin with it, or goes on. */
static void packed(struct again *a, const struct shape *s, struct moving v, bool goes_on,
                   struct bytes record)
{
    const unsigned char *at = record.data;
    bool small = record.size <= AGAIN_BYTES_MAX && (at[0] & 0xf0) == 0x90;
    a->mark += !goes_on;
    a->number = v.number;
    a->id = v.id;
    a->type = small && v.id ? (uint8_t)s->type : REC_NONE;
    a->known = goes_on;
    if (!a->type)
        return;
    memcpy(a->whole, record.data, record.size);
    a->size = (uint16_t)record.size;
    a->packed_size = (uint16_t)v.value.size;
    a->value_room = (uint16_t)(AGAIN_BYTES_MAX - a->size + a->packed_size);
    a->stale = false;
    if (goes_on) {
        number_learn(a, s, v.number);
        tail_learn(a, s->run_field, v.run_us);
    } else {
        a->value_size = a->packed_size;
    }
}

#define PUT(name)                                                                                  \
    EACH bool follows_##name(struct again *a, const struct msg_##name *m, const struct moving *v)  \
    {                                                                                              \
        return near(a, &name##_shape, v) && like_##name(&name##_shape, &a->last.name, m);          \
    }                                                                                              \
                                                                                                   \
    EACH uint32_t brief_##name(struct again *a, struct buf *out, const struct msg_##name *m,       \
                               const struct moving *v)                                             \
    {                                                                                              \
        if (!follows_##name(a, m, v))                                                              \
            return 0;                                                                              \
        unsigned char *at = buf_extend(out, BRIEF_ROOM + v->value.size),                           \
                      *end = brief_put(a, &name##_shape, at, v);                                   \
        out->size = (size_t)(end - out->data);                                                     \
        return (uint32_t)(end - at);                                                               \
    }                                                                                              \
                                                                                                   \
    static __attribute__((noinline)) void pack_##name(struct again *a, struct buf *out,            \
                                                      const struct msg_##name *m, bool goes_on)    \
    {                                                                                              \
        size_t from = out->size;                                                                   \
        put_##name(out, m);                                                                        \
        packed(a, &name##_shape, moving_of(&name##_shape, m), goes_on,                             \
               bytes_of(out->data + from, out->size - from));                                      \
    }                                                                                              \
                                                                                                   \
    struct said again_put_##name(struct again *a, struct buf *out, const struct msg_##name *m)     \
    {                                                                                              \
        struct moving v = moving_of(&name##_shape, m);                                             \
        uint32_t brief = brief_##name(a, out, m, &v);                                              \
        if (brief && write_over(a, &name##_shape, &v))                                             \
            memcpy(buf_extend(out, a->size), a->whole, a->size);                                   \
        else                                                                                       \
            pack_##name(a, out, m, brief);                                                         \
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
    unsigned char *at = buf_extend(out, FIRST + LENGTH_BYTES + args.size);
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
