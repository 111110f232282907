/* SPDX-License-Identifier: Apache-2.0
 *
 * figure: what is counted for those who watch over a farm, and decides nothing: how long jobs
 * waited and ran, how attempts ended. Kept since this broker started.
 */
#include "producer/core/core.h"

/* Upper bounds of the buckets, in us; above the last one is one more. */
static const uint64_t bounds[HISTOGRAM_BOUNDS] = {
    10,     50,     100,     500,     1000,     5000,     10000,     50000,
    100000, 500000, 1000000, 5000000, 10000000, 60000000, 300000000, 3600000000};

void figure_count(struct figure *f, uint64_t us, uint64_t times)
{
    size_t at = f->last; /* neighbours are much alike */
    while (at < HISTOGRAM_BOUNDS && us > bounds[at])
        at++;
    while (at && us <= bounds[at - 1])
        at--;
    f->last = at;
    f->buckets[at] += times;
    f->sum_us += us * times;
}

/* Since it was ready, as far as that is known: a session's next iteration without a delay is ready
 * when the last one is kept, of which nothing is remembered. */
void figure_waited(struct broker *b, const struct job *job, uint64_t jobs)
{
    const struct job_more *more = job->more;
    int64_t ms = b->wall_ms - (int64_t)job->submitted_ms;
    if (more && more->due_ms)
        ms = b->now_ms - more->due_ms;
    else if (job_chain(job))
        return;
    figure_count(&b->figures.wait, ms > 0 ? (uint64_t)ms * 1000 : 0, jobs);
}

static void send_histogram(struct broker *b, struct peer *peer, uint64_t number, const char *name,
                           const struct figure *f)
{
    struct buf buckets = {0};
    pack_array(&buckets, HISTOGRAM_BOUNDS + 1);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        pack_array(&buckets, 2);
        if (i < HISTOGRAM_BOUNDS)
            pack_uint(&buckets, bounds[i]);
        else
            pack_nil(&buckets);
        pack_uint(&buckets, f->buckets[i]);
    }
    struct record r = {.type = REC_histogram,
                       .histogram = {.number = number,
                                     .name = bytes_text(name),
                                     .sum_us = f->sum_us,
                                     .buckets = buf_bytes(&buckets)}};
    send_record(b, peer, &r);
    buf_fini(&buckets);
}

static void send_counter(struct broker *b, struct peer *peer, uint64_t number, const char *name,
                         const char *label, uint64_t count)
{
    struct record r = {.type = REC_counter,
                       .counter = {.number = number,
                                   .name = bytes_text(name),
                                   .label = bytes_text(label),
                                   .count = count}};
    send_record(b, peer, &r);
}

void figures_send(struct broker *b, struct peer *peer, uint64_t number)
{
    const struct figures *all = &b->figures;
    send_histogram(b, peer, number, "job_wait", &all->wait);
    send_histogram(b, peer, number, "job_run", &all->run);
    send_counter(b, peer, number, "updates_published", "", all->published);
    send_counter(b, peer, number, "attempts", "ok", all->attempts[REASON_NONE]);
    for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++)
        if (i != REASON_VERDICT) /* an iteration that went well: counted as ok */
            send_counter(b, peer, number, "attempts", reason_name(i), all->attempts[i]);
    for (unsigned i = 0; b->permits.on && i < QUOTAS; i++)
        send_counter(b, peer, number, "over_quota", quota_word((enum quota)i), b->permits.over[i]);
    send_record(b, peer, &(struct record){.type = REC_end, .end = {.number = number}});
}
