/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/core.h"

enum { TICK_JOBS = 1000 }; /* too old ones forgotten in one tick; the rest waits for the next */

/* What is kept of an end. */
struct end {
    int64_t at_ms;
    uint64_t ended_ms, peak_kib; /* wall; as in ended_row */
    struct owner *owner;         /* its client's, which may have gone */
    bool fetched;                /* or nobody waits for it */
    unsigned char record[];      /* `ended` */
};

static uint64_t all_bytes(const struct job *job)
{
    return job_bytes(job->args_size) + job->end_bytes;
}

uint64_t bygone_waiting_bytes(const struct job *job)
{
    return job->end->fetched ? 0 : all_bytes(job);
}

static void list_init(struct bygone_list *list)
{
    link_init(&list->jobs);
    list->count = list->bytes = 0;
}

void bygones_init(struct bygones *all)
{
    list_init(&all->waiting);
    list_init(&all->fetched);
}

bool bygone_fits(const struct job *job)
{
    return job->durability != CLASS_DURABLE && !job->more;
}

struct job *bygone_find(const struct broker *b, uint64_t id)
{
    struct job *job = idmap_find(&b->jobs, id);
    return job && job_ended((enum job_state)job->state) ? job : NULL;
}

struct owner *bygone_owner(const struct job *job)
{
    return job_ended((enum job_state)job->state) && bygone_fits(job) ? job->end->owner : NULL;
}

/* --- coming and going ------------------------------------------------------------------------- */

static void enter(struct bygone_list *list, struct job *job, uint64_t bytes)
{
    list_append(&list->jobs, &job->link);
    list->count++;
    list->bytes += bytes;
}

static void leave(struct bygone_list *list, struct job *job, uint64_t bytes)
{
    link_take(&job->link);
    list->count--;
    list->bytes -= bytes;
}

void bygone_free(struct broker *b, struct job *job)
{
    pool_give(&b->pool, job->end, job->end_bytes);
    job_free(b, job);
}

void bygone_forget(struct broker *b, struct job *job)
{
    if (b->options.tells_ends)
        effect_add(b, FX_GONE)->id = job->id;
    leave(job->end->fetched ? &b->bygones.fetched : &b->bygones.waiting, job, all_bytes(job));
    usage_result(job->end->owner, -(int64_t)bygone_waiting_bytes(job));
    idmap_take(&b->jobs, job->id);
    bygone_free(b, job);
}

static void trim(struct broker *b)
{
    const struct bygone_list *list = &b->bygones.fetched;
    while (list->count > b->limits.history_max || list->bytes > b->limits.history_bytes_max) {
        struct job *oldest = list_first(&list->jobs, struct job, link);
        job_fetch(oldest->link.next->next); /* nobody has looked at it for long */
        bygone_forget(b, oldest);
    }
}

void bygone_add(struct broker *b, struct job *job, const struct msg_ended_row *row,
                struct bytes record)
{
    size_t bytes = offsetof(struct end, record) + record.size;
    struct end *end = pool_take(&b->pool, bytes);
    *end = (struct end){.at_ms = b->now_ms,
                        .ended_ms = row->ended_ms,
                        .peak_kib = row->peak_kib,
                        .owner = owner_of_job(job),
                        .fetched = job_unwanted(job)};
    memcpy(end->record, record.data, record.size);
    job->end = end;
    job->end_bytes = (uint32_t)bytes;
    job->updates = (uint32_t)row->updates;
    job->client = NULL;
    enter(end->fetched ? &b->bygones.fetched : &b->bygones.waiting, job, all_bytes(job));
    usage_result(end->owner, (int64_t)bygone_waiting_bytes(job));
    trim(b);
}

static void fetched(struct broker *b, struct job *job)
{
    uint64_t bytes = all_bytes(job);
    job->end->fetched = true;
    leave(&b->bygones.waiting, job, bytes);
    enter(&b->bygones.fetched, job, bytes);
    usage_result(job->end->owner, -(int64_t)bytes);
}

/* A run over more ids than there are results: the results are looked at instead. */
static uint64_t settle_long_run(struct broker *b, uint64_t id, uint64_t count)
{
    uint64_t here = 0;
    list_each_safe(l, &b->bygones.waiting.jobs)
    {
        struct job *job = container_of(l, struct job, link);
        if (job->id < id || job->id - id >= count)
            continue;
        fetched(b, job);
        here++;
    }
    return here;
}

/* Results are mostly fetched in the order in which they came: then it is the next one. */
static struct job *settle_find(const struct broker *b, struct link *next, uint64_t id)
{
    if (next != &b->bygones.waiting.jobs && container_of(next, struct job, link)->id == id)
        return container_of(next, struct job, link);
    return bygone_find(b, id);
}

uint64_t bygone_settle(struct broker *b, uint64_t id, uint64_t count)
{
    uint64_t here = 0;
    if (count > b->bygones.waiting.count) {
        here = settle_long_run(b, id, count);
    } else {
        struct link *next = b->bygones.waiting.jobs.next;
        for (uint64_t i = 0; i < count; i++) {
            struct job *job = settle_find(b, next, id + i);
            if (job && !job->end->fetched) {
                next = job->link.next;
                fetched(b, job);
            }
            here += job != NULL;
        }
    }
    trim(b);
    return here;
}

static void forget_old(struct broker *b, const struct bygone_list *list, int64_t age_ms)
{
    for (int i = 0; i < TICK_JOBS && list->count; i++) {
        struct job *oldest = list_first(&list->jobs, struct job, link);
        if (b->now_ms - oldest->end->at_ms < age_ms)
            return;
        bygone_forget(b, oldest);
    }
}

void bygones_tick(struct broker *b)
{
    forget_old(b, &b->bygones.waiting, b->limits.results_ms);
    forget_old(b, &b->bygones.fetched, b->limits.history_ms);
}

/* --- what is asked ---------------------------------------------------------------------------- */

void bygone_row(const struct job *job, struct row *row)
{
    const struct end *end = job->end;
    struct cursor c =
        cursor_of(bytes_of(end->record, job->end_bytes - offsetof(struct end, record)));
    struct record ended;
    must(record_get(&c, &ended) == OK && ended.type == REC_ended);
    struct msg_ended_row tail = {
        .ended_ms = end->ended_ms, .updates = job->updates, .peak_kib = end->peak_kib};
    *row = (struct row){.submit = {.queue = job->queue->name,
                                   .args = bytes_of(job->args, job->args_size),
                                   .priority = job->priority,
                                   .durability = job->durability,
                                   .tags = job->queue->tags},
                        .origin = {.id = job->id,
                                   .submitted_ms = job->submitted_ms,
                                   .attempts = job->attempts,
                                   .principal = owner_name(end->owner)},
                        .ended = ended.ended};
    row_show(row, &tail);
}

bool bygones_crowded(const struct broker *b)
{
    const struct bygone_list *waiting = &b->bygones.waiting;
    return waiting->count > b->limits.results_max || waiting->bytes > b->limits.results_bytes_max;
}

uint64_t bygones_count(const struct broker *b)
{
    return b->bygones.waiting.count + b->bygones.fetched.count;
}

uint64_t bygones_bytes(const struct broker *b)
{
    return b->bygones.waiting.bytes + b->bygones.fetched.bytes;
}

static void audit_list(const struct broker *b, const struct bygone_list *list, bool fetched)
{
    uint64_t count = 0, bytes = 0;
    list_each(l, &list->jobs)
    {
        const struct job *job = container_of(l, struct job, link);
        must(bygone_find(b, job->id) == job && bygone_fits(job) && !job->client);
        must(job->end->fetched == fetched);
        bytes += all_bytes(job);
        count++;
    }
    must(count == list->count && bytes == list->bytes);
}

void bygones_audit(const struct broker *b)
{
    const struct bygone_list *fetched = &b->bygones.fetched;
    audit_list(b, &b->bygones.waiting, false);
    audit_list(b, fetched, true);
    must(fetched->count <= b->limits.history_max && fetched->bytes <= b->limits.history_bytes_max);
}
