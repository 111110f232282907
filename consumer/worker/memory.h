/* SPDX-License-Identifier: Apache-2.0
 *
 * memory: what a process uses, as /proc tells it.
 */
#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct memory {
    uint64_t kib, peak_kib; /* in memory now; the most since memory_forget, or ever */
};

/* What it has now, in a few microseconds; 0: it is gone. */
uint64_t memory_now(pid_t pid);
/* Both, in some twenty. False: it is gone. */
bool memory_look(pid_t pid, struct memory *out);
/* The peak counts from now on. Where it may not be said the peak stays the process's own. */
void memory_forget(pid_t pid);

#endif
