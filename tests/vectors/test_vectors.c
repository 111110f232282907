/* SPDX-License-Identifier: Apache-2.0
 *
 * Our codec against the golden vectors: the bytes decode to the fields, and encode to the bytes.
 */
#include <dirent.h>
#include <jansson.h>

#include "tests/unit/check.h"
#include "tests/unit/fields.h"

static void unhex(struct buf *out, const char *hex)
{
    size_t size = strlen(hex);
    CHECK_EQ(size % 2, 0);
    for (size_t i = 0; i < size; i += 2) {
        unsigned byte;
        CHECK_EQ(sscanf(hex + i, "%2x", &byte), 1);
        *buf_extend(out, 1) = (unsigned char)byte;
    }
}

/* The field in the words of the vectors' files. */
static void field_text(struct buf *out, enum field_kind kind, const void *at)
{
    uint64_t number = *(const uint64_t *)at;
    const struct bytes *run = at;
    switch (kind) {
    case UINT: buf_printf(out, "%ju", (uintmax_t)number); break;
    case INT: buf_printf(out, "%jd", (intmax_t)number); break;
    case STR: buf_put(out, run->data, run->size); break;
    case BIN:
        for (size_t i = 0; i < run->size; i++)
            buf_printf(out, "%02x", ((const unsigned char *)run->data)[i]);
        break;
    case ID:
        if (number)
            buf_printf(out, "%016jx", (uintmax_t)number);
        else
            buf_printf(out, "null");
    }
}

static void check_fields(const struct record *r, const json_t *want)
{
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (fields[i].type != (unsigned)r->type)
            continue;
        /* A field that has joined the record since the vector was frozen reads as empty. */
        const json_t *value = json_object_get(want, fields[i].name);
        if (!value)
            continue;
        struct buf is = {0}, wanted = {0};
        field_text(&is, fields[i].kind, (const char *)r + fields[i].offset);
        if (json_is_string(value))
            buf_printf(&wanted, "%s", json_string_value(value));
        else if (json_is_integer(value))
            buf_printf(&wanted, "%jd", (intmax_t)json_integer_value(value));
        else
            buf_printf(&wanted, "null");
        CHECK_TEXT(buf_text(&is), buf_text(&wanted));
        buf_fini(&is);
        buf_fini(&wanted);
    }
}

static void check_case(unsigned type, const json_t *one)
{
    struct buf bytes = {0}, again = {0};
    struct record r;
    unhex(&bytes, json_string_value(json_object_get(one, "hex")));
    struct cursor c = cursor_of(buf_bytes(&bytes));
    CHECK_EQ(record_get(&c, &r), OK);
    CHECK(cursor_done(&c));
    CHECK_EQ(r.type, type);
    check_fields(&r, json_object_get(one, "fields"));
    record_put(&again, &r);
    CHECK_BYTES(buf_bytes(&again), buf_bytes(&bytes));
    buf_fini(&bytes);
    buf_fini(&again);
}

TEST(every_record_has_vectors_and_they_hold)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct buf path = {0};
        json_error_t error;
        size_t at;
        json_t *one;
        buf_printf(&path, VECTORS "/%s.json", records[i].name);
        json_t *file = json_load_file(buf_text(&path), JSON_REJECT_DUPLICATES, &error);
        if (!file)
            check_failed(buf_text(&path), error.line, "%s", error.text);
        CHECK_EQ(json_integer_value(json_object_get(file, "type")), records[i].type);
        json_t *cases = json_object_get(file, "cases");
        CHECK(json_array_size(cases) >= 3);
        json_array_foreach(cases, at, one) check_case(records[i].type, one);
        json_decref(file);
        buf_fini(&path);
    }
}

/* A record that leaves the list would break whoever still sends it. */
TEST(no_vector_is_without_its_record)
{
    DIR *dir = opendir(VECTORS);
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t size = strlen(entry->d_name), known = 0;
        if (size < 5 || strcmp(entry->d_name + size - 5, ".json") != 0)
            continue;
        for (size_t i = 0; i < LENGTH(records); i++)
            known += strlen(records[i].name) == size - 5 &&
                     strncmp(records[i].name, entry->d_name, size - 5) == 0;
        if (!known)
            check_failed(__FILE__, __LINE__, "%s has no record", entry->d_name);
    }
    closedir(dir);
}
