/* SPDX-License-Identifier: Apache-2.0
 *
 * tally: what became of the jobs of a run, and of the updates beside it: counts, no latencies.
 * Pure.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally { /* of jobs; zeroed storage is an empty one */
    uint64_t submitted, ok, failed;
    uint64_t wrong;            /* ended well, with another value than it must have */
    uint64_t lost;             /* no result has come */
    uint64_t duplicated;       /* results too many, executions too many */
    uint64_t out_of_order;     /* came after the result of a job handed in later: see tally_order */
    int64_t first_ns, last_ns; /* first submission, last result */
    int64_t behind_ns;         /* open loop: the most a job was handed in late */
};

void tally_add(struct tally *sum, const struct tally *one);
/* From the first submission to the last result. */
double tally_seconds(const struct tally *t);
/* Results a second; 0 when nothing has come. */
double tally_rate(const struct tally *t);

/* A result of the job with this number has come, the newest so far was of *newest. A result is out
 * of order as RFC 4737 has it of packets: its number is smaller than one that has come before. With
 * one slot and jobs of one kind none is; elsewhere short jobs overtake long ones, and should. */
void tally_order(struct tally *t, uint64_t *newest, uint64_t number);

/* Of one watcher of one topic. Updates are numbered without gaps, so what is missing shows. */
struct update_tally {          /* zeroed storage has seen nothing */
    bool placed;               /* it knows where it is: */
    uint64_t incarnation, seq; /* the last one that came, or that the snapshot stands after */
    uint64_t seen, lost, duplicated, out_of_order;
};
/* An update has come, or a snapshot that stands after it. */
void update_tally_seen(struct update_tally *t, uint64_t incarnation, uint64_t seq);
void update_tally_snapshot(struct update_tally *t, uint64_t incarnation, uint64_t seq);
void update_tally_add(struct update_tally *sum, const struct update_tally *one);

#endif
