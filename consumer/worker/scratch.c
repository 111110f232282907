/* SPDX-License-Identifier: Apache-2.0
 *
 * What is removed here was written by foreign code, which may still run and change it meanwhile. So
 * every step goes by descriptors, follows no link and stays on its file system.
 */
#include "consumer/worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 200, OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static const char prefix[] = "reeve-slots-";

/* --- removing ------------------------------------------------------------------------------- */

/* All that is in the folder; takes the descriptor. What cannot be removed stays. */
static void empty(int fd, int depth)
{
    struct stat here, st;
    DIR *folder = fstat(fd, &here) == 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            unlinkat(dirfd(folder), name, 0) == 0)
            continue;
        int sub = openat(dirfd(folder), name, OPEN_FOLDER);
        /* Follows a link, but root has no need of it and others own no more than who made it. */
        if (sub < 0 && errno == EACCES && fchmodat(dirfd(folder), name, 0700, 0) == 0)
            sub = openat(dirfd(folder), name, OPEN_FOLDER);
        if (sub >= 0 && depth < DEPTH_MAX && fstat(sub, &st) == 0 && st.st_dev == here.st_dev)
            empty(sub, depth + 1);
        else if (sub >= 0)
            close(sub);
        unlinkat(dirfd(folder), name, AT_REMOVEDIR);
    }
    closedir(folder);
}

static void remove_folder(int at, const char *name)
{
    int fd = openat(at, name, OPEN_FOLDER);
    if (fd >= 0)
        empty(fd, 0);
    unlinkat(at, name, AT_REMOVEDIR);
}

/* Those of workers that are gone; of other users' we could not remove anything. */
static void sweep(const char *below)
{
    struct stat st;
    DIR *folder = opendir(below);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        int fd = openat(dirfd(folder), entry->d_name, OPEN_FOLDER);
        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
            flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_folder(dirfd(folder), entry->d_name);
        if (fd >= 0)
            close(fd);
    }
    closedir(folder);
}

/* --- the folder ----------------------------------------------------------------------------- */

/* Between making and locking it somebody may sweep it away: then another one. */
static int make_locked(struct scratch *s, const char *below)
{
    struct stat made, there;
    for (;;) {
        int n = snprintf(s->path, sizeof s->path, "%s/%sXXXXXX", below, prefix);
        if (n < 0 || n >= (int)sizeof s->path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (!mkdtemp(s->path))
            return -1;
        s->fd = open(s->path, OPEN_FOLDER);
        if (s->fd >= 0 && flock(s->fd, LOCK_EX | LOCK_NB) == 0 && fstat(s->fd, &made) == 0 &&
            made.st_nlink && stat(s->path, &there) == 0 && made.st_ino == there.st_ino)
            return 0;
        int saved = errno;
        if (s->fd >= 0)
            close(s->fd);
        s->fd = -1;
        errno = saved;
        if (errno != ENOENT && errno != EWOULDBLOCK)
            return -1;
    }
}

int scratch_open(struct scratch *s, const char *below)
{
    s->fd = -1;
    sweep(below);
    if (make_locked(s, below))
        return -1;
    /* Another user has to get through to its own. */
    return fchmod(s->fd, 0711);
}

static void folder_name(uint32_t n, char name[static 12])
{
    snprintf(name, 12, "%" PRIu32, n);
}

int scratch_make(const struct scratch *s, uint32_t n, uid_t user, gid_t group,
                 char path[static SCRATCH_PATH])
{
    char name[12];
    folder_name(n, name);
    snprintf(path, SCRATCH_PATH, "%s/%s", s->path, name);
    if (mkdirat(s->fd, name, 0700))
        return -1;
    if (user == geteuid() || fchownat(s->fd, name, user, group, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int saved = errno;
    unlinkat(s->fd, name, AT_REMOVEDIR);
    errno = saved;
    return -1;
}

void scratch_drop(const struct scratch *s, uint32_t n)
{
    char name[12];
    folder_name(n, name);
    if (unlinkat(s->fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return;
    pid_t pid = fork();
    if (pid > 0)
        return;
    remove_folder(s->fd, name); /* without a process to spare it is done here */
    if (pid == 0)
        _exit(0);
}

void scratch_close(struct scratch *s)
{
    if (s->fd < 0)
        return;
    remove_folder(AT_FDCWD, s->path);
    close(s->fd);
    s->fd = -1;
}
