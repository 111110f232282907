/* SPDX-License-Identifier: Apache-2.0
 *
 * To-do tasks in the broker's core: added as jobs, completed by people, kept over restarts, told
 * on the topic todo. See farm.h for how to read it.
 */
#include "common/pack.h"
#include "tests/unit/farm.h"

static void adds_as(struct farm *f, const char *who, const char *title, struct msg_submit m)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_text(&args, title);
    m.queue = bytes_text("todo.task");
    m.args = buf_bytes(&args);
    submits_as(f, who, m);
    buf_fini(&args);
}

static void adds(struct farm *f, const char *who, const char *title)
{
    adds_as(f, who, title, (struct msg_submit){0});
}

static void completes(struct farm *f, const char *who, uint64_t number, unsigned task)
{
    says(f, who,
         &(struct record){.type = REC_complete_task,
                          .complete_task = {.number = number, .task = task}});
}

static void lists(struct farm *f, const char *who, uint64_t after_task, uint64_t limit)
{
    says(f, who,
         &(struct record){.type = REC_list_tasks,
                          .list_tasks = {.number = 70, .after = after_task, .limit = limit}});
}

static struct farm *farm_with(bool durable)
{
    struct farm *f = durable ? farm_durable(NULL) : farm_new(NULL);
    client(f, "c1");
    farm_forget(f);
    return f;
}

TEST(a_task_is_accepted_numbered_and_listed)
{
    struct farm *f = farm_with(false);
    watches(f, "todo", true);
    adds(f, "c1", "milk");
    SAYS(f, "c1 < accepted 1 j1\n"
            "todo: 1 added 1\n");
    adds(f, "c1", "bread");
    farm_forget(f);
    lists(f, "c1", 0, 0);
    SAYS(f, "c1 < task 70 - 1 milk\n"
            "c1 < task 70 - 2 bread\n"
            "c1 < end 70\n");
    asks(f, "c1", REC_get_session, 9, 1);
    SAYS(f, "c1 < session 9 j1 created (asking) iteration 0\n");
    farm_free(f);
}

TEST(a_person_completes_it_once)
{
    struct farm *f = farm_with(false);
    adds(f, "c1", "milk");
    watches(f, "todo", true);
    farm_forget(f);
    completes(f, "c1", 5, 1);
    SAYS(f, "store j1 ok\n"
            "todo: 2 completed 1\n"
            "c1 < ended 1 j1 ok\n"
            "c1 < done 5\n");
    completes(f, "c1", 6, 1);
    SAYS(f, "c1 < done 6\n");
    lists(f, "c1", 0, 0);
    SAYS(f, "c1 < task 70 x 1 milk\n"
            "c1 < end 70\n");
    farm_free(f);
}

TEST(a_word_completes_it_as_well)
{
    struct farm *f = farm_with(false);
    adds(f, "c1", "milk");
    farm_forget(f);
    tells(f, "c1", 5, 1, 0);
    SAYS(f, "store j1 ok\n"
            "c1 < ended 1 j1 ok\n"
            "c1 < done 5\n");
    farm_free(f);
}

TEST(an_unknown_task_is_not_found)
{
    struct farm *f = farm_with(false);
    completes(f, "c1", 5, 0);
    completes(f, "c1", 6, 99);
    SAYS(f, "c1 < error 5 unknown-task\n"
            "c1 < error 6 unknown-task\n");
    farm_free(f);
}

TEST(a_cancelled_task_leaves_the_list_and_keeps_its_number)
{
    struct farm *f = farm_with(true);
    adds(f, "c1", "milk");
    adds(f, "c1", "bread");
    kept(f);
    watches(f, "todo", true);
    farm_forget(f);
    asks(f, "c1", REC_cancel, 5, 2);
    kept(f);
    SAYS_HAS(f, "todo: 3 removed 2\n");
    completes(f, "c1", 6, 2);
    SAYS_HAS(f, "c1 < error 6 unknown-task\n");
    restarts(f);
    client(f, "c2");
    adds(f, "c2", "salt");
    kept(f);
    farm_forget(f);
    lists(f, "c2", 0, 0);
    SAYS(f, "c2 < task 70 - 1 milk\n"
            "c2 < task 70 - 3 salt\n"
            "c2 < end 70\n");
    farm_free(f);
}

TEST(nothing_is_told_before_it_is_kept)
{
    struct farm *f = farm_with(true);
    watches(f, "todo", true);
    adds(f, "c1", "milk");
    SAYS(f, "keep mark\n"
            "keep job j1\n");
    kept(f);
    SAYS(f, "c1 < accepted 1 j1\n"
            "todo: 1 added 1\n");
    completes(f, "c1", 5, 1);
    SAYS(f, "store j1 ok\n"
            "keep task 1\n");
    kept(f);
    SAYS(f, "todo: 2 completed 1\n"
            "c1 < ended 1 j1 ok\n"
            "c1 < done 5\n");
    farm_free(f);
}

TEST(open_and_completed_tasks_outlive_the_broker)
{
    struct farm *f = farm_with(true);
    adds(f, "c1", "milk");
    adds(f, "c1", "bread");
    completes(f, "c1", 5, 1);
    kept(f);
    restarts(f);
    client(f, "c2");
    farm_forget(f);
    lists(f, "c2", 0, 0);
    SAYS(f, "c2 < task 70 x 1 milk\n"
            "c2 < task 70 - 2 bread\n"
            "c2 < end 70\n");
    completes(f, "c2", 6, 2);
    kept(f);
    SAYS_HAS(f, "c2 < done 6\n");
    broker_audit(f->broker);
    farm_free(f);
}

TEST(a_task_that_was_not_kept_was_not_added)
{
    struct farm *f = farm_with(true);
    adds(f, "c1", "milk");
    restarts(f);
    client(f, "c1");
    farm_forget(f);
    lists(f, "c1", 0, 0);
    SAYS(f, "c1 < end 70\n");
    farm_free(f);
}

TEST(a_submission_said_again_makes_no_second_task)
{
    struct farm *f = farm_with(true);
    adds(f, "c1", "milk");
    kept(f);
    reconnects(f, "c1");
    client(f, "c1");
    farm_forget(f);
    adds_as(f, "c1", "milk", (struct msg_submit){.number = 1});
    lists(f, "c1", 0, 0);
    SAYS_HAS(f, "c1 < task 70 - 1 milk\nc1 < end 70\n");
    farm_free(f);
}

TEST(lists_come_in_pages)
{
    struct farm *f = farm_with(false);
    for (int i = 0; i < 5; i++)
        adds(f, "c1", "again");
    farm_forget(f);
    lists(f, "c1", 0, 2);
    SAYS(f, "c1 < task 70 - 1 again\n"
            "c1 < task 70 - 2 again\n"
            "c1 < end 70 more\n");
    lists(f, "c1", 4, 2);
    SAYS(f, "c1 < task 70 - 5 again\n"
            "c1 < end 70\n");
    farm_free(f);
}

TEST(what_is_no_title_is_refused)
{
    static const char *const wrong[] = {
        "\x90",           /* no argument */
        "\x92\xa1x\xa1y", /* two */
        "\x91\x01",       /* a number */
        "\x91\xa1\xff",   /* not UTF-8 */
        "\xa1x",          /* no array */
    };
    struct farm *f = farm_with(false);
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        struct msg_submit m = {.queue = bytes_text("todo.task"), .args = bytes_text(wrong[i])};
        submits_as(f, "c1", m);
        SAYS_HAS(f, "invalid\n");
    }
    char title[1002];
    memset(title, 'x', sizeof title - 1);
    title[sizeof title - 1] = 0;
    adds(f, "c1", title);
    SAYS_HAS(f, "invalid\n");
    title[1000] = 0;
    adds(f, "c1", title);
    SAYS_HAS(f, "accepted");
    farm_free(f);
}

/* A session may not put people to work, nor take part of the list for itself. */
TEST(a_session_cannot_fork_tasks)
{
    struct farm *f = farm_with(false);
    struct buf run = {0};
    worker(f, "w1", 1, "calc.add");
    begins(f, "c1", "calc.add");
    record_put(&run, &(struct record){
                         .type = REC_child,
                         .child = {.queue = bytes_text("todo.task"), .args = {"\x91\xa1x", 3}}});
    farm_forget(f);
    verdicts(f, "w1", 1, 1,
             (struct msg_verdict){.kind = VERDICT_FORK, .children = buf_bytes(&run)});
    lists(f, "c1", 0, 0);
    SAYS_HAS(f, "c1 < end 70\n");
    broker_audit(f->broker);
    buf_fini(&run);
    farm_free(f);
}

TEST(a_watcher_begins_with_how_many_there_are)
{
    struct farm *f = farm_with(false);
    watches(f, "todo", true);
    adds(f, "c1", "milk");
    farm_forget(f);
    says(f, "c1",
         &(struct record){.type = REC_watch, .watch = {.number = 8, .topic = bytes_text("todo")}});
    SAYS(f, "c1 < snapshot 1 snapshot\n");
    says(
        f, "c1",
        &(struct record){.type = REC_watch, .watch = {.number = 8, .topic = bytes_text("todo/1")}});
    SAYS(f, "c1 < error 8 invalid\n");
    farm_free(f);
}

static bool names(struct bytes update, const char *title)
{
    struct cursor c = cursor_of(update);
    bool found = false;
    for (uint32_t pairs = cursor_map(&c); pairs; pairs--)
        if (bytes_equal(cursor_str(&c), bytes_text("title")))
            found = bytes_equal(cursor_str(&c), bytes_text(title));
        else
            cursor_skip(&c);
    return found;
}

TEST(what_is_removed_is_told_with_its_title)
{
    struct farm *f = farm_with(false);
    adds(f, "c1", "milk");
    watches(f, "todo", true);
    asks(f, "c1", REC_cancel, 5, 1);
    for (size_t i = 0; i < f->fx.count; i++)
        if (f->fx.list[i].type == FX_PUBLISH)
            CHECK(names(effect_bytes(&f->fx, &f->fx.list[i]), "milk"));
    SAYS_HAS(f, "todo: 2 removed 1\n");
    farm_free(f);
}

/* One that has left the list is added anew when its job is tried again: it can be completed. */
TEST(tried_again_it_is_another_task)
{
    struct farm *f = farm_with(true);
    adds(f, "c1", "milk");
    asks(f, "c1", REC_cancel, 5, 1);
    kept(f);
    watches(f, "todo", true);
    asks(f, "c1", REC_retry, 6, 1);
    farm_forget(f);
    found(f, 1, buf_bytes(&disk_ended(&f->disk, job_id(1))->bytes));
    kept(f);
    SAYS_HAS(f, "c1 < accepted 6 j2\n"
                "todo: 3 added 2\n");
    completes(f, "c1", 7, 2);
    kept(f);
    SAYS_HAS(f, "c1 < done 7\n");
    lists(f, "c1", 0, 0);
    SAYS(f, "c1 < task 70 x 2 milk\n"
            "c1 < end 70\n");
    broker_audit(f->broker);
    farm_free(f);
}
