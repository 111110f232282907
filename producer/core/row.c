/* SPDX-License-Identifier: Apache-2.0
 *
 * row: the row of a job taken apart. We wrote it ourselves; but it has been on a disk, and a later
 * release may have written it, so what does not read is an error and not a bug.
 */
#include "producer/core/core.h"

static bool next_is(const struct cursor *c, enum record_type type)
{
    struct cursor look = *c;
    struct record r;
    return !cursor_done(&look) && record_get(&look, &r) == OK && r.type == type;
}

static bool take(struct cursor *c, enum record_type type, struct record *r)
{
    return !cursor_done(c) && record_get(c, r) == OK && r->type == type;
}

static bool head_read(struct cursor *c, struct row *row)
{
    struct record r;
    *row = (struct row){0};
    if (!take(c, REC_submit, &r))
        return false;
    row->submit = r.submit;
    if (!take(c, REC_origin, &r))
        return false;
    row->origin = r.origin;
    row->session = next_is(c, REC_chain_row);
    if (row->session) {
        must(take(c, REC_chain_row, &r));
        row->chain = r.chain_row;
    }
    const void *start = c->at;
    while (next_is(c, REC_attempt))
        must(take(c, REC_attempt, &r));
    row->attempts = bytes_of(start, (size_t)((const char *)c->at - (const char *)start));
    return true;
}

/* As it was shown at its end. */
void row_show(struct row *row, const struct msg_ended_row *end)
{
    row->job = (struct msg_job){.id = row->origin.id,
                                .queue = row->submit.queue,
                                .key = row->submit.key,
                                .attempts = row->origin.attempts,
                                .priority = row->submit.priority,
                                .submitted_ms = row->origin.submitted_ms,
                                .retry_of = row->origin.retry_of,
                                .durability = row->submit.durability};
    job_view_ended(&row->job, &row->ended, end);
}

/* Rows written before there were ended_rows have the view itself, a job record. */
static bool tail_read(struct cursor *c, struct row *row)
{
    struct record view, ended;
    bool old = next_is(c, REC_job);
    if (!take(c, old ? REC_job : REC_ended_row, &view) || !take(c, REC_ended, &ended))
        return false;
    row->ended = ended.ended;
    if (old)
        row->job = view.job;
    else
        row_show(row, &view.ended_row);
    return true;
}

bool row_read(struct bytes bytes, struct row *row)
{
    struct cursor c = cursor_of(bytes);
    return head_read(&c, row) && (cursor_done(&c) || tail_read(&c, row));
}

bool row_next(struct cursor *c, struct row *row)
{
    return !cursor_done(c) && head_read(c, row) && tail_read(c, row);
}
