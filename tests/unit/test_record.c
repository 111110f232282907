/* SPDX-License-Identifier: Apache-2.0
 *
 * The codec over every record of messages.def: with all fields, with none, cut at each byte, with
 * more than we know.
 */
#include "tests/unit/check.h"
#include "tests/unit/fields.h"

static unsigned fields_of(unsigned type)
{
    unsigned count = 0;
    for (size_t i = 0; i < LENGTH(fields); i++)
        count += fields[i].type == type;
    return count;
}

static void check_same(const struct record *a, const struct record *b)
{
    CHECK_EQ(a->type, b->type);
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (fields[i].type != (unsigned)a->type)
            continue;
        const void *left = (const char *)a + fields[i].offset;
        const void *right = (const char *)b + fields[i].offset;
        if (fields[i].kind == STR || fields[i].kind == BIN)
            CHECK_BYTES(*(const struct bytes *)left, *(const struct bytes *)right);
        else
            CHECK(*(const uint64_t *)left == *(const uint64_t *)right);
    }
}

TEST(every_record_comes_back_with_all_fields_set)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct buf b = {0};
        struct record r = record_filled(records[i].type), back;
        record_put(&b, &r);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(record_get(&c, &back), OK);
        CHECK(cursor_done(&c));
        check_same(&r, &back);
        CHECK_TEXT(record_name(records[i].type), records[i].name);
        buf_fini(&b);
    }
}

TEST(every_record_comes_back_with_no_field_set)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct buf b = {0};
        struct record r = {.type = (enum record_type)records[i].type}, back;
        memset(&back, 0xee, sizeof back);
        record_put(&b, &r);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(cursor_array(&c), 1 + records[i].required); /* empty trailing fields stay out */
        c = cursor_of(buf_bytes(&b));
        CHECK_EQ(record_get(&c, &back), OK);
        CHECK(cursor_done(&c));
        check_same(&r, &back);
        buf_fini(&b);
    }
}

TEST(a_body_is_a_run_of_records)
{
    struct buf b = {0};
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct record r = record_filled(records[i].type);
        record_put(&b, &r);
    }
    struct cursor c = cursor_of(buf_bytes(&b));
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct record want = record_filled(records[i].type), back;
        CHECK_EQ(record_get(&c, &back), OK);
        check_same(&want, &back);
    }
    CHECK(cursor_done(&c));
    buf_fini(&b);
}

TEST(a_record_cut_at_any_byte_is_malformed)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct buf b = {0};
        struct record r = record_filled(records[i].type), back;
        record_put(&b, &r);
        for (size_t size = 0; size < b.size; size++) {
            /* A copy of exactly that size: reading beyond it would be seen by the sanitizer. */
            unsigned char *cut = must_alloc(size);
            memcpy(cut, b.data, size);
            struct cursor c = cursor_of(bytes_of(cut, size));
            CHECK_EQ(record_get(&c, &back), ERR_MALFORMED);
            free(cut);
        }
        buf_fini(&b);
    }
}

/* The record with `count` fields as they are, then `more` elements nobody knows. */
static void put_with_fields(struct buf *b, const struct record *r, uint32_t count, uint32_t more)
{
    struct buf whole = {0};
    record_put(&whole, r);
    struct cursor c = cursor_of(buf_bytes(&whole));
    CHECK(cursor_array(&c) >= 1 + count);
    pack_array(b, 1 + count + more);
    for (uint32_t i = 0; i < 1 + count; i++) {
        struct bytes value = cursor_value(&c);
        buf_put(b, value.data, value.size);
    }
    for (uint32_t i = 0; i < more; i++) {
        pack_map(b, 1);
        pack_text(b, "later");
        pack_array(b, 1);
        pack_nil(b);
    }
    buf_fini(&whole);
}

TEST(trailing_fields_nobody_knows_are_ignored)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct buf b = {0};
        struct record r = record_filled(records[i].type), back;
        put_with_fields(&b, &r, fields_of(records[i].type), 3);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(record_get(&c, &back), OK);
        CHECK(cursor_done(&c));
        check_same(&r, &back);
        buf_fini(&b);
    }
}

TEST(a_required_field_that_is_missing_is_malformed)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        for (uint32_t count = 0; count <= records[i].required; count++) {
            struct buf b = {0};
            struct record r = record_filled(records[i].type), back;
            put_with_fields(&b, &r, count, 0);
            struct cursor c = cursor_of(buf_bytes(&b));
            CHECK_EQ(record_get(&c, &back), count < records[i].required ? ERR_MALFORMED : OK);
            buf_fini(&b);
        }
    }
}

TEST(a_field_of_another_kind_is_malformed)
{
    for (size_t i = 0; i < LENGTH(fields); i++) {
        unsigned nth = 0;
        for (size_t k = 0; k < i; k++)
            nth += fields[k].type == fields[i].type;
        struct buf b = {0};
        struct record r = record_filled(fields[i].type), back;
        put_with_fields(&b, &r, nth, 1); /* a map where the field would be */
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(record_get(&c, &back), ERR_MALFORMED);
        buf_fini(&b);
    }
}

TEST(a_type_nobody_knows_is_skipped)
{
    static const uint64_t types[] = {0, 15, 63, 127, 128, 1000, UINT64_MAX};
    for (size_t i = 0; i < LENGTH(types); i++) {
        struct buf b = {0};
        struct record r = {.type = REC_ping}, back;
        pack_array(&b, 3);
        pack_uint(&b, types[i]);
        pack_text(&b, "from a newer peer");
        pack_map(&b, 0);
        record_put(&b, &r);
        struct cursor c = cursor_of(buf_bytes(&b));
        CHECK_EQ(record_get(&c, &back), OK);
        CHECK_EQ(back.type, REC_NONE);
        CHECK_EQ(record_get(&c, &back), OK);
        CHECK_EQ(back.type, REC_ping);
        CHECK(cursor_done(&c));
        CHECK_TEXT(record_name((unsigned)types[i]), "unknown");
        buf_fini(&b);
    }
}

TEST(what_is_no_record_is_malformed)
{
    static const struct {
        unsigned char data[12];
        size_t size;
    } wrong[] = {
        {{0x90}, 1},                                       /* no type */
        {{0x06}, 1},                                       /* no array */
        {{0x91, 0xa1, '6'}, 3},                            /* a type that is text */
        {{0x91, 0xff}, 2},                                 /* a negative one */
        {{0xdd, 0xff, 0xff, 0xff, 0xff, 0x06}, 6},         /* 4 G fields */
        {{0x81, 0x06, 0x06}, 3},                           /* a map */
        {{0x93, 20, 1, 0xc4, 7, 0, 0, 0, 0, 0, 0, 0}, 12}, /* an id of 7 bytes */
        {{0x93, 20, 1, 0x05}, 4},                          /* an id that is a number */
    };
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        struct record back;
        struct cursor c = cursor_of(bytes_of(wrong[i].data, wrong[i].size));
        CHECK_EQ(record_get(&c, &back), ERR_MALFORMED);
    }
}

TEST(no_id_is_nil)
{
    struct buf b = {0};
    struct record r = {.type = REC_wait, .wait = {.number = 5}}, back;
    record_put(&b, &r);
    CHECK_BYTES(buf_bytes(&b), bytes_of("\x93\x14\x05\xc0", 4));
    struct cursor c = cursor_of(buf_bytes(&b));
    CHECK_EQ(record_get(&c, &back), OK);
    CHECK_EQ(back.wait.id, 0);
    buf_fini(&b);
}

/* Numbers on the wire are for ever: no two records share one, none is beyond the table. */
TEST(numbers_of_records_are_unlike)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        CHECK(records[i].type > 0 && records[i].type < REC_TYPES);
        CHECK(records[i].required <= fields_of(records[i].type));
        for (size_t k = 0; k < i; k++)
            CHECK(records[i].type != records[k].type);
    }
}

TEST(progress_is_a_map_of_texts_with_room_around_it)
{
    struct buf b = {0};
    CHECK(progress_valid(bytes_of("\x80", 1)));
    CHECK(progress_valid(bytes_of("\x81\xa4"
                                  "done\x03",
                                  7)));
    CHECK(!progress_valid(bytes_of("", 0)));
    CHECK(!progress_valid(bytes_of("\x81\x01\x03", 3)));
    CHECK(!progress_valid(bytes_of("\xa1x", 2)));
    CHECK(!progress_valid(bytes_of("\x80\x80", 2)));
    for (unsigned depth = 1; depth < PACK_DEPTH_MAX; depth++) {
        buf_put(&b, "\x81\xa1x", 3);
        buf_put(&b, "\xc0", 1);
        CHECK_EQ(progress_valid(buf_bytes(&b)), depth <= 27); /* as PROTOCOL.md says */
        b.size--;
    }
    buf_fini(&b);
}

TEST(the_job_that_a_worker_speaks_of_is_found_without_reading_the_record)
{
    for (size_t i = 0; i < LENGTH(records); i++) {
        struct buf b = {0};
        struct record r = record_filled(records[i].type);
        record_put(&b, &r);
        uint64_t id = r.type == REC_result ? r.result.id : r.type == REC_started ? r.started.id : 0;
        CHECK_EQ(record_job(buf_bytes(&b)), id);
        for (size_t size = 0; size < b.size; size++) {
            unsigned char *cut = must_alloc(size + 1); /* reading beyond it is seen */
            memcpy(cut + 1, b.data, size);
            uint64_t found = record_job(bytes_of(cut + 1, size));
            CHECK(found == id || found == 0);
            free(cut);
        }
        buf_fini(&b);
    }
}
