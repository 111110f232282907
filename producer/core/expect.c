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
    const struct peer *peer;
    uint64_t id; /* of the job that the first record is about; 0: of none */
    const struct job *job;
};

static void link_body(const struct broker *b, struct expected *x)
{
    if (x->ev->body.bytes.size)
        fetch(x->ev->body.bytes.data, 1);
    idmap_fetch(&b->peers, x->ev->body.peer);
}

static void link_ids(const struct broker *b, struct expected *x)
{
    if (x->ev->body.port == PORT_WORKERS)
        x->id = record_job(x->ev->body.bytes);
    idmap_fetch(&b->jobs, x->id);
    idmap_fetch_value(&b->peers, x->ev->body.peer);
}

static void link_peer(const struct broker *b, struct expected *x)
{
    x->peer = idmap_find(&b->peers, x->ev->body.peer);
    if (x->peer)
        fetch(x->peer, 1);
    idmap_fetch_value(&b->jobs, x->id);
}

static void link_job(const struct broker *b, struct expected *x)
{
    if (x->peer && x->peer->worker)
        worker_fetch(x->peer->worker);
    x->job = idmap_find(&b->jobs, x->id);
    if (x->job)
        fetch(x->job, sizeof *x->job);
}

static void link_lease(const struct broker *b, struct expected *x)
{
    const struct worker *w = x->peer ? x->peer->worker : NULL;
    (void)b;
    if (!w || !x->job || x->job->state != JOB_RUNNING || x->job->worker != w)
        return;
    fetch(&w->holdings.all[x->job->place], 1);
    if (x->job->queue->index < w->offer_of_count)
        fetch(&w->offer_of[x->job->queue->index], 1);
}

void broker_expect(const struct broker *b, const struct event *events, size_t count)
{
    static void (*const links[])(const struct broker *, struct expected *) = {
        link_body, link_ids, link_peer, link_job, link_lease};
    struct expected all[SIDE_BY_SIDE];
    size_t bodies = 0;
    for (size_t i = 0; i < count && bodies < SIDE_BY_SIDE; i++)
        if (events[i].type == EV_BODY)
            all[bodies++] = (struct expected){.ev = &events[i]};
    for (size_t link = 0; link < LENGTH(links); link++)
        for (size_t i = 0; i < bodies; i++)
            links[link](b, &all[i]);
}
