/* SPDX-License-Identifier: Apache-2.0
 *
 * shell: the broker's sockets around its core. Polls, hands events to the core, applies effects in
 * order, sends what has gathered for each peer at the end of a turn. It decides nothing about jobs.
 */
#ifndef BROKER_SHELL_H
#define BROKER_SHELL_H

#include "producer/core/broker.h"
#include "producer/store/store.h"

struct shell;

struct shell_options {
    const char *host; /* loopback: 127.0.0.1, localhost, [::1] */
    unsigned port;    /* clients; workers + 1, updates + 2 */
    uint64_t seed;
    uint32_t incarnation;
};

/* Binds the three sockets. NULL when one cannot be had: errno says why, *port which one it was.
 * Borrows the context and the store until shell_free. */
struct shell *shell_new(void *context, struct store *store, const struct shell_options *options,
                        unsigned *port);
void shell_free(struct shell *s);

/* Serves until signal_fd is readable. */
void shell_run(struct shell *s, int signal_fd);

#endif
