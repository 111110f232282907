/* SPDX-License-Identifier: Apache-2.0
 *
 * scribe: keeps the files of sessions (texts.h) as the store has their lines (lines.h): looks at
 * all of them at a start, adds after each commit what it kept, takes away the files of those that
 * were dropped. What cannot be written now is tried again; the commit stands whatever happens here.
 */
#ifndef STORE_SCRIBE_H
#define STORE_SCRIBE_H

#include "producer/store/lines.h"
#include "producer/store/texts.h"

struct scribe {
    struct lines *lines;
    struct texts texts;
    struct link wrong;  /* sessions whose file is not as it must be */
    struct buf left;    /* ids (u64 each): their files could not be removed */
    struct buf removed; /* ids: to be forgotten by the next transaction */
    int64_t retry_ms;
};

void scribe_init(struct scribe *s, struct lines *lines, const char *path);
void scribe_fini(struct scribe *s);

/* After the load: makes right what an earlier process, a crash or somebody else has left. */
void scribe_start(struct scribe *s);
/* After each transaction that was kept, and when it is time to try again. */
void scribe_work(struct scribe *s, int64_t now_ms);

/* Does nothing wait to be tried again? */
bool scribe_well(const struct scribe *s);

/* In a transaction: what is gone need not be remembered; and once that is kept. */
void scribe_forget(struct scribe *s);
void scribe_forgotten(struct scribe *s);

#endif
