/* SPDX-License-Identifier: Apache-2.0
 *
 * messages.def is read four times here: for the table of names, for how long a record will be, for
 * writing it and for reading it. So the directions cannot disagree, and each record gets straight
 * code of its own: every job passes through half a dozen of them.
 */
#include "proto/record.h"

#include "proto/field.h"

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

/* Each stands where it is called, once for all but `again`. */
#define RECORD(name, number, required)                                                             \
    static inline __attribute__((always_inline)) unsigned name##_read(                             \
        struct cursor *c, struct msg_##name *m, uint32_t given)                                    \
    {                                                                                              \
        unsigned field = 0;                                                                        \
        (void)c, (void)m;
#define FIELD(record, kind, name) m->name = field++ < given ? get_##kind(c) : (field_##kind){0};
#define END(record)                                                                                \
    return field < given ? field : given;                                                          \
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

/* What `again` makes of the record before. False: of that it says nothing. */
static bool again_make(struct record *r, const struct msg_again *m)
{
    switch (r->type) {
    case REC_submit:
        r->submit.number++;
        if (m->value.size)
            r->submit.args = m->value;
        return true;
    case REC_lease:
        r->lease.id++;
        if (m->value.size)
            r->lease.args = m->value;
        return true;
    case REC_result:
        r->result.number++;
        r->result.id++;
        r->result.run_us = m->run_us;
        if (m->value.size)
            r->result.value = m->value;
        return true;
    case REC_ended:
        r->ended.number++;
        r->ended.id++;
        r->ended.run_us = m->run_us;
        if (m->value.size)
            r->ended.value = m->value;
        return true;
    default: return false;
    }
}

enum err record_next(struct cursor *c, struct record *r)
{
    if (cursor_left(c) < 2 || c->at[1] != REC_again || (c->at[0] & 0xf0) != 0x90) {
        enum err err = record_get(c, r);
        r->in_row = false;
        return r->type == REC_again ? ERR_MALFORMED : err; /* said in more bytes than it takes */
    }
    struct msg_again m;
    uint32_t given = (*c->at & 0x0fu) - 1;
    c->at += 2;
    for (unsigned read = again_read(c, &m, given); read < given && cursor_ok(c); read++)
        cursor_skip(c);
    r->in_row = true;
    return cursor_ok(c) && again_make(r, &m) ? OK : ERR_MALFORMED;
}

uint64_t record_job(struct bytes body)
{
    struct cursor c = cursor_of(body);
    (void)get_array(&c);
    uint64_t type = get_UINT(&c);
    if (type == REC_result)
        (void)get_UINT(&c);
    else if (type != REC_started)
        return 0;
    uint64_t id = get_ID(&c);
    return cursor_ok(&c) ? id : 0;
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
