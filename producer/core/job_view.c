/* SPDX-License-Identifier: Apache-2.0
 *
 * job_view: a job as it is shown to those who ask or watch.
 */
#include "producer/core/core.h"

unsigned job_state_shown(const struct job *job)
{
    unsigned state = job->state == JOB_NONE ? JOB_WAITING : job->state;
    return state == JOB_WAITING && job->queue->plain->held ? JOB_HELD : state;
}

void job_view(const struct broker *b, const struct job *job, struct msg_job *out)
{
    (void)b;
    *out = (struct msg_job){
        .id = job->id,
        .queue = job->queue->name,
        .state = job_state_shown(job),
        .attempts = job->attempts,
        .priority = job->priority,
        .submitted_ms = job->submitted_ms,
        .durability = job->durability,
        .updates = job->updates,
    };
    if (job->state == JOB_RUNNING) {
        out->worker = job->worker->name;
        out->progress = job->more ? job->more->progress : (struct bytes){0};
        out->attempts++; /* the one under way */
    }
    if (job->more) {
        out->key = job->more->key;
        out->retry_of = job->more->retry_of;
    }
}

void job_view_ended(struct msg_job *out, const struct msg_ended *ended,
                    const struct msg_ended_row *row)
{
    out->state = ended->state;
    out->worker = ended->worker;
    out->reason = ended->reason;
    out->detail = ended->detail;
    out->run_us = ended->run_us;
    out->value_bytes = ended->value.size;
    out->ended_ms = row->ended_ms;
    out->updates = row->updates;
    out->peak_kib = row->peak_kib;
}

void job_show(struct broker *b, struct peer *peer, uint64_t number, const struct msg_job *view,
              struct bytes attempts)
{
    struct cursor c = cursor_of(attempts);
    struct record r;
    while (!cursor_done(&c) && record_get(&c, &r) == OK) {
        r.attempt.number = number;
        send_record(b, peer, &r);
    }
    r = (struct record){.type = REC_job, .job = *view};
    r.job.number = number;
    send_record(b, peer, &r);
}

void session_show(struct broker *b, struct peer *peer, uint64_t number, const struct msg_job *job,
                  const struct msg_chain_row *row, struct bytes value)
{
    struct record r = {.type = REC_session};
    session_view(job, row, &r.session);
    r.session.number = number;
    r.session.value = value;
    send_record(b, peer, &r);
}
