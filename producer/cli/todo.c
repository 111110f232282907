/* SPDX-License-Identifier: Apache-2.0
 *
 * todo: `reeve todo`: tasks that people complete: add, list, complete, remove.
 */
#include "producer/cli/todo.h"

#include <inttypes.h>

#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"
#include "producer/view/field.h"
#include "producer/view/pairs.h"

const struct option todo_options[] = {
    {"count", OPTION_NUMBER, "N", "watch: end after N lines", 1, INT64_MAX},
    {"quiet", OPTION_FLAG, NULL, "list: only the numbers of open tasks"},
    {0},
};

static void print_pairs(struct pairs *p)
{
    struct buf b = {0};
    pairs_close(p, &b);
    output_json(buf_bytes(&b));
    buf_fini(&b);
}

/* --- add ------------------------------------------------------------------------------------ */

struct adding {
    uint64_t id;
    bool refused;
    int code;
    struct buf text, view;
};

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    (void)number;
    ((struct adding *)user)->id = id;
}

/* A task may be completed before its number is asked for; that it has ended is no refusal. */
static void on_result(void *user, const struct reeve_result *result)
{
    struct adding *a = user;
    if (result->code == REEVE_OK) {
        a->id = result->id;
        return;
    }
    a->refused = true;
    a->code = result->code;
    buf_clear(&a->text);
    buf_printf(&a->text, "%s", result->text);
}

static void take_view(void *user, const struct record *answer)
{
    struct adding *a = user;
    if (answer->type != REC_session)
        return;
    buf_clear(&a->view);
    buf_put(&a->view, answer->session.view.data, answer->session.view.size);
}

static int submit(struct cli *cli, struct bytes title, struct adding *a)
{
    struct reeve_job_options options = {.kind = REEVE_SESSION};
    struct buf args = {0};
    pack_array(&args, 1);
    pack_str(&args, title);
    int code = reeve_submit(cli->client, TASK_METHOD, args.data, args.size, &options, on_accepted,
                            on_result, a, NULL);
    buf_fini(&args);
    while (code == REEVE_OK && !a->id && !a->refused) {
        int left = cli_left_ms(cli);
        if (left == 0)
            return cli_fail_code(cli, REEVE_ETIMEOUT, "the task may have been added");
        if (cli_interrupted())
            return cli_fail(cli, EXIT_INTERRUPTED, "interrupted: the task may have been added");
        code = cli_turn(cli, NULL, 0, left);
    }
    if (code)
        return cli_fail_code(cli, code, "the task may have been added");
    return a->refused ? cli_fail(cli, err_exit_code((unsigned)a->code), "%s", buf_text(&a->text))
                      : EXIT_DONE;
}

static int print_added(struct cli *cli, const struct adding *a)
{
    struct bytes view = buf_bytes(&a->view);
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT];
    uint64_t task = field_uint(view, "task");
    if (!cli->json) {
        printf("%" PRIu64 "\n", task);
        return EXIT_DONE;
    }
    pairs_integer(&p, "task", (int64_t)task);
    pairs_text(&p, "id", job_id_text(a->id, id));
    pairs_value(&p, "title", field_of(view, "title"));
    pairs_truth(&p, "completed", field_truth(view, "completed"));
    print_pairs(&p);
    return EXIT_DONE;
}

static int add(struct cli *cli)
{
    struct adding a = {.id = 0};
    struct buf title = {0};
    for (size_t i = 1; i < cli->word_count; i++)
        buf_printf(&title, "%s%s", i > 1 ? " " : "", cli->words[i]);
    const char *wrong = task_title_wrong(buf_bytes(&title));
    int exit_code = wrong ? cli_usage(cli, "%s", wrong) : cli_connect(cli);
    if (!exit_code) {
        cli_catch_interrupts();
        exit_code = submit(cli, buf_bytes(&title), &a);
    }
    if (!exit_code) {
        struct record ask = {.type = REC_get_session, .get_session = {.id = a.id}};
        exit_code = cli_ask(cli, &ask, take_view, &a, "the task was added; its number");
    }
    if (!exit_code)
        exit_code = print_added(cli, &a);
    reeve_close(cli->client); /* what becomes of the task would be said to a */
    cli->client = NULL;
    buf_fini(&title);
    buf_fini(&a.text);
    buf_fini(&a.view);
    return exit_code;
}

/* --- list ----------------------------------------------------------------------------------- */

static void take_tasks(void *user, const struct record *answer)
{
    task_list_take(user, answer);
}

int todo_gather(struct cli *cli, struct task_list *out)
{
    int exit_code;
    do {
        struct record ask = task_list_ask(out);
        exit_code = cli_ask(cli, &ask, take_tasks, out, "the list of tasks");
    } while (exit_code == EXIT_DONE && out->next);
    return exit_code;
}

static void json_task(struct buf *b, const struct task_list *l, const struct task_entry *entry)
{
    struct msg_task task = {.task = entry->task,
                            .id = entry->id,
                            .title = task_title(l, entry),
                            .added_ms = entry->added_ms,
                            .completed_ms = entry->completed_ms};
    view_task(b, &task);
}

static void print_task(const struct task_list *l, const struct task_entry *entry)
{
    printf("%s %" PRIu64 ": ", entry->completed_ms ? "✓" : " ", entry->task);
    output_bytes(task_title(l, entry));
    putchar('\n');
}

static int list(struct cli *cli)
{
    struct task_list l = {0};
    struct list out = {.cli = cli};
    bool quiet = options_flag(&cli->options, "quiet", false);
    int exit_code = todo_gather(cli, &l);
    for (size_t i = 0; !exit_code && i < l.count; i++) {
        if (cli->json)
            json_task(&out.rows.buf, &l, &l.entries[i]);
        else if (!quiet)
            print_task(&l, &l.entries[i]);
        else if (!l.entries[i].completed_ms)
            printf("%" PRIu64 "\n", l.entries[i].task);
        out.rows.count++;
    }
    if (!exit_code && cli->json)
        list_print(&out, "tasks");
    list_free(&out);
    task_list_fini(&l);
    return exit_code;
}

/* --- complete, remove ----------------------------------------------------------------------- */

/* What was done to a task. */
static void print_done(struct cli *cli, uint64_t task, const char *done)
{
    struct pairs p = {.count = 0};
    if (!cli->json) {
        printf("Task %" PRIu64 " %s\n", task, done);
        return;
    }
    pairs_integer(&p, "task", (int64_t)task);
    pairs_truth(&p, done, true);
    print_pairs(&p);
}

static int complete_one(struct cli *cli, uint64_t task)
{
    struct record ask = {.type = REC_complete_task, .complete_task = {.task = task}};
    char what[48];
    snprintf(what, sizeof what, "task %" PRIu64, task);
    int exit_code = cli_ask(cli, &ask, NULL, NULL, what);
    if (!exit_code)
        print_done(cli, task, task_event(TASK_COMPLETED));
    return exit_code;
}

static const struct task_entry *find(const struct task_list *l, uint64_t task)
{
    return l->count && l->entries[0].task == task ? &l->entries[0] : NULL;
}

static int remove_one(struct cli *cli, uint64_t task)
{
    struct task_list l = {.next = task - 1};
    struct record ask = task_list_ask(&l);
    ask.list_tasks.limit = 1;
    char what[48];
    snprintf(what, sizeof what, "task %" PRIu64, task);
    int exit_code = cli_ask(cli, &ask, take_tasks, &l, what);
    const struct task_entry *entry = find(&l, task);
    if (!exit_code && !entry)
        exit_code = cli_fail(cli, EXIT_UNKNOWN, "%s: %s", what, err_text(ERR_UNKNOWN_TASK));
    else if (!exit_code && entry->completed_ms)
        exit_code = cli_fail(cli, EXIT_JOB, "%s is completed: it stays on the list", what);
    if (!exit_code) {
        struct record cancel = {.type = REC_cancel, .cancel = {.id = entry->id}};
        exit_code = cli_ask(cli, &cancel, NULL, NULL, what);
    }
    if (!exit_code)
        print_done(cli, task, task_event(TASK_REMOVED));
    task_list_fini(&l);
    return exit_code;
}

/* Each in turn, and on after a failure; all words are looked at before anything happens. */
static int each(struct cli *cli, int (*run)(struct cli *cli, uint64_t task))
{
    int exit_code = EXIT_DONE;
    for (size_t i = 1; i < cli->word_count; i++)
        if (task_number(cli->words[i]) == 0)
            return cli_usage(cli, "\"%.60s\" is no number of a task", cli->words[i]);
    for (size_t i = 1; i < cli->word_count; i++) {
        int code = run(cli, task_number(cli->words[i]));
        exit_code = exit_code ? exit_code : code;
        if (code == EXIT_UNREACHABLE || code == EXIT_WAIT)
            break;
    }
    return exit_code;
}

static int complete(struct cli *cli)
{
    return each(cli, complete_one);
}

static int remove_tasks(struct cli *cli)
{
    return each(cli, remove_one);
}

/* --- which ---------------------------------------------------------------------------------- */

static const struct cli_part todo_verbs[] = {
    {"add", "TITLE...", add, 1, WORDS_ANY},       {"list", "", list, 0, 0},
    {"complete", "N...", complete, 1, WORDS_ANY}, {"remove", "N...", remove_tasks, 1, WORDS_ANY},
    {"watch", "[--count N]", todo_watch, 0, 0},
};

const char *todo_verb_name(size_t i)
{
    return i < LENGTH(todo_verbs) ? todo_verbs[i].name : NULL;
}

int verb_todo(struct cli *cli)
{
    return cli_run_part(cli, todo_verbs, LENGTH(todo_verbs));
}
