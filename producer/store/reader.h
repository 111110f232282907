/* SPDX-License-Identifier: Apache-2.0
 *
 * reader: finds and lists ended jobs on a thread and a connection of its own, so that somebody who
 * lists a million rows does not make commits wait. It reads what is committed when it gets there,
 * in slices: a long one would keep the log from being emptied. Never writes: what it finds damaged
 * it reports.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "producer/store/backend.h"

struct reader;

/* setup: where answers go, and whom to nudge when there is something to report. */
struct reader *reader_open(const char *path, const struct store_setup *setup, struct complaint why);
void reader_close(struct reader *r); /* what was not answered stays so; NULL is fine */
void reader_ask(struct reader *r, const struct store_ask *ask);

/* What it has found since: appends keys (u64) of pieces that are damaged, or of which a row is.
 * False: it cannot read any more, and text says why. */
bool reader_report(struct reader *r, struct buf *damaged, char *text, size_t size);

#endif
