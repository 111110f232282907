/* SPDX-License-Identifier: Apache-2.0
 *
 * page_kit: what tests of the page share: both sides of one in a process.
 */
#ifndef UNIT_PAGE_KIT_H
#define UNIT_PAGE_KIT_H

#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "consumer/sdk/page.h"
#include "tests/unit/check.h"

struct pair {
    struct page_agent agent;
    struct page_runner runner;
};

static inline void pair_open(struct pair *p)
{
    int bell;
    const char *error = NULL;
    CHECK_EQ(page_open(&p->agent, &bell), 0);
    CHECK_EQ(page_join(&p->runner, bell, dup(p->agent.memory), &error), 0);
    page_stamp(&p->agent, clock_ms());
}

static inline void pair_close(struct pair *p)
{
    munmap(p->runner.page, sizeof(struct page));
    close(p->runner.bell);
    page_close(&p->agent);
}

static inline void pair_push(struct pair *p, uint64_t id, struct bytes args)
{
    CHECK(page_push(&p->agent, &(struct page_job){.id = id}, args));
    CHECK(page_publish(&p->agent));
}

/* The next job must be there: page_next would wait for ever. */
static inline struct page_job pair_start(struct pair *p)
{
    struct page_job job;
    CHECK(page_started(&p->agent) != p->agent.limit);
    CHECK(page_next(&p->runner, &job));
    return job;
}

#endif
