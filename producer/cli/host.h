/* SPDX-License-Identifier: Apache-2.0
 *
 * host: what the kernel says of this machine: who listens on a port, what a control group allows,
 * how well the clock is kept. Reads /proc and /sys only, changes nothing, judges nothing.
 */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include <sys/types.h>

#include "common/buf.h"

/* Appends a file of /proc or /sys; false when it cannot be read. */
bool host_read(const char *path, struct buf *text);
/* The number a file begins with; false for none, and for "max". */
bool host_number(const char *path, uint64_t *number);

/* --- ports ---------------------------------------------------------------------------------- */

/* The inode of the socket that listens on the port, by the text of /proc/net/tcp or tcp6; 0: none
 * that loopback would meet. */
uint64_t host_listener_in(const char *table, unsigned port);
uint64_t host_listener(unsigned port);
/* Who holds that socket; 0: nobody that we may look at. */
enum { HOST_NAME = 32 };
pid_t host_holder(uint64_t inode, char name[static HOST_NAME]);

/* --- control groups ------------------------------------------------------------------------- */

enum { HOST_PATH = 4096 };
/* Our group of this controller by the text of /proc/self/cgroup, as a folder of /sys/fs/cgroup;
 * *v2 tells of which kind. False when there is none. */
bool host_group(const char *self, const char *controller, char path[static HOST_PATH], bool *v2);

struct host_limit {
    uint64_t max, current; /* of the group that has the least left */
};
/* Memory in bytes or processes, the tightest of our group and those above it. False: no limit. */
bool host_memory_limit(struct host_limit *limit);
bool host_process_limit(struct host_limit *limit);
/* A line such as "MemAvailable:   123 kB" of /proc/meminfo, in bytes; 0: there is none. */
uint64_t host_memory(const char *meminfo, const char *name);

/* --- clock ---------------------------------------------------------------------------------- */

enum host_sync { SYNC_UNKNOWN, SYNC_NO, SYNC_YES };
enum host_sync host_clock_sync(uint64_t *error_us);

#endif
