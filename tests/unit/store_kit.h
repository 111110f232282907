/* SPDX-License-Identifier: Apache-2.0
 *
 * store_kit: what tests of the store share: a folder of their own, rows, waiting for answers, and a
 * model that knows what must be in it after each change.
 */
#ifndef UNIT_STORE_KIT_H
#define UNIT_STORE_KIT_H

#include "producer/store/store.h"
#include "tests/unit/check.h"

struct kit {
    struct store *store;
    char where[64];
    char sessions[80]; /* the folder of their files */
    struct store_limits limits;
    bool here;       /* keeps what it may itself, from the next start on */
    int64_t wall_ms; /* of the next start */
    struct store_found found;
    char why[512];
    int64_t loaded;
    uint64_t damaged; /* told by store_load */
    uint64_t seq;     /* of the last change */
    uint64_t done;    /* told so far */
    uint64_t ticket;
    struct store_answer state; /* the last one told */
    bool full_told;            /* STORE_DISK_FULL, at any time */
    bool broken;
    char broken_text[512];
    struct buf rows; /* of the last answer to a question */
    uint64_t next;
};

/* where: "memory", or a name for a folder, which is emptied first. */
void kit_init(struct kit *k, const char *where);
void kit_fini(struct kit *k);

/* False: it does not open, or does not load: why. Loads into a text, a row a line, unless NULL. */
bool kit_open(struct kit *k, struct buf *text);
void kit_close(struct kit *k);
const char *kit_file(const struct kit *k, const char *name); /* lent until the next call */

/* The file of a session, and what is in it: "-" when it is not there. Lent until the next call. */
const char *kit_session_path(const struct kit *k, uint64_t id);
const char *kit_session(const struct kit *k, uint64_t id);

/* A row with a submit in front, which makes bytes long enough for size. */
struct bytes kit_row(struct buf *b, uint64_t id, const char *queue, unsigned version, size_t size);

void kit_put_job(struct kit *k, uint64_t id, const char *queue, unsigned version);
void kit_put_ended(struct kit *k, uint64_t id, const char *queue, unsigned state, bool settled);
void kit_put_name(struct kit *k, enum row_kind kind, const char *name, const char *row);
void kit_put_lines(struct kit *k, uint64_t id, const char *lines);
void kit_drop(struct kit *k, enum row_kind kind, uint64_t id, const char *name);
void kit_settle(struct kit *k, uint64_t id, uint64_t count);

/* Hands over what waits. */
void kit_flush(struct kit *k);
/* Hands over, and waits until all is kept or the store is broken; false: it is. */
bool kit_wait(struct kit *k);
/* Waits until the store says it is in that condition. */
void kit_wait_condition(struct kit *k, enum store_condition condition);
/* Asks, and waits for the answer: k->rows, k->next. */
void kit_find(struct kit *k, uint64_t id);
void kit_list(struct kit *k, unsigned state, const char *queue, uint64_t after, uint64_t limit);
/* The ids of k->rows: "5 4 3". Lent until the next call. */
const char *kit_ids(struct kit *k);

#endif
