/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: the disk below a folder: how much room it has, and how long it takes to keep 4 KiB for
 * good.
 */
#ifndef CLI_DISK_H
#define CLI_DISK_H

#include "common/buf.h"

enum disk_kind { DISK_PLAIN, DISK_MEMORY, DISK_NETWORK };

struct disk_room {
    uint64_t free_bytes, total_bytes; /* free: for us, not for root */
    uint64_t mark_bytes;              /* below this the broker takes no new jobs */
    enum disk_kind kind;
};
/* 0 or an errno. */
int disk_room(const char *path, struct disk_room *room);

/* The path, or the nearest folder above it that there is. Appended to the buf. */
void disk_nearest(const char *path, struct buf *nearest);

struct disk_times {
    uint64_t mean_us, worst_us;
};
/* Writes 4 KiB count times into a file without a name in that folder, and each time waits until it
 * is on the disk. 0 or an errno; nothing stays behind, however it ends. */
int disk_sync(const char *folder, unsigned count, struct disk_times *times);

#endif
