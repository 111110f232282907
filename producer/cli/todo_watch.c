/* SPDX-License-Identifier: Apache-2.0
 *
 * todo_watch: each change of a task as a line, from now on and without a gap. Updates of the topic
 * come in order; where the broker was started anew, or has forgotten some, the list tells what has
 * changed meanwhile: so the list is the truth, an update only the faster way to hear of it, and a
 * change that was told once is not told again.
 */
#include <ctype.h>
#include <inttypes.h>
#include <unistd.h>

#include "producer/cli/news.h"
#include "producer/cli/todo.h"
#include "producer/view/field.h"

struct task_watch {
    struct cli *cli;
    struct task_states known;
    uint64_t lines, count;     /* printed; at most (0: any number) */
    bool asking, again;        /* the list is on its way; it is to be asked once more */
    struct task_list list;     /* as far as it has come */
    uint64_t asked_last;       /* the highest task that was known when it was asked for */
    uint64_t incarnation, seq; /* of the last update */
    int exit_code;
    bool over;
};

/* --- a change ------------------------------------------------------------------------------- */

static bool is_full(const struct task_watch *w)
{
    return w->count && w->lines >= w->count;
}

static void print_change(struct task_watch *w, uint64_t task, enum task_state state,
                         const struct reeve_update *u)
{
    w->lines++;
    if (w->cli->json) {
        news_json(u);
        return;
    }
    printf("[Update] Task %" PRIu64 ": ", task);
    for (const char *at = task_event(state); *at; at++)
        putchar(toupper((unsigned char)*at));
    putchar('\n');
}

/* A change that no update has told, as the update that would have. */
static void tell_change(struct task_watch *w, uint64_t task, enum task_state state,
                        struct bytes title)
{
    if (is_full(w) || !task_reach(&w->known, task, state))
        return;
    struct buf b = {0};
    pack_map(&b, title.data ? 3 : 2);
    pack_text(&b, "task");
    pack_uint(&b, task);
    pack_text(&b, "completed");
    pack_bool(&b, state == TASK_COMPLETED);
    if (title.data) {
        pack_text(&b, "title");
        pack_str(&b, title);
    }
    struct reeve_update u = {.topic = "todo",
                             .incarnation = w->incarnation,
                             .seq = w->seq,
                             .event = task_event(state),
                             .body = b.data,
                             .size = b.size};
    print_change(w, task, state, &u);
    buf_fini(&b);
}

/* --- the list ------------------------------------------------------------------------------- */

static void ask_page(struct task_watch *w);

/* Open tasks that were known and that the list does not have any more have been removed. Completed
 * ones stay on it, unless it went with a broker that keeps nothing: that is no change of a task,
 * but their numbers are free. Tasks and list go up. */
static void tell_removed(struct task_watch *w)
{
    size_t at = 0;
    for (uint64_t task = 1; task <= w->asked_last; task++) {
        while (at < w->list.count && w->list.entries[at].task < task)
            at++;
        bool listed = at < w->list.count && w->list.entries[at].task == task;
        if (!listed && task_state(&w->known, task) == TASK_OPEN)
            tell_change(w, task, TASK_REMOVED, bytes_of(NULL, 0));
        else if (!listed && task_state(&w->known, task) == TASK_COMPLETED)
            task_reach(&w->known, task, TASK_REMOVED);
    }
}

/* What became of tasks while nobody said so. */
static void compare(struct task_watch *w)
{
    tell_removed(w);
    for (size_t i = 0; i < w->list.count; i++) {
        const struct task_entry *entry = &w->list.entries[i];
        struct bytes title = task_title(&w->list, entry);
        tell_change(w, entry->task, TASK_OPEN, title);
        if (entry->completed_ms)
            tell_change(w, entry->task, TASK_COMPLETED, title);
    }
}

static void take_page(void *user, const struct record *answer)
{
    struct task_watch *w = *(struct task_watch **)user;
    if (!task_list_take(&w->list, answer))
        return;
    if (w->list.next) {
        ask_page(w);
        return;
    }
    if (answer->type == REC_end)
        compare(w);
    task_list_fini(&w->list);
    w->asking = false;
    if (w->again)
        ask_page(w);
}

static void ask_page(struct task_watch *w)
{
    struct task_watch **user = must_alloc(sizeof *user); /* freed by the client */
    struct record ask = task_list_ask(&w->list);
    *user = w;
    if (!w->asking)
        w->asked_last = w->known.last;
    w->asking = true;
    w->again = false;
    client_ask_start(w->cli->client, &ask, take_page, user);
}

/* --- updates -------------------------------------------------------------------------------- */

static void take_change(struct task_watch *w, uint64_t task, enum task_state state,
                        const struct reeve_update *u)
{
    if (state == TASK_OPEN && task_state(&w->known, task) == TASK_REMOVED)
        task_forget(&w->known, task); /* of a broker that counts from 1 again */
    if (!is_full(w) && task_reach(&w->known, task, state))
        print_change(w, task, state, u);
}

static void on_update(void *user, const struct reeve_update *u)
{
    struct task_watch *w = user;
    struct bytes body = news_body(u);
    enum task_state state = task_event_state(bytes_text(u->event));
    w->incarnation = u->incarnation;
    w->seq = u->seq;
    if (strcmp(u->event, "error") == 0) {
        w->over = true;
        w->exit_code = cli_fail(w->cli, EXIT_UNKNOWN, "%.*s", BYTES_ARG(field_text(body, "text")));
    } else if (strcmp(u->event, "snapshot") == 0) {
        if (w->asking)
            w->again = true; /* what is on its way may be older */
        else
            ask_page(w);
    } else if (state) {
        take_change(w, field_uint(body, "task"), state, u);
    }
}

static int follow(struct task_watch *w)
{
    for (;;) {
        if (fflush(stdout) != 0 || cli_interrupted() || is_full(w) || w->over)
            return w->exit_code;
        int left = cli_left_ms(w->cli);
        if (left == 0)
            return cli_fail(w->cli, EXIT_WAIT, "the time to wait has passed");
        struct pollfd out = {.fd = STDOUT_FILENO}; /* to hear that the reader has gone */
        int code = cli_turn(w->cli, &out, 1, left);
        if (code)
            return cli_fail_code(w->cli, code, "the to-do list");
        if (out.revents & POLLERR)
            return w->exit_code;
    }
}

int todo_watch(struct cli *cli)
{
    struct task_watch w = {.cli = cli};
    w.count = (uint64_t)options_number(&cli->options, "count", 0);
    cli_catch_interrupts();
    int exit_code = todo_gather(cli, &w.list);
    for (size_t i = 0; i < w.list.count; i++)
        task_reach(&w.known, w.list.entries[i].task,
                   w.list.entries[i].completed_ms ? TASK_COMPLETED : TASK_OPEN);
    task_list_fini(&w.list);
    if (!exit_code) {
        int code = reeve_subscribe(cli->client, "todo", on_update, &w);
        exit_code = code ? cli_fail_code(cli, code, "the to-do list") : follow(&w);
    }
    reeve_close(cli->client); /* what it still has to say would be said to w */
    cli->client = NULL;
    task_list_fini(&w.list);
    task_states_fini(&w.known);
    return exit_code;
}
