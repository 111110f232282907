/* SPDX-License-Identifier: Apache-2.0
 *
 * folder: the place of a durable store: made when it is not there, locked against a second broker,
 * with an eye on the room left on its disk and a ballast file that can be thrown off once to win
 * some. Knows nothing of what lies in it.
 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include "producer/store/backend.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 64 };

struct folder {
    char path[PATH_BYTES - NAME_BYTES];
    int fd, lock_fd;
    uint64_t free_bytes_min;
    bool ballast, ballast_failed; /* it is there; it could not be made */
};

/* False: why. */
bool folder_open(struct folder *f, const char *path, uint64_t free_bytes_min, struct complaint why);
void folder_close(struct folder *f);

/* The path of a file in it. */
const char *folder_file(const struct folder *f, const char *name, char path[static PATH_BYTES]);

/* Makes entries that were added or renamed last. */
bool folder_sync(const struct folder *f);

/* Is less room left than the watermark: 5 % of the disk and at least free_bytes_min? Makes the
 * ballast again when there is plenty. */
bool folder_low(struct folder *f);
/* False when it is gone already. */
bool folder_drop_ballast(struct folder *f);

#endif
