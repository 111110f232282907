/* SPDX-License-Identifier: Apache-2.0
 *
 * bench: one run: clients in their threads, company beside them, and what came of it gathered tick
 * by tick into a report.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "producer/bench/bench_client.h"
#include "producer/bench/company.h"
#include "producer/bench/report.h"
#include "proto/record.h"

enum { BENCH_CLIENTS_MAX = 64 };

struct bench {
    struct bench_options options;
    struct company_options company;
    bool live; /* a line on standard error that tells how far it is */
    atomic_bool stop;
    /* From here on of the run: */
    struct report *report;
    struct bench_client *clients;
    pthread_t threads[BENCH_CLIENTS_MAX];
    int ended_fd;              /* eventfd: counts threads that have ended */
    struct histogram *recent;  /* of all jobs since the last tick */
    int64_t start_ns, wish_ns; /* of the run; of the last change of windows asked for */
    struct msg_status before, after;
};

/* One run with b->options, whose figures go into a report that is empty but for what was set. 0, or
 * the exit status of a failure that has been told on standard error. */
int bench_run(struct bench *b, struct report *report);

#endif
