/* SPDX-License-Identifier: Apache-2.0
 *
 * dead: jobs whose attempts are used up: seen, run again as new jobs, or deleted. What is not dead
 * is not touched here, even when it is named.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "producer/cli/ids.h"
#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

enum { DEAD_LIMIT = 100, ANSWER_BYTES = 16 };

const struct option dead_options[] = {
    {"all", OPTION_FLAG, NULL, "retry, drop: all that are dead"},
    {"drop", OPTION_FLAG, NULL, "retry: drop each once its new job is accepted"},
    {"dry-run", OPTION_FLAG, NULL, "retry, drop: only say which"},
    {"yes", OPTION_FLAG, NULL, "drop: do not ask (asks on a terminal only)"},
    {"limit", OPTION_NUMBER, "N", "list: at most so many, newest first (100; 0: all)", 0,
     1000000000},
    {0},
};

/* --- list ----------------------------------------------------------------------------------- */

static void take_dead(void *user, const struct record *answer)
{
    struct list *l = user;
    const struct msg_job *job = &answer->job;
    char id[JOB_ID_TEXT], why[48], ago[AGO_TEXT];
    if (l->cli->json) {
        l->rows.count++;
        view_job(&l->rows.buf, job);
        return;
    }
    if (l->quiet) {
        puts(job_id_text(job->id, id));
        return;
    }
    table_cell(&l->table, "%s", job_id_text(job->id, id));
    table_bytes(&l->table, job->queue);
    table_cell(&l->table, "%s", reason_text((unsigned)job->reason, (unsigned)job->detail, why));
    table_cell(&l->table, "%" PRIu64, job->attempts);
    table_cell(&l->table, "%s", ago_text(job->ended_ms, l->now_ms, ago));
    table_bytes(&l->table, job->worker);
}

static int dead_list(struct cli *cli)
{
    static const char *const heads[] = {"ID", "QUEUE", "REASON", "ATTEMPTS", "DIED", "WORKER"};
    uint64_t limit = (uint64_t)options_number(&cli->options, "limit", DEAD_LIMIT);
    struct list l = list_start(cli, LENGTH(heads), heads);
    int exit_code = list_jobs(&l, &(struct msg_list_jobs){.state = JOB_DEAD}, limit, take_dead);
    if (exit_code == EXIT_DONE && l.next && !cli->json && !l.quiet)
        fprintf(stderr, "There are more: --limit N\n");
    if (exit_code == EXIT_DONE)
        list_print(&l, "jobs");
    list_free(&l);
    return exit_code;
}

/* --- which ---------------------------------------------------------------------------------- */

struct ids {
    struct list list; /* first: list_jobs hands it on */
    struct buf all;   /* uint64_t each */
};

static void take_id(void *user, const struct record *answer)
{
    struct ids *ids = user;
    buf_put(&ids->all, &answer->job.id, sizeof answer->job.id);
}

static int add_named(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct ids *ids = user;
    enum job_state state;
    int exit_code = ids_state(cli, word, id, &state);
    if (exit_code)
        return exit_code;
    if (state != JOB_DEAD)
        return cli_fail(cli, EXIT_JOB, "%s: not dead, it is %s", word, job_state_name(state));
    buf_put(&ids->all, &id, sizeof id);
    return EXIT_DONE;
}

/* The jobs meant. Some may be found although the exit code tells of others that were not. */
static int find_ids(struct cli *cli, struct ids *ids)
{
    bool all = options_flag(&cli->options, "all", false);
    ids->list = (struct list){.cli = cli};
    if (all == (cli->word_count > 1))
        return cli_usage(cli, "%s wants either ids or --all", cli->words[0]);
    if (all)
        return list_jobs(&ids->list, &(struct msg_list_jobs){.state = JOB_DEAD}, 0, take_id);
    return ids_each(cli, 1, add_named, ids);
}

/* --- retry and drop --------------------------------------------------------------------------- */

static int drop_one(struct cli *cli, uint64_t id)
{
    struct record ask = {.type = REC_drop, .drop = {.id = id}};
    char text[JOB_ID_TEXT];
    return cli_ask(cli, &ask, NULL, NULL, job_id_text(id, text));
}

static int retry_dead(struct cli *cli, uint64_t id, bool dry)
{
    bool quiet = options_flag(&cli->options, "quiet", false);
    uint64_t new_id = 0;
    char text[JOB_ID_TEXT], new_text[JOB_ID_TEXT];
    job_id_text(id, text);
    int exit_code = dry ? EXIT_DONE : ids_retry(cli, text, id, &new_id);
    if (exit_code)
        return exit_code;
    job_id_text(new_id, new_text);
    if (cli->json && dry)
        printf("{\"id\":null,\"retry_of\":\"%s\"}\n", text);
    else if (cli->json)
        printf("{\"id\":\"%s\",\"retry_of\":\"%s\"}\n", new_text, text);
    else if (dry)
        printf("%s%s\n", text, quiet ? "" : " would be retried");
    else
        puts(new_text);
    return dry || !options_flag(&cli->options, "drop", false) ? EXIT_DONE : drop_one(cli, id);
}

static int drop_dead(struct cli *cli, uint64_t id, bool dry)
{
    bool quiet = options_flag(&cli->options, "quiet", false);
    char text[JOB_ID_TEXT];
    int exit_code = dry ? EXIT_DONE : drop_one(cli, id);
    if (exit_code)
        return exit_code;
    job_id_text(id, text);
    if (cli->json)
        printf("{\"id\":\"%s\",\"dropped\":%s}\n", text, dry ? "false" : "true");
    else
        printf("%s%s\n", text, quiet ? "" : dry ? " would be dropped" : " dropped");
    return EXIT_DONE;
}

/* Deleting cannot be taken back: a person at a terminal is asked once for all. */
static bool agreed(struct cli *cli, size_t count)
{
    char answer[ANSWER_BYTES];
    if (count == 0 || options_flag(&cli->options, "yes", false) || !isatty(STDIN_FILENO))
        return true;
    fprintf(stderr, "Drop %zu dead job%s with what is known of %s? [y/N] ", count,
            count == 1 ? "" : "s", count == 1 ? "it" : "them");
    if (!fgets(answer, sizeof answer, stdin))
        return false;
    answer[strcspn(answer, "\n")] = 0;
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

static int for_each_dead(struct cli *cli, bool drop)
{
    struct ids ids = {0};
    bool dry = options_flag(&cli->options, "dry-run", false);
    int exit_code = find_ids(cli, &ids);
    size_t count = ids.all.size / sizeof(uint64_t);
    if (exit_code == EXIT_USAGE || exit_code == EXIT_UNREACHABLE || exit_code == EXIT_WAIT)
        count = 0;
    if (drop && !dry && !agreed(cli, count)) {
        fprintf(stderr, "Nothing is dropped.\n");
        exit_code = EXIT_JOB;
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t id;
        memcpy(&id, ids.all.data + i * sizeof id, sizeof id);
        int code = drop ? drop_dead(cli, id, dry) : retry_dead(cli, id, dry);
        if (exit_code == EXIT_DONE)
            exit_code = code;
        if (code == EXIT_UNREACHABLE || code == EXIT_WAIT)
            break;
    }
    buf_fini(&ids.all);
    return exit_code;
}

int verb_dead(struct cli *cli)
{
    const char *what = cli->words[0];
    if (strcmp(what, "list") == 0 && cli->word_count == 1)
        return dead_list(cli);
    if (strcmp(what, "list") == 0)
        return cli_usage(cli, "\"%.60s\" is too much", cli->words[1]);
    if (strcmp(what, "retry") == 0 || strcmp(what, "drop") == 0)
        return for_each_dead(cli, what[0] == 'd');
    return cli_usage(cli, "\"%.60s\" is none of list, retry, drop", what);
}
