/* SPDX-License-Identifier: Apache-2.0
 *
 * No value is the beginning of another, so bytes that are equal are fields that are equal, however
 * many. The one that is to be expected is kept as bytes, too: its number and id are counted on in
 * their place. A number that takes another byte is said whole.
 */
#include "proto/again.h"

#include "proto/field.h"
#include "proto/record.h"

enum { FIRST = 2 }; /* bytes before the fields: how many there are, and the type */

/* How a record lies: number, id, so many fields, value, so many fields, run_us, the rest. */
static const struct shape {
    bool there, number, id, run_us;
    bool args; /* its value is arguments, mostly others than those before: not worth a look */
    uint8_t before, behind;
} shapes[REC_TYPES] = {
    [REC_submit] = {.there = true, .number = true, .args = true, .before = 1},
    [REC_lease] = {.there = true, .id = true, .args = true, .before = 2},
    [REC_result] = {.there = true, .number = true, .id = true, .before = 2, .run_us = true},
    [REC_ended] =
        {.there = true, .number = true, .id = true, .before = 1, .behind = 1, .run_us = true},
};

/* Bytes of the number there; 0: it is none. */
static inline unsigned number_bytes(unsigned char first)
{
    return first < 0x80 ? 1 : first >= 0xcc && first <= 0xcf ? 1 + (1u << (first - 0xcc)) : 0;
}

/* False: it would take another byte. */
static bool count_on(unsigned char *at, unsigned size)
{
    if (size == 1)
        return ++*at < 0x80;
    while (--size)
        if (++at[size])
            return true;
    return false;
}

/* What is to be expected next: at `whole`. */
static bool expect(struct again *a, const struct shape *shape)
{
    unsigned char *at = a->whole + FIRST;
    if (shape->id && !count_on(a->whole + a->head - ID_BYTES + 1, ID_BYTES - 1))
        return false;
    return !shape->number || count_on(at, number_bytes(*at));
}

static void fields_skip(struct cursor *c, unsigned count)
{
    while (count-- && !cursor_done(c) && cursor_ok(c))
        cursor_skip(c);
}

static uint16_t place_of(const struct again *a, const struct cursor *c)
{
    return (uint16_t)(c->at - a->whole);
}

static void value_keep(struct again *a, struct bytes value)
{
    bytes_copy(a->value_bytes, value);
    a->value_size = (uint16_t)value.size;
}

/* Where its fields lie: those that are not there are empty, and lie at its end. */
static bool learn(struct again *a, const struct shape *shape)
{
    struct cursor c = cursor_of(bytes_of(a->whole, a->size));
    c.at += a->head;
    fields_skip(&c, shape->before);
    a->value = place_of(a, &c);
    struct bytes value = get_BIN(&c);
    a->middle = place_of(a, &c);
    fields_skip(&c, shape->behind);
    a->middle_end = place_of(a, &c);
    fields_skip(&c, shape->run_us);
    a->rest = place_of(a, &c);
    a->known = cursor_ok(&c);
    if (a->known)
        value_keep(a, value);
    return a->known;
}

static inline uint64_t word_at(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* They are some bytes, or few words: a call would take longer than the look. */
static inline bool same(const unsigned char *a, const unsigned char *b, size_t size)
{
    enum { WORD = sizeof(uint64_t) };
    if (size >= WORD) {
        for (size_t at = 0; at + WORD < size; at += WORD)
            if (word_at(a + at) != word_at(b + at))
                return false;
        return word_at(a + size - WORD) == word_at(b + size - WORD);
    }
    while (size--)
        if (a[size] != b[size])
            return false;
    return true;
}

/* Is it the bytes from..to of the whole one that come next? */
static inline bool passed(struct cursor *c, const struct again *a, unsigned from, unsigned to)
{
    size_t size = to - from;
    if (cursor_left(c) < size || !same(c->at, a->whole + from, size))
        return false;
    c->at += size;
    return true;
}

/* Is it as expected? Then value and run_us are what it says of itself. */
static bool follows(struct again *a, const struct shape *shape, struct bytes record,
                    struct bytes *value, uint64_t *run_us)
{
    enum { TYPE = 1 }; /* before it: how many fields; those at the end may be left out */
    struct cursor c = cursor_of(record);
    c.at += TYPE;
    if (!expect(a, shape))
        return false;
    if (!a->known) {
        struct cursor head = c;
        if (!passed(&head, a, TYPE, a->head) || !learn(a, shape))
            return false;
    }
    if (!passed(&c, a, TYPE, a->value))
        return false;
    *value = get_BIN(&c);
    if (!passed(&c, a, a->middle, a->middle_end))
        return false;
    *run_us = shape->run_us && !cursor_done(&c) ? get_UINT(&c) : 0;
    return cursor_ok(&c) && passed(&c, a, a->rest, a->size) && cursor_done(&c) &&
           (value->size || (!a->value_size && !shape->args));
}

static struct bytes brief(struct again *a, const struct shape *shape, struct bytes value,
                          uint64_t run_us, unsigned char *room)
{
    bool given =
        shape->args || value.size != a->value_size || !same(value.data, a->value_bytes, value.size);
    unsigned char *at = room;
    *at++ = run_us ? 0x93 : given ? 0x92 : 0x91;
    *at++ = REC_again;
    if (given || run_us)
        at = put_BIN(at, given ? value : bytes_of(NULL, 0));
    if (run_us)
        at = put_UINT(at, run_us);
    if (given && !shape->args)
        value_keep(a, value);
    return bytes_of(room, (size_t)(at - room));
}

static unsigned type_of(struct bytes record)
{
    const unsigned char *at = record.data;
    bool small = record.size > FIRST && record.size <= AGAIN_BYTES_MAX;
    return small && (at[0] & 0xf0) == 0x90 && at[1] < REC_TYPES ? at[1] : REC_NONE;
}

/* Where number and id end; 0: one of them is not there. */
static unsigned head_of(const struct shape *shape, struct bytes record)
{
    const unsigned char *at = record.data;
    unsigned number = shape->number ? number_bytes(at[FIRST]) : 0, head = FIRST + number;
    if (shape->number && !number)
        return 0;
    if (!shape->id)
        return head <= record.size ? head : 0;
    return head + ID_BYTES <= record.size && at[head] == 0xc4 ? head + ID_BYTES : 0;
}

/* Said whole: the next is compared with it. */
static void keep(struct again *a, unsigned type, struct bytes record)
{
    a->type = REC_NONE;
    a->known = false;
    if (!shapes[type].there)
        return;
    a->head = (uint16_t)head_of(&shapes[type], record);
    if (!a->head)
        return;
    a->type = type;
    a->size = (uint16_t)record.size;
    bytes_copy(a->whole, record);
}

struct bytes again_of(struct again *a, uint64_t place, struct bytes record,
                      unsigned char room[static AGAIN_ROOM])
{
    unsigned type = type_of(record);
    struct bytes value;
    uint64_t run_us;
    bool near = type && a->type == type && a->next == place;
    a->next = place + 1;
    if (near && follows(a, &shapes[type], record, &value, &run_us))
        return brief(a, &shapes[type], value, run_us, room);
    keep(a, type, record);
    return record;
}
