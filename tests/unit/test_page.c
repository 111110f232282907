/* SPDX-License-Identifier: Apache-2.0
 *
 * The page between an agent and a runner: both sides in one process, first by turns, then in two
 * threads; and a runner that writes nonsense.
 */
#include "consumer/sdk/page.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/random.h"
#include "tests/unit/page_kit.h"

static struct bytes runner_args(const struct pair *p, const struct page_job *job)
{
    return bytes_of((char *)p->runner.page + job->offset, job->size);
}

TEST(a_job_goes_over_and_its_result_comes_back)
{
    struct pair p;
    pair_open(&p);
    CHECK(!page_ready(&p.agent));
    pair_push(&p, 7, bytes_text("two words"));
    struct page_job job = pair_start(&p);
    CHECK(page_ready(&p.agent));
    CHECK_EQ(job.id, 7);
    CHECK_BYTES(runner_args(&p, &job), bytes_text("two words"));
    CHECK_EQ(page_started(&p.agent), 1);

    struct page_taken t;
    CHECK_EQ(page_take(&p.agent, &t), 0);
    CHECK(page_done(&p.runner, PAGE_FAILED, bytes_text("no")));
    CHECK_EQ(page_take(&p.agent, &t), 1);
    CHECK_EQ(t.number, 0);
    CHECK_EQ(t.status, PAGE_FAILED);
    CHECK_BYTES(t.value, bytes_text("no"));
    CHECK_EQ(page_take(&p.agent, &t), 0);
    pair_close(&p);
}

TEST(what_has_not_started_can_be_recalled)
{
    struct pair p;
    pair_open(&p);
    for (uint64_t id = 1; id <= 5; id++)
        pair_push(&p, id, bytes_text("x"));
    CHECK_EQ(pair_start(&p).id, 1);
    CHECK_EQ(page_recall(&p.agent, 3), 3); /* 4 and 5 come back */
    CHECK_EQ(page_recall(&p.agent, 0), 1); /* 2 and 3 too; 1 runs */
    CHECK_EQ(page_recall(&p.agent, 0), 1); /* nothing more */
    pair_push(&p, 9, bytes_text("y"));
    CHECK(page_done(&p.runner, PAGE_OK, bytes_text("r")));
    CHECK_EQ(pair_start(&p).id, 9);
    CHECK_EQ(page_started(&p.agent), 2);
    pair_close(&p);
}

TEST(jobs_pushed_and_not_published_can_be_recalled)
{
    struct pair p;
    pair_open(&p);
    CHECK(page_push(&p.agent, &(struct page_job){.id = 1}, bytes_text("x")));
    CHECK(page_push(&p.agent, &(struct page_job){.id = 2}, bytes_text("x")));
    CHECK_EQ(page_recall(&p.agent, 1), 1);
    CHECK_EQ(p.agent.limit, 1);
    CHECK_EQ(pair_start(&p).id, 1);
    pair_close(&p);
}

/* What the agent's core counts on: PAGE_JOBS jobs of PAGE_RING_USE bytes together always fit. */
TEST(jobs_within_the_limits_always_fit)
{
    static unsigned char bytes[PAGE_SMALL_MAX];
    struct pair p;
    struct random r = {.state = 11};
    uint32_t sizes[PAGE_JOBS];
    size_t used = 0;
    pair_open(&p);
    memset(bytes, 5, sizeof bytes);
    for (uint64_t i = 0; i < 200000; i++) {
        uint32_t waiting = p.agent.limit - p.agent.taken;
        size_t size = 1 + random_below(&r, random_below(&r, 50) ? 300 : PAGE_SMALL_MAX);
        if (waiting < PAGE_JOBS && used + ((size + 7) & ~7u) <= PAGE_RING_USE &&
            random_below(&r, 3)) {
            sizes[p.agent.limit % PAGE_JOBS] = (uint32_t)(size + 7) & ~7u;
            used += (size + 7) & ~7u;
            pair_push(&p, i, bytes_of(bytes, size));
        } else if (waiting && random_below(&r, 40) == 0) {
            uint32_t from = p.agent.taken + (uint32_t)random_below(&r, waiting),
                     old = p.agent.limit;
            for (uint32_t n = page_recall(&p.agent, from); n != old; n++)
                used -= sizes[n % PAGE_JOBS];
        } else if (waiting) {
            struct page_taken t;
            page_stamp(&p.agent, clock_ms());
            pair_start(&p);
            CHECK(page_done(&p.runner, PAGE_OK, bytes_of(bytes, size)));
            CHECK_EQ(page_take(&p.agent, &t), 1);
            CHECK_EQ(t.value.size, size);
            used -= sizes[t.number % PAGE_JOBS];
            page_release(&p.agent);
        }
    }
    pair_close(&p);
}

static long long kept_kib(const struct pair *p)
{
    struct stat st;
    CHECK_EQ(fstat(p->agent.memory, &st), 0);
    return (long long)st.st_blocks / 2;
}

TEST(a_large_job_has_room_and_gives_it_back)
{
    struct pair p;
    struct page_taken t;
    unsigned char *large = must_alloc(PAGE_VALUE_MAX);
    pair_open(&p);
    memset(large, 3, PAGE_VALUE_MAX);
    for (int round = 0; round < 3; round++) {
        CHECK(
            !page_push(&p.agent, &(struct page_job){.id = 1}, bytes_of(large, PAGE_VALUE_MAX + 1)));
        pair_push(&p, 1, bytes_of(large, PAGE_VALUE_MAX));
        CHECK(!page_push(&p.agent, &(struct page_job){.id = 2}, bytes_of(large, PAGE_VALUE_MAX)));
        struct page_job job = pair_start(&p);
        CHECK_BYTES(runner_args(&p, &job), bytes_of(large, PAGE_VALUE_MAX));
        CHECK(page_done(&p.runner, PAGE_OK, bytes_of(large, PAGE_VALUE_MAX)));
        CHECK_EQ(page_take(&p.agent, &t), 1);
        CHECK_BYTES(t.value, bytes_of(large, PAGE_VALUE_MAX));
        CHECK(kept_kib(&p) > PAGE_VALUE_MAX / 1024);
        page_release(&p.agent);
        CHECK(kept_kib(&p) < 2048);
    }
    pair_push(&p, 3, bytes_of(large, PAGE_VALUE_MAX));
    CHECK_EQ(page_recall(&p.agent, 0), 3);
    CHECK(kept_kib(&p) < 2048);
    pair_push(&p, 4, bytes_of(large, PAGE_VALUE_MAX));
    free(large);
    pair_close(&p);
}

TEST(a_cancelled_job_is_told_and_no_other)
{
    struct pair p;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    pair_push(&p, 2, bytes_text("x"));
    pair_start(&p);
    CHECK(!page_cancelled(&p.runner));
    page_cancel(&p.agent, 0);
    CHECK(page_cancelled(&p.runner));
    CHECK(page_done(&p.runner, PAGE_OK, bytes_text("r")));
    pair_start(&p);
    CHECK(!page_cancelled(&p.runner));
    pair_close(&p);
}

/* --- a runner that lies --------------------------------------------------------------------- */

enum lie {
    WRONG_NUMBER,
    WRONG_STATUS,
    BEFORE_THE_RING,
    BEYOND_THE_RING,
    BEYOND_THE_LARGE,
    HUGE_SIZE,
    WRAPPING_OFFSET,
    MORE_THAN_STARTED,
    RESULTS_BACKWARDS,
    STARTED_BEYOND,
    STARTED_BACK,
    LIMIT_CHANGED,
    LIES
};

static void tell_lie(struct page *page, enum lie lie)
{
    struct page_result *r = &page->result_at[0];
    size_t ring = offsetof(struct page, result_bytes);
    switch (lie) {
    case WRONG_NUMBER: r->number = 5; break;
    case WRONG_STATUS: r->status = PAGE_STATUSES; break;
    case BEFORE_THE_RING: r->offset = ring - 1; break;
    case BEYOND_THE_RING: r->offset = ring + PAGE_RING_BYTES - r->size + 1; break;
    case BEYOND_THE_LARGE:
        r->offset = offsetof(struct page, result_large);
        r->size = PAGE_LARGE_BYTES + 1;
        break;
    case HUGE_SIZE: r->size = UINT64_MAX; break;
    case WRAPPING_OFFSET: r->offset = UINT64_MAX - 1; break;
    case MORE_THAN_STARTED: atomic_store(&page->results, 3); break;
    case RESULTS_BACKWARDS: atomic_store(&page->results, UINT32_MAX); break;
    case STARTED_BEYOND: atomic_store(&page->word, word_of(9, 3)); break;
    case STARTED_BACK: atomic_store(&page->word, word_of(UINT32_MAX, 3)); break;
    case LIMIT_CHANGED: atomic_store(&page->word, word_of(1, 4)); break;
    case LIES: break;
    }
}

TEST(a_lie_of_the_runner_is_seen)
{
    for (enum lie lie = 0; lie <= LIES; lie++) {
        struct pair p;
        struct page_taken t;
        pair_open(&p);
        for (uint64_t id = 1; id <= 3; id++)
            pair_push(&p, id, bytes_text("x"));
        pair_start(&p);
        CHECK(page_done(&p.runner, PAGE_OK, bytes_text("r")));
        tell_lie(p.runner.page, lie);
        if (page_take(&p.agent, &t) != (lie == LIES ? 1 : -1))
            check_failed(__FILE__, __LINE__, "lie %d", (int)lie);
        pair_close(&p);
    }
}

TEST(a_changed_limit_stops_pushing_and_recalling)
{
    struct pair p;
    pair_open(&p);
    pair_push(&p, 1, bytes_text("x"));
    atomic_store(&p.runner.page->word, word_of(0, 9));
    CHECK(page_push(&p.agent, &(struct page_job){.id = 2}, bytes_text("x")));
    CHECK(!page_publish(&p.agent));
    CHECK_EQ(page_recall(&p.agent, 0), p.agent.limit);
    CHECK_EQ(page_started(&p.agent), -1);
    pair_close(&p);
}

/* --- two threads ---------------------------------------------------------------------------- */

enum { STRESS_JOBS = 300000 };

/* Echoes ids until the agent hangs up; now it ends a job by itself, now it starts the next with it.
 */
static void *echo(void *arg)
{
    struct page_runner *r = arg;
    struct page_job job;
    for (bool more = page_next(r, &job); more;) {
        struct bytes id = bytes_of((char *)r->page + job.offset, job.size);
        if (r->number / 64 % 2)
            more = page_done(r, PAGE_OK, id) && page_next(r, &job);
        else
            more = page_done_next(r, PAGE_OK, id, &job);
    }
    return NULL;
}

static void wait_until_asleep(struct pair *p)
{
    while (!atomic_load(&p->agent.page->runner_waits))
        sched_yield();
}

TEST(a_runner_starts_nothing_while_the_agent_is_frozen)
{
    struct pair p;
    pthread_t thread;
    pair_open(&p);
    page_stamp(&p.agent, clock_ms() - PAGE_STAMP_MS - 1000);
    pthread_create(&thread, NULL, echo, &p.runner);
    wait_until_asleep(&p);
    pair_push(&p, 1, bytes_text("x"));
    wait_until_asleep(&p); /* it has been woken, has looked, and sleeps again */
    CHECK_EQ(page_started(&p.agent), 0);
    page_stamp(&p.agent, clock_ms());
    struct page_taken t;
    while (page_take(&p.agent, &t) == 0)
        sched_yield();
    CHECK_EQ(t.number, 0);
    shutdown(p.agent.bell, SHUT_RDWR);
    pthread_join(thread, NULL);
    pair_close(&p);
}

/* Each job takes so long that it cannot begin in the microsecond of the one before. */
static void *work(void *arg)
{
    struct page_runner *r = arg;
    struct page_job job;
    while (page_next(r, &job)) {
        while (clock_us() <= r->started_us)
            continue;
        if (!page_done(r, PAGE_OK, bytes_text("r")))
            break;
    }
    return NULL;
}

TEST(who_sees_a_start_sees_its_time)
{
    struct pair p;
    struct page_taken t;
    pthread_t thread;
    int64_t last_us = 0;
    pair_open(&p);
    pthread_create(&thread, NULL, work, &p.runner);
    for (uint32_t n = 0; n < STRESS_JOBS / 10; n++) {
        page_stamp(&p.agent, clock_ms());
        pair_push(&p, n, bytes_text("x"));
        while (page_started(&p.agent) == n)
            sched_yield();
        int64_t at_us = page_started_us(&p.agent);
        CHECK(at_us > last_us);
        last_us = at_us;
        while (page_take(&p.agent, &t) == 0)
            sched_yield();
        page_release(&p.agent);
    }
    shutdown(p.agent.bell, SHUT_RDWR);
    pthread_join(thread, NULL);
    pair_close(&p);
}

/* Every job comes back exactly once: as a result, in order, or recalled and pushed again. Both
 * sides sleep whenever they have nothing to do: a lost wake-up hangs the test. */
TEST(nothing_is_lost_between_two_threads)
{
    static uint64_t ring[PAGE_JOBS]; /* ids by number */
    static uint64_t again[PAGE_JOBS];
    size_t again_count = 0;
    struct pair p;
    struct random r = {.state = 5};
    struct page_taken t;
    pthread_t thread;
    uint64_t next = 1, done = 0;
    static bool seen[STRESS_JOBS + 1];
    pair_open(&p);
    pthread_create(&thread, NULL, echo, &p.runner);
    while (done < STRESS_JOBS) {
        page_stamp(&p.agent, clock_ms());
        uint64_t burst = random_below(&r, 64);
        while (burst-- && p.agent.limit - p.agent.taken < PAGE_JOBS) {
            uint64_t id = again_count ? again[--again_count] : next <= STRESS_JOBS ? next++ : 0;
            if (!id)
                break;
            ring[p.agent.limit % PAGE_JOBS] = id;
            CHECK(page_push(&p.agent, &(struct page_job){.id = id}, bytes_of(&id, sizeof id)));
        }
        CHECK(page_publish(&p.agent));
        if (random_below(&r, 8) == 0) {
            uint32_t from = p.agent.taken + (uint32_t)random_below(&r, 16), old = p.agent.limit;
            for (uint32_t n = page_recall(&p.agent, from); n != old; n++)
                again[again_count++] = ring[n % PAGE_JOBS];
        }
        if (p.agent.limit != p.agent.taken && !page_sleep(&p.agent)) {
            struct pollfd fd = {.fd = p.agent.bell, .events = POLLIN};
            poll(&fd, 1, -1);
            page_hush(&p.agent);
        }
        page_awake(&p.agent);
        int rc;
        while ((rc = page_take(&p.agent, &t)) > 0) {
            uint64_t id;
            CHECK_EQ(t.value.size, sizeof id);
            memcpy(&id, t.value.data, sizeof id);
            CHECK_EQ(id, ring[t.number % PAGE_JOBS]);
            CHECK(!seen[id]);
            seen[id] = true;
            done++;
        }
        CHECK_EQ(rc, 0);
        page_release(&p.agent);
    }
    shutdown(p.agent.bell, SHUT_RDWR);
    pthread_join(thread, NULL);
    pair_close(&p);
}

/* What has ended is there while the next one runs, and who sleeps is told of it. */
TEST(an_end_with_a_start_rings_who_sleeps)
{
    struct pair p;
    struct page_taken t;
    struct page_job job;
    pair_open(&p);
    page_serve(&p.runner);
    pair_push(&p, 7, bytes_text("x"));
    pair_push(&p, 8, bytes_text("y"));
    pair_start(&p);
    page_hush(&p.agent);
    CHECK(!page_sleep(&p.agent));
    CHECK(page_done_next(&p.runner, PAGE_OK, bytes_text("first"), &job));
    CHECK_EQ(job.id, 8);
    struct pollfd bell = {.fd = p.agent.bell, .events = POLLIN};
    CHECK_EQ(poll(&bell, 1, 0), 1);
    CHECK_EQ(page_started(&p.agent), 2);
    CHECK_EQ(page_take(&p.agent, &t), 1);
    CHECK_BYTES(t.value, bytes_text("first"));
    CHECK_EQ(page_take(&p.agent, &t), 0);
    pair_close(&p);
}

/* One job of a pair whose agent sleeps: has its end rung? */
static bool end_rings(struct pair *p)
{
    struct pollfd bell = {.fd = p->agent.bell, .events = POLLIN};
    pair_start(p);
    CHECK(page_done(&p->runner, PAGE_OK, bytes_text("r")));
    return poll(&bell, 1, 0) == 1;
}

TEST(an_end_that_may_come_with_others_rings_when_half_the_ring_is_gone)
{
    struct pair p;
    pair_open(&p);
    page_serve(&p.runner);
    for (unsigned i = 0; i < 4; i++)
        CHECK(page_push(&p.agent, &(struct page_job){.id = 1 + i, .together = 1}, bytes_text("x")));
    CHECK(page_publish(&p.agent));
    page_hush(&p.agent);
    CHECK(!page_sleep(&p.agent));
    CHECK(!end_rings(&p));
    CHECK(end_rings(&p));

    struct page_taken t;
    for (int i = 0; i < 2; i++)
        CHECK_EQ(page_take(&p.agent, &t), 1);
    page_release(&p.agent);
    page_hush(&p.agent);
    CHECK(!page_sleep(&p.agent));
    CHECK(end_rings(&p)); /* one more is to start, and one has ended */
    CHECK_EQ(page_take(&p.agent, &t), 1);
    page_release(&p.agent);
    page_hush(&p.agent);
    for (uint64_t id = 5; id < 9; id++)
        pair_push(&p, id, bytes_text("somebody waits for this one"));
    CHECK(!page_sleep(&p.agent));
    CHECK(!end_rings(&p)); /* the fourth of those before */
    CHECK(end_rings(&p));
    pair_close(&p);
}
