/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: questions of clients about jobs, queues and workers. What still lives is answered here;
 * what has ended is asked of the store, whose answer comes back under a ticket.
 */
#include "producer/core/core.h"

enum { LIST_MAX = 1000 };

void find_ask(struct broker *b, const struct peer *peer, uint64_t number, enum find_kind kind,
              uint64_t id)
{
    struct find *find = must_alloc(sizeof *find);
    *find = (struct find){.peer = peer->id, .number = number, .id = id, .kind = kind};
    idmap_put(&b->finds, ++b->ticket, find);
    struct effect *e = effect_add(b, FX_FIND);
    e->ticket = b->ticket;
    e->id = id;
}

/* Every attempt so far but the one under way, oldest first. */
static void send_attempts(struct broker *b, struct peer *peer, uint64_t number, struct bytes run)
{
    struct cursor c = cursor_of(run);
    struct record r;
    while (!cursor_done(&c) && record_get(&c, &r) == OK) {
        r.attempt.number = number;
        send_record(b, peer, &r);
    }
}

/* --- sessions --------------------------------------------------------------------------------- */

/* It is stopped, and nothing of it stays. */
static void session_remove(struct broker *b, struct job *job)
{
    job_chain(job)->removed = true;
    keep_job(b, job);
    job_stop(b, job, REASON_CANCELLED);
}

static void session_send(struct broker *b, struct peer *peer, uint64_t number,
                         const struct msg_job *job, const struct msg_chain_row *row,
                         struct bytes value)
{
    struct record r = {.type = REC_session};
    session_view(job, row, &r.session);
    r.session.number = number;
    r.session.value = value;
    send_record(b, peer, &r);
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
    session_send(b, peer, number, &view, &row, (struct bytes){0});
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
        find_ask(b, peer, r->pause.number, FIND_SAY, r->pause.id);
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
        find_ask(b, peer, number, kind, id);
        return;
    }
    struct record r = {.type = REC_job};
    switch (kind) {
    case FIND_WAIT: job_wait(b, job, peer, number); break;
    case FIND_JOB:
        if (job->more)
            send_attempts(b, peer, number, buf_bytes(&job->more->attempts));
        job_view(b, job, &r.job);
        r.job.number = number;
        send_record(b, peer, &r);
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

static void ask_end(struct broker *b, struct peer *peer, uint64_t number, uint64_t next)
{
    struct record r = {.type = REC_end, .end = {.number = number, .next = next}};
    send_record(b, peer, &r);
}

/* --- lists ------------------------------------------------------------------------------------ */

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static size_t newest(uint64_t *ids, size_t count, size_t limit)
{
    qsort(ids, count, sizeof *ids, newest_first);
    return count < limit ? count : limit;
}

/* The newest `limit` ids of live jobs that fit, below `after` (0: from the newest). A full walk of
 * the table: this is a person's question, not the hot path. ids has room for twice as many. */
static size_t live_ids(struct broker *b, const struct peer *peer, const struct msg_list_jobs *ask,
                       size_t limit, uint64_t *ids)
{
    size_t at = 0, count = 0;
    uint64_t passed = 0; /* it and what is older is not among them */
    for (struct job *job; (job = idmap_next(&b->jobs, &at));) {
        if (job->id <= passed || (ask->after && job->id >= ask->after) ||
            (ask->state && ask->state != job_state_shown(job)) ||
            (ask->queue.size && !bytes_equal(ask->queue, job->queue->name)) ||
            !permit_job(b, peer, job))
            continue;
        ids[count++] = job->id;
        if (count == 2 * limit) {
            count = newest(ids, count, limit);
            passed = ids[count - 1];
        }
    }
    return newest(ids, count, limit);
}

/* Live jobs first, newest first, then the ended ones from the store. `after` is the id of the last
 * one seen; its highest bit, which no id has, says that the ended ones are on. */
#define AFTER_ENDED (1ull << 63)

static void list_ended(struct broker *b, struct peer *peer, const struct msg_list_jobs *ask,
                       uint64_t after, uint64_t limit)
{
    struct find *find = must_alloc(sizeof *find);
    *find = (struct find){.peer = peer->id, .number = ask->number, .kind = FIND_LIST};
    idmap_put(&b->finds, ++b->ticket, find);
    struct effect *e = effect_add(b, FX_LIST);
    e->ticket = b->ticket;
    e->id = after;
    e->count = limit;
    e->state = (uint8_t)ask->state;
    buf_put(&b->into->bytes, ask->queue.data, ask->queue.size);
    effect_close(b, e);
}

static void list_jobs(struct broker *b, struct peer *peer, const struct msg_list_jobs *ask)
{
    uint64_t limit = ask->limit && ask->limit < LIST_MAX ? ask->limit : LIST_MAX;
    if (ask->state >= JOB_STATES || ask->queue.size > QUEUE_NAME_MAX) {
        send_error(b, peer, ask->number, ERR_INVALID, NULL);
        return;
    }
    uint64_t ids[2 * LIST_MAX];
    size_t count = 0;
    if (!(ask->after & AFTER_ENDED) && !job_ended((enum job_state)ask->state))
        count = live_ids(b, peer, ask, (size_t)limit, ids);
    for (size_t i = 0; i < count; i++) {
        struct record r = {.type = REC_job};
        job_view(b, job_find(b, ids[i]), &r.job);
        r.job.number = ask->number;
        send_record(b, peer, &r);
    }
    if (count == limit)
        ask_end(b, peer, ask->number, ids[count - 1]);
    else if (ask->state && !job_ended((enum job_state)ask->state))
        ask_end(b, peer, ask->number, 0);
    else
        list_ended(b, peer, ask, ask->after & AFTER_ENDED ? ask->after & ~AFTER_ENDED : 0,
                   limit - count);
}

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
    ask_end(b, peer, number, 0);
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
    ask_end(b, peer, number, 0);
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

static void status(struct broker *b, struct peer *peer, uint64_t number)
{
    uint64_t slots = 0, busy = 0, clients = 0;
    list_each(l, &b->workers)
    {
        const struct worker *w = container_of(l, struct worker, link);
        slots += w->slots;
        busy += w->leased < w->slots ? w->leased : w->slots; /* it may have more, which wait */
    }
    list_each(l, &b->peers_list) clients += container_of(l, struct peer, link)->client != NULL;
    struct record r = {.type = REC_status,
                       .status = {.number = number,
                                  .pid = b->options.pid,
                                  .uptime_ms = (uint64_t)(b->now_ms - b->start_ms),
                                  .submitted = b->totals.submitted,
                                  .executions = b->totals.executions,
                                  .lease_losses = b->totals.lease_losses,
                                  .live = b->totals.live,
                                  .kept = b->kept,
                                  .workers = b->workers_by_id.count,
                                  .slots = slots,
                                  .clients = clients,
                                  .malformed = b->totals.malformed,
                                  .incarnation = b->options.incarnation,
                                  .release = bytes_text(REEVE_RELEASE),
                                  .durability = b->options.durable ? CLASS_DURABLE : CLASS_RECEIVED,
                                  .state = b->store_refuses   ? BROKER_REFUSING
                                           : b->recovering_on ? BROKER_RECOVERING
                                                              : BROKER_SERVING,
                                  .awaited = b->awaited.count,
                                  .args_bytes = b->args_bytes,
                                  .memory_bytes = b->memory_bytes,
                                  .store_bytes = b->store_bytes,
                                  .commit_us = b->commit_us,
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
    case REC_list_jobs: list_jobs(b, peer, &r->list_jobs); break;
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

/* What the answers show may have been put and not be kept yet: they wait for that. */
bool ask_record(struct broker *b, struct peer *peer, const struct record *r)
{
    accepted_flush(b);
    gate_open(b);
    bool known = ask(b, peer, r);
    gate_close(b);
    return known;
}

/* --- the store's answers ---------------------------------------------------------------------- */

/* A session goes on from where it came to, which is nowhere when it is finished, and not known when
 * it was waiting for children that have been cancelled with it. A feed, which alone was submitted
 * by nobody, is its watchers' to begin. */
static const char *not_again(const struct row *row)
{
    const struct msg_origin *o = &row->origin;
    if (!row->session)
        return NULL;
    if (!o->client.size && !o->parent && !o->retry_of)
        return "a feed begins anew with its next subscriber";
    if (row->job.state == JOB_OK)
        return "the session is finished";
    return row->chain.step == CHAIN_FORKED ? "the session was stopped while it waited for children"
                                           : NULL;
}

/* A task is added anew, with a number of its own. */
static void again_begin(struct broker *b, struct job *job, const struct row *row)
{
    struct msg_chain_row from = row->chain;
    from.paused = from.removed = from.children_count = 0;
    if (job->queue == b->todo.queue)
        todo_begin(b, job, from.input);
    else if (row->session)
        chain_load(b, job, &from);
}

/* The same call once more, as a job of its own. */
static void again(struct broker *b, struct peer *peer, uint64_t number, const struct row *row)
{
    const char *refused = not_again(row);
    if (refused) {
        send_error(b, peer, number, ERR_ENDED, refused);
        return;
    }
    const char *text;
    bool task = todo_named(row->submit.queue);
    struct queue *q = task ? todo_queue(b) : queue_make(b, row->submit.queue);
    if (q && row->submit.tags.size)
        q = queue_tagged(b, q, row->submit.tags);
    if (!q || (task && todo_check(b, row->chain.input, &text)) ||
        b->jobs.count >= b->limits.jobs_max ||
        b->args_bytes + row->submit.args.size > b->limits.args_bytes_max) {
        send_error(b, peer, number, ERR_BUSY, NULL);
        return;
    }
    struct msg_submit submit = row->submit;
    submit.key = (struct bytes){0}; /* it leads to the one there was */
    struct job *job = job_make(b, NULL, &submit, q);
    job->number = 0;
    job_more(job)->retry_of = row->job.id;
    job->more->owner = owner_of(b, row->origin.principal);
    again_begin(b, job, row);
    struct record r = {
        .type = REC_accepted,
        .accepted = {.number = number, .id = job->id, .durability = job->durability}};
    job_new(b, job, 0);
    gate_open(b);
    send_record(b, peer, &r);
    gate_close(b);
    if (task)
        todo_added(b, job);
}

static void drop(struct broker *b, struct peer *peer, uint64_t number, uint64_t id)
{
    drop_ended(b, id);
    gate_open(b);
    send_done(b, peer, number);
    gate_close(b);
}

static void found_one(struct broker *b, struct peer *peer, const struct find *find,
                      const struct row *row)
{
    struct record r;
    if (!row && find->kind != FIND_WATCH && find->kind != FIND_FOLLOW) {
        send_error(b, peer, find->number,
                   find->kind == FIND_SUBMITTED ? ERR_FORGOTTEN : ERR_UNKNOWN_JOB, NULL);
        return;
    }
    if (row && !permit_found(b, peer, find, row))
        return;
    switch (find->kind) {
    case FIND_WAIT:
    case FIND_SUBMITTED:
        r = (struct record){.type = REC_ended, .ended = row->ended};
        r.ended.number = find->number;
        send_record(b, peer, &r);
        break;
    case FIND_JOB:
        send_attempts(b, peer, find->number, row->attempts);
        r = (struct record){.type = REC_job, .job = row->job};
        r.job.number = find->number;
        send_record(b, peer, &r);
        break;
    case FIND_RETRY: again(b, peer, find->number, row); break;
    case FIND_CANCEL:
    case FIND_SAY: send_error(b, peer, find->number, ERR_ENDED, NULL); break;
    case FIND_SESSION:
        if (row->session)
            session_send(b, peer, find->number, &row->job, &row->chain, row->ended.value);
        else
            send_error(b, peer, find->number, ERR_NO_SESSION, NULL);
        break;
    case FIND_DROP: drop(b, peer, find->number, row->job.id); break;
    case FIND_EXPLAIN: explain_ended(b, peer, find->number, row); break;
    case FIND_WATCH:
    case FIND_FOLLOW: snapshot_found(b, peer, find, row); break;
    case FIND_LIST: must(false && "a list is not one"); break;
    }
}

static void found_list(struct broker *b, struct peer *peer, const struct find *find,
                       struct cursor rows, uint64_t next)
{
    struct row row;
    while (row_next(&rows, &row)) {
        if (!permit_row(b, peer, REC_list_jobs, &row))
            continue;
        struct record r = {.type = REC_job, .job = row.job};
        r.job.number = find->number;
        send_record(b, peer, &r);
    }
    ask_end(b, peer, find->number, next ? next | AFTER_ENDED : 0);
}

void ask_found(struct broker *b, const struct event *ev)
{
    struct find *find = idmap_take(&b->finds, ev->found.ticket);
    must(find);
    struct peer *peer = idmap_find(&b->peers, find->peer);
    struct cursor rows = cursor_of(ev->found.rows);
    struct row row;
    if (!peer || (b->permits.on && !peer->principal)) {
        /* whoever asked has left, or was let go */
    } else if (find->kind == FIND_LIST) {
        found_list(b, peer, find, rows, ev->found.next);
    } else {
        found_one(b, peer, find, row_next(&rows, &row) ? &row : NULL);
    }
    bytes_drop(&find->topic);
    free(find);
}
