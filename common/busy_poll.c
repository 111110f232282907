/* SPDX-License-Identifier: Apache-2.0 */
#include "common/busy_poll.h"

#include <sched.h>

#include "common/clock.h"

unsigned busy_poll_learn(unsigned span_us, int64_t waited_us)
{
    if (waited_us <= BUSY_POLL_US)
        return BUSY_POLL_US;
    return span_us / 2 < BUSY_POLL_LEAST_US ? 0 : span_us / 2;
}

void busy_poll_expect(struct busy_poll *b)
{
    b->since_us = clock_us();
}

/* Who is to send the word may be waiting for this very processor. */
static int look(const struct busy_poll *b, struct pollfd *fds, nfds_t count)
{
    int ready = 0;
    while (ready == 0 && clock_us() - b->since_us < (int64_t)b->span_us) {
        sched_yield();
        ready = poll(fds, count, 0);
    }
    return ready;
}

int busy_poll_wait(struct busy_poll *b, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (!b->since_us || timeout_ms == 0)
        return poll(fds, count, timeout_ms);
    int ready = look(b, fds, count);
    if (ready == 0)
        ready = poll(fds, count, timeout_ms);
    b->span_us = busy_poll_learn(b->span_us, clock_us() - b->since_us);
    b->since_us = 0;
    return ready;
}
