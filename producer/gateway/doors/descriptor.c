/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/descriptor.h"

/* Numbers of descriptor.proto. */
enum {
    SET_FILE = 1,
    NAME = 1,         /* of a file, and of everything in it */
    FILE_PACKAGE = 2, /* the one field of the numbers below that is a text, of files only */
    PARTS_FIRST = 2,  /* fields, values and methods; messages, enums and services within a file */
    PARTS_LAST = 6,
};

struct part {
    uint64_t number;
    struct bytes bytes; /* data NULL: not of this form */
};

static bool read_varint(struct bytes *at, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && at->size; shift += 7) {
        unsigned char byte = *(const unsigned char *)at->data;
        *at = bytes_of((const char *)at->data + 1, at->size - 1);
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool next_part(struct bytes *at, struct part *part)
{
    enum { VARINT, FIXED64, COUNTED, FIXED32 = 5 };
    uint64_t tag, size = 0;
    if (!read_varint(at, &tag))
        return false;
    part->number = tag >> 3;
    part->bytes = bytes_of(NULL, 0);
    switch (tag & 7) {
    case VARINT: return read_varint(at, &size);
    case FIXED64: size = 8; break;
    case FIXED32: size = 4; break;
    case COUNTED:
        if (!read_varint(at, &size))
            return false;
        break;
    default: return false;
    }
    if (size > at->size)
        return false;
    if ((tag & 7) == COUNTED)
        part->bytes = bytes_of(at->data, size);
    *at = bytes_of((const char *)at->data + size, at->size - size);
    return true;
}

static struct bytes text_of(struct bytes message, unsigned number)
{
    for (struct part part; next_part(&message, &part);)
        if (part.number == number && part.bytes.data)
            return part.bytes;
    return bytes_of(NULL, 0);
}

/* What follows the name and a point in the symbol: size 0, that was all of it; data NULL: it has
 * another name. */
static struct bytes behind(struct bytes symbol, struct bytes name)
{
    const char *at = symbol.data;
    if (!name.size || !bytes_starts(symbol, name))
        return bytes_of(NULL, 0);
    if (symbol.size == name.size)
        return bytes_of(at + name.size, 0);
    if (at[name.size] != '.' || symbol.size == name.size + 1)
        return bytes_of(NULL, 0);
    return bytes_of(at + name.size + 1, symbol.size - name.size - 1);
}

/* Has the message, or anything in it, this name? Depth is the symbol's. */
static bool declares(struct bytes whole, struct bytes symbol)
{
    for (struct part part; next_part(&whole, &part);) {
        if (!part.bytes.data || part.number < PARTS_FIRST || part.number > PARTS_LAST)
            continue;
        struct bytes rest = behind(symbol, text_of(part.bytes, NAME));
        if (rest.data && (!rest.size || declares(part.bytes, rest)))
            return true;
    }
    return false;
}

struct bytes descriptor_file(struct bytes set, struct bytes name)
{
    for (struct part part; next_part(&set, &part);)
        if (part.number == SET_FILE && bytes_equal(text_of(part.bytes, NAME), name))
            return part.bytes;
    return bytes_of(NULL, 0);
}

struct bytes descriptor_symbol(struct bytes set, struct bytes symbol)
{
    for (struct part part; next_part(&set, &part);) {
        struct bytes package = text_of(part.bytes, FILE_PACKAGE);
        struct bytes rest = package.size ? behind(symbol, package) : symbol;
        if (part.number == SET_FILE && rest.size && declares(part.bytes, rest))
            return part.bytes;
    }
    return bytes_of(NULL, 0);
}
