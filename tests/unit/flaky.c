/* SPDX-License-Identifier: Apache-2.0
 *
 * A file's history: what it held at its last sync, and the changes since. Changes go to the real
 * file at once, as they go into the kernel's cache.
 */
#include "tests/unit/flaky.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/must.h"
#include "common/random.h"

enum { SECTOR = 512, PATH_MAX_BYTES = 4096 };

struct change {
    struct change *next;
    sqlite3_int64 at; /* of a truncation: the new size */
    size_t size;
    bool truncates;
    unsigned char bytes[];
};

struct history {
    struct history *next;
    char path[PATH_MAX_BYTES];
    struct buf synced;
    struct change *changes, **end;
    bool there;     /* in its folder */
    bool was_there; /* and may be again after a crash: a removal is not synced */
};

struct flaky_file {
    sqlite3_file base;       /* must be first: to SQLite it is one */
    struct history *history; /* NULL: a file without */
    sqlite3_file real[];
};

static struct {
    sqlite3_vfs vfs, *real;
    pthread_mutex_t mutex;
    struct history *histories;
    unsigned counts[6];
    unsigned fail_calls, fail_in; /* which; how many are left until then */
    int fail_code;
    bool fail_ever_after, has_failed;
    unsigned crash_in; /* 0: not */
    bool crashed;
} flaky = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- faults ----------------------------------------------------------------------------------- */

/* SQLITE_OK, or what the call is to give. */
static int fault(enum flaky_call call, int when_crashed)
{
    int code = SQLITE_OK;
    pthread_mutex_lock(&flaky.mutex);
    flaky.counts[__builtin_ctz(call)]++;
    if (flaky.fail_calls & call) {
        if (flaky.fail_in)
            flaky.fail_in--;
        if (!flaky.fail_in && (!flaky.has_failed || flaky.fail_ever_after)) {
            code = flaky.fail_code;
            flaky.has_failed = true;
        }
    }
    if (flaky.crash_in && (call & FLAKY_CHANGES) && --flaky.crash_in == 0)
        flaky.crashed = true;
    if (flaky.crashed)
        code = when_crashed;
    pthread_mutex_unlock(&flaky.mutex);
    return code;
}

void flaky_calm(void)
{
    pthread_mutex_lock(&flaky.mutex);
    memset(flaky.counts, 0, sizeof flaky.counts);
    flaky.fail_calls = flaky.crash_in = 0;
    flaky.has_failed = flaky.crashed = false;
    pthread_mutex_unlock(&flaky.mutex);
}

void flaky_fail(unsigned calls, unsigned nth, int code, bool ever_after)
{
    pthread_mutex_lock(&flaky.mutex);
    flaky.fail_calls = calls;
    flaky.fail_in = nth;
    flaky.fail_code = code;
    flaky.fail_ever_after = ever_after;
    flaky.has_failed = false;
    pthread_mutex_unlock(&flaky.mutex);
}

unsigned flaky_count(unsigned calls)
{
    unsigned count = 0;
    pthread_mutex_lock(&flaky.mutex);
    for (unsigned i = 0; i < LENGTH(flaky.counts); i++)
        if (calls >> i & 1)
            count += flaky.counts[i];
    pthread_mutex_unlock(&flaky.mutex);
    return count;
}

static bool told(const bool *what)
{
    pthread_mutex_lock(&flaky.mutex);
    bool is = *what;
    pthread_mutex_unlock(&flaky.mutex);
    return is;
}

bool flaky_has_failed(void)
{
    return told(&flaky.has_failed);
}

bool flaky_crashed(void)
{
    return told(&flaky.crashed);
}

void flaky_crash_at(unsigned nth)
{
    pthread_mutex_lock(&flaky.mutex);
    flaky.crash_in = nth;
    pthread_mutex_unlock(&flaky.mutex);
}

/* --- histories -------------------------------------------------------------------------------- */

static void changes_drop(struct history *h)
{
    for (struct change *c; (c = h->changes);) {
        h->changes = c->next;
        free(c);
    }
    h->end = &h->changes;
}

static void read_all(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat file;
    if (fd < 0)
        return;
    must(fstat(fd, &file) == 0);
    size_t size = (size_t)file.st_size;
    if (size)
        must(read(fd, buf_extend(out, size), size) == (ssize_t)size);
    close(fd);
}

/* What the real file holds when we first hear of it counts as synced. */
static struct history *history_of(const char *path)
{
    struct history *h = flaky.histories;
    while (h && strcmp(h->path, path) != 0)
        h = h->next;
    if (h)
        return h;
    h = must_alloc(sizeof *h);
    must(strlen(path) < sizeof h->path);
    memcpy(h->path, path, strlen(path) + 1);
    h->end = &h->changes;
    h->next = flaky.histories;
    flaky.histories = h;
    h->was_there = h->there = access(path, F_OK) == 0;
    read_all(path, &h->synced);
    return h;
}

static void note(struct history *h, bool truncates, sqlite3_int64 at, const void *bytes,
                 size_t size)
{
    struct change *c = must_alloc(sizeof *c + size);
    *c = (struct change){.truncates = truncates, .at = at, .size = size};
    bytes_copy(c->bytes, bytes_of(bytes, size));
    *h->end = c;
    h->end = &c->next;
}

static void resize(struct buf *file, size_t size)
{
    if (size > file->size) {
        size_t more = size - file->size;
        memset(buf_extend(file, more), 0, more);
    }
    file->size = size;
}

static void apply(struct buf *file, const struct change *c, size_t size)
{
    if (c->truncates) {
        resize(file, (size_t)c->at);
        return;
    }
    if (file->size < (size_t)c->at + size)
        resize(file, (size_t)c->at + size);
    memcpy(file->data + c->at, c->bytes, size);
}

static void synced(struct history *h)
{
    for (const struct change *c = h->changes; c; c = c->next)
        apply(&h->synced, c, c->size);
    changes_drop(h);
    h->was_there = h->there;
}

void flaky_forget(void)
{
    pthread_mutex_lock(&flaky.mutex);
    for (struct history *h; (h = flaky.histories);) {
        flaky.histories = h->next;
        changes_drop(h);
        buf_fini(&h->synced);
        free(h);
    }
    pthread_mutex_unlock(&flaky.mutex);
}

/* --- after a crash ---------------------------------------------------------------------------- */

static void spoil(struct change *c, struct random *r)
{
    for (size_t at = 0; at < c->size; at += SECTOR) {
        size_t size = c->size - at < SECTOR ? c->size - at : SECTOR;
        if (random_below(r, 4) == 0)
            for (size_t i = 0; i < size; i++)
                c->bytes[at + i] = (unsigned char)random_next(r);
    }
}

/* Any of them, in any order, some torn. */
static void keep_some(struct history *h, struct random *r, bool spoils)
{
    struct change *list[4096];
    size_t count = 0;
    for (struct change *c = h->changes; c && count < LENGTH(list); c = c->next)
        list[count++] = c;
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(r, i);
        struct change *swap = list[i - 1];
        list[i - 1] = list[other];
        list[other] = swap;
    }
    for (size_t i = 0; i < count; i++) {
        if (random_below(r, 2))
            continue;
        if (spoils)
            spoil(list[i], r);
        bool torn = list[i]->size && random_below(r, 8) == 0;
        apply(&h->synced, list[i], torn ? random_below(r, list[i]->size) : list[i]->size);
    }
}

/* The first of them; the last of those torn. */
static void keep_first(struct history *h, struct random *r)
{
    size_t count = 0;
    for (struct change *c = h->changes; c; c = c->next)
        count++;
    size_t keep = random_below(r, count + 1);
    for (struct change *c = h->changes; c && keep; c = c->next, keep--)
        apply(&h->synced, c, keep == 1 && c->size ? random_below(r, c->size) : c->size);
}

static void keep(struct history *h, struct random *r)
{
    switch (random_below(r, 5)) {
    case 0: break;
    case 1: keep_first(h, r); break;
    case 2: keep_some(h, r, false); break;
    case 3: keep_some(h, r, true); break;
    case 4: synced(h); break;
    }
    if (!h->there)
        h->there = h->was_there && random_below(r, 2);
}

static void write_all(const struct history *h)
{
    int fd = open(h->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0);
    must(write(fd, h->synced.data, h->synced.size) == (ssize_t)h->synced.size);
    close(fd);
}

void flaky_restart(uint64_t seed)
{
    struct random r = {.state = seed};
    char index[PATH_MAX_BYTES + 8];
    for (struct history *h = flaky.histories; h; h = h->next) {
        keep(h, &r);
        if (h->there)
            write_all(h);
        else
            unlink(h->path);
        snprintf(index, sizeof index, "%s-shm", h->path);
        unlink(index);
    }
    flaky_forget();
    flaky_calm();
}

/* --- files ------------------------------------------------------------------------------------ */

static struct flaky_file *of(sqlite3_file *file)
{
    return (struct flaky_file *)(void *)file;
}

#define REAL(file) (of(file)->real)
#define CALL(file) (REAL(file)->pMethods)

static int file_close(sqlite3_file *file)
{
    return CALL(file)->xClose(REAL(file));
}

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    int code = fault(FLAKY_READ, SQLITE_IOERR_READ);
    return code ? code : CALL(file)->xRead(REAL(file), to, size, at);
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    int code = fault(FLAKY_WRITE, SQLITE_IOERR_WRITE);
    if (code)
        return code;
    pthread_mutex_lock(&flaky.mutex);
    if (of(file)->history)
        note(of(file)->history, false, at, from, (size_t)size);
    pthread_mutex_unlock(&flaky.mutex);
    return CALL(file)->xWrite(REAL(file), from, size, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = fault(FLAKY_TRUNCATE, SQLITE_IOERR_TRUNCATE);
    if (code)
        return code;
    pthread_mutex_lock(&flaky.mutex);
    if (of(file)->history)
        note(of(file)->history, true, size, NULL, 0);
    pthread_mutex_unlock(&flaky.mutex);
    return CALL(file)->xTruncate(REAL(file), size);
}

/* Nothing here survives the machine, so the real file need not be synced. */
static int file_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    int code = fault(FLAKY_SYNC, SQLITE_IOERR_FSYNC);
    if (code)
        return code;
    pthread_mutex_lock(&flaky.mutex);
    if (of(file)->history)
        synced(of(file)->history);
    pthread_mutex_unlock(&flaky.mutex);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return CALL(file)->xFileSize(REAL(file), size);
}

static int file_lock(sqlite3_file *file, int how)
{
    return CALL(file)->xLock(REAL(file), how);
}

static int file_unlock(sqlite3_file *file, int how)
{
    return CALL(file)->xUnlock(REAL(file), how);
}

static int file_reserved(sqlite3_file *file, int *is)
{
    return CALL(file)->xCheckReservedLock(REAL(file), is);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return CALL(file)->xFileControl(REAL(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
    return CALL(file)->xSectorSize(REAL(file));
}

static int file_manners(sqlite3_file *file)
{
    return CALL(file)->xDeviceCharacteristics(REAL(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **at)
{
    return CALL(file)->xShmMap(REAL(file), page, size, extend, at);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return CALL(file)->xShmLock(REAL(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    CALL(file)->xShmBarrier(REAL(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return CALL(file)->xShmUnmap(REAL(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_manners,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* --- the VFS ---------------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    (void)vfs;
    file->pMethods = NULL;
    int code = fault(FLAKY_OPEN, SQLITE_CANTOPEN);
    if (code)
        return code;
    of(file)->history = NULL;
    if (name) {
        pthread_mutex_lock(&flaky.mutex);
        of(file)->history = history_of(name);
        pthread_mutex_unlock(&flaky.mutex);
    }
    code = flaky.real->xOpen(flaky.real, name, REAL(file), flags, out);
    if (code)
        return code;
    file->pMethods = &methods;
    pthread_mutex_lock(&flaky.mutex);
    struct history *h = of(file)->history;
    if (h && !h->there) {
        note(h, true, 0, NULL, 0); /* a new file of an old name */
        h->there = true;
    }
    pthread_mutex_unlock(&flaky.mutex);
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    int code = fault(FLAKY_DELETE, SQLITE_IOERR_DELETE);
    if (code)
        return code;
    pthread_mutex_lock(&flaky.mutex);
    struct history *h = history_of(name);
    h->there = false;
    h->was_there = h->was_there && !sync_folder;
    changes_drop(h);
    pthread_mutex_unlock(&flaky.mutex);
    return flaky.real->xDelete(flaky.real, name, 0);
}

void flaky_install(void)
{
    if (flaky.real)
        return;
    flaky.real = sqlite3_vfs_find(NULL);
    must(flaky.real);
    flaky.vfs = *flaky.real;
    flaky.vfs.zName = "flaky";
    flaky.vfs.szOsFile = (int)sizeof(struct flaky_file) + flaky.real->szOsFile;
    flaky.vfs.xOpen = vfs_open;
    flaky.vfs.xDelete = vfs_delete;
    must(sqlite3_vfs_register(&flaky.vfs, 1) == SQLITE_OK);
}
