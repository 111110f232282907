/* SPDX-License-Identifier: Apache-2.0
 *
 * Titles, numbers and states of tasks, and the list as it comes from the broker.
 */
#include "producer/cli/task.h"
#include "tests/unit/check.h"

static const char *wrong(const char *title)
{
    return task_title_wrong(bytes_text(title));
}

TEST(a_title_is_one_line_of_text)
{
    static char most[TASK_TITLE_MAX + 2];
    CHECK(!wrong("water the plants"));
    CHECK(!wrong("\xc3\xa9\xe2\x82\xac <img onerror=alert(1)> \033[31m"));
    CHECK_TEXT(wrong(""), "a task needs a title");
    CHECK_TEXT(wrong(" \t "), "a task needs a title");
    CHECK_TEXT(wrong("a\nb"), "a title is one line");
    CHECK_TEXT(wrong("a\r"), "a title is one line");
    CHECK_TEXT(wrong("\xff"), "a title is text in UTF-8");
    memset(most, 'x', TASK_TITLE_MAX);
    CHECK(!wrong(most));
    most[TASK_TITLE_MAX] = 'x';
    CHECK_TEXT(wrong(most), "a title has at most 1,000 bytes");
}

TEST(a_number_is_digits)
{
    CHECK_EQ(task_number("1"), 1);
    CHECK_EQ(task_number("10000000"), TASK_NUMBER_MAX);
    CHECK_EQ(task_number("007"), 7);
    CHECK_EQ(task_number(""), 0);
    CHECK_EQ(task_number("0"), 0);
    CHECK_EQ(task_number("-1"), 0);
    CHECK_EQ(task_number("1x"), 0);
    CHECK_EQ(task_number("99999999999999999999999"), 0);
}

TEST(a_task_only_ever_goes_on)
{
    struct task_states s = {0};
    CHECK_EQ(task_state(&s, 5), TASK_NONE);
    CHECK(task_reach(&s, 5, TASK_OPEN));
    CHECK(!task_reach(&s, 5, TASK_OPEN)); /* told already */
    CHECK(task_reach(&s, 5, TASK_COMPLETED));
    CHECK(!task_reach(&s, 5, TASK_OPEN)); /* late */
    CHECK_EQ(task_state(&s, 5), TASK_COMPLETED);
    CHECK_EQ(task_state(&s, 4), TASK_NONE);
    CHECK(task_reach(&s, 1, TASK_REMOVED));
    CHECK_EQ(s.last, 5);
    CHECK(task_reach(&s, 100000, TASK_OPEN));
    CHECK_EQ(task_state(&s, 5), TASK_COMPLETED);
    CHECK_EQ(task_state(&s, 99999), TASK_NONE);
    CHECK(!task_reach(&s, 0, TASK_OPEN));
    CHECK(!task_reach(&s, TASK_NUMBER_MAX + 1, TASK_OPEN));
    task_forget(&s, 5);
    CHECK(task_reach(&s, 5, TASK_OPEN));
    task_forget(&s, 1u << 30);
    task_states_fini(&s);
    CHECK_EQ(task_event_state(bytes_text("completed")), TASK_COMPLETED);
    CHECK_EQ(task_event_state(bytes_text("snapshot")), TASK_NONE);
    CHECK_TEXT(task_event(TASK_OPEN), "added");
}

static bool take(struct task_list *l, uint64_t task, const char *title)
{
    struct record r = {.type = REC_task, .task = {.task = task, .title = bytes_text(title)}};
    return task_list_take(l, &r);
}

static bool end(struct task_list *l, uint64_t next)
{
    struct record r = {.type = REC_end, .end = {.next = next}};
    return task_list_take(l, &r);
}

TEST(the_list_comes_in_pages)
{
    struct task_list l = {0};
    struct record ask = task_list_ask(&l), anew = {.type = REC_NONE};
    CHECK_EQ(ask.type, REC_list_tasks);
    CHECK_EQ(ask.list_tasks.after, 0);
    CHECK(!take(&l, 1, "one") && !take(&l, 3, ""));
    CHECK(end(&l, 3));
    CHECK_EQ(l.next, 3);
    ask = task_list_ask(&l);
    CHECK_EQ(ask.list_tasks.after, 3);
    CHECK(!take(&l, 4, "half of it"));
    CHECK(!task_list_take(&l, &anew)); /* the connection broke: this page comes again */
    CHECK(!take(&l, 4, "four") && !take(&l, 5, "five"));
    CHECK(end(&l, 0));
    CHECK_EQ(l.next, 0);
    CHECK_EQ(l.count, 4);
    CHECK_BYTES(task_title(&l, &l.entries[0]), bytes_text("one"));
    CHECK_EQ(l.entries[2].task, 4);
    CHECK_BYTES(task_title(&l, &l.entries[2]), bytes_text("four"));
    CHECK_BYTES(task_title(&l, &l.entries[3]), bytes_text("five"));
    task_list_fini(&l);
}
