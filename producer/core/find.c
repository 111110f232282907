/* SPDX-License-Identifier: Apache-2.0
 *
 * find: what is asked about jobs that have ended. Bygones are answered at once; all else is asked
 * of the store, whose answer comes back under a ticket.
 */
#include "producer/core/core.h"

void find_free(struct find *find)
{
    bytes_drop(&find->topic);
    buf_fini(&find->bygones);
    free(find);
}

struct effect *find_put(struct broker *b, const struct peer *peer, const struct find *ask,
                        enum effect_type type)
{
    struct find *find = must_alloc(sizeof *find);
    *find = *ask;
    find->peer = peer->id;
    find->topic = bytes_keep(ask->topic);
    idmap_put(&b->finds, ++b->ticket, find);
    struct effect *e = effect_add(b, type);
    e->ticket = b->ticket;
    return e;
}

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
        b->totals.live >= b->limits.jobs_max ||
        b->args_bytes + row->submit.args.size > b->limits.args_bytes_max) {
        send_error(b, peer, number, ERR_BUSY, NULL);
        return;
    }
    if (b->permits.on && !usage_submits(b, peer, number, row->submit.args.size, row->session))
        return;
    struct msg_submit submit = row->submit;
    submit.key = (struct bytes){0}; /* it leads to the one there was */
    struct job *job = job_make(b, NULL, owner_of(b, row->origin.principal), &submit, q);
    job->number = 0;
    job_more(job)->retry_of = row->job.id;
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
    struct bygone *bygone = bygone_find(b, id);
    if (bygone)
        bygone_forget(b, bygone);
    else
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
    case FIND_JOB: job_show(b, peer, find->number, &row->job, row->attempts); break;
    case FIND_RETRY: again(b, peer, find->number, row); break;
    case FIND_CANCEL:
    case FIND_SAY: send_error(b, peer, find->number, ERR_ENDED, NULL); break;
    case FIND_SESSION:
        if (row->session)
            session_show(b, peer, find->number, &row->job, &row->chain, row->ended.value);
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

void find_ask(struct broker *b, struct peer *peer, const struct find *ask, uint64_t id)
{
    const struct bygone *bygone = bygone_find(b, id);
    if (!bygone) {
        find_put(b, peer, ask, FX_FIND)->id = id;
        return;
    }
    struct row row;
    bygone_row(bygone, &row);
    accepted_flush(b); /* told before the end that may be told now */
    found_one(b, peer, ask, &row);
}

void find_found(struct broker *b, const struct event *ev)
{
    struct find *find = idmap_take(&b->finds, ev->found.ticket);
    must(find);
    struct peer *peer = idmap_find(&b->peers, find->peer);
    struct cursor rows = cursor_of(ev->found.rows);
    struct row row;
    if (!peer || (b->permits.on && !peer->principal)) {
        /* whoever asked has left, or was let go */
    } else if (find->kind == FIND_LIST) {
        job_list_found(b, peer, find, rows, ev->found.next);
    } else {
        found_one(b, peer, find, row_next(&rows, &row) ? &row : NULL);
    }
    find_free(find);
}
