/* SPDX-License-Identifier: Apache-2.0
 *
 * row: what the core gives the store to keep, and gets back when it starts. A row is a run of
 * records (proto/messages.def), which the store does not look into; kind and key name it.
 *
 *   kind        key                   row
 *   ROW_JOB     id of an open job     submit, origin, [chain_row], attempt...
 *   ROW_ENDED   id of an ended job    submit, origin, [chain_row], attempt..., ended_row, ended
 *   ROW_CLIENT  peer id               client_row: the highest number taken
 *   ROW_KEY     a user's key          key_row: the job it leads to, until when
 *   ROW_WORKER  peer id               worker_row: it may hold leases
 *   ROW_QUEUE   its name              queue_row: it is held
 *   ROW_MARK    none                  mark_row: no job above this id was ever leased
 *   ROW_LINES   id of a session       text, whole lines: added to what it has; never loaded
 *   ROW_TASK    its number, in digits task_row: a task on the to-do list that is over
 *   ROW_JOINED  peer id, number in    joined_row: the job that a user's key led this number of the
 *               digits                client to
 *
 * Putting a row replaces the one of the same kind and key; putting ROW_ENDED also takes the ROW_JOB
 * of that id away. The lines of a session go with its ROW_ENDED.
 */
#ifndef CORE_ROW_H
#define CORE_ROW_H

#include "common/buf.h"

/* The numbers are kept on disk: only ever added to. */
enum row_kind {
    ROW_JOB,
    ROW_ENDED,
    ROW_CLIENT,
    ROW_KEY,
    ROW_WORKER,
    ROW_MARK,
    ROW_QUEUE,
    ROW_LINES,
    ROW_TASK,
    ROW_JOINED,
    ROW_KINDS
};

struct row_key {
    enum row_kind kind;
    uint64_t id;       /* of a job; else 0 */
    struct bytes name; /* else; at most 200 bytes */
};

/* What became of a row handed to the store. An engine that only this broker uses always keeps it;
 * one that is shared may not. */
enum row_outcome {
    ROW_STORED,
    ROW_FENCED, /* another broker has taken over: this one must end */
};

#endif
