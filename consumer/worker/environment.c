/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/environment.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/must.h"

/* What ordinary programs ask for. */
static const char *const passing[] = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR",
    /* the farm's settings; what leads to a key is taken out below */
    "REEVE_*", "XDG_CACHE_HOME", "XDG_DATA_DIRS",
    /* where libraries and interpreters find their own */
    "LD_LIBRARY_PATH", "PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "JAVA_HOME", "NODE_PATH",
    /* how many threads a numerical library starts */
    "OMP_*", "OPENBLAS_*", "MKL_*", "BLIS_*", "NUMEXPR_*", "MALLOC_*", "GLIBC_TUNABLES",
    /* how sanitizers report */
    "?SAN_OPTIONS", "??SAN_OPTIONS"};

static const char *const never[] = {"REEVE_IDENTITY", "REEVE_*KEY*",   "REEVE_*TOKEN*",
                                    "REEVE_*SECRET*", "REEVE_*PASS*",  "REEVE_*INVITE*",
                                    "CREDENTIALS_*",  "NOTIFY_SOCKET", "LISTEN_*"};

static bool matches(const char *const *patterns, size_t count, const char *name)
{
    while (count--)
        if (fnmatch(patterns[count], name, 0) == 0)
            return true;
    return false;
}

static bool never_passes(const char *name)
{
    return matches(never, sizeof never / sizeof *never, name);
}

bool environment_passes(const char *name)
{
    return matches(passing, sizeof passing / sizeof *passing, name) && !never_passes(name);
}

/* Takes the text. */
static void put(struct environment *e, char *variable)
{
    e->variables = must_realloc((void *)e->variables, (e->count + 2) * sizeof *e->variables);
    e->variables[e->count++] = variable;
    e->variables[e->count] = NULL;
}

static char *name_of(const char *variable)
{
    char *name;
    must(asprintf(&name, "%.*s", (int)strcspn(variable, "="), variable) >= 0);
    return name;
}

void environment_take(struct environment *e, char *const *from, bool all)
{
    for (; *from; from++) {
        char *name = name_of(*from);
        if (all ? !never_passes(name) : environment_passes(name))
            put(e, must_strdup(*from));
        free(name);
    }
}

/* The place of a variable of this name; the count when there is none. */
static size_t place_of(char *const *variables, const char *name)
{
    size_t at = 0, size = strlen(name);
    while (variables && variables[at] &&
           (strncmp(variables[at], name, size) != 0 || variables[at][size] != '='))
        at++;
    return at;
}

bool environment_take_one(struct environment *e, char *const *from, const char *name)
{
    const char *found = from[place_of(from, name)];
    if (never_passes(name))
        return false;
    if (found)
        environment_set(e, name, strchr(found, '=') + 1);
    return true;
}

void environment_set(struct environment *e, const char *name, const char *value)
{
    char *variable;
    size_t at = place_of(e->variables, name);
    must(asprintf(&variable, "%s=%s", name, value) >= 0);
    if (at == e->count) {
        put(e, variable);
        return;
    }
    free(e->variables[at]);
    e->variables[at] = variable;
}

const char *environment_get(const struct environment *e, const char *name)
{
    size_t at = place_of(e->variables, name);
    return at < e->count ? strchr(e->variables[at], '=') + 1 : NULL;
}

void environment_copy(struct environment *to, const struct environment *from)
{
    *to = (struct environment){0};
    for (size_t i = 0; i < from->count; i++)
        put(to, must_strdup(from->variables[i]));
}

void environment_fini(struct environment *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->variables[i]);
    free((void *)e->variables);
    *e = (struct environment){0};
}
