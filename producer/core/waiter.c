/* SPDX-License-Identifier: Apache-2.0
 *
 * waiter: a connection that waits by its id for a job which it may not have handed in. It stands in
 * two lists, its job's and its connection's, and goes with whichever is over first.
 */
#include "producer/core/core.h"

struct waiter {
    struct link of_job;  /* job_more::waiters */
    struct link of_peer; /* peer::waiters */
    struct peer *peer;
    uint64_t number;
};

void job_wait(struct broker *b, struct job *job, struct peer *peer, uint64_t number)
{
    if (peer->waiters_count >= b->limits.waits_max) {
        send_error(b, peer, number, ERR_BUSY, "too many waits on one connection");
        return;
    }
    peer->waiters_count++;
    struct waiter *w = must_alloc(sizeof *w);
    *w = (struct waiter){.peer = peer, .number = number};
    list_append(&job_more(job)->waiters, &w->of_job);
    list_append(&peer->waiters, &w->of_peer);
}

void waiters_tell(struct broker *b, const struct job *job, const struct msg_ended *ended)
{
    list_each(l, &job->more->waiters)
    {
        const struct waiter *w = container_of(l, struct waiter, of_job);
        struct record r = {.type = REC_ended, .ended = *ended};
        r.ended.number = w->number;
        send_record(b, w->peer, &r);
    }
}

static void waiter_free(struct waiter *w)
{
    link_take(&w->of_job);
    link_take(&w->of_peer);
    w->peer->waiters_count--;
    free(w);
}

void waiters_of_job_free(struct job *job)
{
    while (!list_empty(&job->more->waiters))
        waiter_free(list_first(&job->more->waiters, struct waiter, of_job));
}

void waiters_of_peer_free(struct peer *peer)
{
    while (!list_empty(&peer->waiters))
        waiter_free(list_first(&peer->waiters, struct waiter, of_peer));
}
