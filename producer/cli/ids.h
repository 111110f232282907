/* SPDX-License-Identifier: Apache-2.0
 *
 * ids: what verbs do that take ids of jobs: each in turn, and the questions several of them ask.
 */
#ifndef CLI_IDS_H
#define CLI_IDS_H

#include "producer/cli/cli.h"

/* Runs it for each id among the words from `first` on; goes on after a failure, unless nobody
 * answers, and returns the first one's exit code. All ids are looked at before anything happens: a
 * mistyped one changes nothing. */
typedef int ids_run(struct cli *cli, const char *word, uint64_t id, void *user);
int ids_each(struct cli *cli, size_t first, ids_run *run, void *user);

/* One request each, 0 or an exit code that has been told. */
int ids_state(struct cli *cli, const char *word, uint64_t id, enum job_state *state) MUST_CHECK;
int ids_retry(struct cli *cli, const char *word, uint64_t id, uint64_t *new_id) MUST_CHECK;

#endif
