/* SPDX-License-Identifier: Apache-2.0
 *
 * view: jobs, queues, workers and the status as programs see them, packed: what `--json` prints and
 * the web API answers. The keys only grow. Prints nothing.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "proto/record.h"

struct history;

/* Rows that are counted only at their end: several values to become one array. Zeroed storage has
 * none. */
struct view_rows {
    uint32_t count;
    struct buf buf;
};
/* A pair of a map: NAME: [rows]. */
void view_rows_put(struct buf *b, const char *name, const struct view_rows *rows);
void view_rows_fini(struct view_rows *rows);

/* What several maps are made of: a text that is not there is nil. */
void view_uint(struct buf *b, const char *key, uint64_t number);
void view_text(struct buf *b, const char *key, struct bytes text);
void view_id(struct buf *b, const char *key, uint64_t id); /* 0: nil */

void view_job(struct buf *b, const struct msg_job *job);
/* With how each of its attempts ended. */
void view_job_history(struct buf *b, const struct msg_job *job, const struct history *history);
/* {id, state, value, error, ...}: value when it went well, error (a text) when not. */
void view_ended(struct buf *b, const struct msg_ended *ended);

void view_queue(struct buf *b, const struct msg_queue *queue);
void view_queue_counts(struct buf *b, const struct msg_queue *queue); /* without its name */

/* Workers and their slots, put in the order in which the broker tells them. */
struct view_workers {
    struct view_rows rows, slots; /* slots: of the last worker */
};
void view_worker(struct view_workers *w, const struct msg_worker *worker);
void view_slot(struct view_workers *w, const struct msg_slot *slot);
void view_workers_close(struct view_workers *w); /* all are put: rows is whole */

/* {task, id, title, completed, added_ms, completed_ms} */
void view_task(struct buf *b, const struct msg_task *task);

void view_reason(struct buf *b, const char *code, struct bytes text);
void view_reasons(struct buf *b, uint64_t id, const struct view_rows *rows);

#define DATAFRAME_METHOD "dataframe.run"

/* What the list of queues tells of dataframe jobs. */
struct view_dataframes {
    uint64_t running, workers; /* jobs; workers that offer the method */
};
void view_dataframes_take(struct view_dataframes *d, const struct msg_queue *queue); /* any queue */

/* What runs: slots, the gateway, and who asks. */
uint64_t view_processes(const struct msg_status *status);
/* queues: pairs, each a name and its counts. */
void view_status(struct buf *b, const struct msg_status *status,
                 const struct view_dataframes *dataframes, const struct view_rows *queues);

#endif
