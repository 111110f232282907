/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hand makes of a runner's page and voice: whose the last lines are, and whose the peak of
 * memory. The runner is this test, on the other side of page and pipe; nobody is forked.
 */
#include "consumer/worker/hand.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "consumer/worker/memory.h"
#include "tests/unit/check.h"

static const char *const methods[] = {"alpha.run"};
static const struct agent_program program = {
    .name = "alpha", .methods = methods, .method_count = 1};

struct world {
    struct agent_options options;
    struct hands hands;
    struct spawner spawner;
    int spawner_end, null;
    struct page_runner runner;
    int voice; /* the runner's end */
};

/* What the spawner would be given. */
static struct spawner_ends received(int socket)
{
    struct spawner_ends ends;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof ends)];
    } control;
    char order[64];
    struct iovec iov = {.iov_base = order, .iov_len = sizeof order};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    must(recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) > 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    must(c && c->cmsg_len == CMSG_LEN(sizeof ends));
    memcpy(&ends, CMSG_DATA(c), sizeof ends);
    return ends;
}

static void world_start(struct world *w)
{
    int ends[2];
    bool lost;
    const char *error;
    *w = (struct world){.options = {.slots = 1, .programs = &program, .program_count = 1}};
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    w->spawner.socket = ends[0];
    w->spawner_end = ends[1];
    w->null = open("/dev/null", O_WRONLY);
    must(hands_open(&w->hands, &w->options, w->null) == 0);
    must(hands_start(&w->hands, 0, 0, &w->spawner, clock_ms(), &lost) == 0 && !lost);
    struct spawner_ends given = received(w->spawner_end);
    must(page_join(&w->runner, given.bell, given.memory, &error) == 0);
    w->voice = given.voice;
}

static void world_end(struct world *w)
{
    hands_close(&w->hands);
    must(close(w->runner.bell) == 0 && close(w->null) == 0);
    must(close(w->spawner.socket) == 0 && close(w->spawner_end) == 0);
    if (w->voice >= 0)
        close(w->voice);
}

/* --- the runner ----------------------------------------------------------------------------- */

static void says(struct world *w, const char *text)
{
    must(write(w->voice, text, strlen(text)) == (ssize_t)strlen(text));
}

static void begins(struct world *w)
{
    struct agent_push push = {.attempt = 1, .args = bytes_of("\x90", 1)};
    struct page_job job;
    hands_push(&w->hands, 0, &push, 1);
    must(page_publish(&w->hands.at[0].page));
    must(page_next(&w->runner, &job));
}

static void ends(struct world *w, enum page_status status)
{
    must(page_done(&w->runner, status, bytes_of("\xa1x", 2)));
}

static void runs(struct world *w, const char *text, enum page_status status)
{
    begins(w);
    says(w, text);
    ends(w, status);
}

/* --- the worker ----------------------------------------------------------------------------- */

static const char *kept(struct bytes lines)
{
    static char text[AGENT_LINES_BYTES + 1];
    snprintf(text, sizeof text, "%.*s", BYTES_ARG(lines));
    return text;
}

/* The last lines of the next result; NULL: there is none. */
static const char *result(struct world *w)
{
    struct agent_event e;
    while (hands_next(&w->hands, 0, clock_us(), &e))
        if (e.type == AGENT_RESULTS)
            return kept(e.results.at->lines);
    return NULL;
}

static void look(struct world *w)
{
    while (result(w))
        continue;
    hands_hear(&w->hands);
}

static const char *death(struct world *w)
{
    struct agent_event e;
    struct spawner_report r = {
        .kind = SPAWNER_EXITED, .runner = 0, .signal = SIGSEGV, .peak_kib = 77};
    look(w);
    hands_exited(&w->hands, &r, &e);
    CHECK_EQ(e.type, AGENT_EXITED);
    CHECK_EQ(e.exit.signal, SIGSEGV);
    CHECK_EQ(e.exit.peak_kib, 77);
    return kept(e.exit.lines);
}

TEST(who_fails_tells_its_last_lines_and_who_ends_well_none)
{
    struct world w;
    world_start(&w);
    runs(&w, "well\n", PAGE_OK);
    CHECK_TEXT(result(&w), "");
    look(&w);
    runs(&w, "one\ntwo\n", PAGE_FAILED);
    CHECK_TEXT(result(&w), "one\ntwo");
    look(&w);
    runs(&w, "", PAGE_FAILED); /* silent: not those of the one before */
    CHECK_TEXT(result(&w), "");
    world_end(&w);
}

TEST(lines_that_were_heard_before_a_job_began_are_not_its_own)
{
    struct world w;
    world_start(&w);
    says(&w, "at the start\n");
    look(&w);
    runs(&w, "first\n", PAGE_OK);
    look(&w);
    begins(&w);
    look(&w);
    says(&w, "second\n");
    look(&w);
    says(&w, "second again\n");
    ends(&w, PAGE_FAILED);
    CHECK_TEXT(result(&w), "second\nsecond again");
    begins(&w);
    CHECK_TEXT(death(&w), "");
    world_end(&w);
}

TEST(lines_are_heard_before_the_next_job_can_start)
{
    struct world w;
    world_start(&w);
    runs(&w, "of the first\n", PAGE_OK);
    CHECK_TEXT(result(&w), ""); /* and nobody has listened yet */
    begins(&w);
    CHECK_TEXT(death(&w), "");
    world_end(&w);
}

TEST(a_death_is_explained_by_what_the_running_job_said)
{
    struct world w;
    world_start(&w);
    runs(&w, "failed\n", PAGE_FAILED);
    CHECK_TEXT(result(&w), "failed");
    begins(&w);
    says(&w, "no memory\nabort");
    CHECK_TEXT(death(&w), "no memory\nabort");
    world_end(&w);
}

TEST(who_fails_keeps_its_lines_though_the_next_one_writes_already)
{
    struct world w;
    world_start(&w);
    begins(&w);
    says(&w, "mine\n");
    look(&w);
    ends(&w, PAGE_FAILED);
    begins(&w);
    says(&w, "the next one's\n");
    hands_hear(&w.hands); /* before its result is looked at */
    CHECK_TEXT(result(&w), "mine\nthe next one's");
    look(&w);
    ends(&w, PAGE_OK);
    look(&w);
    begins(&w);
    says(&w, "mine alone\n");
    CHECK_TEXT(death(&w), "mine alone");
    world_end(&w);
}

TEST(who_end_in_one_moment_share_their_lines)
{
    struct world w;
    world_start(&w);
    runs(&w, "a\n", PAGE_FAILED);
    runs(&w, "b\n", PAGE_FAILED);
    CHECK_TEXT(result(&w), "a\nb");
    CHECK_TEXT(result(&w), "a\nb");
    world_end(&w);
}

TEST(who_was_asked_to_stop_tells_its_lines_whatever_it_answers)
{
    struct world w;
    world_start(&w);
    w.hands.at[0].flagged = 1; /* the first job, counted from 1 */
    runs(&w, "stopping\n", PAGE_OK);
    CHECK_TEXT(result(&w), "stopping");
    look(&w);
    runs(&w, "well\n", PAGE_OK);
    CHECK_TEXT(result(&w), "");
    world_end(&w);
}

TEST(a_runner_may_close_its_standard_error)
{
    struct world w;
    world_start(&w);
    says(&w, "the last\n");
    must(close(w.voice) == 0);
    w.voice = -1;
    look(&w);
    look(&w);
    CHECK_EQ(w.hands.at[0].voice, -1); /* not readable for ever */
    begins(&w);
    ends(&w, PAGE_FAILED);
    CHECK_TEXT(result(&w), "");
    world_end(&w);
}

TEST(the_lines_of_a_broken_page_are_all_there_is)
{
    struct world w;
    world_start(&w);
    begins(&w);
    says(&w, "scribble\n");
    atomic_store(&w.runner.page->word, word_of(9, 1));
    struct agent_event e;
    CHECK(hands_next(&w.hands, 0, clock_us(), &e) && e.type == AGENT_READY);
    CHECK(hands_next(&w.hands, 0, clock_us(), &e) && e.type == AGENT_CORRUPT);
    CHECK(!hands_next(&w.hands, 0, clock_us(), &e));
    CHECK_TEXT(death(&w), "scribble");
    world_end(&w);
}

/* --- memory: the runner's process is this one ------------------------------------------------ */

enum { TAKEN_KIB = 64 << 10 };

static void takes_memory(void)
{
    size_t size = (size_t)TAKEN_KIB * 1024;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED);
    memset(at, 1, size);
    must(munmap(at, size) == 0);
}

/* The peak that goes with the next result, looked at when so much time has passed. */
static uint64_t peak_kib(struct world *w, int64_t now_us)
{
    struct agent_event e;
    while (hands_next(&w->hands, 0, now_us, &e))
        if (e.type == AGENT_RESULTS)
            return e.results.at->peak_kib;
    must(false && "no result");
    return 0;
}

TEST(a_peak_is_not_told_again_for_the_next_job)
{
    struct world w;
    world_start(&w);
    w.hands.at[0].pid = getpid();
    int64_t now_us = clock_us();
    runs(&w, "", PAGE_FAILED);
    CHECK(peak_kib(&w, now_us) > 0);
    runs(&w, "", PAGE_FAILED);
    CHECK_EQ(peak_kib(&w, now_us), 0); /* too soon for another look: not known */
    runs(&w, "", PAGE_FAILED);
    CHECK(peak_kib(&w, now_us + 1000000) > 0);
    world_end(&w);
}

TEST(what_a_program_took_to_start_is_not_its_first_jobs)
{
    struct world w;
    struct memory m;
    struct agent_event e;
    world_start(&w);
    w.hands.at[0].pid = getpid();
    takes_memory();
    atomic_store(&w.runner.page->ready, 1);
    int64_t now_us = clock_us();
    CHECK(hands_next(&w.hands, 0, now_us, &e) && e.type == AGENT_READY);
    CHECK(hands_next(&w.hands, 0, now_us, &e) && e.type == AGENT_MEMORY && e.memory.kib > 0);
    CHECK(memory_look(getpid(), &m) && m.peak_kib < m.kib + TAKEN_KIB / 2);
    runs(&w, "", PAGE_FAILED);
    CHECK(peak_kib(&w, now_us + 1000000) < m.kib + TAKEN_KIB / 2);
    world_end(&w);
}

TEST(who_is_above_its_limit_from_the_start_is_given_a_job_to_say_so)
{
    struct world w;
    struct agent_event e;
    world_start(&w);
    w.options.slot_kib = 1;
    w.hands.at[0].pid = getpid();
    atomic_store(&w.runner.page->ready, 1);
    CHECK(hands_next(&w.hands, 0, clock_us(), &e) && e.type == AGENT_READY);
    CHECK(!hands_next(&w.hands, 0, clock_us(), &e));
    begins(&w);
    CHECK(hands_memory(&w.hands, 0, &e) && e.memory.kib > 1);
    world_end(&w);
}

/* --- notes ---------------------------------------------------------------------------------- */

/* What has been told this turn: a letter an event, and the note. */
static const char *told(struct world *w)
{
    static char text[80];
    size_t at = 0;
    struct agent_event e;
    text[0] = 0;
    while (hands_next(&w->hands, 0, clock_us(), &e)) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s",
                               e.type == AGENT_READY      ? "ready "
                               : e.type == AGENT_PROGRESS ? "started "
                               : e.type == AGENT_RESULTS  ? "result "
                               : e.type == AGENT_NOTE     ? "note "
                                                          : "? ");
        if (e.type == AGENT_NOTE)
            at += (size_t)snprintf(text + at, sizeof text - at, "%u:%.*s ", e.job.number,
                                   BYTES_ARG(e.job.value));
    }
    return text;
}

TEST(a_note_is_told_behind_the_start_of_its_job_and_once)
{
    struct world w;
    world_start(&w);
    begins(&w);
    page_note(&w.runner, bytes_text("half"));
    CHECK_TEXT(told(&w), "ready started note 0:half ");
    page_note(&w.runner, bytes_text("more"));
    CHECK_TEXT(told(&w), "");
    hands_listen(&w.hands, 0, false);
    CHECK_TEXT(told(&w), "note 0:more ");
    hands_listen(&w.hands, 0, true);
    CHECK_TEXT(told(&w), "note 0:more ");
    hands_listen(&w.hands, 0, false);
    page_note(&w.runner, bytes_text("all"));
    ends(&w, PAGE_OK);
    begins(&w);
    CHECK_TEXT(told(&w), "result started ");
    page_note(&w.runner, bytes_text("next"));
    CHECK_TEXT(told(&w), "note 1:next ");
    ends(&w, PAGE_OK);
    look(&w);
    world_end(&w);
}
