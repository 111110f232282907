/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/disk.h"

#include <stdlib.h>

#include "common/must.h"

struct order {
    enum effect_type type;
    uint64_t seq, count;
    struct row_key key; /* name owned */
    struct buf bytes;
    uint8_t state;
    bool settled;
    struct link link; /* disk::waiting */
};

static struct bytes copy_of(struct bytes b)
{
    void *copy = must_alloc(b.size + 1);
    if (b.size)
        memcpy(copy, b.data, b.size);
    return bytes_of(copy, b.size);
}

static void drop_name(struct row_key *key)
{
    free((void *)(uintptr_t)key->name.data);
}

void disk_init(struct disk *d)
{
    *d = (struct disk){0};
    link_init(&d->waiting);
    for (int k = 0; k < ROW_KINDS; k++)
        link_init(&d->rows[k]);
}

static void order_free(struct order *o)
{
    link_take(&o->link);
    drop_name(&o->key);
    buf_fini(&o->bytes);
    free(o);
}

void disk_forget(struct disk *d, struct disk_row *row)
{
    struct disk_row *lines = idmap_find(&d->by_id[ROW_LINES], row->key.id);
    if (row->key.kind == ROW_ENDED && lines)
        disk_forget(d, lines);
    link_take(&row->link);
    if (row->key.id)
        idmap_take(&d->by_id[row->key.kind], row->key.id);
    drop_name(&row->key);
    buf_fini(&row->bytes);
    free(row);
}

void disk_crash(struct disk *d)
{
    list_each_safe(l, &d->waiting) order_free(container_of(l, struct order, link));
    d->put_seq = d->kept_seq = 0;
}

void disk_fini(struct disk *d)
{
    disk_crash(d);
    for (int k = 0; k < ROW_KINDS; k++) {
        list_each_safe(l, &d->rows[k]) disk_forget(d, container_of(l, struct disk_row, link));
        idmap_fini(&d->by_id[k]);
    }
}

void disk_order(struct disk *d, const struct effects *fx, const struct effect *e)
{
    struct order *o = must_alloc(sizeof *o);
    struct bytes bytes = effect_bytes(fx, e);
    must(e->seq == d->put_seq + 1);
    d->put_seq = e->seq;
    *o = (struct order){.type = e->type,
                        .seq = e->seq,
                        .count = e->count,
                        .key = effect_key(fx, e),
                        .state = e->state,
                        .settled = e->settled};
    o->key.name = copy_of(o->key.name);
    buf_put(&o->bytes, bytes.data, bytes.size);
    list_append(&d->waiting, &o->link);
}

static struct disk_row *row_find(const struct disk *d, const struct row_key *key)
{
    if (key->id)
        return idmap_find(&d->by_id[key->kind], key->id);
    list_each(l, &d->rows[key->kind])
    {
        struct disk_row *row = container_of(l, struct disk_row, link);
        if (bytes_equal(row->key.name, key->name))
            return row;
    }
    return NULL;
}

static void drop(struct disk *d, const struct row_key *key)
{
    struct disk_row *row = row_find(d, key);
    if (row)
        disk_forget(d, row);
}

static uint64_t sum_of(const struct disk_row *row)
{
    return bytes_hash(buf_bytes(&row->bytes), row->key.id ^ (uint64_t)row->key.kind);
}

bool disk_row_good(const struct disk_row *row)
{
    return row->sum == sum_of(row);
}

void disk_damage(struct disk_row *row, bool unnoticed)
{
    must(row->bytes.size);
    if (unnoticed) {
        row->bytes.data[0] = 0xc1; /* nothing begins so */
        row->sum = sum_of(row);
    } else {
        row->bytes.data[row->bytes.size / 2] ^= 0x10;
    }
}

static void put(struct disk *d, struct order *o)
{
    struct disk_row *row = row_find(d, &o->key);
    if (o->key.kind == ROW_ENDED) {
        must(!row); /* a job ends once */
        drop(d, &(struct row_key){.kind = ROW_JOB, .id = o->key.id});
    }
    bool lines = o->key.kind == ROW_LINES;
    if (!row) {
        row = must_alloc(sizeof *row);
        row->key = o->key;
        row->key.name = copy_of(o->key.name);
        list_append(&d->rows[o->key.kind], &row->link);
        if (o->key.id)
            idmap_put(&d->by_id[o->key.kind], o->key.id, row);
        if (o->key.id > d->last_id)
            d->last_id = o->key.id;
    }
    if (!lines)
        buf_clear(&row->bytes);
    buf_put(&row->bytes, o->bytes.data, o->bytes.size);
    row->sum = sum_of(row);
    row->state = o->state;
    row->settled = o->settled;
}

static void settle(struct disk *d, const struct order *o)
{
    for (uint64_t i = 0; i < o->count; i++) {
        struct disk_row *row = disk_ended(d, o->key.id + i);
        if (row)
            row->settled = true;
    }
}

uint64_t disk_commit(struct disk *d, uint64_t seq)
{
    while (!list_empty(&d->waiting)) {
        struct order *o = list_first(&d->waiting, struct order, link);
        if (o->seq > seq)
            break;
        d->kept_seq = o->seq;
        if (o->type == FX_PUT)
            put(d, o);
        else if (o->type == FX_DROP)
            drop(d, &o->key);
        else
            settle(d, o);
        order_free(o);
    }
    return d->kept_seq;
}

struct disk_row *disk_ended(const struct disk *d, uint64_t id)
{
    return idmap_find(&d->by_id[ROW_ENDED], id);
}

struct disk_row *disk_open(const struct disk *d, uint64_t id)
{
    return idmap_find(&d->by_id[ROW_JOB], id);
}

struct bytes disk_lines(const struct disk *d, uint64_t id)
{
    const struct disk_row *row = idmap_find(&d->by_id[ROW_LINES], id);
    return row ? buf_bytes(&row->bytes) : (struct bytes){0};
}

void disk_load(struct disk *d, void (*take)(void *user, const struct disk_row *row), void *user)
{
    static const enum row_kind order[] = {ROW_MARK, ROW_WORKER, ROW_CLIENT, ROW_KEY,  ROW_QUEUE,
                                          ROW_TASK, ROW_JOINED, ROW_JOB,    ROW_ENDED};
    for (size_t k = 0; k < LENGTH(order); k++)
        list_each_safe(l, &d->rows[order[k]])
        {
            struct disk_row *row = container_of(l, struct disk_row, link);
            if (!disk_row_good(row)) {
                d->damaged++;
                disk_forget(d, row);
            } else if (!row->settled) {
                take(user, row);
            }
        }
}
