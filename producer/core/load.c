/* SPDX-License-Identifier: Apache-2.0
 *
 * load: rows in, at a start. Jobs that were never leased go to their queues as soon as all is
 * loaded. Those at or below the lease mark may still be in the hands of a worker of the life
 * before: they wait until every worker on the list has come back and said what it holds, or until
 * the time for that is over. What a worker holds stays with it, under its old token.
 */
#include "producer/core/core.h"

/* The wall clock may have been set back while nobody ran: then nothing waits for longer than
 * most_ms.
 */
static int64_t mono_of(const struct broker *b, uint64_t wall_ms, int64_t most_ms)
{
    if (!wall_ms)
        return 0;
    int64_t left_ms = (int64_t)wall_ms - b->wall_ms;
    int64_t at_ms = b->now_ms + (left_ms < most_ms ? left_ms : most_ms);
    return at_ms > 0 ? at_ms : 1; /* 0 means none */
}

static int64_t due_of(const struct broker *b, const struct row *row)
{
    const struct msg_origin *o = &row->origin;
    int64_t most_ms = (int64_t)(o->due_ms - o->submitted_ms);
    if (o->attempts)
        most_ms = BACKOFF_MAX_MS;
    else if (row->session && row->chain.iteration)
        most_ms = (int64_t)row->chain.delay_ms;
    return mono_of(b, o->due_ms, most_ms);
}

static void load_job(struct broker *b, const struct row *row)
{
    struct queue *q = queue_make(b, row->submit.queue);
    if (q && row->submit.tags.size)
        q = queue_tagged(b, q, row->submit.tags);
    struct client *client = NULL;
    must(q && !job_find(b, row->origin.id)); /* limits do not hold for what was accepted */
    if (row->origin.client.size == PEER_ID_BYTES) {
        client = client_load_job(b, row->origin.client, row->submit.number, row->origin.id);
        owner_load(b, client, row->origin.principal);
    }
    struct job *job = job_restore(b, client, row, q);
    if (row->session)
        chain_load(b, job, &row->chain);
    if (todo_named(q->name) && todo_queue(b))
        todo_load_job(b, job);
    if (row->origin.due_ms)
        job_more(job)->due_ms = due_of(b, row);
    if (row->origin.deadline_ms)
        job_more(job)->deadline_ms =
            mono_of(b, row->origin.deadline_ms,
                    (int64_t)(row->origin.deadline_ms - row->origin.submitted_ms));
    bool no_mark = !b->mark && b->awaited.count; /* it was damaged */
    job->recovering = job->id <= b->mark || job->leased || no_mark;
    list_append(job->recovering ? &b->recovering : &b->storing, &job->link);
    if (job->recovering)
        b->totals.recovering++;
    else
        b->totals.storing++;
}

/* Its result waits for the client: which must find it by the number. */
static void load_ended(struct broker *b, const struct row *row)
{
    chain_load_child(b, row);
    if (row->origin.client.size == PEER_ID_BYTES)
        owner_load(b, client_load_job(b, row->origin.client, row->submit.number, row->origin.id),
                   row->origin.principal);
}

static bool load_record(struct broker *b, const struct row_key *key, const struct record *r)
{
    switch (key->kind) {
    case ROW_CLIENT: client_load(b, key->name, &r->client_row); break;
    case ROW_KEY:
        key_load(b, key->name, &r->key_row, mono_of(b, r->key_row.expires_ms, b->limits.key_ms));
        break;
    case ROW_WORKER:
        if (!namemap_find(&b->awaited, key->name)) {
            struct awaited *a = must_alloc(sizeof *a);
            a->peer_id = bytes_keep(key->name);
            a->owner = owner_of(b, r->worker_row.principal);
            namemap_put(&b->awaited, a->peer_id, a);
        }
        break;
    case ROW_QUEUE: {
        struct queue *q = queue_make(b, key->name);
        if (q)
            q->held = r->queue_row.held;
        break;
    }
    case ROW_MARK: b->mark = b->mark_asked = r->mark_row.id; break;
    case ROW_JOINED:
        if (key->name.size < PEER_ID_BYTES)
            return false;
        client_load_joined(b, bytes_of(key->name.data, PEER_ID_BYTES), &r->joined_row);
        break;
    case ROW_TASK: return todo_load(b, key->name, &r->task_row);
    default: break;
    }
    return true;
}

bool load_row(struct broker *b, const struct row_key *key, struct bytes bytes)
{
    struct row row;
    struct record r;
    struct cursor c = cursor_of(bytes);
    if (key->kind == ROW_JOB || key->kind == ROW_ENDED) {
        if (!row_read(bytes, &row) || row.origin.id != key->id)
            return false;
        if (key->kind == ROW_JOB)
            load_job(b, &row);
        else
            load_ended(b, &row);
        return true;
    }
    static const enum record_type types[ROW_KINDS] = {
        [ROW_CLIENT] = REC_client_row, [ROW_KEY] = REC_key_row,     [ROW_WORKER] = REC_worker_row,
        [ROW_MARK] = REC_mark_row,     [ROW_QUEUE] = REC_queue_row, [ROW_TASK] = REC_task_row,
        [ROW_JOINED] = REC_joined_row};
    if (record_get(&c, &r) != OK || r.type != types[key->kind])
        return false;
    return load_record(b, key, &r);
}

/* --- who holds what --------------------------------------------------------------------------- */

static void awaited_drop(struct namemap *from, struct awaited *a)
{
    namemap_take(from, a->peer_id);
    bytes_drop(&a->peer_id);
    free(a);
}

/* Nobody holds it. One that may run at most once and was leased is over; it may have run. */
static void unheld(struct broker *b, struct job *job)
{
    if (job->leased) {
        struct outcome lost = {.reason = REASON_WORKER_LOST};
        job_lost(b, job, &lost);
    } else {
        job_enter(b, job);
    }
}

/* Newest first, each to the head of its queue: so they stand in their old order again. */
static void recovery_end(struct broker *b)
{
    b->recovering_on = false;
    while (!list_empty(&b->recovering))
        unheld(b, container_of(b->recovering.prev, struct job, link));
}

void load_end(struct broker *b)
{
    clients_loaded(b);
    keys_loaded(b);
    size_t at = 0;
    for (struct job *job; (job = job_next(b, &at));)
        chain_loaded(b, job);
    b->recovering_on = true;
    b->recovery_until_ms = b->now_ms + b->limits.recovery_ms;
    storing_enter(b);
    if (!b->awaited.count)
        recovery_end(b);
}

/* The job may have been leased by the life before only, and by each lease before it under a lower
 * token; of two workers that hold it the one with the higher token does. A token that no life
 * before can have given, a job of this life or a worker that was on no list is no lease but a lie.
 */
bool recovery_adopt(struct broker *b, struct worker *w, struct job *job, uint64_t token)
{
    bool before = job->restored && w->restored && token >> 32 &&
                  token >> 32 < b->options.incarnation &&
                  job_last_token(b, job) >> 32 < b->options.incarnation;
    if (!before || token <= job_last_token(b, job) || job->state > JOB_RUNNING)
        return false;
    if (job->state == JOB_RUNNING) {
        lease_stop(b, job, REASON_SUPERSEDED);
        job_unlease(b, job);
    }
    job_adopt(b, job, w, token);
    if (job->more && job->more->stop_reason)
        lease_stop(b, job, (enum reason)job->more->stop_reason);
    return true;
}

/* It has named all it holds. */
void recovery_heard(struct broker *b, struct worker *w)
{
    struct awaited *a = namemap_find(&b->awaited, bytes_of(w->peer_id, PEER_ID_BYTES));
    if (!a)
        return;
    awaited_drop(&b->awaited, a);
    if (b->recovering_on && !b->awaited.count)
        recovery_end(b);
}

bool recovery_awaits(const struct broker *b, struct bytes peer_id)
{
    return namemap_find(&b->awaited, peer_id);
}

/* One that comes late may hold what nobody else was given meanwhile. */
bool recovery_late(const struct broker *b, struct bytes peer_id)
{
    return namemap_find(&b->late, peer_id);
}

bool recovery_foreign(const struct broker *b, struct bytes peer_id, const struct owner *owner)
{
    const struct awaited *a = namemap_find(&b->awaited, peer_id);
    if (!a)
        a = namemap_find(&b->late, peer_id);
    return a && a->owner && owner && a->owner != owner;
}

void recovery_tick(struct broker *b)
{
    if (!b->recovering_on || b->now_ms < b->recovery_until_ms)
        return;
    size_t at = 0;
    for (struct awaited *a; (a = namemap_next(&b->awaited, &at)); at = 0) {
        forget(b, (struct row_key){.kind = ROW_WORKER, .name = a->peer_id});
        namemap_take(&b->awaited, a->peer_id);
        namemap_put(&b->late, a->peer_id, a);
    }
    recovery_end(b);
}

void recovery_fini(struct broker *b)
{
    struct namemap *maps[] = {&b->awaited, &b->late};
    for (size_t i = 0; i < LENGTH(maps); i++) {
        size_t at = 0;
        for (struct awaited *a; (a = namemap_next(maps[i], &at)); at = 0)
            awaited_drop(maps[i], a);
        namemap_fini(maps[i]);
    }
}
