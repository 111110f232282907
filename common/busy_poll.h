/* SPDX-License-Identifier: Apache-2.0
 *
 * busy_poll: a poll that looks for a moment before it sleeps, where the next word is likely to come
 * at once. A processor that went idle takes tens of microseconds to wake, a virtual one the most;
 * one that looks is burnt meanwhile. So it looks only when told that something is expected, gives
 * way to whoever wants the processor, and learns for how long: BUSY_POLL_US while what is expected
 * comes within that, half as long each time it does not, and soon not at all.
 */
#ifndef COMMON_BUSY_POLL_H
#define COMMON_BUSY_POLL_H

#include <poll.h>
#include <stdint.h>

enum { BUSY_POLL_US = 250, BUSY_POLL_LEAST_US = 30 };

/* {0} to begin with. */
struct busy_poll {
    unsigned span_us; /* how long to look: 0, or BUSY_POLL_LEAST_US to BUSY_POLL_US */
    int64_t since_us; /* something is expected since then (clock_us); 0: nothing is */
};

/* What comes next answers what has just been sent. */
void busy_poll_expect(struct busy_poll *b);

/* As poll(2), with its answers and errors; with a timeout of 0 it does not wait, nor look. */
int busy_poll_wait(struct busy_poll *b, struct pollfd *fds, nfds_t count, int timeout_ms);

/* The span that follows one when what was expected came after so long. */
unsigned busy_poll_learn(unsigned span_us, int64_t waited_us);

#endif
