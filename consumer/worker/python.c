/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/python.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"

#define FAIL(...) (snprintf(error, PYTHON_ERROR, __VA_ARGS__), -1)

/* The first program of that name on PATH. */
static char *on_path(const char *name)
{
    const char *at = getenv("PATH");
    for (size_t size; at && *at; at += size + (at[size] == ':')) {
        char *path;
        size = strcspn(at, ":");
        must(asprintf(&path, "%.*s/%s", (int)size, at, name) > 0);
        if (size && access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* One with a slash is a path, another a name. Not resolved further: the link's place is how an
 * interpreter knows its environment. */
static char *interpreter(void)
{
    const char *named = getenv("REEVE_PYTHON");
    if (named && *named)
        return strchr(named, '/') ? must_strdup(named) : on_path(named);
    char *venv = path_beside("../venv/bin/python3");
    if (venv && access(venv, X_OK) == 0)
        return venv;
    free(venv);
    return on_path("python3");
}

int python_words(char *words[static PYTHON_WORDS], const char *file,
                 char error[static PYTHON_ERROR])
{
    words[0] = interpreter();
    if (!words[0] || access(words[0], X_OK))
        return FAIL("no Python for %.100s: %.100s is not there (REEVE_PYTHON names one)", file,
                    words[0] ? words[0] : "python3");
    words[1] = path_beside("../libexec/reeve-python");
    if (!words[1] || access(words[1], R_OK))
        return FAIL("the Python package %.200s: %s", words[1] ? words[1] : "", strerror(errno));
    words[2] = realpath(file, NULL);
    if (!words[2])
        return FAIL("Python handlers %.200s: %s", file, strerror(errno));
    return 0;
}
