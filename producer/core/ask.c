/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: questions of clients about jobs, queues and workers. What still lives is answered here; what
 * has ended in find.c.
 */
#include "producer/core/core.h"

enum { STALL_MS = 1000 }; /* what waits for the store so long waits for a disk that stands still */

/* --- sessions --------------------------------------------------------------------------------- */

/* It is stopped, and nothing of it stays. */
static void session_remove(struct broker *b, struct job *job)
{
    job_chain(job)->removed = true;
    keep_job(b, job);
    job_stop(b, job, REASON_CANCELLED);
}

static void send_session(struct broker *b, struct peer *peer, uint64_t number,
                         const struct job *job)
{
    struct msg_job view;
    struct msg_chain_row row;
    if (!job_chain(job)) {
        send_error(b, peer, number, ERR_NO_SESSION, NULL);
        return;
    }
    job_view(b, job, &view);
    chain_row_of(job_chain(job), &row);
    session_show(b, peer, number, &view, &row, (struct bytes){0});
}

/* A word to a session: what it refuses has no effect. One that comes again, because its answer was
 * lost, finds its iteration over. */
static enum err said(struct broker *b, struct job *job, const struct record *r)
{
    const struct chain *chain = job_chain(job);
    if (!chain)
        return ERR_NO_SESSION;
    switch (r->type) {
    case REC_pause:
        if (chain->paused)
            return ERR_PAUSED;
        chain_pause(b, job);
        return OK;
    case REC_resume:
        if (!chain->paused)
            return ERR_NOT_PAUSED;
        if (job->more->feed && !job->more->feed->watched)
            return ERR_PAUSED; /* until somebody watches */
        chain_resume(b, job);
        return OK;
    default:
        if (r->tell.iteration < chain->iteration)
            return OK;
        if (chain->step != CHAIN_ASKS || r->tell.iteration > chain->iteration)
            return ERR_NOT_ASKING;
        if (r->tell.value.size > STATE_BYTES_MAX)
            return ERR_TOO_LARGE;
        chain_tell(b, job, r->tell.value);
        return OK;
    }
}

/* All three begin with a number and an id. */
static void say(struct broker *b, struct peer *peer, const struct record *r)
{
    struct job *job = job_find(b, r->pause.id);
    if (!job) {
        find_ask(b, peer, &(struct find){.number = r->pause.number, .kind = FIND_SAY}, r->pause.id);
        return;
    }
    gate_close(b); /* leases do not wait for it */
    enum err err = said(b, job, r);
    gate_open(b);
    if (err)
        send_error(b, peer, r->pause.number, err, NULL);
    else
        send_done(b, peer, r->pause.number);
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void ask_job(struct broker *b, struct peer *peer, uint64_t number, uint64_t id,
                    enum find_kind kind)
{
    struct job *job = job_find(b, id);
    if (!job) {
        find_ask(b, peer, &(struct find){.number = number, .kind = kind}, id);
        return;
    }
    struct msg_job view;
    switch (kind) {
    case FIND_WAIT: job_wait(b, job, peer, number); break;
    case FIND_JOB:
        job_view(b, job, &view);
        job_show(b, peer, number, &view,
                 job->more ? buf_bytes(&job->more->attempts) : (struct bytes){0});
        break;
    case FIND_DROP:
        if (!job_chain(job)) {
            send_error(b, peer, number, ERR_NOT_ENDED, NULL);
            break;
        }
        session_remove(b, job);
        send_done(b, peer, number);
        break;
    case FIND_RETRY: send_error(b, peer, number, ERR_NOT_ENDED, NULL); break;
    case FIND_SESSION: send_session(b, peer, number, job); break;
    case FIND_SAY: must(false && "said elsewhere"); break;
    case FIND_CANCEL: /* its end first: `done` says that it will be no other */
        job_stop(b, job, REASON_CANCELLED);
        send_done(b, peer, number);
        break;
    case FIND_EXPLAIN: explain_job(b, peer, number, job); break;
    case FIND_SUBMITTED:
    case FIND_LIST:
    case FIND_WATCH:
    case FIND_FOLLOW: must(false && "asked elsewhere");
    }
}

/* --- lists ------------------------------------------------------------------------------------ */

static void list_queues(struct broker *b, struct peer *peer, uint64_t number)
{
    for (uint32_t i = 0; i < b->queues_count; i++) {
        struct queue sum, *q = &sum;
        if (b->queues_list[i]->plain != b->queues_list[i] ||
            !permit_queue(b, peer, b->queues_list[i]->name))
            continue;
        queue_sum(b->queues_list[i], q);
        struct record r = {.type = REC_queue,
                           .queue = {.number = number,
                                     .name = q->name,
                                     .ready = q->ready,
                                     .running = q->running,
                                     .delayed = q->delayed,
                                     .held = q->held,
                                     .workers = q->workers,
                                     .submitted = q->submitted,
                                     .ok = q->ended[JOB_OK],
                                     .failed = q->ended[JOB_FAILED],
                                     .run_us = q->run_us > 0 ? (uint64_t)q->run_us : 0,
                                     .oldest_ms = queue_oldest_ms(b, b->queues_list[i]),
                                     .dead = q->ended[JOB_DEAD],
                                     .cancelled = q->ended[JOB_CANCELLED],
                                     .expired = q->ended[JOB_EXPIRED],
                                     .feed = q->feed}};
        send_record(b, peer, &r);
    }
    send_end(b, peer, number, 0);
}

static void list_workers(struct broker *b, struct peer *peer, uint64_t number)
{
    list_each(l, &b->workers)
    {
        const struct worker *w = container_of(l, struct worker, link);
        struct record r = {.type = REC_worker,
                           .worker = {.number = number,
                                      .id = w->name,
                                      .host = w->host,
                                      .pid = w->pid,
                                      .state = w->state,
                                      .slots = w->slots,
                                      .leased = w->leased,
                                      .since_ms = w->since_ms,
                                      .tags = w->tags}};
        send_record(b, peer, &r);
        for (uint32_t i = 0; i < w->slots; i++) {
            const struct slot_view *view = &w->slot_views[i];
            const struct job *job = view->job ? job_find(b, view->job) : NULL;
            struct record s = {.type = REC_slot,
                               .slot = {.number = number,
                                        .worker = w->name,
                                        .index = i,
                                        .pid = view->pid,
                                        .state = view->state,
                                        .job = view->job}};
            if (job)
                s.slot.queue = job->queue->name;
            send_record(b, peer, &s);
        }
    }
    send_end(b, peer, number, 0);
}

/* What everybody may know; with the jobs of a client that is shown its own only. */
static void status_own(struct broker *b, struct peer *peer, struct msg_status *all)
{
    struct msg_status own = {.number = all->number,
                             .pid = all->pid,
                             .uptime_ms = all->uptime_ms,
                             .incarnation = all->incarnation,
                             .release = all->release,
                             .durability = all->durability,
                             .state = all->state};
    size_t at = 0;
    for (const struct client *client; (client = namemap_next(&b->clients, &at));)
        if (client->owner == peer->client->owner) {
            own.live += client->live;
            own.clients += client->peer != NULL;
        }
    *all = own;
}

/* For how long what is to be kept has waited for the store, once that is long; else 0. */
static int64_t stalled_ms(const struct broker *b)
{
    int64_t waits_ms = b->put_seq > b->stored_seq ? b->now_ms - b->unkept_ms : 0;
    return waits_ms < STALL_MS ? 0 : waits_ms;
}

static enum broker_state state(const struct broker *b)
{
    if (b->store_refuses || bygones_crowded(b))
        return BROKER_REFUSING;
    if (stalled_ms(b))
        return BROKER_STALLED;
    return b->recovering_on ? BROKER_RECOVERING : BROKER_SERVING;
}

static void status(struct broker *b, struct peer *peer, uint64_t number)
{
    uint64_t slots = 0, busy = 0, clients = 0;
    uint64_t stalled_us = (uint64_t)stalled_ms(b) * 1000; /* a commit takes as long at least */
    list_each(l, &b->workers)
    {
        const struct worker *w = container_of(l, struct worker, link);
        slots += w->slots;
        busy += w->leased < w->slots ? w->leased : w->slots; /* it may have more, which wait */
    }
    list_each(l, &b->peers_list) clients += container_of(l, struct peer, link)->client != NULL;
    struct record r = {
        .type = REC_status,
        .status = {.number = number,
                   .pid = b->options.pid,
                   .uptime_ms = (uint64_t)(b->now_ms - b->start_ms),
                   .submitted = b->totals.submitted,
                   .executions = b->totals.executions,
                   .lease_losses = b->totals.lease_losses,
                   .live = b->totals.live,
                   .kept = b->kept + bygones_count(b),
                   .workers = b->workers_by_id.count,
                   .slots = slots,
                   .clients = clients,
                   .malformed = b->totals.malformed,
                   .incarnation = b->options.incarnation,
                   .release = bytes_text(REEVE_RELEASE),
                   .durability = b->options.durable ? CLASS_DURABLE : CLASS_RECEIVED,
                   .state = state(b),
                   .awaited = b->awaited.count,
                   .args_bytes = b->args_bytes,
                   .memory_bytes = b->memory_bytes,
                   .store_bytes = b->store_bytes + (b->options.durable ? 0 : bygones_bytes(b)),
                   .commit_us = stalled_us ? stalled_us : b->commit_us,
                   .busy = busy,
                   .denied = b->permits.denied}};
    if (!permit_all(b, peer))
        status_own(b, peer, &r.status);
    send_record(b, peer, &r);
}

static void ask_hold(struct broker *b, struct peer *peer, uint64_t number, struct bytes name,
                     bool held)
{
    struct queue *q = queue_find(b, name);
    if (!q) {
        send_error(b, peer, number, ERR_UNKNOWN_QUEUE, NULL);
        return;
    }
    queue_hold(b, q, held);
    send_done(b, peer, number);
}

static void ask_drain(struct broker *b, struct peer *peer, const struct msg_drain *ask)
{
    struct worker *w = worker_find(b, ask->worker);
    if (!w) {
        send_error(b, peer, ask->number, ERR_UNKNOWN_WORKER, NULL);
        return;
    }
    worker_drain(b, w);
    if (w->peer)
        send_record(b, w->peer, &(struct record){.type = REC_draining});
    send_done(b, peer, ask->number);
}

static void ask_complete(struct broker *b, struct peer *peer, const struct msg_complete_task *ask)
{
    enum err err = todo_say_complete(b, ask->task);
    if (err)
        send_error(b, peer, ask->number, err, NULL);
    else
        send_done(b, peer, ask->number);
}

static bool ask(struct broker *b, struct peer *peer, const struct record *r)
{
    switch (r->type) {
    case REC_wait: ask_job(b, peer, r->wait.number, r->wait.id, FIND_WAIT); break;
    case REC_cancel: ask_job(b, peer, r->cancel.number, r->cancel.id, FIND_CANCEL); break;
    case REC_retry: ask_job(b, peer, r->retry.number, r->retry.id, FIND_RETRY); break;
    case REC_get_job: ask_job(b, peer, r->get_job.number, r->get_job.id, FIND_JOB); break;
    case REC_drop: ask_job(b, peer, r->drop.number, r->drop.id, FIND_DROP); break;
    case REC_explain: ask_job(b, peer, r->explain.number, r->explain.id, FIND_EXPLAIN); break;
    case REC_get_session:
        ask_job(b, peer, r->get_session.number, r->get_session.id, FIND_SESSION);
        break;
    case REC_tell:
    case REC_pause:
    case REC_resume: say(b, peer, r); break;
    case REC_list_jobs: job_list_ask(b, peer, &r->list_jobs); break;
    case REC_list_queues: list_queues(b, peer, r->list_queues.number); break;
    case REC_list_workers: list_workers(b, peer, r->list_workers.number); break;
    case REC_get_figures: figures_send(b, peer, r->get_figures.number); break;
    case REC_list_tasks: todo_list(b, peer, &r->list_tasks); break;
    case REC_complete_task: ask_complete(b, peer, &r->complete_task); break;
    case REC_list_feeds: feed_list(b, peer, r->list_feeds.number); break;
    case REC_get_status: status(b, peer, r->get_status.number); break;
    case REC_hold: ask_hold(b, peer, r->hold.number, r->hold.queue, true); break;
    case REC_release: ask_hold(b, peer, r->release.number, r->release.queue, false); break;
    case REC_drain: ask_drain(b, peer, &r->drain); break;
    case REC_sync: topic_sync(b, r->sync.nonce); break;
    case REC_watch: snapshot_watch(b, peer, &r->watch); break;
    default: return false;
    }
    return true;
}

/* So at this moment, and no promise: whoever asks may want to know why nothing is kept. */
static bool momentary(const struct record *r)
{
    return r->type == REC_get_status || r->type == REC_get_figures || r->type == REC_list_queues ||
           r->type == REC_list_workers;
}

/* What the other answers show may have been put and not be kept yet: they wait for that. */
bool ask_record(struct broker *b, struct peer *peer, const struct record *r)
{
    accepted_flush(b);
    if (momentary(r))
        return ask(b, peer, r);
    gate_open(b);
    bool known = ask(b, peer, r);
    gate_close(b);
    return known;
}
