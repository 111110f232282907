/* SPDX-License-Identifier: Apache-2.0
 *
 * Percentiles of common/histogram against a sorted array of the same numbers.
 */
#include "common/histogram.h"

#include <stdlib.h>

#include "common/must.h"
#include "common/random.h"
#include "tests/unit/check.h"

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

TEST(empty_gives_zero)
{
    struct histogram *h = must_alloc(sizeof *h);
    CHECK_EQ(histogram_percentile(h, 0.5), 0);
    free(h);
}

TEST(small_numbers_are_exact)
{
    struct histogram *h = must_alloc(sizeof *h);
    for (uint64_t i = 1; i <= 2000; i++)
        histogram_add(h, i);
    CHECK_EQ(histogram_percentile(h, 0), 1);
    CHECK_EQ(histogram_percentile(h, 0.5), 1000);
    CHECK_EQ(histogram_percentile(h, 0.9), 1800);
    CHECK_EQ(histogram_percentile(h, 0.99), 1980);
    CHECK_EQ(histogram_percentile(h, 1), 2000);
    free(h);
}

/* Numbers of all sizes: each percentile is at most 0.1 % below the true one, never above it. */
TEST(large_numbers_keep_three_digits)
{
    enum { COUNT = 20000 };
    struct histogram *h = must_alloc(sizeof *h);
    uint64_t *all = must_alloc(COUNT * sizeof *all);
    struct random r = {.state = 42};
    for (size_t i = 0; i < COUNT; i++) {
        all[i] = random_next(&r) >> (23 + random_below(&r, 40));
        histogram_add(h, all[i]);
    }
    qsort(all, COUNT, sizeof *all, by_size);
    for (size_t percent = 1; percent <= 100; percent++) {
        uint64_t truth = all[percent * COUNT / 100 - 1];
        uint64_t got = histogram_percentile(h, (double)percent / 100);
        CHECK(got <= truth);
        CHECK((truth - got) * 1000 <= truth);
    }
    static const size_t far[] = {19980, 19998}; /* p99.9, p99.99 */
    for (size_t i = 0; i < LENGTH(far); i++) {
        uint64_t truth = all[far[i] - 1];
        uint64_t got = histogram_percentile(h, (double)far[i] / COUNT);
        CHECK(got <= truth);
        CHECK((truth - got) * 1000 <= truth);
    }
    CHECK_EQ(h->most, all[COUNT - 1]);
    CHECK_EQ(h->least, all[0]);
    free(all);
    free(h);
}

TEST(merged_is_as_if_added_to_one)
{
    struct histogram *one = must_alloc(sizeof *one), *two = must_alloc(sizeof *two),
                     *whole = must_alloc(sizeof *whole);
    struct random r = {.state = 7};
    for (int i = 0; i < 1000; i++) {
        uint64_t value = random_next(&r) >> 30;
        histogram_add(i % 3 ? one : two, value);
        histogram_add(whole, value);
    }
    histogram_merge(one, two);
    CHECK(memcmp(one, whole, sizeof *one) == 0);
    free(one);
    free(two);
    free(whole);
}

TEST(numbers_beyond_the_end_count_as_the_largest)
{
    struct histogram *h = must_alloc(sizeof *h);
    histogram_add(h, UINT64_MAX);
    CHECK_EQ(h->count, 1);
    CHECK_EQ(h->most, (INT64_C(1) << 42) - 1);
    CHECK(histogram_percentile(h, 1) <= h->most);
    free(h);
}

/* All that went in, in order, each number where its percentile says it is. */
TEST(is_gone_over_in_order)
{
    struct histogram *h = must_alloc(sizeof *h);
    struct random r = {.state = 3};
    for (int i = 0; i < 5000; i++)
        histogram_add(h, random_next(&r) >> (30 + random_below(&r, 30)));
    uint64_t value, count, seen = 0, before = 0;
    for (size_t at = 0; histogram_next(h, &at, &value, &count); before = value) {
        CHECK(seen == 0 || value > before);
        seen += count;
        CHECK_EQ(histogram_percentile(h, (double)seen / 5000), value);
    }
    CHECK_EQ(seen, 5000);
    free(h);
}

TEST(nothing_to_go_over)
{
    struct histogram *h = must_alloc(sizeof *h);
    uint64_t value, count;
    size_t at = 0;
    CHECK(!histogram_next(h, &at, &value, &count));
    free(h);
}
