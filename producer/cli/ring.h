/* SPDX-License-Identifier: Apache-2.0
 *
 * ring: what the verbs that change a broker's folder of keys (keys_verb.c, invite.c) have in
 * common: which folder, what is printed when it cannot be done and with which code one ends.
 */
#ifndef CLI_RING_H
#define CLI_RING_H

#include "producer/cli/cli.h"
#include "producer/keyring/keyring.h"

/* What a verb does in the folder of --keys, or the usual one. k is closed for it. */
typedef int ring_verb(struct cli *cli, struct keyring *k, const char *folder);
int ring_run(struct cli *cli, ring_verb *verb);

/* The exit code of an end; of one that is not KEYRING_DONE the sentence is printed. */
int ring_exit(struct cli *cli, const struct keyring *k, enum keyring_end end);

/* --queues; NULL: not said. An exit code when it is none. */
int ring_queues(struct cli *cli, const char **queues);

#endif
