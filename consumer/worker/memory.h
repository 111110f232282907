/* SPDX-License-Identifier: Apache-2.0
 *
 * memory: what a process uses, alone or with all that it has started, as /proc tells it.
 */
#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct memory {
    uint64_t kib, peak_kib; /* in memory now; the most since memory_forget, or ever */
};

/* What it has now, in KiB, in a few microseconds; 0: it is gone. */
uint64_t memory_now(pid_t pid);
/* And with all below it. Memory that several of them share counts for each, which is known in some
 * ten microseconds; where that comes to more than limit_kib (0: no limit) it counts once, which
 * takes a millisecond and more. Who has left it for another parent is not below it. */
uint64_t memory_all(pid_t pid, uint64_t limit_kib);
/* Its own, both, in some twenty microseconds. False: it is gone. */
bool memory_look(pid_t pid, struct memory *out);
/* The peak counts from now on. Where it may not be said the peak stays the process's own. */
void memory_forget(pid_t pid);

#endif
