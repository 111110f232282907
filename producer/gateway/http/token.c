/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/http/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "common/paths.h"

static bool fail(char *why, size_t why_size, const char *path, const char *what)
{
    snprintf(why, why_size, "%s: %s", path, what);
    return false;
}

static void token_make(char token[static TOKEN_DIGITS + 1])
{
    unsigned char bits[TOKEN_DIGITS / 2];
    must(getrandom(bits, sizeof bits, 0) == (ssize_t)sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++)
        snprintf(token + 2 * i, 3, "%02x", bits[i]);
}

/* A name that nobody has, then the real one: so a file that is there is whole. EEXIST: somebody was
 * faster. */
static int write_new(const char *path)
{
    char token[TOKEN_DIGITS + 1], *beside;
    must(asprintf(&beside, "%s.%ld", path, (long)getpid()) > 0);
    unlink(beside); /* of a process with this number that died here */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : 0;
    if (!error) {
        token_make(token);
        token[TOKEN_DIGITS] = '\n';
        if (write(fd, token, sizeof token) != (ssize_t)sizeof token || fsync(fd) != 0)
            error = errno ? errno : ENOSPC;
        if (!error && link(beside, path) != 0)
            error = errno;
        close(fd);
        unlink(beside);
    }
    explicit_bzero(token, sizeof token);
    free(beside);
    return error;
}

static bool digits_only(const char *text, size_t size)
{
    return strspn(text, "0123456789abcdef") == size;
}

static bool token_read(int fd, const char *path, char token[static TOKEN_DIGITS + 1], char *why,
                       size_t why_size)
{
    struct stat is;
    char text[TOKEN_DIGITS + 2] = {0};
    if (fstat(fd, &is) != 0)
        return fail(why, why_size, path, strerror(errno));
    if (!S_ISREG(is.st_mode))
        return fail(why, why_size, path, "is not a file");
    if (is.st_uid != geteuid())
        return fail(why, why_size, path, "belongs to another user");
    if (is.st_mode & 077)
        return fail(why, why_size, path,
                    "others may read or write it: remove it and a new one is made, or chmod 600");
    ssize_t got = read(fd, text, sizeof text - 1);
    if (got < 0)
        return fail(why, why_size, path, strerror(errno));
    if (got > TOKEN_DIGITS && text[TOKEN_DIGITS] == '\n')
        text[TOKEN_DIGITS] = 0;
    if (strlen(text) != TOKEN_DIGITS || !digits_only(text, TOKEN_DIGITS) ||
        is.st_size > TOKEN_DIGITS + 1)
        return fail(why, why_size, path,
                    "holds no token of 64 hexadecimal digits: remove it and a new one is made");
    memcpy(token, text, TOKEN_DIGITS + 1);
    return true;
}

bool token_load(const char *path, char token[static TOKEN_DIGITS + 1], char *why, size_t why_size)
{
    enum { FLAGS = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };
    int fd = open(path, FLAGS), error;
    if (fd < 0 && errno == ENOENT) {
        if ((error = path_make_above(path)) || ((error = write_new(path)) && error != EEXIST))
            return fail(why, why_size, path, strerror(error));
        fd = open(path, FLAGS);
    }
    if (fd < 0)
        return fail(why, why_size, path, errno == ELOOP ? "is a symbolic link" : strerror(errno));
    bool read_well = token_read(fd, path, token, why, why_size);
    close(fd);
    return read_well;
}
