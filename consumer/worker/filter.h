/* SPDX-License-Identifier: Apache-2.0
 *
 * filter: which system calls a runner may make: seccomp programs, made once and then loaded by each
 * runner with one call. What is not allowed fails with EPERM, so that a handler can say what it
 * missed; nothing is killed. Filters stay for good, and children have them too.
 */
#ifndef WORKER_FILTER_H
#define WORKER_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/must.h"

enum filter_kind {
    FILTER_GENERAL, /* all but what no handler needs: tracing, mounts, namespaces, modules, ... */
    FILTER_LOCAL,   /* and no sockets but those of this host's own files */
    FILTER_COMPUTE, /* only what computing, memory, threads and files need: no process, no socket */
    FILTERS
};

struct filter { /* zeroed storage is none */
    struct sock_filter *code;
    unsigned short size;
};

/* 0, or -1 with errno: this kernel or machine is none that libseccomp knows. */
int filter_make(struct filter *f, enum filter_kind kind) MUST_CHECK;
void filter_fini(struct filter *f);

/* Loads it into this process, which has given up privileges (PR_SET_NO_NEW_PRIVS). One system call:
 * for a child between fork and exec. 0, or -1 with errno. */
int filter_enter(const struct filter *f) MUST_CHECK;

/* Is the call refused by filters of this kind, whatever its arguments? For tests. */
bool filter_refuses(enum filter_kind kind, const char *call);

#endif
