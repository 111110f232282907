/* SPDX-License-Identifier: Apache-2.0 */
#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"

static const char *home(void)
{
    const char *named = getenv("HOME");
    if (named && *named == '/')
        return named;
    const struct passwd *user = getpwuid(getuid());
    return user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
}

/* Below the folder that the variable names, else below one at home. */
static char *under(const char *variable, const char *at_home, const char *leaf)
{
    char *path = NULL;
    const char *named = getenv(variable), *where = home();
    if (named && *named == '/') /* one that is not absolute is to be ignored */
        must(asprintf(&path, "%s/reeve/%s", named, leaf) > 0);
    else if (where)
        must(asprintf(&path, "%s/%s/reeve/%s", where, at_home, leaf) > 0);
    return path;
}

char *path_state(const char *leaf)
{
    return under("XDG_STATE_HOME", ".local/state", leaf);
}

char *path_config(const char *leaf)
{
    return under("XDG_CONFIG_HOME", ".config", leaf);
}

char *path_beside(const char *rest)
{
    char *path, *self = realpath("/proc/self/exe", NULL);
    if (!self)
        return NULL;
    *strrchr(self, '/') = 0;
    for (char *slash; strncmp(rest, "../", 3) == 0 && (slash = strrchr(self, '/')); rest += 3)
        *slash = 0;
    must(asprintf(&path, "%s/%s", self, rest) > 0);
    free(self);
    return path;
}

int path_keep(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = must_strdup(slash ? path : ".");
    if (slash)
        folder[slash == path ? 1 : slash - path] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(folder);
    return error;
}

static int make_kept(const char *path)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? 0 : errno;
    return path_keep(path);
}

int path_make_above(const char *path)
{
    char *part = strdup(path);
    int error = 0;
    must(part);
    for (char *at = part; *at && !error; at++) {
        /* A slash that is not the first, and with something behind it. */
        if (*at != '/' || at == part || !at[strspn(at, "/")])
            continue;
        *at = 0;
        error = make_kept(part);
        *at = '/';
    }
    free(part);
    return error;
}
