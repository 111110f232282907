/* SPDX-License-Identifier: Apache-2.0
 *
 * programs: the handler programs of a worker: found in a folder or named one by one, each asked
 * once, at the start, for the methods it offers. Runs before the process has threads.
 */
#ifndef WORKER_PROGRAMS_H
#define WORKER_PROGRAMS_H

#include "consumer/core/agent.h"
#include "consumer/worker/python.h"
#include "consumer/worker/sandbox.h"

struct programs {            /* zeroed storage, with the sandbox set, is none */
    struct sandbox *sandbox; /* borrowed: in which they are asked too */
    struct agent_program *at;
    char ***words; /* by program: what runs it, the path of a program first; ends with NULL */
    unsigned count;
    char error[PYTHON_ERROR];
};

/* All programs of a folder, in the order of their names; `shell` only when allowed. 0, or -1 with
 * p->error. */
int programs_folder(struct programs *p, const char *folder, bool allow_shell) MUST_CHECK;
/* One program by its path. */
int programs_add(struct programs *p, const char *path) MUST_CHECK;
/* A file of Python handlers. */
int programs_python(struct programs *p, const char *file) MUST_CHECK;
void programs_fini(struct programs *p);

/* Which program and method a queue's name means. False: none; *known_class: methods of that
 * handler there are. */
bool programs_find(const struct programs *p, const char *queue, unsigned *program, unsigned *method,
                   bool *known_class);

#endif
