/* SPDX-License-Identifier: Apache-2.0
 *
 * list: what a list verb gathers from the broker's answers: rows of a table for people, values for
 * --json, or bare names for --quiet.
 */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "producer/cli/cli.h"
#include "producer/cli/output.h"
#include "producer/view/view.h"

extern const struct option list_options[];

struct list {
    struct cli *cli;
    bool quiet;
    struct table table;
    struct view_rows rows;
    uint64_t next, count; /* of jobs: where to go on; how many so far */
    int64_t now_ms;       /* wall clock */
};

struct list list_start(struct cli *cli, size_t columns, const char *const *heads);
/* Jobs that fit `which` (its after and limit are ours), newest first, at most limit (0: all), each
 * counted in l->count and handed to take; l->next is not 0 when there are more. */
int list_jobs(struct list *l, const struct msg_list_jobs *which, uint64_t limit, ask_answer *take);
/* The table, or {NAME: [rows]}; nothing when quiet. */
void list_print(struct list *l, const char *name);
void list_free(struct list *l);

/* Queues into a list (farm_lists.c); into a JSON one as pairs of a name and its counts. */
void queues_take(void *list, const struct record *answer);

#endif
