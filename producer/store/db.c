/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing the format. DB_FORMAT is written into a new file as its user_version; a file with a
 * higher one is refused. To change anything on disk (a table, the inside of a piece or of a row of
 * `named`; the records inside of rows have their own rules, proto/PROTOCOL.md):
 *   1. raise DB_FORMAT by one;
 *   2. create.c makes the new format;
 *   3. ledger_open gets a step old -> old + 1 that rewrites what changed, and ends with
 *      `PRAGMA user_version` in the same transaction, so that it is done whole or not at all;
 *   4. a file of the old format goes into a test, which opens it.
 * What a step does with 1,000,000 rows must fit into a start; when it cannot, readers understand
 * both formats and rows change as they are written.
 */
#include "producer/store/db.h"

#include <pthread.h>

enum { BUSY_MS = 2000 };

/* What is set on every connection; ask tells whether it took. */
static const struct setting {
    const char *set, *ask;
    int64_t want;
    bool read_too;
} settings[] = {
    {"PRAGMA synchronous=FULL", "PRAGMA synchronous", 2, false},
    {"PRAGMA wal_autocheckpoint=0", "PRAGMA wal_autocheckpoint", 0, true},
    {"PRAGMA secure_delete=OFF", "PRAGMA secure_delete", 0, false}, /* Debian: on */
    {"PRAGMA mmap_size=0", "PRAGMA mmap_size", 0, true},            /* no SIGBUS */
    {"PRAGMA cache_size=-4096", "PRAGMA cache_size", -4096,
     false}, /* KiB: what it writes it seldom reads */
    {"PRAGMA temp_store=MEMORY", "PRAGMA temp_store", 2, true},
    {"PRAGMA journal_size_limit=67108864", "PRAGMA journal_size_limit", 67108864, false},
    {"PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", 1, true},
    {"PRAGMA trusted_schema=OFF", "PRAGMA trusted_schema", 0, true},
};

void db_fail(struct db *db, int code, const char *text)
{
    if (db->error)
        return;
    db->error = code;
    snprintf(db->text, sizeof db->text, "%s", text);
}

/* Notes the first code that is not what it must be. */
static bool check(struct db *db, int code)
{
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return true;
    char text[200];
    snprintf(text, sizeof text, "%s (SQLite %d)", sqlite3_errmsg(db->handle),
             sqlite3_extended_errcode(db->handle));
    db_fail(db, code, text);
    return false;
}

static int note_wal(void *user, sqlite3 *handle, const char *name, int pages)
{
    (void)handle, (void)name;
    struct db *db = user;
    db->wal_pages = pages;
    db->wal_kept = 0;
    return SQLITE_OK;
}

static void apply(struct db *db, bool reads)
{
    for (size_t i = 0; i < LENGTH(settings) && !db->error; i++) {
        const struct setting *set = &settings[i];
        if (reads && !set->read_too)
            continue;
        db_exec(db, set->set);
        if (!db->error && db_number(db, set->ask) != set->want)
            db_fail(db, SQLITE_ERROR, set->set);
    }
}

static void check_ours(struct db *db)
{
    char text[100];
    int64_t application = db_number(db, "PRAGMA application_id");
    int64_t format = db_number(db, "PRAGMA user_version");
    if (application != DB_APPLICATION_ID) {
        db_fail(db, SQLITE_NOTADB, "it is not a store of Reeve");
    } else if (format > DB_FORMAT) {
        snprintf(text, sizeof text, "a newer release of Reeve wrote it (format %lld, ours is %d)",
                 (long long)format, DB_FORMAT);
        db_fail(db, SQLITE_NOTADB, text);
    } else if (format < 1) {
        db_fail(db, SQLITE_NOTADB, "it has no format");
    }
}

static void check_wal(struct db *db)
{
    sqlite3_stmt *s = db_prepare(db, "PRAGMA journal_mode");
    if (db_row(db, s) && strcmp((const char *)sqlite3_column_text(s, 0), "wal") != 0)
        db_fail(db, SQLITE_ERROR, "it cannot be in WAL mode here");
    sqlite3_finalize(s);
}

/* Its counts of memory cost a lock each time, and nobody asks for them. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

bool db_open(struct db *db, const char *path, enum db_mode mode, struct complaint why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const int flags[] = {
        [DB_CREATE] = SQLITE_OPEN_READWRITE,
        [DB_WRITE] = SQLITE_OPEN_READWRITE,
        [DB_READ] = SQLITE_OPEN_READONLY,
    };
    pthread_once(&once, configure_once);
    *db = (struct db){0};
    int code = sqlite3_open_v2(path, &db->handle, flags[mode] | SQLITE_OPEN_NOMUTEX, NULL);
    must(db->handle); /* or there is no memory */
    sqlite3_extended_result_codes(db->handle, 1);
    if (check(db, code)) {
        sqlite3_busy_timeout(db->handle, BUSY_MS);
        if (mode == DB_READ)
            check(db, sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL));
        apply(db, mode == DB_READ);
        sqlite3_wal_hook(db->handle, note_wal, db);
    }
    if (mode == DB_CREATE)
        db_exec(db, "PRAGMA page_size=4096");
    else
        check_ours(db);
    if (mode != DB_READ)
        db_exec(db, "PRAGMA journal_mode=WAL"); /* also of a copy that VACUUM INTO has made */
    check_wal(db);
    if (!db->error)
        check(db, sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL));
    if (!db->error)
        return true;
    complain(why, "cannot open %s: %s", path, db->text);
    db_close(db);
    return false;
}

void db_close(struct db *db)
{
    if (!db->handle)
        return;
    if (db->error)
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* always OK */
    for (sqlite3_stmt *s; (s = sqlite3_next_stmt(db->handle, NULL));)
        sqlite3_finalize(s);
    must(sqlite3_close(db->handle) == SQLITE_OK); /* busy only by a statement of ours */
    db->handle = NULL;
}

sqlite3_stmt *db_prepare(struct db *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (!db->error)
        check(db, sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
    return s;
}

bool db_row(struct db *db, sqlite3_stmt *s)
{
    if (db->error)
        return false;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        return true;
    check(db, code);
    sqlite3_reset(s);
    return false;
}

void db_run(struct db *db, sqlite3_stmt *s)
{
    must(!db_row(db, s));
}

void db_done(sqlite3_stmt *s)
{
    sqlite3_reset(s); /* repeats what the last step said, which was looked at */
}

void db_exec(struct db *db, const char *sql)
{
    if (!db->error)
        check(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int64_t db_number(struct db *db, const char *sql)
{
    sqlite3_stmt *s = db_prepare(db, sql);
    int64_t number = db_row(db, s) ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return number;
}

void db_bind_u64(struct db *db, sqlite3_stmt *s, int at, uint64_t value)
{
    if (!db->error)
        check(db, sqlite3_bind_int64(s, at, (int64_t)value));
}

void db_bind_bytes(struct db *db, sqlite3_stmt *s, int at, struct bytes value)
{
    if (!db->error)
        check(db,
              sqlite3_bind_blob64(s, at, value.size ? value.data : "", value.size, SQLITE_STATIC));
}

struct bytes db_bytes(sqlite3_stmt *s, int column)
{
    const void *data = sqlite3_column_blob(s, column);
    return bytes_of(data, (size_t)sqlite3_column_bytes(s, column));
}

bool db_error_passes(const struct db *db)
{
    switch (db->error & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY: return true;
    }
    /* The index of the log could not grow, which a full disk does; nothing durable is in it. */
    return db->error == SQLITE_IOERR_SHMSIZE;
}

void db_forgive(struct db *db)
{
    db->error = SQLITE_OK;
    if (!sqlite3_get_autocommit(db->handle))
        db_exec(db, "ROLLBACK");
}

void db_widen_log(struct db *db, int pages)
{
    enum { LOG_HEADER = 32, FRAME_HEADER = 24, PAGE = 4096, PART = 64 << 10 };
    static const unsigned char zeros[PART];
    sqlite3_int64 end = LOG_HEADER + (sqlite3_int64)pages * (FRAME_HEADER + PAGE), size;
    sqlite3_file *log = NULL;
    if (db->error ||
        !check(db, sqlite3_file_control(db->handle, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log)))
        return;
    if (!log->pMethods) /* nothing was written yet */
        return;
    int code = log->pMethods->xFileSize(log, &size);
    for (; code == SQLITE_OK && size < end; size += PART)
        code = log->pMethods->xWrite(log, zeros, PART, size);
    if (code == SQLITE_OK)
        db->wal_room = pages;
    else if (code != SQLITE_FULL)
        db_fail(db, code, sqlite3_errstr(code));
}

void db_checkpoint(struct db *db, bool whole)
{
    if (db->error)
        return;
    int pages = 0, kept = 0;
    int code = sqlite3_wal_checkpoint_v2(
        db->handle, NULL, whole ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &pages,
        &kept);
    if (code == SQLITE_OK) {
        db->wal_pages = pages;
        db->wal_kept = kept;
        db->wal_room = whole ? 0 : db->wal_room;
    } else if ((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_FULL) {
        check(db, code);
    }
}
