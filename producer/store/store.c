/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread and its two mailboxes. Operations travel as bytes in a buf, so that handing over a
 * thousand of them is one exchange of pointers.
 */
#include "producer/store/store.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"
#include "producer/store/backend.h"

enum { FLUSH_BYTES = 256 << 10, FLUSH_MS = 100, COMMIT_IDLE_MS = 1000 };

enum op_type { OP_APPEND, OP_SETTLE, OP_FIND, OP_LIST };

struct op {
    enum op_type type;
    uint8_t state;
    bool settled;
    uint64_t id, ticket, count;
    uint64_t size; /* bytes that follow */
};

struct answer_head {
    uint64_t ticket, next, size;
};

struct store {
    const struct store_backend *backend;
    void *self;
    pthread_t thread;
    int event_fd;
    /* the caller's */
    struct buf ops;
    bool asked;
    int64_t ops_since_ms; /* 0: none wait */
    struct buf reading;
    size_t read_at;
    bool read_counts;
    struct store_counts counts_read;
    /* shared, under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct buf inbox, outbox;
    struct store_counts counts;
    bool counts_changed, stop;
};

static void answer(struct buf *out, uint64_t ticket, uint64_t next, const struct buf *rows)
{
    struct answer_head head = {.ticket = ticket, .next = next, .size = rows->size};
    buf_put(out, &head, sizeof head);
    buf_put(out, rows->data, rows->size);
}

static void work(struct store *s, const struct buf *ops, struct buf *answers)
{
    const struct store_backend *be = s->backend;
    struct buf rows = {0};
    for (size_t at = 0; at < ops->size;) {
        struct op op;
        memcpy(&op, ops->data + at, sizeof op);
        struct bytes bytes = bytes_of(ops->data + at + sizeof op, (size_t)op.size);
        at += sizeof op + (size_t)op.size;
        buf_clear(&rows);
        switch (op.type) {
        case OP_APPEND: be->append(s->self, op.id, op.state, op.settled, bytes); break;
        case OP_SETTLE: be->settle(s->self, op.id, op.count); break;
        case OP_FIND:
            be->find(s->self, op.id, &rows);
            answer(answers, op.ticket, 0, &rows);
            break;
        case OP_LIST: {
            uint64_t next = be->list(s->self, op.state, bytes, op.id, op.count, &rows);
            answer(answers, op.ticket, next, &rows);
            break;
        }
        }
    }
    buf_fini(&rows);
}

static void wake_caller(struct store *s)
{
    uint64_t one = 1;
    must(write(s->event_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

/* Waits for work; false when there is none left and it is time to stop. */
static bool wait_for_work(struct store *s, struct buf *ops)
{
    pthread_mutex_lock(&s->mutex);
    while (!s->inbox.size && !s->stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += COMMIT_IDLE_MS / 1000;
        if (pthread_cond_timedwait(&s->work, &s->mutex, &until))
            break; /* nothing to do: old rows may still have to go */
    }
    struct buf taken = s->inbox;
    s->inbox = *ops;
    *ops = taken;
    bool more = ops->size || !s->stop;
    pthread_mutex_unlock(&s->mutex);
    return more;
}

static void *store_thread(void *arg)
{
    struct store *s = arg;
    struct buf ops = {0}, answers = {0};
    while (wait_for_work(s, &ops)) {
        buf_clear(&answers);
        work(s, &ops, &answers);
        buf_clear(&ops);
        if (ops.capacity > 4 * FLUSH_BYTES)
            buf_fini(&ops); /* one large batch is no reason to keep its memory */
        struct store_counts counts = s->backend->commit(s->self, clock_ms());
        pthread_mutex_lock(&s->mutex);
        bool tell = answers.size || counts.full != s->counts.full;
        buf_put(&s->outbox, answers.data, answers.size);
        s->counts_changed =
            s->counts_changed || counts.kept != s->counts.kept || counts.full != s->counts.full;
        s->counts = counts;
        pthread_mutex_unlock(&s->mutex);
        if (tell)
            wake_caller(s);
    }
    buf_fini(&ops);
    buf_fini(&answers);
    return NULL;
}

static uint64_t limit_or(uint64_t given, uint64_t otherwise)
{
    return given ? given : otherwise;
}

struct store *store_open(const char *what, const struct store_limits *limits)
{
    const struct store_backend *backend = NULL;
    if (strcmp(what, memory_backend.name) == 0)
        backend = &memory_backend;
    if (!backend)
        return NULL;
    struct store_limits l = *limits;
    l.history_rows_max = limit_or(l.history_rows_max, 100000);
    l.history_bytes_max = limit_or(l.history_bytes_max, 256ull << 20);
    l.results_rows_max = limit_or(l.results_rows_max, 1000000);
    l.results_bytes_max = limit_or(l.results_bytes_max, 1ull << 30);
    l.results_ms = (int64_t)limit_or((uint64_t)l.results_ms, 3600000);
    struct store *s = must_alloc(sizeof *s);
    s->backend = backend;
    s->self = backend->open(&l);
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(s->event_fd >= 0);
    must(pthread_mutex_init(&s->mutex, NULL) == 0 && pthread_cond_init(&s->work, NULL) == 0);
    must(pthread_create(&s->thread, NULL, store_thread, s) == 0);
    return s;
}

bool store_durable(const struct store *s)
{
    return s->backend->durable;
}

static void hand_over(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    if (s->inbox.size) {
        buf_put(&s->inbox, s->ops.data, s->ops.size);
        buf_clear(&s->ops);
    } else {
        struct buf empty = s->inbox;
        s->inbox = s->ops;
        s->ops = empty;
    }
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
    s->asked = false;
    s->ops_since_ms = 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    hand_over(s);
    pthread_mutex_lock(&s->mutex);
    s->stop = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    s->backend->close(s->self);
    close(s->event_fd);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->mutex);
    buf_fini(&s->ops);
    buf_fini(&s->inbox);
    buf_fini(&s->outbox);
    buf_fini(&s->reading);
    free(s);
}

static void op_put(struct store *s, struct op op, struct bytes bytes)
{
    op.size = bytes.size;
    buf_put(&s->ops, &op, sizeof op);
    buf_put(&s->ops, bytes.data, bytes.size);
}

void store_append(struct store *s, uint64_t id, unsigned state, bool settled, struct bytes row)
{
    struct op op = {.type = OP_APPEND, .id = id, .state = (uint8_t)state, .settled = settled};
    op_put(s, op, row);
}

void store_settle(struct store *s, uint64_t id, uint64_t count)
{
    op_put(s, (struct op){.type = OP_SETTLE, .id = id, .count = count}, (struct bytes){0});
}

void store_find(struct store *s, uint64_t ticket, uint64_t id)
{
    op_put(s, (struct op){.type = OP_FIND, .id = id, .ticket = ticket}, (struct bytes){0});
    s->asked = true;
}

void store_list(struct store *s, uint64_t ticket, unsigned state, struct bytes queue,
                uint64_t after, uint64_t limit)
{
    struct op op = {
        .type = OP_LIST, .state = (uint8_t)state, .ticket = ticket, .id = after, .count = limit};
    op_put(s, op, queue);
    s->asked = true;
}

void store_flush(struct store *s, int64_t now_ms)
{
    if (!s->ops.size)
        return;
    if (!s->ops_since_ms)
        s->ops_since_ms = now_ms;
    if (s->asked || s->ops.size >= FLUSH_BYTES || now_ms - s->ops_since_ms >= FLUSH_MS)
        hand_over(s);
}

int store_fd(const struct store *s)
{
    return s->event_fd;
}

/* Takes what the thread has put out, when the last lot has been read. */
static bool refill(struct store *s)
{
    uint64_t count;
    if (read(s->event_fd, &count, sizeof count) < 0) {
        /* nothing was signalled; there may be answers all the same */
    }
    pthread_mutex_lock(&s->mutex);
    buf_clear(&s->reading);
    s->read_at = 0;
    struct buf empty = s->reading;
    s->reading = s->outbox;
    s->outbox = empty;
    s->read_counts = s->counts_changed;
    s->counts_read = s->counts;
    s->counts_changed = false;
    pthread_mutex_unlock(&s->mutex);
    return s->reading.size || s->read_counts;
}

bool store_next(struct store *s, struct store_answer *out)
{
    if (s->read_at == s->reading.size && !s->read_counts && !refill(s))
        return false;
    if (s->read_counts) {
        s->read_counts = false;
        *out = (struct store_answer){
            .type = STORE_KEPT, .kept = s->counts_read.kept, .full = s->counts_read.full};
        return true;
    }
    struct answer_head head;
    memcpy(&head, s->reading.data + s->read_at, sizeof head);
    *out = (struct store_answer){
        .type = STORE_FOUND,
        .ticket = head.ticket,
        .next = head.next,
        .rows = bytes_of(s->reading.data + s->read_at + sizeof head, (size_t)head.size)};
    s->read_at += sizeof head + (size_t)head.size;
    return true;
}
