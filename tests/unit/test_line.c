/* SPDX-License-Identifier: Apache-2.0
 *
 * The slot protocol over the socket: one job at a time, taken back while it waits, and what a
 * program may say that makes no sense. The runner is this test, at the other end of the bell; the
 * agent's side of the page looks on as it does in a worker.
 */
#include "consumer/worker/line.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/pack.h"
#include "proto/record.h"
#include "tests/unit/check.h"

struct world {
    struct page_agent agent;
    struct line *line;
    int bell; /* the runner's end */
};

static void world_start(struct world *w)
{
    *w = (struct world){.bell = -1};
    must(page_open(&w->agent, &w->bell) == 0);
    page_stamp(&w->agent, clock_ms());
}

static void world_end(struct world *w)
{
    line_free(w->line);
    page_close(&w->agent);
    if (w->bell >= 0)
        close(w->bell);
}

/* --- the runner ----------------------------------------------------------------------------- */

static void says(struct world *w, const void *data, size_t size)
{
    must(send(w->bell, data, size, MSG_DONTWAIT) == (ssize_t)size);
}

static void says_frame(struct world *w, struct bytes body)
{
    const unsigned char size[] = {(unsigned char)(body.size >> 24),
                                  (unsigned char)(body.size >> 16), (unsigned char)(body.size >> 8),
                                  (unsigned char)body.size};
    says(w, size, sizeof size);
    says(w, body.data, body.size);
}

static void answers(struct world *w, uint64_t number, uint64_t status, const char *value)
{
    struct buf b = {0};
    struct record r = {.type = REC_answer,
                       .answer = {.number = number, .status = status, .value = bytes_text(value)}};
    record_put(&b, &r);
    says_frame(w, buf_bytes(&b));
    buf_fini(&b);
}

static void notes(struct world *w, uint64_t number, const void *value, size_t size)
{
    struct buf b = {0};
    put_note(&b, &(struct msg_note){.number = number, .value = bytes_of(value, size)});
    says_frame(w, buf_bytes(&b));
    buf_fini(&b);
}

/* The next frame's record; type NONE: there is none. What it lends stands until the next call. */
static struct record hears(struct world *w)
{
    static unsigned char body[1 << 16];
    unsigned char head[4];
    struct record r = {.type = REC_NONE};
    if (recv(w->bell, head, sizeof head, MSG_DONTWAIT) != (ssize_t)sizeof head)
        return r;
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    must(size <= sizeof body && recv(w->bell, body, size, MSG_DONTWAIT) == (ssize_t)size);
    struct cursor c = cursor_of(bytes_of(body, size));
    must(record_get(&c, &r) == OK && cursor_done(&c));
    return r;
}

/* --- the agent ------------------------------------------------------------------------------- */

static void rung(struct world *w)
{
    if (!w->line && line_begins(w->agent.bell))
        w->line = line_new(w->agent.page, w->agent.bell);
    must(w->line);
    line_hear(w->line);
    line_turn(w->line);
}

static void greeted(struct world *w)
{
    world_start(w);
    says(w, "reeve slot 1\n", 13);
    rung(w);
    must(page_ready(&w->agent));
}

static void pushed(struct world *w, uint64_t id, const char *args)
{
    struct page_job job = {.id = id, .method = 3, .attempt = 2, .timeout_ms = 500};
    must(page_push(&w->agent, &job, bytes_text(args)) && page_publish(&w->agent));
    line_turn(w->line);
}

/* The next result: its value, "-" when there is none. */
static const char *taken(struct world *w, unsigned status)
{
    static char text[100];
    struct page_taken t;
    int rc = page_take(&w->agent, &t);
    must(rc >= 0);
    if (rc == 0)
        return "-";
    CHECK_EQ(t.status, status);
    snprintf(text, sizeof text, "%.*s", BYTES_ARG(t.value));
    page_release(&w->agent);
    return text;
}

TEST(a_page_runner_rings_with_a_zero_and_gets_no_line)
{
    struct world w;
    world_start(&w);
    CHECK(!line_begins(w.agent.bell));
    says(&w, "", 1);
    CHECK(!line_begins(w.agent.bell));
    world_end(&w);
}

TEST(jobs_go_one_at_a_time_and_results_land_on_the_page)
{
    struct world w;
    greeted(&w);
    pushed(&w, 77, "one");
    pushed(&w, 78, "two");
    struct record r = hears(&w);
    CHECK_EQ(r.type, REC_run);
    CHECK_EQ(r.run.number, 0);
    CHECK_EQ(r.run.id, 77);
    CHECK_EQ(r.run.method, 3);
    CHECK_EQ(r.run.attempt, 2);
    CHECK_EQ(r.run.timeout_ms, 500);
    CHECK(bytes_equal(r.run.args, bytes_text("one")));
    CHECK_EQ(hears(&w).type, REC_NONE); /* the other one waits, and could be taken back */
    CHECK_EQ(page_started(&w.agent), 1);
    answers(&w, 0, PAGE_FAILED, "sorry");
    rung(&w);
    CHECK_TEXT(taken(&w, PAGE_FAILED), "sorry");
    r = hears(&w);
    CHECK_EQ(r.run.id, 78);
    answers(&w, 1, PAGE_OK, "fine");
    rung(&w);
    CHECK_TEXT(taken(&w, PAGE_OK), "fine");
    CHECK_TEXT(taken(&w, PAGE_OK), "-");
    CHECK(!line_broken(w.line));
    world_end(&w);
}

TEST(what_has_not_started_is_taken_back_behind_its_back)
{
    struct world w;
    greeted(&w);
    pushed(&w, 1, "a");
    pushed(&w, 2, "b");
    CHECK_EQ(page_recall(&w.agent, 0), 1);
    CHECK_EQ(hears(&w).run.id, 1);
    answers(&w, 0, PAGE_OK, "x");
    rung(&w);
    CHECK_EQ(hears(&w).type, REC_NONE);
    pushed(&w, 3, "c");
    CHECK_EQ(hears(&w).run.id, 3);
    world_end(&w);
}

TEST(only_the_job_that_runs_can_be_flagged)
{
    struct world w;
    greeted(&w);
    line_flag(w.line, 0);
    pushed(&w, 1, "a");
    line_flag(w.line, 1);
    line_flag(w.line, 0);
    CHECK_EQ(hears(&w).type, REC_run);
    struct record r = hears(&w);
    CHECK_EQ(r.type, REC_flag);
    CHECK_EQ(r.flag.number, 0);
    CHECK_EQ(hears(&w).type, REC_NONE);
    world_end(&w);
}

TEST(nothing_starts_while_the_agent_was_frozen)
{
    struct world w;
    greeted(&w);
    page_stamp(&w.agent, clock_ms() - PAGE_STAMP_MS - 1000);
    pushed(&w, 1, "a");
    CHECK_EQ(hears(&w).type, REC_NONE);
    CHECK_EQ(page_recall(&w.agent, 0), 0); /* it could be had back */
    pushed(&w, 2, "b");
    page_stamp(&w.agent, clock_ms());
    line_turn(w.line);
    CHECK_EQ(hears(&w).run.id, 2);
    world_end(&w);
}

TEST(a_frame_may_come_in_any_pieces)
{
    struct world w;
    struct buf b = {0};
    struct record r = {.type = REC_answer, .answer = {.value = bytes_text("pieces")}};
    greeted(&w);
    pushed(&w, 1, "a");
    record_put(&b, &r);
    const unsigned char size[] = {0, 0, 0, (unsigned char)b.size};
    for (size_t i = 0; i < sizeof size; i++) {
        says(&w, size + i, 1);
        rung(&w);
    }
    for (size_t i = 0; i < b.size; i++) {
        CHECK_TEXT(taken(&w, PAGE_OK), "-");
        says(&w, b.data + i, 1);
        rung(&w);
    }
    CHECK_TEXT(taken(&w, PAGE_OK), "pieces");
    buf_fini(&b);
    world_end(&w);
}

TEST(large_arguments_leave_as_the_socket_takes_them)
{
    enum { LARGE = 3 << 20 };
    struct world w;
    greeted(&w);
    char *args = must_alloc(LARGE + 1), *got = must_alloc(LARGE + 100);
    memset(args, 'a', LARGE);
    pushed(&w, 1, args);
    CHECK(line_events(w.line) & POLLOUT);
    size_t size = 0;
    while (line_events(w.line) & POLLOUT) {
        ssize_t n = recv(w.bell, got + size, LARGE + 100 - size, MSG_DONTWAIT);
        must(n > 0);
        size += (size_t)n;
        line_turn(w.line);
    }
    for (ssize_t n; (n = recv(w.bell, got + size, LARGE + 100 - size, MSG_DONTWAIT)) > 0;)
        size += (size_t)n;
    struct cursor c = cursor_of(bytes_of(got + 4, size - 4));
    struct record r;
    CHECK(record_get(&c, &r) == OK && cursor_done(&c));
    CHECK(bytes_equal(r.run.args, bytes_of(args, LARGE)));
    free(args);
    free(got);
    world_end(&w);
}

/* Each is said after the greeting, while job 0 runs. */
TEST(a_note_lands_on_the_page)
{
    struct world w;
    unsigned char note[PAGE_NOTE_MAX];
    greeted(&w);
    pushed(&w, 1, "a");
    notes(&w, 0, "half", 4);
    notes(&w, 0, "done", 4);
    rung(&w);
    CHECK_EQ(page_take_note(&w.agent, 1, note), 4);
    CHECK_BYTES(bytes_of(note, 4), bytes_text("done"));
    answers(&w, 0, PAGE_OK, "x");
    rung(&w);
    CHECK_TEXT(taken(&w, PAGE_OK), "x");
    CHECK(!line_broken(w.line));
    world_end(&w);
}

TEST(a_note_of_another_job_or_of_no_size_that_fits_breaks_the_line)
{
    static const unsigned char bytes[PAGE_NOTE_MAX + 1];
    static const struct {
        uint64_t number;
        size_t size;
    } wrong[] = {{1, 4}, {0, 0}, {0, sizeof bytes}};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        struct world w;
        greeted(&w);
        pushed(&w, 1, "a");
        notes(&w, wrong[i].number, bytes, wrong[i].size);
        rung(&w);
        CHECK(line_broken(w.line));
        world_end(&w);
    }
}

static const struct nonsense {
    const char *name;
    size_t size;
    const char *data;
} nonsense[] = {
    {"not a record", 5, "\0\0\0\x01\xc1"},
    {"a size beyond all values", 4, "\x02\0\0\0"},
    {"another job's answer", 10, "\0\0\0\x06\x94\x52\x07\x00\xc4\x00"},
    {"a status that is none", 10, "\0\0\0\x06\x94\x52\x00\x09\xc4\x00"},
    {"two answers", 20, "\0\0\0\x06\x94\x52\x00\x00\xc4\x00\0\0\0\x06\x94\x52\x00\x00\xc4\x00"},
};

TEST(what_makes_no_sense_breaks_the_line)
{
    for (size_t i = 0; i < LENGTH(nonsense); i++) {
        struct world w;
        greeted(&w);
        pushed(&w, 1, "a");
        CHECK(!line_broken(w.line));
        says(&w, nonsense[i].data, nonsense[i].size);
        rung(&w);
        if (!line_broken(w.line))
            printf("%s does not break it\n", nonsense[i].name);
        CHECK(line_broken(w.line));
        CHECK_EQ(line_events(w.line), 0);
        world_end(&w);
    }
}

TEST(another_greeting_breaks_it_too)
{
    struct world w;
    world_start(&w);
    says(&w, "reeve slot 2\n", 13);
    rung(&w);
    CHECK(line_broken(w.line) && !page_ready(&w.agent));
    world_end(&w);
}

TEST(an_answer_to_nothing_breaks_it)
{
    struct world w;
    greeted(&w);
    answers(&w, 0, PAGE_OK, "x");
    rung(&w);
    CHECK(line_broken(w.line));
    world_end(&w);
}

TEST(a_page_that_was_tampered_with_lends_nothing_beyond_it)
{
    struct world w;
    struct page_job job = {.id = 1};
    greeted(&w);
    must(page_push(&w.agent, &job, bytes_text("a")));
    w.agent.page->jobs[0].offset = sizeof(struct page) - 1;
    w.agent.page->jobs[0].size = 100;
    must(page_publish(&w.agent));
    line_turn(w.line);
    CHECK(line_broken(w.line));
    CHECK_EQ(hears(&w).type, REC_NONE);
    world_end(&w);
}

TEST(the_end_of_the_process_is_told_by_its_end)
{
    struct world w;
    greeted(&w);
    pushed(&w, 1, "a");
    answers(&w, 0, PAGE_OK, "last words");
    close(w.bell);
    w.bell = -1;
    rung(&w);
    CHECK_TEXT(taken(&w, PAGE_OK), "last words");
    rung(&w);
    CHECK(!line_broken(w.line));
    CHECK_EQ(line_events(w.line), 0); /* nothing more to poll for */
    world_end(&w);
}
