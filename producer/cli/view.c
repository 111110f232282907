/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/view.h"

#include "common/value.h"
#include "producer/cli/history.h"
#include "producer/cli/output.h"

enum { JOB_KEYS = 15 };

static void put_uint(struct buf *b, const char *key, uint64_t number)
{
    pack_text(b, key);
    pack_uint(b, number);
}

static void put_bytes(struct buf *b, const char *key, struct bytes text)
{
    pack_text(b, key);
    if (text.size)
        pack_str(b, text);
    else
        pack_nil(b);
}

static void put_text(struct buf *b, const char *key, const char *text)
{
    put_bytes(b, key, bytes_text(text));
}

static void put_id(struct buf *b, const char *key, uint64_t id)
{
    char text[JOB_ID_TEXT];
    put_text(b, key, id ? job_id_text(id, text) : "");
}

static void put_job_keys(struct buf *b, const struct msg_job *job)
{
    char why[48];
    put_id(b, "id", job->id);
    put_bytes(b, "queue", job->queue);
    put_bytes(b, "key", job->key);
    put_text(b, "state", job_state_name((unsigned)job->state));
    put_text(b, "reason", reason_text((unsigned)job->reason, (unsigned)job->detail, why));
    put_uint(b, "attempts", job->attempts);
    pack_text(b, "priority");
    pack_int(b, job->priority);
    put_bytes(b, "worker", job->worker);
    put_id(b, "retry_of", job->retry_of);
    put_uint(b, "submitted_ms", job->submitted_ms);
    put_uint(b, "ended_ms", job->ended_ms);
    put_uint(b, "run_us", job->run_us);
    put_uint(b, "value_bytes", job->value_bytes);
    put_text(b, "durability", durability_name((unsigned)job->durability));
    put_uint(b, "peak_kib", job->peak_kib);
}

void view_job(struct buf *b, const struct msg_job *job)
{
    pack_map(b, JOB_KEYS);
    put_job_keys(b, job);
}

static void put_attempt_map(struct buf *b, const struct msg_attempt *attempt)
{
    char why[48], moment[MOMENT_TEXT];
    struct buf error = {0};
    if (attempt->value.size)
        value_text(&error, attempt->value);
    pack_map(b, 8);
    put_uint(b, "attempt", attempt->attempt);
    put_bytes(b, "worker", attempt->worker);
    put_text(b, "reason", reason_text((unsigned)attempt->reason, (unsigned)attempt->detail, why));
    put_uint(b, "run_us", attempt->run_us);
    put_uint(b, "peak_kib", attempt->peak_kib);
    put_text(b, "ended", attempt->ended_ms ? moment_text(attempt->ended_ms, moment) : "");
    put_bytes(b, "error", buf_bytes(&error));
    put_bytes(b, "last_lines", attempt->last_lines);
    buf_fini(&error);
}

void view_job_history(struct buf *b, const struct msg_job *job, const struct history *history)
{
    struct msg_attempt attempt;
    struct cursor c = history_start(history);
    pack_map(b, JOB_KEYS + 1);
    put_job_keys(b, job);
    pack_text(b, "history");
    pack_array(b, history->count);
    while (history_next(&c, &attempt))
        put_attempt_map(b, &attempt);
}

void view_queue_counts(struct buf *b, const struct msg_queue *queue)
{
    pack_map(b, 10);
    put_uint(b, "ready", queue->ready);
    put_uint(b, "running", queue->running);
    put_uint(b, "delayed", queue->delayed);
    pack_text(b, "held");
    pack_bool(b, queue->held != 0);
    put_uint(b, "workers", queue->workers);
    put_uint(b, "submitted", queue->submitted);
    put_uint(b, "ok", queue->ok);
    put_uint(b, "failed", queue->failed);
    put_uint(b, "run_us", queue->run_us);
    put_uint(b, "oldest_ms", queue->oldest_ms);
}

void view_worker_head(struct buf *b, const struct msg_worker *worker)
{
    pack_map(b, 7);
    put_bytes(b, "id", worker->id);
    put_bytes(b, "host", worker->host);
    put_uint(b, "pid", worker->pid);
    put_text(b, "state", worker_state_name((unsigned)worker->state));
    put_uint(b, "leased", worker->leased);
    put_uint(b, "since_ms", worker->since_ms);
    pack_text(b, "slots");
}

void view_slot(struct buf *b, const struct msg_slot *slot)
{
    pack_map(b, 5);
    put_uint(b, "index", slot->index);
    put_uint(b, "pid", slot->pid);
    put_text(b, "state", slot_state_name((unsigned)slot->state));
    put_id(b, "job", slot->job);
    put_bytes(b, "queue", slot->queue);
}

void view_reason(struct buf *b, const char *code, struct bytes text)
{
    pack_map(b, 2);
    put_text(b, "code", code);
    put_bytes(b, "text", text);
}

void view_reasons_print(uint64_t id, const struct view_rows *rows)
{
    struct buf b = {0};
    pack_map(&b, 2);
    put_id(&b, "id", id);
    pack_text(&b, "reasons");
    pack_array(&b, rows->count);
    buf_put(&b, rows->buf.data, rows->buf.size);
    output_json(buf_bytes(&b));
    buf_fini(&b);
}

void view_print(const char *name, struct view_rows *rows)
{
    struct buf b = {0};
    pack_map(&b, 1);
    pack_text(&b, name);
    pack_array(&b, rows->count);
    buf_put(&b, rows->buf.data, rows->buf.size);
    output_json(buf_bytes(&b));
    buf_fini(&b);
    buf_fini(&rows->buf);
    rows->count = 0;
}
