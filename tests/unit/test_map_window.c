/* SPDX-License-Identifier: Apache-2.0
 *
 * map's window: every line comes back once, in order or as it ended, and there are never more of
 * them than the limits allow.
 */
#include <stdio.h>

#include "common/must.h"
#include "common/random.h"
#include "producer/cli/window.h"
#include "tests/unit/check.h"

static void end_with(struct window_slot *slot, int exit_code, const char *text)
{
    struct buf b = {0};
    buf_put(&b, text, strlen(text));
    window_end(slot, exit_code, &b);
    CHECK_EQ(b.size, 0); /* taken */
}

static void expect(struct window *w, uint64_t line, const char *text)
{
    struct window_slot *slot = window_next(w);
    CHECK(slot);
    CHECK_EQ(slot->line, line);
    CHECK_BYTES(buf_bytes(&slot->text), bytes_text(text));
    window_release(w, slot);
}

TEST(ordered_a_later_line_waits_for_an_earlier_one)
{
    struct window w;
    window_init(&w, true);
    struct window_slot *a = window_open(&w, 1), *b = window_open(&w, 1), *c = window_open(&w, 1);
    end_with(c, 0, "third");
    CHECK(window_next(&w) == NULL);
    end_with(a, 0, "first");
    expect(&w, 1, "first");
    CHECK(window_next(&w) == NULL);
    end_with(b, 1, "second");
    CHECK_EQ(window_next(&w)->exit_code, 1);
    expect(&w, 2, "second");
    expect(&w, 3, "third");
    CHECK(window_next(&w) == NULL);
    CHECK(window_empty(&w));
    window_fini(&w);
}

TEST(unordered_lines_come_as_they_end)
{
    struct window w;
    window_init(&w, false);
    struct window_slot *a = window_open(&w, 1), *b = window_open(&w, 1), *c = window_open(&w, 1);
    end_with(c, 0, "third");
    end_with(a, 0, "first");
    expect(&w, 3, "third");
    expect(&w, 1, "first");
    CHECK(window_next(&w) == NULL);
    end_with(b, 0, "second");
    expect(&w, 2, "second");
    CHECK(window_empty(&w));
    window_fini(&w);
}

TEST(a_slow_line_stops_the_input_when_order_is_kept_and_not_otherwise)
{
    for (int ordered = 0; ordered < 2; ordered++) {
        struct window w;
        window_init(&w, ordered);
        window_open(&w, 1); /* never ends */
        size_t done = 0;
        while (window_room(&w) && done < 3 * WINDOW_SLOTS) {
            end_with(window_open(&w, 1), 0, "x");
            done++;
            while (!ordered && window_next(&w))
                window_release(&w, window_next(&w));
        }
        CHECK_EQ(done, ordered ? WINDOW_SLOTS - 1 : 3 * WINDOW_SLOTS);
        window_fini(&w);
    }
}

TEST(room_grows_with_the_ends)
{
    struct window w;
    window_init(&w, true);
    CHECK_EQ(window_room(&w), WINDOW_FIRST);
    for (int i = 0; i < 10; i++)
        window_open(&w, 1);
    CHECK_EQ(window_room(&w), WINDOW_FIRST - 10);
    end_with(window_next(&w) ? NULL : &w.slots[w.order[1] - 1], 0, "x");
    window_release(&w, window_next(&w));
    CHECK_EQ(window_room(&w), WINDOW_FIRST + 1 - 9);
    window_fini(&w);
}

TEST(a_full_window_is_refilled_when_a_quarter_of_it_is_free)
{
    struct window w;
    size_t opened = 0, done = 0;
    window_init(&w, true);
    for (; window_wants(&w); opened++)
        window_open(&w, 1);
    CHECK_EQ(opened, WINDOW_FIRST);
    for (; !window_wants(&w); done++) {
        end_with(&w.slots[w.order[w.first] - 1], 0, "x");
        window_release(&w, window_next(&w));
    }
    CHECK(window_room(&w) >= (WINDOW_FIRST + done) / 4 && window_room(&w) <= opened / 2);
    while (window_room(&w)) {
        window_open(&w, 1);
        CHECK_EQ(window_wants(&w), window_room(&w) > 0);
    }
    window_fini(&w);
}

TEST(large_values_shrink_the_room)
{
    struct window w;
    window_init(&w, true);
    struct buf big = {0};
    buf_extend(&big, 4 << 20);
    window_end(window_open(&w, 1), 0, &big);
    window_release(&w, window_next(&w));
    size_t room = window_room(&w);
    CHECK(room <= WINDOW_BYTES / (4 << 20));
    CHECK(room >= WINDOW_LEAST);
    /* And small ones give it back. */
    for (int i = 0; i < 2000; i++) {
        end_with(window_open(&w, 1), 0, "x");
        window_release(&w, window_next(&w));
    }
    CHECK(window_room(&w) > 1000);
    window_fini(&w);
}

/* Ends in a random order, with random room left: ordered output is 1, 2, 3, ...; unordered output
 * is each line once. */
static void shuffle(bool ordered, uint64_t seed)
{
    enum { LINES = 40000 };
    struct random random = {seed};
    struct window w;
    struct window_slot **open = must_alloc(WINDOW_SLOTS * sizeof *open);
    unsigned char *seen = must_alloc(LINES + 1);
    size_t open_count = 0;
    uint64_t opened = 0, printed = 0;
    window_init(&w, ordered);
    while (printed < LINES) {
        uint64_t burst = random_below(&random, 300);
        while (burst-- && opened < LINES && window_room(&w)) {
            open[open_count++] = window_open(&w, 8);
            CHECK_EQ(open[open_count - 1]->line, ++opened);
        }
        for (uint64_t ends = random_below(&random, 300); ends-- && open_count;) {
            size_t pick = random_below(&random, open_count);
            char text[24];
            snprintf(text, sizeof text, "%llu", (unsigned long long)open[pick]->line);
            end_with(open[pick], 0, text);
            open[pick] = open[--open_count];
        }
        CHECK(w.used <= WINDOW_SLOTS);
        for (struct window_slot *slot; (slot = window_next(&w));) {
            char text[24];
            printed++;
            CHECK(!ordered || slot->line == printed);
            CHECK(slot->line <= LINES && !seen[slot->line]++);
            snprintf(text, sizeof text, "%llu", (unsigned long long)slot->line);
            CHECK_BYTES(buf_bytes(&slot->text), bytes_text(text));
            window_release(&w, slot);
        }
    }
    CHECK(window_empty(&w));
    window_fini(&w);
    free(open);
    free(seen);
}

TEST(random_ends_come_back_in_order)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        shuffle(true, seed);
}

TEST(random_ends_come_back_once_each)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        shuffle(false, seed);
}
