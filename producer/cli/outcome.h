/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome: how one job ended, kept beyond the callback that told it, and how that is said to
 * people and to programs. Used by the verbs that wait for single jobs.
 */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "producer/cli/cli.h"

struct outcome {
    bool done;
    uint64_t id; /* known from its acceptance on */
    int code;    /* REEVE_OK, or why it was refused */
    enum reeve_state state;
    struct buf value; /* msgpack */
    struct buf text;  /* the value in words, or the refusal */
    char reason[64];  /* "" or why it did not go well */
    unsigned attempts;
};

void outcome_take(struct outcome *o, const struct reeve_result *result); /* copies */
void outcome_fini(struct outcome *o);

/* The exit code that tells it. */
int outcome_exit(const struct outcome *o);
/* "failed: division by zero", "dead (signal 11): ...", "cancelled" */
const char *outcome_text(const struct outcome *o, struct buf *scratch);
/* Prints value or failure as call and result do; returns the exit code. what: the method or id
 * that a refusal is about. */
int outcome_print(struct cli *cli, const struct outcome *o, const char *what);
/* {id,state,value,error}, led by line when that is not 0: as text without a newline. */
void outcome_pack(const struct outcome *o, uint64_t line, struct buf *json);

/* Hands in a job (args: a packed array) and waits for its end, --wait or Ctrl-C; 0 with o filled,
 * or an exit code that has been told. */
int outcome_run(struct cli *cli, const char *method, struct bytes args,
                struct outcome *o) MUST_CHECK;

#endif
