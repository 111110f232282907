/* SPDX-License-Identifier: Apache-2.0
 *
 * job_lists: jobs and job, what the broker knows of them, as tables or as JSON.
 */
#include <inttypes.h>

#include "common/clock.h"
#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

enum { JOBS_LIMIT = 100, PAGE = 1000 };

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
    if (answer->type == REC_end)
        l->next = answer->end.next;
    if (answer->type != REC_job)
        return;
    l->count++;
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
    int exit_code;
    do {
        uint64_t left = limit ? limit - l.count : PAGE;
        struct record ask = {
            .type = REC_list_jobs,
            .list_jobs = {.state = state,
                          .queue = bytes_text(options_text(&cli->options, "queue", NULL)),
                          .after = l.next,
                          .limit = left < PAGE ? left : PAGE}};
        l.next = 0;
        exit_code = cli_ask(cli, &ask, take_job, &l, "the list of jobs");
    } while (exit_code == EXIT_DONE && l.next && (!limit || l.count < limit));
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
    if (job->ended_ms)
        job_line(&t, "ended", bytes_text(ago_text(job->ended_ms, now_ms, text)));
    if (job->run_us)
        job_line(&t, "ran", bytes_text(span_text(job->run_us, text)));
    job_line(&t, "worker", job->worker);
    if (job->retry_of)
        job_line(&t, "retry of", bytes_text(job_id_text(job->retry_of, id)));
    if (job->value_bytes) {
        snprintf(text, sizeof text, "%" PRIu64 " bytes", job->value_bytes);
        job_line(&t, "value", bytes_text(text));
    }
    job_line(&t, "durability", bytes_text(durability_name((unsigned)job->durability)));
    table_print(&t);
}

static void show_job(void *user, const struct record *answer)
{
    struct list *l = user;
    if (answer->type != REC_job)
        return;
    if (l->cli->json) {
        l->rows.count++;
        view_job(&l->rows.buf, &answer->job);
        return;
    }
    if (l->count++)
        putchar('\n');
    print_job(&answer->job, l->now_ms);
}

int verb_job(struct cli *cli)
{
    struct list l = {.cli = cli, .now_ms = clock_wall_ms()};
    int exit_code = EXIT_DONE;
    for (size_t i = 0; i < cli->word_count && exit_code == EXIT_DONE; i++) {
        uint64_t id = cli_id(cli, cli->words[i]);
        struct record ask = {.type = REC_get_job, .get_job = {.id = id}};
        exit_code = id ? cli_ask(cli, &ask, show_job, &l, cli->words[i]) : EXIT_USAGE;
    }
    if (cli->json && exit_code == EXIT_DONE)
        list_print(&l, "jobs");
    list_free(&l);
    return exit_code;
}
