/* SPDX-License-Identifier: Apache-2.0
 *
 * job_lists: jobs and job, what the broker knows of them, as tables or as JSON.
 */
#include <inttypes.h>

#include "common/clock.h"
#include "common/value.h"
#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"
#include "producer/view/history.h"
#include "producer/view/progress_view.h"

enum { JOBS_LIMIT = 100 };

const struct option jobs_options[] = {
    {"state", OPTION_TEXT, "S",
     "only these: waiting, delayed, held, running, backoff, ok, failed,"
     " dead, cancelled, expired"},
    {"queue", OPTION_TEXT, "Q", "only those of this queue"},
    {"limit", OPTION_NUMBER, "N", "at most so many, newest first (100; 0: all)", 0, 1000000000},
    {0},
};
/* --- jobs ----------------------------------------------------------------------------------- */

/* Why it is so, where the state does not say it already. */
static const char *job_reason(const struct msg_job *job, char text[static 48])
{
    bool said = (job->state == JOB_CANCELLED && job->reason == REASON_CANCELLED) ||
                (job->state == JOB_FAILED && job->reason == REASON_ERROR);
    return said ? "" : reason_text((unsigned)job->reason, (unsigned)job->detail, text);
}

static void job_row(struct list *l, const struct msg_job *job)
{
    char id[JOB_ID_TEXT], why[48], ago[AGO_TEXT], span[SPAN_TEXT];
    table_cell(&l->table, "%s", job_id_text(job->id, id));
    table_bytes(&l->table, job->queue);
    table_cell(&l->table, "%s", job_state_name((unsigned)job->state));
    table_cell(&l->table, "%s", job_reason(job, why));
    table_cell(&l->table, "%" PRIu64, job->attempts);
    table_cell(&l->table, "%s", ago_text(job->submitted_ms, l->now_ms, ago));
    table_cell(&l->table, "%s", job->run_us ? span_text(job->run_us, span) : "");
    table_bytes(&l->table, job->worker);
}

static void take_job(void *user, const struct record *answer)
{
    struct list *l = user;
    char id[JOB_ID_TEXT];
    if (l->cli->json) {
        l->rows.count++;
        view_job(&l->rows.buf, &answer->job);
    } else if (l->quiet) {
        puts(job_id_text(answer->job.id, id));
    } else {
        job_row(l, &answer->job);
    }
}

int verb_jobs(struct cli *cli)
{
    static const char *const heads[] = {"ID",       "QUEUE",     "STATE", "REASON",
                                        "ATTEMPTS", "SUBMITTED", "RAN",   "WORKER"};
    const char *state_name = options_text(&cli->options, "state", NULL);
    unsigned state = state_name ? job_state_parse(state_name) : JOB_NONE;
    if (state_name && !state)
        return cli_usage(cli, "no state \"%.40s\"", state_name);
    uint64_t limit = (uint64_t)options_number(&cli->options, "limit", JOBS_LIMIT);
    struct list l = list_start(cli, LENGTH(heads), heads);
    struct msg_list_jobs which = {.state = state,
                                  .queue = bytes_text(options_text(&cli->options, "queue", NULL))};
    int exit_code = list_jobs(&l, &which, limit, take_job);
    if (exit_code == EXIT_DONE && l.next && !cli->json && !l.quiet)
        fprintf(stderr, "There are more: --limit N\n");
    if (exit_code == EXIT_DONE)
        list_print(&l, "jobs");
    list_free(&l);
    return exit_code;
}

/* --- one job -------------------------------------------------------------------------------- */

static void job_line(struct table *t, const char *name, struct bytes value)
{
    if (value.size == 0)
        return;
    table_cell(t, "%s", name);
    table_bytes(t, value);
}

static void print_job(const struct msg_job *job, int64_t now_ms)
{
    struct table t = {.columns = 2};
    struct buf progress = {0};
    char id[JOB_ID_TEXT], why[48], text[64];
    job_line(&t, "id", bytes_text(job_id_text(job->id, id)));
    job_line(&t, "queue", job->queue);
    job_line(&t, "state", bytes_text(job_state_name((unsigned)job->state)));
    job_line(&t, "reason", bytes_text(job_reason(job, why)));
    snprintf(text, sizeof text, "%" PRIu64, job->attempts);
    job_line(&t, "attempts", bytes_text(text));
    snprintf(text, sizeof text, "%" PRId64, job->priority);
    job_line(&t, "priority", bytes_text(text));
    job_line(&t, "key", job->key);
    job_line(&t, "submitted", bytes_text(ago_text(job->submitted_ms, now_ms, text)));
    if (job->run_us)
        job_line(&t, "ran", bytes_text(span_text(job->run_us, text)));
    if (job->peak_kib)
        job_line(&t, "peak memory", bytes_text(size_text(job->peak_kib * 1024, text)));
    job_line(&t, "worker", job->worker);
    progress_words(&progress, job->progress);
    job_line(&t, "progress", buf_bytes(&progress));
    buf_fini(&progress);
    if (job->retry_of)
        job_line(&t, "retry of", bytes_text(job_id_text(job->retry_of, id)));
    if (job->value_bytes) {
        snprintf(text, sizeof text, "%" PRIu64 " bytes", job->value_bytes);
        job_line(&t, "value", bytes_text(text));
    }
    job_line(&t, "durability", bytes_text(durability_name((unsigned)job->durability)));
    table_print(&t);
}

/* --- its attempts ----------------------------------------------------------------------------- */

static void print_attempt(const struct msg_attempt *attempt, int64_t now_ms)
{
    char why[48], span[SPAN_TEXT], size[SIZE_TEXT], ago[AGO_TEXT];
    struct buf error = {0};
    const char *how = reason_text((unsigned)attempt->reason, (unsigned)attempt->detail, why);
    printf("attempt %" PRIu64 ": %s", attempt->attempt, *how ? how : "ok");
    if (attempt->worker.size) {
        fputs(" on ", stdout);
        output_bytes(attempt->worker);
    }
    if (attempt->run_us)
        printf(", ran %s", span_text(attempt->run_us, span));
    if (attempt->peak_kib)
        printf(", peak memory %s", size_text(attempt->peak_kib * 1024, size));
    printf(", %s\n", ago_text(attempt->ended_ms, now_ms, ago));
    if (attempt->value.size && value_text(&error, attempt->value))
        output_lines("    ", buf_bytes(&error));
    output_lines("    | ", attempt->last_lines);
    buf_fini(&error);
}

static void print_history(const struct history *history, const struct msg_job *job, int64_t now_ms)
{
    struct msg_attempt attempt;
    struct cursor c = history_start(history);
    char why[48], ago[AGO_TEXT];
    bool first = true;
    for (; history_next(&c, &attempt); first = false) {
        if (first && attempt.attempt > 1)
            printf("attempts 1 to %" PRIu64 " are no longer known\n", attempt.attempt - 1);
        print_attempt(&attempt, now_ms);
    }
    if (!job_ended((enum job_state)job->state))
        return;
    const char *reason = job_reason(job, why);
    printf("ended %s%s%s, %s\n", job_state_name((unsigned)job->state), *reason ? ": " : "", reason,
           ago_text(job->ended_ms, now_ms, ago));
}

struct job_list {
    struct list list;
    struct history history; /* of the job that is being told */
};

static void take_history(void *user, const struct record *answer)
{
    struct job_list *j = user;
    struct list *l = &j->list;
    if (answer->type == REC_attempt)
        history_add(&j->history, &answer->attempt);
    if (answer->type != REC_job)
        return;
    history_close(&j->history, &answer->job);
    if (l->cli->json) {
        l->rows.count++;
        view_job_history(&l->rows.buf, &answer->job, &j->history);
    } else {
        if (l->count++)
            putchar('\n');
        print_job(&answer->job, l->now_ms);
        print_history(&j->history, &answer->job, l->now_ms);
    }
    history_clear(&j->history);
}

int verb_job(struct cli *cli)
{
    struct job_list j = {.list = {.cli = cli, .now_ms = clock_wall_ms()}};
    int exit_code = EXIT_DONE;
    for (size_t i = 0; i < cli->word_count && exit_code == EXIT_DONE; i++) {
        uint64_t id = cli_id(cli, cli->words[i]);
        struct record ask = {.type = REC_get_job, .get_job = {.id = id}};
        exit_code = id ? cli_ask(cli, &ask, take_history, &j, cli->words[i]) : EXIT_USAGE;
    }
    if (cli->json && exit_code == EXIT_DONE)
        list_print(&j.list, "jobs");
    history_fini(&j.history);
    list_free(&j.list);
    return exit_code;
}
