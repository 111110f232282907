/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite: rows in a folder with an SQLite database. A commit is one transaction and one sync. Here
 * is what happens and in which order; how it stands in the file is ledger.h's.
 */
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "producer/store/batch.h"
#include "producer/store/create.h"
#include "producer/store/ledger.h"
#include "producer/store/purge.h"
#include "producer/store/reader.h"
#include "producer/store/scribe.h"

enum {
    PAGE_BYTES = 4096,
    LOG_PAGES_MIN = (1 << 20) / PAGE_BYTES, /* the log has room for so many, then for twice that */
    LOG_PAGES = (16 << 20) / PAGE_BYTES,    /* the log is brought into the file from here on */
    LOG_SPARE_PAGES = 64,                   /* more than a small commit writes */
    LOG_PAGES_MAX = (256 << 20) / PAGE_BYTES, /* and begun anew, if readers must wait for that */
    LOG_STEP_PAGES =
        (4 << 20) / PAGE_BYTES, /* tried again so much later, if readers prevented it */
    PIECE_BYTES = 32 << 10,     /* a piece takes another row up to here */
    PURGE_ROWS = 500,           /* a turn, besides as many as have come */
    SWEEP_KEYS = 500,
    SWEEP_MS = 100,        /* between two steps */
    SWEEP_REST_MS = 60000, /* and after the last one */
    LOOK_MS = 100,         /* between two looks at the disk */
    RETRY_MS = 1000,
};

struct sqlite {
    struct store_limits limits;
    struct folder folder;
    struct ledger ledger;
    struct reader *reader;
    struct scribe scribe;
    struct batch batch;
    struct buf lines;          /* of a session, put together */
    struct buf heal;           /* keys of pieces in TABLE_ENDED, from the reader */
    int64_t wall_from_mono_ms; /* of the start: later jumps of the wall clock do not count */
    int64_t look_ms, sweep_ms; /* when to do so again */
    int checkpoint_pages;      /* not below that */
    bool low, stuck;           /* the disk has little room; the last commit failed, for now */
    uint64_t bytes;            /* of the files */
    char broken[PATH_BYTES + 300];
};

/* --- open and close --------------------------------------------------------------------------- */

static void let_go(struct sqlite *s)
{
    reader_close(s->reader);
    batch_fini(&s->batch);
    buf_fini(&s->heal);
    buf_fini(&s->lines);
    scribe_fini(&s->scribe);
    ledger_close(&s->ledger);
    folder_close(&s->folder);
    free(s);
}

/* The file may have room inside: once all of the log is in it the log starts anew in its own room.
 */
static bool empty_log(struct db *db)
{
    int kept = db->wal_kept;
    db_checkpoint(db, false);
    return db->wal_kept > kept && db->wal_kept == db->wal_pages;
}

/* Takes back what an error that passes has left half done. True: it may be tried again at once,
 * since a full disk has room now. */
static bool make_room(struct sqlite *s)
{
    struct db *db = &s->ledger.db;
    bool full = (db->error & 0xff) != SQLITE_BUSY;
    db_forgive(db);
    return full && (empty_log(db) || folder_drop_ballast(&s->folder)) && !db->error;
}

static bool start(struct sqlite *s, int64_t wall_ms, struct store_found *found)
{
    while (!ledger_start(&s->ledger, wall_ms, found))
        if (!db_error_passes(&s->ledger.db) || !make_room(s))
            return false;
    return true;
}

static bool open_all(struct sqlite *s, const struct store_setup *setup, struct store_found *found,
                     struct complaint why)
{
    char path[PATH_BYTES];
    if (!folder_open(&s->folder, setup->where, s->limits.free_bytes_min, why))
        return false;
    folder_file(&s->folder, STORE_FILE, path);
    if (!create_file(&s->folder, why) || !ledger_open(&s->ledger, path, why))
        return false;
    if (!start(s, setup->wall_ms, found)) {
        complain(why, "cannot use %s: %s", path, s->ledger.db.text);
        return false;
    }
    s->reader = reader_open(path, setup, why);
    return s->reader;
}

static void *sqlite_open(const struct store_setup *setup, struct store_found *found,
                         struct complaint why)
{
    struct sqlite *s = must_alloc(sizeof *s);
    s->limits = setup->limits;
    scribe_init(&s->scribe, &s->ledger.lines, setup->sessions);
    s->wall_from_mono_ms = setup->wall_ms - clock_ms();
    if (open_all(s, setup, found, why))
        return s;
    let_go(s);
    return NULL;
}

static void sqlite_close(void *self)
{
    struct sqlite *s = self;
    struct db *db = &s->ledger.db;
    reader_close(s->reader);
    s->reader = NULL;
    if (!db->error) {
        db_checkpoint(db, true);
        if (db->error)
            log_warn("store: closing: %s", db->text); /* the log has it all */
    }
    let_go(s);
}

static int64_t sqlite_load(void *self, store_take *take, void *user, uint64_t *damaged,
                           struct complaint why)
{
    struct sqlite *s = self;
    int64_t given = ledger_load(&s->ledger, take, user, damaged, why);
    if (!s->ledger.db.error)
        scribe_start(&s->scribe);
    if (!s->ledger.db.error)
        return given;
    complain(why, "cannot read %s/%s: %s", s->folder.path, STORE_FILE, s->ledger.db.text);
    return -1;
}

/* --- a commit --------------------------------------------------------------------------------- */

struct group {
    struct piece piece;
    uint64_t block, settled;
    size_t bytes;
};

static void group_put(struct table *t, struct group *g)
{
    if (g->piece.count)
        table_put(t, &g->piece, g->block, g->settled);
    g->piece.count = 0;
    g->bytes = g->settled = 0;
}

/* Rows of a block go into one piece, unless they are large. */
static void put_rows(struct sqlite *s, struct table *t, int64_t wall_ms)
{
    struct group g = {.piece.at_ms = wall_ms};
    for (size_t i = 0; i < s->batch.jobs_count; i++) {
        const struct batch_job *job = &s->batch.jobs[i];
        bool ended = t->name == TABLE_ENDED;
        if ((ended ? job->ended : job->open) != FATE_PUT)
            continue;
        struct bytes row = ended ? job->ended_row : job->open_row;
        if (block_of(job->id) != g.block || g.bytes + row.size > PIECE_BYTES)
            group_put(t, &g);
        g.block = block_of(job->id);
        g.bytes += row.size;
        if (ended && job->settled)
            g.settled |= slot_bit(job->id);
        g.piece.rows[g.piece.count++] = (struct piece_row){
            .slot = (uint8_t)slot_of(job->id), .state = ended ? job->state : 0, .row = row};
    }
    group_put(t, &g);
}

static void write_lines(struct sqlite *s, const struct batch_job *job)
{
    if (job->lines_dropped)
        lines_drop(&s->ledger.lines, job->id);
    buf_clear(&s->lines);
    batch_lines(&s->batch, job, &s->lines);
    if (s->lines.size)
        lines_add(&s->ledger.lines, job->id, buf_bytes(&s->lines));
    if (s->lines.capacity > 1 << 20)
        buf_fini(&s->lines);
}

/* Once the rows are as they will be. */
static void settle_lines(struct sqlite *s)
{
    const struct shelf *ended = &s->ledger.tables[TABLE_ENDED].shelf;
    for (size_t i = 0; i < s->batch.ranges_count; i++)
        lines_settle_range(&s->ledger.lines, ended, s->batch.ranges[i].id,
                           s->batch.ranges[i].count);
    for (size_t i = 0; i < s->batch.jobs_count; i++)
        if (s->batch.jobs[i].ended == FATE_PUT)
            lines_settle_range(&s->ledger.lines, ended, s->batch.jobs[i].id, 1);
}

static void write_jobs(struct sqlite *s, int64_t wall_ms)
{
    struct table *open = &s->ledger.tables[TABLE_OPEN], *ended = &s->ledger.tables[TABLE_ENDED];
    for (size_t i = 0; i < s->batch.ranges_count; i++)
        table_settle(ended, s->batch.ranges[i].id, s->batch.ranges[i].count);
    for (size_t i = 0; i < s->batch.jobs_count; i++) {
        const struct batch_job *job = &s->batch.jobs[i];
        if (job->open != FATE_LEAVE)
            table_drop(open, job->id);
        if (job->ended != FATE_LEAVE)
            table_drop(ended, job->id);
        write_lines(s, job);
        ledger_note_id(&s->ledger, job->id);
        if (job->forgotten)
            ledger_forget_id(&s->ledger, job->id);
    }
    put_rows(s, open, wall_ms);
    put_rows(s, ended, wall_ms);
    if (s->ledger.lines.sessions.count)
        settle_lines(s);
}

static void write_names(struct sqlite *s)
{
    for (size_t i = 0; i < s->batch.names_count; i++) {
        const struct batch_name *n = &s->batch.names[i];
        if (n->fate == FATE_PUT)
            named_put(&s->ledger.named, n->kind, n->name, n->row);
        else
            named_drop(&s->ledger.named, n->kind, n->name);
    }
}

/* What goes by itself: old rows, keys whose time is over, what the reader found damaged. */
static void tidy(struct sqlite *s, int64_t now_ms, int64_t wall_ms)
{
    struct table *ended = &s->ledger.tables[TABLE_ENDED];
    uint64_t gone =
        purge_ended(ended, &s->ledger.lines, &s->limits, wall_ms, PURGE_ROWS + s->batch.jobs_count);
    if (gone)
        ledger_forget_id(&s->ledger, gone);
    if (now_ms >= s->sweep_ms) {
        bool around = named_sweep(&s->ledger.named, wall_ms, SWEEP_KEYS);
        s->sweep_ms = now_ms + (around ? SWEEP_REST_MS : SWEEP_MS);
    }
    table_heal(ended, &s->heal);
    scribe_forget(&s->scribe);
}

static bool transact(struct sqlite *s, int64_t now_ms)
{
    int64_t wall_ms = now_ms + s->wall_from_mono_ms;
    batch_seal(&s->batch);
    ledger_begin(&s->ledger);
    write_jobs(s, wall_ms);
    write_names(s);
    tidy(s, now_ms, wall_ms);
    if (!ledger_end(&s->ledger))
        return false;
    batch_clear(&s->batch);
    buf_clear(&s->heal);
    scribe_forgotten(&s->scribe);
    if (s->stuck)
        log_info("store: writes again");
    s->stuck = false;
    return true;
}

/* --- the disk --------------------------------------------------------------------------------- */

static uint64_t file_bytes(const struct sqlite *s, const char *name)
{
    char path[PATH_BYTES];
    struct stat file;
    return stat(folder_file(&s->folder, name, path), &file) == 0 ? (uint64_t)file.st_size : 0;
}

static void look(struct sqlite *s, int64_t now_ms)
{
    if (now_ms < s->look_ms)
        return;
    s->look_ms = now_ms + LOOK_MS;
    s->low = folder_low(&s->folder);
    s->bytes = file_bytes(s, STORE_FILE) + file_bytes(s, STORE_FILE "-wal");
}

static bool log_has_room(const struct sqlite *s)
{
    const struct db *db = &s->ledger.db;
    return db->wal_pages + LOG_SPARE_PAGES <= db->wal_room;
}

static void widen_log(struct sqlite *s)
{
    struct db *db = &s->ledger.db;
    if (s->low || s->stuck || log_has_room(s) || db->wal_room >= LOG_PAGES)
        return;
    db_widen_log(db, db->wal_room ? 2 * db->wal_room : LOG_PAGES_MIN);
}

static void checkpoint(struct sqlite *s)
{
    struct db *db = &s->ledger.db;
    if (db->wal_pages < LOG_PAGES)
        s->checkpoint_pages = 0;
    if (db->wal_pages < LOG_PAGES || db->wal_pages < s->checkpoint_pages)
        return;
    db_checkpoint(db, db->wal_pages >= LOG_PAGES_MAX);
    s->checkpoint_pages = db->wal_pages > db->wal_kept ? db->wal_pages + LOG_STEP_PAGES : 0;
}

/* The error stands, so that nothing more is written. */
static enum store_verdict broken(struct sqlite *s, struct store_report *report)
{
    snprintf(s->broken, sizeof s->broken, "%s/%s: %s", s->folder.path, STORE_FILE,
             s->ledger.db.text);
    report->broken = s->broken;
    return VERDICT_BROKEN;
}

/* What went wrong may go away by itself or not; a sync that failed never does: what the kernel
 * could not write it forgets. */
static enum store_verdict failed(struct sqlite *s, struct store_report *report)
{
    if (!db_error_passes(&s->ledger.db))
        return broken(s, report);
    if (!s->stuck)
        log_warn("store: cannot write now: %s", s->ledger.db.text);
    s->stuck = true;
    report->retry_ms = make_room(s) ? 0 : RETRY_MS;
    if (s->ledger.db.error)
        return broken(s, report);
    report->condition = STORE_DISK_FULL;
    s->look_ms = 0;
    return VERDICT_WAIT;
}

static void report_all(struct sqlite *s, struct store_report *report)
{
    const struct table *ended = &s->ledger.tables[TABLE_ENDED];
    if (report->condition != STORE_DISK_FULL)
        report->condition = s->low                                               ? STORE_DISK_LOW
                            : purge_crowded(ended, &s->ledger.lines, &s->limits) ? STORE_CROWDED
                                                                                 : STORE_OPEN;
    report->kept = ended->shelf.counts.rows;
    report->bytes = s->bytes;
    report->damaged = ledger_damaged(&s->ledger);
}

/* rests: nothing is in a hurry. */
static enum store_verdict commit(struct sqlite *s, int64_t now_ms, bool rests,
                                 struct store_report *report)
{
    char text[256];
    enum store_verdict verdict = VERDICT_KEPT;
    *report = (struct store_report){0};
    if (!reader_report(s->reader, &s->heal, text, sizeof text)) {
        db_fail(&s->ledger.db, SQLITE_IOERR, text);
        return broken(s, report);
    }
    if (rests || !batch_empty(&s->batch) || s->heal.size) {
        widen_log(s);
        if (!transact(s, now_ms))
            verdict = failed(s, report);
    }
    if (verdict == VERDICT_KEPT) {
        scribe_work(&s->scribe, now_ms);
        if (rests && s->ledger.db.wal_pages > s->ledger.db.wal_kept)
            db_checkpoint(&s->ledger.db, false);
        checkpoint(s);
        look(s, now_ms);
        if (s->ledger.db.error)
            verdict = broken(s, report);
    }
    report_all(s, report);
    return verdict;
}

static enum store_verdict sqlite_commit(void *self, int64_t now_ms, struct store_report *report)
{
    return commit(self, now_ms, false, report);
}

static enum store_verdict sqlite_rest(void *self, int64_t now_ms, struct store_report *report)
{
    return commit(self, now_ms, true, report);
}

/* The log has room for it, and no file must be written anew. */
static bool sqlite_quick(const void *self)
{
    const struct sqlite *s = self;
    return log_has_room(s) && scribe_well(&s->scribe);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void sqlite_put(void *self, const struct row_key *key, struct bytes row, unsigned state,
                       bool settled)
{
    struct sqlite *s = self;
    batch_put(&s->batch, key, row, state, settled);
}

static void sqlite_drop(void *self, const struct row_key *key)
{
    struct sqlite *s = self;
    batch_drop(&s->batch, key);
}

static void sqlite_settle(void *self, uint64_t id, uint64_t count)
{
    struct sqlite *s = self;
    batch_settle(&s->batch, id, count);
}

static void sqlite_ask(void *self, const struct store_ask *ask)
{
    struct sqlite *s = self;
    reader_ask(s->reader, ask);
}

const struct store_backend sqlite_backend = {
    .name = "sqlite",
    .durable = true,
    .open = sqlite_open,
    .close = sqlite_close,
    .load = sqlite_load,
    .put = sqlite_put,
    .drop = sqlite_drop,
    .settle = sqlite_settle,
    .commit = sqlite_commit,
    .quick = sqlite_quick,
    .rest = sqlite_rest,
    .ask = sqlite_ask,
};
