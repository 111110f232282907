/* SPDX-License-Identifier: Apache-2.0
 *
 * intake: how jobs come to be: of a submission, or of what the store has kept of one. Submissions
 * mostly come in rows, of which one says nothing new but its arguments. Of such a row the first is
 * looked at; the job of each that follows is made after the one before it, stands behind it in
 * their queue, and is counted with the others when the row is over. As nothing but the row itself
 * happens until then, how far it may go is known when it begins.
 */
#include "producer/core/core.h"

#define WALL_MS_MAX ((1ull << 47) - 1)

static void args_put(struct job *job, struct bytes args)
{
    job->args_size = (uint32_t)args.size;
    if (args.size)
        memcpy(job->args, args.data, args.size);
}

/* So many are there, this one and others of its queue and its client. */
static void count(struct broker *b, const struct job *job, uint64_t jobs, uint64_t bytes)
{
    usage_begin(b, job, jobs, bytes);
    b->totals.live += jobs;
    b->totals.submitted += jobs;
    job->queue->submitted += jobs;
    if (job->client)
        job->client->live += jobs;
}

static struct job *make(struct broker *b, uint64_t id, struct client *client, struct owner *owner,
                        const struct msg_submit *submit, struct queue *q)
{
    struct job *job = pool_take(&b->pool, job_bytes(submit->args.size));
    memset(job, 0, sizeof *job);
    job->id = id;
    job->queue = q;
    job->client = client;
    job->number = submit->number;
    job->submitted_ms = (uint64_t)b->wall_ms & WALL_MS_MAX;
    job->priority = (int8_t)submit->priority;
    job->together = submit->together;
    args_put(job, submit->args);
    link_init(&job->link);
    if (submit->timeout_ms || submit->retries)
        job_more(job)->timeout_ms = submit->timeout_ms, job->more->retries = submit->retries;
    if (submit->key.size)
        job_more(job)->key = bytes_keep(submit->key);
    if (owner)
        job_more(job)->owner = owner;
    idmap_put(&b->jobs, job->id, job);
    count(b, job, 1, job->args_size);
    return job;
}

uint64_t job_last_id(const struct broker *b)
{
    return (uint64_t)b->options.broker_id << 52 | (b->job_sequence & JOB_SEQUENCE_MASK);
}

struct job *job_make(struct broker *b, struct client *client, struct owner *owner,
                     const struct msg_submit *submit, struct queue *q)
{
    b->job_sequence++;
    struct job *job = make(b, job_last_id(b), client, owner, submit, q);
    bool durable = b->options.durable && submit->durability != CLASS_RECEIVED;
    job->durability = durable ? CLASS_DURABLE : CLASS_RECEIVED;
    if (submit->deadline_ms)
        job_more(job)->deadline_ms = b->now_ms + (int64_t)submit->deadline_ms;
    return job;
}

/* As its row says; the caller knows where it goes. */
struct job *job_restore(struct broker *b, struct client *client, const struct row *row,
                        struct queue *q)
{
    const struct msg_origin *o = &row->origin;
    struct owner *owner = client ? NULL : owner_of(b, o->principal);
    struct job *job = make(b, o->id, client, owner, &row->submit, q);
    job->durability = CLASS_DURABLE;
    job->submitted_ms = o->submitted_ms & WALL_MS_MAX;
    job->attempts =
        o->attempts < ATTEMPTS_COUNTED_MAX ? (uint8_t)o->attempts : ATTEMPTS_COUNTED_MAX;
    job->leased = o->leased;
    job->restored = true;
    if (o->token)
        job_token_before(job, o->token);
    if (o->stop || o->retry_of || o->body_hash || o->parent || row->attempts.size) {
        struct job_more *more = job_more(job);
        more->parent = o->parent;
        more->place = (uint32_t)o->place;
        more->stop_reason = (uint8_t)o->stop;
        more->retry_of = o->retry_of;
        more->body_hash = o->body_hash;
        buf_put(&more->attempts, row->attempts.data, row->attempts.size);
    }
    return job;
}

/* --- rows ------------------------------------------------------------------------------------- */

static uint64_t room(uint64_t most, uint64_t has)
{
    return has < most ? most - has : 0;
}

void intake_open(struct broker *b, struct job *job)
{
    if (job->state != JOB_WAITING || job->more)
        return; /* each of those that follow is one of its own */
    b->intake = (struct intake){.last = job,
                                .jobs_max = room(b->limits.jobs_max, b->totals.live),
                                .bytes_max = room(b->limits.args_bytes_max, b->args_bytes)};
}

/* All that is said of one that has just come to be holds for the next one. */
static struct job *make_next(struct broker *b, struct job *last, const struct msg_submit *submit)
{
    struct job *job = pool_take(&b->pool, job_bytes(submit->args.size));
    memcpy(job, last, offsetof(struct job, args));
    job->id++;
    job->number++;
    job->updates = 0;
    args_put(job, submit->args);
    idmap_put(&b->jobs, job->id, job);
    link_after(&last->link, &job->link);
    return job;
}

bool intake_next(struct broker *b, const struct msg_submit *submit)
{
    struct intake *in = &b->intake;
    size_t bytes = submit->args.size;
    if (in->jobs == in->jobs_max || in->bytes + bytes > in->bytes_max || bytes > VALUE_BYTES_MAX)
        return false;
    in->jobs++;
    in->bytes += bytes;
    in->last = make_next(b, in->last, submit);
    job_event(b, in->last, NULL);
    return true;
}

void intake_close(struct broker *b)
{
    const struct intake *in = &b->intake;
    const struct job *last = in->last;
    b->job_sequence += in->jobs;
    must(last->id == job_last_id(b));
    count(b, last, in->jobs, in->bytes);
    jobs_moved(b, last->queue, JOB_NONE, JOB_WAITING, in->jobs);
    queue_joined(b, last->queue, in->jobs);
    accepted_on(b, last->number, in->jobs);
    b->intake = (struct intake){0};
}
