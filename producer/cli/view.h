/* SPDX-License-Identifier: Apache-2.0
 *
 * view: jobs, queues and workers as programs see them (--json). The keys only grow.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "proto/record.h"

struct history;

void view_job(struct buf *b, const struct msg_job *job);
/* With how each of its attempts ended. */
void view_job_history(struct buf *b, const struct msg_job *job, const struct history *history);
void view_queue_counts(struct buf *b, const struct msg_queue *queue);
/* A worker's map, open at its last key, slots: the caller puts the array. */
void view_worker_head(struct buf *b, const struct msg_worker *worker);
void view_slot(struct buf *b, const struct msg_slot *slot);

/* Rows that are counted only at their end: several values to become one array. */
struct view_rows {
    uint32_t count;
    struct buf buf;
};
void view_reason(struct buf *b, const char *code, struct bytes text);
/* {id, reasons: [rows]} as a line of JSON. */
void view_reasons_print(uint64_t id, const struct view_rows *rows);
/* {NAME: [rows]} as a line of JSON; frees the rows. */
void view_print(const char *name, struct view_rows *rows);

#endif
