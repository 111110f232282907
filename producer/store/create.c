/* SPDX-License-Identifier: Apache-2.0
 *
 * The file gets its name when all is in it: so a file of that name was once whole, and one that is
 * empty or foreign is an error and not a start.
 */
#include "producer/store/create.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "producer/store/lines.h"

#define NEW_FILE STORE_FILE ".new"

/* Pieces of jobs (piece.h) and what became of their rows (scan.h), rows with names (named.h),
 * lines (lines.h), and what was found damaged. No index besides the keys: each would cost as much
 * as its table. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE open (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);"
    "CREATE TABLE open_mark (id INTEGER PRIMARY KEY, live INTEGER NOT NULL,"
    " settled INTEGER NOT NULL, sum INTEGER NOT NULL);"
    "CREATE TABLE ended (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);"
    "CREATE TABLE ended_mark (id INTEGER PRIMARY KEY, live INTEGER NOT NULL,"
    " settled INTEGER NOT NULL, sum INTEGER NOT NULL);"
    "CREATE TABLE named (kind INTEGER NOT NULL, name BLOB NOT NULL, row BLOB NOT NULL,"
    " PRIMARY KEY (kind, name)) WITHOUT ROWID;"
    "CREATE TABLE aside (n INTEGER PRIMARY KEY, origin TEXT NOT NULL, id INTEGER, name BLOB,"
    " row BLOB);" LINES_TABLE "PRAGMA application_id=%d;"
    "PRAGMA user_version=%d;"
    "COMMIT;";

static bool fill(const char *path, struct complaint why)
{
    struct db db;
    char sql[sizeof schema + 40];
    if (!db_open(&db, path, DB_CREATE, why))
        return false;
    snprintf(sql, sizeof sql, schema, DB_APPLICATION_ID, DB_FORMAT);
    db_exec(&db, sql);
    db_checkpoint(&db, true);
    bool ok = !db.error && !db.wal_pages; /* all of it is in the file */
    if (!ok)
        complain(why, "cannot make %s: %s", path, db.error ? db.text : "the disk is full");
    db_close(&db);
    return ok;
}

/* SQLite gives the log the mode of the file. */
static bool make_empty(const char *path, struct complaint why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && close(fd) == 0)
        return true;
    complain(why, "cannot make %s: %s", path, strerror(errno));
    return false;
}

/* Of a start that did not get this far. */
static void remove_rests(const struct folder *f)
{
    static const char *const rests[] = {NEW_FILE, NEW_FILE "-wal", NEW_FILE "-shm",
                                        NEW_FILE "-journal"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < LENGTH(rests); i++)
        if (unlink(folder_file(f, rests[i], path)) < 0 && errno != ENOENT)
            log_warn("cannot remove %s: %s", path, strerror(errno));
}

/* A link that leads nowhere counts as there, and so does what we are not allowed to see: a new file
 * must not take the place of one that is only out of reach. */
static bool is_there(const char *path)
{
    struct stat file;
    return lstat(path, &file) == 0 || errno != ENOENT;
}

bool create_file(struct folder *f, struct complaint why)
{
    char path[PATH_BYTES], log[PATH_BYTES], fresh[PATH_BYTES];
    folder_file(f, STORE_FILE, path);
    folder_file(f, STORE_FILE "-wal", log);
    folder_file(f, NEW_FILE, fresh);
    if (is_there(path))
        return true;
    if (is_there(log)) { /* SQLite would play it into the new file */
        complain(why, "%s is not there, but its log is: %s", path, log);
        return false;
    }
    remove_rests(f);
    if (!make_empty(fresh, why) || !fill(fresh, why))
        return false;
    if (rename(fresh, path) == 0 && folder_sync(f))
        return true;
    complain(why, "cannot keep %s: %s", path, strerror(errno));
    return false;
}
