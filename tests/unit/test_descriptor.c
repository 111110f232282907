/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and symbols of a descriptor set: found, not there, and in sets that are none.
 */
#include "producer/gateway/doors/descriptor.h"

#include <stdlib.h>

#include "common/buf.h"
#include "tests/unit/check.h"

static void put(struct buf *out, unsigned number, struct bytes content)
{
    unsigned char head[] = {(unsigned char)(number << 3 | 2), (unsigned char)content.size};
    CHECK(content.size < 128);
    buf_put(out, head, sizeof head);
    buf_put(out, content.data, content.size);
}

static void put_text(struct buf *out, unsigned number, const char *text)
{
    put(out, number, bytes_text(text));
}

/* A part with a name and one part below it. */
static void put_part(struct buf *out, unsigned number, const char *name, unsigned below,
                     const char *name_below)
{
    struct buf part = {0}, inner = {0};
    put_text(&part, 1, name);
    put_text(&inner, 1, name_below);
    put(&part, below, buf_bytes(&inner));
    put(out, number, buf_bytes(&part));
    buf_fini(&inner);
    buf_fini(&part);
}

/* a.proto of package a.b: message M with field f, service S with method C. b.proto without a
 * package: message M. */
static struct buf sample(void)
{
    struct buf set = {0}, file = {0};
    put_text(&file, 1, "a.proto");
    put_text(&file, 2, "a.b");
    put_part(&file, 4, "M", 2, "f");
    put_part(&file, 6, "S", 2, "C");
    put(&set, 1, buf_bytes(&file));
    buf_clear(&file);
    put_text(&file, 1, "b.proto");
    put_part(&file, 4, "M", 2, "g");
    put_text(&file, 12, "proto3");
    put(&set, 1, buf_bytes(&file));
    buf_fini(&file);
    return set;
}

TEST(files_and_symbols)
{
    static const struct {
        const char *symbol, *file;
    } rows[] = {{"a.b.M", "a.proto"}, {"a.b.M.f", "a.proto"},
                {"a.b.S", "a.proto"}, {"a.b.S.C", "a.proto"},
                {"M", "b.proto"},     {"M.g", "b.proto"},
                {"M.f", NULL},        {"a.b", NULL},
                {"a.b.", NULL},       {"a.b.M.", NULL},
                {"a.b.MM", NULL},     {"a.M", NULL},
                {"a.b.M.f.f", NULL},  {"", NULL},
                {".", NULL}};
    struct buf set = sample();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes found = descriptor_symbol(buf_bytes(&set), bytes_text(rows[i].symbol));
        struct bytes wanted = descriptor_file(buf_bytes(&set), bytes_text(rows[i].file));
        CHECK(found.data == wanted.data && (found.data != NULL) == (rows[i].file != NULL));
    }
    CHECK(!descriptor_file(buf_bytes(&set), bytes_text("c.proto")).data);
    buf_fini(&set);
}

TEST(a_set_that_is_none_holds_nothing)
{
    struct buf set = sample();
    for (size_t size = 0; size < set.size; size++) { /* cut off anywhere, in memory of its own */
        unsigned char *copy = malloc(size ? size : 1);
        bytes_copy(copy, bytes_of(set.data, size));
        (void)descriptor_symbol(bytes_of(copy, size), bytes_text("M.g"));
        (void)descriptor_file(bytes_of(copy, size), bytes_text("b.proto"));
        free(copy);
    }
    for (size_t i = 0; i < set.size; i++) { /* and damaged anywhere */
        set.data[i] ^= 0xff;
        (void)descriptor_symbol(buf_bytes(&set), bytes_text("M.g"));
        set.data[i] ^= 0xff;
    }
    buf_fini(&set);
}
