/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crc32c.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/secret.h"
#include "producer/broker/proof.h"

struct keys {
    char *folder;
    struct identity server;
    struct buf text; /* of the list in force */
    struct zap *zap;
    char *pid_path;
    int pid_fd; /* locked for as long as we run */
};

static char *path_in(const struct keys *keys, const char *leaf)
{
    char *path;
    must(asprintf(&path, "%s/%s", keys->folder, leaf) > 0);
    return path;
}

/* A core, or a debugger of the same user, would have the secret key. */
static bool close_up(char *why, size_t why_size)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0)
        return true;
    snprintf(why, why_size, "cannot forbid cores: %s", strerror(errno));
    return false;
}

/* Which list is in force; always as long, and so written over in one piece. */
static bool pid_write(const struct keys *keys)
{
    char line[40];
    int size = snprintf(line, sizeof line, "%10ld %08x\n", (long)getpid(),
                        crc32c(0, buf_bytes(&keys->text)));
    return pwrite(keys->pid_fd, line, (size_t)size, 0) == size;
}

/* The lock goes with the process, however it ends: so a file that was left behind is no broker. */
static bool pid_take(struct keys *keys, char *why, size_t why_size)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    keys->pid_path = path_in(keys, "broker.pid");
    keys->pid_fd = open(keys->pid_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool fine = keys->pid_fd >= 0 && fcntl(keys->pid_fd, F_SETLK, &lock) == 0;
    if (!fine && keys->pid_fd >= 0 && (errno == EAGAIN || errno == EACCES))
        snprintf(why, why_size, "%s: another broker has these keys", keys->pid_path);
    else if (!fine || ftruncate(keys->pid_fd, 0) || !pid_write(keys))
        snprintf(why, why_size, "%s: %s", keys->pid_path, strerror(errno));
    else
        return true;
    if (keys->pid_fd >= 0)
        close(keys->pid_fd);
    keys->pid_fd = -1;
    return false;
}

/* Both are left as they are when it is no good. */
static bool list_read(const struct keys *keys, struct acl *list, struct buf *text, char *why,
                      size_t why_size)
{
    char *path = path_in(keys, "acl"), line[200];
    bool fine = secret_read(path, ACL_TEXT_MAX, text, why, why_size) == 0;
    if (fine && !acl_read(list, buf_bytes(text), line, sizeof line)) {
        snprintf(why, why_size, "%s: %s", path, line);
        fine = false;
    }
    if (!fine)
        buf_fini(text);
    free(path);
    return fine;
}

struct keys *keys_open(const char *folder, char *why, size_t why_size)
{
    if (!close_up(why, why_size))
        return NULL;
    struct keys *keys = must_alloc(sizeof *keys);
    struct acl list = {0};
    sigset_t hup; /* held before anybody can know our number: it would end us */
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    must(sigprocmask(SIG_BLOCK, &hup, NULL) == 0);
    keys->folder = must_strdup(folder);
    keys->pid_fd = -1;
    char *server = path_in(keys, "server.key");
    bool fine = identity_read(&keys->server, server, why, why_size) &&
                list_read(keys, &list, &keys->text, why, why_size) && pid_take(keys, why, why_size);
    free(server);
    acl_fini(&list);
    if (fine)
        return keys;
    keys_close(keys);
    return NULL;
}

bool keys_start(struct keys *keys, void *context, char *why, size_t why_size)
{
    struct acl list;
    must(acl_read(&list, buf_bytes(&keys->text), why, why_size)); /* it was read before */
    bool fine = proof_start(context, &list, &keys->zap, why, why_size);
    acl_fini(&list);
    return fine;
}

/* Is there somebody who was let in there and would not be now? */
static bool dismissed(const struct acl *was, const struct acl *is, enum acl_port port)
{
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < was->count; i++) {
        const struct principal *old = &was->list[i], *now;
        if (!zap_refuses(was, bytes_text(acl_port_name(port)), old->key, now_ms, &now) &&
            zap_refuses(is, bytes_text(acl_port_name(port)), old->key, now_ms, &now))
            return true;
    }
    return false;
}

bool keys_again(struct keys *keys, bool *updates, char *why, size_t why_size)
{
    struct acl was, is;
    struct buf text = {0};
    if (!list_read(keys, &is, &text, why, why_size))
        return false;
    must(acl_read(&was, buf_bytes(&keys->text), why, why_size));
    *updates = dismissed(&was, &is, ACL_UPDATES);
    acl_fini(&was);
    zap_replace(keys->zap, &is);
    buf_fini(&keys->text);
    keys->text = text;
    if (!pid_write(keys)) /* who waits for it looks into the log */
        log_warn("%s: %s", keys->pid_path, strerror(errno));
    return true;
}

enum keyring_end keys_enrol(struct keys *keys, const char *name, const char *key, char *why,
                            size_t why_size)
{
    struct keyring ring;
    enum keyring_end end = keyring_try(&ring, keys->folder);
    end = end ? end : keyring_enrol(&ring, name, key);
    if (end)
        snprintf(why, why_size, "%s", ring.why);
    keyring_close(&ring);
    return end;
}

struct bytes keys_list(const struct keys *keys)
{
    return buf_bytes(&keys->text);
}

const struct identity *keys_identity(const struct keys *keys)
{
    return &keys->server;
}

void keys_close(struct keys *keys)
{
    if (!keys)
        return;
    zap_stop(keys->zap);
    if (keys->pid_fd >= 0) {
        unlink(keys->pid_path);
        close(keys->pid_fd);
    }
    identity_wipe(&keys->server);
    buf_fini(&keys->text);
    free(keys->pid_path);
    free(keys->folder);
    free(keys);
}
