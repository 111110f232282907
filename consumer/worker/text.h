/* SPDX-License-Identifier: Apache-2.0
 *
 * text: the text port: connections on 127.0.0.1 that bring one command each (text_command.h) and
 * get one line of text back. It hands commands out one at a time, in the order they were complete;
 * who runs them is not its business. Blocks nowhere but in text_finish.
 *
 * A connection is: reading, until a newline, a half-close, or 50 ms without a further byte; waiting
 * for its turn; running; writing; and closing, when all is written and the other side may take its
 * time to notice.
 */
#ifndef WORKER_TEXT_H
#define WORKER_TEXT_H

#include <poll.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/must.h"

enum { TEXT_CLIENTS_MAX = 64 };

struct text {
    int listener;
    struct link clients; /* text_client::link, in the order they came */
    unsigned client_count;
    uint32_t next_number, running; /* running: the command that is out, 0: none */
    uint64_t next_place;
    int64_t pause_us; /* accept fails (no descriptors): not again before */
};

/* 0, or -1 with errno (EADDRINUSE, ...). */
int text_open(struct text *t, unsigned port) MUST_CHECK;
void text_close(struct text *t);

/* Appends what to poll for; returns how many (at most TEXT_CLIENTS_MAX + 1). */
size_t text_polls(const struct text *t, struct pollfd *out);
/* After the poll, with the same entries. *gone: the running command whose client left, else 0. */
void text_turn(struct text *t, const struct pollfd *fds, size_t count, int64_t now_us,
               uint32_t *gone);
int64_t text_deadline(const struct text *t);

/* The next command to run, lent until text_answer; 0 when there is none, or one is out. */
uint32_t text_next(struct text *t, struct bytes *command);
/* Its answer, copied. Nothing happens when the client has left. */
void text_answer(struct text *t, uint32_t number, struct bytes answer, int64_t now_us);
/* Before leaving: gives answers that are on their way a second to get out. The one call that waits.
 */
void text_finish(struct text *t);

#endif
