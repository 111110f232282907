/* SPDX-License-Identifier: Apache-2.0
 *
 * confine: the options of a worker about what its slots may do and use, made into a sandbox and
 * limits. It decides where a limit is kept: by a cgroup where there is one, by the kernel's count
 * for a user, or, of memory, by the agent's looking.
 */
#ifndef WORKER_CONFINE_H
#define WORKER_CONFINE_H

#include "common/options.h"
#include "consumer/core/agent.h"
#include "consumer/worker/spawner.h"

extern const struct option confine_options[];

enum { CONFINE_ERROR = 600 };

struct confine { /* zeroed storage is closed */
    bool open, grouped;
    struct sandbox sandbox;
    struct cgroup cgroup;
    char error[CONFINE_ERROR];
};

/* What makes no sense of what was said; NULL: nothing. */
const char *confine_wrong(const struct options *o);
/* Opens the sandbox; see sandbox_open for when. The environment is as handlers are to have it, and
 * the options are not wrong. 0, or -1 with c->error. */
int confine_open(struct confine *c, const struct options *o) MUST_CHECK;
/* Limits of each runner, into s and a: how much memory (slot_kib is 0 when the agent need not
 * look), and what else the options say. 0, or -1 with c->error: strict, and not to be had. */
int confine_limit(struct confine *c, const struct options *o, struct spawner_options *s,
                  struct agent_options *a) MUST_CHECK;
void confine_close(struct confine *c);

/* Prints what this host can do, a line a measure of each level: LEVEL NAME ok|lacks TEXT. */
void confine_check(void);

#endif
