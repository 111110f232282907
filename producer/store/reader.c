/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/reader.h"

#include <pthread.h>

#include "common/clock.h"
#include "producer/store/scan.h"

enum { SLICE_MS = 20 };

struct reader {
    pthread_t thread;
    struct store_setup setup;
    /* shared, under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct buf inbox; /* struct store_ask, each followed by its queue's name */
    struct buf damaged;
    bool stop, failed;
    char text[256];
    /* the thread's */
    struct db db;
    struct scan scan;
    int64_t slice_until_ms;
};

/* --- a transaction is a slice of time --------------------------------------------------------- */

static void slice_begin(struct reader *r)
{
    db_exec(&r->db, "BEGIN");
    r->slice_until_ms = clock_ms() + SLICE_MS;
}

static void slice_end(struct reader *r)
{
    scan_stop(&r->scan);
    db_exec(&r->db, "COMMIT");
}

static void report_damage(struct reader *r)
{
    for (unsigned i = 0; i < r->scan.pieces_count; i++) {
        const struct scan_piece *p = &r->scan.pieces[i];
        if (!p->damaged && !p->unreadable && !p->mark_damaged)
            continue;
        pthread_mutex_lock(&r->mutex);
        buf_put(&r->damaged, &p->key, sizeof p->key);
        pthread_mutex_unlock(&r->mutex);
    }
}

/* --- questions -------------------------------------------------------------------------------- */

static void find(struct reader *r, uint64_t id, struct store_answer *answer)
{
    if (scan_find(&r->scan, id))
        answer->rows = r->scan.rows[slot_of(id)].row;
    report_damage(r);
}

static bool fits(const struct piece_row *row, const struct store_ask *ask)
{
    if (ask->state && row->state != ask->state)
        return false;
    return !ask->queue.size || row_of_queue(row->row, ask->queue);
}

/* The rows of a block, newest first; false when the answer is complete, and then next is set unless
 * nothing more follows. */
static bool list_block(struct reader *r, const struct store_ask *ask, uint64_t *count,
                       struct buf *rows, struct store_answer *answer, uint64_t *last)
{
    for (unsigned slot = BLOCK_IDS; slot-- > 0;) {
        const struct piece_row *row = &r->scan.rows[slot];
        uint64_t id = scan_id(&r->scan, slot);
        if (!(r->scan.have >> slot & 1) || (ask->id && id >= ask->id) || !fits(row, ask))
            continue;
        if (*count == ask->limit || (*count && rows->size + row->row.size > LIST_BYTES_MAX)) {
            answer->next = *last;
            return false;
        }
        buf_put(rows, row->row.data, row->row.size);
        *last = id;
        ++*count;
    }
    return true;
}

static void list(struct reader *r, const struct store_ask *ask, struct buf *rows,
                 struct store_answer *answer)
{
    uint64_t newest = INT64_MAX, count = 0, last = ask->id;
    if (ask->id && ask->id <= newest)
        newest = ask->id - 1;
    scan_start(&r->scan, 0, newest, true);
    while (scan_next(&r->scan)) {
        report_damage(r);
        if (!list_block(r, ask, &count, rows, answer, &last) || !r->scan.block)
            break;
        if (clock_ms() < r->slice_until_ms)
            continue;
        uint64_t below = scan_id(&r->scan, 0) - 1;
        slice_end(r);
        slice_begin(r);
        scan_start(&r->scan, 0, below, true);
    }
}

static void answer(struct reader *r, const struct store_ask *ask)
{
    struct store_answer a = {.type = STORE_FOUND, .ticket = ask->ticket};
    struct buf rows = {0};
    if (clock_ms() >= r->slice_until_ms) {
        slice_end(r);
        slice_begin(r);
    }
    if (ask->list) {
        list(r, ask, &rows, &a);
        a.rows = buf_bytes(&rows);
    } else {
        find(r, ask->id, &a);
    }
    if (!r->db.error)
        answers_put(r->setup.answers, &a);
    scan_stop(&r->scan);
    buf_fini(&rows);
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool stopping(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    bool stop = r->stop;
    pthread_mutex_unlock(&r->mutex);
    return stop;
}

/* Somebody else's lock goes away by itself: the question stands. */
static bool try_again(struct reader *r)
{
    if (!db_error_passes(&r->db))
        return false;
    db_forgive(&r->db);
    slice_begin(r);
    return true;
}

static void work(struct reader *r, const struct buf *asks)
{
    slice_begin(r);
    for (size_t at = 0; at < asks->size && !stopping(r);) {
        struct store_ask ask;
        memcpy(&ask, asks->data + at, sizeof ask);
        ask.queue.data = asks->data + at + sizeof ask;
        answer(r, &ask);
        if (!r->db.error)
            at += sizeof ask + ask.queue.size;
        else if (!try_again(r))
            break;
    }
    slice_end(r);
    answers_ring(r->setup.answers);
}

static void *reader_thread(void *arg)
{
    struct reader *r = arg;
    struct buf asks = {0};
    pthread_mutex_lock(&r->mutex);
    while (!r->stop) {
        if (!r->inbox.size || r->failed) {
            pthread_cond_wait(&r->work, &r->mutex);
            continue;
        }
        buf_swap(&asks, &r->inbox);
        pthread_mutex_unlock(&r->mutex);
        work(r, &asks);
        buf_clear(&asks);
        pthread_mutex_lock(&r->mutex);
        r->failed = r->db.error;
        snprintf(r->text, sizeof r->text, "%s", r->db.text);
        bool news = r->failed || r->damaged.size;
        pthread_mutex_unlock(&r->mutex);
        if (news)
            r->setup.nudge(r->setup.user);
        pthread_mutex_lock(&r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    buf_fini(&asks);
    return NULL;
}

struct reader *reader_open(const char *path, const struct store_setup *setup, struct complaint why)
{
    struct reader *r = must_alloc(sizeof *r);
    r->setup = *setup;
    if (!db_open(&r->db, path, DB_READ, why)) {
        free(r);
        return NULL;
    }
    scan_init(&r->scan, &r->db, TABLE_ENDED);
    must(pthread_mutex_init(&r->mutex, NULL) == 0 && pthread_cond_init(&r->work, NULL) == 0);
    must(pthread_create(&r->thread, NULL, reader_thread, r) == 0);
    return r;
}

void reader_close(struct reader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->mutex);
    r->stop = true;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->thread, NULL);
    scan_fini(&r->scan);
    db_close(&r->db);
    buf_fini(&r->inbox);
    buf_fini(&r->damaged);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

void reader_ask(struct reader *r, const struct store_ask *ask)
{
    pthread_mutex_lock(&r->mutex);
    buf_put(&r->inbox, ask, sizeof *ask);
    buf_put(&r->inbox, ask->queue.data, ask->queue.size);
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->mutex);
}

bool reader_report(struct reader *r, struct buf *damaged, char *text, size_t size)
{
    pthread_mutex_lock(&r->mutex);
    buf_put(damaged, r->damaged.data, r->damaged.size);
    buf_clear(&r->damaged);
    bool ok = !r->failed;
    snprintf(text, size, "%s", r->text);
    pthread_mutex_unlock(&r->mutex);
    return ok;
}
