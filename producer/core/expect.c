/* SPDX-License-Identifier: Apache-2.0
 *
 * expect: what bodies will be about is fetched into the processor's cache before they are stepped.
 * A word of a worker leads from its connection to the worker, and from a job's id to the job: two
 * chains of places, of which each says where the next one is, and none is near when there are
 * thousands of workers. One body after the other would wait for them one by one; here those of many
 * bodies are walked side by side, all to the same link before any goes on to the next. Nothing is
 * decided, and what is not found is for the step to deal with.
 */
#include "producer/core/core.h"

enum { SIDE_BY_SIDE = 64 };

struct expected {
    const struct event *ev; /* EV_BODY */
    uint64_t id;            /* of the job that its first record is about; 0: of none */
    void *const *peer_at, *const *job_at; /* in broker::peers, in broker::jobs; NULL: not there */
    const struct peer *peer;
    const struct job *job;
};

static void link_body(const struct broker *b, const struct expected *x)
{
    if (x->ev->body.bytes.size)
        fetch(x->ev->body.bytes.data, 1);
    idmap_fetch(&b->peers, x->ev->body.peer);
}

static void link_peer_at(const struct broker *b, struct expected *x)
{
    x->peer_at = idmap_place(&b->peers, x->ev->body.peer);
    if (x->peer_at)
        fetch(x->peer_at, 1);
    if (x->ev->body.port == PORT_WORKERS && (x->id = record_job(x->ev->body.bytes)))
        idmap_fetch(&b->jobs, x->id);
}

static void link_peer(const struct broker *b, struct expected *x)
{
    x->peer = x->peer_at ? *x->peer_at : NULL;
    if (x->peer)
        fetch(x->peer, 1);
    if (x->id && (x->job_at = idmap_place(&b->jobs, x->id)))
        fetch(x->job_at, 1);
}

static void link_worker(struct expected *x)
{
    if (x->peer && x->peer->worker)
        worker_fetch(x->peer->worker);
    if (x->job_at && !bygone_marked(*x->job_at) && (x->job = *x->job_at))
        fetch(x->job, sizeof *x->job);
}

/* Where the worker keeps the lease, and what it calls the queue. */
static void link_lease(const struct expected *x)
{
    const struct worker *w = x->peer ? x->peer->worker : NULL;
    if (!w || !x->job || x->job->state != JOB_RUNNING || x->job->worker != w)
        return;
    fetch(&w->holdings.all[x->job->place], 1);
    if (x->job->queue->index < w->offer_of_count)
        fetch(&w->offer_of[x->job->queue->index], 1);
}

void broker_expect(const struct broker *b, const struct event *events, size_t count)
{
    struct expected all[SIDE_BY_SIDE], *end = all;
    for (size_t i = 0; i < count && end < all + SIDE_BY_SIDE; i++)
        if (events[i].type == EV_BODY)
            *end++ = (struct expected){.ev = &events[i]};
    for (struct expected *x = all; x < end; x++)
        link_body(b, x);
    for (struct expected *x = all; x < end; x++)
        link_peer_at(b, x);
    for (struct expected *x = all; x < end; x++)
        link_peer(b, x);
    for (struct expected *x = all; x < end; x++)
        link_worker(x);
    for (struct expected *x = all; x < end; x++)
        link_lease(x);
}
