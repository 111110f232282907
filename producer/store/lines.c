/* SPDX-License-Identifier: Apache-2.0
 *
 * A line that is added writes one part; the last JOIN_PARTS of a session, when all of them are
 * smaller than PART_BYTES, become one. So a part that has grown to that size is never written
 * again, and before that each byte of it once for every JOIN_PARTS lots that came.
 */
#include "producer/store/lines.h"

#include "common/crc32c.h"
#include "common/log.h"
#include "producer/store/le.h"

enum { SUM_BYTES = 4, PART_BYTES = 16 << 10, JOIN_PARTS = 16 };

void lines_init(struct lines *l, struct db *db, struct named *named)
{
    *l = (struct lines){.db = db, .named = named};
    link_init(&l->tried);
    link_init(&l->news);
    l->put = db_prepare(db, "INSERT OR REPLACE INTO lines VALUES (?1, ?2, ?3)");
    l->drop = db_prepare(db, "DELETE FROM lines WHERE n = ?1");
    l->get = db_prepare(db, "SELECT id, row FROM lines WHERE n = ?1");
    l->load = db_prepare(db, "SELECT n, id, row FROM lines ORDER BY n");
    l->aside = db_prepare(db, "INSERT INTO aside (origin, id, row)"
                              " SELECT 'lines', id, row FROM lines WHERE n = ?1");
}

static void session_free(struct session_lines *s)
{
    link_take(&s->tried);
    link_take(&s->news);
    link_take(&s->wrong);
    free(s->now.parts);
    free(s->before.parts);
    free(s);
}

void lines_fini(struct lines *l)
{
    size_t at = 0;
    for (struct session_lines *s; (s = idmap_next(&l->sessions, &at));)
        session_free(s);
    idmap_fini(&l->sessions);
    buf_fini(&l->dropped);
    buf_fini(&l->fresh);
    buf_fini(&l->part);
}

/* --- a session -------------------------------------------------------------------------------- */

static struct session_lines *session_make(struct lines *l, uint64_t id)
{
    struct session_lines *s = must_alloc(sizeof *s);
    s->id = id;
    link_init(&s->tried);
    link_init(&s->news);
    link_init(&s->wrong);
    idmap_put(&l->sessions, id, s);
    return s;
}

static void count(struct lines *l, const struct lines_state *state, bool in)
{
    uint64_t bytes = in ? state->bytes : -state->bytes;
    l->bytes += bytes;
    l->settled_bytes += state->settled ? bytes : 0;
}

/* From here on it is on trial. */
static void try(struct lines *l, struct session_lines *s)
{
    if (link_listed(&s->tried))
        return;
    size_t bytes = s->now.count * sizeof *s->now.parts;
    s->before = s->now;
    s->before.capacity = s->now.count;
    s->before.parts = must_alloc(bytes);
    if (bytes)
        memcpy(s->before.parts, s->now.parts, bytes);
    s->fresh_size = 0;
    list_append(&l->tried, &s->tried);
}

static struct lines_part *part_add(struct lines_state *state, uint64_t n, size_t size)
{
    if (state->count == state->capacity) {
        state->capacity = state->capacity ? state->capacity * 2 : 4;
        state->parts = must_realloc(state->parts, state->capacity * sizeof *state->parts);
    }
    struct lines_part *part = &state->parts[state->count++];
    *part = (struct lines_part){.n = n, .size = (uint32_t)size};
    return part;
}

/* --- parts in the table ----------------------------------------------------------------------- */

static uint32_t sum_of(uint64_t n, uint64_t id, struct bytes text)
{
    unsigned char what[17] = {'l'};
    le_put(what + 1, n, 8);
    le_put(what + 9, id, 8);
    return crc32c(crc32c(0, bytes_of(what, sizeof what)), text);
}

/* False when it is damaged. */
static bool row_read(uint64_t n, uint64_t id, struct bytes row, struct bytes *text)
{
    const unsigned char *at = row.data;
    if (row.size < SUM_BYTES)
        return false;
    *text = bytes_of(at + SUM_BYTES, row.size - SUM_BYTES);
    return le_get(at, SUM_BYTES) == sum_of(n, id, *text);
}

static void run(struct lines *l, sqlite3_stmt *s, uint64_t n)
{
    db_bind_u64(l->db, s, 1, n);
    db_run(l->db, s);
}

/* l->part: room for the sum, then the text. */
static void write_part(struct lines *l, uint64_t n, uint64_t id)
{
    struct bytes text = bytes_of(l->part.data + SUM_BYTES, l->part.size - SUM_BYTES);
    le_put(l->part.data, sum_of(n, id, text), SUM_BYTES);
    db_bind_u64(l->db, l->put, 2, id);
    db_bind_bytes(l->db, l->put, 3, buf_bytes(&l->part));
    run(l, l->put, n);
}

static void part_begin(struct lines *l)
{
    buf_clear(&l->part);
    if (l->part.capacity > 1 << 20)
        buf_fini(&l->part);
    memset(buf_extend(&l->part, SUM_BYTES), 0, SUM_BYTES);
}

/* Gives the text of a part; nothing, when it is damaged. False on an error: a part of ours is in
 * the table. */
static bool read_part(struct lines *l, uint64_t id, struct lines_part *part,
                      void (*take)(void *user, struct bytes text), void *user)
{
    struct bytes text;
    db_bind_u64(l->db, l->get, 1, part->n);
    if (!db_row(l->db, l->get)) {
        db_fail(l->db, SQLITE_CORRUPT, "lines that were kept are not there");
        return false;
    }
    bool sound = db_u64(l->get, 0) == id && row_read(part->n, id, db_bytes(l->get, 1), &text) &&
                 text.size == part->size;
    if (sound)
        take(user, text);
    else if (!part->damaged)
        log_error("store: lines of session id=%llu are damaged", (unsigned long long)id);
    part->damaged = !sound;
    db_done(l->get);
    return true;
}

static void take_text(void *user, struct bytes text)
{
    buf_put(user, text.data, text.size);
}

/* A damaged one stays as it is, and nothing before it is joined any more. */
static void join(struct lines *l, struct session_lines *s, size_t from)
{
    part_begin(l);
    for (size_t i = from; i < s->now.count; i++)
        if (!read_part(l, s->id, &s->now.parts[i], take_text, &l->part) || s->now.parts[i].damaged)
            return;
    for (size_t i = from + 1; i < s->now.count; i++)
        run(l, l->drop, s->now.parts[i].n);
    write_part(l, s->now.parts[from].n, s->id);
    s->now.parts[from].size = (uint32_t)(l->part.size - SUM_BYTES);
    s->now.count = from + 1;
}

static void join_small(struct lines *l, struct session_lines *s)
{
    size_t from = s->now.count;
    while (from && s->now.parts[from - 1].size < PART_BYTES && !s->now.parts[from - 1].damaged)
        from--;
    if (s->now.count - from >= JOIN_PARTS)
        join(l, s, from);
}

/* --- changes ---------------------------------------------------------------------------------- */

void lines_begin(struct lines *l)
{
    must(list_empty(&l->tried) && list_empty(&l->news));
    buf_clear(&l->fresh);
    if (l->fresh.capacity > 1 << 20)
        buf_fini(&l->fresh);
}

static struct bytes id_name(uint64_t id, unsigned char name[static 8])
{
    le_put(name, id, 8);
    return bytes_of(name, 8);
}

void lines_forget(struct lines *l, uint64_t id)
{
    unsigned char name[8];
    named_drop(l->named, OWN_DROPPED_LINES, id_name(id, name));
}

void lines_add(struct lines *l, uint64_t id, struct bytes text)
{
    struct session_lines *s = lines_find(l, id);
    must(text.size <= UINT32_MAX - SUM_BYTES);
    if (!s) {
        s = session_make(l, id);
        s->made = true;
    }
    if (s->now.dropped)
        lines_forget(l, id);
    try(l, s);
    must(!s->fresh_size);
    s->fresh_at = l->fresh.size;
    s->fresh_size = text.size;
    s->fresh_from = s->now.bytes;
    buf_put(&l->fresh, text.data, text.size);
    part_begin(l);
    buf_put(&l->part, text.data, text.size);
    write_part(l, ++l->last_n, id);
    count(l, &s->now, false);
    part_add(&s->now, l->last_n, text.size);
    s->now.bytes += text.size;
    s->now.sum = crc32c(s->now.sum, text);
    s->now.dropped = false;
    count(l, &s->now, true);
    join_small(l, s);
}

void lines_drop(struct lines *l, uint64_t id)
{
    unsigned char name[8];
    struct session_lines *s = lines_find(l, id);
    if (!s || s->now.dropped)
        return;
    try(l, s);
    for (size_t i = 0; i < s->now.count; i++)
        run(l, l->drop, s->now.parts[i].n);
    count(l, &s->now, false);
    s->now.count = 0;
    s->now.bytes = s->now.sum = 0;
    s->now.settled = false;
    s->now.dropped = true;
    s->fresh_size = 0;
    named_put(l->named, OWN_DROPPED_LINES, id_name(id, name), bytes_of(NULL, 0));
}

void lines_settle(struct lines *l, uint64_t id, bool settled)
{
    struct session_lines *s = lines_find(l, id);
    if (!s || s->now.settled == settled || s->now.dropped)
        return;
    try(l, s);
    count(l, &s->now, false);
    s->now.settled = settled;
    count(l, &s->now, true);
}

static void settle_as(struct lines *l, const struct shelf *ended, uint64_t id)
{
    const struct shelf_piece *p = shelf_find(ended, id);
    lines_settle(l, id, p && p->now.settled & slot_bit(id));
}

void lines_settle_range(struct lines *l, const struct shelf *ended, uint64_t id, uint64_t count)
{
    if (count > l->sessions.count) { /* more ids than there are sessions: look at those */
        size_t at = 0;
        for (struct session_lines *s; (s = idmap_next(&l->sessions, &at));)
            if (s->id >= id && s->id - id < count)
                settle_as(l, ended, s->id);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        if (lines_find(l, id + i))
            settle_as(l, ended, id + i);
}

/* --- the trial's end -------------------------------------------------------------------------- */

static void trial_over(struct lines *l, struct session_lines *s)
{
    link_take(&s->tried);
    free(s->before.parts);
    s->before = (struct lines_state){0};
    s->made = false;
    if (!s->now.dropped)
        return;
    idmap_take(&l->sessions, s->id);
    session_free(s);
}

void lines_keep(struct lines *l)
{
    list_each_safe(at, &l->tried)
    {
        struct session_lines *s = container_of(at, struct session_lines, tried);
        if (s->now.dropped)
            buf_put(&l->dropped, &s->id, sizeof s->id);
        else if (s->fresh_size)
            list_append(&l->news, &s->news);
        trial_over(l, s);
    }
}

void lines_undo(struct lines *l)
{
    list_each_safe(at, &l->tried)
    {
        struct session_lines *s = container_of(at, struct session_lines, tried);
        struct lines_state tried = s->now;
        count(l, &tried, false);
        s->now = s->before;
        count(l, &s->now, true);
        s->before = tried;
        s->now.dropped = s->made;
        trial_over(l, s);
    }
}

/* --- a start ---------------------------------------------------------------------------------- */

static bool take_id(void *user, const struct row_key *key, struct bytes row)
{
    (void)row;
    uint64_t id = key->name.size == 8 ? le_get(key->name.data, 8) : 0;
    if (id)
        buf_put(user, &id, sizeof id);
    return true;
}

void lines_load(struct lines *l, struct buf *damaged, struct buf *damaged_names)
{
    named_each(l->named, OWN_DROPPED_LINES, take_id, &l->dropped, damaged_names);
    while (db_row(l->db, l->load)) {
        uint64_t n = db_u64(l->load, 0), id = db_u64(l->load, 1);
        struct bytes text;
        l->last_n = n > l->last_n ? n : l->last_n;
        if (!row_read(n, id, db_bytes(l->load, 2), &text)) {
            buf_put(damaged, &n, sizeof n);
            l->damaged++;
            continue;
        }
        struct session_lines *s = lines_find(l, id);
        s = s ? s : session_make(l, id);
        part_add(&s->now, n, text.size);
        s->now.bytes += text.size;
        s->now.sum = crc32c(s->now.sum, text);
        l->bytes += text.size;
    }
}

void lines_heal(struct lines *l, const struct buf *damaged)
{
    for (size_t at = 0; at < damaged->size; at += sizeof(uint64_t)) {
        uint64_t n;
        memcpy(&n, damaged->data + at, sizeof n);
        log_error("store: lines of a session are damaged: they were set aside");
        run(l, l->aside, n);
        run(l, l->drop, n);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

bool lines_read(struct lines *l, const struct session_lines *s,
                void (*take)(void *user, struct bytes part), void *user)
{
    for (size_t i = 0; i < s->now.count; i++)
        if (!read_part(l, s->id, &s->now.parts[i], take, user))
            return false;
    return true;
}
