/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/log.h"

enum { BALLAST_BYTES = 64 << 20 };

const char *folder_file(const struct folder *f, const char *name, char path[static PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", f->path, name);
    return path;
}

bool folder_sync(const struct folder *f)
{
    return fsync(f->fd) == 0;
}

/* A new folder is an entry of the one above it, which is to be on disk too. */
static bool sync_above(const char *path)
{
    char above[PATH_BYTES + 4];
    snprintf(above, sizeof above, "%s/..", path);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool make(const char *path, struct complaint why)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        complain(why, "cannot make the folder %s: %s", path, strerror(errno));
        return false;
    }
    if (made && !sync_above(path)) {
        complain(why, "cannot keep the folder %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* The file stays when we go: the lock is what counts, and the kernel drops it with the process. The
 * pid in it is for people. */
static bool lock(struct folder *f, struct complaint why)
{
    char text[32] = "";
    f->lock_fd = openat(f->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->lock_fd < 0) {
        complain(why, "cannot open %s/lock: %s", f->path, strerror(errno));
        return false;
    }
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        ssize_t size = read(f->lock_fd, text, sizeof text - 1);
        text[size > 0 ? strcspn(text, "\n") : 0] = 0;
        complain(why, "%s is in use by another broker (pid %s)", f->path, *text ? text : "unknown");
        return false;
    }
    int size = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(f->lock_fd, 0) < 0 || pwrite(f->lock_fd, text, (size_t)size, 0) != size)
        log_warn("%s/lock does not tell our pid: %s", f->path, strerror(errno));
    return true;
}

bool folder_open(struct folder *f, const char *path, uint64_t free_bytes_min, struct complaint why)
{
    *f = (struct folder){.fd = -1, .lock_fd = -1, .free_bytes_min = free_bytes_min};
    if (!*path || strlen(path) >= sizeof f->path) {
        complain(why, "not a path of a folder: %s", path);
        return false;
    }
    memcpy(f->path, path, strlen(path) + 1);
    if (!make(path, why))
        return false;
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0) {
        complain(why, "cannot open the folder %s: %s", path, strerror(errno));
        return false;
    }
    if (!lock(f, why)) {
        folder_close(f);
        return false;
    }
    f->ballast = faccessat(f->fd, "ballast", F_OK, 0) == 0;
    return true;
}

void folder_close(struct folder *f)
{
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = f->lock_fd = -1;
}

/* --- room ------------------------------------------------------------------------------------- */

/* Not made whole: it takes the room it was to keep, so it goes again. */
static void make_ballast(struct folder *f, uint64_t bytes)
{
    int fd = openat(f->fd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
    if (fd >= 0)
        close(fd);
    f->ballast = rc == 0;
    f->ballast_failed = rc != 0;
    if (rc) {
        log_warn("no ballast file in %s: %s", f->path, strerror(rc));
        unlinkat(f->fd, "ballast", 0);
    }
}

bool folder_drop_ballast(struct folder *f)
{
    if (!f->ballast)
        return false;
    f->ballast = false;
    return unlinkat(f->fd, "ballast", 0) == 0;
}

bool folder_low(struct folder *f)
{
    struct statvfs disk;
    if (fstatvfs(f->fd, &disk) < 0) {
        log_warn("how much room %s has left: %s", f->path, strerror(errno));
        return false;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t mark = (uint64_t)disk.f_blocks * disk.f_frsize / 20;
    if (mark < f->free_bytes_min)
        mark = f->free_bytes_min;
    uint64_t ballast = mark / 4 < BALLAST_BYTES ? mark / 4 : BALLAST_BYTES;
    if (!f->ballast && !f->ballast_failed && left >= mark + ballast)
        make_ballast(f, ballast);
    return left < mark;
}
