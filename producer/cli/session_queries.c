/* SPDX-License-Identifier: Apache-2.0
 *
 * session_queries: the verbs of `reeve session` that change nothing: show, objective, list, cv,
 * models, status.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "producer/cli/list.h"
#include "producer/cli/outcome.h"
#include "producer/cli/output.h"
#include "producer/cli/session_verbs.h"
#include "producer/view/field.h"

enum { LIST_LIMIT = 100 };

/* --- show, objective, list ------------------------------------------------------------------ */

int session_show(struct session *s)
{
    struct pairs p = {.count = 0};
    if (s->cli->json) {
        session_view_pairs(&s->now, &p, true);
        pairs_print(&p);
    } else {
        session_print(s);
    }
    return 0;
}

int session_objective(struct session *s)
{
    struct pairs p = {.count = 0};
    struct bytes text = field_text(buf_bytes(&s->now.view), "objective_text");
    char id[JOB_ID_TEXT];
    if (!s->cli->json) {
        output_bytes(text);
        putchar('\n');
        return 0;
    }
    reeve_job_id_format(s->now.id, id);
    pairs_text(&p, "id", id);
    pack_str(pairs_key(&p, "objective"), text);
    pairs_print(&p);
    return 0;
}

struct listing {
    struct list list;
    uint64_t *ids;
    size_t count, capacity;
};

static void take_id(void *user, const struct record *answer)
{
    struct listing *l = user;
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? 2 * l->capacity : 128;
        l->ids = must_realloc(l->ids, l->capacity * sizeof *l->ids);
    }
    l->ids[l->count++] = answer->job.id;
}

static void list_row(struct list *l, const struct session *s)
{
    struct bytes view = buf_bytes(&s->now.view);
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT], ago[AGO_TEXT], best_text[32] = "";
    double best;
    reeve_job_id_format(s->now.id, id);
    if (l->cli->json) {
        l->rows.count++;
        session_view_pairs(&s->now, &p, false);
        pairs_close(&p, &l->rows.buf);
        return;
    }
    if (l->quiet) {
        puts(id);
        return;
    }
    if (field_number(session_view_best(&s->now), "objective", &best))
        snprintf(best_text, sizeof best_text, "%.10g", best);
    table_cell(&l->table, "%s", id);
    table_cell(&l->table, "%s", reeve_session_state_name(s->now.state));
    table_cell(&l->table, "%" PRIu64, s->now.iteration);
    table_cell(&l->table, "%s", best_text);
    table_bytes(&l->table, field_text(view, "method"));
    table_bytes(&l->table, field_text(view, "model"));
    table_cell(&l->table, "%s", ago_text(s->now.submitted_ms, l->now_ms, ago));
}

static int list_all(struct listing *l, struct session *s)
{
    int exit_code = 0;
    for (size_t i = 0; i < l->count && !exit_code; i++) {
        s->now.id = l->ids[i];
        exit_code = session_refresh(s);
        if (!exit_code)
            list_row(&l->list, s);
        else if (exit_code == EXIT_UNKNOWN)
            exit_code = 0; /* stopped since, or never one */
    }
    return exit_code ? cli_fail(s->cli, exit_code, "%s", buf_text(&s->said)) : 0;
}

int session_list(struct session *s)
{
    static const char *const heads[] = {"ID",     "STATE", "ITERATION", "BEST",
                                        "METHOD", "MODEL", "SUBMITTED"};
    struct cli *cli = s->cli;
    uint64_t limit = (uint64_t)options_number(&cli->options, "limit", LIST_LIMIT);
    struct listing l = {.list = list_start(cli, LENGTH(heads), heads)};
    struct msg_list_jobs which = {.queue = bytes_text(SESSION_METHOD)};
    int exit_code = list_jobs(&l.list, &which, limit, take_id);
    if (!exit_code)
        exit_code = list_all(&l, s);
    if (!exit_code && l.list.next && !cli->json && !l.list.quiet)
        fprintf(stderr, "There are more: --limit N\n");
    if (!exit_code)
        list_print(&l.list, "sessions");
    list_free(&l.list);
    free(l.ids);
    return exit_code;
}

/* --- cv ------------------------------------------------------------------------------------- */

/* One plain job of the service; args and o are given back in any case. */
static int ask_service(struct cli *cli, const char *method, struct buf *args, struct outcome *o)
{
    int exit_code = outcome_run(cli, method, buf_bytes(args), o);
    buf_fini(args);
    if (exit_code == 0 && outcome_exit(o))
        exit_code = outcome_print(cli, o, method);
    if (exit_code)
        outcome_fini(o);
    return exit_code;
}

int session_cv(struct session *s)
{
    struct cli *cli = s->cli;
    struct tags mvs = {0};
    struct buf args = {0}, given = {0};
    struct outcome o = {0};
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT];
    int exit_code = session_values(cli, 2, &mvs);
    if (!exit_code) {
        tags_pack_values(&mvs, &given);
        session_view_question(&s->now, buf_bytes(&given), &args);
        buf_fini(&given);
        exit_code = ask_service(cli, CV_METHOD, &args, &o);
    }
    tags_fini(&mvs);
    if (exit_code)
        return exit_code;
    struct bytes value = buf_bytes(&o.value), message = field_text(value, "message");
    if (cli->json) {
        reeve_job_id_format(s->now.id, id);
        pairs_text(&p, "id", id);
        pairs_value(&p, "cvs", field_of(value, "cvs"));
        pack_str(pairs_key(&p, "message"), message);
        pairs_print(&p);
    } else {
        session_print_numbers(field_of(value, "cvs"));
        if (message.size)
            fprintf(stderr, "%.*s\n", BYTES_ARG(message));
    }
    outcome_fini(&o);
    return 0;
}

/* --- models --------------------------------------------------------------------------------- */

static void print_variable(const char *kind, struct bytes variable)
{
    double lower, upper, nominal;
    bool has_lower = field_number(variable, "lower", &lower);
    bool has_upper = field_number(variable, "upper", &upper);
    struct bytes unit = field_text(variable, "unit");
    printf("  %s ", kind);
    output_bytes(field_text(variable, "name"));
    if (has_lower || has_upper)
        putchar(' ');
    if (has_lower)
        printf("%.10g", lower);
    if (has_lower || has_upper)
        fputs("..", stdout);
    if (has_upper)
        printf("%.10g", upper);
    if (unit.size)
        putchar(' ');
    output_bytes(unit);
    if (*kind == 'M' && field_number(variable, "nominal", &nominal))
        printf(" (%.10g)", nominal);
    putchar('\n');
}

static void print_variables(const char *kind, struct bytes list)
{
    struct cursor c = cursor_of(list);
    for (uint32_t left = list.size ? cursor_array(&c) : 0; left-- > 0 && cursor_ok(&c);)
        print_variable(kind, cursor_value(&c));
}

static void print_model(struct bytes model)
{
    struct bytes title = field_text(model, "title"), objective = field_text(model, "objective");
    struct cursor c = cursor_of(field_of(model, "constraints"));
    output_bytes(field_text(model, "id"));
    if (title.size)
        fputs(": ", stdout);
    output_bytes(title);
    putchar('\n');
    print_variables("MV", field_of(model, "mvs"));
    print_variables("CV", field_of(model, "cvs"));
    if (objective.size) {
        fputs(field_truth(model, "maximize") ? "  maximize " : "  minimize ", stdout);
        output_bytes(objective);
        putchar('\n');
    }
    for (uint32_t left = cursor_peek(&c) == PACK_ARRAY ? cursor_array(&c) : 0;
         left-- > 0 && cursor_ok(&c);) {
        fputs("  with ", stdout);
        output_bytes(cursor_str(&c));
        putchar('\n');
    }
}

int session_models(struct session *s)
{
    struct buf args = {0};
    struct outcome o = {0};
    pack_array(&args, 0);
    int exit_code = ask_service(s->cli, MODELS_METHOD, &args, &o);
    if (exit_code)
        return exit_code;
    struct pairs p = {.count = 0};
    struct cursor c = cursor_of(buf_bytes(&o.value));
    if (s->cli->json) {
        pairs_value(&p, "models", buf_bytes(&o.value));
        pairs_print(&p);
    } else if (cursor_peek(&c) == PACK_ARRAY) {
        for (uint32_t left = cursor_array(&c); left-- > 0 && cursor_ok(&c);)
            print_model(cursor_value(&c));
    }
    outcome_fini(&o);
    return 0;
}

/* --- status --------------------------------------------------------------------------------- */

static void take_queue(void *user, const struct record *answer)
{
    uint64_t *workers = user;
    if (answer->type == REC_queue && bytes_equal(answer->queue.name, bytes_text(SESSION_METHOD)))
        *workers = answer->queue.workers;
}

/* What the service's other clients get from GetServiceStatus; a service without a worker is none.
 */
int session_status(struct session *s)
{
    uint64_t workers = 0;
    struct record ask = {.type = REC_list_queues};
    struct pairs p = {.count = 0};
    int exit_code = cli_ask(s->cli, &ask, take_queue, &workers, "the status");
    if (exit_code)
        return exit_code;
    const char *status = workers ? "Running" : "Stopped";
    if (s->cli->json) {
        pairs_text(&p, "serviceId", "");
        pairs_text(&p, "status", status);
        pairs_text(&p, "serviceType", "RtoService");
        pairs_text(&p, "user", "");
        pairs_text(&p, "message", workers ? "" : "no worker offers " SESSION_METHOD);
        pairs_integer(&p, "workers", (int64_t)workers);
        pairs_print(&p);
    } else {
        puts(status);
    }
    return workers ? EXIT_DONE : EXIT_UNKNOWN;
}
