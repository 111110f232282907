/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/scan.h"

#include "common/crc32c.h"

const struct table_text table_texts[TABLES] = {
    [TABLE_OPEN] = {"open", 'o'},
    [TABLE_ENDED] = {"ended", 'e'},
};

uint32_t mark_sum(enum table_name table, uint64_t key, uint64_t live, uint64_t settled)
{
    uint64_t what[4] = {(uint64_t)table_texts[table].letter, key, live, settled};
    unsigned char bytes[sizeof what];
    for (size_t i = 0; i < sizeof what; i++)
        bytes[i] = (unsigned char)(what[i / 8] >> i % 8 * 8);
    return crc32c(0, bytes_of(bytes, sizeof bytes));
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
    buf_fini(&s->blobs); /* the connection has the statements */
}

void scan_start(struct scan *s, uint64_t low, uint64_t high, bool down)
{
    scan_stop(s);
    s->now = down ? s->down : s->up;
    db_bind_u64(s->db, s->now, 1, block_of(low) * BLOCK_IDS);
    db_bind_u64(s->db, s->now, 2, block_of(high) * BLOCK_IDS + BLOCK_IDS - 1);
    s->ahead = db_row(s->db, s->now);
}

void scan_stop(struct scan *s)
{
    if (s->now)
        db_done(s->now);
    s->now = NULL;
    s->ahead = false;
}

/* Takes the row that the statement stands on as it is: bytes may still move. */
static void take_piece(struct scan *s)
{
    struct scan_piece *p = &s->pieces[s->pieces_count];
    struct bytes blob = db_bytes(s->now, 1);
    *p = (struct scan_piece){.key = db_u64(s->now, 0)};
    p->state.bytes = blob.size;
    p->state.marked = sqlite3_column_type(s->now, 4) != SQLITE_NULL;
    if (p->state.marked) {
        p->state.live = db_u64(s->now, 2);
        p->state.settled = db_u64(s->now, 3);
        p->mark_damaged =
            db_u64(s->now, 4) != mark_sum(s->table, p->key, p->state.live, p->state.settled);
    }
    buf_put(&s->blobs, blob.data, blob.size);
    s->ends[s->pieces_count++] = s->blobs.size;
}

static void show_rows(struct scan *s, struct scan_piece *p, const struct piece *piece)
{
    for (unsigned i = 0; i < piece->count; i++) {
        const struct piece_row *row = &piece->rows[i];
        uint64_t bit = (uint64_t)1 << row->slot;
        if (!(p->state.live & bit))
            continue;
        if (row->sound) {
            s->rows[row->slot] = *row;
            s->have |= bit;
        } else {
            p->damaged |= bit;
        }
    }
}

static void read_piece(struct scan *s, struct scan_piece *p, struct bytes blob)
{
    struct piece piece;
    struct shelf_state *state = &p->state;
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
    if (!p->unreadable)
        show_rows(s, p, &piece);
}

bool scan_next(struct scan *s)
{
    if (!s->ahead)
        return false;
    s->block = block_of(db_u64(s->now, 0));
    s->have = 0;
    s->pieces_count = 0;
    buf_clear(&s->blobs);
    if (s->blobs.capacity > 1 << 20)
        buf_fini(&s->blobs);
    do {
        take_piece(s);
        s->ahead = db_row(s->db, s->now);
    } while (s->ahead && s->pieces_count < BLOCK_IDS && block_of(db_u64(s->now, 0)) == s->block);
    for (unsigned i = 0; i < s->pieces_count; i++) {
        size_t start = i ? s->ends[i - 1] : 0;
        read_piece(s, &s->pieces[i], bytes_of(s->blobs.data + start, s->ends[i] - start));
    }
    return !s->db->error;
}
