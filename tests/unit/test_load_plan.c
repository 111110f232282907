/* SPDX-License-Identifier: Apache-2.0
 *
 * The load's tasks: same seed, same tasks; shares and range as asked; and the check of answers.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/must.h"
#include "producer/load/answer.h"
#include "producer/load/plan.h"
#include "producer/load/sentence.h"
#include "tests/unit/check.h"

static const struct plan_options usual = {
    .seed = 1, .fibonacci_share = 0.5, .reactor_share = 0.05, .n_least = 100, .n_most = 10000};

static size_t count_same(uint64_t one_seed, uint64_t other_seed)
{
    struct plan_options one = usual, other = usual;
    one.seed = one_seed;
    other.seed = other_seed;
    struct plan a, b;
    plan_init(&a, &one);
    plan_init(&b, &other);
    size_t same = 0;
    for (int i = 0; i < 1000; i++) {
        struct task x, y;
        plan_next(&a, &x);
        plan_next(&b, &y);
        CHECK_EQ(x.number, i + 1);
        same += x.kind == y.kind && strcmp(x.words, y.words) == 0;
    }
    return same;
}

TEST(same_seed_same_load)
{
    CHECK_EQ(count_same(5, 5), 1000);
    CHECK(count_same(5, 6) < 100);
}

TEST(shares_and_range_are_kept)
{
    struct plan p;
    struct task t;
    size_t kinds[TASK_KINDS] = {0};
    plan_init(&p, &usual);
    for (int i = 0; i < 10000; i++) {
        plan_next(&p, &t);
        kinds[t.kind]++;
        if (t.kind != TASK_FIBONACCI)
            continue;
        CHECK(t.n >= 100 && t.n <= 10000);
        CHECK_EQ(atoi(t.words), t.n);
    }
    CHECK(kinds[TASK_FIBONACCI] > 4700 && kinds[TASK_FIBONACCI] < 5300);
    CHECK(kinds[TASK_REACTOR] > 350 && kinds[TASK_REACTOR] < 650);
}

TEST(odds_of_one_and_a_range_of_one)
{
    struct plan_options o = usual;
    o.fibonacci_share = 1;
    o.n_least = o.n_most = 77;
    struct plan p;
    struct task t;
    plan_init(&p, &o);
    for (int i = 0; i < 200; i++) {
        plan_next(&p, &t);
        CHECK_EQ(t.kind, TASK_FIBONACCI);
        CHECK_TEXT(t.words, "77");
        CHECK_TEXT(task_method(&t), "fibonacci_generator.calculate");
    }
}

TEST(sentences_look_like_sentences)
{
    struct random r = {.state = 3};
    for (int i = 0; i < 2000; i++) {
        char text[TASK_WORDS_BYTES];
        sentence_make(&r, text, sizeof text);
        size_t size = strlen(text);
        CHECK(size > 10 && size < sizeof text - 1);
        CHECK(isupper((unsigned char)text[0]));
        CHECK_EQ(text[size - 1], '.');
        for (size_t at = 1; at + 1 < size; at++)
            CHECK(islower((unsigned char)text[at]) || text[at] == ' ' || text[at] == ',');
    }
}

TEST(a_sentence_is_cut_at_its_room)
{
    struct random r = {.state = 3};
    for (int i = 0; i < 200; i++) {
        char text[12];
        sentence_make(&r, text, sizeof text);
        CHECK(strlen(text) < sizeof text);
        CHECK_EQ(text[strlen(text) - 1], '.');
    }
}

TEST(fibonacci_modulo_agrees_with_adding)
{
    const uint64_t prime = (UINT64_C(1) << 61) - 1;
    uint64_t a = 0, b = 1;
    for (uint64_t n = 0; n < 3000; n++) {
        CHECK(answer_fibonacci(n) == a);
        uint64_t next = (a + b) % prime;
        a = b;
        b = next;
    }
}

static enum answer check(enum task_kind kind, uint64_t n, const char *text)
{
    struct task t = {.kind = kind, .n = n};
    return answer_check(&t, bytes_text(text));
}

TEST(right_and_wrong_fibonacci)
{
    CHECK_EQ(check(TASK_FIBONACCI, 1, "1"), ANSWER_RIGHT);
    CHECK_EQ(check(TASK_FIBONACCI, 100, "354224848179261915075"), ANSWER_RIGHT);
    CHECK_EQ(check(TASK_FIBONACCI, 100, "354224848179261915076"), ANSWER_WRONG);
    CHECK_EQ(check(TASK_FIBONACCI, 99, "354224848179261915075"), ANSWER_WRONG);
    CHECK_EQ(check(TASK_FIBONACCI, 100, "0354224848179261915075"), ANSWER_WRONG);
    CHECK_EQ(check(TASK_FIBONACCI, 100, "no such method"), ANSWER_ERROR);
    CHECK_EQ(check(TASK_FIBONACCI, 100, ""), ANSWER_ERROR);
}

TEST(right_and_wrong_polarity)
{
    CHECK_EQ(check(TASK_POLARITY, 0, "0"), ANSWER_RIGHT);
    CHECK_EQ(check(TASK_POLARITY, 0, "-0.75"), ANSWER_RIGHT);
    CHECK_EQ(check(TASK_POLARITY, 0, "1.01"), ANSWER_WRONG);
    CHECK_EQ(check(TASK_POLARITY, 0, "nan"), ANSWER_WRONG);
    CHECK_EQ(check(TASK_POLARITY, 0, "unknown handler"), ANSWER_ERROR);
}

TEST(right_and_wrong_reactor)
{
    CHECK_EQ(check(TASK_REACTOR, 0,
                   "{\"session\":\"\",\"cvs\":{\"XA\":0.087481,\"XB\":0.389604,\"XC\":0.015310,"
                   "\"XE\":0.290608,\"XG\":0.107540,\"XP\":0.109457},\"message\":\"\"}"),
             ANSWER_RIGHT);
    CHECK_EQ(check(TASK_REACTOR, 0,
                   "{\"cvs\":{\"XA\":0.1,\"XB\":0.1,\"XC\":0.1,\"XE\":0.1,\"XG\":0.1,\"XP\":0.1}}"),
             ANSWER_WRONG);
    CHECK_EQ(check(TASK_REACTOR, 0, "{\"cvs\":{\"XA\":1}}"), ANSWER_WRONG);
    CHECK_EQ(check(TASK_REACTOR, 0, "{}"), ANSWER_ERROR);
    CHECK_EQ(check(TASK_REACTOR, 0, "no steady state"), ANSWER_ERROR);
}
