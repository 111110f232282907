/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers are those of the kernel's documentation, userspace-api/landlock: headers of a system
 * are often older than the kernel that runs.
 */
#include "consumer/worker/fence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    ALL_OF_1 = (1 << 13) - 1, /* and removing, making each kind of file */
    REFER = 1 << 13,          /* renaming from folder to folder: since version 2 */
    TRUNCATE = 1 << 14,       /* since 3 */
    IOCTL_DEVICE = 1 << 15,   /* since 5 */
    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE,
    TO_READ = EXECUTE | READ_FILE | READ_DIR,

    VERSION_REFER = 2,
    VERSION_TRUNCATE = 3,
    VERSION_NETWORK = 4,
    VERSION_IOCTL = 5,
    VERSION_SCOPE = 6,

    SCOPE_ABSTRACT_SOCKETS = 1 << 0,
    SCOPE_SIGNALS = 1 << 1,

    ASK_VERSION = 1,
    RULE_PATH = 1,
};

/* The kernel knows a version by the size of what it is given. */
struct ruleset {
    uint64_t files, network, scope;
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

static const struct {
    const char *path;
    enum fence_access access;
} system_gates[] = {
    {"/usr", FENCE_READ},
    {"/lib", FENCE_READ},
    {"/lib32", FENCE_READ},
    {"/lib64", FENCE_READ},
    {"/bin", FENCE_READ},
    {"/sbin", FENCE_READ},
    {"/etc/ld.so.cache", FENCE_READ},
    {"/etc/ld.so.preload", FENCE_READ},
    {"/etc/localtime", FENCE_READ},
    {"/etc/timezone", FENCE_READ},
    {"/etc/nsswitch.conf", FENCE_READ},
    {"/etc/passwd", FENCE_READ},
    {"/etc/group", FENCE_READ},
    {"/etc/alternatives", FENCE_READ},
    {"/etc/mime.types", FENCE_READ},
    {"/proc", FENCE_READ}, /* of processes outside, Landlock lets it see no more than ps does */
    {"/sys/devices/system", FENCE_READ},
    {"/sys/fs/cgroup", FENCE_READ}, /* how much memory and how many cores there are */
    {"/sys/kernel/mm", FENCE_READ},
    {"/dev/null", FENCE_WRITE},
    {"/dev/zero", FENCE_WRITE},
    {"/dev/full", FENCE_WRITE},
    {"/dev/random", FENCE_READ},
    {"/dev/urandom", FENCE_READ},
};

static void put(struct fence *f, char *path, enum fence_access access, bool may_lack)
{
    f->gates = must_realloc(f->gates, (f->count + 1) * sizeof *f->gates);
    f->gates[f->count++] =
        (struct fence_gate){.path = path, .access = access, .may_lack = may_lack};
}

void fence_open(struct fence *f, const char *path, enum fence_access access)
{
    put(f, must_strdup(path), access, false);
}

void fence_open_list(struct fence *f, const char *list, enum fence_access access)
{
    for (size_t size; list && *list; list += size + (list[size] == ':')) {
        char *path;
        size = strcspn(list, ":");
        must(asprintf(&path, "%.*s", (int)size, list) >= 0);
        if (*path == '/')
            put(f, path, access, true);
        else
            free(path);
    }
}

void fence_open_system(struct fence *f)
{
    for (size_t i = 0; i < sizeof system_gates / sizeof *system_gates; i++)
        put(f, must_strdup(system_gates[i].path), system_gates[i].access, true);
}

/* The folder so many levels above. Takes the path; the root itself is never meant. */
static void open_above(struct fence *f, char *path, int levels)
{
    for (char *slash; path && levels > 0 && (slash = strrchr(path, '/')); levels--)
        *slash = 0;
    if (path && *path)
        put(f, path, FENCE_READ, true);
    else
        free(path);
}

/* A folder, and what links in it lead to: in a build they lead to the sources. */
static void open_folder(struct fence *f, const char *path)
{
    DIR *folder = opendir(path);
    put(f, must_strdup(path), FENCE_READ, true);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char *link = NULL, *target = NULL;
        must(asprintf(&link, "%s/%s", path, entry->d_name) >= 0);
        if (entry->d_type == DT_LNK && (target = realpath(link, NULL)))
            put(f, target, FENCE_READ, true);
        free(link);
    }
    if (folder)
        closedir(folder);
}

void fence_open_program(struct fence *f, char *const *words)
{
    bool interpreted = words[1] != NULL;
    /* PREFIX/bin/python3: its modules are in PREFIX/lib. A link is followed, and its place counts
     * too: that of an environment. */
    open_above(f, must_strdup(words[0]), interpreted ? 2 : 1);
    open_above(f, realpath(words[0], NULL), interpreted ? 2 : 1);
    for (size_t i = 1; words[i]; i++) {
        struct stat st;
        if (stat(words[i], &st) == 0 && S_ISDIR(st.st_mode))
            open_folder(f, words[i]);
        else
            open_above(f, must_strdup(words[i]), 1);
    }
}

void fence_copy(struct fence *to, const struct fence *from)
{
    *to = (struct fence){0};
    for (size_t i = 0; i < from->count; i++)
        put(to, must_strdup(from->gates[i].path), from->gates[i].access, from->gates[i].may_lack);
}

void fence_fini(struct fence *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->gates[i].path);
    free(f->gates);
    *f = (struct fence){0};
}

/* a is b, or a folder above it. */
static bool holds(const char *a, const char *b)
{
    size_t size = strlen(a);
    while (size && a[size - 1] == '/')
        size--;
    return strncmp(a, b, size) == 0 && (b[size] == '/' || b[size] == 0);
}

const char *fence_gate(const struct fence *f, const char *path)
{
    char *real = realpath(path, NULL);
    const char *found = NULL, *meant = real ? real : path;
    for (size_t i = 0; !found && i < f->count; i++) {
        char *gate = realpath(f->gates[i].path, NULL);
        if (gate && (holds(gate, meant) || holds(meant, gate)))
            found = f->gates[i].path;
        free(gate);
    }
    free(real);
    return found;
}

int fence_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    return version > 0 ? (int)version : 0;
}

static uint64_t all_of(int version)
{
    return (uint64_t)ALL_OF_1 | (version >= VERSION_REFER ? REFER : 0) |
           (version >= VERSION_TRUNCATE ? TRUNCATE : 0) |
           (version >= VERSION_IOCTL ? IOCTL_DEVICE : 0);
}

static int add_gate(int ruleset, const struct fence_gate *gate, uint64_t all)
{
    struct stat st;
    struct path_rule rule = {.allowed = gate->access == FENCE_WRITE ? all : TO_READ,
                             .parent = open(gate->path, O_PATH | O_CLOEXEC)};
    if (rule.parent < 0) /* nobody could reach it anyway */
        return gate->may_lack && (errno == ENOENT || errno == EACCES || errno == ENOTDIR) ? 0 : -1;
    if (fstat(rule.parent, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= OF_FILES;
    long rc = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0);
    int saved = errno;
    close(rule.parent);
    errno = saved;
    return rc ? -1 : 0;
}

int fence_enter(const struct fence *f)
{
    int version = fence_version();
    struct ruleset rules = {
        .files = all_of(version),
        .scope = version >= VERSION_SCOPE ? SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS : 0};
    size_t size = version >= VERSION_SCOPE     ? sizeof rules
                  : version >= VERSION_NETWORK ? 2 * sizeof(uint64_t)
                                               : sizeof(uint64_t);
    if (!version)
        return -1;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (ruleset < 0)
        return -1;
    long rc = 0;
    for (size_t i = 0; rc == 0 && i < f->count; i++)
        rc = add_gate(ruleset, &f->gates[i], rules.files);
    if (rc == 0)
        rc = syscall(SYS_landlock_restrict_self, ruleset, 0);
    int saved = errno;
    close(ruleset);
    errno = saved;
    return rc ? -1 : 0;
}
