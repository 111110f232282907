/* SPDX-License-Identifier: Apache-2.0
 *
 * keep: rows out. What must outlive this process is put here, in order; each row gets the next
 * number, and the store says up to which number it has kept them. A store that is not durable keeps
 * ended jobs only, and whatever was put counts as kept.
 *
 * The lease mark is why leases need no row: no job above the mark is leased, the mark moves ahead
 * in blocks, and after a restart only jobs below it may still be in the hands of a worker.
 */
#include <stdio.h>

#include "producer/core/core.h"

enum {
    ATTEMPTS_BYTES_MAX = 64 << 10,
    FETCHED_MAX = 64, /* so many, or what came since the last tick, are told the store at a time */
};

static struct effect *order(struct broker *b, enum effect_type type, struct row_key key)
{
    struct effect *e = effect_add(b, type);
    e->kind = (uint8_t)key.kind;
    e->id = key.id;
    if (b->put_seq == b->stored_seq)
        b->unkept_ms = b->now_ms;
    e->seq = ++b->put_seq;
    if (!b->options.durable)
        b->stored_seq = b->put_seq;
    effect_name_put(b, e, key.name);
    return e;
}

static void put_record(struct broker *b, struct row_key key, const struct record *row)
{
    struct effect *e = order(b, FX_PUT, key);
    record_put(&b->into->bytes, row);
    effect_close(b, e);
}

void forget(struct broker *b, struct row_key key)
{
    if (b->options.durable)
        order(b, FX_DROP, key);
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* Moments are kept by the wall clock: the monotonic one begins anew with the machine. */
static uint64_t wall_of(const struct broker *b, int64_t at_ms)
{
    int64_t wall_ms = at_ms ? b->wall_ms + (at_ms - b->now_ms) : 0;
    return wall_ms > 0 ? (uint64_t)wall_ms : 0;
}

/* The token told is the highest one that is over: whoever comes back with a later one holds the
 * job.
 */
static void head_put(struct broker *b, const struct job *job)
{
    const struct job_more *more = job->more;
    struct msg_submit submit = {.number = job->number,
                                .queue = job->queue->name,
                                .args = bytes_of(job->args, job->args_size),
                                .priority = job->priority,
                                .durability = job->durability,
                                .tags = job->queue->tags,
                                .together = job->together};
    struct msg_origin origin = {.id = job->id,
                                .submitted_ms = job->submitted_ms,
                                .attempts = job->attempts,
                                .token = job_last_token(b, job) - (job->state == JOB_RUNNING),
                                .leased = job->leased};
    if (job->client)
        origin.client = bytes_of(job->client->peer_id, PEER_ID_BYTES);
    origin.principal = owner_name(owner_of_job(job));
    if (more) {
        submit.timeout_ms = more->timeout_ms;
        submit.retries = more->retries;
        submit.key = more->key;
        origin.due_ms = wall_of(b, more->due_ms);
        origin.deadline_ms = wall_of(b, more->deadline_ms);
        origin.stop = more->stop_reason;
        origin.retry_of = more->retry_of;
        origin.body_hash = more->body_hash;
        origin.parent = more->parent;
        origin.place = more->place;
    }
    put_submit(&b->into->bytes, &submit);
    put_origin(&b->into->bytes, &origin);
    if (more && more->chain) {
        struct msg_chain_row chain;
        chain_row_of(more->chain, &chain);
        put_chain_row(&b->into->bytes, &chain);
    }
    if (more)
        buf_put(&b->into->bytes, more->attempts.data, more->attempts.size);
}

void keep_job(struct broker *b, struct job *job)
{
    if (job->durability != CLASS_DURABLE)
        return;
    struct effect *e = order(b, FX_PUT, (struct row_key){.kind = ROW_JOB, .id = job->id});
    head_put(b, job);
    effect_close(b, e);
}

/* All but the end itself. */
static void ended_put(struct broker *b, struct effect *e, const struct job *job,
                      const struct msg_ended_row *row)
{
    e->state = job->state;
    e->settled = job_unwanted(job);
    head_put(b, job);
    put_ended_row(&b->into->bytes, row);
}

void keep_ended(struct broker *b, const struct job *job, const struct msg_ended_row *row,
                struct bytes ended)
{
    if (job->client && job_unwanted(job))
        keep_late(b);
    struct effect *e = order(b, FX_PUT, (struct row_key){.kind = ROW_ENDED, .id = job->id});
    ended_put(b, e, job, row);
    buf_put(&b->into->bytes, ended.data, ended.size);
    effect_close(b, e);
}

void bygone_tell(struct broker *b, const struct job *job, const struct msg_ended *ended,
                 const struct msg_ended_row *row)
{
    if (!b->options.tells_ends)
        return;
    struct effect *e = effect_add(b, FX_BYGONE);
    e->id = job->id;
    ended_put(b, e, job, row);
    put_ended(&b->into->bytes, ended);
    effect_close(b, e);
}

void keep_lines(struct broker *b, const struct job *job, struct bytes lines)
{
    struct effect *e = order(b, FX_PUT, (struct row_key){.kind = ROW_LINES, .id = job->id});
    buf_put(&b->into->bytes, lines.data, lines.size);
    effect_close(b, e);
}

void drop_ended(struct broker *b, uint64_t id)
{
    keep_late(b);
    order(b, FX_DROP, (struct row_key){.kind = ROW_ENDED, .id = id});
}

void settle(struct broker *b, uint64_t id, uint64_t count)
{
    order(b, FX_SETTLE, (struct row_key){.kind = ROW_ENDED, .id = id})->count = count;
}

/* Nobody waits for it: of what a crash takes the client says it again, or its time runs out. */
void settle_later(struct broker *b, uint64_t id, uint64_t count)
{
    if (b->fetched.count && id != b->fetched.id + b->fetched.count)
        keep_late(b);
    if (!b->fetched.count)
        b->fetched.id = id;
    b->fetched.count += count;
    if (b->fetched.count >= FETCHED_MAX)
        keep_late(b);
}

/* The oldest go when they become too many: the last ones tell most. */
void keep_attempt(struct job *job, const struct msg_attempt *attempt)
{
    struct buf *all = &job_more(job)->attempts;
    put_attempt(all, attempt);
    while (all->size > ATTEMPTS_BYTES_MAX) {
        struct cursor c = cursor_of(buf_bytes(all));
        struct record oldest;
        must(record_get(&c, &oldest) == OK);
        size_t left = cursor_left(&c);
        if (!left)
            break;
        memmove(all->data, c.at, left);
        all->size = left;
    }
}

/* --- the others ------------------------------------------------------------------------------- */

/* Only the numbers of durable submissions matter after a restart. Until the row says one that of
 * its job does: so it may be late, and is not in the way of who submits one job after the other. */
void keep_client(struct broker *b, struct client *client)
{
    if (client->due_number > client->kept_number && !link_listed(&client->late))
        list_append(&b->clients_late, &client->late);
}

static void client_put(struct broker *b, struct client *client)
{
    client->kept_number = client->last_number;
    struct row_key key = {.kind = ROW_CLIENT, .name = bytes_of(client->peer_id, PEER_ID_BYTES)};
    put_record(b, key,
               &(struct record){.type = REC_client_row,
                                .client_row = {.last_number = client->last_number,
                                               .principal = owner_name(client->owner)}});
}

/* Clients first: a number is in the row of its job no longer when that has been fetched. */
void keep_late(struct broker *b)
{
    while (!list_empty(&b->clients_late)) {
        struct client *client = list_first(&b->clients_late, struct client, late);
        link_take(&client->late);
        client_put(b, client);
    }
    if (b->fetched.count)
        settle(b, b->fetched.id, b->fetched.count);
    b->fetched.count = 0;
}

struct joined_name {
    char text[PEER_ID_BYTES + 24];
};

static struct row_key joined_key(const struct client *client, uint64_t number,
                                 struct joined_name *name)
{
    char *digits = name->text + PEER_ID_BYTES;
    memcpy(name->text, client->peer_id, PEER_ID_BYTES);
    int size =
        snprintf(digits, sizeof name->text - PEER_ID_BYTES, "%llu", (unsigned long long)number);
    return (struct row_key){.kind = ROW_JOINED,
                            .name = bytes_of(name->text, PEER_ID_BYTES + (size_t)size)};
}

void keep_joined(struct broker *b, const struct client *client, uint64_t number, uint64_t id)
{
    struct joined_name name;
    put_record(
        b, joined_key(client, number, &name),
        &(struct record){.type = REC_joined_row, .joined_row = {.number = number, .id = id}});
}

void forget_joined(struct broker *b, const struct client *client, uint64_t number)
{
    struct joined_name name;
    keep_late(b);
    forget(b, joined_key(client, number, &name));
}

void keep_key(struct broker *b, const struct key *key)
{
    if (!key->durable)
        return;
    struct record row = {
        .type = REC_key_row,
        .key_row = {.id = key->job,
                    .body_hash = key->body_hash,
                    .expires_ms = key->expiry.place ? wall_of(b, key->expiry.key) : 0}};
    put_record(b, (struct row_key){.kind = ROW_KEY, .name = key->name}, &row);
}

void keep_worker(struct broker *b, struct worker *w)
{
    if (!b->options.durable)
        return;
    struct row_key key = {.kind = ROW_WORKER, .name = bytes_of(w->peer_id, PEER_ID_BYTES)};
    put_record(
        b, key,
        &(struct record){.type = REC_worker_row,
                         .worker_row = {.name = w->name, .principal = owner_name(w->owner)}});
    w->listed_by = b->put_seq;
}

void keep_queue(struct broker *b, const struct queue *q)
{
    struct row_key key = {.kind = ROW_QUEUE, .name = q->name};
    if (!b->options.durable)
        return;
    if (q->held)
        put_record(b, key, &(struct record){.type = REC_queue_row, .queue_row = {.held = 1}});
    else
        forget(b, key);
}

void keep_task(struct broker *b, const struct task *task)
{
    char number[24];
    if (!b->options.durable)
        return;
    snprintf(number, sizeof number, "%llu", (unsigned long long)task->number);
    struct record row = {.type = REC_task_row,
                         .task_row = {.id = task->id,
                                      .title = task->removed ? (struct bytes){0} : task->title,
                                      .added_ms = task->added_ms,
                                      .completed_ms = task->completed_ms}};
    put_record(b, (struct row_key){.kind = ROW_TASK, .name = bytes_text(number)}, &row);
}

/* --- the lease mark --------------------------------------------------------------------------- */

void mark_want(struct broker *b, uint64_t id)
{
    if (!b->options.durable || id + b->limits.mark_jobs / 2 <= b->mark_asked)
        return;
    b->mark_asked = id + b->limits.mark_jobs;
    put_record(b, (struct row_key){.kind = ROW_MARK},
               &(struct record){.type = REC_mark_row, .mark_row = {.id = b->mark_asked}});
    b->mark_seq = b->put_seq;
}

bool mark_covers(struct broker *b, const struct job *job)
{
    if (job->durability != CLASS_DURABLE)
        return true;
    mark_want(b, job->id);
    return job->id <= b->mark;
}

/* --- kept ------------------------------------------------------------------------------------- */

/* To their queues, in order. */
void storing_enter(struct broker *b)
{
    while (!list_empty(&b->storing)) {
        struct job *job = list_first(&b->storing, struct job, link);
        if (job->stored_by > b->stored_seq)
            return;
        job_enter(b, job);
    }
}

void kept_up_to(struct broker *b, uint64_t seq, enum row_outcome outcome)
{
    must(seq <= b->put_seq);
    if (outcome == ROW_FENCED)
        b->fenced = true;
    if (b->fenced || seq <= b->stored_seq)
        return;
    b->stored_seq = seq;
    b->unkept_ms = b->now_ms; /* about: it was put while these were written */
    gate_release(b);
    if (b->mark_seq && b->mark_seq <= seq) {
        b->mark = b->mark_asked;
        b->mark_seq = 0;
    }
    storing_enter(b);
    if (!b->fill_due)
        return;
    b->fill_due = false;
    list_each(l, &b->workers) worker_fill(b, container_of(l, struct worker, link));
}
