/* SPDX-License-Identifier: Apache-2.0
 *
 * memory: rows in a table, gone with the process. It cannot give durability and says so. When room
 * is short the oldest result that somebody has fetched goes first; one that nobody fetched goes
 * only after its time, and when all of those are young the store is full.
 */
#include "common/list.h"
#include "common/map.h"
#include "common/must.h"
#include "producer/store/backend.h"
#include "proto/record.h"

struct row {
    struct link all;     /* memory::all, in the order they ended */
    struct link settled; /* memory::settled, in the order they were fetched */
    uint64_t id;
    int64_t added_ms; /* when it was committed; 0: not yet */
    uint32_t size;
    uint8_t state;
    unsigned char bytes[];
};

struct memory {
    struct store_limits limits;
    struct idmap rows;
    struct link all, settled;
    uint64_t settled_rows, settled_bytes, bytes;
};

static void *memory_open(const struct store_limits *limits)
{
    struct memory *m = must_alloc(sizeof *m);
    m->limits = *limits;
    link_init(&m->all);
    link_init(&m->settled);
    return m;
}

static void row_settle(struct memory *m, struct row *row)
{
    if (link_listed(&row->settled))
        return;
    list_append(&m->settled, &row->settled);
    m->settled_rows++;
    m->settled_bytes += row->size;
}

static void row_drop(struct memory *m, struct row *row)
{
    if (link_listed(&row->settled)) {
        m->settled_rows--;
        m->settled_bytes -= row->size;
    }
    m->bytes -= row->size;
    link_take(&row->settled);
    link_take(&row->all);
    idmap_take(&m->rows, row->id);
    free(row);
}

static void memory_close(void *self)
{
    struct memory *m = self;
    while (!list_empty(&m->all))
        row_drop(m, list_first(&m->all, struct row, all));
    idmap_fini(&m->rows);
    free(m);
}

static void memory_append(void *self, uint64_t id, unsigned state, bool settled, struct bytes bytes)
{
    struct memory *m = self;
    must(!idmap_find(&m->rows, id)); /* a job ends once */
    struct row *row = malloc(sizeof *row + bytes.size);
    must(row);
    *row = (struct row){.id = id, .size = (uint32_t)bytes.size, .state = (uint8_t)state};
    memcpy(row->bytes, bytes.data, bytes.size);
    link_init(&row->settled);
    list_append(&m->all, &row->all);
    idmap_put(&m->rows, id, row);
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

static void memory_find(void *self, uint64_t id, struct buf *rows)
{
    struct memory *m = self;
    const struct row *row = idmap_find(&m->rows, id);
    if (row)
        buf_put(rows, row->bytes, row->size);
}

static bool row_fits(const struct row *row, unsigned state, struct bytes queue)
{
    if (state && row->state != state)
        return false;
    if (!queue.size)
        return true;
    struct cursor c = cursor_of(bytes_of(row->bytes, row->size));
    struct record submit;
    must(record_get(&c, &submit) == OK);
    return bytes_equal(submit.submit.queue, queue);
}

/* Latest ended first. `after` may have been dropped meanwhile: then whatever ended before an id
 * as old as it goes on. */
static uint64_t memory_list(void *self, unsigned state, struct bytes queue, uint64_t after,
                            uint64_t limit, struct buf *rows)
{
    struct memory *m = self;
    const struct row *from = after ? idmap_find(&m->rows, after) : NULL;
    const struct link *at = from ? from->all.prev : m->all.prev;
    uint64_t last = after;
    for (; at != &m->all; at = at->prev) {
        const struct row *row = container_of(at, struct row, all);
        if ((after && !from && row->id >= after) || !row_fits(row, state, queue))
            continue;
        if (limit-- == 0)
            return last;
        buf_put(rows, row->bytes, row->size);
        last = row->id;
    }
    return 0;
}

static struct store_counts memory_commit(void *self, int64_t now_ms)
{
    struct memory *m = self;
    const struct store_limits *l = &m->limits;
    /* Rows are dated when they are committed: what the last commit knew of the time may be old. */
    for (struct link *at = m->all.prev; at != &m->all; at = at->prev) {
        struct row *row = container_of(at, struct row, all);
        if (row->added_ms)
            break;
        row->added_ms = now_ms;
    }
    while (m->settled_rows > l->history_rows_max || m->settled_bytes > l->history_bytes_max)
        row_drop(m, list_first(&m->settled, struct row, settled));
    while (!list_empty(&m->all)) {
        struct row *oldest = list_first(&m->all, struct row, all);
        if (now_ms - oldest->added_ms < l->results_ms)
            break;
        row_drop(m, oldest);
    }
    uint64_t rows = m->rows.count - m->settled_rows;
    return (struct store_counts){.kept = m->rows.count,
                                 .full = rows > l->results_rows_max ||
                                         m->bytes - m->settled_bytes > l->results_bytes_max};
}

const struct store_backend memory_backend = {
    .name = "memory",
    .durable = false,
    .open = memory_open,
    .close = memory_close,
    .append = memory_append,
    .settle = memory_settle,
    .find = memory_find,
    .list = memory_list,
    .commit = memory_commit,
};
