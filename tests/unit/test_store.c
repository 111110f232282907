/* SPDX-License-Identifier: Apache-2.0
 *
 * The store with its memory backend, through its thread: what was appended is found, listed newest
 * first, forgotten in the right order, and a full store says so.
 */
#include <poll.h>

#include "producer/store/store.h"
#include "proto/record.h"
#include "tests/unit/check.h"

enum { PATIENCE_MS = 20000 };

static struct bytes row_of(struct buf *b, uint64_t id, const char *queue, unsigned state)
{
    struct record submit = {.type = REC_submit,
                            .submit = {.number = 1, .queue = bytes_text(queue)}};
    struct record job = {.type = REC_job, .job = {.id = id, .state = state}};
    struct record ended = {.type = REC_ended, .ended = {.id = id, .state = state}};
    buf_clear(b);
    record_put(b, &submit);
    record_put(b, &job);
    record_put(b, &ended);
    return buf_bytes(b);
}

static void append(struct store *s, uint64_t id, const char *queue, unsigned state, bool settled)
{
    struct buf b = {0};
    store_append(s, id, state, settled, row_of(&b, id, queue, state));
    buf_fini(&b);
}

/* The next answer of that type; others are passed over. */
static struct store_answer next(struct store *s, enum store_answer_type type)
{
    struct store_answer a;
    store_flush(s, 1); /* begins to wait */
    store_flush(s, INT64_MAX);
    for (;;) {
        while (store_next(s, &a))
            if (a.type == type)
                return a;
        struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
        CHECK(poll(&p, 1, PATIENCE_MS) == 1);
    }
}

/* The ids of rows, as text: "5 4 3". */
static const char *ids_of(struct bytes rows, struct buf *text)
{
    struct cursor c = cursor_of(rows);
    struct record r;
    buf_clear(text);
    while (!cursor_done(&c)) {
        CHECK_EQ(record_get(&c, &r), OK);
        if (r.type == REC_job)
            buf_printf(text, "%s%d", text->size ? " " : "", (int)r.job.id);
    }
    return buf_text(text);
}

TEST(what_was_appended_is_found)
{
    struct store *s = store_open("memory", &(struct store_limits){0});
    struct buf b = {0};
    CHECK(!store_durable(s));
    append(s, 7, "a.b", JOB_OK, false);
    store_find(s, 1, 7);
    store_find(s, 2, 8);
    struct store_answer a = next(s, STORE_FOUND);
    CHECK_EQ(a.ticket, 1);
    CHECK_BYTES(a.rows, row_of(&b, 7, "a.b", JOB_OK));
    a = next(s, STORE_FOUND);
    CHECK_EQ(a.ticket, 2);
    CHECK_EQ(a.rows.size, 0);
    store_close(s);
    buf_fini(&b);
}

TEST(lists_are_newest_first_and_go_on_where_they_stopped)
{
    struct store *s = store_open("memory", &(struct store_limits){0});
    struct buf text = {0};
    for (uint64_t id = 1; id <= 6; id++)
        append(s, id, id % 2 ? "odd.x" : "even.x", id == 3 ? JOB_FAILED : JOB_OK, false);
    store_list(s, 1, 0, bytes_text(""), 0, 4);
    struct store_answer a = next(s, STORE_FOUND);
    CHECK_TEXT(ids_of(a.rows, &text), "6 5 4 3");
    CHECK_EQ(a.next, 3);
    store_list(s, 2, 0, bytes_text(""), a.next, 4);
    a = next(s, STORE_FOUND);
    CHECK_TEXT(ids_of(a.rows, &text), "2 1");
    CHECK_EQ(a.next, 0);
    store_list(s, 3, 0, bytes_text("odd.x"), 0, 10);
    CHECK_TEXT(ids_of(next(s, STORE_FOUND).rows, &text), "5 3 1");
    store_list(s, 4, JOB_FAILED, bytes_text(""), 0, 10);
    CHECK_TEXT(ids_of(next(s, STORE_FOUND).rows, &text), "3");
    store_close(s);
    buf_fini(&text);
}

TEST(fetched_results_go_first_when_room_is_short)
{
    struct store_limits limits = {.history_rows_max = 2, .results_rows_max = 3};
    struct store *s = store_open("memory", &limits);
    struct buf text = {0};
    for (uint64_t id = 1; id <= 5; id++)
        append(s, id, "a.b", JOB_OK, false);
    store_settle(s, 1, 3); /* 1, 2, 3 fetched: 1 is one too many */
    store_find(s, 1, 4);   /* an answer: the batch is committed after it */
    next(s, STORE_FOUND);
    store_list(s, 2, 0, bytes_text(""), 0, 10);
    CHECK_TEXT(ids_of(next(s, STORE_FOUND).rows, &text), "5 4 3 2");
    store_close(s);
    buf_fini(&text);
}

TEST(a_store_full_of_unfetched_results_says_so_and_recovers)
{
    struct store_limits limits = {.results_rows_max = 2};
    struct store *s = store_open("memory", &limits);
    for (uint64_t id = 1; id <= 3; id++)
        append(s, id, "a.b", JOB_OK, false);
    struct store_answer a = next(s, STORE_KEPT);
    CHECK_EQ(a.kept, 3);
    CHECK(a.full);
    store_settle(s, 2, 1000000); /* a run that reaches far beyond what there is */
    a = next(s, STORE_KEPT);
    CHECK(!a.full);
    store_close(s);
}

TEST(closing_works_off_what_was_handed_over)
{
    struct store *s = store_open("memory", &(struct store_limits){0});
    for (uint64_t id = 1; id <= 1000; id++)
        append(s, id, "a.b", JOB_OK, true);
    store_close(s); /* leaks and races would show under the sanitizers */
    CHECK(store_open("paper", &(struct store_limits){0}) == NULL);
}
