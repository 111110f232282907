/* SPDX-License-Identifier: Apache-2.0
 *
 * The leases of one worker, as they come and go.
 */
#include "producer/core/core.h"
#include "tests/unit/check.h"

enum { JOBS = 300 };

static struct job *jobs_make(void)
{
    struct job *jobs = must_alloc(JOBS * sizeof *jobs);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].id = i + 1;
        jobs[i].leased_ms = i / 10;
    }
    return jobs;
}

TEST(what_is_put_is_there_until_it_is_taken)
{
    struct pool pool;
    struct holdings h = {0};
    struct random random = {.state = 3};
    bool there[JOBS] = {false};
    struct job *jobs = jobs_make();
    uint32_t count = 0;
    pool_init(&pool);
    for (int step = 0; step < 20000; step++) {
        uint64_t at = random_below(&random, step / 5000 % 2 ? 4 : JOBS);
        if (there[at]) {
            holdings_take(&h, &jobs[at]);
            count--;
        } else {
            holdings_put(&h, &pool, &jobs[at]);
            count++;
        }
        there[at] = !there[at];
        CHECK_EQ(h.count, count);
        if (step % 100)
            continue;
        uint32_t place = 0, seen = 0;
        for (struct job *job; (job = holdings_next(&h, &place)); seen++)
            CHECK(there[job - jobs] && h.all[job->place].job == job);
        CHECK_EQ(seen, count);
    }
    CHECK(h.capacity <= 512); /* places are used again */
    holdings_fini(&h, &pool);
    pool_fini(&pool);
    free(jobs);
}

TEST(sorted_they_stand_as_they_were_leased)
{
    struct pool pool;
    struct holdings h = {0};
    struct job *jobs = jobs_make();
    pool_init(&pool);
    for (unsigned i = 0; i < JOBS; i++)
        holdings_put(&h, &pool, &jobs[i * 7 % JOBS]);
    struct job **sorted = holdings_sorted(&h);
    for (unsigned i = 0; i < JOBS; i++)
        CHECK(sorted[i] == &jobs[i]);
    free(sorted);
    jobs[0].leased_ms = 1; /* the count has gone round since the others */
    for (unsigned i = 1; i < JOBS; i++)
        jobs[i].leased_ms = UINT32_MAX - 1;
    sorted = holdings_sorted(&h);
    CHECK(sorted[JOBS - 1] == &jobs[0]);
    free(sorted);
    holdings_fini(&h, &pool);
    pool_fini(&pool);
    free(jobs);
}
