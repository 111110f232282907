/* SPDX-License-Identifier: Apache-2.0
 *
 * environment: the variables that a runner gets: those on a list, those that the operator names,
 * and what the worker adds. What leads to a key never passes, whoever names it.
 */
#ifndef WORKER_ENVIRONMENT_H
#define WORKER_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

struct environment {  /* zeroed storage is an empty one */
    char **variables; /* NAME=VALUE, ends with NULL once something is in it */
    size_t count;
};

/* May a variable of this name pass? */
bool environment_passes(const char *name);

/* Takes over from `from`, which ends with NULL, what passes; with `all` everything but what never
 * does. Copies. */
void environment_take(struct environment *e, char *const *from, bool all);
/* Takes over one more, when it is there and may ever pass. False: it never may. */
bool environment_take_one(struct environment *e, char *const *from, const char *name);
/* Sets it, in the place of one of this name. */
void environment_set(struct environment *e, const char *name, const char *value);
const char *environment_get(const struct environment *e, const char *name); /* NULL: not there */
void environment_copy(struct environment *to, const struct environment *from);
void environment_fini(struct environment *e);

#endif
