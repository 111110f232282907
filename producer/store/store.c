/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread and its mailbox. What waits when a commit ends is the next lot: the time that the disk
 * takes is what gathers, and when nothing is under way nothing waits.
 *
 * A caller that has nothing else to do works a small lot off itself, as long as the disk is quick:
 * to wake another thread and be woken by it takes as long as to write. One of the two works at a
 * time, and all that belongs to who works goes over with `busy`. What belongs to the caller it does
 * not touch meanwhile, so another thread may be the caller until it is done.
 */
#include "producer/store/store.h"

#include <stdarg.h>

#include "common/clock.h"
#include "common/log.h"
#include "producer/store/backend.h"
#include "producer/store/ops.h"
#include "proto/record.h"

enum {
    FLUSH_BYTES = 256 << 10, /* a backend that is not durable: so much, or so long */
    FLUSH_MS = 100,
    HERE_BYTES = 16 << 10, /* the caller keeps so much itself */
    REST_MS = 1000,        /* nothing has come for so long */
};

/* What is worked off at a time. */
struct lot {
    struct buf ops; /* none: it is done */
    bool gathered;  /* the backend has its changes, which it borrows */
    uint64_t seq;   /* the highest; 0: no change */
    bool asks;
};

struct store {
    const struct store_backend *backend;
    void *self;
    struct answers answers;
    uint64_t here_us;
    /* the caller's */
    bool started, loaded, asked;
    pthread_t thread;
    struct buf ops;
    int64_t ops_since_ms; /* 0: none wait */
    /* shared, under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct buf inbox;
    bool stop, nudged;
    bool busy;   /* somebody works */
    bool wanted; /* the thread waits for that to end */
    /* whose who works, or under the mutex while nobody does */
    struct lot lot;
    int64_t worked_ms;
    struct store_report told;
    uint64_t commit_us, told_commit_us;
    bool told_any, broken;
};

void complain(struct complaint why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why.text, why.size, format, args);
    va_end(args);
}

uint32_t store_incarnation(int64_t wall_ms, uint32_t last)
{
    static const int64_t start_of_2025_ms = 1735689600000;
    int64_t tenths = (wall_ms - start_of_2025_ms) / 100;
    if (tenths <= last || tenths > UINT32_MAX) /* that is in 2038 */
        tenths = (int64_t)last + 1;
    return (uint32_t)tenths;
}

bool row_of_queue(struct bytes row, struct bytes queue)
{
    struct cursor c = cursor_of(row);
    struct record submit;
    return record_get(&c, &submit) == OK && submit.type == REC_submit &&
           bytes_equal(submit.submit.queue, queue);
}

/* --- work ------------------------------------------------------------------------------------- */

/* Gives the backend the changes of the lot. */
static void gather(struct store *s)
{
    const struct store_backend *be = s->backend;
    struct lot *lot = &s->lot;
    struct op op;
    struct bytes name, row;
    if (lot->gathered)
        return;
    lot->gathered = true;
    for (size_t at = 0; op_next(&lot->ops, &at, &op, &name, &row);) {
        struct row_key key = {.kind = (enum row_kind)op.kind, .id = op.id, .name = name};
        switch ((enum op_type)op.type) {
        case OP_PUT: be->put(s->self, &key, row, op.state, op.settled); break;
        case OP_DROP: be->drop(s->self, &key); break;
        case OP_SETTLE: be->settle(s->self, op.id, op.count); break;
        case OP_FIND:
        case OP_LIST: lot->asks = true; continue;
        }
        lot->seq = op.seq;
    }
}

/* Passes its questions on: all before them is kept. */
static void ask(struct store *s)
{
    struct op op;
    struct bytes name, row;
    for (size_t at = 0; op_next(&s->lot.ops, &at, &op, &name, &row);) {
        if (!op_asks(&op))
            continue;
        struct store_ask a = {.list = op.type == OP_LIST,
                              .ticket = op.seq,
                              .id = op.id,
                              .limit = op.count,
                              .state = op.state,
                              .queue = name};
        s->backend->ask(s->self, &a);
    }
}

/* Tells what has changed about the store; the mean time of a commit only along with the rest or
 * after a rest. */
static bool tell_state(struct store *s, const struct store_report *now, bool rested)
{
    const struct store_report *old = &s->told;
    bool other =
        now->condition != old->condition || now->kept != old->kept || now->damaged != old->damaged;
    if (rested)
        other = other || now->bytes != old->bytes || s->commit_us != s->told_commit_us;
    if (s->told_any && !other)
        return false;
    s->told_any = true;
    s->told = *now;
    s->told_commit_us = s->commit_us;
    struct store_answer state = {.type = STORE_STATE,
                                 .condition = now->condition,
                                 .kept = now->kept,
                                 .bytes = now->bytes,
                                 .damaged = now->damaged,
                                 .commit_us = s->commit_us};
    answers_put(&s->answers, &state);
    return true;
}

static void tell_broken(struct store *s, const struct store_report *report)
{
    s->broken = true;
    answers_put(&s->answers, &(struct store_answer){.type = STORE_BROKEN, .text = report->broken});
}

static enum store_verdict commit(struct store *s, struct store_report *report)
{
    int64_t start_us = clock_us();
    enum store_verdict verdict = s->backend->commit(s->self, clock_ms(), report);
    uint64_t took_us = (uint64_t)(clock_us() - start_us);
    if (verdict == VERDICT_KEPT)
        s->commit_us = s->commit_us ? (s->commit_us * 7 + took_us) / 8 : took_us;
    else if (verdict == VERDICT_BROKEN)
        tell_broken(s, report);
    return verdict;
}

/* The lot is done, or nobody is ever told that it was. */
static void lot_done(struct lot *lot)
{
    struct buf ops = lot->ops;
    buf_clear(&ops);
    if (ops.capacity > 4 * FLUSH_BYTES)
        buf_fini(&ops); /* one large lot is no reason to keep its memory */
    *lot = (struct lot){.ops = ops};
}

/* The lot is kept. Returns whether there is anything to be told. */
static bool tell_kept(struct store *s, const struct store_report *report)
{
    struct lot *lot = &s->lot;
    if (lot->seq)
        answers_put(&s->answers, &(struct store_answer){.type = STORE_DONE, .seq = lot->seq});
    bool news = tell_state(s, report, false);
    if (lot->asks)
        ask(s);
    return lot->seq || lot->asks || news;
}

/* --- the thread ------------------------------------------------------------------------------- */

static struct timespec monotonic(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000 * 1000000)};
}

/* Lets time pass before the next try; false when it is time to stop instead. */
static bool wait_to_retry(struct store *s, int64_t ms)
{
    struct timespec until = monotonic(clock_ms() + ms);
    pthread_mutex_lock(&s->mutex);
    while (!s->stop && ms && pthread_cond_timedwait(&s->work, &s->mutex, &until) == 0)
        continue;
    bool go_on = !s->stop;
    pthread_mutex_unlock(&s->mutex);
    return go_on;
}

/* Commits what was gathered, as often as it takes. */
static bool keep(struct store *s, struct store_report *report)
{
    enum store_verdict verdict;
    bool last_try = false;
    while ((verdict = commit(s, report)) == VERDICT_WAIT) {
        if (tell_state(s, report, false))
            answers_ring(&s->answers);
        if (last_try) {
            log_warn(
                "the store closes with changes that it could not keep; nobody was told of them");
            s->broken = true;
            return false;
        }
        last_try = !wait_to_retry(s, report->retry_ms);
    }
    return verdict == VERDICT_KEPT;
}

static void turn(struct store *s)
{
    struct store_report report = {0};
    if (!s->broken) { /* then nothing more is kept, and nobody is told that it was */
        gather(s);
        if (!keep(s, &report) || tell_kept(s, &report))
            answers_ring(&s->answers);
    }
    lot_done(&s->lot);
}

static void rest(struct store *s)
{
    struct store_report report = {0};
    if (s->broken)
        return;
    bool broken = s->backend->rest(s->self, clock_ms(), &report) == VERDICT_BROKEN;
    if (broken)
        tell_broken(s, &report);
    if (broken || tell_state(s, &report, true))
        answers_ring(&s->answers);
}

/* When it is time for a rest, unless something comes; first of all: to tell how it is. */
static int64_t rest_at_ms(const struct store *s)
{
    return s->worked_ms + (s->told_any || s->broken ? REST_MS : 0);
}

/* Until there is something to do, and nobody else is at it. */
static void wait_for_work(struct store *s)
{
    for (;;) {
        if (s->busy) {
            s->wanted = true;
            pthread_cond_wait(&s->work, &s->mutex);
        } else if (s->lot.ops.size || s->inbox.size || s->stop || s->nudged ||
                   clock_ms() >= rest_at_ms(s)) {
            return;
        } else {
            struct timespec until = monotonic(rest_at_ms(s));
            pthread_cond_timedwait(&s->work, &s->mutex, &until);
        }
    }
}

/* Takes work on; false when there is none left and it is time to stop. */
static bool begin(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    wait_for_work(s);
    s->wanted = s->nudged = false;
    if (!s->lot.ops.size)
        buf_swap(&s->lot.ops, &s->inbox);
    s->busy = s->lot.ops.size || !s->stop;
    bool more = s->busy;
    pthread_mutex_unlock(&s->mutex);
    return more;
}

static void end(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->worked_ms = clock_ms();
    s->busy = false;
    if (s->wanted || s->lot.ops.size)
        pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
}

static void nudge(void *user)
{
    struct store *s = user;
    pthread_mutex_lock(&s->mutex);
    s->nudged = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
}

static void *store_thread(void *arg)
{
    struct store *s = arg;
    while (begin(s)) {
        if (s->lot.ops.size)
            turn(s);
        else
            rest(s);
        end(s);
    }
    return NULL;
}

/* --- the caller's side ------------------------------------------------------------------------ */

static void limit_default(uint64_t *limit, uint64_t otherwise)
{
    if (!*limit)
        *limit = otherwise;
}

static void age_default(int64_t *age_ms, int64_t hours)
{
    if (!*age_ms)
        *age_ms = hours * 3600 * 1000;
}

static struct store_limits limits_of(const struct store_limits *given)
{
    struct store_limits l = *given;
    limit_default(&l.history_rows_max, 100000);
    limit_default(&l.history_bytes_max, 256ull << 20);
    age_default(&l.history_ms, 7 * 24);
    limit_default(&l.results_rows_max, 1000000);
    limit_default(&l.results_bytes_max, 1ull << 30);
    age_default(&l.results_ms, 24);
    limit_default(&l.free_bytes_min, 256ull << 20);
    limit_default(&l.here_us, 1000);
    return l;
}

static void store_free(struct store *s)
{
    answers_fini(&s->answers);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->mutex);
    buf_fini(&s->ops);
    buf_fini(&s->inbox);
    buf_fini(&s->lot.ops);
    free(s);
}

struct store *store_open(const char *where, const char *sessions, const struct store_limits *limits,
                         int64_t wall_ms, struct store_found *found, char *why, size_t why_size)
{
    struct store *s = must_alloc(sizeof *s);
    struct store_setup setup = {.where = where,
                                .sessions = sessions,
                                .limits = limits_of(limits),
                                .wall_ms = wall_ms,
                                .answers = &s->answers,
                                .nudge = nudge,
                                .user = s};
    pthread_condattr_t monotonic;
    must(pthread_condattr_init(&monotonic) == 0);
    must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    must(pthread_mutex_init(&s->mutex, NULL) == 0 && pthread_cond_init(&s->work, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    answers_init(&s->answers);
    s->here_us = setup.limits.here_us;
    *found = (struct store_found){0};
    s->backend = strcmp(where, memory_backend.name) == 0 ? &memory_backend : &sqlite_backend;
    s->self = s->backend->open(&setup, found, (struct complaint){why, why_size});
    if (s->self)
        return s;
    store_free(s);
    return NULL;
}

bool store_durable(const struct store *s)
{
    return s->backend->durable;
}

int64_t store_load(struct store *s, store_take *take, void *user, uint64_t *damaged, char *why,
                   size_t why_size)
{
    must(!s->started && !s->loaded);
    s->loaded = true;
    if (why_size)
        why[0] = 0;
    return s->backend->load(s->self, take, user, damaged, (struct complaint){why, why_size});
}

static void start(struct store *s)
{
    if (s->started)
        return;
    must(s->loaded || !s->backend->durable);
    must(pthread_create(&s->thread, NULL, store_thread, s) == 0);
    s->started = true;
}

static void hand_over(struct store *s)
{
    start(s);
    pthread_mutex_lock(&s->mutex);
    if (s->inbox.size) {
        buf_put(&s->inbox, s->ops.data, s->ops.size);
        buf_clear(&s->ops);
    } else {
        buf_swap(&s->inbox, &s->ops);
    }
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
    s->asked = false;
    s->ops_since_ms = 0;
}

static bool may_begin_here(const struct store *s)
{
    return !s->busy && !s->lot.ops.size && !s->inbox.size && !s->nudged && !s->broken &&
           s->commit_us && s->commit_us < s->here_us && s->backend->quick(s->self);
}

/* From here to the end of store_keep it is the caller who works. */
static bool begin_here(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    bool mine = may_begin_here(s);
    s->busy = s->busy || mine;
    pthread_mutex_unlock(&s->mutex);
    if (!mine)
        return false;
    buf_swap(&s->lot.ops, &s->ops);
    s->ops_since_ms = 0;
    s->asked = false;
    return true;
}

void store_keep(struct store *s)
{
    struct store_report report = {0};
    gather(s);
    switch (commit(s, &report)) {
    case VERDICT_KEPT:
        tell_kept(s, &report);
        lot_done(&s->lot);
        break;
    case VERDICT_BROKEN: lot_done(&s->lot); break;
    case VERDICT_WAIT: break; /* the thread tries it again */
    }
    end(s);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->ops.size)
        hand_over(s);
    if (s->started) {
        pthread_mutex_lock(&s->mutex);
        s->stop = true;
        pthread_cond_signal(&s->work);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(s->thread, NULL);
    }
    s->backend->close(s->self);
    store_free(s);
}

static const struct bytes none;

void store_put(struct store *s, uint64_t seq, const struct row_key *key, struct bytes row,
               unsigned state, bool settled)
{
    struct op op = {.type = OP_PUT,
                    .seq = seq,
                    .kind = (uint8_t)key->kind,
                    .id = key->id,
                    .state = (uint8_t)state,
                    .settled = settled};
    op_put(&s->ops, op, key->name, row);
    s->asked = s->asked || key->kind == ROW_LINES; /* somebody may look into the file */
}

void store_drop(struct store *s, uint64_t seq, const struct row_key *key)
{
    struct op op = {.type = OP_DROP, .seq = seq, .kind = (uint8_t)key->kind, .id = key->id};
    op_put(&s->ops, op, key->name, none);
}

void store_settle(struct store *s, uint64_t seq, uint64_t id, uint64_t count)
{
    op_put(&s->ops, (struct op){.type = OP_SETTLE, .seq = seq, .id = id, .count = count}, none,
           none);
}

void store_find(struct store *s, uint64_t ticket, uint64_t id)
{
    op_put(&s->ops, (struct op){.type = OP_FIND, .seq = ticket, .id = id}, none, none);
    s->asked = true;
}

void store_list(struct store *s, uint64_t ticket, unsigned state, struct bytes queue,
                uint64_t after, uint64_t limit)
{
    struct op op = {
        .type = OP_LIST, .seq = ticket, .state = (uint8_t)state, .id = after, .count = limit};
    op_put(&s->ops, op, queue, none);
    s->asked = true;
}

bool store_flush(struct store *s, int64_t now_ms, bool idle)
{
    start(s);
    if (!s->ops.size)
        return false;
    if (idle && s->backend->durable && s->ops.size <= HERE_BYTES && begin_here(s))
        return true;
    if (!s->ops_since_ms)
        s->ops_since_ms = now_ms;
    if (s->backend->durable || s->asked || s->ops.size >= FLUSH_BYTES ||
        now_ms - s->ops_since_ms >= FLUSH_MS)
        hand_over(s);
    return false;
}

int store_fd(const struct store *s)
{
    return s->answers.event_fd;
}

bool store_next(struct store *s, struct store_answer *out)
{
    return answers_next(&s->answers, out);
}

const char *store_condition_text(enum store_condition condition)
{
    static const char *const texts[] = {[STORE_OPEN] = "open",
                                        [STORE_CROWDED] = "crowded with results nobody fetched",
                                        [STORE_DISK_LOW] = "short of disk space",
                                        [STORE_DISK_FULL] = "out of disk space"};
    return texts[condition];
}
