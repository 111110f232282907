/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs: what the table in verbs.c is made of: the functions that run the verbs and the options
 * that are theirs. Each returns an exit code.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "producer/cli/cli.h"

/* job_verbs.c */
int verb_call(struct cli *cli);
int verb_run(struct cli *cli);
/* submit.c */
extern const struct option submit_options[];
int verb_submit(struct cli *cli);
/* map.c */
extern const struct option map_options[];
int verb_map(struct cli *cli);
/* id_verbs.c */
int verb_wait(struct cli *cli);
int verb_result(struct cli *cli);
int verb_cancel(struct cli *cli);
int verb_retry(struct cli *cli);
int verb_explain(struct cli *cli);
/* dead.c */
extern const struct option dead_options[];
int verb_dead(struct cli *cli);
/* job_lists.c */
extern const struct option jobs_options[];
int verb_jobs(struct cli *cli);
int verb_job(struct cli *cli);
/* farm_lists.c */
int verb_queues(struct cli *cli);
int verb_workers(struct cli *cli);
/* status.c */
int verb_status(struct cli *cli);
/* control_verbs.c */
int verb_hold(struct cli *cli);
int verb_release(struct cli *cli);
int verb_drain(struct cli *cli);
/* doctor.c */
extern const struct option doctor_options[];
int verb_doctor(struct cli *cli);
/* config_verb.c */
extern const struct option config_options[];
int verb_config(struct cli *cli);
/* watch.c */
extern const struct option watch_options[];
int verb_watch(struct cli *cli);
/* session.c */
extern const struct option session_options[];
int verb_session(struct cli *cli);
const char *session_verb_name(size_t i); /* of the i-th of its verbs; NULL behind the last */
/* todo.c */
extern const struct option todo_options[];
int verb_todo(struct cli *cli);
const char *todo_verb_name(size_t i); /* the same */
/* ticker_verb.c */
extern const struct option ticker_options[];
int verb_ticker(struct cli *cli);
/* keys_verb.c */
extern const struct option keys_options[];
int verb_keys(struct cli *cli);
const char *keys_verb_name(size_t i); /* the same */
/* invite.c */
extern const struct option invite_options[];
int verb_invite(struct cli *cli);
/* join.c */
int verb_join(struct cli *cli);
/* top_verb.c */
int verb_top(struct cli *cli);
/* menu.c */
int verb_menu(struct cli *cli);
/* up.c */
extern const struct option up_options[];
int verb_up(struct cli *cli);
/* program.c */
int verb_program(struct cli *cli);
/* complete.c */
int verb_completion(struct cli *cli);
/* main.c */
extern const struct option common_options[];
int verb_help_verb(struct cli *cli);
int verb_version(struct cli *cli);

#endif
