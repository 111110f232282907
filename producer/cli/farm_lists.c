/* SPDX-License-Identifier: Apache-2.0
 *
 * farm_lists: queues and workers, what the broker knows of the farm, as tables or as JSON.
 */
#include <inttypes.h>

#include "common/clock.h"
#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

/* --- queues --------------------------------------------------------------------------------- */

void queues_take(void *user, const struct record *answer)
{
    struct list *l = user;
    char span[SPAN_TEXT];
    if (answer->type != REC_queue)
        return;
    const struct msg_queue *q = &answer->queue;
    if (l->cli->json) {
        l->rows.count++;
        pack_str(&l->rows.buf, q->name);
        view_queue_counts(&l->rows.buf, q);
        return;
    }
    if (l->quiet) {
        output_bytes(q->name);
        putchar('\n');
        return;
    }
    table_bytes(&l->table, q->name);
    table_cell(&l->table, "%" PRIu64, q->ready);
    table_cell(&l->table, "%" PRIu64, q->running);
    table_cell(&l->table, "%" PRIu64, q->delayed);
    table_cell(&l->table, "%s", q->held ? "held" : "");
    table_cell(&l->table, "%" PRIu64, q->workers);
    table_cell(&l->table, "%" PRIu64, q->submitted);
    table_cell(&l->table, "%" PRIu64, q->ok);
    table_cell(&l->table, "%" PRIu64, q->failed);
    table_cell(&l->table, "%s", q->run_us ? span_text(q->run_us, span) : "");
    table_cell(&l->table, "%s", q->oldest_ms ? span_text(q->oldest_ms * 1000, span) : "");
}

int verb_queues(struct cli *cli)
{
    static const char *const heads[] = {"QUEUE",  "READY",   "RUNNING",   "DELAYED",
                                        "HELD",   "WORKERS", "SUBMITTED", "OK",
                                        "FAILED", "MEAN",    "OLDEST"};
    struct list l = list_start(cli, LENGTH(heads), heads);
    struct record ask = {.type = REC_list_queues};
    int exit_code = cli_ask(cli, &ask, queues_take, &l, "the list of queues");
    if (exit_code == EXIT_DONE && cli->json) {
        struct buf b = {0};
        pack_map(&b, 1);
        pack_text(&b, "queues");
        pack_map(&b, l.rows.count);
        buf_put(&b, l.rows.buf.data, l.rows.buf.size);
        output_json(buf_bytes(&b));
        buf_fini(&b);
    } else if (exit_code == EXIT_DONE) {
        list_print(&l, "queues");
    }
    list_free(&l);
    return exit_code;
}

/* --- workers -------------------------------------------------------------------------------- */

struct worker_list {
    struct list list;
    struct view_workers view; /* with --json */
};

static void worker_row(struct list *l, const struct msg_worker *worker)
{
    char ago[AGO_TEXT];
    table_bytes(&l->table, worker->id);
    table_bytes(&l->table, worker->host);
    table_cell(&l->table, "%" PRIu64, worker->pid);
    table_cell(&l->table, "%s", worker_state_name((unsigned)worker->state));
    table_cell(&l->table, "%" PRIu64, worker->slots);
    table_cell(&l->table, "%s", ago_text(worker->since_ms, l->now_ms, ago));
    table_bytes(&l->table, worker->tags);
    table_cell(&l->table, "%s", "");
    table_cell(&l->table, "%s", "");
}

static void slot_row(struct list *l, const struct msg_slot *slot)
{
    char id[JOB_ID_TEXT];
    table_cell(&l->table, "  slot %" PRIu64, slot->index);
    table_cell(&l->table, "%s", "");
    if (slot->pid)
        table_cell(&l->table, "%" PRIu64, slot->pid);
    else
        table_cell(&l->table, "%s", "");
    table_cell(&l->table, "%s", slot->state ? slot_state_name((unsigned)slot->state) : "-");
    table_cell(&l->table, "%s", "");
    table_cell(&l->table, "%s", "");
    table_cell(&l->table, "%s", "");
    table_cell(&l->table, "%s", slot->job ? job_id_text(slot->job, id) : "");
    table_bytes(&l->table, slot->queue);
}

static void take_worker(void *user, const struct record *answer)
{
    struct worker_list *w = user;
    struct list *l = &w->list;
    if (answer->type == REC_worker && l->cli->json) {
        view_worker(&w->view, &answer->worker);
    } else if (answer->type == REC_slot && l->cli->json) {
        view_slot(&w->view, &answer->slot);
    } else if (answer->type == REC_worker && l->quiet) {
        output_bytes(answer->worker.id);
        putchar('\n');
    } else if (answer->type == REC_worker) {
        worker_row(l, &answer->worker);
    } else if (answer->type == REC_slot && !l->quiet) {
        slot_row(l, &answer->slot);
    }
}

int verb_workers(struct cli *cli)
{
    static const char *const heads[] = {"WORKER", "HOST", "PID", "STATE", "SLOTS",
                                        "JOINED", "TAGS", "JOB", "QUEUE"};
    struct worker_list w = {.list = list_start(cli, LENGTH(heads), heads)};
    struct record ask = {.type = REC_list_workers};
    int exit_code = cli_ask(cli, &ask, take_worker, &w, "the list of workers");
    if (exit_code == EXIT_DONE) {
        view_workers_close(&w.view);
        w.list.rows = w.view.rows;
        list_print(&w.list, "workers");
    } else {
        view_workers_close(&w.view);
        view_rows_fini(&w.view.rows);
    }
    list_free(&w.list);
    return exit_code;
}
