/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of fields drives both directions, so that they cannot disagree.
 */
#include "proto/record.h"

enum field_kind { UINT, INT, STR, BIN, ID };

struct field {
    enum field_kind kind;
    unsigned offset;
};

#define RECORD(name, number, required) static const struct field name##_fields[] = {
#define FIELD(record, kind, name)          {kind, offsetof(struct msg_##record, name)},
#define END(record)                                                                                \
    {                                                                                              \
        UINT, 0                                                                                    \
    }                                                                                              \
    }                                                                                              \
    ;
#include "proto/messages.def"

static const struct layout {
    const char *name;
    const struct field *fields;
    unsigned char count, required;
} layouts[REC_TYPES] = {
#define RECORD(name, number, required)                                                             \
    [number] = {#name, name##_fields, LENGTH(name##_fields) - 1, required},
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"
};

const char *record_name(unsigned type)
{
    return type < REC_TYPES && layouts[type].name ? layouts[type].name : "unknown";
}

static uint64_t id_get(struct cursor *c)
{
    if (cursor_peek(c) == PACK_NIL) {
        cursor_skip(c);
        return 0;
    }
    struct bytes b = cursor_bin(c);
    if (b.size != 8) {
        c->failed = true;
        return 0;
    }
    const unsigned char *at = b.data;
    uint64_t id = 0;
    for (int i = 0; i < 8; i++)
        id = id << 8 | at[i];
    return id;
}

static void id_put(struct buf *out, uint64_t id)
{
    if (!id) {
        pack_nil(out);
        return;
    }
    unsigned char *at = buf_extend(out, 10);
    at[0] = 0xc4;
    at[1] = 8;
    for (int i = 9; i > 1; i--, id >>= 8)
        at[i] = (unsigned char)id;
}

enum err record_get(struct cursor *c, struct record *out)
{
    uint32_t count = cursor_array(c);
    uint64_t type = cursor_uint(c);
    if (!cursor_ok(c) || count == 0)
        return ERR_MALFORMED;
    const struct layout *layout = type < REC_TYPES ? &layouts[type] : NULL;
    if (!layout || !layout->name) {
        static const struct layout unknown;
        out->type = REC_NONE;
        layout = &unknown;
    } else {
        memset(out, 0, sizeof *out);
        out->type = (enum record_type)type;
    }
    uint32_t given = count - 1;
    if (given < layout->required)
        return ERR_MALFORMED;
    for (uint32_t i = 0; i < given && i < layout->count; i++) {
        void *at = (char *)&out->hello + layout->fields[i].offset;
        switch (layout->fields[i].kind) {
        case UINT: *(uint64_t *)at = cursor_uint(c); break;
        case INT: *(int64_t *)at = cursor_int(c); break;
        case STR: *(struct bytes *)at = cursor_str(c); break;
        case BIN: *(struct bytes *)at = cursor_bin(c); break;
        case ID: *(uint64_t *)at = id_get(c); break;
        }
    }
    for (uint32_t i = layout->count; i < given; i++) {
        cursor_skip(c);
        if (!cursor_ok(c))
            break;
    }
    return cursor_ok(c) ? OK : ERR_MALFORMED;
}

static bool field_empty(const struct field *f, const void *at)
{
    if (f->kind == STR || f->kind == BIN)
        return ((const struct bytes *)at)->size == 0;
    return *(const uint64_t *)at == 0;
}

void record_put(struct buf *out, const struct record *r)
{
    const struct layout *layout = &layouts[r->type];
    must(layout->name);
    const char *base = (const char *)&r->hello;
    unsigned count = layout->count;
    while (count > layout->required &&
           field_empty(&layout->fields[count - 1], base + layout->fields[count - 1].offset))
        count--;
    pack_array(out, count + 1);
    pack_uint(out, r->type);
    for (unsigned i = 0; i < count; i++) {
        const void *at = base + layout->fields[i].offset;
        switch (layout->fields[i].kind) {
        case UINT: pack_uint(out, *(const uint64_t *)at); break;
        case INT: pack_int(out, *(const int64_t *)at); break;
        case STR: pack_str(out, *(const struct bytes *)at); break;
        case BIN: pack_bin(out, *(const struct bytes *)at); break;
        case ID: id_put(out, *(const uint64_t *)at); break;
        }
    }
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
