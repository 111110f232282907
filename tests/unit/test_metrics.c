/* SPDX-License-Identifier: Apache-2.0
 *
 * The text that Prometheus reads, of records made by hand.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/pack.h"
#include "producer/gateway/metrics.h"
#include "tests/unit/check.h"

static struct metrics m;
static struct buf text;

static void take(struct record r)
{
    metrics_take(&m, &r);
}

static const char *printed(void)
{
    buf_clear(&text);
    metrics_print(&m, &text);
    return buf_text(&text);
}

static bool has_line(const char *line)
{
    const char *at = printed();
    size_t size = strlen(line);
    for (const char *next; (next = strchr(at, '\n')); at = next + 1)
        if ((size_t)(next - at) == size && memcmp(at, line, size) == 0)
            return true;
    return false;
}

static void end(void)
{
    metrics_fini(&m);
    buf_fini(&text);
}

static struct record status_record(void)
{
    return (struct record){.type = REC_status,
                           .status = {.executions = 7,
                                      .lease_losses = 1,
                                      .live = 3,
                                      .uptime_ms = 1500,
                                      .memory_bytes = 1 << 20,
                                      .commit_us = 250,
                                      .state = BROKER_REFUSING}};
}

TEST(without_a_broker)
{
    CHECK_TEXT(printed(), "# HELP reeve_up Whether the broker answers.\n# TYPE reeve_up gauge\n"
                          "reeve_up 0\n");
    end();
}

TEST(a_status)
{
    take(status_record());
    CHECK(has_line("reeve_up 1"));
    CHECK(has_line("# TYPE reeve_executions_total counter"));
    CHECK(has_line("reeve_executions_total 7"));
    CHECK(has_line("reeve_lease_losses_total 1"));
    CHECK(has_line("reeve_jobs_live 3"));
    CHECK(has_line("reeve_broker_uptime_seconds 1.5"));
    CHECK(has_line("reeve_broker_memory_bytes 1048576"));
    CHECK(has_line("reeve_log_commit_seconds 0.00025"));
    CHECK(has_line("reeve_backpressure_state 1"));
    CHECK(!strstr(printed(), "reeve_jobs{"));
    end();
}

static struct record queue_record(const char *name)
{
    return (struct record){.type = REC_queue,
                           .queue = {.name = bytes_text(name),
                                     .ready = 2,
                                     .running = 1,
                                     .delayed = 4,
                                     .held = 1,
                                     .submitted = 20,
                                     .ok = 8,
                                     .failed = 2,
                                     .dead = 1,
                                     .cancelled = 1,
                                     .expired = 1,
                                     .oldest_ms = 2500}};
}

TEST(a_queue)
{
    take(status_record());
    take(queue_record("a.b"));
    CHECK(has_line("reeve_jobs_submitted_total{queue=\"a.b\"} 20"));
    CHECK(has_line("reeve_jobs_finished_total{queue=\"a.b\",outcome=\"ok\"} 8"));
    CHECK(has_line("reeve_jobs_finished_total{queue=\"a.b\",outcome=\"failed\"} 2"));
    CHECK(has_line("reeve_jobs_finished_total{queue=\"a.b\",outcome=\"dead\"} 1"));
    CHECK(has_line("reeve_jobs_finished_total{queue=\"a.b\",outcome=\"cancelled\"} 1"));
    CHECK(has_line("reeve_jobs_finished_total{queue=\"a.b\",outcome=\"expired\"} 1"));
    CHECK(has_line("reeve_jobs{queue=\"a.b\",state=\"ready\"} 2"));
    CHECK(has_line("reeve_jobs{queue=\"a.b\",state=\"running\"} 1"));
    CHECK(has_line("reeve_jobs{queue=\"a.b\",state=\"delayed\"} 4"));
    CHECK(has_line("reeve_queue_held{queue=\"a.b\"} 1"));
    CHECK(has_line("reeve_oldest_ready_age_seconds{queue=\"a.b\"} 2.5"));
    end();
}

TEST(labels_are_escaped)
{
    take(status_record());
    take(queue_record("a\\b\"c\nd\x01"));
    CHECK(has_line("reeve_queue_held{queue=\"a\\\\b\\\"c\\nd?\"} 1"));
    end();
}

TEST(queues_beyond_the_limit_are_one)
{
    char name[32];
    take(status_record());
    for (int i = 0; i < METRICS_QUEUES_MAX + 3; i++) {
        snprintf(name, sizeof name, "q.%d", i);
        struct record r = queue_record(name);
        r.queue.oldest_ms = (uint64_t)i;
        take(r);
    }
    CHECK(has_line("reeve_jobs_submitted_total{queue=\"q.999\"} 20"));
    CHECK(!strstr(printed(), "q.1000"));
    CHECK(has_line("reeve_jobs_submitted_total{queue=\"other\"} 60"));
    CHECK(has_line("reeve_oldest_ready_age_seconds{queue=\"other\"} 1.002"));
    end();
}

TEST(workers_and_slots)
{
    take(status_record());
    for (uint64_t state = 0; state < 9; state++) { /* also some of a newer broker */
        take((struct record){.type = REC_worker, .worker = {.state = state}});
        take((struct record){.type = REC_slot, .slot = {.state = state}});
    }
    take((struct record){.type = REC_slot, .slot = {.state = SLOT_RUNNING}});
    CHECK(has_line("reeve_workers{state=\"up\"} 1"));
    CHECK(has_line("reeve_workers{state=\"silent\"} 1"));
    CHECK(has_line("reeve_slots{state=\"running\"} 2"));
    CHECK(has_line("reeve_slots{state=\"cooling\"} 1"));
    end();
}

static void take_histogram(const char *name, struct bytes buckets)
{
    take((struct record){
        .type = REC_histogram,
        .histogram = {.name = bytes_text(name), .sum_us = 1234567, .buckets = buckets}});
}

static void put_bucket(struct buf *b, uint64_t bound_us, uint64_t count)
{
    pack_array(b, 2);
    if (bound_us)
        pack_uint(b, bound_us);
    else
        pack_nil(b);
    pack_uint(b, count);
}

TEST(a_histogram_is_cumulative)
{
    struct buf b = {0};
    pack_array(&b, 3);
    put_bucket(&b, 1000, 5);
    put_bucket(&b, 2500000, 3);
    put_bucket(&b, 0, 2);
    take(status_record());
    take_histogram("job_wait", buf_bytes(&b));
    take_histogram("something_newer", buf_bytes(&b));
    CHECK(has_line("# TYPE reeve_job_wait_seconds histogram"));
    CHECK(has_line("reeve_job_wait_seconds_bucket{le=\"0.001\"} 5"));
    CHECK(has_line("reeve_job_wait_seconds_bucket{le=\"2.5\"} 8"));
    CHECK(has_line("reeve_job_wait_seconds_bucket{le=\"+Inf\"} 10"));
    CHECK(has_line("reeve_job_wait_seconds_sum 1.234567"));
    CHECK(has_line("reeve_job_wait_seconds_count 10"));
    CHECK(!strstr(printed(), "job_run"));
    for (size_t size = 0; size < b.size; size++) /* cut short: what was whole counts */
        take_histogram("job_run", bytes_of(b.data, size));
    CHECK(has_line("reeve_job_run_seconds_count 8"));
    buf_fini(&b);
    end();
}

static void take_counter(const char *name, const char *label, uint64_t count)
{
    take((struct record){
        .type = REC_counter,
        .counter = {.name = bytes_text(name), .label = bytes_text(label), .count = count}});
}

TEST(counters)
{
    take(status_record());
    take_counter("updates_published", "", 12);
    take_counter("attempts", "ok", 5);
    take_counter("unheard_of", "x", 5);
    take_counter("attempts", "worker lost", 1);
    take_counter("over_quota", "rate", 4);
    CHECK(has_line("reeve_over_quota_total{quota=\"rate\"} 4"));
    CHECK(has_line("reeve_updates_published_total 12"));
    CHECK(has_line("reeve_attempts_total{cause=\"ok\"} 5"));
    CHECK(has_line("reeve_attempts_total{cause=\"worker lost\"} 1"));
    CHECK(!strstr(printed(), "unheard"));
    const char *first = strstr(printed(), "# TYPE reeve_attempts_total");
    CHECK(first && !strstr(first + 1, "# TYPE reeve_attempts_total"));
    for (int i = 0; i < 200; i++)
        take_counter("attempts", "more", 1);
    printed();
    end();
}
