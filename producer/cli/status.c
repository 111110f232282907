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
    else if (s->state)
        snprintf(text, STATUS_STATE_TEXT, "%s", name);
    return text;
}

/* --- for programs --------------------------------------------------------------------------- */

static void put_count(struct buf *b, const char *key, uint64_t number)
{
    pack_text(b, key);
    pack_uint(b, number);
}

static void put_broker(struct buf *b, const struct msg_status *s)
{
    pack_text(b, "broker");
    pack_map(b, 11);
    put_count(b, "pid", s->pid);
    put_count(b, "uptime_ms", s->uptime_ms);
    put_count(b, "incarnation", s->incarnation);
    pack_text(b, "release");
    pack_str(b, s->release);
    pack_text(b, "durability");
    pack_text(b, durability_name((unsigned)s->durability));
    pack_text(b, "state");
    pack_text(b, broker_state_name((unsigned)s->state));
    put_count(b, "awaited", s->awaited);
    put_count(b, "memory_bytes", s->memory_bytes);
    put_count(b, "args_bytes", s->args_bytes);
    put_count(b, "store_bytes", s->store_bytes);
    put_count(b, "commit_us", s->commit_us);
}

static void status_json(const struct msg_status *s, const struct list *queues)
{
    struct buf b = {0};
    pack_map(&b, 4);
    put_broker(&b, s);
    pack_text(&b, "totals");
    pack_map(&b, 6);
    put_count(&b, "submitted", s->submitted);
    put_count(&b, "executions", s->executions);
    put_count(&b, "lease_losses", s->lease_losses);
    put_count(&b, "live", s->live);
    put_count(&b, "kept", s->kept);
    put_count(&b, "malformed", s->malformed);
    pack_text(&b, "farm");
    pack_map(&b, 3);
    put_count(&b, "workers", s->workers);
    put_count(&b, "slots", s->slots);
    put_count(&b, "clients", s->clients);
    queues_put(&b, queues);
    output_json(buf_bytes(&b));
    buf_fini(&b);
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

static void status_lines(struct cli *cli, const struct msg_status *s)
{
    char span[SPAN_TEXT];
    printf("broker   %s, pid %" PRIu64 ", release %.*s, up for %s, keeps jobs %s\n",
           cli_address(cli), s->pid, BYTES_ARG(s->release), span_text(s->uptime_ms * 1000, span),
           s->durability == CLASS_DURABLE ? "on disk" : "in memory");
    keeping_lines(s);
    printf("farm     %" PRIu64 " workers, %" PRIu64 " slots, %" PRIu64 " clients\n", s->workers,
           s->slots, s->clients);
    printf("jobs     %" PRIu64 " live, %" PRIu64 " submitted, %" PRIu64 " executions, %" PRIu64
           " leases lost, %" PRIu64 " ended ones kept\n",
           s->live, s->submitted, s->executions, s->lease_losses, s->kept);
    if (s->malformed)
        printf("dropped  %" PRIu64 " messages that did not decode\n", s->malformed);
}

int verb_status(struct cli *cli)
{
    struct status_answer answer = {0};
    struct list l = {.cli = cli, .now_ms = clock_wall_ms()};
    struct record ask = {.type = REC_get_status}, ask_queues = {.type = REC_list_queues};
    int exit_code = cli_ask(cli, &ask, status_take, &answer, "the status");
    if (exit_code == EXIT_DONE && cli->json) {
        exit_code = cli_ask(cli, &ask_queues, queues_take, &l, "the list of queues");
        if (exit_code == EXIT_DONE)
            status_json(&answer.status, &l);
    } else if (exit_code == EXIT_DONE) {
        status_lines(cli, &answer.status);
    }
    status_fini(&answer);
    list_free(&l);
    return exit_code;
}
