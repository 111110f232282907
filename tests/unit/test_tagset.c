/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tagset.h"

#include <stdio.h>

#include "tests/unit/check.h"

static bool valid(const char *text)
{
    return tagset_valid(bytes_text(text));
}

static bool covers(const char *set, const char *wanted)
{
    return tagset_covers(bytes_text(set), bytes_text(wanted));
}

TEST(there_is_one_text_for_a_set)
{
    CHECK(valid("") && valid("gpu=1") && valid("gpu=") && valid("a=1,b=2") && valid("A=1,a=1"));
    CHECK(valid("a=1,a-b=1,a.b=1") && valid("a=,b=,c=,d=,e=,f=,g=,h="));
    CHECK(!valid("b=2,a=1") && !valid("a=1,a=1") && !valid("a=1,a=2"));
    CHECK(!valid("a") && !valid("=1") && !valid("a=1,") && !valid(",a=1") && !valid(","));
    CHECK(!valid("a=1 ") && !valid("a=b=c") && !valid("a=\xc3\xbc"));
    CHECK(!valid("a=,b=,c=,d=,e=,f=,g=,h=,i="));
    CHECK(!tagset_valid(bytes_of("a=\0", 3)));
}

TEST(words_have_a_length)
{
    char text[80];
    for (int size = 32; size <= 33; size++) {
        snprintf(text, sizeof text, "%0*d=1", size, 7);
        CHECK_EQ(valid(text), size == 32);
        snprintf(text, sizeof text, "a=%0*d", size, 7);
        CHECK_EQ(valid(text), size == 32);
    }
}

TEST(all_that_is_wanted_must_be_there)
{
    CHECK(covers("", "") && covers("a=1", "") && covers("a=1", "a=1"));
    CHECK(covers("a=1,b=2,c=3", "a=1,c=3") && covers("a=1,b=2,c=3", "b=2"));
    CHECK(!covers("", "a=1") && !covers("a=1", "a=2") && !covers("a=1", "a="));
    CHECK(!covers("a=11", "a=1") && !covers("a=1", "a=11") && !covers("a=1,c=3", "a=1,b=2"));
}

TEST(a_set_is_put_together)
{
    static const char *const tags[] = {"m=1", "z=2", "a=3", "n="};
    struct buf set = {0};
    for (size_t i = 0; i < LENGTH(tags); i++)
        CHECK(!tagset_add(&set, bytes_text(tags[i])));
    CHECK_TEXT(buf_text(&set), "a=3,m=1,n=,z=2");
    CHECK_TEXT(tagset_add(&set, bytes_text("m=2")), "each tag once");
    CHECK_TEXT(tagset_add(&set, bytes_text("z=2")), "each tag once");
    CHECK(tagset_add(&set, bytes_text("gpu")) && tagset_add(&set, bytes_text("a,b=1")));
    CHECK_TEXT(buf_text(&set), "a=3,m=1,n=,z=2");
    static const char *const more[] = {"b=", "c=", "d=", "e="};
    for (size_t i = 0; i < LENGTH(more); i++)
        CHECK(!tagset_add(&set, bytes_text(more[i])));
    CHECK_TEXT(tagset_add(&set, bytes_text("f=")), "at most 8 tags");
    CHECK(tagset_valid(buf_bytes(&set)));
    buf_fini(&set);
}

TEST(a_text_in_any_order_becomes_a_set)
{
    struct buf set = {0};
    CHECK(!tagset_read(&set, bytes_text("zone=eu,gpu=1")));
    CHECK_TEXT(buf_text(&set), "gpu=1,zone=eu");
    CHECK(!tagset_read(&set, bytes_text("")));
    CHECK_TEXT(buf_text(&set), "");
    CHECK(tagset_read(&set, bytes_text("a=1,")) && tagset_read(&set, bytes_text("a=1,a=1")));
    CHECK_TEXT(buf_text(&set), "");
    buf_fini(&set);
}
