/* SPDX-License-Identifier: Apache-2.0
 *
 * todo: jobs that a person completes. A task is a session of the queue `todo.task`, which no worker
 * offers: the broker itself has it ask from the beginning, and the first word it is told, or
 * complete_task, ends it well. So a task is accepted, kept, numbered once and cancelled as any job.
 * What is told of it beside: a number of its own, 1, 2, 3, ..., the list, and the topic `todo`.
 *
 * An open task is known by its job's row, its number stands in the view; one that is over has a row
 * of its own (ROW_TASK), which outlives the history of jobs.
 */
#include <stdio.h>

#include "common/utf8.h"
#include "producer/core/core.h"

enum { TASKS_MAX = 1000000, TITLE_BYTES_MAX = 1000, LIST_MAX = 1000, NUMBER_TEXT = 24 };

static struct task *task_at(const struct broker *b, uint64_t number)
{
    return number && number <= b->todo.last ? b->todo.tasks[number - 1] : NULL;
}

/* The title is copied. */
static struct task *task_put(struct broker *b, uint64_t number, uint64_t id, struct bytes title)
{
    struct todo *todo = &b->todo;
    if (number > todo->capacity) {
        size_t capacity = todo->capacity ? todo->capacity : 64;
        while (capacity < number)
            capacity *= 2;
        todo->tasks = must_realloc(todo->tasks, capacity * sizeof *todo->tasks);
        memset(todo->tasks + todo->capacity, 0, (capacity - todo->capacity) * sizeof *todo->tasks);
        todo->capacity = capacity;
    }
    if (number > todo->last)
        todo->last = number;
    struct task *task = must_alloc(sizeof *task);
    *task = (struct task){.number = number, .id = id, .title = bytes_keep(title)};
    todo->tasks[number - 1] = task;
    return task;
}

/* As programs see it. */
static void view_put(const struct task *task, struct buf *out)
{
    pack_map(out, 3);
    pack_text(out, "task");
    pack_uint(out, task->number);
    pack_text(out, "title");
    pack_str(out, task->title);
    pack_text(out, "completed");
    pack_bool(out, task->completed_ms > 0);
}

static uint64_t view_number(struct bytes view)
{
    struct cursor c = cursor_of(view);
    bool task = view.size && cursor_map(&c) && bytes_equal(cursor_str(&c), bytes_text("task"));
    uint64_t number = task ? cursor_uint(&c) : 0;
    return cursor_ok(&c) && number <= TASKS_MAX ? number : 0;
}

static struct bytes title_of(struct bytes args)
{
    struct cursor c = cursor_of(args);
    bool one = cursor_peek(&c) == PACK_ARRAY && cursor_array(&c) == 1;
    struct bytes title = one && cursor_peek(&c) == PACK_STR ? cursor_str(&c) : (struct bytes){0};
    return cursor_ok(&c) && cursor_done(&c) ? title : (struct bytes){0};
}

/* --- updates ---------------------------------------------------------------------------------- */

void todo_fields(const struct broker *b, struct update *u)
{
    update_uint(u, "tasks", b->todo.count);
    update_uint(u, "open", b->todo.open);
}

static void told(struct broker *b, const struct task *task, const char *event)
{
    struct update u;
    struct buf view = {0};
    b->todo.updates++;
    if (!topic_wanted(b))
        return;
    accepted_flush(b);
    gate_open(b);
    topic_open(b, &u, b->todo.updates, event);
    view_put(task, &view);
    update_pairs(&u, buf_bytes(&view));
    todo_fields(b, &u);
    topic_publish(b, bytes_text("todo"), b->todo.updates, update_close(&u));
    gate_close(b);
    update_fini(&u);
    buf_fini(&view);
}

/* --- a task's life ---------------------------------------------------------------------------- */

bool todo_named(struct bytes queue)
{
    return bytes_equal(queue, bytes_text(TODO_QUEUE));
}

struct queue *todo_queue(struct broker *b)
{
    if (b->todo.queue)
        return b->todo.queue;
    struct queue *q = queue_make(b, bytes_text(TODO_QUEUE));
    if (q)
        q->offered = true; /* by ourselves */
    return b->todo.queue = q;
}

enum err todo_check(const struct broker *b, struct bytes args, const char **text)
{
    struct bytes title = title_of(args);
    *text = "a task has one argument, its title: a text of at most 1,000 bytes";
    if (!title.data || title.size > TITLE_BYTES_MAX || !utf8_valid(title))
        return ERR_INVALID;
    *text = b->todo.last < TASKS_MAX ? NULL : "too many tasks";
    return *text ? ERR_BUSY : OK;
}

static void show(struct broker *b, struct job *job, const struct task *task)
{
    struct buf view = {0};
    view_put(task, &view);
    chain_show(b, job, buf_bytes(&view));
    buf_fini(&view);
}

/* A job without arguments becomes the next task; args have been checked. */
void todo_begin(struct broker *b, struct job *job, struct bytes args)
{
    struct task *task = task_put(b, b->todo.last + 1, job->id, title_of(args));
    task->added_ms = (uint64_t)b->wall_ms;
    idmap_put(&b->todo.by_job, job->id, task);
    b->todo.count++;
    b->todo.open++;
    chain_begin(b, job, args);
    job_chain(job)->step = CHAIN_ASKS;
    show(b, job, task);
}

/* Its row is on its way. */
void todo_added(struct broker *b, const struct job *job)
{
    told(b, idmap_find(&b->todo.by_job, job->id), "added");
}

void todo_complete(struct broker *b, struct job *job)
{
    struct task *task = idmap_find(&b->todo.by_job, job->id);
    struct buf value = {0};
    must(task);
    task->completed_ms = (uint64_t)b->wall_ms;
    show(b, job, task);
    view_put(task, &value);
    job_done(b, job, buf_bytes(&value));
    buf_fini(&value);
}

/* Completed, or cancelled or expired: then it is on the list no longer. */
void todo_ended(struct broker *b, const struct job *job)
{
    struct task *task = idmap_take(&b->todo.by_job, job->id);
    must(task);
    b->todo.open--;
    task->removed = !task->completed_ms;
    b->todo.count -= task->removed;
    if (job->durability == CLASS_DURABLE)
        keep_task(b, task);
    told(b, task, task->removed ? "removed" : "completed");
    if (task->removed)
        bytes_drop(&task->title); /* only its number is still taken */
}

/* --- from the life before --------------------------------------------------------------------- */

/* An open one; of a session that is none after all nothing more is known than that it waits. */
void todo_load_job(struct broker *b, const struct job *job)
{
    const struct chain *chain = job_chain(job);
    uint64_t number = chain ? view_number(chain->view) : 0;
    if (!number || task_at(b, number))
        number = b->todo.last + 1;
    struct task *task =
        task_put(b, number, job->id, chain ? title_of(chain->input) : (struct bytes){0});
    task->added_ms = job->submitted_ms;
    idmap_put(&b->todo.by_job, job->id, task);
    b->todo.count++;
    b->todo.open++;
}

bool todo_load(struct broker *b, struct bytes name, const struct msg_task_row *row)
{
    char text[NUMBER_TEXT], *end;
    snprintf(text, sizeof text, "%.*s", BYTES_ARG(name));
    uint64_t number = strtoull(text, &end, 10);
    if (*end || !number || number > TASKS_MAX || task_at(b, number))
        return false;
    struct task *task = task_put(b, number, row->id, row->title);
    task->added_ms = row->added_ms;
    task->completed_ms = row->completed_ms;
    task->removed = !row->completed_ms;
    b->todo.count += !task->removed;
    return true;
}

/* --- questions -------------------------------------------------------------------------------- */

static void send_task(struct broker *b, struct peer *peer, uint64_t number, const struct task *task)
{
    struct record r = {.type = REC_task,
                       .task = {.number = number,
                                .task = task->number,
                                .id = task->id,
                                .title = task->title,
                                .added_ms = task->added_ms,
                                .completed_ms = task->completed_ms}};
    send_record(b, peer, &r);
}

void todo_list(struct broker *b, struct peer *peer, const struct msg_list_tasks *ask)
{
    uint64_t limit = ask->limit && ask->limit < LIST_MAX ? ask->limit : LIST_MAX;
    uint64_t number = ask->after, count = 0;
    while (number < b->todo.last && count < limit) {
        const struct task *task = task_at(b, ++number);
        if (!task || task->removed)
            continue;
        send_task(b, peer, ask->number, task);
        count++;
    }
    struct record end = {
        .type = REC_end,
        .end = {.number = ask->number, .next = number < b->todo.last ? number : 0}};
    send_record(b, peer, &end);
}

enum err todo_say_complete(struct broker *b, uint64_t number)
{
    const struct task *task = task_at(b, number);
    if (!task || task->removed)
        return ERR_UNKNOWN_TASK;
    if (!task->completed_ms)
        todo_complete(b, job_find(b, task->id));
    return OK;
}

void todo_fini(struct broker *b)
{
    for (size_t i = 0; i < b->todo.last; i++) {
        if (b->todo.tasks[i])
            bytes_drop(&b->todo.tasks[i]->title);
        free(b->todo.tasks[i]);
    }
    free(b->todo.tasks);
    idmap_fini(&b->todo.by_job);
}
