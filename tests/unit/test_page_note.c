/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes: what a running job tells of its progress, on the page between an agent and a runner.
 */
#include <poll.h>
#include <pthread.h>

#include "tests/unit/page_kit.h"

/* What the agent gets of a note when it knows that the first `started` jobs have started; NULL:
 * nothing. */
static const char *note_of(struct pair *p, uint32_t started)
{
    static unsigned char bytes[PAGE_NOTE_MAX + 1];
    size_t size = page_take_note(&p->agent, started, bytes);
    bytes[size] = 0;
    return size ? (const char *)bytes : NULL;
}

TEST(the_latest_note_of_the_running_job_is_taken_once_for_each_time_it_is_wanted)
{
    struct pair p;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    pair_start(&p);
    CHECK(!note_of(&p, 1));
    CHECK(!page_sleep(&p.agent));
    page_note(&p.runner, bytes_text("one"));
    page_note(&p.runner, bytes_text("the second"));
    CHECK(page_sleep(&p.agent));
    CHECK(!note_of(&p, 0)); /* nobody knows yet that its job has started */
    CHECK_TEXT(note_of(&p, 1), "the second");
    page_note(&p.runner, bytes_text("third"));
    CHECK(!page_sleep(&p.agent) && !note_of(&p, 1)); /* not wanted */
    page_listen(&p.agent, false);
    CHECK(page_sleep(&p.agent));
    CHECK_TEXT(note_of(&p, 1), "third");
    page_listen(&p.agent, false);
    CHECK(!page_sleep(&p.agent) && !note_of(&p, 1)); /* no other one */
    page_listen(&p.agent, true);
    CHECK_TEXT(note_of(&p, 1), "third");
    pair_close(&p);
}

TEST(a_note_is_of_its_job_only)
{
    struct pair p;
    struct page_taken t;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    pair_push(&p, 2, bytes_text("x"));
    pair_start(&p);
    page_note(&p.runner, bytes_text("of the first"));
    CHECK(page_done(&p.runner, PAGE_OK, bytes_text("r")));
    pair_start(&p);
    CHECK_EQ(page_take(&p.agent, &t), 1);
    CHECK(!note_of(&p, 2)); /* its result is there */
    CHECK(!page_sleep(&p.agent));
    page_note(&p.runner, bytes_text("of the second"));
    CHECK_TEXT(note_of(&p, 2), "of the second");
    CHECK(page_done(&p.runner, PAGE_OK, bytes_text("r")));
    pair_close(&p);
}

TEST(a_note_rings_who_sleeps_and_wants_it_and_nobody_else)
{
    struct pair p;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    pair_start(&p);
    struct pollfd bell = {.fd = p.agent.bell, .events = POLLIN};
    page_hush(&p.agent); /* that it serves */
    page_note(&p.runner, bytes_text("awake"));
    CHECK_EQ(poll(&bell, 1, 0), 0);
    CHECK_TEXT(note_of(&p, 1), "awake");
    CHECK(!page_sleep(&p.agent));
    page_note(&p.runner, bytes_text("not wanted"));
    CHECK_EQ(poll(&bell, 1, 0), 0);
    page_awake(&p.agent);
    page_listen(&p.agent, false);
    CHECK_TEXT(note_of(&p, 1), "not wanted");
    page_listen(&p.agent, false);
    CHECK(!page_sleep(&p.agent));
    page_note(&p.runner, bytes_text("wanted"));
    CHECK_EQ(poll(&bell, 1, 0), 1);
    pair_close(&p);
}

/* None of these is taken, and none keeps the agent awake. */
TEST(a_note_that_is_a_lie_is_as_if_there_were_none)
{
    struct pair p;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    page_note(&p.runner, bytes_text("not started"));
    CHECK(!note_of(&p, 1));
    CHECK(!page_sleep(&p.agent));
    pair_start(&p);
    page_note(&p.runner, bytes_text("too large"));
    p.runner.page->note_size = PAGE_NOTE_MAX + 1;
    CHECK(!note_of(&p, 1));
    CHECK(!page_sleep(&p.agent));
    page_note(&p.runner, bytes_text("of another"));
    p.runner.page->note_number = 77;
    CHECK(!page_sleep(&p.agent) && !note_of(&p, 1));
    page_note(&p.runner, bytes_text("never written to its end"));
    p.runner.page->note_turn |= 1;
    CHECK(!page_sleep(&p.agent) && !note_of(&p, 1));
    pair_close(&p);
}

enum { NOTES = 200000 };

/* Notes of all sizes, each of one byte again and again. */
static void *noting(void *user)
{
    struct page_runner *r = user;
    static unsigned char bytes[PAGE_NOTE_MAX];
    for (unsigned i = 1; i <= NOTES; i++) {
        size_t size = 1 + i * 7919u % sizeof bytes;
        memset(bytes, (int)(size % 251), size);
        page_note(r, bytes_of(bytes, size));
    }
    CHECK(page_done(r, PAGE_OK, bytes_text("r")));
    return NULL;
}

TEST(a_note_is_never_half_of_another_one)
{
    static unsigned char bytes[PAGE_NOTE_MAX];
    struct pair p;
    pthread_t thread;
    struct page_taken t;
    unsigned taken = 0;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    pair_start(&p);
    pthread_create(&thread, NULL, noting, &p.runner);
    for (int rc = 0; rc == 0;) {
        size_t size;
        if (!page_sleep(&p.agent)) {
            struct pollfd fd = {.fd = p.agent.bell, .events = POLLIN};
            poll(&fd, 1, -1);
            page_hush(&p.agent);
        }
        page_awake(&p.agent);
        while ((size = page_take_note(&p.agent, 1, bytes))) {
            for (size_t i = 0; i < size; i++)
                CHECK_EQ(bytes[i], size % 251);
            page_listen(&p.agent, false);
            taken++;
        }
        rc = page_take(&p.agent, &t);
    }
    pthread_join(thread, NULL);
    CHECK(taken > 0);
    pair_close(&p);
}
