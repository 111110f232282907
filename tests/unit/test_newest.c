/* SPDX-License-Identifier: Apache-2.0 */
#include "common/newest.h"

#include "tests/unit/check.h"

TEST(the_highest_come_first)
{
    struct newest n;
    newest_init(&n, 3);
    for (uint64_t i = 1; i <= 100; i++)
        newest_add(&n, i * 37 % 101); /* each of 1..100 once, in no order */
    newest_sort(&n);
    CHECK_EQ(n.count, 3);
    for (uint64_t i = 0; i < 3; i++)
        CHECK_EQ(n.ids[i], 100 - i);
    newest_fini(&n);
}

TEST(of_fewer_than_wanted_all_are_there)
{
    struct newest n;
    newest_init(&n, 5);
    newest_sort(&n);
    CHECK_EQ(n.count, 0);
    newest_add(&n, 7);
    newest_add(&n, UINT64_MAX);
    newest_sort(&n);
    CHECK_EQ(n.count, 2);
    CHECK(n.ids[0] == UINT64_MAX && n.ids[1] == 7);
    newest_fini(&n);
}

TEST(one_is_enough)
{
    struct newest n;
    newest_init(&n, 1);
    newest_add(&n, 2);
    newest_add(&n, 9);
    newest_add(&n, 4);
    newest_sort(&n);
    CHECK_EQ(n.count, 1);
    CHECK_EQ(n.ids[0], 9);
    newest_fini(&n);
}
