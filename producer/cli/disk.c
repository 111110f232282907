/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"

enum { BLOCK_BYTES = 4096, MARK_PART = 20 };
#define MARK_BYTES (256ull << 20) /* as the broker's store has it */

#define SMB2_MAGIC 0xfe534d42u
#define CIFS_MAGIC 0xff534d42u

static enum disk_kind kind_of(unsigned long type)
{
    switch (type & 0xffffffffu) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC: return DISK_MEMORY;
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_MAGIC:
    case SMB2_MAGIC: return DISK_NETWORK;
    default: return DISK_PLAIN;
    }
}

int disk_room(const char *path, struct disk_room *room)
{
    struct statvfs sizes;
    struct statfs type;
    if (statvfs(path, &sizes) < 0 || statfs(path, &type) < 0)
        return errno;
    uint64_t total = (uint64_t)sizes.f_blocks * sizes.f_frsize, part = total / MARK_PART;
    *room = (struct disk_room){.free_bytes = (uint64_t)sizes.f_bavail * sizes.f_frsize,
                               .total_bytes = total,
                               .mark_bytes = part > MARK_BYTES ? part : MARK_BYTES,
                               .kind = kind_of((unsigned long)type.f_type)};
    return 0;
}

void disk_nearest(const char *path, struct buf *nearest)
{
    size_t start = nearest->size;
    buf_put(nearest, path, strlen(path));
    while (access(buf_text(nearest) + start, F_OK) != 0 && nearest->size > start) {
        while (nearest->size > start && nearest->data[nearest->size - 1] == '/')
            nearest->size--;
        while (nearest->size > start && nearest->data[nearest->size - 1] != '/')
            nearest->size--;
    }
    while (nearest->size > start + 1 && nearest->data[nearest->size - 1] == '/')
        nearest->size--;
    if (nearest->size == start)
        buf_put(nearest, ".", 1);
}

/* Without a name, so that even a kill leaves nothing; where the file system cannot do that, the
 * name goes before anything is written. */
static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
        return fd;
    struct buf path = {0};
    buf_printf(&path, "%s/doctor-%d.probe", folder, (int)getpid());
    fd = open(buf_text(&path), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    int error = errno;
    if (fd >= 0)
        unlink(buf_text(&path));
    buf_fini(&path);
    errno = error;
    return fd;
}

int disk_sync(const char *folder, unsigned count, struct disk_times *times)
{
    static const unsigned char block[BLOCK_BYTES];
    int fd = open_nameless(folder), error = 0;
    uint64_t sum_us = 0;
    *times = (struct disk_times){0};
    if (fd < 0)
        return errno;
    for (unsigned i = 0; i < count && !error; i++) {
        int64_t start_us = clock_us();
        ssize_t size = pwrite(fd, block, sizeof block, (off_t)i * BLOCK_BYTES);
        if (size < 0 || (size == BLOCK_BYTES && fdatasync(fd) != 0))
            error = errno;
        else if (size != BLOCK_BYTES)
            error = ENOSPC;
        uint64_t took_us = (uint64_t)(clock_us() - start_us);
        sum_us += took_us;
        if (took_us > times->worst_us)
            times->worst_us = took_us;
    }
    times->mean_us = count ? sum_us / count : 0;
    close(fd);
    return error;
}
