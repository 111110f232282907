/* SPDX-License-Identifier: Apache-2.0
 *
 * What the core does, as text: a line an effect.
 */
#include "tests/unit/farm.h"

#include <reeve/value.h>

#include "common/pack.h"

static unsigned id(uint64_t job)
{
    return (unsigned)((job & ((1ull << 52) - 1)) - ((uint64_t)FARM_INCARNATION << 20));
}

static const char *name_of(const struct farm *f, uint64_t peer)
{
    for (unsigned i = 0; i < f->peer_count; i++)
        if (f->peers[i].peer == peer)
            return f->peers[i].name;
    return "?";
}

static void log_ended(struct buf *log, const struct msg_ended *m)
{
    buf_printf(log, "ended %u j%u %s", (unsigned)m->number, id(m->id),
               job_state_name((unsigned)m->state));
    if (m->reason)
        buf_printf(log, " (%s)", reason_name((unsigned)m->reason));
    if (m->worker.size)
        buf_printf(log, " by %.*s", BYTES_ARG(m->worker));
    if (m->attempts)
        buf_printf(log, " after %u", (unsigned)m->attempts);
}

/* Of {"done": N}. */
static void log_progress(struct buf *log, struct bytes map)
{
    struct cursor c = cursor_of(map);
    if (!map.size)
        return;
    CHECK_EQ(cursor_map(&c), 1);
    CHECK_BYTES(cursor_str(&c), bytes_text("done"));
    buf_printf(log, " done %u", (unsigned)cursor_uint(&c));
}

static void log_job(struct buf *log, const struct msg_job *m)
{
    const char *state = job_state_name((unsigned)m->state);
    buf_printf(log, "job %u j%u %s", (unsigned)m->number, id(m->id), state);
    if (m->retry_of)
        buf_printf(log, " retry of j%u", id(m->retry_of));
    log_progress(log, m->progress);
}

static void log_accepted(struct buf *log, const struct msg_accepted *m)
{
    if (m->count)
        buf_printf(log, "accepted %u..%u j%u..j%u", (unsigned)m->number,
                   (unsigned)(m->number + m->count - 1), id(m->id), id(m->id + m->count - 1));
    else
        buf_printf(log, "accepted %u j%u", (unsigned)m->number, id(m->id));
}

static void log_lease(struct buf *log, const struct msg_lease *m)
{
    buf_printf(log, "lease j%u ", id(m->id));
    if (m->token >> 32 != FARM_INCARNATION)
        buf_printf(log, "%u:", (unsigned)(m->token >> 32) - FARM_INCARNATION);
    buf_printf(log, "t%u", (unsigned)m->token);
    if (m->offer)
        buf_printf(log, " offer %u", (unsigned)m->offer);
    if (m->attempt)
        buf_printf(log, " attempt %u", (unsigned)m->attempt);
    if (m->timeout_ms)
        buf_printf(log, " limit %u", (unsigned)m->timeout_ms);
    if (m->args.size > 1) {
        size_t size;
        char *text = reeve_text(m->args.data, m->args.size, &size);
        buf_printf(log, " %.*s", (int)size, text);
        free(text);
    }
}

static void log_session(struct buf *log, const struct msg_session *m)
{
    buf_printf(log, "session %u j%u %s (%s) iteration %u", (unsigned)m->number, id(m->id),
               session_state_name((unsigned)m->state), job_state_name((unsigned)m->job_state),
               (unsigned)m->iteration);
    if (m->reason)
        buf_printf(log, " %s", reason_name((unsigned)m->reason));
}

/* "7 state": the number and the event of an update. */
static void log_update(struct buf *log, struct bytes body)
{
    struct cursor c = cursor_of(body);
    uint64_t seq = 0;
    struct bytes event = {0}, state = {0}, progress = {0};
    uint64_t iteration = 0, task = 0;
    for (uint32_t pairs = cursor_map(&c); pairs; pairs--) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("seq")))
            seq = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("event")))
            event = cursor_str(&c);
        else if (bytes_equal(key, bytes_text("state")))
            state = cursor_str(&c);
        else if (bytes_equal(key, bytes_text("iteration")))
            iteration = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("task")))
            task = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("progress")))
            progress = cursor_value(&c);
        else
            cursor_skip(&c);
    }
    CHECK(cursor_ok(&c) && cursor_done(&c));
    buf_printf(log, "%u %.*s", (unsigned)seq, BYTES_ARG(event));
    if (state.size)
        buf_printf(log, " %.*s", BYTES_ARG(state));
    if (iteration)
        buf_printf(log, " %u", (unsigned)iteration);
    if (task)
        buf_printf(log, " %u", (unsigned)task);
    log_progress(log, progress);
}

static void log_record(struct buf *log, const struct record *r)
{
    switch (r->type) {
    case REC_accepted: log_accepted(log, &r->accepted); break;
    case REC_ended: log_ended(log, &r->ended); break;
    case REC_lease: log_lease(log, &r->lease); break;
    case REC_job: log_job(log, &r->job); break;
    case REC_session: log_session(log, &r->session); break;
    case REC_explanation:
        buf_printf(log, "explanation %.*s", BYTES_ARG(r->explanation.text));
        break;
    case REC_attempt:
        buf_printf(log, "attempt %u j%u %u %s", (unsigned)r->attempt.number, id(r->attempt.id),
                   (unsigned)r->attempt.attempt, reason_name((unsigned)r->attempt.reason));
        break;
    case REC_error:
        buf_printf(log, "error %u %s", (unsigned)r->error.number,
                   err_name((unsigned)r->error.code));
        if (r->error.code == ERR_QUOTA)
            buf_printf(log, " again %u", (unsigned)r->error.retry_ms);
        break;
    case REC_welcome: buf_printf(log, "welcome last %u", (unsigned)r->welcome.last_number); break;
    case REC_stop:
        buf_printf(log, "stop j%u t%u %s", id(r->stop.id), (unsigned)r->stop.token,
                   reason_name((unsigned)r->stop.reason));
        break;
    case REC_recall:
        buf_printf(log, "recall j%u t%u", id(r->recall.id), (unsigned)r->recall.token);
        break;
    case REC_result_ack: buf_printf(log, "result_ack %u", (unsigned)r->result_ack.number); break;
    case REC_done: buf_printf(log, "done %u", (unsigned)r->done.number); break;
    case REC_end:
        buf_printf(log, "end %u", (unsigned)r->end.number);
        if (r->end.next)
            buf_printf(log, " more");
        break;
    case REC_queue:
        buf_printf(log, "queue %.*s ready %u running %u delayed %u%s", BYTES_ARG(r->queue.name),
                   (unsigned)r->queue.ready, (unsigned)r->queue.running, (unsigned)r->queue.delayed,
                   r->queue.held ? " held" : "");
        break;
    case REC_worker:
        buf_printf(log, "worker %.*s %s leased %u", BYTES_ARG(r->worker.id),
                   worker_state_name((unsigned)r->worker.state), (unsigned)r->worker.leased);
        break;
    case REC_status:
        buf_printf(log, "status submitted %u executions %u losses %u live %u malformed %u",
                   (unsigned)r->status.submitted, (unsigned)r->status.executions,
                   (unsigned)r->status.lease_losses, (unsigned)r->status.live,
                   (unsigned)r->status.malformed);
        if (r->status.state == BROKER_STALLED)
            buf_printf(log, " stalled %u us", (unsigned)r->status.commit_us);
        break;
    case REC_task:
        buf_printf(log, "task %u %c %u %.*s", (unsigned)r->task.number,
                   r->task.completed_ms ? 'x' : '-', (unsigned)r->task.task,
                   BYTES_ARG(r->task.title));
        break;
    case REC_feed:
        buf_printf(log, "feed %u %.*s %s %u", (unsigned)r->feed.number, BYTES_ARG(r->feed.topic),
                   r->feed.running ? "running" : "resting", (unsigned)r->feed.updates);
        break;
    case REC_update:
        buf_printf(log, "update ");
        log_update(log, r->update.body);
        break;
    case REC_snapshot:
        buf_printf(log, "snapshot ");
        log_update(log, r->snapshot.body);
        break;
    case REC_lost:
        buf_printf(log, "lost %u..%u", (unsigned)r->lost.first, (unsigned)r->lost.last);
        break;
    case REC_counter:
        buf_printf(log, "counter %.*s %.*s %u", BYTES_ARG(r->counter.name),
                   BYTES_ARG(r->counter.label), (unsigned)r->counter.count);
        break;
    default: buf_printf(log, "%s", record_name(r->type)); break;
    }
}

static void log_key(struct buf *log, const char *what, struct row_key key)
{
    static const char *const kinds[ROW_KINDS] = {"job",  "ended", "client", "key",  "worker",
                                                 "mark", "queue", "lines",  "task", "joined"};
    buf_printf(log, "%s%s", what, kinds[key.kind]);
    if (key.id)
        buf_printf(log, " j%u", id(key.id));
    if (key.name.size)
        buf_printf(log, " %.*s", (int)strnlen(key.name.data, key.name.size),
                   (const char *)key.name.data);
    if (key.kind == ROW_JOINED)
        buf_printf(log, " %.*s", (int)(key.name.size - PEER_ID_BYTES),
                   (const char *)key.name.data + PEER_ID_BYTES);
}

/* Rows, and ends that have none. */
static void log_put(struct farm *f, const struct effect *e)
{
    if (e->type == FX_PUT && e->kind != ROW_ENDED)
        log_key(&f->log, "keep ", effect_key(&f->fx, e));
    else
        buf_printf(&f->log, "%s j%u %s%s", e->type == FX_PUT ? "store" : "bygone", id(e->id),
                   job_state_name(e->state), e->settled ? " settled" : "");
}

/* One record, or a row of them. */
static void log_sent(struct farm *f, const struct effect *e)
{
    struct cursor c = cursor_of(effect_bytes(&f->fx, e));
    struct record r = {.type = REC_NONE};
    for (uint32_t left = e->more + 1; left; left--) {
        CHECK_EQ(record_next(&c, &r), OK);
        if (r.type == REC_ping || r.type == REC_slot)
            continue;
        buf_printf(&f->log, "%s < ", name_of(f, e->peer));
        log_record(&f->log, &r);
        buf_printf(&f->log, "\n");
    }
    CHECK(cursor_done(&c));
}

void farm_write_down(struct farm *f, const struct effect *e)
{
    struct bytes bytes = effect_bytes(&f->fx, e), topic = effect_name(&f->fx, e);
    switch (e->type) {
    case FX_SEND: log_sent(f, e); return;
    case FX_PUBLISH:
        buf_printf(&f->log, "%.*s: ", (int)topic.size - 1, (const char *)topic.data);
        log_update(&f->log, bytes);
        break;
    case FX_PUT:
    case FX_BYGONE: log_put(f, e); break;
    case FX_DROP: log_key(&f->log, "drop ", effect_key(&f->fx, e)); break;
    case FX_SETTLE:
        buf_printf(&f->log, "settle j%u count %u", id(e->id), (unsigned)e->count);
        break;
    case FX_FIND: buf_printf(&f->log, "find %u j%u", (unsigned)e->ticket, id(e->id)); break;
    case FX_LIST: buf_printf(&f->log, "list %u", (unsigned)e->ticket); break;
    case FX_GONE: buf_printf(&f->log, "gone j%u", id(e->id)); break;
    case FX_ENROL:
        buf_printf(&f->log, "enrol %.*s %.*s", BYTES_ARG(topic), BYTES_ARG(bytes));
        break;
    case FX_AUDIT: buf_printf(&f->log, "%.*s", BYTES_ARG(bytes)); break;
    }
    buf_printf(&f->log, "\n");
}
