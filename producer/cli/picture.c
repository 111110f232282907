/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/picture.h"

#include <stdlib.h>

#include "producer/cli/rows.h"
#include "producer/view/field.h"

/* --- rates ---------------------------------------------------------------------------------- */

struct pace pace_next(const struct pace *before, uint64_t count, int64_t now_ms)
{
    struct pace fresh = {.since_ms = now_ms, .count = count, .rate = -1};
    if (!before || before->since_ms == 0 || count < before->count)
        return fresh;
    int64_t past_ms = now_ms - before->since_ms;
    if (past_ms < PACE_LEAST_MS)
        return *before;
    if (past_ms <= PACE_MOST_MS)
        fresh.rate = (double)(count - before->count) * 1e3 / (double)past_ms;
    return fresh;
}

/* --- what is told --------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, struct bytes text)
{
    snprintf(to, size, "%.*s", BYTES_ARG(text));
}
#define COPY_TEXT(to, text) copy_text(to, sizeof(to), text)

static void take_status(struct picture *p, const struct msg_status *m)
{
    p->come = true;
    p->status = *m;
    COPY_TEXT(p->release, m->release);
    p->status.release = bytes_of(NULL, 0); /* it was only lent */
}

static void take_queue(struct picture *p, const struct msg_queue *m)
{
    p->queues = rows_room(p->queues, p->queue_count, sizeof *p->queues);
    struct picture_queue *q = &p->queues[p->queue_count++];
    *q = (struct picture_queue){.held = m->held != 0,
                                .ready = m->ready,
                                .running = m->running,
                                .delayed = m->delayed,
                                .workers = m->workers,
                                .run_us = m->run_us,
                                .oldest_ms = m->oldest_ms,
                                .ended = m->ok + m->failed + m->dead + m->cancelled + m->expired};
    COPY_TEXT(q->name, m->name);
}

static void take_worker(struct picture *p, const struct msg_worker *m)
{
    p->workers = rows_room(p->workers, p->worker_count, sizeof *p->workers);
    struct picture_worker *w = &p->workers[p->worker_count++];
    *w = (struct picture_worker){.pid = m->pid,
                                 .slots = m->slots,
                                 .since_ms = m->since_ms,
                                 .state = (unsigned)m->state,
                                 .first = p->slot_count};
    COPY_TEXT(w->name, m->id);
    COPY_TEXT(w->host, m->host);
}

/* The slots of a worker follow it. */
static void take_slot(struct picture *p, const struct msg_slot *m)
{
    if (p->worker_count == 0)
        return;
    struct picture_worker *w = &p->workers[p->worker_count - 1];
    p->slots = rows_room(p->slots, p->slot_count, sizeof *p->slots);
    struct picture_slot *s = &p->slots[p->slot_count++];
    *s = (struct picture_slot){
        .index = m->index, .pid = m->pid, .job = m->job, .state = (unsigned)m->state};
    COPY_TEXT(s->queue, m->queue);
    w->slot_count++;
    w->busy += m->job != 0;
}

static void take_job(struct picture *p, const struct msg_job *m)
{
    if (p->session_count == PICTURE_SESSIONS)
        return;
    p->sessions = rows_room(p->sessions, p->session_count, sizeof *p->sessions);
    p->sessions[p->session_count++] =
        (struct picture_session){.id = m->id, .submitted_ms = m->submitted_ms};
}

static struct picture_session *find_session(const struct picture *p, uint64_t id)
{
    for (size_t i = 0; i < p->session_count; i++)
        if (p->sessions[i].id == id)
            return &p->sessions[i];
    return NULL;
}

static void take_session(struct picture *p, const struct msg_session *m)
{
    struct picture_session *s = find_session(p, m->id);
    if (!s)
        return;
    s->state = (unsigned)m->state;
    s->iteration = m->iteration;
    s->has_best = field_number(field_of(m->view, "best"), "objective", &s->best);
    COPY_TEXT(s->method, field_text(m->view, "method"));
    COPY_TEXT(s->model, field_text(m->view, "model"));
}

void picture_take(struct picture *p, const struct record *answer)
{
    switch (answer->type) {
    case REC_status: take_status(p, &answer->status); break;
    case REC_queue: take_queue(p, &answer->queue); break;
    case REC_worker: take_worker(p, &answer->worker); break;
    case REC_slot: take_slot(p, &answer->slot); break;
    case REC_job: take_job(p, &answer->job); break;
    case REC_session: take_session(p, &answer->session); break;
    default: break;
    }
}

bool picture_recall(struct picture *p, size_t i, const struct picture *before)
{
    const struct picture_session *old = find_session(before, p->sessions[i].id);
    if (!old || old->state < SESSION_FINISHED)
        return false;
    p->sessions[i] = *old;
    return true;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    const struct picture_queue *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void picture_close(struct picture *p, const struct picture *before, int64_t now_ms)
{
    uint64_t ended = 0;
    /* Another life of the broker counts from the beginning. */
    bool same = before->come && before->status.incarnation == p->status.incarnation;
    if (p->queue_count)
        qsort(p->queues, p->queue_count, sizeof *p->queues, by_name);
    for (size_t i = 0; i < p->queue_count; i++) {
        struct picture_queue *q = &p->queues[i], *old = NULL;
        if (same && before->queue_count)
            old = bsearch(q, before->queues, before->queue_count, sizeof *q, by_name);
        q->finished = pace_next(old ? &old->finished : NULL, q->ended, now_ms);
        ended += q->ended;
    }
    p->submitted = pace_next(same ? &before->submitted : NULL, p->status.submitted, now_ms);
    p->finished = pace_next(same ? &before->finished : NULL, ended, now_ms);
}

void picture_clear(struct picture *p)
{
    p->come = false;
    p->queue_count = p->worker_count = p->slot_count = p->session_count = 0;
}

void picture_fini(struct picture *p)
{
    free(p->queues);
    free(p->workers);
    free(p->slots);
    free(p->sessions);
    *p = (struct picture){0};
}
