/* SPDX-License-Identifier: Apache-2.0
 *
 * named: the rows that have a name instead of an id (clients, keys, workers, ...), one by one, and
 * two numbers of our own. Within a transaction that the caller opens and ends.
 */
#ifndef STORE_NAMED_H
#define STORE_NAMED_H

#include "producer/store/db.h"

/* Beside enum row_kind, in the same column. */
enum own_kind { OWN_INCARNATION = 100, OWN_LAST_ID = 101, OWN_DROPPED_LINES = 102 };

struct named {
    struct db *db;
    sqlite3_stmt *put, *drop, *get, *load, *sweep, *aside;
    struct buf row;
    struct buf swept; /* the name of the key looked at last */
    uint64_t damaged;
};

void named_init(struct named *n, struct db *db);
void named_fini(struct named *n);
void named_put(struct named *n, unsigned kind, struct bytes name, struct bytes row);
void named_drop(struct named *n, unsigned kind, struct bytes name);

/* One of our own; 0 when there is none. */
uint64_t named_number(struct named *n, enum own_kind kind);
void named_put_number(struct named *n, enum own_kind kind, uint64_t number);

/* Gives every sound row, in the order of a start, until take says no; returns how many. Damaged
 * ones are counted, and put into a list for named_heal. */
int64_t named_load(struct named *n, store_take *take, void *user, struct buf *damaged);
void named_heal(struct named *n, const struct buf *damaged);

/* The same of one kind. */
int64_t named_each(struct named *n, unsigned kind, store_take *take, void *user,
                   struct buf *damaged);

/* Looks at the next count keys and drops those whose time is over; true when it has come around. */
bool named_sweep(struct named *n, int64_t wall_ms, unsigned count);

#endif
