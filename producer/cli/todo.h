/* SPDX-License-Identifier: Apache-2.0
 *
 * todo: what the two files of `reeve todo` share: the verbs that ask once, and the one that
 * watches.
 */
#ifndef CLI_TODO_H
#define CLI_TODO_H

#include "producer/cli/cli.h"
#include "producer/cli/task.h"

#define TASK_METHOD "todo.task"

/* All tasks there are; 0, or an exit code that has been told. */
int todo_gather(struct cli *cli, struct task_list *out) MUST_CHECK;
/* todo_watch.c */
int todo_watch(struct cli *cli);

#endif
