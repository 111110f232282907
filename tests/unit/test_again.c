/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of records in their short form, and what they are read as.
 */
#include "proto/again.h"
#include "tests/unit/check.h"

struct line {
    struct again again;
    uint32_t mark;           /* of the record said last, in this frame */
    struct buf frame, whole; /* as it is said; what was meant */
    size_t last;             /* bytes of the record said last */
};

/* As an outbox does. */
static void say_made(struct line *l, const struct said *said, struct bytes both)
{
    bool brief = said->brief && l->mark && said->mark == l->mark + 1;
    struct bytes whole = bytes_of((const char *)both.data + said->brief, both.size - said->brief);
    l->last = brief ? said->brief : whole.size;
    l->mark = said->mark;
    buf_put(&l->frame, brief ? both.data : whole.data, l->last);
    buf_put(&l->whole, whole.data, whole.size);
}

static void say(struct line *l, const struct record *r)
{
    struct buf both = {0}, plain = {0};
    struct said said = again_put(&l->again, &both, r);
    record_put(&plain, r);
    CHECK_BYTES(bytes_of(both.data + said.brief, both.size - said.brief), buf_bytes(&plain));
    say_made(l, &said, buf_bytes(&both));
    buf_fini(&both);
    buf_fini(&plain);
}

static bool is_short(const struct line *l)
{
    return l->last < 12;
}

/* What is read is what was meant. */
static void hear(struct line *l)
{
    struct cursor c = cursor_of(buf_bytes(&l->frame));
    struct buf heard = {0};
    struct record r = {.type = REC_NONE};
    while (!cursor_done(&c)) {
        CHECK_EQ(record_next(&c, &r), OK);
        record_put(&heard, &r);
    }
    CHECK_BYTES(buf_bytes(&heard), buf_bytes(&l->whole));
    buf_fini(&heard);
    buf_clear(&l->frame);
    buf_clear(&l->whole);
    l->mark = 0;
}

static void line_fini(struct line *l)
{
    buf_fini(&l->frame);
    buf_fini(&l->whole);
}

static struct record submit_of(uint64_t number, const char *args)
{
    return (struct record){.type = REC_submit,
                           .submit = {.number = number,
                                      .queue = bytes_text("bench.noop"),
                                      .args = bytes_text(args),
                                      .durability = CLASS_RECEIVED}};
}

static struct record ended_of(uint64_t number, const char *value, uint64_t run_us)
{
    return (struct record){.type = REC_ended,
                           .ended = {.number = number,
                                     .id = 0x8000000000 + number,
                                     .state = JOB_OK,
                                     .value = bytes_text(value),
                                     .worker = bytes_text("worker"),
                                     .run_us = run_us,
                                     .attempts = 1}};
}

TEST(a_row_of_like_records_takes_two_bytes_each)
{
    struct line l = {0};
    for (uint64_t n = 1; n <= 100; n++) {
        struct record r = ended_of(n, "v", 0);
        say(&l, &r);
        CHECK(n == 1 ? l.last > 20 : l.last == 2);
    }
    hear(&l);
    line_fini(&l);
}

TEST(values_and_times_of_their_own_are_said)
{
    struct line l = {0};
    static const char *const values[] = {"a", "b", "b", "longer", "", "", "c"};
    for (size_t i = 0; i < LENGTH(values); i++) {
        struct record r = ended_of(i + 1, values[i], i % 3 * 200);
        say(&l, &r);
        CHECK_EQ(is_short(&l), i > 0 && i != 4); /* one that has lost its value is said whole */
    }
    hear(&l);
    for (size_t i = 0; i < LENGTH(values); i++) {
        struct record r = submit_of(i + 1, values[i]);
        say(&l, &r);
        CHECK_EQ(is_short(&l), i > 0 && *values[i]);
    }
    hear(&l);
    line_fini(&l);
}

TEST(leases_and_results_have_rows_too)
{
    struct line l = {0};
    for (uint64_t n = 1; n < 10; n++) {
        struct record r = {.type = REC_lease,
                           .lease = {.id = (1 << 20) + n, .token = 7, .args = bytes_text("x")}};
        say(&l, &r);
        CHECK_EQ(l.last <= 5, n > 1);
    }
    hear(&l);
    for (uint64_t n = 1; n < 10; n++) {
        struct record r = {.type = REC_result,
                           .result = {.number = n,
                                      .id = (1 << 20) + n,
                                      .token = 7,
                                      .value = bytes_text("y"),
                                      .run_us = n == 5 ? 3 : 0}};
        say(&l, &r);
        CHECK_EQ(l.last <= 5, n > 1);
    }
    hear(&l);
    line_fini(&l);
}

TEST(a_number_that_takes_another_byte_is_said_whole)
{
    static const uint64_t from[] = {120, 250, 65530, UINT32_MAX - 5};
    struct line l = {0};
    for (size_t i = 0; i < LENGTH(from); i++) {
        unsigned whole = 0;
        for (uint64_t n = from[i]; n < from[i] + 20; n++) {
            struct record r = ended_of(n, "v", 0);
            say(&l, &r);
            whole += l.last > 2;
        }
        CHECK_EQ(whole, 2);
        hear(&l);
    }
    line_fini(&l);
}

TEST(each_frame_begins_with_a_whole_record)
{
    struct line l = {0};
    struct record first = ended_of(1, "v", 0), second = ended_of(2, "v", 0);
    say(&l, &first);
    hear(&l);
    say(&l, &second);
    CHECK(l.last > 20);
    hear(&l);
    line_fini(&l);
}

TEST(what_comes_between_ends_a_row)
{
    static const struct record ping = {.type = REC_ping};
    struct line l = {0};
    struct record first = ended_of(1, "v", 0), second = ended_of(2, "v", 0);
    say(&l, &first);
    say(&l, &ping);
    say(&l, &second);
    CHECK(l.last > 20);
    hear(&l);
    say(&l, &first);
    l.mark = 0; /* one that was put without asking */
    say(&l, &second);
    CHECK(l.last > 20);
    line_fini(&l);
}

/* A row in which now and then anything changes. */
static void stray(struct record *r, uint64_t *seed)
{
    static const char *const words[] = {"", "a", "bc", "a longer one", "\x01\x02"};
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    unsigned draw = (unsigned)(*seed >> 40);
    struct bytes word = bytes_text(words[draw / 16 % LENGTH(words)]);
    r->ended.number++;
    r->ended.id++;
    switch (draw % 16) {
    case 0: r->ended.number += draw; break;
    case 1: r->ended.id += draw; break;
    case 2: r->ended.state = draw % 7; break;
    case 3:
    case 4: r->ended.value = word; break;
    case 5: r->ended.worker = word; break;
    case 6:
    case 7: r->ended.run_us = draw; break;
    case 8: r->ended.run_us = 0; break;
    case 9: r->ended.reason = draw % 3; break;
    case 10: r->ended.attempts = draw % 2; break;
    default: break;
    }
}

TEST(whatever_changes_is_heard)
{
    struct line l = {0};
    uint64_t seed = 7;
    struct record r = ended_of(1, "v", 0);
    for (int frame = 0; frame < 200; frame++) {
        for (int i = 0; i < 50; i++) {
            say(&l, &r);
            stray(&r, &seed);
        }
        hear(&l);
    }
    line_fini(&l);
}

TEST(long_records_and_others_are_left_alone)
{
    char args[AGAIN_BYTES_MAX];
    memset(args, 'x', sizeof args);
    struct line l = {0};
    for (uint64_t n = 1; n < 4; n++) {
        struct record r = submit_of(n, "");
        r.submit.args = bytes_of(args, sizeof args);
        say(&l, &r);
        CHECK(l.last > sizeof args);
        r = (struct record){.type = REC_ack, .ack = {.number = n}};
        say(&l, &r);
        CHECK(l.last > 2);
    }
    hear(&l);
    line_fini(&l);
}

TEST(the_short_form_alone_is_malformed)
{
    static const struct record ping = {.type = REC_ping};
    struct buf b = {0};
    struct record r = {.type = REC_NONE};
    struct cursor c = cursor_of(bytes_of("\x91\x0a", 2));
    CHECK_EQ(record_next(&c, &r), ERR_MALFORMED);
    record_put(&b, &ping);
    buf_put(&b, "\x91\x0a", 2);
    c = cursor_of(buf_bytes(&b));
    CHECK_EQ(record_next(&c, &r), OK);
    CHECK_EQ(record_next(&c, &r), ERR_MALFORMED);
    buf_clear(&b);
    r = ended_of(1, "v", 0);
    record_put(&b, &r);
    buf_put(&b, "\xdc\x00\x01\x0a", 4); /* in more bytes than it takes */
    c = cursor_of(buf_bytes(&b));
    CHECK_EQ(record_next(&c, &r), OK);
    CHECK_EQ(record_next(&c, &r), ERR_MALFORMED);
    buf_fini(&b);
}

TEST(fields_that_a_later_release_adds_are_passed_over)
{
    struct buf b = {0};
    struct record r = ended_of(1, "v", 0);
    record_put(&b, &r);
    buf_put(&b, "\x94\x0a\xc4\x01w\x05\xa3new", 10);
    struct cursor c = cursor_of(buf_bytes(&b));
    CHECK_EQ(record_next(&c, &r), OK);
    CHECK_EQ(record_next(&c, &r), OK);
    CHECK(cursor_done(&c));
    CHECK_EQ(r.ended.number, 2);
    CHECK_EQ(r.ended.run_us, 5);
    CHECK_BYTES(r.ended.value, bytes_text("w"));
    buf_fini(&b);
}

/* Of a lease that comes behind another nobody needs the whole. */
TEST(short_leases_alone_and_both_forms_mix)
{
    static const char *const args[] = {"a", "a", "b", "b", "c", "cd", "cd", "a"};
    struct line l = {0};
    struct buf both = {0};
    for (uint64_t n = 0; n < 800; n++) {
        struct msg_lease m = {
            .id = (1 << 20) + n, .token = 7, .args = bytes_text(args[n / 3 % LENGTH(args)])};
        struct said said = {0};
        buf_clear(&both);
        if (n % 5)
            said.brief = again_brief_lease(&l.again, &both, &m);
        size_t alone = said.brief;
        if (alone)
            put_lease(&both, &m);
        else
            said = again_put_lease(&l.again, &both, &m);
        said.mark = l.again.mark;
        CHECK_EQ(said.brief != 0, n != 0);
        say_made(&l, &said, buf_bytes(&both));
        buf_clear(&both);
        put_lease(&both, &m); /* the whole is always the same */
        CHECK_BYTES(bytes_of(l.whole.data + l.whole.size - both.size, both.size), buf_bytes(&both));
    }
    hear(&l);
    buf_fini(&both);
    line_fini(&l);
}

/* Where the number takes more bytes the whole may be wanted. */
TEST(short_results_alone_and_both_forms_mix)
{
    struct line l = {0};
    struct buf both = {0};
    unsigned whole = 0;
    for (uint64_t n = 0; n < 140000; n++) {
        struct msg_result m = {.number = 1 + n,
                               .id = (1 << 20) + n,
                               .token = 7,
                               .value = bytes_text(n / 3 % 2 ? "a" : "b"),
                               .run_us = n / 5 % 3};
        struct said said = {0};
        buf_clear(&both);
        if (n % 7)
            said.brief = again_brief_result(&l.again, &both, &m);
        if (said.brief)
            put_result(&both, &m);
        else
            said = again_put_result(&l.again, &both, &m);
        said.mark = l.again.mark;
        whole += said.brief == 0;
        say_made(&l, &said, buf_bytes(&both));
        buf_clear(&both);
        put_result(&both, &m);
        CHECK_BYTES(bytes_of(l.whole.data + l.whole.size - both.size, both.size), buf_bytes(&both));
    }
    CHECK(whole > 0 && whole <= 4);
    hear(&l);
    buf_fini(&both);
    line_fini(&l);
}

TEST(a_broken_row_has_no_short_form_alone)
{
    struct line l = {0};
    struct buf out = {0};
    struct msg_lease m = {.id = 8, .token = 7, .args = bytes_text("a")};
    CHECK_EQ(again_brief_lease(&l.again, &out, &m), 0);
    CHECK_EQ(again_put_lease(&l.again, &out, &m).brief, 0);
    size_t size = out.size;
    m.id = 10;
    CHECK_EQ(again_brief_lease(&l.again, &out, &m), 0);
    m.id = 9;
    m.token = 8;
    CHECK_EQ(again_brief_lease(&l.again, &out, &m), 0);
    CHECK_EQ(out.size, size);
    m.token = 7;
    CHECK_EQ(again_brief_lease(&l.again, &out, &m), 5);
    buf_fini(&out);
}

TEST(a_large_value_ends_a_row)
{
    static const struct {
        size_t size;
        bool brief;
    } rows[] = {{1, false}, {1 << 20, false}, {3, false}, {220, true},
                {1, true},  {250, false},     {1, false}, {1, true}};
    struct again again = {0};
    struct buf out = {0};
    void *args = must_alloc(1 << 20);
    for (uint64_t n = 0; n < LENGTH(rows); n++) {
        struct msg_lease m = {.id = 7 + n, .token = 7, .args = bytes_of(args, rows[n].size)};
        CHECK_EQ(again_put_lease(&again, &out, &m).brief != 0, rows[n].brief);
        m.id++;
        m.args.size = 1 << 20;
        CHECK_EQ(again_brief_lease(&again, &out, &m), 0);
    }
    free(args);
    buf_fini(&out);
}
