/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/tally.h"

void tally_add(struct tally *sum, const struct tally *one)
{
    if (one->submitted && (sum->first_ns == 0 || one->first_ns < sum->first_ns))
        sum->first_ns = one->first_ns;
    if (one->last_ns > sum->last_ns)
        sum->last_ns = one->last_ns;
    if (one->behind_ns > sum->behind_ns)
        sum->behind_ns = one->behind_ns;
    sum->submitted += one->submitted;
    sum->ok += one->ok;
    sum->failed += one->failed;
    sum->wrong += one->wrong;
    sum->lost += one->lost;
    sum->duplicated += one->duplicated;
    sum->out_of_order += one->out_of_order;
}

double tally_seconds(const struct tally *t)
{
    return t->last_ns > t->first_ns ? (double)(t->last_ns - t->first_ns) / 1e9 : 0;
}

double tally_rate(const struct tally *t)
{
    double s = tally_seconds(t);
    return s > 0 ? (double)(t->ok + t->failed + t->wrong) / s : 0;
}

void tally_order(struct tally *t, uint64_t *newest, uint64_t number)
{
    if (number < *newest)
        t->out_of_order++;
    else
        *newest = number;
}

static bool is_here(const struct update_tally *t, uint64_t incarnation)
{
    return t->placed && incarnation == t->incarnation;
}

static void place(struct update_tally *t, uint64_t incarnation, uint64_t seq)
{
    t->placed = true;
    t->incarnation = incarnation;
    t->seq = seq;
}

/* Behind a gap the numbers between are missing. One of them that comes later is no longer: it is
 * out of order instead. */
void update_tally_seen(struct update_tally *t, uint64_t incarnation, uint64_t seq)
{
    t->seen++;
    if (!is_here(t, incarnation)) {
        place(t, incarnation, seq);
    } else if (seq == t->seq) {
        t->duplicated++;
    } else if (seq < t->seq) {
        t->out_of_order++;
        t->lost -= t->lost > 0;
    } else {
        t->lost += seq - t->seq - 1;
        t->seq = seq;
    }
}

/* What lies between the last update and the snapshot was never told one by one. */
void update_tally_snapshot(struct update_tally *t, uint64_t incarnation, uint64_t seq)
{
    if (!is_here(t, incarnation)) {
        place(t, incarnation, seq);
    } else if (seq > t->seq) {
        t->lost += seq - t->seq;
        t->seq = seq;
    }
}

void update_tally_add(struct update_tally *sum, const struct update_tally *one)
{
    sum->seen += one->seen;
    sum->lost += one->lost;
    sum->duplicated += one->duplicated;
    sum->out_of_order += one->out_of_order;
}
