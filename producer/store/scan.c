/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/scan.h"

#include "common/crc32c.h"
#include "producer/store/le.h"

const struct table_text table_texts[TABLES] = {
    [TABLE_OPEN] = {"open", 'o'},
    [TABLE_ENDED] = {"ended", 'e'},
};

uint32_t mark_sum(enum table_name table, uint64_t key, uint64_t live, uint64_t settled)
{
    unsigned char what[4 * 8];
    le_put(what, (uint64_t)table_texts[table].letter, 8);
    le_put(what + 8, key, 8);
    le_put(what + 16, live, 8);
    le_put(what + 24, settled, 8);
    return crc32c(0, bytes_of(what, sizeof what));
}

static sqlite3_stmt *prepare(struct scan *s, const char *order)
{
    char sql[300];
    const char *name = table_texts[s->table].name;
    snprintf(sql, sizeof sql,
             "SELECT p.id, p.rows, m.live, m.settled, m.sum FROM %s p LEFT JOIN %s_mark m"
             " ON m.id = p.id WHERE p.id BETWEEN ?1 AND ?2 ORDER BY p.id %s",
             name, name, order);
    return db_prepare(s->db, sql);
}

void scan_init(struct scan *s, struct db *db, enum table_name table)
{
    *s = (struct scan){.db = db, .table = table};
    s->up = prepare(s, "ASC");
    s->down = prepare(s, "DESC");
}

void scan_fini(struct scan *s)
{
    buf_fini(&s->bytes); /* the connection has the statements */
}

void scan_start(struct scan *s, uint64_t low, uint64_t high, bool down)
{
    scan_stop(s);
    s->now = down ? s->down : s->up;
    s->wanted = ~(uint64_t)0;
    s->pieces_count = 0;
    db_bind_u64(s->db, s->now, 1, block_of(low) * BLOCK_IDS);
    db_bind_u64(s->db, s->now, 2, block_of(high) * BLOCK_IDS + BLOCK_IDS - 1);
    s->ahead = db_row(s->db, s->now);
}

bool scan_find(struct scan *s, uint64_t id)
{
    scan_start(s, id, id, false);
    s->wanted = slot_bit(id);
    return scan_next(s) && s->have & slot_bit(id);
}

void scan_stop(struct scan *s)
{
    if (s->now)
        db_done(s->now);
    s->now = NULL;
    s->ahead = false;
}

/* A row lives in one piece; in two only by a mark that cannot be believed. Then it stays where the
 * mark is sound, else where it is newer. Returns the piece in which it dies. */
static struct scan_piece *replaced(struct scan_piece *a, struct scan_piece *b)
{
    if (a->mark_damaged != b->mark_damaged)
        return a->mark_damaged ? a : b;
    return a->at_ms <= b->at_ms ? a : b;
}

/* Its bytes are taken along: the statement goes on, and what they are copied to may still move. */
static void take_row(struct scan *s, struct scan_piece *p, const struct piece_row *row)
{
    uint64_t bit = (uint64_t)1 << row->slot;
    if (s->have & bit) {
        struct scan_piece *dies = replaced(&s->pieces[s->of[row->slot]], p);
        dies->state.live &= ~bit;
        dies->state.settled &= ~bit;
        if (dies == p)
            return;
    }
    s->rows[row->slot] = *row;
    s->of[row->slot] = (uint8_t)(p - s->pieces);
    s->at[row->slot] = s->bytes.size;
    s->have |= bit;
    buf_put(&s->bytes, row->row.data, row->row.size);
}

static void take_rows(struct scan *s, struct scan_piece *p, const struct piece *piece)
{
    for (unsigned i = 0; i < piece->count; i++) {
        const struct piece_row *row = &piece->rows[i];
        uint64_t bit = (uint64_t)1 << row->slot;
        if (!(p->state.live & bit))
            continue;
        if (!row->sound)
            p->damaged |= bit;
        else if (s->wanted & bit)
            take_row(s, p, row);
    }
}

static void read_mark(struct scan *s, struct scan_piece *p)
{
    p->state.marked = sqlite3_column_type(s->now, 4) != SQLITE_NULL;
    if (!p->state.marked)
        return;
    p->state.live = db_u64(s->now, 2);
    p->state.settled = db_u64(s->now, 3);
    p->mark_damaged =
        db_u64(s->now, 4) != mark_sum(s->table, p->key, p->state.live, p->state.settled);
}

/* Takes the row of the table that the statement stands on. */
static void take_piece(struct scan *s)
{
    struct piece piece;
    struct scan_piece *p = &s->pieces[s->pieces_count++];
    struct shelf_state *state = &p->state;
    struct bytes blob = db_bytes(s->now, 1);
    *p = (struct scan_piece){.key = db_u64(s->now, 0), .state.bytes = blob.size};
    read_mark(s, p);
    p->unreadable = !piece_read(blob, table_texts[s->table].letter, s->block, &piece);
    for (unsigned i = 0; i < piece.count; i++)
        state->rows |= (uint64_t)1 << piece.rows[i].slot;
    if (p->unreadable)
        state->rows = slot_bit(p->key); /* something must stand for it */
    else
        p->at_ms = piece.at_ms;
    if (p->unreadable || p->mark_damaged || !state->marked) {
        state->live = state->rows;
        state->settled = 0;
    }
    state->live &= state->rows;
    state->settled &= state->live;
    take_rows(s, p, &piece);
}

bool scan_next(struct scan *s)
{
    if (!s->ahead)
        return false;
    s->block = block_of(db_u64(s->now, 0));
    s->have = 0;
    s->pieces_count = 0;
    buf_clear(&s->bytes);
    if (s->bytes.capacity > 1 << 20)
        buf_fini(&s->bytes);
    do {
        take_piece(s);
        s->ahead = db_row(s->db, s->now);
    } while (s->ahead && s->pieces_count < BLOCK_IDS && block_of(db_u64(s->now, 0)) == s->block);
    for (uint64_t bits = s->have; bits; bits &= bits - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(bits);
        s->rows[slot].row.data = s->bytes.data + s->at[slot];
    }
    return !s->db->error;
}
