/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup: limits of memory, processes and processor time for a runner and all that it starts, where
 * the system has given us a part of its cgroup v2 tree (systemd: Delegate=yes). Each runner gets a
 * leaf of its own; above its limit of memory the kernel kills the whole leaf and counts it. Our own
 * processes move to a leaf beside them, since only leaves may hold processes.
 */
#ifndef WORKER_CGROUP_H
#define WORKER_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/must.h"

enum { CGROUP_WHY = 200 };

struct cgroup_limits { /* of a leaf; 0: none */
    uint64_t memory_bytes, processes;
    uint64_t cpu_us; /* a CGROUP_PERIOD_US, on all cores together */
};

enum { CGROUP_PERIOD_US = 100000 };

struct cgroup {
    char path[PATH_MAX]; /* the folder of the leaves */
    unsigned owner;      /* part of their names: several workers may share the folder */
    struct cgroup_limits limits;
};

/* Moves this process, and with it all it forks, to a leaf, and makes limits for others possible.
 * False: that is not to be had here; why says what is missing, and nothing has changed. */
bool cgroup_open(struct cgroup *c, const struct cgroup_limits *limits,
                 char why[static CGROUP_WHY]) MUST_CHECK;
/* Takes that back: no leaf of ours is in use any more. */
void cgroup_close(const struct cgroup *c);

/* The folder in which a process finds itself: /proc/self/cgroup and /proc/self/mountinfo read
 * together. False: it is in no cgroup v2, or not in sight. */
bool cgroup_find(const char *self, const char *mounts, char path[static PATH_MAX]) MUST_CHECK;

/* A new leaf, limited; a process enters it by writing 0 to the descriptor. -1 with errno. */
int cgroup_leaf_open(const struct cgroup *c, uint32_t leaf) MUST_CHECK;
/* Has the kernel killed for memory here? */
bool cgroup_leaf_oom(const struct cgroup *c, uint32_t leaf);
/* Kills all that is in it, where the kernel can. */
void cgroup_leaf_kill(const struct cgroup *c, uint32_t leaf);
/* Removes all leaves that are empty: ours, and those that workers left which are gone. */
void cgroup_sweep(const struct cgroup *c);

#endif
