/* SPDX-License-Identifier: Apache-2.0
 *
 * shell: the broker's sockets and store around its core. Polls, hands events to the core, applies
 * effects in order, sends what has gathered for each peer at the end of a turn. It decides nothing
 * about jobs.
 */
#ifndef BROKER_SHELL_H
#define BROKER_SHELL_H

#include "common/notify.h"
#include "producer/broker/keys.h"
#include "producer/core/broker.h"
#include "producer/store/store.h"

struct shell;

struct shell_options {
    unsigned port; /* clients; workers + 1, updates + 2 */
    uint64_t seed;
    struct store_found found;
    struct keys *keys;     /* borrowed; NULL: whoever reaches a port is let in */
    struct notify *notify; /* borrowed until shell_free */
};

/* Borrows store and keys until shell_free. */
struct shell *shell_new(struct store *store, const struct shell_options *options);
void shell_free(struct shell *s);

/* What an earlier life has left; before anybody can reach us. -1, and a line in the log: the store
 * cannot be read. */
int shell_load(struct shell *s);

/* Binds the three sockets, *port and the two after it. -1 when one cannot be had: errno says why,
 * *port which one it was. Borrows context and host until shell_free. */
int shell_bind(struct shell *s, void *context, const char *host, unsigned *port);

/* Serves until signal_fd tells of another signal than HUP, at which the list of principals is read
 * again: 0. Or until it must not go on: the exit code, and a line in the log. */
int shell_run(struct shell *s, int signal_fd);

#endif
