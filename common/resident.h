/* SPDX-License-Identifier: Apache-2.0
 *
 * resident: how much of a process is in memory, as /proc tells it.
 */
#ifndef COMMON_RESIDENT_H
#define COMMON_RESIDENT_H

#include <stdint.h>
#include <sys/types.h>

/* In bytes, in a few microseconds; 0: it is gone, or the kernel does not say. */
uint64_t resident_bytes(pid_t pid);

#endif
