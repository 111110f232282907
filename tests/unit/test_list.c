/* SPDX-License-Identifier: Apache-2.0 */
#include "common/list.h"
#include "common/must.h"
#include "tests/unit/check.h"

struct item {
    int number;
    struct link link; /* in the test's head */
};

/* "1 2 3", forwards; checks that walking backwards sees the same. */
static const char *order(struct link *head, char text[static 64])
{
    size_t size = 0;
    text[0] = 0;
    struct link *back = head;
    list_each(l, head)
    {
        CHECK(l->prev == back);
        back = l;
        size += (size_t)snprintf(text + size, 64 - size, "%s%d", size ? " " : "",
                                 container_of(l, struct item, link)->number);
    }
    CHECK(head->prev == back);
    return text;
}

TEST(append_and_push_keep_the_order)
{
    struct link head;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    char text[64];
    link_init(&head);
    CHECK(list_empty(&head));
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_push(&head, &c.link);
    CHECK(!list_empty(&head));
    CHECK_TEXT(order(&head, text), "3 1 2");
    CHECK_EQ(list_first(&head, struct item, link)->number, 3);
}

TEST(take_leaves_the_rest_and_may_be_said_twice)
{
    struct link head;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    char text[64];
    link_init(&head);
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    CHECK(link_listed(&b.link));
    link_take(&b.link);
    CHECK(!link_listed(&b.link));
    link_take(&b.link);
    CHECK_TEXT(order(&head, text), "1 3");
    link_after(&a.link, &b.link);
    CHECK_TEXT(order(&head, text), "1 2 3");
    link_take(&a.link);
    link_take(&c.link);
    link_take(&b.link);
    CHECK(list_empty(&head));
}

TEST(the_body_of_a_safe_walk_may_take_the_current_link)
{
    struct link head, other;
    struct item items[6];
    char text[64];
    link_init(&head);
    link_init(&other);
    for (size_t i = 0; i < LENGTH(items); i++) {
        items[i].number = (int)i;
        list_append(&head, &items[i].link);
    }
    list_each_safe(l, &head)
    {
        if (container_of(l, struct item, link)->number % 2) {
            link_take(l);
            list_append(&other, l);
        }
    }
    CHECK_TEXT(order(&head, text), "0 2 4");
    CHECK_TEXT(order(&other, text), "1 3 5");
}
