/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger: all that stands in the file, and what is known of it in memory: read at a start, changed
 * in transactions. What a transaction did is taken over into memory when it is kept, or taken back.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include "producer/store/lines.h"
#include "producer/store/named.h"
#include "producer/store/table.h"

struct ledger {
    struct db db;
    struct table tables[TABLES];
    struct named named;
    struct lines lines;
    sqlite3_stmt *begin, *commit;
    uint64_t last_id;                      /* the highest that was ever */
    uint64_t last_id_kept, last_id_before; /* as it stands in the file; before the transaction */
    uint64_t load_damaged;
    int64_t start_ms; /* wall clock */
};

/* A zeroed one can be closed. False: why. */
bool ledger_open(struct ledger *l, const char *path, struct complaint why);
void ledger_close(struct ledger *l);

/* Takes the number of this start, and keeps it. False: db.text says why. */
bool ledger_start(struct ledger *l, int64_t wall_ms, struct store_found *found);
/* As store_load; an error stays in db. */
int64_t ledger_load(struct ledger *l, store_take *take, void *user, uint64_t *damaged,
                    struct complaint why);

void ledger_begin(struct ledger *l);
bool ledger_end(struct ledger *l); /* false: nothing was kept, db.error says why */

/* Within a transaction: an id that is used; one that goes from all tables and must be remembered.
 */
void ledger_note_id(struct ledger *l, uint64_t id);
void ledger_forget_id(struct ledger *l, uint64_t id);

uint64_t ledger_damaged(const struct ledger *l);

#endif
