/* SPDX-License-Identifier: Apache-2.0
 *
 * command: runs one program to its end and gathers what it writes. No shell in between: argv is
 * what the program gets. Its input is empty. Nothing of it stays behind: processes it started and
 * left running are killed when it has ended (the caller becomes the parent of orphans below it, so
 * also those that left their process group are found). Not for programs that
 * have children of their own besides; Linux only.
 */
#ifndef SHELL_COMMAND_H
#define SHELL_COMMAND_H

#include "common/buf.h"
#include "common/must.h"

enum {
    COMMAND_OUTPUT_MAX = 8 * 1024 * 1024, /* bytes of each of the two outputs */
    COMMAND_GRACE_MS = 2000,              /* from TERM to KILL */
    COMMAND_ERROR_SIZE = 200,
};

struct command {
    char *const *argv;           /* ends with NULL; looked up in PATH */
    char *const *environment;    /* ends with NULL */
    bool (*stop)(void *context); /* asked every 50 ms; NULL is never */
    void *context;
};

struct command_result {
    int status; /* exit status, or 128 + signal */
    struct buf out, err;
};

/* 0, or -1 with a text: it cannot be started, was stopped, or writes too much. result
 * is to be given back either way. */
MUST_CHECK int command_run(const struct command *c, struct command_result *result,
                           char error[COMMAND_ERROR_SIZE]);
void command_result_fini(struct command_result *result);

#endif
