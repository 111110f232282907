/* SPDX-License-Identifier: Apache-2.0
 *
 * task: what a to-do task is to the command line: which titles there can be, which numbers, the
 * list, and how far each task is, so that its changes can be told apart from what was known. Pure.
 */
#ifndef CLI_TASK_H
#define CLI_TASK_H

#include "proto/record.h"

enum { TASK_TITLE_MAX = 1000, TASK_NUMBER_MAX = 10000000 };

/* NULL, or what is wrong with it. */
const char *task_title_wrong(struct bytes title);
/* Of a word; 0 for what is no number of a task. */
uint64_t task_number(const char *word);

enum task_state { TASK_NONE, TASK_OPEN, TASK_COMPLETED, TASK_REMOVED };

/* How far tasks 1.. are; zeroed storage knows of none. Whole numbers of the broker: few are left
 * out between them. */
struct task_states {
    unsigned char *at;
    uint64_t count, last; /* room; the highest task that is known */
};
/* From now on it is that far. True when it was not: it has changed. A task only ever goes on:
 * what is behind what is known is old news. */
bool task_reach(struct task_states *s, uint64_t task, enum task_state state);
enum task_state task_state(const struct task_states *s, uint64_t task);
/* Its number belongs to another task from now on. */
void task_forget(struct task_states *s, uint64_t task);
void task_states_fini(struct task_states *s);

/* "added", "completed", "removed". */
const char *task_event(enum task_state state);
enum task_state task_event_state(struct bytes event); /* TASK_NONE: another event */

/* Tasks as the broker lists them, page by page. Zeroed storage is an empty list. */
struct task_list {
    struct task_entry {
        uint64_t task, id, added_ms, completed_ms;
        size_t title, title_size; /* in titles */
    } * entries;
    size_t count;
    struct buf titles;
    size_t page;   /* entries before this page */
    uint64_t next; /* where the next page begins; 0: that was all */
};
/* The request for the page that comes next. */
struct record task_list_ask(struct task_list *l);
/* One answer to it; true: it was the last one. */
bool task_list_take(struct task_list *l, const struct record *answer);
void task_list_fini(struct task_list *l);

static inline struct bytes task_title(const struct task_list *l, const struct task_entry *entry)
{
    return bytes_of(l->titles.data + entry->title, entry->title_size);
}

#endif
