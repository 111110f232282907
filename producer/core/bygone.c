/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/core.h"

enum { TICK_JOBS = 1000 }; /* too old ones forgotten in one tick; the rest waits for the next */

static void *marked(struct bygone *bygone)
{
    return (void *)((uintptr_t)bygone | 1);
}

static struct bygone *unmarked(void *known)
{
    return (struct bygone *)((uintptr_t)known & ~(uintptr_t)1);
}

static struct bytes args_of(const struct bygone *bygone)
{
    return bytes_of(bygone->bytes, bygone->args_size);
}

static struct bytes value_of(const struct bygone *bygone)
{
    return bytes_of(bygone->bytes + bygone->args_size, bygone->value_size);
}

static struct bytes worker_of(const struct bygone *bygone)
{
    return bytes_of(bygone->bytes + bygone->args_size + bygone->value_size, bygone->worker_size);
}

_Static_assert(NAME_BYTES_MAX <= UINT8_MAX, "a worker's name has its size in a byte");

static size_t bytes_with(size_t args_size, size_t value_size, size_t worker_size)
{
    return offsetof(struct bygone, bytes) + args_size + value_size + worker_size;
}

static size_t all_bytes(const struct bygone *bygone)
{
    return bytes_with(bygone->args_size, bygone->value_size, bygone->worker_size);
}

static void list_init(struct bygone_list *list)
{
    link_init(&list->all);
    list->count = list->bytes = 0;
}

void bygones_init(struct bygones *all)
{
    list_init(&all->waiting);
    list_init(&all->fetched);
}

static void list_fini(struct broker *b, struct bygone_list *list)
{
    list_each_safe(l, &list->all)
    {
        struct bygone *bygone = container_of(l, struct bygone, link);
        pool_give(&b->pool, bygone, all_bytes(bygone));
    }
}

void bygones_fini(struct broker *b)
{
    list_fini(b, &b->bygones.waiting);
    list_fini(b, &b->bygones.fetched);
}

bool bygone_fits(const struct job *job)
{
    return job->durability != CLASS_DURABLE && !job->more;
}

struct bygone *bygone_find(const struct broker *b, uint64_t id)
{
    void *known = idmap_find(&b->jobs, id);
    return bygone_marked(known) ? unmarked(known) : NULL;
}

/* --- coming and going ------------------------------------------------------------------------- */

static void enter(struct bygone_list *list, struct bygone *bygone)
{
    list_append(&list->all, &bygone->link);
    list->count++;
    list->bytes += all_bytes(bygone);
}

static void leave(struct bygone_list *list, struct bygone *bygone)
{
    link_take(&bygone->link);
    list->count--;
    list->bytes -= all_bytes(bygone);
}

void bygone_forget(struct broker *b, struct bygone *bygone)
{
    if (b->options.tells_ends)
        effect_add(b, FX_GONE)->id = bygone->id;
    leave(bygone->fetched ? &b->bygones.fetched : &b->bygones.waiting, bygone);
    if (!bygone->fetched)
        usage_result(bygone->owner, -(int64_t)all_bytes(bygone));
    idmap_take(&b->jobs, bygone->id);
    pool_give(&b->pool, bygone, all_bytes(bygone));
}

/* Nobody has looked at the oldest for long; and where they lie the next ones will. */
static void trim(struct broker *b)
{
    const struct bygone_list *list = &b->bygones.fetched;
    while (list->count > b->limits.history_max || list->bytes > b->limits.history_bytes_max) {
        struct bygone *oldest = list_first(&list->all, struct bygone, link);
        fetch(oldest->link.next->next, all_bytes(oldest)); /* or so many */
        bygone_forget(b, oldest);
    }
}

void bygone_add(struct broker *b, const struct job *job, const struct msg_ended *ended,
                const struct msg_ended_row *row)
{
    size_t bytes = bytes_with(job->args_size, ended->value.size, ended->worker.size);
    struct bygone *bygone = pool_take(&b->pool, bytes);
    *bygone = (struct bygone){.id = job->id,
                              .owner = owner_of_job(job),
                              .args_size = job->args_size,
                              .value_size = (uint32_t)ended->value.size,
                              .worker_size = (uint8_t)ended->worker.size,
                              .state = job->state,
                              .reason = (uint8_t)ended->reason,
                              .attempts = job->attempts,
                              .priority = job->priority,
                              .fetched = job_unwanted(job),
                              .updates = (uint32_t)row->updates,
                              .at_ms = b->now_ms,
                              .queue = job->queue,
                              .submitted_ms = job->submitted_ms,
                              .ended_ms = row->ended_ms,
                              .run_us = ended->run_us,
                              .detail = ended->detail,
                              .peak_kib = row->peak_kib};
    bytes_copy(bygone->bytes, bytes_of(job->args, job->args_size));
    bytes_copy(bygone->bytes + job->args_size, ended->value);
    bytes_copy(bygone->bytes + job->args_size + ended->value.size, ended->worker);
    idmap_put(&b->jobs, bygone->id, marked(bygone));
    if (bygone->fetched) {
        enter(&b->bygones.fetched, bygone);
        trim(b);
    } else {
        enter(&b->bygones.waiting, bygone);
        usage_result(bygone->owner, (int64_t)all_bytes(bygone));
    }
}

static void fetched(struct broker *b, struct bygone *bygone)
{
    bygone->fetched = true;
    leave(&b->bygones.waiting, bygone);
    enter(&b->bygones.fetched, bygone);
    usage_result(bygone->owner, -(int64_t)all_bytes(bygone));
}

/* A run over more ids than there are results: the results are looked at instead. */
static uint64_t settle_long_run(struct broker *b, uint64_t id, uint64_t count)
{
    uint64_t here = 0;
    list_each_safe(l, &b->bygones.waiting.all)
    {
        struct bygone *bygone = container_of(l, struct bygone, link);
        if (bygone->id < id || bygone->id - id >= count)
            continue;
        fetched(b, bygone);
        here++;
    }
    return here;
}

/* Results are mostly fetched in the order in which they came: then it is the next one. */
static struct bygone *settle_find(const struct broker *b, struct link *next, uint64_t id)
{
    if (next != &b->bygones.waiting.all && container_of(next, struct bygone, link)->id == id)
        return container_of(next, struct bygone, link);
    return bygone_find(b, id);
}

uint64_t bygone_settle(struct broker *b, uint64_t id, uint64_t count)
{
    uint64_t here = 0;
    if (count > b->bygones.waiting.count) {
        here = settle_long_run(b, id, count);
    } else {
        struct link *next = b->bygones.waiting.all.next;
        for (uint64_t i = 0; i < count; i++) {
            struct bygone *bygone = settle_find(b, next, id + i);
            if (bygone && !bygone->fetched) {
                next = bygone->link.next;
                fetched(b, bygone);
            }
            here += bygone != NULL;
        }
    }
    trim(b);
    return here;
}

static void forget_old(struct broker *b, const struct bygone_list *list, int64_t age_ms)
{
    for (int i = 0; i < TICK_JOBS && list->count; i++) {
        struct bygone *oldest = list_first(&list->all, struct bygone, link);
        if (b->now_ms - oldest->at_ms < age_ms)
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

void bygone_row(const struct bygone *bygone, struct row *row)
{
    struct msg_ended_row tail = {
        .ended_ms = bygone->ended_ms, .updates = bygone->updates, .peak_kib = bygone->peak_kib};
    *row = (struct row){.submit = {.queue = bygone->queue->name,
                                   .args = args_of(bygone),
                                   .priority = bygone->priority,
                                   .durability = CLASS_RECEIVED,
                                   .tags = bygone->queue->tags},
                        .origin = {.id = bygone->id,
                                   .submitted_ms = bygone->submitted_ms,
                                   .attempts = bygone->attempts,
                                   .principal = owner_name(bygone->owner)},
                        .ended = {.id = bygone->id,
                                  .state = bygone->state,
                                  .value = value_of(bygone),
                                  .worker = worker_of(bygone),
                                  .run_us = bygone->run_us,
                                  .reason = bygone->reason,
                                  .detail = bygone->detail}};
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

uint64_t bygones_waiting_bytes(const struct broker *b, const struct owner *owner)
{
    uint64_t bytes = 0;
    list_each(l, &b->bygones.waiting.all)
    {
        const struct bygone *bygone = container_of(l, struct bygone, link);
        bytes += bygone->owner == owner ? all_bytes(bygone) : 0;
    }
    return bytes;
}

static void audit_list(const struct broker *b, const struct bygone_list *list, bool fetched)
{
    uint64_t count = 0, bytes = 0;
    list_each(l, &list->all)
    {
        const struct bygone *bygone = container_of(l, struct bygone, link);
        must(bygone_find(b, bygone->id) == bygone && !job_find(b, bygone->id));
        must(bygone->fetched == fetched && job_ended((enum job_state)bygone->state));
        bytes += all_bytes(bygone);
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
