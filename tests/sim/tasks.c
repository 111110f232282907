/* SPDX-License-Identifier: Apache-2.0
 *
 * tasks: the ledger's books of people's tasks. That a task is a job like any other is seen to
 * elsewhere; here are its number, the list and the topic `todo`. Whether a task is open, completed
 * or removed is what its job is; an answer that had to wait for the disk is compared with how it
 * was when it was asked for.
 */
#include <inttypes.h>

#include "tests/sim/books.h"

struct task_book { /* a number, told by the core or thought of by a client */
    uint64_t number, id;
    bool asked;     /* somebody has completed it */
    bool row, kept; /* it is over, which has a row; which is on the disk */
    bool lost;      /* that row was damaged */
    uint64_t row_seq;
};

struct todo_ask { /* a request that is under way */
    uint64_t peer, number, step, task, limit;
    enum record_type type;
};

struct told_count { /* of an update of the step under way */
    uint64_t seq, counts;
};

void tasks_fini(struct ledger *l)
{
    free_all(&l->todo.tasks);
    free_all(&l->todo.counts);
    buf_fini(&l->todo.ids);
    buf_fini(&l->todo.asks);
    buf_fini(&l->todo.page);
    buf_fini(&l->todo.told);
}

struct task_told task_read(struct bytes map)
{
    struct task_told t = {0};
    struct cursor c = cursor_of(map);
    for (uint32_t pairs = map.size ? cursor_map(&c) : 0; pairs && cursor_ok(&c); pairs--) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("task")))
            t.task = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("tasks")))
            t.tasks = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("open")))
            t.open = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("title")))
            t.title = cursor_str(&c);
        else if (bytes_equal(key, bytes_text("event")))
            t.event = cursor_str(&c);
        else if (bytes_equal(key, bytes_text("completed")))
            t.completed = cursor_bool(&c);
        else
            cursor_skip(&c);
    }
    must(cursor_ok(&c));
    return t;
}

static struct task_book *book_of(struct sim *s, uint64_t number)
{
    struct idmap *tasks = &s->ledger->todo.tasks;
    struct task_book *book = number ? idmap_find(tasks, number) : NULL;
    if (book || !number)
        return book;
    book = must_alloc(sizeof *book);
    *book = (struct task_book){.number = number};
    idmap_put(tasks, number, book);
    return book;
}

/* A broker that was started anew knows a task by its row only; without that its number is free. */
static bool forgotten(const struct sim *s, const struct work *work)
{
    const struct task_book *book =
        work->task ? idmap_find(&s->ledger->todo.tasks, work->task) : NULL;
    return work->gone || (!work->durable && work->life != s->hub.life) ||
           (book && (book->lost || book->id != work->id));
}

/* NULL: nobody has it, or nobody knows of it any more. */
static struct work *work_at(struct sim *s, const struct task_book *book)
{
    struct work *work = book && book->id ? work_of(s, book->id) : NULL;
    return work && !forgotten(s, work) ? work : NULL;
}

static bool listed(const struct sim *s, const struct work *work)
{
    return !forgotten(s, work) && (!work->now.state || work->now.state == JOB_OK);
}

/* The core says that this job is this task. */
static struct task_book *bind(struct sim *s, struct work *work, uint64_t number, struct bytes title)
{
    struct task_book *book = book_of(s, number);
    if (!book || !spec_task(&work->spec) || (work->task && work->task != number))
        sim_fail(s, "S23", "job %" PRIx64 " is task %" PRIu64 " and task %" PRIu64, work->id,
                 work->task, number);
    const struct work *other = work_at(s, book);
    if (other && other != work)
        sim_fail(s, "S23", "number %" PRIu64 " is given to job %" PRIx64 " and to job %" PRIx64,
                 number, other->id, work->id);
    if (book->id != work->id)
        *book = (struct task_book){.number = number, .id = work->id, .asked = book->asked};
    work->task = number;
    struct buf args = {0};
    spec_put(&args, &work->spec);
    struct cursor c = cursor_of(buf_bytes(&args));
    must(cursor_array(&c) == 1);
    if (!bytes_equal(title, cursor_str(&c)))
        sim_fail(s, "S23", "task %" PRIu64 " has a title that is not its own", number);
    buf_fini(&args);
    return book;
}

/* That it is over is told: it must be so, and be kept. */
static void over(struct sim *s, struct work *work, bool completed)
{
    const struct task_book *book = idmap_find(&s->ledger->todo.tasks, work->task);
    if (!work->now.state || (work->now.state == JOB_OK) != completed)
        sim_fail(s, "S23", "task %" PRIu64 " is told to be %s, and is not", work->task,
                 completed ? "completed" : "removed");
    if (completed && !work->done_step)
        work->done_step = s->hub.steps;
    if (!work->durable)
        return;
    must_be_kept(s, work->end_seq, "the end", work->id);
    if (!book || !book->row)
        sim_fail(s, "S23", "task %" PRIu64 " is told to be over, and no row says so", work->task);
    must_be_kept(s, book->row_seq, "the task", work->id);
}

/* --- births, ends, rows ----------------------------------------------------------------------- */

void tasks_born(struct sim *s, const struct work *work)
{
    buf_put(&s->ledger->todo.ids, &work->id, sizeof work->id);
    s->ledger->todo.changes++;
}

void tasks_ended(struct sim *s)
{
    s->ledger->todo.changes++;
}

/* Of its job. */
void tasks_job_row(struct sim *s, struct work *work, struct bytes view, bool completed)
{
    struct task_told t = task_read(view);
    const struct task_book *book = bind(s, work, t.task, t.title);
    if (t.completed != completed)
        sim_fail(s, "S23", "the row of task %" PRIu64 " is not of one state", t.task);
    work->complete_asked |= book->asked;
}

uint64_t tasks_row(struct sim *s, struct bytes name, uint64_t seq, const struct msg_task_row *row)
{
    char text[24];
    snprintf(text, sizeof text, "%.*s", BYTES_ARG(name));
    struct task_book *book = book_of(s, strtoull(text, NULL, 10));
    const struct work *work = work_at(s, book);
    if (!work || work->id != row->id || !work->now.state ||
        (row->completed_ms > 0) != (work->now.state == JOB_OK))
        sim_fail(s, "S23", "the row of task %s is not of one that is over", text);
    book->row = true;
    book->row_seq = seq;
    return book->number;
}

void tasks_kept(struct sim *s, uint64_t number)
{
    struct task_book *book = idmap_find(&s->ledger->todo.tasks, number);
    if (book)
        book->kept = true;
}

void tasks_damaged(struct sim *s, struct bytes name)
{
    char text[24];
    snprintf(text, sizeof text, "%.*s", BYTES_ARG(name));
    struct task_book *book = book_of(s, strtoull(text, NULL, 10));
    if (book)
        book->lost = true;
}

void tasks_crashed(struct ledger *l)
{
    size_t at = 0;
    for (struct task_book *book; (book = idmap_next(&l->todo.tasks, &at));) {
        book->row = book->kept;
        book->row_seq = 0;
    }
    free_all(&l->todo.counts);
    l->todo.counts = (struct idmap){0};
    buf_clear(&l->todo.asks);
    buf_clear(&l->todo.page);
    buf_clear(&l->todo.told);
    l->todo.updates = l->todo.changes = l->todo.last_seq = 0;
}

/* --- questions -------------------------------------------------------------------------------- */

void tasks_asked(struct sim *s, uint64_t peer, const struct record *r)
{
    struct todo_ask ask = {
        .peer = peer, .number = r->list_tasks.number, .step = s->hub.steps + 1, .type = r->type};
    if (r->type == REC_complete_task) {
        struct task_book *book = book_of(s, r->complete_task.task);
        struct work *work = work_at(s, book);
        ask.task = r->complete_task.task;
        if (book)
            book->asked = true;
        if (work)
            work->complete_asked = true;
    } else {
        ask.task = r->list_tasks.after;
        ask.limit = r->list_tasks.limit;
    }
    buf_put(&s->ledger->todo.asks, &ask, sizeof ask);
}

/* Answers come in the order of the questions. False: it was none of these. */
static bool ask_take(struct sim *s, uint64_t peer, uint64_t number, struct todo_ask *ask)
{
    struct buf *asks = &s->ledger->todo.asks;
    struct todo_ask *all = (struct todo_ask *)(void *)asks->data;
    size_t count = asks->size / sizeof *all;
    for (size_t i = 0; i < count; i++) {
        if (all[i].peer != peer || all[i].number != number)
            continue;
        *ask = all[i];
        memmove(all + i, all + i + 1, (count - i - 1) * sizeof *all);
        asks->size -= sizeof *all;
        return true;
    }
    return false;
}

/* Not from somebody who has not said hello. */
void tasks_unheard(struct sim *s, uint64_t peer)
{
    struct buf *asks = &s->ledger->todo.asks;
    struct todo_ask *all = (struct todo_ask *)(void *)asks->data;
    size_t count = asks->size / sizeof *all, kept = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].peer != peer || all[i].step != s->hub.steps)
            all[kept++] = all[i];
    asks->size = kept * sizeof *all;
}

static void told_task(struct sim *s, const struct msg_task *m)
{
    struct work *work = work_of(s, m->id);
    if (!work && s->ledger->retried)
        return; /* a retry whose acceptance is on its way */
    if (!work || work->gone)
        sim_fail(s, "S23", "task %" PRIu64 " is listed, and there is no such job", m->task);
    bind(s, work, m->task, m->title);
    if (m->completed_ms)
        over(s, work, true);
    if (work->durable)
        must_be_kept(s, work->born_seq, "the task", work->id);
    buf_put(&s->ledger->todo.page, m, sizeof *m);
}

static const struct msg_task *on_page(const struct ledger *l, uint64_t number)
{
    const struct msg_task *all = (const struct msg_task *)(const void *)l->todo.page.data;
    for (size_t i = 0; i < l->todo.page.size / sizeof *all; i++)
        if (all[i].task == number)
            return &all[i];
    return NULL;
}

/* One task against the page that it lies on. */
static void page_tells(struct sim *s, const struct todo_ask *ask, const struct work *work)
{
    const struct msg_task *m = on_page(s->ledger, work->task);
    bool before = work->born_step < ask->step;
    bool ended_before = (work->now.state && work->ended_step < ask->step) ||
                        (work->done_step && work->done_step < ask->step);
    if (!m && before && listed(s, work))
        sim_fail(s, "S23", "task %" PRIu64 " is not listed", work->task);
    if (m && m->id == work->id && ended_before && !m->completed_ms)
        sim_fail(s, "S23", "task %" PRIu64 " is over, and is listed open", work->task);
}

static void told_page(struct sim *s, uint64_t peer, const struct msg_end *m)
{
    struct buf *page = &s->ledger->todo.page;
    const struct msg_task *all = (const struct msg_task *)(const void *)page->data;
    size_t count = page->size / sizeof *all;
    struct todo_ask ask;
    if (!ask_take(s, peer, m->number, &ask) || ask.type != REC_list_tasks) {
        must(!count);
        return;
    }
    uint64_t last = ask.task, id;
    for (size_t i = 0; i < count; last = all[i++].task)
        if (all[i].task <= last)
            sim_fail(s, "S23", "task %" PRIu64 " is listed after %" PRIu64, all[i].task, last);
    if ((ask.limit && count > ask.limit) || (m->next && (m->next < last || !count)))
        sim_fail(s, "S23", "a page of %zu tasks up to %" PRIu64 ", asked for %" PRIu64, count,
                 m->next, ask.limit);
    const struct buf *ids = &s->ledger->todo.ids;
    for (size_t at = 0; at < ids->size; at += sizeof id) {
        memcpy(&id, ids->data + at, sizeof id);
        const struct work *work = work_of(s, id);
        if (work->task > ask.task && (!m->next || work->task <= m->next))
            page_tells(s, &ask, work);
    }
    buf_clear(page);
}

static void told_error(struct sim *s, uint64_t peer, const struct msg_error *m)
{
    struct todo_ask ask;
    if (!ask_take(s, peer, m->number, &ask))
        return;
    const struct work *work = work_at(s, book_of(s, ask.task));
    if (ask.type != REC_complete_task || m->code != ERR_UNKNOWN_TASK ||
        (work && work->born_step < ask.step && listed(s, work)))
        sim_fail(s, "S23", "task %" PRIu64 " is refused: %s", ask.task,
                 err_name((unsigned)m->code));
}

static void told_done(struct sim *s, unsigned client, uint64_t peer, uint64_t number)
{
    const struct asked_of *asked = asked_of(s, client, number);
    struct todo_ask ask;
    if (ask_take(s, peer, number, &ask)) {
        struct work *work = work_at(s, book_of(s, ask.task));
        if (!work || ask.type != REC_complete_task)
            sim_fail(s, "S23", "task %" PRIu64 " is told completed, and there is none", ask.task);
        over(s, work, true);
        return;
    }
    struct work *work = asked && asked->id ? work_of(s, asked->id) : NULL;
    if (!work || work->gone || !spec_task(&work->spec))
        return;
    if (asked->type == REC_tell || asked->type == REC_cancel)
        over(s, work, asked->type == REC_tell);
}

static void told_session(struct sim *s, const struct msg_session *m)
{
    struct work *work = work_of(s, m->id);
    if (!work || !spec_task(&work->spec) || forgotten(s, work))
        return;
    struct task_told t = task_read(m->view);
    bind(s, work, t.task, t.title);
    if (t.completed)
        over(s, work, true);
    if (work->durable)
        must_be_kept(s, work->born_seq, "the task", work->id);
}

void tasks_told(struct sim *s, unsigned client, uint64_t peer, const struct record *r)
{
    switch (r->type) {
    case REC_task: told_task(s, &r->task); break;
    case REC_end: told_page(s, peer, &r->end); break;
    case REC_error: told_error(s, peer, &r->error); break;
    case REC_done: told_done(s, client, peer, r->done.number); break;
    case REC_session: told_session(s, &r->session); break;
    default: break;
    }
}

/* Its value, as whoever waits for it is told. */
void tasks_value(struct sim *s, struct work *work, struct bytes value)
{
    struct task_told t = task_read(value);
    if (forgotten(s, work))
        return; /* the history still knows its job */
    bind(s, work, t.task, t.title);
    over(s, work, t.completed);
}

/* --- updates ---------------------------------------------------------------------------------- */

static uint64_t counts_of(uint64_t tasks, uint64_t open)
{
    return tasks << 32 | open;
}

/* Of the topic `todo`. It may have waited for the disk: its counts are as they were then. */
void tasks_published(struct sim *s, uint64_t seq, struct bytes body)
{
    struct todo_book *todo = &s->ledger->todo;
    struct task_told t = task_read(body);
    const struct task_book *book = idmap_find(&todo->tasks, t.task);
    struct work *work = work_at(s, book);
    bool added = bytes_equal(t.event, bytes_text("added"));
    bool removed = bytes_equal(t.event, bytes_text("removed"));
    uint64_t counts = counts_of(t.tasks, t.open), one = counts_of(1, 1);
    if (work)
        bind(s, work, t.task, t.title);
    if (work && !added)
        over(s, work, !removed);
    if (work && work->durable)
        must_be_kept(s, work->born_seq, "an update of the task", work->id);
    uint64_t before = added ? counts - one : removed ? counts + one : counts + counts_of(0, 1);
    if (seq == todo->last_seq + 1 && todo->last_seq && before != todo->last_counts)
        sim_fail(s, "S23", "todo: %" PRIu64 " tasks, %" PRIu64 " open, which does not follow",
                 t.tasks, t.open);
    todo->last_seq = seq;
    todo->last_counts = counts;
    struct told_count told = {seq, counts};
    buf_put(&todo->told, &told, sizeof told);
}

void tasks_shown(struct sim *s, uint64_t seq, struct bytes snapshot)
{
    struct task_told t = task_read(snapshot);
    struct told_count told = {seq, counts_of(t.tasks, t.open)};
    buf_put(&s->ledger->todo.told, &told, sizeof told);
}

/* How many there are, from the books. */
static uint64_t counted(struct sim *s)
{
    const struct buf *ids = &s->ledger->todo.ids;
    uint64_t tasks = 0, open = 0, id;
    for (size_t at = 0; at < ids->size; at += sizeof id) {
        memcpy(&id, ids->data + at, sizeof id);
        const struct work *work = work_of(s, id);
        bool is = listed(s, work);
        tasks += is;
        open += is && !work->now.state;
    }
    return counts_of(tasks, open);
}

/* The end of a step: each birth and each end was one update, told or not. */
void tasks_step(struct sim *s, bool served)
{
    struct todo_book *todo = &s->ledger->todo;
    const struct told_count *told = (const struct told_count *)(const void *)todo->told.data;
    if (s->ledger->retried) { /* births are seen when they are told, which is later */
        buf_clear(&todo->told);
        todo->changes = 0;
        return;
    }
    if (todo->changes || served) {
        uint64_t *box = must_alloc(sizeof *box);
        *box = counted(s);
        todo->updates += todo->changes;
        todo->changes = 0;
        idmap_put(&todo->counts, todo->updates + 1, box);
    }
    for (size_t i = 0; i < todo->told.size / sizeof *told; i++) {
        const uint64_t *box = idmap_find(&todo->counts, told[i].seq + 1);
        if (told[i].seq > todo->updates || (box && *box != told[i].counts))
            sim_fail(s, "S23",
                     "todo: after update %" PRIu64 " %" PRIu64 " tasks are told, %" PRIu64
                     " open; there are %" PRIu64 ", %" PRIu64,
                     told[i].seq, told[i].counts >> 32, told[i].counts & UINT32_MAX,
                     box ? *box >> 32 : 0, box ? *box & UINT32_MAX : 0);
    }
    buf_clear(&todo->told);
}
