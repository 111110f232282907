/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/metrics.h"

#include "common/must.h"
#include "common/pack.h"

/* --- gathering ------------------------------------------------------------------------------ */

void metrics_fini(struct metrics *m)
{
    free(m->queues);
    *m = (struct metrics){0};
}

static struct metrics_queue *queue_place(struct metrics *m, struct bytes name)
{
    if (!m->queues)
        m->queues = must_alloc((METRICS_QUEUES_MAX + 1) * sizeof *m->queues);
    struct metrics_queue *q = &m->queues[METRICS_QUEUES_MAX];
    if (m->queue_count < METRICS_QUEUES_MAX) {
        q = &m->queues[m->queue_count++];
        snprintf(q->name, sizeof q->name, "%.*s", BYTES_ARG(name));
    } else {
        m->other = true;
        snprintf(q->name, sizeof q->name, "other");
    }
    return q;
}

static void take_queue(struct metrics *m, const struct msg_queue *queue)
{
    const uint64_t finished[] = {queue->ok, queue->failed, queue->dead, queue->cancelled,
                                 queue->expired};
    struct metrics_queue *q = queue_place(m, queue->name);
    q->held += queue->held;
    q->ready += queue->ready;
    q->running += queue->running;
    q->delayed += queue->delayed;
    q->submitted += queue->submitted;
    for (size_t i = 0; i < LENGTH(finished); i++)
        q->finished[i] += finished[i];
    if (queue->oldest_ms > q->oldest_ms)
        q->oldest_ms = queue->oldest_ms;
}

static void take_histogram(struct metrics *m, const struct msg_histogram *record)
{
    bool wait = bytes_equal(record->name, bytes_text("job_wait"));
    struct metrics_histogram *h = &m->histograms[wait ? METRICS_WAIT : METRICS_RUN];
    if (!wait && !bytes_equal(record->name, bytes_text("job_run")))
        return;
    *h = (struct metrics_histogram){.come = true, .sum_us = record->sum_us};
    struct cursor c = cursor_of(record->buckets);
    for (uint32_t left = cursor_array(&c); left-- > 0 && h->count < METRICS_BUCKETS_MAX;) {
        bool pair = cursor_array(&c) == 2;
        bool last = cursor_peek(&c) == PACK_NIL;
        if (last)
            cursor_skip(&c);
        uint64_t bound = last ? UINT64_MAX : cursor_uint(&c), count = cursor_uint(&c);
        if (!pair || !cursor_ok(&c))
            return;
        h->bounds_us[h->count] = bound;
        h->counts[h->count++] = count;
    }
}

static void take_counter(struct metrics *m, const struct msg_counter *record)
{
    if (m->counter_count == LENGTH(m->counters))
        return;
    struct metrics_counter *c = &m->counters[m->counter_count++];
    snprintf(c->name, sizeof c->name, "%.*s", BYTES_ARG(record->name));
    snprintf(c->label, sizeof c->label, "%.*s", BYTES_ARG(record->label));
    c->count = record->count;
}

void metrics_take(struct metrics *m, const struct record *r)
{
    switch (r->type) {
    case REC_status:
        m->up = true;
        m->status = r->status;
        m->status.release = bytes_of(NULL, 0); /* was lent for this moment only */
        break;
    case REC_queue: take_queue(m, &r->queue); break;
    case REC_worker:
        if (r->worker.state < LENGTH(m->workers))
            m->workers[r->worker.state]++;
        break;
    case REC_slot:
        if (r->slot.state < LENGTH(m->slots))
            m->slots[r->slot.state]++;
        break;
    case REC_histogram: take_histogram(m, &r->histogram); break;
    case REC_counter: take_counter(m, &r->counter); break;
    default: break;
    }
}

/* --- printing ------------------------------------------------------------------------------- */

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* \, " and line ends are escaped; other control characters say nothing to anybody. */
static void put_value(struct buf *out, struct bytes value)
{
    const char *at = value.data;
    for (size_t i = 0; i < value.size; i++) {
        if (at[i] == '\n')
            buf_put(out, "\\n", 2);
        else if ((unsigned char)at[i] < 0x20)
            buf_put(out, "?", 1);
        else
            buf_printf(out, at[i] == '\\' || at[i] == '"' ? "\\%c" : "%c", at[i]);
    }
}

static void put_label(struct buf *out, const char *label, struct bytes value)
{
    buf_printf(out, "%s=\"", label);
    put_value(out, value);
    buf_put(out, "\"", 1);
}

static void put_number(struct buf *out, double number)
{
    buf_printf(out, " %.15g\n", number);
}

void metrics_sample(struct buf *out, const char *name, const char *label, struct bytes value,
                    double number)
{
    buf_put(out, name, strlen(name));
    if (label) {
        buf_put(out, "{", 1);
        put_label(out, label, value);
        buf_put(out, "}", 1);
    }
    put_number(out, number);
}

void metrics_one(struct buf *out, const char *name, const char *type, const char *help,
                 double number)
{
    metrics_head(out, name, type, help);
    metrics_sample(out, name, NULL, bytes_of(NULL, 0), number);
}

static size_t queue_rows(const struct metrics *m)
{
    return m->queue_count + (m->other ? 1 : 0);
}

/* Those of a queue, and a second label when there is one. */
static void put_queue_sample(struct buf *out, const char *name, const struct metrics_queue *q,
                             const char *label, const char *value, double number)
{
    buf_printf(out, "%s{", name);
    put_label(out, "queue", bytes_text(q->name));
    if (label)
        buf_printf(out, ",%s=\"%s\"", label, value);
    buf_put(out, "}", 1);
    put_number(out, number);
}

static void print_finished(const struct metrics *m, struct buf *out)
{
    static const char name[] = "reeve_jobs_finished_total";
    metrics_head(out, name, "counter", "Jobs that have ended.");
    for (size_t i = 0; i < queue_rows(m); i++)
        for (unsigned state = JOB_OK; state <= JOB_EXPIRED; state++)
            put_queue_sample(out, name, &m->queues[i], "outcome", job_state_name(state),
                             (double)m->queues[i].finished[state - JOB_OK]);
}

static void print_jobs(const struct metrics *m, struct buf *out)
{
    static const char name[] = "reeve_jobs";
    metrics_head(out, name, "gauge", "Jobs that have not ended.");
    for (size_t i = 0; i < queue_rows(m); i++) {
        const struct metrics_queue *q = &m->queues[i];
        put_queue_sample(out, name, q, "state", "ready", (double)q->ready);
        put_queue_sample(out, name, q, "state", "running", (double)q->running);
        put_queue_sample(out, name, q, "state", "delayed", (double)q->delayed);
    }
}

static void print_queues(const struct metrics *m, struct buf *out)
{
    static const char submitted[] = "reeve_jobs_submitted_total", held[] = "reeve_queue_held",
                      oldest[] = "reeve_oldest_ready_age_seconds";
    metrics_head(out, submitted, "counter", "Jobs accepted.");
    for (size_t i = 0; i < queue_rows(m); i++)
        put_queue_sample(out, submitted, &m->queues[i], NULL, NULL, (double)m->queues[i].submitted);
    print_finished(m, out);
    print_jobs(m, out);
    metrics_head(out, held, "gauge", "Whether the queue hands nothing out.");
    for (size_t i = 0; i < queue_rows(m); i++)
        put_queue_sample(out, held, &m->queues[i], NULL, NULL, (double)m->queues[i].held);
    metrics_head(out, oldest, "gauge", "How long the oldest ready job has waited.");
    for (size_t i = 0; i < queue_rows(m); i++)
        put_queue_sample(out, oldest, &m->queues[i], NULL, NULL,
                         (double)m->queues[i].oldest_ms / 1e3);
}

static void print_states(struct buf *out, const char *name, const char *help,
                         const uint64_t *counts, size_t count, const char *(*state_name)(unsigned))
{
    metrics_head(out, name, "gauge", help);
    for (unsigned state = 1; state < count; state++)
        metrics_sample(out, name, "state", bytes_text(state_name(state)), (double)counts[state]);
}

static void print_histogram(const struct metrics_histogram *h, struct buf *out, const char *name,
                            const char *help)
{
    uint64_t sum = 0;
    if (!h->come)
        return;
    metrics_head(out, name, "histogram", help);
    for (size_t i = 0; i < h->count; i++) {
        sum += h->counts[i];
        if (h->bounds_us[i] != UINT64_MAX)
            buf_printf(out, "%s_bucket{le=\"%.15g\"} %llu\n", name, (double)h->bounds_us[i] / 1e6,
                       (unsigned long long)sum);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.15g\n%s_count %llu\n", name,
               (unsigned long long)sum, name, (double)h->sum_us / 1e6, name,
               (unsigned long long)sum);
}

static void print_counters(const struct metrics *m, struct buf *out)
{
    static const struct {
        const char *name, *label, *family, *help;
    } known[] = {
        {"attempts", "cause", "reeve_attempts_total", "Attempts that are over, by how."},
        {"updates_published", NULL, "reeve_updates_published_total",
         "Updates that somebody had "
         "subscribed to."},
        {"over_quota", "quota", "reeve_over_quota_total",
         "What a key had a right to, but not to so much of it."},
    };
    for (size_t k = 0; k < LENGTH(known); k++) {
        bool headed = false;
        for (size_t i = 0; i < m->counter_count; i++) {
            const struct metrics_counter *c = &m->counters[i];
            if (strcmp(c->name, known[k].name) != 0)
                continue;
            if (!headed)
                metrics_head(out, known[k].family, "counter", known[k].help);
            headed = true;
            metrics_sample(out, known[k].family, known[k].label, bytes_text(c->label),
                           (double)c->count);
        }
    }
}

static void print_status(const struct msg_status *s, struct buf *out)
{
    const struct {
        const char *name, *type, *help;
        double number;
    } rows[] = {
        {"reeve_executions_total", "counter", "Attempts begun.", (double)s->executions},
        {"reeve_lease_losses_total", "counter", "Leases that ended with their worker.",
         (double)s->lease_losses},
        {"reeve_jobs_live", "gauge", "Jobs that have not ended, of all queues.", (double)s->live},
        {"reeve_jobs_kept", "gauge", "Ended jobs that are still remembered.", (double)s->kept},
        {"reeve_clients", "gauge", "Clients that are connected.", (double)s->clients},
        {"reeve_messages_malformed_total", "counter", "Messages that did not decode.",
         (double)s->malformed},
        {"reeve_denied_total", "counter", "What a key had no right to.", (double)s->denied},
        {"reeve_broker_uptime_seconds", "gauge", "Since the broker was started.",
         (double)s->uptime_ms / 1e3},
        {"reeve_broker_memory_bytes", "gauge", "Resident memory of the broker.",
         (double)s->memory_bytes},
        {"reeve_args_bytes", "gauge", "Arguments of the jobs that have not ended.",
         (double)s->args_bytes},
        {"reeve_log_bytes", "gauge", "Size of the store.", (double)s->store_bytes},
        {"reeve_log_commit_seconds", "gauge", "What a commit of the store takes.",
         (double)s->commit_us / 1e6},
        {"reeve_backpressure_state", "gauge", "1 while new jobs are refused.",
         s->state == BROKER_REFUSING ? 1 : 0},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        metrics_one(out, rows[i].name, rows[i].type, rows[i].help, rows[i].number);
}

void metrics_print(const struct metrics *m, struct buf *out)
{
    metrics_one(out, "reeve_up", "gauge", "Whether the broker answers.", m->up);
    if (!m->up)
        return;
    print_status(&m->status, out);
    if (queue_rows(m))
        print_queues(m, out);
    print_states(out, "reeve_workers", "Workers, by state.", m->workers, LENGTH(m->workers),
                 worker_state_name);
    print_states(out, "reeve_slots", "Slots, by state.", m->slots, LENGTH(m->slots),
                 slot_state_name);
    print_histogram(&m->histograms[METRICS_WAIT], out, "reeve_job_wait_seconds",
                    "From ready to the lease.");
    print_histogram(&m->histograms[METRICS_RUN], out, "reeve_job_run_seconds",
                    "What attempts took.");
    print_counters(m, out);
}
