/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/history.h"

void history_add(struct history *h, const struct msg_attempt *attempt)
{
    if (attempt->attempt <= h->last)
        history_clear(h);
    put_attempt(&h->records, attempt);
    h->last = attempt->attempt;
    h->count++;
}

void history_close(struct history *h, const struct msg_job *job)
{
    if (!job_ended((enum job_state)job->state) || job->attempts <= h->last)
        return;
    struct msg_attempt last = {.id = job->id,
                               .attempt = job->attempts,
                               .worker = job->worker,
                               .reason = job->reason,
                               .detail = job->detail,
                               .run_us = job->run_us,
                               .peak_kib = job->peak_kib,
                               .ended_ms = job->ended_ms};
    history_add(h, &last);
}

void history_clear(struct history *h)
{
    buf_clear(&h->records);
    h->count = 0;
    h->last = 0;
}

void history_fini(struct history *h)
{
    buf_fini(&h->records);
}

struct cursor history_start(const struct history *h)
{
    return cursor_of(buf_bytes(&h->records));
}

bool history_next(struct cursor *c, struct msg_attempt *attempt)
{
    struct record r;
    if (cursor_done(c))
        return false;
    must(record_get(c, &r) == OK && r.type == REC_attempt); /* we have put it there */
    *attempt = r.attempt;
    return true;
}
