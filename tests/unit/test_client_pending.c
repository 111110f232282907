/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's submissions under their numbers: against a model, through settling in any order,
 * lost connections, and brokers that have forgotten some or all of them.
 */
#include "common/random.h"
#include "producer/client/acks.h"
#include "producer/client/pending.h"
#include "proto/record.h"
#include "tests/unit/check.h"

/* Some in a row are of one priority, then of the other: by their numbers, so that one with another
 * number says still what it did. */
static int64_t priority_of(uint64_t told)
{
    return told / 3 % 2 ? 0 : 7;
}

static uint64_t add(struct pending *p, uint64_t told, struct bytes args)
{
    struct msg_submit m = {
        .number = told, .queue = bytes_text("a.b"), .args = args, .priority = priority_of(told)};
    uint64_t number = p->next;
    pending_terms(p, &m);
    pending_add(p, args)->told = told;
    return number;
}

static uint64_t add_small(struct pending *p, uint64_t told)
{
    return add(p, told, bytes_of(&told, sizeof told));
}

/* Sends one: its number, 0 when none is left. The arguments say who it is. */
static uint64_t send(struct pending *p, uint64_t *told)
{
    struct sending at = {0};
    if (!pending_send(p, &at))
        return 0;
    CHECK_BYTES(at.submit.queue, bytes_text("a.b"));
    memcpy(told, at.submit.args.data, sizeof *told);
    CHECK_EQ(at.submit.priority, priority_of(*told));
    return at.submit.number;
}

TEST(numbers_are_sent_once_each_in_order)
{
    struct pending p;
    uint64_t told = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 1000; i++)
        CHECK_EQ(add_small(&p, i), i);
    for (uint64_t i = 1; i <= 1000; i++) {
        CHECK_EQ(send(&p, &told), i);
        CHECK_EQ(told, i);
    }
    CHECK_EQ(send(&p, &told), 0);
    CHECK_EQ(add_small(&p, 1001), 1001);
    CHECK_EQ(send(&p, &told), 1001);
    pending_fini(&p);
}

TEST(a_run_says_each_with_its_own_terms)
{
    struct pending p;
    struct sending at = {0};
    uint64_t told = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 1000; i++)
        add_small(&p, i);
    for (uint64_t i = 1; i <= 1000; i++) {
        CHECK(pending_send(&p, &at));
        memcpy(&told, at.submit.args.data, sizeof told);
        CHECK(at.submit.number == i && told == i);
        CHECK_EQ(at.submit.priority, priority_of(i));
    }
    CHECK(!pending_send(&p, &at));
    pending_fini(&p);
}

/* What a broker reads that is sent one with all that can be said behind it in so much room. */
static unsigned send_row(struct pending *p, struct record *r, size_t room, uint64_t *told)
{
    struct sending at = {0};
    struct buf out = {0};
    unsigned count = 0;
    if (pending_send(p, &at))
        put_submit(&out, &at.submit);
    struct bytes row = out.size ? pending_send_again(p, room) : bytes_of(NULL, 0);
    CHECK(row.size <= room);
    buf_put(&out, row.data, row.size);
    struct cursor c = cursor_of(buf_bytes(&out));
    r->type = REC_NONE;
    for (; !cursor_done(&c); count++) {
        CHECK_EQ(record_next(&c, r), OK);
        memcpy(&told[count], r->submit.args.data, sizeof *told);
        CHECK_EQ(r->submit.number, at.submit.number + count);
        CHECK_EQ(r->submit.priority, priority_of(told[count]));
    }
    buf_fini(&out);
    return count;
}

TEST(what_says_the_same_is_sent_as_one_row)
{
    struct pending p;
    struct record r;
    uint64_t told[3] = {0}, next = 1;
    pending_init(&p);
    for (uint64_t i = 1; i <= 1000; i++)
        add_small(&p, i);
    while (next <= 1000) {
        uint64_t end = (next / 3 + 1) * 3, chunk_end = (next / CHUNK_NUMBERS + 1) * CHUNK_NUMBERS;
        end = end < chunk_end ? end : chunk_end;
        end = end < 1001 ? end : 1001;
        CHECK_EQ(send_row(&p, &r, SIZE_MAX, told), end - next);
        for (uint64_t i = 0; next < end; i++)
            CHECK_EQ(told[i], next++);
    }
    CHECK_EQ(send_row(&p, &r, SIZE_MAX, told), 0);
    pending_fini(&p);
}

TEST(a_row_ends_with_the_room_and_goes_on_later)
{
    enum { SHORT = 4 + sizeof(uint64_t) }; /* the short form of one */
    struct pending p;
    struct record r;
    uint64_t told[3] = {0};
    pending_init(&p);
    for (uint64_t i = 3; i <= 5; i++) /* of like terms */
        add_small(&p, i);
    CHECK_EQ(send_row(&p, &r, 2 * SHORT - 1, told), 2);
    CHECK(told[0] == 3 && told[1] == 4);
    CHECK_EQ(send_row(&p, &r, SIZE_MAX, told), 1);
    CHECK_EQ(told[0], 5);
    pending_resume(&p, 0);
    CHECK_EQ(send_row(&p, &r, 0, told), 1);
    CHECK_EQ(send_row(&p, &r, 2 * SHORT, told), 2);
    CHECK(told[0] == 4 && told[1] == 5);
    pending_fini(&p);
}

TEST(no_row_goes_over_a_settled_one)
{
    struct pending p;
    struct record r;
    struct submission s;
    uint64_t told[3] = {0};
    pending_init(&p);
    for (uint64_t i = 3; i <= 5; i++) /* of like terms */
        add_small(&p, i);
    CHECK(pending_settle(&p, 2, &s));
    CHECK_EQ(send_row(&p, &r, SIZE_MAX, told), 1);
    CHECK_EQ(told[0], 3);
    CHECK_EQ(send_row(&p, &r, SIZE_MAX, told), 1);
    CHECK_EQ(told[0], 5);
    pending_fini(&p);
}

TEST(no_row_goes_over_a_large_one)
{
    struct pending p;
    struct record r;
    struct buf large = {0};
    uint64_t told[3] = {0};
    pending_init(&p);
    uint64_t who[512] = {4};
    buf_put(&large, who, sizeof who);
    add_small(&p, 3);
    add(&p, 4, buf_bytes(&large)); /* of like terms */
    add_small(&p, 5);
    for (uint64_t i = 3; i <= 5; i++) {
        CHECK_EQ(send_row(&p, &r, SIZE_MAX, told), 1);
        CHECK_EQ(told[0], i);
    }
    pending_fini(&p);
    buf_fini(&large);
}

TEST(terms_that_come_back_are_kept_once)
{
    struct pending p;
    pending_init(&p);
    add_small(&p, 3);
    size_t before_bytes = p.chunks[0]->bytes.size;
    add_small(&p, 4);
    add_small(&p, 5);
    size_t each = (p.chunks[0]->bytes.size - before_bytes) / 2;
    CHECK_EQ(each, 4 + sizeof(uint64_t));
    pending_fini(&p);
}

TEST(flags_come_to_the_terms_of_one_only)
{
    struct pending p;
    struct sending at = {0};
    pending_init(&p);
    for (uint64_t i = 3; i <= 5; i++) /* of like terms */
        add_small(&p, i);
    CHECK_EQ(pending_again(&p, 2, SUBMIT_WAIT_FOR_HANDLER), 4);
    add_small(&p, 9);
    static const uint64_t numbers[] = {1, 3, 4, 5}, flags[] = {0, 0, SUBMIT_WAIT_FOR_HANDLER, 0};
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        CHECK(pending_send(&p, &at));
        CHECK_EQ(at.submit.number, numbers[i]);
        CHECK_EQ(at.submit.flags, flags[i]);
    }
    pending_fini(&p);
}

TEST(large_arguments_are_kept_whole)
{
    struct pending p;
    struct buf large = {0};
    pending_init(&p);
    memset(buf_extend(&large, 1 << 20), 'x', 1 << 20);
    add(&p, 1, buf_bytes(&large));
    add_small(&p, 2);
    for (int round = 0; round < 2; round++) {
        struct sending at = {0};
        CHECK(pending_send(&p, &at));
        CHECK_BYTES(at.submit.args, buf_bytes(&large));
        pending_resume(&p, (uint64_t)round); /* the second time it is known already */
    }
    pending_fini(&p);
    buf_fini(&large);
}

TEST(a_known_broker_gets_the_unsettled_again_under_their_numbers)
{
    struct pending p;
    struct submission s;
    uint64_t told = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 6; i++)
        add_small(&p, i);
    while (send(&p, &told))
        ;
    CHECK(pending_settle(&p, 2, &s));
    CHECK(!pending_settle(&p, 2, &s));
    CHECK(pending_settle(&p, 4, &s));
    CHECK(!pending_gapped(&p, 4)); /* 5 and 6 were lost on the way */
    pending_resume(&p, 4);
    static const uint64_t again[] = {1, 3, 5, 6};
    for (size_t i = 0; i < LENGTH(again); i++) {
        CHECK_EQ(send(&p, &told), again[i]);
        CHECK_EQ(told, again[i]);
    }
    CHECK_EQ(send(&p, &told), 0);
    CHECK_EQ(add_small(&p, 7), 7);
    pending_fini(&p);
}

TEST(a_broker_without_memory_gets_them_from_1)
{
    struct pending p;
    struct submission s;
    uint64_t told = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 700; i++)
        add_small(&p, i);
    for (uint64_t i = 1; i <= 700; i++)
        if (i != 5 && i != 300 && i != 650)
            CHECK(pending_settle(&p, i, &s));
    CHECK(pending_gapped(&p, 0));
    pending_resume(&p, 0);
    CHECK_EQ(p.count, 3);
    static const uint64_t want[] = {5, 300, 650};
    for (uint64_t i = 0; i < LENGTH(want); i++) {
        CHECK_EQ(send(&p, &told), i + 1);
        CHECK_EQ(told, want[i]);
    }
    CHECK_EQ(add_small(&p, 701), 4);
    pending_fini(&p);
}

TEST(a_broker_that_has_lost_the_last_ones)
{
    struct pending p;
    struct submission s;
    uint64_t told = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 6; i++)
        add_small(&p, i);
    CHECK(pending_settle(&p, 1, &s) && pending_settle(&p, 4, &s));
    CHECK(pending_gapped(&p, 3)); /* it wants a 4, which is settled */
    pending_resume(&p, 3);
    static const uint64_t numbers[] = {2, 3, 4, 5}, who[] = {2, 3, 5, 6};
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        CHECK_EQ(send(&p, &told), numbers[i]);
        CHECK_EQ(told, who[i]);
    }
    CHECK_EQ(add_small(&p, 7), 6);
    pending_fini(&p);
}

TEST(settled_numbers_that_the_broker_has_lost_are_a_gap_too)
{
    struct pending p;
    struct submission s;
    pending_init(&p);
    add_small(&p, 1);
    add_small(&p, 2);
    CHECK(pending_settle(&p, 1, &s) && pending_settle(&p, 2, &s));
    CHECK(!pending_gapped(&p, 2));
    CHECK(pending_gapped(&p, 0));
    pending_resume(&p, 0);
    CHECK_EQ(add_small(&p, 3), 1);
    pending_fini(&p);
}

TEST(what_was_busy_gets_a_number_behind_the_others)
{
    struct pending p;
    uint64_t told = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 3; i++)
        add_small(&p, i);
    CHECK_EQ(send(&p, &told), 1);
    CHECK_EQ(pending_again(&p, 1, 0), 4);
    CHECK_EQ(pending_again(&p, 1, 0), 0);
    static const uint64_t numbers[] = {2, 3, 4}, who[] = {2, 3, 1};
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        CHECK_EQ(send(&p, &told), numbers[i]);
        CHECK_EQ(told, who[i]);
    }
    CHECK_EQ(pending_floor(&p), 2);
    pending_fini(&p);
}

TEST(a_straggler_holds_its_chunk_only)
{
    struct pending p;
    struct submission s;
    size_t chunks = 0;
    pending_init(&p);
    for (uint64_t i = 1; i <= 100000; i++) {
        uint64_t number = add_small(&p, i);
        if (i != 1)
            CHECK(pending_settle(&p, number, &s));
    }
    for (size_t i = 0; i <= p.mask; i++)
        chunks += p.chunks[i] != NULL;
    CHECK(chunks <= 2);
    CHECK_EQ(pending_floor(&p), 1);
    CHECK(pending_settle(&p, 1, &s));
    CHECK_EQ(pending_floor(&p), p.next);
    CHECK_EQ(p.count, 0);
    pending_fini(&p);
}

/* The model: who has which number, who was sent. */
enum { MODEL = 4000 };
struct model {
    uint64_t number[MODEL + 1]; /* by told; 0: settled */
    bool sent[MODEL + 1];
    uint64_t told, next;
};

static uint64_t model_of(const struct model *m, uint64_t number)
{
    for (uint64_t t = 1; t <= m->told; t++)
        if (m->number[t] == number)
            return t;
    return 0;
}

static void model_check(const struct model *m, struct pending *p)
{
    uint64_t floor = m->next, count = 0;
    for (uint64_t t = 1; t <= m->told; t++) {
        if (!m->number[t])
            continue;
        const struct submission *s = pending_find(p, m->number[t]);
        CHECK(s && s->told == t);
        count++;
        if (m->number[t] < floor)
            floor = m->number[t];
    }
    CHECK_EQ(p->count, count);
    CHECK_EQ(p->next, m->next);
    CHECK_EQ(pending_floor(p), floor);
}

static void model_resume(struct model *m, uint64_t last)
{
    uint64_t order[MODEL], count = 0, next = last + 1;
    for (uint64_t n = last + 1; n < m->next; n++) {
        uint64_t t = model_of(m, n);
        if (t)
            order[count++] = t;
    }
    for (uint64_t i = 0; i < count; i++)
        m->number[order[i]] = next++;
    m->next = next;
    memset(m->sent, 0, sizeof m->sent);
}

TEST(random_lives_agree_with_the_model)
{
    static struct model m;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct random r = {.state = seed};
        struct pending p;
        struct submission s;
        uint64_t told = 0, number;
        m = (struct model){.next = 1};
        pending_init(&p);
        while (m.told < MODEL) {
            switch (random_below(&r, 600) == 0 ? 9 : random_below(&r, 8)) {
            case 0:
            case 1:
            case 2:
                m.told++;
                m.number[m.told] = add_small(&p, m.told);
                CHECK_EQ(m.number[m.told], m.next++);
                break;
            case 3:
            case 4:
            case 5: /* mostly near the floor */
                number = pending_floor(&p) + random_below(&r, random_below(&r, 20) ? 8 : 1000);
                told = model_of(&m, number);
                CHECK_EQ(pending_settle(&p, number, &s), told != 0);
                if (told) {
                    CHECK_EQ(s.told, told);
                    m.number[told] = 0;
                }
                break;
            case 6:
                number = send(&p, &told);
                if (number) {
                    CHECK_EQ(m.number[told], number);
                    CHECK(!m.sent[told]);
                    m.sent[told] = true;
                }
                break;
            case 7:
                number = pending_floor(&p) + random_below(&r, 4);
                told = model_of(&m, number);
                CHECK_EQ(pending_again(&p, number, 0), told ? m.next : 0);
                if (told) {
                    m.number[told] = m.next++;
                    m.sent[told] = false;
                }
                break;
            default: { /* the broker remembers all, some or nothing */
                uint64_t back = random_below(&r, 3) ? random_below(&r, 300) : m.next;
                uint64_t last = back < m.next ? m.next - 1 - back : 0;
                model_resume(&m, last);
                pending_resume(&p, last);
                break;
            }
            }
            if (m.told % 16 == 0)
                model_check(&m, &p);
        }
        model_check(&m, &p);
        pending_fini(&p);
    }
}

/* --- acks ------------------------------------------------------------------------------------ */

TEST(acknowledgements_are_ranges)
{
    struct acks a = {0};
    struct buf b = {0};
    struct record r;
    static const uint64_t numbers[] = {5, 6, 7, 10, 9, 11, 6};
    for (size_t i = 0; i < LENGTH(numbers); i++)
        CHECK(acks_add(&a, numbers[i]));
    acks_put(&a, 5, &b);
    CHECK_EQ(a.count, 0);
    struct cursor c = cursor_of(buf_bytes(&b));
    CHECK_EQ(record_get(&c, &r), OK);
    CHECK(r.ack.number == 5 && r.ack.count == 3 && r.ack.floor == 5);
    CHECK_EQ(record_get(&c, &r), OK);
    CHECK(r.ack.number == 9 && r.ack.count == 3 && r.ack.floor == 5);
    CHECK(cursor_done(&c));
    buf_fini(&b);
}

TEST(acknowledgements_have_a_limit_and_lose_nothing)
{
    struct acks a = {0};
    struct buf b = {0};
    struct record r;
    bool seen[1001] = {false};
    for (uint64_t i = 1000; i > 0; i--) {
        uint64_t number = i * 5 % 1001;
        if (!acks_add(&a, number)) {
            acks_put(&a, 1, &b);
            CHECK(acks_add(&a, number));
        }
    }
    acks_put(&a, 1, &b);
    struct cursor c = cursor_of(buf_bytes(&b));
    while (!cursor_done(&c)) {
        CHECK_EQ(record_get(&c, &r), OK);
        uint64_t count = r.ack.count ? r.ack.count : 1;
        for (uint64_t n = r.ack.number; n < r.ack.number + count; n++)
            seen[n] = true;
    }
    for (uint64_t n = 1; n <= 1000; n++)
        CHECK(seen[n]);
    buf_fini(&b);
}
