/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/view.h"

#include "common/value.h"
#include "producer/view/history.h"
#include "producer/view/moment.h"

enum { JOB_KEYS = 16 };

void view_rows_put(struct buf *b, const char *name, const struct view_rows *rows)
{
    pack_text(b, name);
    pack_array(b, rows->count);
    buf_put(b, rows->buf.data, rows->buf.size);
}

void view_rows_fini(struct view_rows *rows)
{
    buf_fini(&rows->buf);
    rows->count = 0;
}

void view_uint(struct buf *b, const char *key, uint64_t number)
{
    pack_text(b, key);
    pack_uint(b, number);
}

void view_text(struct buf *b, const char *key, struct bytes text)
{
    pack_text(b, key);
    if (text.size)
        pack_str(b, text);
    else
        pack_nil(b);
}

static void put_text(struct buf *b, const char *key, const char *text)
{
    view_text(b, key, bytes_text(text));
}

void view_id(struct buf *b, const char *key, uint64_t id)
{
    char text[JOB_ID_TEXT];
    put_text(b, key, id ? job_id_text(id, text) : "");
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void put_job_keys(struct buf *b, const struct msg_job *job)
{
    char why[48];
    view_id(b, "id", job->id);
    view_text(b, "queue", job->queue);
    view_text(b, "key", job->key);
    put_text(b, "state", job_state_name((unsigned)job->state));
    put_text(b, "reason", reason_text((unsigned)job->reason, (unsigned)job->detail, why));
    view_uint(b, "attempts", job->attempts);
    pack_text(b, "priority");
    pack_int(b, job->priority);
    view_text(b, "worker", job->worker);
    view_id(b, "retry_of", job->retry_of);
    view_uint(b, "submitted_ms", job->submitted_ms);
    view_uint(b, "ended_ms", job->ended_ms);
    view_uint(b, "run_us", job->run_us);
    view_uint(b, "value_bytes", job->value_bytes);
    put_text(b, "durability", durability_name((unsigned)job->durability));
    view_uint(b, "peak_kib", job->peak_kib);
    pack_text(b, "progress");
    if (progress_valid(job->progress))
        buf_put(b, job->progress.data, job->progress.size);
    else
        pack_nil(b);
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
    pack_map(b, 9);
    view_uint(b, "attempt", attempt->attempt);
    view_text(b, "worker", attempt->worker);
    put_text(b, "reason", reason_text((unsigned)attempt->reason, (unsigned)attempt->detail, why));
    view_uint(b, "run_us", attempt->run_us);
    view_uint(b, "peak_kib", attempt->peak_kib);
    put_text(b, "ended", attempt->ended_ms ? moment_text(attempt->ended_ms, moment) : "");
    view_uint(b, "ended_ms", attempt->ended_ms);
    view_text(b, "error", buf_bytes(&error));
    view_text(b, "last_lines", attempt->last_lines);
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

/* What a job says of its failure; where it says nothing, the reason. */
static void put_failure(struct buf *b, const struct msg_ended *ended, const char *why)
{
    struct buf text = {0};
    const char *state = job_state_name((unsigned)ended->state);
    if (ended->value.size)
        value_text(&text, ended->value);
    view_text(b, "error", text.size ? buf_bytes(&text) : bytes_text(*why ? why : state));
    buf_fini(&text);
}

void view_ended(struct buf *b, const struct msg_ended *ended)
{
    char why[48];
    bool well = ended->state == JOB_OK;
    reason_text((unsigned)ended->reason, (unsigned)ended->detail, why);
    pack_map(b, 8);
    view_id(b, "id", ended->id);
    put_text(b, "state", job_state_name((unsigned)ended->state));
    pack_text(b, "value");
    /* A value is what a handler made of it: it may be no proper msgpack. */
    if (well && ended->value.size && pack_valid_inside(ended->value, 1))
        buf_put(b, ended->value.data, ended->value.size);
    else
        pack_nil(b);
    if (well)
        put_text(b, "error", "");
    else
        put_failure(b, ended, why);
    put_text(b, "reason", why);
    view_uint(b, "attempts", ended->attempts ? ended->attempts : ended->worker.size > 0);
    view_uint(b, "run_us", ended->run_us);
    view_text(b, "worker", ended->worker);
}

/* --- queues --------------------------------------------------------------------------------- */

enum { COUNT_KEYS = 14 };

static void put_counts(struct buf *b, const struct msg_queue *queue)
{
    view_uint(b, "ready", queue->ready);
    view_uint(b, "running", queue->running);
    view_uint(b, "delayed", queue->delayed);
    pack_text(b, "held");
    pack_bool(b, queue->held != 0);
    view_uint(b, "workers", queue->workers);
    view_uint(b, "submitted", queue->submitted);
    view_uint(b, "ok", queue->ok);
    view_uint(b, "failed", queue->failed);
    view_uint(b, "dead", queue->dead);
    view_uint(b, "cancelled", queue->cancelled);
    view_uint(b, "expired", queue->expired);
    view_uint(b, "run_us", queue->run_us);
    view_uint(b, "oldest_ms", queue->oldest_ms);
    view_text(b, "feed", queue->feed);
}

void view_queue_counts(struct buf *b, const struct msg_queue *queue)
{
    pack_map(b, COUNT_KEYS);
    put_counts(b, queue);
}

void view_queue(struct buf *b, const struct msg_queue *queue)
{
    pack_map(b, COUNT_KEYS + 1);
    view_text(b, "name", queue->name);
    put_counts(b, queue);
}

/* --- workers -------------------------------------------------------------------------------- */

void view_worker(struct view_workers *w, const struct msg_worker *worker)
{
    struct buf *b = &w->rows.buf;
    view_workers_close(w);
    w->rows.count++;
    pack_map(b, 8);
    view_text(b, "id", worker->id);
    view_text(b, "host", worker->host);
    view_uint(b, "pid", worker->pid);
    put_text(b, "state", worker_state_name((unsigned)worker->state));
    view_uint(b, "leased", worker->leased);
    view_uint(b, "since_ms", worker->since_ms);
    view_text(b, "tags", worker->tags);
}

void view_slot(struct view_workers *w, const struct msg_slot *slot)
{
    struct buf *b = &w->slots.buf;
    w->slots.count++;
    pack_map(b, 5);
    view_uint(b, "index", slot->index);
    view_uint(b, "pid", slot->pid);
    put_text(b, "state", slot_state_name((unsigned)slot->state));
    view_id(b, "job", slot->job);
    view_text(b, "queue", slot->queue);
}

/* The last worker's map is open at its last key. */
void view_workers_close(struct view_workers *w)
{
    if (w->rows.count)
        view_rows_put(&w->rows.buf, "slots", &w->slots);
    view_rows_fini(&w->slots);
}

/* --- tasks ---------------------------------------------------------------------------------- */

void view_task(struct buf *b, const struct msg_task *task)
{
    pack_map(b, 6);
    view_uint(b, "task", task->task);
    view_id(b, "id", task->id);
    pack_text(b, "title");
    pack_str(b, task->title);
    pack_text(b, "completed");
    pack_bool(b, task->completed_ms > 0);
    view_uint(b, "added_ms", task->added_ms);
    view_uint(b, "completed_ms", task->completed_ms);
}

/* --- reasons -------------------------------------------------------------------------------- */

void view_reason(struct buf *b, const char *code, struct bytes text)
{
    pack_map(b, 2);
    put_text(b, "code", code);
    view_text(b, "text", text);
}

void view_reasons(struct buf *b, uint64_t id, const struct view_rows *rows)
{
    pack_map(b, 2);
    view_id(b, "id", id);
    view_rows_put(b, "reasons", rows);
}

/* --- the status ----------------------------------------------------------------------------- */

static void put_broker(struct buf *b, const struct msg_status *s)
{
    pack_text(b, "broker");
    pack_map(b, 11);
    view_uint(b, "pid", s->pid);
    view_uint(b, "uptime_ms", s->uptime_ms);
    view_uint(b, "incarnation", s->incarnation);
    pack_text(b, "release");
    pack_str(b, s->release);
    pack_text(b, "durability");
    pack_text(b, durability_name((unsigned)s->durability));
    pack_text(b, "state");
    pack_text(b, broker_state_name((unsigned)s->state));
    view_uint(b, "awaited", s->awaited);
    view_uint(b, "memory_bytes", s->memory_bytes);
    view_uint(b, "args_bytes", s->args_bytes);
    view_uint(b, "store_bytes", s->store_bytes);
    view_uint(b, "commit_us", s->commit_us);
}

static void put_farm(struct buf *b, const struct msg_status *s)
{
    view_uint(b, "workers", s->workers);
    view_uint(b, "slots", s->slots);
    view_uint(b, "busy", s->busy);
    view_uint(b, "clients", s->clients);
}

void view_dataframes_take(struct view_dataframes *d, const struct msg_queue *queue)
{
    if (bytes_equal(queue->name, bytes_text(DATAFRAME_METHOD)))
        *d = (struct view_dataframes){.running = queue->running, .workers = queue->workers};
}

uint64_t view_processes(const struct msg_status *s)
{
    return s->busy + 2;
}

void view_status(struct buf *b, const struct msg_status *s,
                 const struct view_dataframes *dataframes, const struct view_rows *queues)
{
    pack_map(b, 12);
    put_broker(b, s);
    pack_text(b, "totals");
    pack_map(b, 7);
    view_uint(b, "submitted", s->submitted);
    view_uint(b, "executions", s->executions);
    view_uint(b, "lease_losses", s->lease_losses);
    view_uint(b, "live", s->live);
    view_uint(b, "kept", s->kept);
    view_uint(b, "malformed", s->malformed);
    view_uint(b, "denied", s->denied);
    pack_text(b, "farm");
    pack_map(b, 4);
    put_farm(b, s);
    put_farm(b, s); /* and where the web API's clients look for them */
    view_uint(b, "memory_bytes", s->memory_bytes);
    view_uint(b, "store_bytes", s->store_bytes);
    view_uint(b, "commit_us", s->commit_us);
    pack_text(b, "processes");
    pack_map(b, 2);
    view_uint(b, "all", view_processes(s));
    view_uint(b, "dask", dataframes->running);
    pack_text(b, "queues");
    pack_map(b, queues->count);
    buf_put(b, queues->buf.data, queues->buf.size);
}
