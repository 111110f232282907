/* SPDX-License-Identifier: Apache-2.0
 *
 * inside: the shell, for its rooms only: shell.c (effects and events), principals.c (who is let
 * in), helm.c (turns). All of it belongs to who is at the helm (relief.h).
 */
#ifndef BROKER_INSIDE_H
#define BROKER_INSIDE_H

#include <poll.h>

#include "common/busy_poll.h"
#include "common/log.h"
#include "producer/broker/inbox.h"
#include "producer/broker/ports.h"
#include "producer/broker/relief.h"
#include "producer/broker/route.h"
#include "producer/broker/shell.h"

enum { EXIT_DATA = 7 };

enum { WAIT_STORE = SOCKETS, WAIT_SIGNAL, WAITS }; /* behind a descriptor for each socket */

struct shell {
    struct ports ports;
    bool touched[SOCKETS]; /* may have something to read that its descriptor does not tell of */
    struct routes routes;
    struct broker *broker;
    struct inbox inbox;
    struct event events[INBOX_LETTERS]; /* of it; the first `heard` have been stepped */
    unsigned heard;
    struct effects effects;
    struct store *store;
    struct store_answer store_state; /* the last one told */
    int64_t sampled_ms;              /* when our own memory was looked at: */
    uint64_t memory_bytes;
    uint64_t updates_dropped;
    struct log_limit denied;
    struct buf enrolments; /* struct enrolment each, to be written at the end of the turn */
    uint64_t loaded;       /* rows, at the start */
    struct notify *notify;
    /* of the turns */
    struct pollfd fds[WAITS];
    struct busy_poll wait;
    struct relief *relief;
    bool full;  /* there are peers that take nothing more for now */
    bool ended; /* told to stop */
    int status; /* not 0: it must not go on; the exit code */
};

/* --- shell.c ---------------------------------------------------------------------------------- */

/* What becomes of it is done before the call returns, except that what is for peers gathers. */
void shell_step(struct shell *s, struct event *ev);

/* Sends what has gathered. Returns whether there are peers that do not take it all. */
bool shell_flush(struct shell *s);

/* Takes what came there, as much as a turn does. */
void shell_take(struct shell *s, unsigned socket);

/* Whatever the store has answered. */
void shell_answers(struct shell *s);

/* What the core is to know of the store, and of our memory. */
void shell_tell_store(struct shell *s);

/* --- principals.c ----------------------------------------------------------------------------- */

/* Somebody who was invited, and the key of its own, to be written at the end of the turn. */
void principals_enrol_later(struct shell *s, uint64_t peer, struct bytes name, struct bytes key);
void principals_enrol(struct shell *s);

/* Reads the list again. False, and a line in the log: it stays as it was. */
bool principals_again(struct shell *s);

#endif
