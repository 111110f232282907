/* SPDX-License-Identifier: Apache-2.0
 *
 * job_list: lists of jobs. Live ones first, newest first; then the ended ones, newest first:
 * bygones and what the store has.
 */
#include "common/newest.h"
#include "producer/core/core.h"

enum { LIST_MAX = 1000 };

/* `after` is the id of the last one seen; its highest bit, which no id has, says that the ended
 * ones are on. */
#define AFTER_ENDED (1ull << 63)

static bool fits(const struct msg_list_jobs *ask, uint64_t after, uint64_t id, unsigned state,
                 const struct queue *q)
{
    return (!after || id < after) && (!ask->state || ask->state == state) &&
           (!ask->queue.size || bytes_equal(ask->queue, q->name));
}

/* The newest that fit and that it may see. A full walk of the table: this is a person's question,
 * not the hot path. */
static void take_live(const struct broker *b, const struct peer *peer,
                      const struct msg_list_jobs *ask, uint64_t after, struct newest *ids)
{
    size_t at = 0;
    for (const struct job *job; (job = job_next(b, &at));)
        if (fits(ask, after, job->id, job_state_shown(job), job->queue) &&
            permit_job_of(b, peer, owner_of_job(job)))
            newest_add(ids, job->id);
    newest_sort(ids);
}

static void take_bygones(const struct broker *b, const struct peer *peer,
                         const struct msg_list_jobs *ask, uint64_t after, struct newest *ids)
{
    const struct bygone_list *lists[] = {&b->bygones.waiting, &b->bygones.fetched};
    for (size_t i = 0; i < LENGTH(lists); i++)
        list_each(l, &lists[i]->all)
        {
            const struct bygone *bygone = container_of(l, struct bygone, link);
            if (fits(ask, after, bygone->id, bygone->state, bygone->queue) &&
                permit_job_of(b, peer, bygone->owner))
                newest_add(ids, bygone->id);
        }
    newest_sort(ids);
}

static void list_ended(struct broker *b, struct peer *peer, const struct msg_list_jobs *ask,
                       uint64_t after, uint64_t limit)
{
    struct find find = {.number = ask->number, .kind = FIND_LIST, .limit = limit};
    struct newest ids;
    newest_init(&ids, (size_t)limit + 1); /* is there one more? */
    take_bygones(b, peer, ask, after, &ids);
    buf_put(&find.bygones, ids.ids, ids.count * sizeof *ids.ids);
    newest_fini(&ids);
    struct effect *e = find_put(b, peer, &find, FX_LIST);
    e->id = after;
    e->count = limit;
    e->state = (uint8_t)ask->state;
    buf_put(&b->into->bytes, ask->queue.data, ask->queue.size);
    effect_close(b, e);
}

void job_list_ask(struct broker *b, struct peer *peer, const struct msg_list_jobs *ask)
{
    uint64_t limit = ask->limit && ask->limit < LIST_MAX ? ask->limit : LIST_MAX;
    bool on = ask->after & AFTER_ENDED, ended = job_ended((enum job_state)ask->state);
    if (ask->state >= JOB_STATES || ask->queue.size > QUEUE_NAME_MAX) {
        send_error(b, peer, ask->number, ERR_INVALID, NULL);
        return;
    }
    struct newest ids;
    newest_init(&ids, (size_t)limit);
    if (!on && !ended)
        take_live(b, peer, ask, ask->after, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        struct msg_job view;
        job_view(b, job_find(b, ids.ids[i]), &view);
        job_show(b, peer, ask->number, &view, (struct bytes){0});
    }
    if (ids.count == limit)
        send_end(b, peer, ask->number, ids.ids[ids.count - 1]);
    else if (ask->state && !ended)
        send_end(b, peer, ask->number, 0);
    else
        list_ended(b, peer, ask, on ? ask->after & ~AFTER_ENDED : 0, limit - ids.count);
    newest_fini(&ids);
}

/* Of the bygones those that have been forgotten since are left out, and of all what the peer may
 * not see. `next`: what the store has not given is older than that; 0: it has given all. */
void job_list_found(struct broker *b, struct peer *peer, const struct find *find,
                    struct cursor rows, uint64_t next)
{
    const uint64_t *bygones = (const uint64_t *)(const void *)find->bygones.data;
    size_t count = find->bygones.size / sizeof *bygones, at = 0;
    uint64_t left = find->limit, last = 0;
    struct row stored, here;
    bool any = row_next(&rows, &stored);
    while (left) {
        const struct row *row = &stored;
        if (at < count && bygones[at] > (any ? stored.origin.id : next)) {
            const struct bygone *bygone = bygone_find(b, bygones[at++]);
            if (!bygone)
                continue;
            bygone_row(bygone, &here);
            row = &here;
        } else if (!any) {
            break;
        }
        last = row->origin.id;
        if (permit_row(b, peer, REC_list_jobs, row)) {
            job_show(b, peer, find->number, &row->job, (struct bytes){0});
            left--;
        }
        if (row == &stored)
            any = row_next(&rows, &stored);
    }
    bool more = last && (at < count || any || next);
    send_end(b, peer, find->number, more ? last | AFTER_ENDED : 0);
}
