/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/again.h"

#include "proto/field.h"
#include "proto/record.h"

/* How a record lies: number, id, `before` fields, value, `middle` fields, run_us, the rest. */
static const struct shape {
    bool there, number, id, run_us;
    uint8_t before, middle;
} shapes[REC_TYPES] = {
    [REC_submit] = {.there = true, .number = true, .before = 1},
    [REC_lease] = {.there = true, .id = true, .before = 2},
    [REC_result] = {.there = true, .number = true, .id = true, .before = 2, .run_us = true},
    [REC_ended] =
        {.there = true, .number = true, .id = true, .before = 1, .middle = 1, .run_us = true},
};

struct look {
    uint64_t number, id, run_us;
    struct bytes value;
    struct again_parts parts;
};

/* The bytes of so many fields. Those of the record before are tried first: no value is the
 * beginning of another, so equal bytes are equal fields. */
static struct bytes fields_read(struct cursor *c, unsigned count, struct bytes known)
{
    const unsigned char *from = c->at;
    if (known.size && known.size <= cursor_left(c) && memcmp(from, known.data, known.size) == 0)
        c->at += known.size;
    else
        while (count-- && !cursor_done(c) && cursor_ok(c))
            cursor_skip(c);
    return bytes_of(from, (size_t)(c->at - from));
}

/* Fields at the end that are not there are empty. */
static bool look_at(const struct shape *shape, struct bytes record, const struct again_parts *known,
                    struct look *out)
{
    struct cursor c = cursor_of(record);
    c.at += 2;
    *out = (struct look){0};
    if (shape->number)
        out->number = get_UINT(&c);
    if (shape->id)
        out->id = get_ID(&c);
    out->parts.before = fields_read(&c, shape->before, known->before);
    out->value = get_BIN(&c);
    out->parts.middle = fields_read(&c, shape->middle, known->middle);
    if (shape->run_us && !cursor_done(&c))
        out->run_us = get_UINT(&c);
    out->parts.rest = bytes_of(c.at, cursor_left(&c));
    return cursor_ok(&c);
}

static bool follows(const struct again *a, const struct shape *shape, const struct look *l)
{
    return l->number == a->number + shape->number && l->id == a->id + shape->id &&
           (l->value.size || !a->value_size) && bytes_equal(l->parts.before, a->parts.before) &&
           bytes_equal(l->parts.middle, a->parts.middle) &&
           bytes_equal(l->parts.rest, a->parts.rest);
}

static void value_keep(struct again *a, struct bytes value)
{
    bytes_copy(a->value, value);
    a->value_size = value.size;
}

static struct bytes kept(const struct again *a, struct bytes record, struct bytes part)
{
    return bytes_of(a->whole + ((const char *)part.data - (const char *)record.data), part.size);
}

static void whole_keep(struct again *a, struct bytes record, const struct look *l)
{
    bytes_copy(a->whole, record);
    a->parts.before = kept(a, record, l->parts.before);
    a->parts.middle = kept(a, record, l->parts.middle);
    a->parts.rest = kept(a, record, l->parts.rest);
    value_keep(a, l->value);
}

static struct bytes brief(struct again *a, const struct look *l, unsigned char *room)
{
    bool same = bytes_equal(l->value, bytes_of(a->value, a->value_size));
    unsigned fields = l->run_us ? 2 : !same;
    unsigned char *at = room;
    *at++ = (unsigned char)(0x91 + fields);
    *at++ = REC_again;
    if (fields)
        at = put_BIN(at, same ? bytes_of(NULL, 0) : l->value);
    if (l->run_us)
        at = put_UINT(at, l->run_us);
    if (!same)
        value_keep(a, l->value);
    return bytes_of(room, (size_t)(at - room));
}

struct bytes again_of(struct again *a, uint64_t place, struct bytes record,
                      unsigned char room[static AGAIN_ROOM])
{
    const unsigned char *at = record.data;
    unsigned type = record.size >= 2 && (at[0] & 0xf0) == 0x90 && at[1] < REC_TYPES ? at[1] : 0;
    const struct shape *shape = &shapes[type];
    struct look l;
    if (!shape->there || record.size > AGAIN_BYTES_MAX) {
        a->type = REC_NONE;
        return record;
    }
    bool near = a->type == type && a->next == place;
    if (!look_at(shape, record, near ? &a->parts : &(struct again_parts){0}, &l)) {
        a->type = REC_NONE;
        return record;
    }
    bool short_form = near && follows(a, shape, &l);
    a->next = place + 1;
    a->type = type;
    a->number = l.number;
    a->id = l.id;
    if (short_form)
        return brief(a, &l, room);
    whole_keep(a, record, &l);
    return record;
}
