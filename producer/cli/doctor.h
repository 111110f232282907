/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor: one look at the farm and the host it is to run on. doctor.c looks at the broker and its
 * ports, doctor_host.c at this machine, doctor_sandbox.c at what it has to keep handlers to
 * themselves.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "producer/cli/checkup.h"
#include "producer/cli/cli.h"
#include "producer/cli/status.h"

struct doctor {
    struct cli *cli;
    struct checkup checkup;
    struct status_answer status; /* come: a broker answers */
    const char *store;           /* a folder, "memory", or NULL: no home for it */
    char *default_store;         /* what store lends when it was not said */
    int64_t start_us, start_wall_ms;
};

void doctor_limits(struct doctor *d);  /* open files, processes, memory */
void doctor_folders(struct doctor *d); /* modes of the state's folders, the store's disk */
void doctor_clock(struct doctor *d);
void doctor_sandbox(struct doctor *d);

#endif
