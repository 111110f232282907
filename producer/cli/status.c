/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/status.h"

#include <inttypes.h>

#include "common/clock.h"
#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

void status_take(void *answer, const struct record *record)
{
    struct status_answer *a = answer;
    if (record->type != REC_status)
        return;
    a->come = true;
    a->status = record->status;
    buf_clear(&a->release);
    buf_put(&a->release, record->status.release.data, record->status.release.size);
    a->status.release = buf_bytes(&a->release);
}

void status_fini(struct status_answer *answer)
{
    buf_fini(&answer->release);
}

const char *status_state_text(const struct msg_status *s, char text[static STATUS_STATE_TEXT])
{
    const char *name = broker_state_name((unsigned)s->state);
    text[0] = 0;
    if (s->state == BROKER_RECOVERING)
        snprintf(text, STATUS_STATE_TEXT,
                 "%s: %" PRIu64 " workers that may hold jobs have not come back", name, s->awaited);
    else if (s->state == BROKER_REFUSING)
        snprintf(text, STATUS_STATE_TEXT, "%s new jobs until its store has room", name);
    else if (s->state == BROKER_STALLED)
        snprintf(text, STATUS_STATE_TEXT, "%s: what is to be kept waits for the disk", name);
    else if (s->state)
        snprintf(text, STATUS_STATE_TEXT, "%s", name);
    return text;
}

/* --- for people ----------------------------------------------------------------------------- */

static void keeping_lines(const struct msg_status *s)
{
    char state[STATUS_STATE_TEXT], size[SIZE_TEXT], args[SIZE_TEXT], span[SPAN_TEXT];
    if (*status_state_text(s, state))
        printf("state    %s\n", state);
    if (s->store_bytes) {
        printf("store    %s", size_text(s->store_bytes, size));
        if (s->commit_us)
            printf(", a commit takes %s", span_text(s->commit_us, span));
        putchar('\n');
    }
    if (s->memory_bytes)
        printf("memory   %s, arguments of live jobs %s\n", size_text(s->memory_bytes, size),
               size_text(s->args_bytes, args));
}

static void status_lines(struct cli *cli, const struct msg_status *s, uint64_t dataframes)
{
    char span[SPAN_TEXT];
    printf("broker   %s, pid %" PRIu64 ", release %.*s, up for %s, keeps jobs %s\n",
           cli_address(cli), s->pid, BYTES_ARG(s->release), span_text(s->uptime_ms * 1000, span),
           s->durability == CLASS_DURABLE ? "on disk" : "in memory");
    keeping_lines(s);
    printf("farm     %" PRIu64 " workers, %" PRIu64 " slots, %" PRIu64 " of them busy, %" PRIu64
           " clients\n",
           s->workers, s->slots, s->busy, s->clients);
    if (dataframes)
        printf("dask     %" PRIu64 " dataframe jobs run\n", dataframes);
    printf("jobs     %" PRIu64 " live, %" PRIu64 " submitted, %" PRIu64 " executions, %" PRIu64
           " leases lost, %" PRIu64 " ended ones kept\n",
           s->live, s->submitted, s->executions, s->lease_losses, s->kept);
    if (s->malformed)
        printf("dropped  %" PRIu64 " messages that did not decode\n", s->malformed);
    if (s->denied)
        printf("denied   %" PRIu64 " times what a key has no right to\n", s->denied);
}

static void print_json(const struct msg_status *s, const struct view_dataframes *dataframes,
                       const struct view_rows *queues)
{
    struct buf b = {0};
    view_status(&b, s, dataframes, queues);
    output_json(buf_bytes(&b));
    buf_fini(&b);
}

struct queues {
    struct list list; /* pairs, for JSON */
    struct view_dataframes dataframes;
};

static void take_queue(void *user, const struct record *answer)
{
    struct queues *q = user;
    if (answer->type == REC_queue)
        view_dataframes_take(&q->dataframes, &answer->queue);
    if (q->list.cli->json)
        queues_take(&q->list, answer);
}

int verb_status(struct cli *cli)
{
    struct status_answer answer = {0};
    struct queues q = {.list = {.cli = cli, .now_ms = clock_wall_ms()}};
    struct record ask = {.type = REC_get_status}, ask_queues = {.type = REC_list_queues};
    int exit_code = cli_ask(cli, &ask, status_take, &answer, "the status");
    if (exit_code == EXIT_DONE)
        exit_code = cli_ask(cli, &ask_queues, take_queue, &q, "the list of queues");
    if (exit_code == EXIT_DONE && cli->json)
        print_json(&answer.status, &q.dataframes, &q.list.rows);
    else if (exit_code == EXIT_DONE)
        status_lines(cli, &answer.status, q.dataframes.running);
    status_fini(&answer);
    list_free(&q.list);
    return exit_code;
}
