/* SPDX-License-Identifier: Apache-2.0
 *
 * fields: messages.def as tables, so that a test or a tool can walk every field of every record
 * without naming one.
 */
#ifndef UNIT_FIELDS_H
#define UNIT_FIELDS_H

#include "proto/record.h"

enum field_kind { UINT, INT, STR, BIN, ID };

struct field {
    unsigned type;
    enum field_kind kind;
    const char *name;
    size_t offset; /* in struct record */
};

static const struct field fields[] = {
#define RECORD(name, number, required)
#define FIELD(rec, kind, name) {REC_##rec, kind, #name, offsetof(struct record, rec.name)},
#define END(rec)
#include "proto/messages.def"
};

static const struct {
    unsigned type, required;
    const char *name;
} records[] = {
#define RECORD(name, number, required) {number, required, #name},
#define FIELD(rec, kind, name)
#define END(rec)
#include "proto/messages.def"
};

/* Every field set, each unlike the others. */
static inline struct record record_filled(unsigned type)
{
    struct record r = {.type = (enum record_type)type};
    unsigned nth = 0;
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (fields[i].type != type)
            continue;
        void *at = (char *)&r + fields[i].offset;
        nth++;
        switch (fields[i].kind) {
        case UINT: *(uint64_t *)at = 1ull << (nth * 5 % 64); break;
        case INT: *(int64_t *)at = -(int64_t)nth * 100; break;
        case ID: *(uint64_t *)at = 0x0102030405060708ull * nth; break;
        case STR:
        case BIN: *(struct bytes *)at = bytes_of("abcdefghijklmnopqrstuvwxyz", nth); break;
        }
    }
    return r;
}

#endif
