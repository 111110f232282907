/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-bench: how many jobs a second a farm does and how long one takes, submitted ahead through
 * the public client library. Counts what is lost, comes twice or comes back wrong: by the number of
 * each job here, and by the executions that the broker counts.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/must.h"
#include "common/options.h"
#include "producer/client/ask.h"
#include "producer/load/bench_client.h"

enum { CLIENTS_MAX = 64, WAIT_MS = 10000, STATUS_MS = 5000 };

static const struct option rows[] = {
    {"jobs", OPTION_NUMBER, "N", "so many jobs in all (100000)", 1, INT64_C(1) << 40},
    {"seconds", OPTION_SECONDS, "S", "for so long instead", 0, 0},
    {"depth", OPTION_NUMBER, "D", "jobs each client keeps on their way (1000)", 1, 1000000},
    {"clients", OPTION_NUMBER, "C", "clients, a thread and a connection each (1)", 1, CLIENTS_MAX},
    {"payload", OPTION_NUMBER, "B", "bytes of each job's argument (16)", 0, 16 << 20},
    {"durability", OPTION_TEXT, "CLASS", "received or durable (the best the broker has)", 0, 0},
    {"broker", OPTION_TEXT, "ADDRESS", "clients' port ($REEVE_BROKER, tcp://127.0.0.1:7710)", 0, 0},
    {"wait", OPTION_SECONDS, "S", "for the broker, and for a result that does not come (10)", 0, 0},
    {"json", OPTION_FLAG, NULL, "one JSON object", 0, 0},
    {"help", OPTION_FLAG, NULL, "this text", 0, 0},
    {0}};

struct bench {
    struct bench_options options;
    struct bench_client clients[CLIENTS_MAX];
    pthread_t threads[CLIENTS_MAX];
    size_t count;
    struct bench_counts counts; /* of all */
    struct histogram latency;   /* of all */
    struct msg_status before, after;
    bool compared; /* nobody else used the farm: the broker's counts are ours */
    double cpu_us; /* of this process, a job */
};

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop, true);
}

static void print_help(const struct options *o)
{
    puts("usage: reeve bench [OPTION]... [HANDLER.METHOD]\n\n"
         "Submits jobs ahead and waits for their results: jobs a second, latencies from\n"
         "submission to result, and what was lost, came twice or came back wrong. The default\n"
         "is bench.noop, which does nothing; bench.echo gives back what it got.\n");
    options_help(o, stdout);
    puts(
        "\nexample:\n"
        "  reeve bench --jobs 1000000\n"
        "  reeve bench --seconds 5 --depth 1 --json bench.echo\n\n"
        "exit status: 0 every job came back right and once, 1 not every one, 2 usage, 4 no broker");
}

static void keep_status(void *user, const struct record *answer)
{
    if (answer->type == REC_status)
        *(struct msg_status *)user = answer->status;
}

static int ask_status(struct reeve_client *c, struct msg_status *out)
{
    struct record request = {.type = REC_get_status};
    return client_ask(c, &request, keep_status, out, STATUS_MS);
}

/* One client after the other takes part in the sums. */
static void add_counts(struct bench *b, const struct bench_client *c)
{
    struct bench_counts *sum = &b->counts;
    const struct bench_counts *one = &c->counts;
    if (one->submitted && (sum->first_ns == 0 || one->first_ns < sum->first_ns))
        sum->first_ns = one->first_ns;
    if (one->last_ns > sum->last_ns)
        sum->last_ns = one->last_ns;
    sum->submitted += one->submitted;
    sum->ok += one->ok;
    sum->failed += one->failed;
    sum->wrong += one->wrong;
    sum->lost += one->lost;
    sum->duplicated += one->duplicated;
    histogram_merge(&b->latency, c->latency);
}

/* An execution more than there were jobs and lost leases ran a job twice: the client cannot see
 * that, the library hands over each result once. */
static void compare_executions(struct bench *b)
{
    uint64_t submitted = b->after.submitted - b->before.submitted;
    uint64_t executions = b->after.executions - b->before.executions;
    uint64_t losses = b->after.lease_losses - b->before.lease_losses;
    b->compared = submitted == b->counts.submitted && b->counts.lost == 0 &&
                  b->after.incarnation == b->before.incarnation && b->before.live == 0;
    if (b->compared && executions > submitted + losses)
        b->counts.duplicated += executions - submitted - losses;
}

static double process_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* 0, or the exit status of a failure that has been told. */
static int run_clients(struct bench *b)
{
    double cpu_us = process_cpu_us();
    int status = 0;
    for (size_t i = 0; i < b->count; i++) {
        struct bench_client *c = &b->clients[i];
        *c = (struct bench_client){.options = &b->options, .stop = &stop, .index = (unsigned)i};
        c->jobs = b->options.jobs / b->count + (i < b->options.jobs % b->count);
        must(pthread_create(&b->threads[i], NULL, bench_client_run, c) == 0);
    }
    for (size_t i = 0; i < b->count; i++) {
        struct bench_client *c = &b->clients[i];
        pthread_join(b->threads[i], NULL);
        add_counts(b, c);
        if (c->code && status == 0) {
            fprintf(stderr, "reeve-bench: %s\n", c->error);
            status = c->code == REEVE_EUNREACHABLE ? 4 : 1;
        } else if (c->counts.failed && b->counts.failed == c->counts.failed) {
            fprintf(stderr, "reeve-bench: jobs failed: %s\n", c->error);
        }
        bench_client_fini(c);
    }
    if (b->counts.submitted)
        b->cpu_us = (process_cpu_us() - cpu_us) / (double)b->counts.submitted;
    return status;
}

static double seconds_of(const struct bench *b)
{
    return b->counts.last_ns > b->counts.first_ns
               ? (double)(b->counts.last_ns - b->counts.first_ns) / 1e9
               : 0;
}

static double us_at(const struct bench *b, double share)
{
    return (double)histogram_percentile(&b->latency, share) / 1e3;
}

static double rate_of(const struct bench *b)
{
    double s = seconds_of(b);
    return s > 0 ? (double)b->latency.count / s : 0;
}

static void print_json(const struct bench *b)
{
    const struct bench_counts *n = &b->counts;
    printf("{\"rate\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
           "\"max_us\":%.1f,\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"wrong\":%" PRIu64
           ",\"failed\":%" PRIu64 ",\"jobs\":%" PRIu64 ",\"seconds\":%.4f,\"depth\":%zu,"
           "\"first_ns\":%" PRId64 ",\"last_ns\":%" PRId64
           ",\"clients\":%zu,\"payload\":%zu,\"method\":\"%s\",\"executions_compared\":%s,"
           "\"client_cpu_us\":%.3f}\n",
           rate_of(b), us_at(b, 0.5), us_at(b, 0.9), us_at(b, 0.99), us_at(b, 0.999),
           (double)b->latency.most / 1e3, n->lost, n->duplicated, n->wrong, n->failed, n->submitted,
           seconds_of(b), b->options.depth, n->first_ns, n->last_ns, b->count,
           b->options.payload_bytes, b->options.method, b->compared ? "true" : "false", b->cpu_us);
}

static void print_text(const struct bench *b)
{
    const struct bench_counts *n = &b->counts;
    printf("%s: %" PRIu64 " jobs in %.3f s, %zu client%s, depth %zu, %zu bytes each\n",
           b->options.method, n->submitted, seconds_of(b), b->count, b->count == 1 ? "" : "s",
           b->options.depth, b->options.payload_bytes);
    printf("rate     %.0f jobs/s, %.2f us of client CPU a job\n", rate_of(b), b->cpu_us);
    printf("latency  p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f us\n", us_at(b, 0.5),
           us_at(b, 0.9), us_at(b, 0.99), us_at(b, 0.999), (double)b->latency.most / 1e3);
    printf("lost %" PRIu64 ", duplicated %" PRIu64 ", wrong %" PRIu64 ", failed %" PRIu64 "%s\n",
           n->lost, n->duplicated, n->wrong, n->failed,
           b->compared ? "" : " (others used the farm: executions not compared)");
}

static int run(struct bench *b, bool json)
{
    struct reeve_client *c;
    if (reeve_connect(&c, b->options.broker, (int)b->options.wait_ms)) {
        const char *at = b->options.broker ? b->options.broker : getenv("REEVE_BROKER");
        fprintf(stderr, "reeve-bench: no broker at %s\n", at ? at : "tcp://127.0.0.1:7710");
        return 4;
    }
    int status = 0;
    if (ask_status(c, &b->before)) {
        fprintf(stderr, "reeve-bench: %s\n", reeve_error(c));
        status = 4;
    }
    if (status == 0)
        status = run_clients(b);
    if (status == 0) {
        if (ask_status(c, &b->after) == 0)
            compare_executions(b);
        if (json)
            print_json(b);
        else
            print_text(b);
        if (b->counts.ok != b->counts.submitted || b->counts.duplicated)
            status = 1;
    }
    reeve_close(c);
    return status;
}

static int read_options(const struct options *o, struct bench_options *out, size_t *clients)
{
    if (o->word_count > 1) {
        fprintf(stderr, "reeve-bench: one HANDLER.METHOD, please\n");
        return -1;
    }
    const char *method = o->word_count ? o->words[0] : "bench.noop";
    const char *durability = options_text(o, "durability", "default");
    unsigned class = REEVE_DEFAULT;
    while (class <= REEVE_DURABLE && strcmp(durability, durability_name(class)) != 0)
        class ++;
    if (class > REEVE_DURABLE) {
        fprintf(stderr, "reeve-bench: --durability is received or durable, not %s\n", durability);
        return -1;
    }
    *clients = (size_t)options_number(o, "clients", 1);
    *out = (struct bench_options){
        .broker = options_text(o, "broker", NULL),
        .method = method,
        .job = {.durability = (enum reeve_durability) class},
        .echoes = strcmp(method, "bench.echo") == 0,
        .payload_bytes = (size_t)options_number(o, "payload", 16),
        .depth = (size_t)options_number(o, "depth", 1000),
        .for_ns = options_ms(o, "seconds", 0) * 1000000,
        .wait_ms = options_ms(o, "wait", WAIT_MS),
    };
    out->jobs = (uint64_t)options_number(o, "jobs", out->for_ns ? 0 : 100000);
    if (out->jobs && out->jobs < *clients)
        *clients = out->jobs;
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    options_add(&o, rows);
    struct bench *b = must_alloc(sizeof *b);
    int status = 0;
    if (options_parse(&o, OPTIONS_ANYWHERE, argc - 1, argv + 1)) {
        fprintf(stderr, "reeve-bench: %s\n", o.error);
        status = 2;
    } else if (options_flag(&o, "help", false)) {
        print_help(&o);
    } else if (read_options(&o, &b->options, &b->count)) {
        status = 2;
    } else {
        struct sigaction act = {.sa_handler = on_signal};
        sigaction(SIGINT, &act, NULL);
        sigaction(SIGTERM, &act, NULL);
        status = run(b, options_flag(&o, "json", false));
    }
    free(b);
    options_fini(&o);
    return status;
}
