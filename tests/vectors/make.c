/* SPDX-License-Identifier: Apache-2.0
 *
 * make_vectors FOLDER: writes the golden vectors, one file a record, for every record of
 * messages.def: all fields, the least that may be sent, fields at their extremes. The files are
 * frozen: run this for new records and new fields, and read the diff; bytes that change for a
 * vector that was there are a break of the protocol.
 */
#include <errno.h>

#include "tests/unit/fields.h"

static const char text[] = "\xd0\xbe\xd1\x87\xd0\xb5\xd1\x80\xd0\xb5\xd0\xb4\xd1\x8c \"\\ queue";

static struct record extreme(unsigned type)
{
    static const unsigned char long_run[300] = {0xff};
    struct record r = {.type = (enum record_type)type};
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (fields[i].type != type)
            continue;
        void *at = (char *)&r + fields[i].offset;
        switch (fields[i].kind) {
        case UINT:
        case ID: *(uint64_t *)at = UINT64_MAX; break;
        case INT: *(int64_t *)at = INT64_MIN; break;
        case STR: *(struct bytes *)at = bytes_text(text); break;
        case BIN: *(struct bytes *)at = bytes_of(long_run, sizeof long_run); break;
        }
    }
    return r;
}

static void print_hex(FILE *f, struct bytes b)
{
    const unsigned char *at = b.data;
    fputc('"', f);
    for (size_t i = 0; i < b.size; i++)
        fprintf(f, "%02x", at[i]);
    fputc('"', f);
}

static void print_text(FILE *f, struct bytes b)
{
    const char *at = b.data;
    fputc('"', f);
    for (size_t i = 0; i < b.size; i++)
        fprintf(f, at[i] == '"' || at[i] == '\\' ? "\\%c" : "%c", at[i]);
    fputc('"', f);
}

static void print_fields(FILE *f, const struct record *r)
{
    const char *between = "";
    fputc('{', f);
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (fields[i].type != (unsigned)r->type)
            continue;
        const void *at = (const char *)r + fields[i].offset;
        uint64_t number = *(const uint64_t *)at;
        fprintf(f, "%s\"%s\": ", between, fields[i].name);
        between = ", ";
        switch (fields[i].kind) {
        case UINT:
            /* Not every reader of JSON has 64 unsigned bits. */
            fprintf(f, number > INT64_MAX ? "\"%ju\"" : "%ju", (uintmax_t)number);
            break;
        case INT: fprintf(f, "%jd", (intmax_t)number); break;
        case STR: print_text(f, *(const struct bytes *)at); break;
        case BIN: print_hex(f, *(const struct bytes *)at); break;
        case ID: number ? fprintf(f, "\"%016jx\"", (uintmax_t)number) : fprintf(f, "null"); break;
        }
    }
    fputc('}', f);
}

static void print_case(FILE *f, const char *name, const struct record *r, const char *end)
{
    struct buf b = {0};
    record_put(&b, r);
    fprintf(f, "    {\"name\": \"%s\",\n     \"fields\": ", name);
    print_fields(f, r);
    fprintf(f, ",\n     \"hex\": ");
    print_hex(f, buf_bytes(&b));
    fprintf(f, "}%s\n", end);
    buf_fini(&b);
}

static int write_record(const char *folder, unsigned type, const char *name)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%s.json", folder, name);
    FILE *f = fopen(buf_text(&path), "w");
    if (!f) {
        fprintf(stderr, "make_vectors: %s: %s\n", buf_text(&path), strerror(errno));
        return 1;
    }
    buf_fini(&path);
    struct record full = record_filled(type), most = extreme(type);
    struct record least = {.type = (enum record_type)type};
    fprintf(f, "{\"record\": \"%s\", \"type\": %u, \"cases\": [\n", name, type);
    print_case(f, "full", &full, ",");
    print_case(f, "least", &least, ",");
    print_case(f, "extreme", &most, "");
    fprintf(f, "]}\n");
    return fclose(f) != 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_vectors FOLDER\n");
        return 2;
    }
    int failed = 0;
    for (size_t i = 0; i < LENGTH(records); i++)
        failed |= write_record(argv[1], records[i].type, records[i].name);
    return failed;
}
