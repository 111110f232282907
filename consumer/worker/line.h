/* SPDX-License-Identifier: Apache-2.0
 *
 * line: the other way to speak with a runner: frames over its bell, one job at a time, for programs
 * that do not map the page (PROTOCOL.md, section 14). The runner's part on the page is then taken
 * here, in the agent's process: jobs are started and finished on it as ever, so whoever looks at
 * the page sees a runner like any other. It knows no job and decides nothing.
 */
#ifndef WORKER_LINE_H
#define WORKER_LINE_H

#include "common/buf.h"
#include "consumer/sdk/page.h"

struct line;

/* Has the runner rung its bell with words? Those that map the page ring it with a 0. */
bool line_begins(int bell);
/* Borrows page and bell. */
struct line *line_new(struct page *page, int bell);
void line_free(struct line *l); /* NULL is fine */

/* Takes what has come. */
void line_hear(struct line *l);
/* Starts the next job when the runner has none, and sends what waits. */
void line_turn(struct line *l);
/* Asks the job of this number to stop, if it is the one that runs. */
void line_flag(struct line *l, uint32_t number);

/* What to poll the bell for; 0: it tells nothing any more, its process is at its end. */
short line_events(const struct line *l);
/* The runner has said what makes no sense. */
bool line_broken(const struct line *l);

#endif
