/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/quota.h"

#include "tests/unit/check.h"

static const char wrong[] = "quotas are like jobs=1000,rate=50,bytes=64M,sessions=10,follows=*";

static struct quotas read(const char *list)
{
    struct quotas q = quotas_usual(true);
    CHECK(!quotas_read(&q, bytes_text(list)));
    return q;
}

/* As it is printed again. */
static void goes_round(const char *list, const char *wanted)
{
    struct quotas q = read(list), usual = quotas_usual(true);
    struct buf out = {0};
    quotas_print(&out, &q, &usual);
    CHECK_TEXT(buf_text(&out), wanted);
    buf_fini(&out);
}

TEST(what_is_not_said_is_as_usual)
{
    struct quotas q = read("rate=50"), usual = quotas_usual(true), none = quotas_usual(false);
    CHECK_EQ(q.of[QUOTA_RATE], 50);
    for (unsigned i = 0; i < QUOTAS; i++) {
        CHECK(i == QUOTA_RATE || q.of[i] == usual.of[i]);
        CHECK(usual.of[i] > 0 && usual.of[i] < QUOTA_NONE && none.of[i] == QUOTA_NONE);
    }
}

TEST(lists_are_printed_as_they_were_read)
{
    goes_round("jobs=1000,rate=50,bytes=64M,sessions=10,follows=*",
               "jobs=1000,rate=50,bytes=64M,sessions=10,follows=*");
    goes_round("follows=0,jobs=*", "jobs=*,follows=0");
    goes_round("jobs=5000000,bytes=1G", ""); /* as usual */
}

TEST(bytes_have_letters)
{
    static const struct {
        const char *list;
        uint64_t bytes;
        const char *printed;
    } rows[] = {{"bytes=0", 0, "bytes=0"},
                {"bytes=1023", 1023, "bytes=1023"},
                {"bytes=1024", 1024, "bytes=1K"},
                {"bytes=1536K", 1536 << 10, "bytes=1536K"},
                {"bytes=2048K", 2 << 20, "bytes=2M"},
                {"bytes=3T", 3ull << 40, "bytes=3T"},
                {"bytes=1024T", QUOTA_BYTES_MAX, "bytes=1024T"},
                {"bytes=*", QUOTA_NONE, "bytes=*"}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        CHECK_EQ(read(rows[i].list).of[QUOTA_BYTES], rows[i].bytes);
        goes_round(rows[i].list, rows[i].printed);
    }
}

TEST(what_is_no_list_is_refused)
{
    static const char *const lists[] = {"",
                                        ",",
                                        "jobs",
                                        "jobs=",
                                        "=1",
                                        "jobs=1,",
                                        ",jobs=1",
                                        "jobs=1,,rate=1",
                                        "jobs=1,jobs=1",
                                        "job=1",
                                        "Jobs=1",
                                        "jobs=-1",
                                        "jobs=+1",
                                        "jobs=1 ",
                                        "jobs= 1",
                                        "jobs=1.5",
                                        "jobs=1K",
                                        "jobs=0x10",
                                        "jobs=**",
                                        "bytes=K",
                                        "bytes=1KB",
                                        "bytes=1k",
                                        "bytes=1KK",
                                        "bytes=1025T",
                                        "bytes=1126000000000000",
                                        "jobs=1000000001",
                                        "jobs=18446744073709551617",
                                        "bytes=18446744073709551617"};
    for (size_t i = 0; i < LENGTH(lists); i++) {
        struct quotas q = quotas_usual(true);
        const char *why = quotas_read(&q, bytes_text(lists[i]));
        if (!why)
            check_failed(__FILE__, __LINE__, "taken: \"%s\"", lists[i]);
        else
            CHECK_TEXT(why, wrong);
    }
    struct quotas q = quotas_usual(true);
    CHECK(quotas_read(&q, bytes_of("bytes=1\0", 8)));
}
