/* SPDX-License-Identifier: Apache-2.0
 *
 * memory: rows of ended jobs in a table, gone with the process, and the lines of sessions in files
 * that go with it too; no other row would find a reader. It cannot give durability and says so.
 * When room is short the oldest result that somebody has fetched goes first; one that nobody
 * fetched goes only after its time, and when all of those are young the store is crowded.
 */
#include "common/list.h"
#include "common/map.h"
#include "common/newest.h"
#include "common/pool.h"
#include "producer/store/backend.h"
#include "producer/store/passing.h"
#include "proto/record.h"

struct row {
    struct link all;   /* memory::all, in the order they ended */
    struct link order; /* memory::waiting, in that order; memory::settled, in that of fetching */
    uint64_t id;
    int64_t added_ms; /* when it was committed; 0: not yet */
    uint32_t size;
    uint64_t lines; /* bytes of what its session has said */
    uint8_t state;
    bool settled;
    unsigned char bytes[];
};

struct memory {
    struct store_limits limits;
    struct answers *answers;
    struct idmap rows;
    struct pool pool; /* of rows */
    struct link all, waiting, settled;
    uint64_t settled_rows, bytes;
    uint64_t settled_bytes; /* of rows and their lines */
    struct passing lines;
};

static void *memory_open(const struct store_setup *setup, struct store_found *found,
                         struct complaint why)
{
    (void)why;
    struct memory *m = must_alloc(sizeof *m);
    m->limits = setup->limits;
    m->answers = setup->answers;
    pool_init(&m->pool);
    link_init(&m->all);
    link_init(&m->waiting);
    link_init(&m->settled);
    passing_init(&m->lines, setup->sessions);
    *found = (struct store_found){.incarnation = store_incarnation(setup->wall_ms, 0)};
    return m;
}

static int64_t memory_load(void *self, store_take *take, void *user, uint64_t *damaged,
                           struct complaint why)
{
    (void)self, (void)take, (void)user, (void)why;
    *damaged = 0;
    return 0;
}

static void row_settle(struct memory *m, struct row *row)
{
    if (row->settled)
        return;
    row->settled = true;
    link_take(&row->order);
    list_append(&m->settled, &row->order);
    m->settled_rows++;
    m->settled_bytes += row->size + row->lines;
}

static void row_drop(struct memory *m, struct row *row)
{
    if (row->settled) {
        m->settled_rows--;
        m->settled_bytes -= row->size + row->lines;
    }
    m->bytes -= row->size;
    link_take(&row->order);
    link_take(&row->all);
    idmap_take(&m->rows, row->id);
    passing_drop(&m->lines, row->id);
    pool_give(&m->pool, row, sizeof *row + row->size);
}

static void memory_close(void *self)
{
    struct memory *m = self;
    while (!list_empty(&m->all))
        row_drop(m, list_first(&m->all, struct row, all));
    idmap_fini(&m->rows);
    pool_fini(&m->pool);
    passing_fini(&m->lines);
    free(m);
}

static void memory_drop(void *self, const struct row_key *key)
{
    struct memory *m = self;
    struct row *row = key->kind == ROW_ENDED ? idmap_find(&m->rows, key->id) : NULL;
    if (row)
        row_drop(m, row);
}

static void memory_put(void *self, const struct row_key *key, struct bytes bytes, unsigned state,
                       bool settled)
{
    struct memory *m = self;
    if (key->kind == ROW_LINES)
        passing_put(&m->lines, key->id, bytes);
    if (key->kind != ROW_ENDED)
        return;
    memory_drop(m, key);
    struct row *row = pool_take(&m->pool, sizeof *row + bytes.size);
    *row = (struct row){.id = key->id,
                        .size = (uint32_t)bytes.size,
                        .lines = passing_bytes(&m->lines, key->id),
                        .state = (uint8_t)state};
    bytes_copy(row->bytes, bytes);
    list_append(&m->all, &row->all);
    list_append(&m->waiting, &row->order);
    idmap_put(&m->rows, row->id, row);
    m->bytes += row->size;
    if (settled)
        row_settle(m, row);
}

static void memory_settle(void *self, uint64_t id, uint64_t count)
{
    struct memory *m = self;
    if (count > m->rows.count) { /* a run over more ids than there are rows: look at the rows */
        list_each(l, &m->all)
        {
            struct row *row = container_of(l, struct row, all);
            if (row->id >= id && row->id - id < count)
                row_settle(m, row);
        }
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct row *row = idmap_find(&m->rows, id + i);
        if (row)
            row_settle(m, row);
    }
}

static bool row_fits(const struct row *row, const struct store_ask *ask)
{
    if (ask->state && row->state != ask->state)
        return false;
    return !ask->queue.size || row_of_queue(bytes_of(row->bytes, row->size), ask->queue);
}

/* Newest first. A full walk, and one more than is wanted: is there more? */
static uint64_t memory_list(struct memory *m, const struct store_ask *ask, struct buf *rows)
{
    struct newest ids;
    uint64_t last = 0, next = 0;
    size_t at = 0;
    newest_init(&ids, (size_t)ask->limit + 1);
    for (const struct row *row; (row = idmap_next(&m->rows, &at));)
        if ((!ask->id || row->id < ask->id) && row_fits(row, ask))
            newest_add(&ids, row->id);
    newest_sort(&ids);
    for (size_t i = 0; i < ids.count && !next; i++) {
        const struct row *row = idmap_find(&m->rows, ids.ids[i]);
        if (i == ask->limit || (i && rows->size + row->size > LIST_BYTES_MAX)) {
            next = last;
        } else {
            buf_put(rows, row->bytes, row->size);
            last = row->id;
        }
    }
    newest_fini(&ids);
    return next;
}

static void memory_ask(void *self, const struct store_ask *ask)
{
    struct memory *m = self;
    struct store_answer answer = {.type = STORE_FOUND, .ticket = ask->ticket};
    struct buf rows = {0};
    const struct row *row = ask->list ? NULL : idmap_find(&m->rows, ask->id);
    if (row)
        answer.rows = bytes_of(row->bytes, row->size);
    if (ask->list) {
        answer.next = memory_list(m, ask, &rows);
        answer.rows = buf_bytes(&rows);
    }
    answers_put(m->answers, &answer);
    buf_fini(&rows);
}

/* Rows are dated when they are committed: what the last commit knew of the time may be old. */
static void date(struct memory *m, int64_t now_ms)
{
    for (struct link *at = m->all.prev; at != &m->all; at = at->prev) {
        struct row *row = container_of(at, struct row, all);
        if (row->added_ms)
            break;
        row->added_ms = now_ms;
    }
}

static void drop_old(struct memory *m, struct link *list, int64_t now_ms, int64_t age_ms)
{
    while (!list_empty(list)) {
        struct row *oldest = list_first(list, struct row, order);
        if (now_ms - oldest->added_ms < age_ms)
            break;
        row_drop(m, oldest);
    }
}

static enum store_verdict memory_commit(void *self, int64_t now_ms, struct store_report *report)
{
    struct memory *m = self;
    const struct store_limits *l = &m->limits;
    date(m, now_ms);
    while (m->settled_rows > l->history_rows_max || m->settled_bytes > l->history_bytes_max)
        row_drop(m, list_first(&m->settled, struct row, order));
    drop_old(m, &m->settled, now_ms, l->history_ms);
    drop_old(m, &m->waiting, now_ms, l->results_ms);
    bool crowded = m->rows.count - m->settled_rows > l->results_rows_max ||
                   m->bytes + m->lines.bytes - m->settled_bytes > l->results_bytes_max;
    passing_work(&m->lines, now_ms);
    *report = (struct store_report){.kept = m->rows.count,
                                    .bytes = m->bytes,
                                    .condition = crowded ? STORE_CROWDED : STORE_OPEN};
    return VERDICT_KEPT;
}

const struct store_backend memory_backend = {
    .name = "memory",
    .durable = false,
    .open = memory_open,
    .close = memory_close,
    .load = memory_load,
    .put = memory_put,
    .drop = memory_drop,
    .settle = memory_settle,
    .commit = memory_commit,
    .rest = memory_commit,
    .ask = memory_ask,
};
