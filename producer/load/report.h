/* SPDX-License-Identifier: Apache-2.0
 *
 * report: what a load prints: a line for each task and each result, and the summary at the end. A
 * long value is cut in the middle, a line break inside one is written \n. Every line leaves at
 * once, so that a pipe sees the load while it runs.
 */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include <stdio.h>

#include "common/bytes.h"
#include "common/histogram.h"
#include "producer/load/plan.h"

struct report {
    FILE *out;
    bool quiet; /* the summary only */
    uint64_t tasks, ok, failed;
    int64_t first_us, last_us; /* first task, last result */
    struct histogram *latency; /* us */
};

struct report_result {
    const char *state; /* "ok", "failed", "wrong", ... */
    bool ok;
    struct bytes value;
    const char *worker, *job; /* where it ran and the job's id; NULL: not known */
    int64_t took_us;
};

void report_init(struct report *r, FILE *out, bool quiet);
void report_fini(struct report *r);

void report_task(struct report *r, const struct task *t, int64_t now_us);
void report_result(struct report *r, const struct task *t, const struct report_result *result,
                   int64_t now_us);
/* The last line. Tasks without a result count as failed. */
void report_summary(const struct report *r);

#endif
