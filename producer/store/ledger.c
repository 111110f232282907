/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/ledger.h"

/* --- open and close --------------------------------------------------------------------------- */

/* From 1 to 2: sessions have lines. */
static void add_lines(struct db *db)
{
    db_exec(db, "BEGIN IMMEDIATE");
    db_exec(db, LINES_TABLE);
    db_exec(db, "PRAGMA user_version=2");
    db_exec(db, "COMMIT");
}

bool ledger_open(struct ledger *l, const char *path, struct complaint why)
{
    if (!db_open(&l->db, path, DB_WRITE, why))
        return false;
    if (db_number(&l->db, "PRAGMA user_version") == 1)
        add_lines(&l->db);
    l->begin = db_prepare(&l->db, "BEGIN IMMEDIATE");
    l->commit = db_prepare(&l->db, "COMMIT");
    for (int t = 0; t < TABLES; t++)
        table_init(&l->tables[t], &l->db, (enum table_name)t);
    named_init(&l->named, &l->db);
    lines_init(&l->lines, &l->db, &l->named);
    if (!l->db.error)
        return true;
    complain(why, "cannot use %s: %s", path, l->db.text);
    return false;
}

void ledger_close(struct ledger *l)
{
    lines_fini(&l->lines);
    named_fini(&l->named);
    for (int t = 0; t < TABLES; t++)
        table_fini(&l->tables[t]);
    db_close(&l->db);
}

/* --- transactions ----------------------------------------------------------------------------- */

void ledger_begin(struct ledger *l)
{
    l->last_id_before = l->last_id_kept;
    lines_begin(&l->lines);
    db_run(&l->db, l->begin);
}

bool ledger_end(struct ledger *l)
{
    for (int t = 0; t < TABLES; t++) {
        table_end(&l->tables[t]);
        if (l->tables[t].damaged > l->tables[t].damaged_before)
            ledger_forget_id(l, l->last_id); /* it may have been set aside */
    }
    db_run(&l->db, l->commit);
    bool kept = !l->db.error;
    for (int t = 0; t < TABLES; t++)
        if (kept)
            table_keep(&l->tables[t]);
        else
            table_undo(&l->tables[t]);
    if (kept)
        lines_keep(&l->lines);
    else
        lines_undo(&l->lines);
    if (!kept)
        l->last_id_kept = l->last_id_before;
    return kept;
}

void ledger_note_id(struct ledger *l, uint64_t id)
{
    l->last_id = id > l->last_id ? id : l->last_id;
}

/* The number written is the highest of all, so that it is not written again for each that follows.
 */
void ledger_forget_id(struct ledger *l, uint64_t id)
{
    ledger_note_id(l, id);
    if (id <= l->last_id_kept)
        return;
    named_put_number(&l->named, OWN_LAST_ID, l->last_id);
    l->last_id_kept = l->last_id;
}

uint64_t ledger_damaged(const struct ledger *l)
{
    uint64_t damaged = l->load_damaged;
    for (int t = 0; t < TABLES; t++)
        damaged += l->tables[t].damaged;
    return damaged;
}

/* --- a start ---------------------------------------------------------------------------------- */

/* The highest id that a row has; when that cannot be read, the highest that it can have. */
static uint64_t last_of(struct table *t)
{
    uint64_t last = 0;
    scan_start(&t->scan, 0, INT64_MAX, true);
    if (scan_next(&t->scan)) {
        last = scan_id(&t->scan, 0);
        for (unsigned i = 0; i < t->scan.pieces_count; i++) {
            uint64_t rows = t->scan.pieces[i].state.rows;
            uint64_t id = scan_id(&t->scan, 63 - (unsigned)__builtin_clzll(rows));
            bool sure = !t->scan.pieces[i].unreadable;
            id = sure ? id : scan_id(&t->scan, BLOCK_IDS - 1);
            last = id > last ? id : last;
        }
    }
    scan_stop(&t->scan);
    return last;
}

bool ledger_start(struct ledger *l, int64_t wall_ms, struct store_found *found)
{
    l->start_ms = wall_ms;
    ledger_begin(l);
    uint64_t last = named_number(&l->named, OWN_INCARNATION);
    found->incarnation = store_incarnation(wall_ms, last < UINT32_MAX ? (uint32_t)last : 0);
    named_put_number(&l->named, OWN_INCARNATION, found->incarnation);
    l->last_id_kept = named_number(&l->named, OWN_LAST_ID);
    ledger_note_id(l, l->last_id_kept);
    for (int t = 0; t < TABLES; t++)
        ledger_note_id(l, last_of(&l->tables[t]));
    found->last_id = l->last_id;
    l->last_id_before = l->last_id_kept;
    return ledger_end(l);
}

struct load {
    struct ledger *ledger;
    store_take *take;
    void *user;
    int64_t given;
    bool stopped;
    uint64_t damaged;
    struct buf heal[TABLES], heal_names, heal_lines;
    struct complaint why;
};

static void found_damaged(struct load *load, const char *what, uint64_t id, uint64_t rows)
{
    if (!load->damaged)
        complain(load->why, "damaged: %s %llu", what, (unsigned long long)id);
    load->damaged += rows;
}

/* A mark that cannot be believed makes all rows of its piece live again. What has ended in them
 * must not run again. */
static void leave_out_ended(struct ledger *l, struct scan *open, struct scan_piece *p)
{
    struct scan *ended = &l->tables[TABLE_ENDED].scan;
    uint64_t id = open->block * BLOCK_IDS;
    scan_start(ended, id, id, false);
    if (scan_next(ended)) {
        p->state.live &= ~ended->have;
        open->have &= ~(ended->have & p->state.rows);
    }
    scan_stop(ended);
}

static void load_piece(struct load *load, struct table *t, struct scan_piece *p)
{
    static const char *const whats[TABLES] = {"open job", "ended job"};
    unsigned damaged = bits_count(p->damaged);
    if (p->unreadable)
        found_damaged(load, "a piece of jobs, the first", p->key, 1);
    else if (p->damaged)
        found_damaged(load, whats[t->name],
                      block_of(p->key) * BLOCK_IDS + (unsigned)__builtin_ctzll(p->damaged),
                      damaged);
    if (p->mark_damaged)
        found_damaged(load, "the mark of jobs, the first", p->key, 1);
    if (p->mark_damaged && t->name == TABLE_OPEN)
        leave_out_ended(load->ledger, &t->scan, p);
    if (p->unreadable || p->damaged || p->mark_damaged)
        buf_put(&load->heal[t->name], &p->key, sizeof p->key);
    if (p->at_ms > load->ledger->start_ms) /* the clock was wrong; it would never be old */
        p->at_ms = load->ledger->start_ms;
    table_load(t, p);
}

static void give_rows(struct load *load, const struct scan *scan, enum row_kind kind, uint64_t bits)
{
    for (; bits && !load->stopped; bits &= bits - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(bits);
        struct row_key key = {.kind = kind, .id = scan_id(scan, slot)};
        load->stopped = !load->take(load->user, &key, scan->rows[slot].row);
        load->given += !load->stopped;
    }
}

static void load_table(struct load *load, struct table *t, enum row_kind kind)
{
    struct scan *scan = &t->scan;
    scan_start(scan, 0, INT64_MAX, false);
    while (scan_next(scan)) {
        uint64_t settled = 0;
        for (unsigned i = 0; i < scan->pieces_count; i++) {
            load_piece(load, t, &scan->pieces[i]);
            settled |= scan->pieces[i].state.settled;
        }
        give_rows(load, scan, kind, scan->have & ~settled);
    }
    scan_stop(scan);
    shelf_sort(&t->shelf);
}

/* Once all is read. A disk that is full leaves it for the next start: what is damaged is not
 * served. */
static void heal(struct load *load)
{
    struct ledger *l = load->ledger;
    ledger_begin(l);
    for (int t = 0; t < TABLES; t++)
        table_heal(&l->tables[t], &load->heal[t]);
    named_heal(&l->named, &load->heal_names);
    lines_heal(&l->lines, &load->heal_lines);
    ledger_forget_id(l, l->last_id); /* the number itself may be what was damaged */
    if (!ledger_end(l) && db_error_passes(&l->db))
        db_forgive(&l->db);
    for (int t = 0; t < TABLES; t++)
        l->tables[t].damaged = l->tables[t].damaged_before = 0; /* counted as they were found */
}

/* A session of which no row is left has no lines either: it was not to outlive its broker, or its
 * row was damaged. */
static void settle_lines(struct load *load)
{
    struct ledger *l = load->ledger;
    const struct shelf *open = &l->tables[TABLE_OPEN].shelf, *ended = &l->tables[TABLE_ENDED].shelf;
    size_t at = 0;
    ledger_begin(l);
    for (struct session_lines *s; (s = idmap_next(&l->lines.sessions, &at));)
        if (shelf_find(ended, s->id) || shelf_find(open, s->id))
            lines_settle_range(&l->lines, ended, s->id, 1);
        else
            lines_drop(&l->lines, s->id);
    if (!ledger_end(l) && db_error_passes(&l->db))
        db_forgive(&l->db);
}

static void load_lines(struct load *load)
{
    struct ledger *l = load->ledger;
    lines_load(&l->lines, &load->heal_lines, &load->heal_names);
    if (l->lines.damaged)
        found_damaged(load, "lines of sessions:", l->lines.damaged, l->lines.damaged);
    if (l->lines.sessions.count && !l->db.error)
        settle_lines(load);
}

static bool take_on(void *user, const struct row_key *key, struct bytes row)
{
    struct load *load = user;
    load->stopped = load->stopped || !load->take(load->user, key, row);
    return !load->stopped;
}

int64_t ledger_load(struct ledger *l, store_take *take, void *user, uint64_t *damaged,
                    struct complaint why)
{
    struct load load = {.ledger = l, .take = take, .user = user, .why = why};
    load.given = named_load(&l->named, take_on, &load, &load.heal_names);
    if (l->named.damaged)
        found_damaged(&load, "rows with names:", l->named.damaged, l->named.damaged);
    load_table(&load, &l->tables[TABLE_OPEN], ROW_JOB);
    load_table(&load, &l->tables[TABLE_ENDED], ROW_ENDED);
    load_lines(&load);
    if (load.damaged && !l->db.error)
        heal(&load);
    for (int t = 0; t < TABLES; t++)
        buf_fini(&load.heal[t]);
    buf_fini(&load.heal_names);
    buf_fini(&load.heal_lines);
    *damaged = l->load_damaged = load.damaged;
    return load.given;
}
