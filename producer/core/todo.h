/* SPDX-License-Identifier: Apache-2.0
 *
 * todo: the to-do list. A task is a session that no worker runs: it waits for the word of a person
 * (todo.c). Here is what the list knows beyond the jobs.
 */
#ifndef CORE_TODO_H
#define CORE_TODO_H

#include "common/map.h"
#include "producer/core/update.h"
#include "proto/record.h"

#define TODO_QUEUE "todo.task"

struct broker;
struct job;
struct peer;
struct queue;

struct task {
    uint64_t number, id;
    struct bytes title; /* owned */
    uint64_t added_ms, completed_ms;
    bool removed; /* not completed, and over: only its number is still taken */
};

struct todo {
    struct queue *queue; /* TODO_QUEUE; NULL: there has been no task */
    struct task **tasks; /* by number - 1; NULL: nothing is known of it */
    size_t capacity;
    uint64_t last, count, open; /* the highest number; on the list; of those not completed */
    struct idmap by_job;        /* open ones, by job::id */
    uint32_t updates;
};

bool todo_named(struct bytes queue);
struct queue *todo_queue(struct broker *b); /* NULL: too many queues */
enum err todo_check(const struct broker *b, struct bytes args, const char **text);
void todo_begin(struct broker *b, struct job *job, struct bytes args);
void todo_added(struct broker *b, const struct job *job);
void todo_complete(struct broker *b, struct job *job);
void todo_ended(struct broker *b, const struct job *job);
void todo_load_job(struct broker *b, const struct job *job);
bool todo_load(struct broker *b, struct bytes name, const struct msg_task_row *row);
void todo_list(struct broker *b, struct peer *peer, const struct msg_list_tasks *ask);
enum err todo_say_complete(struct broker *b, uint64_t number);
void todo_fields(const struct broker *b, struct update *u);
void todo_fini(struct broker *b);

#endif
