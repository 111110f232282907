/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/paths.h"

/* NULL, or what is wrong with a file that is to be private. */
static const char *exposed(const struct stat *is)
{
    if (!S_ISREG(is->st_mode))
        return "is not a file";
    if (is->st_uid == geteuid())
        return is->st_mode & 077 ? "others may read or write it: chmod 600, if they have not"
                                 : NULL;
    if (is->st_uid != 0)
        return "belongs to another user";
    return is->st_mode & 037 ? "others may read or write it" : NULL;
}

static int fail(int error, const char *path, const char *what, char *why, size_t why_size)
{
    snprintf(why, why_size, "%s: %s", path, what);
    return error;
}

static int read_all(int fd, size_t max, struct buf *out)
{
    for (size_t left = max + 1; left;) {
        ssize_t got = read(fd, buf_extend(out, left), left);
        out->size -= got < 0 ? left : left - (size_t)got;
        if (got < 0 && errno != EINTR)
            return errno;
        if (got == 0)
            return 0;
        left -= got < 0 ? 0 : (size_t)got;
    }
    return EFBIG;
}

int secret_read(const char *path, size_t max, struct buf *out, char *why, size_t why_size)
{
    /* A pipe that stands there is not to be waited for. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return fail(EPERM, path, "is a symbolic link", why, why_size);
    if (fd < 0)
        return fail(errno, path, strerror(errno), why, why_size);
    struct stat is;
    int error = fstat(fd, &is) != 0 ? errno : 0;
    const char *wrong = error ? strerror(error) : exposed(&is);
    if (wrong) {
        error = error ? error : EPERM;
    } else if ((error = read_all(fd, max, out))) {
        wrong = error == EFBIG ? "is too long to be what it should be" : strerror(error);
    }
    close(fd);
    return error ? fail(error, path, wrong, why, why_size) : 0;
}

static int write_all(int fd, struct bytes content)
{
    const char *at = content.data;
    for (size_t left = content.size; left;) {
        ssize_t put = write(fd, at, left);
        if (put < 0 && errno != EINTR)
            return errno;
        at += put < 0 ? 0 : put;
        left -= put < 0 ? 0 : (size_t)put;
    }
    return fsync(fd) != 0 ? errno : 0;
}

/* A name that nobody has, then the real one: so a file that is there is whole. */
static int write_beside(const char *path, struct bytes content,
                        int (*put)(const char *beside, const char *path))
{
    char *beside;
    must(asprintf(&beside, "%s.%ld", path, (long)getpid()) > 0);
    unlink(beside); /* of a process with this number that died here */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : write_all(fd, content);
    if (fd >= 0)
        close(fd);
    if (!error && put(beside, path) != 0)
        error = errno;
    if (fd >= 0)
        unlink(beside); /* after a rename there is none */
    free(beside);
    return error ? error : path_keep(path);
}

int secret_make(const char *path, struct bytes content)
{
    return write_beside(path, content, link);
}

int secret_replace(const char *path, struct bytes content)
{
    return write_beside(path, content, rename);
}

void secret_wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->capacity);
    buf_fini(b);
}
