/* SPDX-License-Identifier: Apache-2.0
 *
 * todo: todo.TodoService on the farm's to-do tasks. A task that is added is a session of todo.task,
 * so it is on the page and in `reeve todo` at once, and the other way round.
 */
#include "producer/gateway/doors/doors.h"
#include "producer/gateway/doors/rpc.h"
#include "producer/view/field.h"
#include "todo.pb-c.h"

#define TASK_METHOD "todo.task"

enum { PAGE_TASKS = 1000 };

/* protobuf-c wants texts that may be written to, and does not write to those of an answer. */
static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* --- adding --------------------------------------------------------------------------------- */

static void take_added(struct call *base, const struct record *answer)
{
    struct bytes view = answer->session.view;
    struct buf title = {0};
    Todo__Task task = TODO__TASK__INIT;
    Todo__AddTaskResponse response = TODO__ADD_TASK_RESPONSE__INIT;
    struct bytes text = field_text(view, "title");
    buf_put(&title, text.data, text.size);
    task.id = (int32_t)field_uint(view, "task");
    task.title = lent(buf_text(&title));
    task.completed = field_truth(view, "completed");
    response.task = &task;
    rpc_answer(rpc_of(base), &response.base);
    buf_fini(&title);
}

static void on_accepted(struct call *base, uint64_t id)
{
    struct record ask = {.type = REC_get_session, .get_session = {.id = id}};
    call_ask(base, &ask, take_added);
}

static void add(struct grpc_call *c, struct bytes message)
{
    Todo__AddTaskRequest *asked =
        grpc_message_read(c, &todo__add_task_request__descriptor, message);
    struct reeve_job_options options = {.kind = REEVE_SESSION};
    struct rpc *r = asked ? rpc_open(doors_of(c)->gateway, c, sizeof *r) : NULL;
    if (r) {
        struct buf args = {0};
        pack_array(&args, 1);
        pack_text(&args, asked->title);
        call_submit(&r->base, TASK_METHOD, buf_bytes(&args), &options, on_accepted);
        buf_fini(&args);
    }
    grpc_message_free(asked);
}

/* --- the list ------------------------------------------------------------------------------- */

struct listing {
    struct rpc rpc;
    struct tasks {
        Todo__Task **at;
        size_t count, capacity;
    } tasks;
};

static void tasks_clear(struct call *base)
{
    struct tasks *tasks = &((struct listing *)base)->tasks;
    for (size_t i = 0; i < tasks->count; i++) {
        free(tasks->at[i]->title);
        free(tasks->at[i]);
    }
    tasks->count = 0;
}

static void tasks_fini(struct call *base)
{
    tasks_clear(base);
    free(((struct listing *)base)->tasks.at);
}

static void tasks_put(struct tasks *tasks, const struct msg_task *m)
{
    Todo__Task *task = must_alloc(sizeof *task);
    struct buf title = {0};
    todo__task__init(task);
    buf_put(&title, m->title.data, m->title.size);
    task->id = (int32_t)m->task;
    task->title = must_strdup(buf_text(&title));
    task->completed = m->completed_ms != 0;
    buf_fini(&title);
    if (tasks->count == tasks->capacity) {
        tasks->capacity = tasks->capacity ? 2 * tasks->capacity : 64;
        tasks->at = must_realloc(tasks->at, tasks->capacity * sizeof *tasks->at);
    }
    tasks->at[tasks->count++] = task;
}

static void take_task(struct call *base, const struct record *answer);

static void ask_page(struct call *base, uint64_t after)
{
    struct record ask = {.type = REC_list_tasks,
                         .list_tasks = {.after = after, .limit = PAGE_TASKS}};
    call_ask(base, &ask, take_task);
}

static void take_task(struct call *base, const struct record *answer)
{
    struct tasks *tasks = &((struct listing *)base)->tasks;
    Todo__GetTasksResponse response = TODO__GET_TASKS_RESPONSE__INIT;
    if (answer->type == REC_task) {
        tasks_put(tasks, &answer->task);
    } else if (answer->end.next) {
        ask_page(base, answer->end.next);
    } else {
        response.n_tasks = tasks->count;
        response.tasks = tasks->at;
        rpc_answer(rpc_of(base), &response.base);
    }
}

/* Answers that begin anew: those of the pages before stay, so it is all asked again. */
static void again(struct call *base)
{
    tasks_clear(base);
    ask_page(base, 0);
}

static void list(struct grpc_call *c, struct bytes message)
{
    Todo__GetTasksRequest *asked =
        grpc_message_read(c, &todo__get_tasks_request__descriptor, message);
    struct rpc *r = asked ? rpc_open(doors_of(c)->gateway, c, sizeof(struct listing)) : NULL;
    if (r) {
        r->base.again = again;
        r->base.fini = tasks_fini;
        ask_page(&r->base, 0);
    }
    grpc_message_free(asked);
}

/* --- completing ----------------------------------------------------------------------------- */

static void take_done(struct call *base, const struct record *answer)
{
    Todo__CompleteTaskResponse response = TODO__COMPLETE_TASK_RESPONSE__INIT;
    (void)answer;
    response.success = true;
    rpc_answer(rpc_of(base), &response.base);
}

static void complete(struct grpc_call *c, struct bytes message)
{
    Todo__CompleteTaskRequest *asked =
        grpc_message_read(c, &todo__complete_task_request__descriptor, message);
    if (!asked)
        return;
    int32_t task = asked->task_id;
    grpc_message_free(asked);
    if (task < 1) {
        grpc_call_end(c, GRPC_NOT_FOUND, err_text(ERR_UNKNOWN_TASK));
        return;
    }
    struct rpc *r = rpc_open(doors_of(c)->gateway, c, sizeof *r);
    struct record ask = {.type = REC_complete_task, .complete_task = {.task = (uint64_t)task}};
    if (r)
        call_ask(&r->base, &ask, take_done);
}

/* --- watching ------------------------------------------------------------------------------- */

struct task_watch {
    struct listener listener;
    struct grpc_call *call;
    bool stands;
};

static void watch_end(struct task_watch *w, enum grpc_status status, const char *text)
{
    grpc_call_end(w->call, status, text);
    watch_leave(&w->listener);
    free(w);
}

static const char *action_of(const char *event)
{
    return strcmp(event, "added") == 0       ? "ADDED"
           : strcmp(event, "completed") == 0 ? "COMPLETED"
                                             : NULL;
}

static void tell_change(struct task_watch *w, const char *action, struct bytes body)
{
    struct buf title = {0};
    Todo__Task task = TODO__TASK__INIT;
    Todo__TaskUpdate update = TODO__TASK_UPDATE__INIT;
    struct bytes text = field_text(body, "title");
    buf_put(&title, text.data, text.size);
    task.id = (int32_t)field_uint(body, "task");
    task.title = lent(buf_text(&title));
    task.completed = field_truth(body, "completed");
    update.task = &task;
    update.action = lent(action);
    if (!grpc_message_send(w->call, &update.base))
        watch_end(w, GRPC_RESOURCE_EXHAUSTED, "the updates are not read");
    buf_fini(&title);
}

static void stand(struct task_watch *w)
{
    w->stands = true;
    grpc_call_greet(w->call);
}

/* A snapshot in the middle says that updates are gone, as those of a broker that was started anew:
 * a watcher that is not told would believe that it has seen all. */
static void heard(struct listener *l, const struct reeve_update *u)
{
    struct task_watch *w = container_of(l, struct task_watch, listener);
    const char *action = action_of(u->event);
    bool snapshot = strcmp(u->event, "snapshot") == 0;
    if (action)
        tell_change(w, action, bytes_of(u->body, u->size));
    else if (snapshot && !w->stands)
        stand(w);
    else if (snapshot || strcmp(u->event, "lost") == 0)
        watch_end(w, GRPC_UNAVAILABLE, "changes were missed: get the tasks, and watch again");
    else if (strcmp(u->event, "error") == 0)
        watch_end(w, GRPC_UNAVAILABLE, "there is no list");
}

static void watch(struct grpc_call *c, struct bytes message)
{
    Todo__WatchTasksRequest *asked =
        grpc_message_read(c, &todo__watch_tasks_request__descriptor, message);
    if (!asked)
        return;
    grpc_message_free(asked);
    struct task_watch *w = must_alloc(sizeof *w);
    *w = (struct task_watch){.listener.heard = heard, .call = c};
    grpc_call_user_set(c, w);
    int code = reeve_connected(doors_of(c)->gateway->client)
                   ? watch_join(&doors_of(c)->watches, "todo", &w->listener)
                   : (int)ERR_UNREACHABLE;
    if (code)
        watch_end(w, rpc_status((unsigned)code), err_text((unsigned)code));
    else if (watch_stands(&w->listener))
        stand(w);
}

static void watch_gone(struct grpc_call *c, enum grpc_status why)
{
    struct task_watch *w = grpc_call_user(c);
    (void)why;
    if (!w)
        return;
    watch_leave(&w->listener);
    free(w);
}

const struct grpc_method todo_methods[] = {
    {.path = "/todo.TodoService/AddTask", .kind = GRPC_UNARY, .message = add, .gone = rpc_gone},
    {.path = "/todo.TodoService/GetTasks", .kind = GRPC_UNARY, .message = list, .gone = rpc_gone},
    {.path = "/todo.TodoService/CompleteTask",
     .kind = GRPC_UNARY,
     .message = complete,
     .gone = rpc_gone},
    {.path = "/todo.TodoService/WatchTasks",
     .kind = GRPC_STREAM,
     .message = watch,
     .gone = watch_gone},
    {0},
};
