/* SPDX-License-Identifier: Apache-2.0
 *
 * spawner: the single-threaded process that starts, signals and buries runners for the agent. It
 * is forked before the agent has any ZeroMQ context or thread, so that its forks copy no lock that
 * somebody holds. It decides nothing. When the agent is gone (its end of the socket closes) it
 * kills every runner's process group and leaves; when it is gone itself, its runners die with it.
 *
 * Both sides talk over a SOCK_SEQPACKET pair, one struct a message.
 */
#ifndef WORKER_SPAWNER_H
#define WORKER_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/must.h"
#include "consumer/worker/cgroup.h"
#include "consumer/worker/sandbox.h"

struct spawner {
    int socket;
    pid_t pid;
};

enum spawner_report_kind { SPAWNER_SPAWNED = 1, SPAWNER_FAILED, SPAWNER_EXITED };

struct spawner_report {
    uint32_t kind, runner;
    int32_t pid;
    int32_t error;          /* FAILED: errno */
    int32_t signal, status; /* EXITED: signal 0: it ended with status */
    int32_t oom;            /* EXITED: the kernel killed it at its cgroup's limit */
    int32_t measure;        /* FAILED: the sandbox_measure that failed, SANDBOX_MEASURES: none */
    int64_t peak_kib;       /* EXITED: the most memory it had */
};

/* By what setrlimit counts: bytes, descriptors, processes of a user. */
enum spawner_limit {
    SPAWNER_DATA,
    SPAWNER_FILES, /* only what is allowed unasked: a runner may go up to what we may */
    SPAWNER_FILES_MOST,
    SPAWNER_FILE_SIZE,
    SPAWNER_ADDRESS_SPACE,
    SPAWNER_PROCESSES,
    SPAWNER_LIMITS
};

struct spawner_options { /* borrowed: the child has its copy */
    char ***words;       /* of each program: what runs it, a path first, NULL behind the last */
    size_t program_count, runner_count;
    const struct cgroup *cgroup; /* the limits of a runner and all it starts; NULL: none here */
    const struct sandbox *sandbox;
    uint64_t limits[SPAWNER_LIMITS]; /* of a runner; 0: as we have it */
};

/* Forks it. It may start any of these programs for runners 0 .. runner_count-1. 0, or -1 with
 * errno. */
int spawner_open(struct spawner *s, const struct spawner_options *options) MUST_CHECK;

/* What a runner's process inherits copies of. */
struct spawner_ends {
    int bell, memory;
    int voice; /* its standard output and error */
};

/* Asks for a runner's process. The answer is a report SPAWNED or FAILED. -1: the spawner is gone.
 */
int spawner_spawn(const struct spawner *s, unsigned runner, unsigned program,
                  const struct spawner_ends *ends) MUST_CHECK;
/* Signals a runner's process group; nothing happens when it is gone. -1: the spawner is gone. */
int spawner_kill(const struct spawner *s, unsigned runner, int signal) MUST_CHECK;

/* The next report: 1; 0: none waits; -1: the spawner is gone. */
int spawner_next(const struct spawner *s, struct spawner_report *out) MUST_CHECK;

/* Ends it, and with it all runners; waits until it is gone. */
void spawner_close(struct spawner *s);

#endif
