/* SPDX-License-Identifier: Apache-2.0 */
#include "common/busy_poll.h"

#include <errno.h>
#include <unistd.h>

#include "common/must.h"
#include "tests/unit/check.h"

TEST(it_looks_long_once_what_is_expected_comes_soon)
{
    CHECK_EQ(busy_poll_learn(0, 0), BUSY_POLL_US);
    CHECK_EQ(busy_poll_learn(0, BUSY_POLL_US), BUSY_POLL_US);
    CHECK_EQ(busy_poll_learn(BUSY_POLL_LEAST_US, 100), BUSY_POLL_US);
}

TEST(it_looks_shorter_and_then_no_more_when_it_does_not)
{
    unsigned span_us = BUSY_POLL_US, looks = 0, looked_us = 0;
    for (; span_us; looks++) {
        CHECK(span_us >= BUSY_POLL_LEAST_US);
        looked_us += span_us;
        span_us = busy_poll_learn(span_us, 10000);
    }
    CHECK(looks > 1 && looked_us < 2 * BUSY_POLL_US);
    CHECK_EQ(busy_poll_learn(0, BUSY_POLL_US + 1), 0);
}

struct pair {
    int ends[2];
    struct pollfd fd;
};

static struct pair pair_open(void)
{
    struct pair p;
    must(pipe(p.ends) == 0);
    p.fd = (struct pollfd){.fd = p.ends[0], .events = POLLIN};
    return p;
}

static void pair_close(struct pair *p)
{
    close(p->ends[0]);
    close(p->ends[1]);
}

TEST(what_is_there_is_told_as_poll_tells_it)
{
    struct busy_poll b = {0};
    struct pair p = pair_open();
    CHECK_EQ(busy_poll_wait(&b, &p.fd, 1, 0), 0);
    CHECK_EQ(busy_poll_wait(&b, &p.fd, 1, 1), 0);
    must(write(p.ends[1], "", 1) == 1);
    for (unsigned i = 0; i < 3; i++) { /* it sleeps, learns, looks */
        busy_poll_expect(&b);
        p.fd.revents = 0;
        CHECK_EQ(busy_poll_wait(&b, &p.fd, 1, -1), 1);
        CHECK_EQ(p.fd.revents, POLLIN);
        CHECK_EQ(b.since_us, 0);
    }
    CHECK(busy_poll_wait(&b, NULL, 1, 1) == -1 && errno == EFAULT);
    busy_poll_expect(&b);
    b.span_us = BUSY_POLL_US;
    CHECK(busy_poll_wait(&b, NULL, 1, 1) == -1 && errno == EFAULT);
    pair_close(&p);
}

TEST(it_expects_one_word_at_a_time)
{
    struct busy_poll b = {.span_us = BUSY_POLL_US};
    struct pair p = pair_open();
    busy_poll_expect(&b);
    CHECK_EQ(busy_poll_wait(&b, &p.fd, 1, 0), 0);
    CHECK(b.since_us != 0); /* not yet waited for */
    b.since_us -= 10 * BUSY_POLL_US;
    CHECK_EQ(busy_poll_wait(&b, &p.fd, 1, 1), 0);
    CHECK(b.since_us == 0 && b.span_us == BUSY_POLL_US / 2);
    pair_close(&p);
}
