/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEAF_PATH = PATH_MAX + 60 };

/* --- files ---------------------------------------------------------------------------------- */

static bool read_file(const char *folder, const char *name, char *text, size_t size)
{
    char path[LEAF_PATH + 100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t at = 0;
    for (ssize_t n; at < size - 1 && (n = read(fd, text + at, size - 1 - at)) > 0;)
        at += (size_t)n;
    close(fd);
    text[at] = 0;
    return true;
}

static int open_to_write(const char *folder, const char *name)
{
    char path[LEAF_PATH + 100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, O_WRONLY | O_CLOEXEC);
}

static bool write_file(const char *folder, const char *name, const char *text)
{
    int fd = open_to_write(folder, name);
    if (fd < 0)
        return false;
    bool well = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int saved = errno;
    close(fd);
    errno = saved;
    return well;
}

static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += size)
        if ((at == list || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\n' || !at[size]))
            return true;
    return false;
}

/* --- where we are --------------------------------------------------------------------------- */

/* The root and the place of the first cgroup2 mount: fields 4 and 5 of a line of mountinfo. */
static bool find_mount(const char *mounts, char root[static PATH_MAX], char place[static PATH_MAX])
{
    _Static_assert(PATH_MAX == 4096, "the format below has it");
    for (const char *line = mounts; line && *line;) {
        const char *next = strchr(line, '\n'), *type = strstr(line, " - cgroup2 ");
        if (type && (!next || type < next) &&
            sscanf(line, "%*s %*s %*s %4095s %4095s", root, place) == 2)
            return true;
        line = next ? next + 1 : NULL;
    }
    return false;
}

bool cgroup_find(const char *self, const char *mounts, char path[static PATH_MAX])
{
    char root[PATH_MAX], place[PATH_MAX];
    const char *line = strncmp(self, "0::", 3) == 0 ? self : strstr(self, "\n0::");
    if (!line || !find_mount(mounts, root, place))
        return false;
    line = strstr(line, "0::") + 3;
    size_t size = strcspn(line, "\n"), root_size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    /* Mounted is the tree below root; we may be elsewhere. */
    if (strncmp(line, root, root_size) != 0 || size < root_size)
        return false;
    int n = snprintf(path, PATH_MAX, "%s%.*s", place, (int)(size - root_size), line + root_size);
    if (n < 0 || n >= PATH_MAX)
        return false;
    while (n > 1 && path[n - 1] == '/')
        path[--n] = 0;
    return true;
}

/* --- the folder ----------------------------------------------------------------------------- */

static bool refuse(char why[static CGROUP_WHY], const char *what, int error)
{
    snprintf(why, CGROUP_WHY, "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
    return false;
}

/* Out of the way, or back. */
static bool move_to(const char *folder, const char *leaf)
{
    char name[80];
    snprintf(name, sizeof name, "%s%scgroup.procs", leaf ? leaf : "", leaf ? "/" : "");
    return write_file(folder, name, "0");
}

/* Tries it out: an older kernel may lack what a leaf wants. */
static bool can_limit(const struct cgroup *c)
{
    int procs = cgroup_leaf_open(c, UINT32_MAX), saved = errno;
    if (procs >= 0)
        close(procs);
    cgroup_sweep(c);
    errno = saved;
    return procs >= 0;
}

/* One line a limit: its controller, its file in a leaf, how it is written. */
static const struct {
    const char *controller, *file;
    size_t at; /* in struct cgroup_limits */
    bool a_period;
} limit_rows[] = {{"memory", "memory.max", offsetof(struct cgroup_limits, memory_bytes), false},
                  {"pids", "pids.max", offsetof(struct cgroup_limits, processes), false},
                  {"cpu", "cpu.max", offsetof(struct cgroup_limits, cpu_us), true}};

enum { LIMITS = sizeof limit_rows / sizeof *limit_rows };

static uint64_t limit_of(const struct cgroup *c, int row)
{
    return *(const uint64_t *)(const void *)((const char *)&c->limits + limit_rows[row].at);
}

/* Switches the controllers on (+) or off (-) that limits want. */
static bool control(const struct cgroup *c, char sign)
{
    char text[40] = "";
    int size = 0;
    for (int i = 0; i < LIMITS; i++)
        if (limit_of(c, i))
            size += snprintf(text + size, sizeof text - (size_t)size, "%s%c%s", size ? " " : "",
                             sign, limit_rows[i].controller);
    return write_file(c->path, "cgroup.subtree_control", text);
}

static void own_leaf(const struct cgroup *c, char name[static 40])
{
    snprintf(name, 40, "reeve-%u-agent", c->owner);
}

void cgroup_close(const struct cgroup *c)
{
    char own[40], path[LEAF_PATH];
    own_leaf(c, own);
    cgroup_sweep(c);
    if (!control(c, '-') || !move_to(c->path, NULL)) {
        /* other workers are there too: the folder stays as they need it */
    }
    snprintf(path, sizeof path, "%s/%.39s", c->path, own);
    rmdir(path);
}

bool cgroup_open(struct cgroup *c, const struct cgroup_limits *limits, char why[static CGROUP_WHY])
{
    char self[4096], *mounts = must_alloc(1 << 20), path[LEAF_PATH], list[512], own[40];
    *c = (struct cgroup){.owner = (unsigned)getpid(), .limits = *limits};
    bool found = read_file("/proc/self", "cgroup", self, sizeof self) &&
                 read_file("/proc/self", "mountinfo", mounts, 1 << 20) &&
                 cgroup_find(self, mounts, c->path);
    free(mounts);
    if (!found || !read_file(c->path, "cgroup.controllers", list, sizeof list))
        return refuse(why, "no cgroup v2", 0);
    for (int i = 0; i < LIMITS; i++)
        if (limit_of(c, i) && !has_word(list, limit_rows[i].controller)) {
            snprintf(why, CGROUP_WHY, "the cgroup has no %s controller", limit_rows[i].controller);
            return false;
        }
    own_leaf(c, own);
    snprintf(path, sizeof path, "%s/%.39s", c->path, own);
    if (mkdir(path, 0755) && errno != EEXIST)
        return refuse(why, "the cgroup is not delegated", errno);
    bool moved = move_to(c->path, own);
    if (moved && control(c, '+') && can_limit(c))
        return true;
    int error = errno; /* EBUSY: others are in it, which are not ours to move */
    if (moved)
        cgroup_close(c);
    rmdir(path);
    return refuse(why, "the cgroup is not ours alone", error);
}

/* --- leaves --------------------------------------------------------------------------------- */

static void leaf_path(const struct cgroup *c, uint32_t leaf, char path[static LEAF_PATH])
{
    snprintf(path, LEAF_PATH, "%s/reeve-%u-runner-%" PRIu32, c->path, c->owner, leaf);
}

static bool write_limit(const struct cgroup *c, const char *leaf, int row)
{
    char text[48];
    uint64_t limit = limit_of(c, row);
    if (!limit)
        return true;
    snprintf(text, sizeof text, "%" PRIu64, limit);
    if (limit_rows[row].a_period)
        snprintf(text, sizeof text, "%" PRIu64 " %d", limit, CGROUP_PERIOD_US);
    return write_file(leaf, limit_rows[row].file, text);
}

int cgroup_leaf_open(const struct cgroup *c, uint32_t leaf)
{
    char path[LEAF_PATH];
    leaf_path(c, leaf, path);
    if (mkdir(path, 0755) && errno != EEXIST)
        return -1;
    for (int i = 0; i < LIMITS; i++)
        if (!write_limit(c, path, i))
            return -1;
    if (c->limits.memory_bytes && !write_file(path, "memory.oom.group", "1"))
        return -1;
    /* Swap would only make its end slower. There may be none to limit. */
    if (c->limits.memory_bytes && !write_file(path, "memory.swap.max", "0") && errno != ENOENT)
        return -1;
    return open_to_write(path, "cgroup.procs");
}

bool cgroup_leaf_oom(const struct cgroup *c, uint32_t leaf)
{
    char path[LEAF_PATH], text[512];
    leaf_path(c, leaf, path);
    if (!read_file(path, "memory.events", text, sizeof text))
        return false;
    const char *at = strstr(text, "\noom_kill ");
    return at && strtoul(at + strlen("\noom_kill "), NULL, 10) > 0;
}

void cgroup_leaf_kill(const struct cgroup *c, uint32_t leaf)
{
    char path[LEAF_PATH];
    leaf_path(c, leaf, path);
    if (!write_file(path, "cgroup.kill", "1")) {
        /* before Linux 5.14: the process group is all that can be reached */
    }
}

/* By its name; 0: no leaf of a worker. */
static unsigned leaf_owner(const char *name)
{
    unsigned owner;
    int at = 0;
    if (sscanf(name, "reeve-%u-%n", &owner, &at) != 1 || at == 0)
        return 0;
    name += at;
    return strcmp(name, "agent") == 0 || strncmp(name, "runner-", 7) == 0 ? owner : 0;
}

void cgroup_sweep(const struct cgroup *c)
{
    DIR *folder = opendir(c->path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        unsigned owner = leaf_owner(entry->d_name);
        /* A worker that lives may have made a leaf that nobody has entered yet. */
        if (owner == c->owner || (owner && kill((pid_t)owner, 0) && errno == ESRCH))
            unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR); /* one in use stays */
    }
    closedir(folder);
}
