/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/core/parts.h"

static void lose(struct agent_job *j)
{
    if (j->data != j->inline_bytes)
        free(j->data);
}

static void keep(struct agent_job *j, struct bytes b)
{
    j->data = b.size <= INLINE_BYTES ? j->inline_bytes : must_alloc(b.size);
    j->data_size = (uint32_t)b.size;
    bytes_copy(j->data, b);
}

static void drop_lines(struct agent_job *j)
{
    if (!j->lines)
        return;
    free(j->lines);
    j->lines = NULL;
    j->lines_size = 0;
}

struct agent_job *agent_job_new(struct agent *a, struct bytes args)
{
    struct agent_job *j = pool_take(&a->memory, sizeof *j);
    memset(j, 0, offsetof(struct agent_job, inline_bytes));
    link_init(&j->link);
    keep(j, args);
    return j;
}

void agent_job_free(struct agent *a, struct agent_job *j)
{
    agent_job_unlink(a, j);
    if (j->local)
        idmap_take(&a->locals, j->id);
    else if (!j->orphan)
        index_take(a, j);
    agent_job_drop(a, j);
}

void agent_job_drop(struct agent *a, struct agent_job *j)
{
    lose(j);
    drop_lines(j);
    pool_give(&a->memory, j, sizeof *j);
}

void agent_job_unlink(struct agent *a, struct agent_job *j)
{
    if (link_listed(&j->link))
        agent_job_leave(a, j, j->place);
}

void agent_job_wait(struct agent *a, struct agent_job *j)
{
    agent_job_unlink(a, j);
    struct program *p = &a->programs[j->program];
    j->place = AT_WAITING;
    j->seen = j->wanted_back = false;
    /* New ones belong at the end; those that come back are older than nearly all. */
    struct link *at = p->waiting.prev;
    if (at == &p->waiting || container_of(at, struct agent_job, link)->order < j->order) {
        list_append(&p->waiting, &j->link);
    } else {
        for (at = &p->waiting; container_of(at->next, struct agent_job, link)->order < j->order;)
            at = at->next;
        link_after(at, &j->link);
    }
    p->waiting_count++;
    a->waiting_count++;
}

void agent_job_return(struct agent *a, struct agent_job *j)
{
    struct record r = {.type = REC_returned, .returned = {.id = j->id, .token = j->token}};
    agent_send(a, &r);
    agent_job_free(a, j);
}

static inline void tell(struct agent *a, const struct agent_job *j)
{
    struct msg_result m = {.number = j->number,
                           .id = j->id,
                           .token = j->token,
                           .reason = j->reason,
                           .value = bytes_of(j->data, j->data_size),
                           .run_us = j->run_us,
                           .detail = j->detail,
                           .peak_kib = j->peak_kib,
                           .last_lines = bytes_of(j->lines, j->lines_size)};
    struct agent_effect *row = a->brief ? agent_row(a, a->again.mark) : NULL;
    uint32_t brief = row ? again_brief_result(&a->again, &a->out->bytes, &m) : 0;
    if (brief) {
        row->more++;
        row->behind += brief;
        row->size += brief;
        return;
    }
    size_t offset = a->out->bytes.size;
    struct said said = {0};
    if (a->brief)
        said = again_put_result(&a->again, &a->out->bytes, &m);
    else
        put_result(&a->out->bytes, &m);
    agent_sent(a, offset, said);
}

void agent_job_tell(struct agent *a, const struct agent_job *j)
{
    tell(a, j);
}

static void tell_local(struct agent *a, const struct agent_job *j)
{
    size_t offset = a->out->bytes.size;
    buf_put(&a->out->bytes, j->data, j->data_size);
    struct agent_effect *e = agent_effect(a, AGENT_LOCAL_DONE);
    e->number = (uint32_t)j->id;
    e->reason = j->reason;
    e->detail = j->detail;
    e->offset = offset;
    e->size = j->data_size;
}

static inline void end(struct agent *a, struct agent_job *j, unsigned reason, unsigned detail,
                       struct bytes value)
{
    agent_job_unlink(a, j);
    if (value.size > VALUE_BYTES_MAX) {
        reason = REASON_TOO_LARGE;
        value.size = 0;
    }
    if (j->stop_reason)
        value.size = 0;
    lose(j);
    keep(j, value);
    /* Copied first: the runner can change its page while we look. */
    if (value.size && !pack_valid(bytes_of(j->data, value.size))) {
        lose(j);
        keep(j, bytes_of(NULL, 0));
        reason = REASON_PROTOCOL;
    }
    j->reason = j->stop_reason ? j->stop_reason : reason;
    j->detail = j->stop_reason ? 0 : detail;
    if (j->reason == REASON_NONE || j->reason == REASON_VERDICT)
        drop_lines(j);
    if (j->orphan) {
        agent_job_free(a, j);
    } else if (j->local) {
        tell_local(a, j);
        agent_job_free(a, j);
    } else {
        j->number = ++a->next_result;
        j->place = AT_HELD;
        list_append(&a->held, &j->link);
        a->held_count++;
        a->held_bytes += agent_job_bytes(j);
        /* Without a link it is told after the next hello. */
        if (a->link != LINK_LOST)
            tell(a, j);
    }
}

void agent_job_end(struct agent *a, struct agent_job *j, unsigned reason, unsigned detail,
                   struct bytes value)
{
    end(a, j, reason, detail, value);
}

void agent_job_remark(struct agent_job *j, uint64_t peak_kib, struct bytes lines)
{
    must(!j->lines && lines.size <= AGENT_LINES_BYTES);
    j->peak_kib = peak_kib;
    if (lines.size == 0)
        return;
    j->lines = must_alloc(lines.size);
    memcpy(j->lines, lines.data, lines.size);
    j->lines_size = (uint32_t)lines.size;
}

void agent_job_result(struct agent *a, struct agent_job *j, const struct agent_result *m)
{
    j->run_us = m->run_us;
    agent_job_remark(j, m->peak_kib, m->lines);
    agent_job_leave(a, j, AT_RING);
    end(a, j, m->reason, 0, m->value);
}

void agent_job_stop(struct agent *a, struct agent_job *j, unsigned reason)
{
    if (j->place == AT_HELD || j->stop_reason)
        return;
    j->stop_reason = reason ? reason : REASON_CANCELLED;
    if (j->place == AT_WAITING)
        agent_job_end(a, j, j->stop_reason, 0, bytes_of(NULL, 0));
    else if (j->seen)
        runner_fire(a, j->runner, RUNNER_STOP);
    else /* if it has started by then, the next look at the runner finds the reason */
        runner_recall(a, j->runner, j->ring_number);
}
