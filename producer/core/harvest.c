/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/harvest.h"

#include "producer/core/core.h"

/* Whoever watches is told of each end by itself, and where there are permits each result is held
 * against them. */
struct harvest harvest_of(const struct broker *b, const struct job *job)
{
    const struct client *client = job->client;
    if (!bygone_fits(job) || !client || !client->peer || topic_wanted(b) || b->permits.on)
        return (struct harvest){0};
    return (struct harvest){.worker = job->worker, .queue = job->queue, .client = job->client};
}

static bool follows(const struct harvest *h, const struct job *job, const struct msg_result *result)
{
    return job->queue == h->queue && job->client == h->client && bygone_fits(job) &&
           result->value.size <= VALUE_BYTES_MAX;
}

static void end(struct broker *b, struct job *job, const struct msg_result *result)
{
    struct msg_ended ended = {.number = job->number,
                              .id = job->id,
                              .state = JOB_OK,
                              .value = result->value,
                              .worker = b->harvest.worker->name,
                              .run_us = result->run_us,
                              .detail = result->detail};
    job->state = JOB_OK;
    job->attempts = 1; /* plain ones have no second */
    job->updates++;
    struct msg_ended_row row = {
        .ended_ms = (uint64_t)b->wall_ms, .updates = job->updates, .peak_kib = result->peak_kib};
    bygone_tell(b, job, &ended, &row);
    send_ended(b, job->client->peer, &ended);
    bygone_add(b, job, &ended, &row);
    job_free(b, job);
}

bool harvest_next(struct broker *b, const struct msg_result *result)
{
    struct harvest *h = &b->harvest;
    struct worker *w = h->worker;
    struct job *job = w ? lease_find(b, w, result->id, result->token) : NULL;
    if (!job || !follows(h, job, result))
        return false;
    lease_heard(w, result->number);
    holdings_take(&w->holdings, job);
    h->jobs++;
    h->bytes += job->args_size;
    h->lent_us += job->lent_us;
    h->leased_ms += job->leased_ms;
    h->ran_us += lease_learn(h->queue, result->run_us);
    figure_count(&b->figures.run, result->run_us, 1);
    end(b, job, result);
    return true;
}

void harvest_close(struct broker *b)
{
    const struct harvest *h = &b->harvest;
    b->totals.executions += h->jobs;
    b->figures.attempts[REASON_NONE] += h->jobs;
    lease_took(h->queue, h->ran_us, (double)h->lent_us);
    lease_discharge(b, h->queue, h->worker, h->jobs, h->lent_us, h->leased_ms);
    jobs_moved(b, h->queue, JOB_RUNNING, JOB_OK, h->jobs);
    jobs_ended(b, h->queue, JOB_OK, h->jobs);
    usage_ended(b, h->client, h->jobs, h->bytes);
    client_release(b, h->client, h->jobs);
    b->harvest = (struct harvest){0};
}
