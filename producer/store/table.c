/* SPDX-License-Identifier: Apache-2.0
 *
 * A row is written once. When it is replaced or dropped its piece stays and a mark says which of
 * its rows still live, until none does or few do: then what is left is written again, alone. So a
 * straggler holds the room of at most SPARSE times its own, and rows of a piece that leave in any
 * order cost a small mark each, not the piece.
 */
#include "producer/store/table.h"

#include "common/log.h"

enum { SPARSE = 8 };

static sqlite3_stmt *prepare(struct table *t, const char *sql)
{
    char text[200];
    snprintf(text, sizeof text, sql, table_texts[t->name].name);
    return db_prepare(t->db, text);
}

void table_init(struct table *t, struct db *db, enum table_name name)
{
    *t = (struct table){.db = db, .name = name};
    shelf_init(&t->shelf);
    scan_init(&t->scan, db, name);
    t->put = prepare(t, "INSERT OR REPLACE INTO %s VALUES (?1, ?2)");
    t->drop = prepare(t, "DELETE FROM %s WHERE id = ?1");
    t->get = prepare(t, "SELECT rows FROM %s WHERE id = ?1");
    t->mark = prepare(t, "INSERT OR REPLACE INTO %s_mark VALUES (?1, ?2, ?3, ?4)");
    t->unmark = prepare(t, "DELETE FROM %s_mark WHERE id = ?1");
    t->aside = prepare(t, "INSERT INTO aside (origin, id, row) VALUES ('%s', ?1, ?2)");
}

void table_fini(struct table *t)
{
    shelf_fini(&t->shelf);
    scan_fini(&t->scan);
    buf_fini(&t->blob);
}

void table_load(struct table *t, const struct scan_piece *p)
{
    shelf_load(&t->shelf, p->key, p->at_ms, &p->state);
}

/* --- statements ------------------------------------------------------------------------------- */

static void run_key(struct table *t, sqlite3_stmt *s, uint64_t key)
{
    db_bind_u64(t->db, s, 1, key);
    db_run(t->db, s);
}

static void write_piece(struct table *t, uint64_t key, const struct piece *piece)
{
    buf_clear(&t->blob);
    piece_write(&t->blob, table_texts[t->name].letter, block_of(key), piece);
    db_bind_u64(t->db, t->put, 1, key);
    db_bind_bytes(t->db, t->put, 2, buf_bytes(&t->blob));
    db_run(t->db, t->put);
}

static void write_mark(struct table *t, struct shelf_piece *p)
{
    struct shelf_state state = p->now;
    state.marked = true;
    db_bind_u64(t->db, t->mark, 1, p->key);
    db_bind_u64(t->db, t->mark, 2, state.live);
    db_bind_u64(t->db, t->mark, 3, state.settled);
    db_bind_u64(t->db, t->mark, 4, mark_sum(t->name, p->key, state.live, state.settled));
    db_run(t->db, t->mark);
    shelf_set(&t->shelf, p, &state);
}

static void set_aside(struct table *t, uint64_t id, struct bytes row)
{
    db_bind_u64(t->db, t->aside, 1, id);
    db_bind_bytes(t->db, t->aside, 2, row);
    db_run(t->db, t->aside);
    t->damaged++;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A piece with no living row leaves the table at once: its key may be wanted again. */
static void set_live(struct table *t, struct shelf_piece *p, uint64_t live)
{
    struct shelf_state state = p->now;
    state.live = live;
    state.settled &= live;
    if (!live) {
        run_key(t, t->drop, p->key);
        if (state.marked)
            run_key(t, t->unmark, p->key);
        state.marked = false;
    }
    shelf_set(&t->shelf, p, &state);
}

void table_drop_rows(struct table *t, struct shelf_piece *p, uint64_t bits)
{
    set_live(t, p, p->now.live & ~bits);
}

void table_drop(struct table *t, uint64_t id)
{
    struct shelf_piece *p = shelf_find(&t->shelf, id);
    if (p)
        table_drop_rows(t, p, slot_bit(id));
}

void table_put(struct table *t, const struct piece *piece, uint64_t block, uint64_t settled)
{
    uint64_t key = shelf_free_key(&t->shelf, block * BLOCK_IDS + piece->rows[0].slot);
    write_piece(t, key, piece);
    struct shelf_state state = {.bytes = t->blob.size};
    for (unsigned i = 0; i < piece->count; i++)
        state.rows |= (uint64_t)1 << piece->rows[i].slot;
    state.live = state.rows;
    state.settled = settled;
    shelf_make(&t->shelf, key, piece->at_ms, &state);
}

static void settle_in(struct table *t, struct shelf_piece *p, uint64_t id, uint64_t last)
{
    uint64_t first = block_of(p->key) * BLOCK_IDS, bits = ~(uint64_t)0;
    if (id > first)
        bits &= bits << slot_of(id);
    if (last < first + BLOCK_IDS - 1)
        bits &= ~(uint64_t)0 >> (BLOCK_IDS - 1 - slot_of(last));
    struct shelf_state state = p->now;
    state.settled |= bits & state.live;
    if (state.settled != p->now.settled)
        shelf_set(&t->shelf, p, &state);
}

/* A run over more blocks than there are: look at the blocks. */
void table_settle(struct table *t, uint64_t id, uint64_t count)
{
    if (!count)
        return;
    uint64_t last = count - 1 > UINT64_MAX - id ? UINT64_MAX : id + (count - 1);
    uint64_t blocks = block_of(last) - block_of(id) + 1;
    size_t at = 0;
    struct shelf_piece *p;
    if (blocks > t->shelf.blocks.count) {
        while ((p = idmap_next(&t->shelf.blocks, &at)))
            for (; p; p = p->next)
                if (block_of(p->key) >= block_of(id) && block_of(p->key) <= block_of(last))
                    settle_in(t, p, id, last);
        return;
    }
    for (uint64_t block = block_of(id); block <= block_of(last); block++)
        for (p = shelf_block(&t->shelf, block); p; p = p->next)
            settle_in(t, p, id, last);
}

/* --- writing again ---------------------------------------------------------------------------- */

/* False on an error: a piece on the shelf is in the table. */
static bool read_blob(struct table *t, uint64_t key, struct buf *blob)
{
    db_bind_u64(t->db, t->get, 1, key);
    bool there = db_row(t->db, t->get);
    if (there) {
        struct bytes bytes = db_bytes(t->get, 0);
        buf_put(blob, bytes.data, bytes.size);
        db_done(t->get);
    } else {
        db_fail(t->db, SQLITE_CORRUPT, "a piece that was kept is not there");
    }
    return there;
}

/* The living rows of a piece that are sound; the others are set aside. */
static uint64_t pick(struct table *t, const struct shelf_piece *p, const struct piece *piece,
                     struct piece *sound)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < piece->count; i++) {
        const struct piece_row *row = &piece->rows[i];
        uint64_t bit = (uint64_t)1 << row->slot;
        if (!(p->now.live & bit))
            continue;
        if (row->sound) {
            sound->rows[sound->count++] = *row;
            bits |= bit;
        } else {
            set_aside(t, block_of(p->key) * BLOCK_IDS + row->slot, row->row);
        }
    }
    return bits;
}

/* Writes the living rows of a piece alone. */
static void rewrite(struct table *t, struct shelf_piece *p)
{
    struct buf blob = {0};
    struct piece piece, sound = {0};
    struct shelf_state state = p->now;
    if (!read_blob(t, p->key, &blob))
        return;
    uint64_t damaged = t->damaged;
    if (piece_read(buf_bytes(&blob), table_texts[t->name].letter, block_of(p->key), &piece))
        sound.at_ms = piece.at_ms; /* the shelf may have another */
    else
        set_aside(t, p->key, buf_bytes(&blob));
    state.rows = state.live = pick(t, p, &piece, &sound);
    if (t->damaged > damaged)
        log_error("store: %llu rows damaged and set aside, table=%s, in the piece of id=%llu",
                  (unsigned long long)(t->damaged - damaged), table_texts[t->name].name,
                  (unsigned long long)p->key);
    state.settled &= state.live;
    if (!sound.count) {
        set_live(t, p, 0);
        buf_fini(&blob);
        return;
    }
    write_piece(t, p->key, &sound);
    if (state.marked)
        run_key(t, t->unmark, p->key);
    state.marked = false;
    state.bytes = t->blob.size;
    shelf_set(&t->shelf, p, &state);
    buf_fini(&blob);
}

/* Its row in the table has left with this transaction. */
static bool gone(const struct shelf_piece *p)
{
    return !p->now.live && link_listed(&p->tried);
}

void table_heal(struct table *t, const struct buf *keys)
{
    for (size_t at = 0; at < keys->size; at += sizeof(uint64_t)) {
        uint64_t key;
        memcpy(&key, keys->data + at, sizeof key);
        struct shelf_piece *p = shelf_block(&t->shelf, block_of(key));
        while (p && (p->key != key || gone(p)))
            p = p->next;
        if (p)
            rewrite(t, p);
    }
}

static bool sparse(const struct shelf_piece *p)
{
    return !p->made && p->now.live != p->before.live &&
           bits_count(p->now.live) * SPARSE <= bits_count(p->now.rows);
}

/* Brings the mark of a piece up to what is on the shelf. */
static void set_mark(struct table *t, struct shelf_piece *p)
{
    const struct shelf_state *now = &p->now, *before = &p->before;
    bool wanted = now->live != now->rows || now->settled;
    bool there = now->marked && now->live == before->live && now->settled == before->settled;
    if (wanted && !there) {
        write_mark(t, p);
    } else if (!wanted && now->marked) {
        struct shelf_state state = *now;
        state.marked = false;
        run_key(t, t->unmark, p->key);
        shelf_set(&t->shelf, p, &state);
    }
}

void table_end(struct table *t)
{
    list_each(l, &t->shelf.tried)
    {
        struct shelf_piece *p = container_of(l, struct shelf_piece, tried);
        if (p->now.live && sparse(p))
            rewrite(t, p);
        if (p->now.live)
            set_mark(t, p);
    }
}

void table_keep(struct table *t)
{
    shelf_keep(&t->shelf);
    t->damaged_before = t->damaged;
}

void table_undo(struct table *t)
{
    shelf_undo(&t->shelf);
    t->damaged = t->damaged_before;
}
