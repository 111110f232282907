/* SPDX-License-Identifier: Apache-2.0
 *
 * In the table a row begins with the CRC32C (4 bytes, little endian) of its kind, its name and the
 * rest of it.
 */
#include "producer/store/named.h"

#include "common/crc32c.h"
#include "common/log.h"
#include "producer/store/le.h"
#include "proto/record.h"

enum { SUM_BYTES = 4 };

/* Names to come back to: kind u8, size u8, name. */
static void list_name(struct buf *list, unsigned kind, struct bytes name)
{
    unsigned char head[2] = {(unsigned char)kind, (unsigned char)name.size};
    buf_put(list, head, sizeof head);
    buf_put(list, name.data, name.size & 0xff);
}

void named_init(struct named *n, struct db *db)
{
    *n = (struct named){.db = db};
    n->put = db_prepare(db, "INSERT OR REPLACE INTO named VALUES (?1, ?2, ?3)");
    n->drop = db_prepare(db, "DELETE FROM named WHERE kind = ?1 AND name = ?2");
    n->get = db_prepare(db, "SELECT row FROM named WHERE kind = ?1 AND name = ?2");
    n->load = db_prepare(db, "SELECT name, row FROM named WHERE kind = ?1 ORDER BY name");
    n->sweep = db_prepare(db, "SELECT name, row FROM named WHERE kind = ?1 AND name > ?2"
                              " ORDER BY name LIMIT ?3");
    n->aside = db_prepare(db, "INSERT INTO aside (origin, id, name, row)"
                              " SELECT 'named', kind, name, row FROM named"
                              " WHERE kind = ?1 AND name = ?2");
}

void named_fini(struct named *n)
{
    buf_fini(&n->row);
    buf_fini(&n->swept);
}

static uint32_t sum_of(unsigned kind, struct bytes name, struct bytes row)
{
    unsigned char what[2] = {(unsigned char)kind, (unsigned char)name.size};
    return crc32c(crc32c(crc32c(0, bytes_of(what, sizeof what)), name), row);
}

/* False when it is damaged. */
static bool row_read(unsigned kind, struct bytes name, struct bytes stored, struct bytes *row)
{
    const unsigned char *at = stored.data;
    if (stored.size < SUM_BYTES)
        return false;
    *row = bytes_of(at + SUM_BYTES, stored.size - SUM_BYTES);
    return le_get(at, SUM_BYTES) == sum_of(kind, name, *row);
}

static void run(struct named *n, sqlite3_stmt *s, unsigned kind, struct bytes name)
{
    db_bind_u64(n->db, s, 1, kind);
    db_bind_bytes(n->db, s, 2, name);
    db_run(n->db, s);
}

void named_put(struct named *n, unsigned kind, struct bytes name, struct bytes row)
{
    unsigned char head[SUM_BYTES];
    le_put(head, sum_of(kind, name, row), SUM_BYTES);
    buf_clear(&n->row);
    buf_put(&n->row, head, sizeof head);
    buf_put(&n->row, row.data, row.size);
    db_bind_bytes(n->db, n->put, 3, buf_bytes(&n->row));
    run(n, n->put, kind, name);
}

void named_drop(struct named *n, unsigned kind, struct bytes name)
{
    run(n, n->drop, kind, name);
}

/* --- numbers of our own ----------------------------------------------------------------------- */

uint64_t named_number(struct named *n, enum own_kind kind)
{
    uint64_t number = 0;
    struct bytes row;
    db_bind_u64(n->db, n->get, 1, kind);
    db_bind_bytes(n->db, n->get, 2, bytes_of(NULL, 0));
    if (!db_row(n->db, n->get))
        return 0;
    if (row_read(kind, bytes_of(NULL, 0), db_bytes(n->get, 0), &row) && row.size == sizeof number)
        number = le_get(row.data, sizeof number);
    else
        n->damaged++;
    db_done(n->get);
    return number;
}

void named_put_number(struct named *n, enum own_kind kind, uint64_t number)
{
    unsigned char row[sizeof number];
    le_put(row, number, sizeof row);
    named_put(n, kind, bytes_of(NULL, 0), bytes_of(row, sizeof row));
}

/* --- a start ---------------------------------------------------------------------------------- */

int64_t named_each(struct named *n, unsigned kind, store_take *take, void *user,
                   struct buf *damaged)
{
    int64_t given = 0;
    bool go_on = true;
    db_bind_u64(n->db, n->load, 1, kind);
    while (db_row(n->db, n->load)) {
        struct row_key key = {.kind = (enum row_kind)kind, .name = db_bytes(n->load, 0)};
        struct bytes row;
        if (!row_read(kind, key.name, db_bytes(n->load, 1), &row)) {
            list_name(damaged, kind, key.name);
            n->damaged++;
            continue;
        }
        go_on = go_on && take(user, &key, row);
        given += go_on;
    }
    return given;
}

int64_t named_load(struct named *n, store_take *take, void *user, struct buf *damaged)
{
    static const enum row_kind order[] = {ROW_MARK,  ROW_WORKER, ROW_CLIENT, ROW_KEY,
                                          ROW_QUEUE, ROW_TASK,   ROW_JOINED};
    int64_t given = 0;
    for (unsigned i = 0; i < LENGTH(order); i++)
        given += named_each(n, order[i], take, user, damaged);
    return given;
}

void named_heal(struct named *n, const struct buf *damaged)
{
    for (size_t at = 0; at < damaged->size;) {
        const unsigned char *head = damaged->data + at;
        struct bytes name = bytes_of(head + 2, head[1]);
        log_error("store: a row of kind %u is damaged: it was set aside", head[0]);
        run(n, n->aside, head[0], name);
        run(n, n->drop, head[0], name);
        at += 2 + name.size;
    }
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool expired(struct bytes name, struct bytes stored, int64_t wall_ms)
{
    struct bytes row;
    struct record r;
    if (!row_read(ROW_KEY, name, stored, &row))
        return false;
    struct cursor c = cursor_of(row);
    return record_get(&c, &r) == OK && r.type == REC_key_row && r.key_row.expires_ms &&
           r.key_row.expires_ms <= (uint64_t)wall_ms;
}

bool named_sweep(struct named *n, int64_t wall_ms, unsigned count)
{
    struct buf over = {0};
    unsigned seen = 0;
    db_bind_u64(n->db, n->sweep, 1, ROW_KEY);
    db_bind_bytes(n->db, n->sweep, 2, buf_bytes(&n->swept));
    db_bind_u64(n->db, n->sweep, 3, count);
    struct buf last = {0};
    for (; db_row(n->db, n->sweep); seen++) {
        struct bytes name = db_bytes(n->sweep, 0);
        buf_clear(&last);
        buf_put(&last, name.data, name.size);
        if (expired(name, db_bytes(n->sweep, 1), wall_ms))
            list_name(&over, ROW_KEY, name);
    }
    for (size_t at = 0; at < over.size;) {
        const unsigned char *head = over.data + at;
        named_drop(n, ROW_KEY, bytes_of(head + 2, head[1]));
        at += 2 + (size_t)head[1];
    }
    buf_fini(&over);
    buf_fini(&n->swept);
    n->swept = last;
    if (seen == count)
        return false;
    buf_clear(&n->swept);
    return true;
}
