/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_client: one client of a benchmark, in a thread of its own with a connection of its own. As
 * a closed loop it keeps depth jobs on their way, and for each result that comes hands in the next
 * job. As an open loop it hands in at the moments of a plan, whatever has come, and measures from
 * these moments. Every job carries its number, so that a result which is missing, comes twice or
 * belongs to another job is noticed.
 */
#ifndef BENCH_BENCH_CLIENT_H
#define BENCH_BENCH_CLIENT_H

#include <stdatomic.h>

#include <reeve/client.h>

#include "common/histogram.h"
#include "producer/bench/arrivals.h"
#include "producer/bench/mix.h"
#include "producer/bench/tally.h"

struct bench_options {
    struct reeve_options farm;
    struct mix mix;
    struct reeve_job_options job; /* of every job */
    size_t payload_bytes;
    size_t clients;
    size_t depth;    /* the most jobs a client keeps on their way */
    uint64_t jobs;   /* of all clients; 0: until the time is over */
    int64_t for_ns;  /* 0: no limit of time */
    int64_t wait_ms; /* for the broker, and for the last results */
    double rate;     /* of all clients, jobs a second; 0: a closed loop */
    enum arrivals_kind arrivals;
    uint64_t seed; /* of the plan and of the mix */
};

/* Latencies since somebody looked last, in ns, one histogram for each part of the mix. */
struct bench_window {
    struct histogram *latency; /* mix.count of them */
};

struct bench_client {
    const struct bench_options *options;
    const atomic_bool *stop; /* somebody pressed Ctrl-C */
    int ended_fd;            /* eventfd: to be rung when its thread ends */
    uint64_t jobs;           /* its share of options->jobs */
    unsigned index;
    int64_t start_ns; /* of all clients: when the plan begins */
    struct tally tally;

    /* The client fills one window, who looks on has the other. wanted: change them, please; the
     * client changes them with its next result and takes the wish away. */
    struct bench_window windows[2], *filled, *shown;
    atomic_bool wanted;

    int code; /* REEVE_E...: it could not go on */
    char error[200];
    struct reeve_client *client;
    struct buf args;         /* of a job that has none of its own: the payload, */
    unsigned char *payload;  /* which lies in them */
    uint64_t payload_number; /* what stands in it */
    int64_t now_ns;          /* the last look at the clock for a result, */
    size_t unlooked_bytes;   /* what has passed since then, roughly */
    bool told;               /* this turn has brought a result */
    struct arrivals arrivals;
    struct random random;
    struct bench_flight *flights; /* depth of them */
    struct bench_flight *free;    /* those that have carried a job and carry none now */
    size_t used;                  /* those from here on never did */
    size_t open;                  /* jobs on their way */
    uint64_t newest;              /* of the jobs whose results have come, the one handed in last */
};

/* Memory and a connection: 0, or b->code and b->error. bench_client_fini after both. */
int bench_client_init(struct bench_client *b);
/* The whole loop. An error ends it in b->code. */
void bench_client_run(struct bench_client *b);
void bench_client_fini(struct bench_client *b);

#endif
