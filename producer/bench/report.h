/* SPDX-License-Identifier: Apache-2.0
 *
 * report: what a run came to, as text for a person and as JSON for programs. The keys of the JSON
 * are a contract: there may be more of them one day, never fewer. Pure: no connection, no clock.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "common/buf.h"
#include "common/histogram.h"
#include "producer/bench/arrivals.h"
#include "producer/bench/mix.h"
#include "producer/bench/series.h"
#include "producer/bench/tally.h"

enum { KNEE_STEPS = 40 };

struct knee_step {
    double offered, rate; /* jobs a second: asked for, done */
    uint64_t p50_ns, p99_ns;
    bool held; /* the farm kept up with it */
};

struct report {
    const char *what; /* the method, or the mix as it was written; borrowed */
    const struct mix *mix;
    double offered; /* jobs a second of an open loop; 0: a closed one */
    enum arrivals_kind arrivals;
    size_t clients, depth, payload_bytes;
    const char *durability;
    size_t workers, slots; /* of the farm that was started for the run; 0: another's */
    struct tally tally;
    struct histogram *latency; /* ns; mix->count of them, and behind them that of all; owned */
    struct series series;
    bool compared;        /* nobody else used the farm: the broker's counts are ours */
    double client_cpu_us; /* a job */
    size_t sessions, subscribers;
    uint64_t iterations, sessions_failed;
    struct update_tally updates;
    struct knee_step steps[KNEE_STEPS]; /* in the order in which they were tried */
    size_t step_count;                  /* 0: no knee was looked for */
    double knee;                        /* the highest rate that held; 0: none did */
    int64_t bound_ns;                   /* what p99 had to stay below; 0: nothing */
};

/* A run that comes to less than this share of what is offered does not keep up. */
#define REPORT_KEPT_SHARE 0.95

/* For the mix, which is borrowed. */
void report_init(struct report *r, const struct mix *mix);
void report_fini(struct report *r);

/* Of all jobs. */
const struct histogram *report_latency(const struct report *r);
/* An open loop: were as many jobs done as were offered? True of a closed one. */
bool report_kept_up(const struct report *r);
/* Every job came back right and once, and so did the updates. */
bool report_is_good(const struct report *r);

void report_text(const struct report *r, struct buf *out);
/* One line, without its end. whole: the series and the histogram too. */
void report_json(const struct report *r, bool whole, struct buf *out);

/* Which percentiles are told, and under which names. */
enum { PERCENTILES = 6 };
extern const struct percentile {
    const char *name, *key;
    double share; /* 1: the largest, which is exact */
} report_percentiles[PERCENTILES];
double percentile_ns(const struct histogram *h, const struct percentile *p);

/* "431 us", "2.3 ms", "12.0 s" */
enum { LATENCY_TEXT = 24 };
const char *latency_text(double ns, char text[static LATENCY_TEXT]);

#endif
