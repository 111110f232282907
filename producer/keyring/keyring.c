/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/keyring/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crc32c.h"
#include "common/paths.h"
#include "common/secret.h"

enum {
    TAKEN_MS = 10000, /* for a broker to read a list, on a machine that has other things to do */
    LOOK_MS = 5,
};

static const char list_head[] =
    "# Who may reach this broker, a principal a line; reeve keys writes it.\n"
    "# ROLE NAME PUBLIC-KEY QUEUES [QUOTAS]\n";

static enum keyring_end fail(struct keyring *k, enum keyring_end end, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum keyring_end fail(struct keyring *k, enum keyring_end end, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(k->why, sizeof k->why, format, args);
    va_end(args);
    return end;
}

char *keyring_path(const struct keyring *k, const char *leaf)
{
    char *path;
    must(asprintf(&path, "%s/%s", k->folder, leaf) > 0);
    return path;
}

/* --- the folder ----------------------------------------------------------------------------- */

/* The lock is the folder's: the list is another file after each change. */
static enum keyring_end lock(struct keyring *k, bool waits)
{
    struct stat is;
    k->lock = open(k->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k->lock < 0 && errno == ENOENT)
        return fail(k, KEYRING_WRONG, "there is no %s; `reeve keys init` makes it", k->folder);
    if (k->lock < 0 || fstat(k->lock, &is) != 0 || flock(k->lock, LOCK_EX | (waits ? 0 : LOCK_NB)))
        return fail(k, errno == EWOULDBLOCK ? KEYRING_BUSY : KEYRING_WRONG, "%s: %s", k->folder,
                    strerror(errno));
    /* Who may write there may put another list in place of ours. */
    if (is.st_mode & 022)
        return fail(k, KEYRING_WRONG, "%s: others may write there: chmod 700", k->folder);
    return KEYRING_DONE;
}

static enum keyring_end read_server(struct keyring *k)
{
    struct identity server;
    char *path = keyring_path(k, "server.key");
    bool fine = identity_read(&server, path, k->why, sizeof k->why);
    if (fine)
        memcpy(k->server_key, server.public_key, sizeof k->server_key);
    identity_wipe(&server);
    free(path);
    return fine ? KEYRING_DONE : KEYRING_WRONG;
}

static enum keyring_end read_list(struct keyring *k)
{
    char line[300], *path = keyring_path(k, "acl");
    bool fine = secret_read(path, ACL_TEXT_MAX, &k->text, k->why, sizeof k->why) == 0;
    if (fine && !acl_read(&k->acl, buf_bytes(&k->text), line, sizeof line)) {
        fail(k, KEYRING_WRONG, "%s: %s", path, line);
        fine = false;
    }
    free(path);
    return fine ? KEYRING_DONE : KEYRING_WRONG;
}

static enum keyring_end open_folder(struct keyring *k, const char *folder, bool waits)
{
    *k = (struct keyring){.folder = must_strdup(folder), .lock = -1};
    enum keyring_end end = lock(k, waits);
    end = end ? end : read_server(k);
    return end ? end : read_list(k);
}

enum keyring_end keyring_open(struct keyring *k, const char *folder)
{
    return open_folder(k, folder, true);
}

enum keyring_end keyring_try(struct keyring *k, const char *folder)
{
    return open_folder(k, folder, false);
}

void keyring_close(struct keyring *k)
{
    if (!k->folder)
        return;
    if (k->lock >= 0)
        close(k->lock);
    acl_fini(&k->acl);
    buf_fini(&k->text);
    free(k->folder);
    *k = (struct keyring){0};
}

static enum keyring_end make_server(struct keyring *k)
{
    struct identity server;
    char *path = keyring_path(k, "server.key"), *list = keyring_path(k, "acl");
    enum keyring_end end = KEYRING_DONE;
    identity_make(&server, "broker", "broker", NULL);
    int error = identity_write(&server, path);
    if (error == EEXIST)
        end = fail(k, KEYRING_TAKEN, "%s is there already: nothing was changed", path);
    else if (error)
        end = fail(k, KEYRING_WRONG, "%s: %s", path, strerror(error));
    else if ((error = secret_make(list, bytes_text(list_head))))
        end = fail(k, KEYRING_WRONG, "%s: %s", list, strerror(error));
    identity_wipe(&server);
    free(path);
    free(list);
    return end;
}

enum keyring_end keyring_init(struct keyring *k, const char *folder)
{
    char *inside, *admin;
    *k = (struct keyring){.folder = must_strdup(folder), .lock = -1};
    must(asprintf(&inside, "%s/.", folder) > 0); /* the folder too is one above that */
    int error = path_make_above(inside);
    free(inside);
    if (error)
        return fail(k, KEYRING_WRONG, "%s: %s", folder, strerror(error));
    enum keyring_end end = lock(k, true);
    end = end ? end : make_server(k);
    end = end ? end : read_server(k);
    end = end ? end : read_list(k);
    admin = keyring_path(k, "admin.key");
    const struct principal made = acl_principal(ACL_ADMIN, "admin", NULL);
    end = end ? end : keyring_add(k, &made, admin);
    free(admin);
    return end;
}

/* --- the broker ------------------------------------------------------------------------------- */

/* A broker holds a lock on its file for as long as it lives: so no process of another kind is
 * signalled that has its number now. */
static pid_t broker_of(int fd)
{
    struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK ? held.l_pid : 0;
}

/* What a broker writes there of the list that is in force. */
static bool in_force(const struct keyring *k, int fd)
{
    char text[40] = "";
    long pid;
    unsigned crc;
    return pread(fd, text, sizeof text - 1, 0) > 0 && sscanf(text, "%ld %x", &pid, &crc) == 2 &&
           crc == crc32c(0, buf_bytes(&k->text));
}

/* Who has a new key is to be let in when we have said so. */
static enum keyring_end await_broker(struct keyring *k, int fd, pid_t pid)
{
    int64_t end_ms = clock_ms() + TAKEN_MS;
    while (!in_force(k, fd)) {
        if (broker_of(fd) != pid)
            return KEYRING_DONE; /* it has ended; the next one reads the list */
        if (clock_ms() > end_ms)
            return fail(k, KEYRING_WRONG,
                        "%s is changed, but the broker (pid %d) has not taken it: its log says why",
                        k->folder, (int)pid);
        poll(NULL, 0, LOOK_MS);
    }
    k->told = pid;
    return KEYRING_DONE;
}

static enum keyring_end tell_broker(struct keyring *k)
{
    char *path = keyring_path(k, "broker.pid");
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    pid_t pid = broker_of(fd);
    enum keyring_end end = KEYRING_DONE;
    k->told = 0;
    if (pid > 0 && kill(pid, SIGHUP) != 0)
        end = fail(k, KEYRING_WRONG,
                   "%s is changed, but the broker (pid %d) cannot be told: %s; kill -HUP %d",
                   k->folder, (int)pid, strerror(errno), (int)pid);
    else if (pid > 0)
        end = await_broker(k, fd, pid);
    if (fd >= 0)
        close(fd);
    free(path);
    return end;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Takes the text as the list, if a broker would. */
static enum keyring_end put_list(struct keyring *k, struct buf *text)
{
    struct acl acl;
    char line[300], *path = keyring_path(k, "acl");
    if (!acl_read(&acl, buf_bytes(text), line, sizeof line)) {
        free(path);
        return fail(k, KEYRING_WRONG, "%s", line);
    }
    int error = secret_replace(path, buf_bytes(text));
    if (error) {
        fail(k, KEYRING_WRONG, "%s: %s", path, strerror(error));
        acl_fini(&acl);
    } else {
        acl_fini(&k->acl);
        buf_fini(&k->text);
        k->acl = acl;
        k->text = *text;
        *text = (struct buf){0};
    }
    free(path);
    return error ? KEYRING_WRONG : KEYRING_DONE;
}

/* With this line at its end. */
static enum keyring_end append(struct keyring *k, const struct principal *p)
{
    struct buf text = {0};
    buf_put(&text, k->text.data, k->text.size);
    if (text.size && text.data[text.size - 1] != '\n')
        buf_put(&text, "\n", 1);
    acl_print(&text, p);
    enum keyring_end end = put_list(k, &text);
    buf_fini(&text);
    return end;
}

static enum keyring_end check_name(struct keyring *k, struct bytes name)
{
    int shown = name.size < 80 ? (int)name.size : 80;
    if (!acl_name_valid(name))
        return fail(k, KEYRING_WRONG, "\"%.*s\" is no name: up to %d of A-Z a-z 0-9 . _ -", shown,
                    (const char *)name.data, ACL_NAME_MAX);
    if (acl_by_name(&k->acl, name))
        return fail(k, KEYRING_TAKEN, "there is a principal %.*s already; `reeve keys revoke %.*s`",
                    BYTES_ARG(name), BYTES_ARG(name));
    return KEYRING_DONE;
}

enum keyring_end keyring_add(struct keyring *k, const struct principal *made, const char *path)
{
    struct identity id;
    char name[IDENTITY_NAME];
    enum keyring_end wrong = check_name(k, made->name);
    if (wrong)
        return wrong;
    snprintf(name, sizeof name, "%.*s", BYTES_ARG(made->name));
    identity_make(&id, acl_role_name(made->role), name, k->server_key);
    struct principal p = *made;
    p.key = bytes_text(id.public_key);
    /* The file first: a key that is in no list opens nothing. */
    int error = identity_write(&id, path);
    enum keyring_end end = KEYRING_DONE;
    if (error)
        end =
            fail(k, error == EEXIST ? KEYRING_TAKEN : KEYRING_WRONG, "%s: %s", path,
                 error == EEXIST ? "there is such a file already, and it stays" : strerror(error));
    else if ((end = append(k, &p)))
        unlink(path);
    identity_wipe(&id);
    return end ? end : tell_broker(k);
}

/* The text with another line in place of one, counted from 1; p NULL: without it. */
static void replace_line(struct buf *out, struct bytes text, unsigned number,
                         const struct principal *p)
{
    const char *at = text.data, *end = at + text.size;
    for (unsigned i = 1; at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end;
        if (i != number)
            buf_put(out, at, (size_t)(next - at));
        else if (p)
            acl_print(out, p);
        at = next;
    }
}

static enum keyring_end put_line(struct keyring *k, unsigned number, const struct principal *p)
{
    struct buf text = {0};
    replace_line(&text, buf_bytes(&k->text), number, p);
    enum keyring_end end = put_list(k, &text);
    buf_fini(&text);
    return end;
}

/* One a round: the list is read anew after each. */
static enum keyring_end drop_expired(struct keyring *k, int64_t now_s)
{
    size_t i = 0;
    while (i < k->acl.count) {
        const struct principal *p = &k->acl.list[i++];
        if (!p->until_s || p->until_s >= now_s)
            continue;
        enum keyring_end end = put_line(k, p->line, NULL);
        if (end)
            return end;
        i = 0;
    }
    return KEYRING_DONE;
}

enum keyring_end keyring_invite(struct keyring *k, const char *name, const char *queues,
                                int64_t until_s, int64_t now_s, struct identity *made)
{
    enum keyring_end end = drop_expired(k, now_s);
    end = end ? end : check_name(k, bytes_text(name));
    if (end)
        return end;
    identity_make(made, "invited", name, k->server_key);
    struct principal p = acl_principal(ACL_WORKER, name, queues);
    p.key = bytes_text(made->public_key);
    p.until_s = until_s;
    end = append(k, &p);
    return end ? end : tell_broker(k);
}

enum keyring_end keyring_enrol(struct keyring *k, const char *name, const char *key)
{
    const struct principal *invited = acl_by_name(&k->acl, bytes_text(name));
    if (!invited || !invited->until_s)
        return fail(k, KEYRING_UNKNOWN, "nobody is invited as %s", name);
    if (acl_by_key(&k->acl, bytes_text(key)))
        return fail(k, KEYRING_TAKEN, "this key is somebody's already");
    struct principal worker = *invited;
    worker.key = bytes_text(key);
    worker.until_s = 0;
    return put_line(k, invited->line, &worker);
}

enum keyring_end keyring_revoke(struct keyring *k, const char *name)
{
    const struct principal *p = acl_by_name(&k->acl, bytes_text(name));
    if (!p)
        return fail(k, KEYRING_UNKNOWN, "there is no principal \"%.80s\"", name);
    struct principal revoked = *p;
    revoked.revoked = true;
    enum keyring_end end = put_line(k, p->line, &revoked);
    return end ? end : tell_broker(k);
}

/* What there does not read opens nothing, and is nobody's. */
static unsigned meet_all(struct keyring *k, DIR *folder)
{
    unsigned changed = 0;
    for (const struct dirent *file; (file = readdir(folder));) {
        const char *dot = strrchr(file->d_name, '.');
        if (!dot || strcmp(dot, ".key") != 0 || strcmp(file->d_name, "server.key") == 0)
            continue;
        char *path = keyring_path(k, file->d_name);
        changed += identity_meet(path, k->server_key, k->why, sizeof k->why);
        free(path);
    }
    return changed;
}

enum keyring_end keyring_rotate(struct keyring *k, unsigned *changed)
{
    DIR *folder = opendir(k->folder);
    if (!folder)
        return fail(k, KEYRING_WRONG, "%s: %s", k->folder, strerror(errno));
    struct identity server;
    identity_make(&server, "broker", "broker", NULL);
    char *path = keyring_path(k, "server.key");
    int error = identity_replace(&server, path);
    if (!error) {
        memcpy(k->server_key, server.public_key, sizeof k->server_key);
        *changed = meet_all(k, folder);
    } else {
        fail(k, KEYRING_WRONG, "%s: %s", path, strerror(error));
    }
    identity_wipe(&server);
    closedir(folder);
    free(path);
    return error ? KEYRING_WRONG : KEYRING_DONE;
}
