/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: the broker's records as the text that Prometheus reads (format 0.0.4). Gathers records
 * in whatever order they come, prints them family by family. Pure. Labels never hold what grows
 * without end: no job's id, and queues up to a limit, the rest of which is one, queue="other" (no
 * queue is called so: a name has a dot inside).
 */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "common/buf.h"
#include "proto/record.h"

enum { METRICS_QUEUES_MAX = 1000, METRICS_BUCKETS_MAX = 64, METRICS_NAME = 48 };

struct metrics_queue {
    char name[QUEUE_NAME_MAX + 1];
    uint64_t held, ready, running, delayed, submitted, oldest_ms;
    uint64_t finished[JOB_EXPIRED - JOB_OK + 1]; /* by end state */
};

struct metrics_histogram {
    bool come;
    uint64_t sum_us;
    size_t count; /* of buckets; the last one's bound is infinite */
    uint64_t bounds_us[METRICS_BUCKETS_MAX], counts[METRICS_BUCKETS_MAX];
};

struct metrics_counter {
    char name[METRICS_NAME], label[METRICS_NAME];
    uint64_t count;
};

enum { METRICS_WAIT, METRICS_RUN, METRICS_HISTOGRAMS };

struct metrics { /* zeroed storage has gathered nothing */
    bool up;     /* a status has come */
    struct msg_status status;
    struct metrics_queue *queues; /* METRICS_QUEUES_MAX + 1, the last one is "other"; NULL: none */
    size_t queue_count;
    bool other;
    uint64_t workers[WORKER_SILENT + 1], slots[SLOT_COOLING + 1]; /* by state */
    struct metrics_histogram histograms[METRICS_HISTOGRAMS];
    struct metrics_counter counters[64];
    size_t counter_count;
};

void metrics_fini(struct metrics *m);
/* A status, queue, worker, slot, histogram or counter; any other record changes nothing. */
void metrics_take(struct metrics *m, const struct record *r);
void metrics_print(const struct metrics *m, struct buf *out);

/* --- for other families, those of the gateway itself --- */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
/* A sample; label NULL: without one. The value of a label may hold anything. */
void metrics_sample(struct buf *out, const char *name, const char *label, struct bytes value,
                    double number);
/* Head and one sample. */
void metrics_one(struct buf *out, const char *name, const char *type, const char *help,
                 double number);

#endif
