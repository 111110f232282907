/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch: a folder for temporary files of each runner, all in one folder of this worker. What is
 * left of a runner's goes with it; what a worker leaves that was killed the next one removes: a
 * folder belongs to whoever holds the lock on it.
 */
#ifndef WORKER_SCRATCH_H
#define WORKER_SCRATCH_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/must.h"

struct scratch {
    char path[PATH_MAX];
    int fd; /* of the folder, locked */
};

enum { SCRATCH_PATH = PATH_MAX + 16 };

/* Makes it below a folder, after removing what others have left there. 0, or -1 with errno. */
int scratch_open(struct scratch *s, const char *below) MUST_CHECK;

/* Makes the folder number n, of this user and for nobody else, and gives its path. 0, or -1 with
 * errno. */
int scratch_make(const struct scratch *s, uint32_t n, uid_t user, gid_t group,
                 char path[static SCRATCH_PATH]) MUST_CHECK;
/* Removes it with all that is in it; a full one in a process of its own, which the caller buries
 * like any child. */
void scratch_drop(const struct scratch *s, uint32_t n);

/* Removes all of it. */
void scratch_close(struct scratch *s);

#endif
