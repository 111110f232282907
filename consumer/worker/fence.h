/* SPDX-License-Identifier: Apache-2.0
 *
 * fence: which files a runner may read and write: a list of folders and files, kept by the kernel's
 * Landlock. What is not on the list cannot be opened, by the runner nor by what it starts; signals
 * and sockets without a file do not get out either where the kernel is new enough (Linux 6.12).
 * What it may not do is to list exceptions: below a folder that is open everything is.
 */
#ifndef WORKER_FENCE_H
#define WORKER_FENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/must.h"

enum fence_access { FENCE_READ /* and list, and execute */, FENCE_WRITE /* all of it */ };

struct fence { /* zeroed storage opens nothing */
    struct fence_gate {
        char *path;
        enum fence_access access;
        bool may_lack; /* a host may not have it */
    } * gates;
    size_t count;
};

/* Which version of Landlock the kernel speaks; 0: none, with errno. */
int fence_version(void);

/* Opens a folder and all below it, or a file. Copies the path. */
void fence_open(struct fence *f, const char *path, enum fence_access access);
/* The same of each of a list with colons, as far as it is there; NULL is an empty one. */
void fence_open_list(struct fence *f, const char *list, enum fence_access access);
/* What every program needs: libraries, the zone's time, what the processor is, /dev/null. */
void fence_open_system(struct fence *f);
/* What this program needs: the folders of its words (see programs.h), and, of an interpreter, that
 * of its installation. */
void fence_open_program(struct fence *f, char *const *words);
void fence_copy(struct fence *to, const struct fence *from);
void fence_fini(struct fence *f);

/* The gate by which this absolute path can be read, or some of what lies below it; NULL: none. */
const char *fence_gate(const struct fence *f, const char *path);

/* Closes all but these for this process, which has given up privileges (PR_SET_NO_NEW_PRIVS). Does
 * nothing but system calls. 0, or -1 with errno. */
int fence_enter(const struct fence *f) MUST_CHECK;

#endif
