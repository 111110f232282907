/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: what sessions have to say, in the table `lines`: each commit adds what came as one part,
 * and small parts at the end of a session are joined now and then, so that neither a line costs
 * what the session has, nor a session a part for each line. In memory is only which parts there
 * are, how long they are together, and their sum. Within a transaction, as a table (table.h).
 *
 *   sum u32, text      sum: CRC32C of a letter, the number of the part, the session's id, the text
 *
 * Parts of a session follow each other by their number. What is dropped is noted in the same
 * transaction, until its file is gone too.
 */
#ifndef STORE_LINES_H
#define STORE_LINES_H

#include "common/list.h"
#include "common/map.h"
#include "producer/store/named.h"
#include "producer/store/shelf.h"

#define LINES_TABLE                                                                                \
    "CREATE TABLE lines (n INTEGER PRIMARY KEY, id INTEGER NOT NULL, row BLOB NOT NULL);"

struct lines_part {
    uint64_t n;
    uint32_t size;
    bool damaged; /* found while it was joined: left to the next start */
};

struct lines_state {
    struct lines_part *parts;
    size_t count, capacity;
    uint64_t bytes;
    uint32_t sum; /* of the text as a whole */
    bool settled; /* nobody waits for the session's result */
    bool dropped;
};

struct session_lines {
    uint64_t id;
    struct lines_state now, before; /* before: the trial, when it is on lines::tried */
    bool made;                      /* by this trial */
    size_t fresh_at, fresh_size;    /* in lines::fresh: what the trial has added */
    uint64_t fresh_from;            /* so many bytes were there before it */
    struct link tried;              /* lines::tried */
    struct link news;               /* lines::news */
    struct link wrong;              /* scribe::wrong */
};

struct lines {
    struct db *db;
    struct named *named;
    sqlite3_stmt *put, *drop, *get, *load, *aside;
    struct idmap sessions;
    struct link tried;
    struct link news;   /* kept, with what is fresh of each; until the next transaction */
    struct buf dropped; /* ids (u64 each): kept, and their files are to go */
    uint64_t bytes, settled_bytes;
    uint64_t last_n;
    uint64_t damaged; /* parts set aside at the start */
    struct buf fresh, part;
};

void lines_init(struct lines *l, struct db *db, struct named *named);
void lines_fini(struct lines *l);

/* Before any transaction. Numbers (u64 each) of damaged parts go into a list for lines_heal, names
 * into one for named_heal. */
void lines_load(struct lines *l, struct buf *damaged, struct buf *damaged_names);

void lines_begin(struct lines *l);
/* Sets damaged parts aside. */
void lines_heal(struct lines *l, const struct buf *damaged);
/* Within a transaction once for a session, after lines_drop if that too. */
void lines_add(struct lines *l, uint64_t id, struct bytes text);
void lines_drop(struct lines *l, uint64_t id);
void lines_settle(struct lines *l, uint64_t id, bool settled);
/* Tells of all in a range whether they are settled, as the shelf of ended jobs has it. */
void lines_settle_range(struct lines *l, const struct shelf *ended, uint64_t id, uint64_t count);
/* The file of a dropped session is gone. */
void lines_forget(struct lines *l, uint64_t id);
/* The transaction has ended. */
void lines_keep(struct lines *l);
void lines_undo(struct lines *l);

/* Gives the text part by part; false on an error of the db. */
bool lines_read(struct lines *l, const struct session_lines *s,
                void (*take)(void *user, struct bytes part), void *user);

static inline struct session_lines *lines_find(const struct lines *l, uint64_t id)
{
    return (struct session_lines *)idmap_find(&l->sessions, id);
}

#endif
