/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/texts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crc32c.h"
#include "common/log.h"
#include "common/paths.h"
#include "proto/states.h"

#define NAME_START "session_"
#define NAME_END   ".txt"
#define DRAFT_END  ".new"

enum {
    READ_BYTES = 64 << 10,
    /* Neither a link nor a pipe that somebody has put there is followed or waited for. */
    OPEN_FLAGS = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
};

static const char *name_of(uint64_t id, const char *end, char name[static NAME_BYTES])
{
    char text[JOB_ID_TEXT];
    snprintf(name, NAME_BYTES, NAME_START "%s" NAME_END "%s", job_id_text(id, text), end);
    return name;
}

/* 0: it is not the name of a session's file, or of its draft. */
static uint64_t id_of(const char *name, bool *draft)
{
    char text[JOB_ID_TEXT], same[NAME_BYTES];
    if (strlen(name) < strlen(NAME_START) + JOB_ID_TEXT - 1)
        return 0;
    snprintf(text, sizeof text, "%s", name + strlen(NAME_START));
    uint64_t id = job_id_parse(text);
    *draft = strcmp(name, name_of(id, DRAFT_END, same)) == 0;
    return *draft || strcmp(name, name_of(id, "", same)) == 0 ? id : 0;
}

/* --- the folder ------------------------------------------------------------------------------- */

static void let_go(struct texts *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static void tell(struct texts *t, const char *what, int error)
{
    if (!t->failing)
        log_warn("sessions' files: %s/%s: %s; it is tried again", t->path, what,
                 error == EWOULDBLOCK ? "in use by another broker" : strerror(error));
    t->failing = true;
    if (error == ENOENT) /* the folder has been taken away: another one is made */
        let_go(t);
}

/* What no process that lives can want. */
static void clean(const struct texts *t)
{
    int fd = openat(t->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        log_warn("sessions' files: %s: %s", t->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat file;
        bool draft;
        if (!id_of(entry->d_name, &draft) ||
            fstatat(t->fd, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(file.st_mode) || (!draft && !(file.st_mode & S_ISVTX)))
            continue;
        if (unlinkat(t->fd, entry->d_name, 0) < 0)
            log_warn("sessions' files: %s/%s: %s", t->path, entry->d_name, strerror(errno));
    }
    closedir(dir);
}

/* 0, or an errno. */
static int take(struct texts *t)
{
    t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->fd < 0)
        return errno;
    if (flock(t->fd, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;
        let_go(t);
        return error;
    }
    clean(t);
    return 0;
}

static bool ready(struct texts *t)
{
    if (t->fd >= 0)
        return true;
    int error = path_make_above(t->path);
    if (!error && mkdir(t->path, 0700) < 0 && errno != EEXIST)
        error = errno;
    error = error ? error : take(t);
    if (error)
        tell(t, "", error);
    return !error;
}

void texts_init(struct texts *t, const char *path, bool passing)
{
    *t = (struct texts){.fd = -1, .passing = passing};
    if (!path)
        return;
    if (strlen(path) >= sizeof t->path) {
        log_warn("sessions' files: there are none, the name of their folder is too long");
        return;
    }
    memcpy(t->path, path, strlen(path) + 1);
    take(t); /* it may not be there, or be somebody else's: told when there is something to write */
    let_go(t); /* until then another broker may have it */
}

void texts_fini(struct texts *t)
{
    let_go(t);
}

void texts_well(struct texts *t)
{
    if (t->failing)
        log_info("sessions' files: %s: all is right again", t->path);
    t->failing = false;
}

/* --- files ------------------------------------------------------------------------------------ */

static mode_t mode_of(const struct texts *t)
{
    return 0600 | (t->passing ? S_ISVTX : 0);
}

/* Written in part it is cut again: what stands in a file is whole lines. */
static enum text_result add(struct texts *t, const char *name, int fd, uint64_t at,
                            struct bytes lines)
{
    ssize_t done = pwrite(fd, lines.data, lines.size, (off_t)at);
    if (done == (ssize_t)lines.size)
        return TEXT_DONE;
    int error = done < 0 ? errno : ENOSPC;
    if (done > 0 && ftruncate(fd, (off_t)at) < 0)
        log_warn("sessions' files: %s/%s: %s", t->path, name, strerror(errno));
    tell(t, name, error);
    return TEXT_FAILED;
}

enum text_result texts_append(struct texts *t, uint64_t id, uint64_t at, struct bytes lines)
{
    char name[NAME_BYTES];
    struct stat file;
    if (!*t->path)
        return TEXT_DONE;
    if (!ready(t))
        return TEXT_FAILED;
    int fd = openat(t->fd, name_of(id, "", name), O_WRONLY | OPEN_FLAGS | (at ? 0 : O_CREAT),
                    mode_of(t));
    if (fd < 0)
        return TEXT_OTHER; /* writing it as a whole is what can be done about it */
    bool fits = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && (uint64_t)file.st_size == at &&
                !(file.st_mode & S_ISVTX) == !t->passing;
    enum text_result result = fits ? add(t, name, fd, at, lines) : TEXT_OTHER;
    close(fd);
    return result;
}

void texts_begin(struct texts *t, struct draft *d, uint64_t id)
{
    char name[NAME_BYTES];
    *d = (struct draft){.id = id, .fd = -1};
    if (!*t->path || !ready(t))
        return;
    unlinkat(t->fd, name_of(id, DRAFT_END, name), 0); /* mostly it is not there */
    d->fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, mode_of(t));
    d->error = d->fd < 0 ? errno : 0;
}

void texts_put(struct draft *d, struct bytes part)
{
    if (d->fd < 0 || d->error || !part.size)
        return;
    ssize_t done = pwrite(d->fd, part.data, part.size, (off_t)d->size);
    if (done != (ssize_t)part.size)
        d->error = done < 0 ? errno : ENOSPC;
    d->size += part.size;
}

bool texts_end(struct texts *t, struct draft *d)
{
    char name[NAME_BYTES], draft[NAME_BYTES];
    if (d->fd < 0 && !d->error)
        return !*t->path;
    name_of(d->id, "", name);
    name_of(d->id, DRAFT_END, draft);
    if (d->fd >= 0)
        close(d->fd);
    if (!d->error && renameat(t->fd, draft, t->fd, name) < 0)
        d->error = errno;
    if (!d->error)
        return true;
    if (d->fd >= 0)
        unlinkat(t->fd, draft, 0); /* or else the next one does */
    tell(t, name, d->error);
    return false;
}

void texts_give_up(struct texts *t, struct draft *d)
{
    char draft[NAME_BYTES];
    if (d->fd < 0)
        return;
    close(d->fd);
    unlinkat(t->fd, name_of(d->id, DRAFT_END, draft), 0);
}

bool texts_holds(struct texts *t, uint64_t id, uint64_t size, uint32_t sum)
{
    char name[NAME_BYTES];
    unsigned char bytes[READ_BYTES];
    uint32_t is = 0;
    uint64_t at = 0;
    if (!*t->path)
        return true;
    if (!ready(t))
        return false;
    int fd = openat(t->fd, name_of(id, "", name), O_RDONLY | OPEN_FLAGS);
    if (fd < 0)
        return false;
    for (ssize_t got; at <= size && (got = read(fd, bytes, sizeof bytes)) > 0;) {
        is = crc32c(is, bytes_of(bytes, (size_t)got));
        at += (uint64_t)got;
    }
    close(fd);
    return at == size && is == sum;
}

bool texts_remove(struct texts *t, uint64_t id)
{
    char name[NAME_BYTES];
    if (!*t->path || (t->fd < 0 && access(t->path, F_OK) < 0 && errno == ENOENT))
        return true;
    if (!ready(t))
        return false;
    unlinkat(t->fd, name_of(id, DRAFT_END, name), 0);
    if (unlinkat(t->fd, name_of(id, "", name), 0) == 0 || errno == ENOENT)
        return true;
    tell(t, name, errno);
    return false;
}
