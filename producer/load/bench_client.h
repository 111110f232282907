/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_client: one client of a benchmark, in a thread of its own with a connection of its own. A
 * closed loop: it keeps depth jobs on their way, and for each result that comes hands in the next
 * job. Every job carries its number, so that a result which is missing, comes twice or belongs to
 * another job is noticed.
 */
#ifndef LOAD_BENCH_CLIENT_H
#define LOAD_BENCH_CLIENT_H

#include <stdatomic.h>

#include <reeve/client.h>

#include "common/bytes.h"
#include "common/histogram.h"

struct bench_options {
    const char *broker; /* NULL: the library's default */
    const char *method;
    struct reeve_job_options job; /* of every job */
    bool echoes;                  /* the method answers with its argument: compare */
    size_t payload_bytes;
    size_t depth;
    uint64_t jobs;   /* of this client; 0: until the time is over */
    int64_t for_ns;  /* 0: no limit of time */
    int64_t wait_ms; /* for the broker, and for the last results */
};

struct bench_counts {
    uint64_t submitted, ok, failed, wrong, duplicated, lost;
    int64_t first_ns, last_ns; /* first submission, last result */
};

struct bench_client {
    const struct bench_options *options;
    const atomic_bool *stop; /* somebody pressed Ctrl-C */
    uint64_t jobs;           /* its share of options->jobs */
    unsigned index;
    struct bench_counts counts;
    struct histogram *latency; /* ns */
    int code;                  /* REEVE_E...: it could not go on */
    char error[200];
    struct reeve_client *client;
    struct reeve_value *args;
    char *payload;
    struct bench_flight *flights; /* depth of them */
    struct bench_flight *free;    /* those that carry no job */
    size_t open;
};

/* A thread's function: runs the whole loop; user is the struct bench_client. */
void *bench_client_run(void *user);
void bench_client_fini(struct bench_client *b);

#endif
