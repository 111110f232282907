/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox: what keeps a runner to itself, as a list of measures. It is a defence against mistakes
 * and careless code, in depth; hostile code needs a machine of its own (docs/guides/sandbox.md).
 *
 * A sandbox is opened once, before the worker has threads; opening it tries each measure that is
 * wanted in a child and looks whether it holds. Each runner then enters it between fork and exec.
 * What this host cannot do is left out where it was only the default, and an error where it was
 * asked for. Limits of memory, processes and time are cgroup's and the spawner's.
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "consumer/worker/environment.h"
#include "consumer/worker/fence.h"
#include "consumer/worker/filter.h"
#include "consumer/worker/scratch.h"

enum sandbox_level { SANDBOX_OFF, SANDBOX_BASIC, SANDBOX_STRICT, SANDBOX_LEVELS };

/* In the order in which they are entered: each still allows what the next one needs. */
enum sandbox_measure {
    SANDBOX_DESCRIPTORS, /* no descriptors but its own */
    SANDBOX_ENVIRONMENT, /* no variables but those on a list */
    SANDBOX_TEMPORARY,   /* a folder of its own for temporary files */
    SANDBOX_UMASK,       /* new files for their owner only */
    SANDBOX_CORE,        /* no core dumps */
    SANDBOX_WORKER,      /* no look into the memory of the worker */
    SANDBOX_USER,        /* another user */
    SANDBOX_PRIVILEGES,  /* no new privileges by what it executes */
    SANDBOX_FILES,       /* no files but those opened to it */
    SANDBOX_CALLS,       /* no system calls that handlers need not */
    SANDBOX_COMPUTE,     /* no network; a program in C starts no processes */
    SANDBOX_MEASURES
};

enum { SANDBOX_ERROR = 500, SANDBOX_WHY = 80 };

struct sandbox_options { /* borrowed until sandbox_open returns; zeroed: the level off */
    enum sandbox_level level;
    const char *user;         /* NULL: as we are */
    const char *const *names; /* of variables to pass besides; NULL: none */
    size_t name_count;
    const struct fence *fence;  /* what the operator opens; NULL: nothing */
    const char *const *secrets; /* paths that must not be open under SANDBOX_FILES */
    size_t secret_count;
};

struct sandbox {
    enum sandbox_level level;
    uint32_t in_force; /* a bit a measure */
    uid_t user;
    gid_t group;
    struct environment environment; /* without TMPDIR when that is a runner's own */
    struct fence fence;
    struct filter filters[FILTERS];
    struct scratch scratch;
    char **secrets;
    size_t secret_count;
    char why[SANDBOX_MEASURES][SANDBOX_WHY]; /* what is wanted is not in force; "": it is */
    char error[SANDBOX_ERROR];
};

const char *sandbox_name(enum sandbox_measure m);
const char *sandbox_text(enum sandbox_measure m); /* for people: what it is */
const char *sandbox_level_name(enum sandbox_level level);
/* From which level on it is wanted; SANDBOX_LEVELS: only when it is asked for. */
enum sandbox_level sandbox_begins(enum sandbox_measure m);
/* By its name; false: none. */
bool sandbox_level_of(const char *name, enum sandbox_level *level) MUST_CHECK;

/* Tries what is wanted, and keeps what holds; s->why tells of the rest. Forks: only before there
 * are threads. -1 with s->error: there is no such user, or a variable that never passes. */
int sandbox_try(struct sandbox *s, const struct sandbox_options *options) MUST_CHECK;
/* The same, and says in the log what this host lacks; what was asked for, by SANDBOX_STRICT or as a
 * user, and lacks, is an error. 0, or -1 with s->error. Either way to be closed. */
int sandbox_open(struct sandbox *s, const struct sandbox_options *options) MUST_CHECK;
void sandbox_close(struct sandbox *s);

static inline bool sandbox_has(const struct sandbox *s, enum sandbox_measure m)
{
    return s->in_force >> m & 1;
}

/* May this program run in it? -1 with s->error: a secret lies where it could be read. */
int sandbox_admit(struct sandbox *s, char *const *words) MUST_CHECK;

/* What a process needs that is to run one program. */
struct sandbox_entry {
    struct environment environment;
    struct fence fence;
    enum filter_kind filter;
};

/* Makes it, and the process's folder: number n is its own until sandbox_leave. words: of the
 * program, see programs.h; NULL: none. 0, or -1 with errno: no room for the folder. */
int sandbox_prepare(const struct sandbox *s, struct sandbox_entry *e, char *const *words,
                    uint32_t n) MUST_CHECK;
/* Gives back memory that only the way in needed; the folder stays. */
void sandbox_entry_fini(struct sandbox_entry *e);
/* Removes the folder; that may take a child, see scratch_drop. */
void sandbox_leave(const struct sandbox *s, uint32_t n);

/* In the child, right before its exec with e->environment. Closes no descriptors: only the caller
 * knows which are to stay. 0, or -1 with errno and *failed. */
int sandbox_enter(const struct sandbox *s, const struct sandbox_entry *e,
                  enum sandbox_measure *failed) MUST_CHECK;

#endif
