/* SPDX-License-Identifier: Apache-2.0
 *
 * session_verbs: what the files share that hold the verbs of `reeve session`.
 */
#ifndef CLI_SESSION_VERBS_H
#define CLI_SESSION_VERBS_H

#include "producer/cli/session.h"

/* What was said last, on standard output when it went well, else as any verb tells a failure; p is
 * what programs get besides, and is gone. Returns the exit code. */
int session_answer(struct session *s, int exit_code, struct pairs *p);
int session_answer_id(struct session *s, int exit_code); /* besides: the id */

/* The words from `first` on as NAME=VALUE; 0, or an exit code that has been told. */
int session_values(struct cli *cli, size_t first, struct tags *tags) MUST_CHECK;

/* session_queries.c */
int session_show(struct session *s);
int session_objective(struct session *s);
int session_list(struct session *s);
int session_cv(struct session *s);
int session_models(struct session *s);
int session_status(struct session *s);

#endif
