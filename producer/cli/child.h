/* SPDX-License-Identifier: Apache-2.0
 *
 * child: one process that a supervisor keeps alive: how it is started, when it is to be started
 * again after it has died, and how it is told to end. The caller reaps and says when.
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CHILD_AGAIN_MS = 50,      /* after a death; doubled with each that follows at once, up to: */
    CHILD_AGAIN_MS_MAX = 900, /* a child that died is there again within a second */
    CHILD_STEADY_MS = 5000,   /* who lived that long has not died at once */
};

struct child {
    const char *name;             /* for what is told of it */
    char **argv;                  /* argv[0] is the path; owned by the caller */
    int pass_fd;                  /* a descriptor it inherits, -1: none */
    pid_t pid;                    /* 0: it does not run */
    int64_t started_ms, start_ms; /* when it started; when it is to start again, -1: not */
    int64_t again_ms;             /* the delay after the next death */
};

/* Starts it. 0 or an errno of fork; a program that cannot be executed ends with status 127. */
int child_start(struct child *c, int64_t now_ms);
/* It has died: when it is to start again is set. */
void child_died(struct child *c, int64_t now_ms);
void child_signal(const struct child *c, int signal_number);
/* "exit 3", "signal 9" of a status of waitpid. */
enum { CHILD_TEXT = 32 };
const char *child_end_text(int status, char text[static CHILD_TEXT]);

#endif
