/* SPDX-License-Identifier: Apache-2.0
 *
 * launch: starts one program as from a terminal: its input empty, its outputs where they are
 * wanted, no signal blocked or ignored because a handler program does so. What posix_spawnp would
 * do, in half its processor time: that one puts all signals back one by one, checks every
 * descriptor, and maps and unmaps a stack. Linux only.
 */
#ifndef SHELL_LAUNCH_H
#define SHELL_LAUNCH_H

#include <sys/types.h>

#include "common/must.h"

struct launch {
    char *const *argv;        /* ends with NULL; looked up in our PATH */
    char *const *environment; /* ends with NULL */
    int out, err;             /* no standard descriptors */
};

/* Starts it, and watches it by *pidfd (closed by exec). 0 or an errno, and then there is no child.
 */
MUST_CHECK int launch_start(const struct launch *l, pid_t *pid, int *pidfd);

#endif
