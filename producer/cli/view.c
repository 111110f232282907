/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/view.h"

#include "producer/cli/output.h"

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

void view_job(struct buf *b, const struct msg_job *job)
{
    char why[48];
    pack_map(b, 14);
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
