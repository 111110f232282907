/* SPDX-License-Identifier: Apache-2.0
 *
 * db: a connection to the SQLite file: opened with what we rely on checked, statements run, each
 * result code looked at. The first error stays until db_forgive and makes all later calls do
 * nothing, so that a run of them is checked once at its end.
 *
 * One connection writes and makes all checkpoints; whatever else there is only reads. Two that
 * write at the same instant can corrupt the file up to SQLite 3.51.2.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>

#include "producer/store/backend.h"

enum { DB_FORMAT = 2, DB_APPLICATION_ID = 0x52656576 /* "Reev" */ };

struct db {
    sqlite3 *handle;
    int error; /* SQLITE_OK, or the first extended result code that was not */
    char text[256];
    int wal_pages; /* after the last commit */
    int wal_kept;  /* of them in the file itself */
    int wal_room;  /* the log's file is as long as so many */
};

enum db_mode { DB_CREATE, DB_WRITE, DB_READ };

/* False: why. */
bool db_open(struct db *db, const char *path, enum db_mode mode, struct complaint why);
/* Of statements too; a zeroed one is fine. After an error it writes nothing more: what the log has
 * the next start reads. */
void db_close(struct db *db);

/* NULL when it cannot be prepared. Lives as long as the connection. */
sqlite3_stmt *db_prepare(struct db *db, const char *sql);
void db_run(struct db *db, sqlite3_stmt *s); /* one that gives no rows */
bool db_row(struct db *db, sqlite3_stmt *s); /* the next row; false at the end or on an error */
void db_done(sqlite3_stmt *s);               /* no more rows are wanted */
void db_exec(struct db *db, const char *sql);
int64_t db_number(struct db *db, const char *sql); /* the first column of its first row, or 0 */

void db_bind_u64(struct db *db, sqlite3_stmt *s, int at, uint64_t value);
void db_bind_bytes(struct db *db, sqlite3_stmt *s, int at, struct bytes value); /* borrows */
static inline uint64_t db_u64(sqlite3_stmt *s, int column)
{
    return (uint64_t)sqlite3_column_int64(s, column);
}
struct bytes db_bytes(sqlite3_stmt *s, int column); /* lent until the next row */

/* Marks an error of our own finding, such as a page that does not hold what it must. */
void db_fail(struct db *db, int code, const char *text);
/* May it go away by itself? A full disk, or somebody else's lock. */
bool db_error_passes(const struct db *db);
void db_forgive(struct db *db); /* rolls back what is open, too */

/* Makes the log's file as long as so many pages, with zeros behind what is in it, which a reader of
 * the log takes for its end: to sync a file that stays as long as it is takes two thirds of the
 * time that one takes which grows. Between two transactions; what the disk has no room for is left.
 */
void db_widen_log(struct db *db, int pages);

/* Moves what is in the log into the file; all of it, when `whole`, so that the log starts anew.
 * What readers or a full disk prevent is left for the next time. */
void db_checkpoint(struct db *db, bool whole);

#endif
