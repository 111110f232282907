/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes gather in the order they were said. To put them together they are sorted by what they are
 * about, stably; most come nearly in order.
 */
#include "producer/store/batch.h"

#include <stdlib.h>

#include "common/must.h"

enum { KEEP_CHANGES = 1 << 16 };

struct batch_change {
    uint64_t id;
    uint32_t place; /* in the order they were said */
    uint8_t kind;   /* enum row_kind */
    uint8_t state;
    bool drop, settled;
    struct bytes name, row;
};

/* Room for one more at the end of an array. */
static void *room(void *array, size_t count, size_t *capacity, size_t size)
{
    must(array || !*capacity);
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 64;
    return must_realloc(array, *capacity * size);
}

#define ADD(b, what)                                                                               \
    ((b)->what = room((b)->what, (b)->what##_count, &(b)->what##_capacity, sizeof *(b)->what),     \
     &(b)->what[(b)->what##_count++])

void batch_fini(struct batch *b)
{
    free(b->job_changes);
    free(b->name_changes);
    free(b->jobs);
    free(b->names);
    free(b->ranges);
    *b = (struct batch){0};
}

void batch_clear(struct batch *b)
{
    if (b->job_changes_capacity + b->name_changes_capacity > KEEP_CHANGES)
        batch_fini(b); /* what gathered while the disk was full is no reason to keep its memory */
    b->place = 0;
    b->job_changes_count = b->name_changes_count = 0;
    b->ranges_count = b->jobs_count = b->names_count = 0;
    b->sealed = false;
}

static void change(struct batch *b, const struct row_key *key, struct batch_change c)
{
    must(!b->sealed && b->place < UINT32_MAX);
    c.kind = (uint8_t)key->kind;
    c.id = key->id;
    c.name = key->name;
    c.place = b->place++;
    if (key->kind == ROW_JOB || key->kind == ROW_ENDED || key->kind == ROW_LINES)
        *ADD(b, job_changes) = c;
    else
        *ADD(b, name_changes) = c;
}

void batch_put(struct batch *b, const struct row_key *key, struct bytes row, unsigned state,
               bool settled)
{
    change(b, key, (struct batch_change){.row = row, .state = (uint8_t)state, .settled = settled});
}

void batch_drop(struct batch *b, const struct row_key *key)
{
    change(b, key, (struct batch_change){.drop = true});
}

void batch_settle(struct batch *b, uint64_t id, uint64_t count)
{
    must(!b->sealed && (b->ranges || !b->ranges_count));
    struct batch_range *last = b->ranges_count ? &b->ranges[b->ranges_count - 1] : NULL;
    if (last && last->id + last->count == id && last->place == b->place)
        last->count += count;
    else
        *ADD(b, ranges) = (struct batch_range){.id = id, .count = count, .place = b->place};
}

/* --- putting together ------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct batch_change *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static int name_order(const struct batch_change *x, const struct batch_change *y)
{
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    size_t least = x->name.size < y->name.size ? x->name.size : y->name.size;
    int names = least ? memcmp(x->name.data, y->name.data, least) : 0;
    return names ? names : (x->name.size > y->name.size) - (x->name.size < y->name.size);
}

static int by_name(const void *a, const void *b)
{
    const struct batch_change *x = a, *y = b;
    int order = name_order(x, y);
    return order ? order : x->place < y->place ? -1 : 1;
}

static void sort(struct batch_change *changes, size_t count,
                 int (*compare)(const void *, const void *))
{
    for (size_t i = 1; i < count; i++)
        if (compare(&changes[i - 1], &changes[i]) > 0) {
            qsort(changes, count, sizeof *changes, compare);
            return;
        }
}

static void lines_say(struct batch_job *job, size_t at)
{
    if (!job->lines_end)
        job->lines = at;
    job->lines_end = at + 1;
}

void batch_lines(const struct batch *b, const struct batch_job *job, struct buf *out)
{
    for (size_t i = job->lines; i < job->lines_end; i++)
        if (b->job_changes[i].kind == ROW_LINES)
            buf_put(out, b->job_changes[i].row.data, b->job_changes[i].row.size);
}

static void job_say(struct batch_job *job, const struct batch_change *c)
{
    job->forgotten = job->forgotten || c->drop;
    if (c->drop && c->kind != ROW_JOB) {
        job->lines_dropped = true;
        job->lines = job->lines_end = 0;
    }
    if (c->kind == ROW_LINES)
        return;
    if (c->kind == ROW_JOB) {
        job->open = c->drop ? FATE_DROP : FATE_PUT;
        job->open_row = c->row;
        return;
    }
    job->ended = c->drop ? FATE_DROP : FATE_PUT;
    job->ended_row = c->row;
    job->state = c->state;
    job->settled = c->settled;
    job->place = c->place;
    if (!c->drop)
        job->open = FATE_DROP;
}

static size_t first_at_least(const struct batch *b, uint64_t id)
{
    size_t low = 0, high = b->jobs_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->jobs[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Ends that were put before somebody settled them, in the same batch. */
static void settle_ours(struct batch *b, const struct batch_range *range)
{
    for (size_t i = first_at_least(b, range->id); i < b->jobs_count; i++) {
        struct batch_job *job = &b->jobs[i];
        if (job->id - range->id >= range->count)
            break;
        if (job->ended == FATE_PUT && job->place < range->place)
            job->settled = true;
    }
}

void batch_seal(struct batch *b)
{
    if (b->sealed || batch_empty(b))
        return;
    b->sealed = true;
    sort(b->job_changes, b->job_changes_count, by_id);
    for (size_t i = 0; i < b->job_changes_count; i++) {
        const struct batch_change *c = &b->job_changes[i];
        if (!i || c[-1].id != c->id)
            *ADD(b, jobs) = (struct batch_job){.id = c->id};
        if (c->kind == ROW_LINES && !c->drop)
            lines_say(&b->jobs[b->jobs_count - 1], i);
        else
            job_say(&b->jobs[b->jobs_count - 1], c);
    }
    sort(b->name_changes, b->name_changes_count, by_name);
    for (size_t i = 0; i < b->name_changes_count; i++) {
        const struct batch_change *c = &b->name_changes[i];
        if (!i || name_order(c - 1, c) != 0)
            ADD(b, names);
        b->names[b->names_count - 1] = (struct batch_name){.kind = (enum row_kind)c->kind,
                                                           .fate = c->drop ? FATE_DROP : FATE_PUT,
                                                           .name = c->name,
                                                           .row = c->row};
    }
    for (size_t i = 0; i < b->ranges_count; i++)
        settle_ours(b, &b->ranges[i]);
}
