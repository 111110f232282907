/* SPDX-License-Identifier: Apache-2.0
 *
 * api_todo: tasks for people: listed, added, completed, removed. A task is a session that the
 * broker answers itself: it asks until a person has completed it.
 */
#include <inttypes.h>

#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/call.h"
#include "producer/view/field.h"

#define TASK_METHOD "todo.task"

enum { TITLE_BYTES_MAX = 60000 };

/* --- a page of them ------------------------------------------------------------------------- */

static void take_task(struct call *c, const struct record *answer)
{
    char next[24] = "";
    if (answer->type != REC_task) {
        if (answer->end.next)
            snprintf(next, sizeof next, "%" PRIu64, answer->end.next);
        call_page(c, "tasks", bytes_text(next));
        return;
    }
    c->rows.count++;
    view_task(&c->rows.buf, &answer->task);
}

static void list(struct request *r)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct msg_list_tasks which = {.after = 0};
    struct bytes cursor = request_query(r, "cursor");
    if (!asked_query(r, names) || !asked_limit(r, &which.limit))
        return;
    if (cursor.data && !shape_digits(cursor, INT64_MAX, &which.after)) {
        answer_invalid(r, "cursor is not one that was given as next");
        return;
    }
    struct record ask = {.type = REC_list_tasks, .list_tasks = which};
    struct call *c = call_open(r, sizeof *c);
    if (c)
        call_ask(c, &ask, take_task);
}

/* --- adding --------------------------------------------------------------------------------- */

static void take_added(struct call *c, const struct record *answer)
{
    struct pairs p = {.count = 0};
    struct bytes view = answer->session.view;
    call_locate(c, "jobs");
    pairs_integer(&p, "task", (int64_t)field_uint(view, "task"));
    call_pairs_id(c, &p);
    pairs_value(&p, "title", field_of(view, "title"));
    pairs_truth(&p, "completed", field_truth(view, "completed"));
    call_pairs(c, 201, &p);
}

static void on_accepted(struct call *c, uint64_t id)
{
    struct record ask = {.type = REC_get_session, .get_session = {.id = id}};
    call_ask(c, &ask, take_added);
}

static void add(struct request *r)
{
    static const struct shape_field shape[] = {{"title", SHAPE_TEXT, true, 1, TITLE_BYTES_MAX},
                                               {0}};
    static const char *const none[] = {NULL};
    struct buf map = {0}, key = {0}, args = {0};
    struct reeve_job_options options = {.kind = REEVE_SESSION};
    struct call *c = NULL;
    if (asked_query(r, none) && asked_key(r, &key, &options.key) &&
        asked_body(r, shape, false, &map))
        c = call_open(r, sizeof *c);
    if (c) {
        pack_array(&args, 1);
        pack_str(&args, field_text(buf_bytes(&map), "title"));
        call_submit(c, TASK_METHOD, buf_bytes(&args), &options, on_accepted);
    }
    buf_fini(&args);
    buf_fini(&key);
    buf_fini(&map);
}

/* --- completing, removing ------------------------------------------------------------------- */

/* The number in the path of a request without parameters; false: answered. */
static bool asked_task(struct request *r, uint64_t *task)
{
    static const char *const none[] = {NULL};
    if (!asked_query(r, none))
        return false;
    if (shape_digits(request_part(r, 0), INT64_MAX, task) && *task)
        return true;
    answer_invalid(r, "a task has a number: 1, 2, 3, ...");
    return false;
}

static void complete(struct request *r)
{
    uint64_t task;
    if (!asked_task(r, &task))
        return;
    struct record ask = {.type = REC_complete_task, .complete_task = {.task = task}};
    struct call *c = call_open(r, sizeof *c);
    if (c)
        call_ask(c, &ask, call_done);
}

struct removing {
    struct call call;
    uint64_t task;
    bool completed;
};

/* The list says which job it is; cancelling that is all there is to it. */
static void take_place(struct call *c, const struct record *answer)
{
    struct removing *r = container_of(c, struct removing, call);
    if (answer->type == REC_task) {
        if (answer->task.task == r->task)
            c->id = answer->task.id;
        r->completed = answer->task.completed_ms != 0;
        return;
    }
    struct record cancel = {.type = REC_cancel, .cancel = {.id = c->id}};
    if (!c->id)
        call_fail(c, ERR_UNKNOWN_TASK, bytes_text(err_text(ERR_UNKNOWN_TASK)));
    else if (r->completed)
        call_fail(c, ERR_ENDED, bytes_text("the task is completed: it stays on the list"));
    else
        call_ask(c, &cancel, call_done);
}

static void remove_task(struct request *r)
{
    uint64_t task;
    if (!asked_task(r, &task))
        return;
    struct removing *removing = (struct removing *)call_open(r, sizeof *removing);
    if (!removing)
        return;
    struct record ask = {.type = REC_list_tasks, .list_tasks = {.after = task - 1, .limit = 1}};
    removing->task = task;
    call_ask(&removing->call, &ask, take_place);
}

const struct route api_todo_routes[] = {
    {"GET", "/v1/todo", false, list},
    {"POST", "/v1/todo", false, add},
    {"POST", "/v1/todo/{task}/complete", false, complete},
    {"DELETE", "/v1/todo/{task}", false, remove_task},
    {0},
};
