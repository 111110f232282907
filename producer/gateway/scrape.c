/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/scrape.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "producer/gateway/api/call.h"
#include "producer/gateway/metrics.h"

struct scrape {
    struct call call;
    struct metrics metrics;
    size_t step;
};

/* --- the gateway's own ---------------------------------------------------------------------- */

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", "..", and this one */
}

/* Fields of /proc/self/stat behind the name, which may hold anything: the first is the third. */
static void put_process(struct buf *out)
{
    char text[1024], *at = NULL;
    unsigned long long field[25] = {0};
    struct rlimit files = {0};
    FILE *stat = fopen("/proc/self/stat", "r");
    if (stat && fgets(text, sizeof text, stat) && (at = strrchr(text, ')')))
        at += 4; /* behind the state, a letter */
    for (size_t i = 4; at && i < LENGTH(field); i++)
        field[i] = strtoull(at, &at, 10);
    if (stat)
        fclose(stat);
    FILE *uptime = fopen("/proc/uptime", "r");
    double up_s = uptime && fgets(text, sizeof text, uptime) ? strtod(text, NULL) : 0;
    if (uptime)
        fclose(uptime);
    double tick = (double)sysconf(_SC_CLK_TCK);
    getrlimit(RLIMIT_NOFILE, &files);
    metrics_one(out, "process_cpu_seconds_total", "counter", "User and system time of the gateway.",
                (double)(field[14] + field[15]) / tick);
    metrics_one(out, "process_start_time_seconds", "gauge", "When it was started, since 1970.",
                (double)clock_wall_ms() / 1e3 - up_s + (double)field[22] / tick);
    metrics_one(out, "process_virtual_memory_bytes", "gauge", "Its virtual memory.",
                (double)field[23]);
    metrics_one(out, "process_resident_memory_bytes", "gauge", "Its resident memory.",
                (double)field[24] * (double)sysconf(_SC_PAGESIZE));
    metrics_one(out, "process_open_fds", "gauge", "Its open descriptors.", (double)open_files());
    metrics_one(out, "process_max_fds", "gauge", "How many it may have.", (double)files.rlim_cur);
}

static void put_gateway(struct buf *out, const struct http_figures *f)
{
    static const char answers[] = "reeve_gateway_answers_total", build[] = "reeve_build_info";
    metrics_head(out, build, "gauge", "The release, as a label.");
    metrics_sample(out, build, "version", bytes_text(REEVE_RELEASE), 1);
    metrics_head(out, answers, "counter", "Requests answered, by hundreds of the status.");
    for (unsigned i = 2; i < LENGTH(f->answers); i++) {
        char hundreds[] = {(char)('0' + i), 'x', 'x', 0};
        metrics_sample(out, answers, "status", bytes_text(hundreds), (double)f->answers[i]);
    }
    metrics_one(out, "reeve_gateway_connections", "gauge", "Open connections.",
                (double)f->connections);
    metrics_one(out, "reeve_gateway_streams", "gauge", "Event streams.", (double)f->streams);
    metrics_one(out, "reeve_gateway_waiting", "gauge", "Requests that wait for an answer.",
                (double)f->waiting);
}

static void put_all(struct buf *out, const struct gateway *g, const struct metrics *m)
{
    struct http_figures figures = http_figures(g->http);
    metrics_print(m, out);
    put_gateway(out, &figures);
    put_process(out);
}

/* --- asking --------------------------------------------------------------------------------- */

static const char text_type[] = "text/plain; version=0.0.4; charset=utf-8";

static const enum record_type questions[] = {REC_get_status, REC_list_queues, REC_list_workers,
                                             REC_get_figures};

static void finish(struct scrape *s)
{
    struct buf out = {0};
    put_all(&out, gateway_of(s->call.request), &s->metrics);
    call_text(&s->call, 200, text_type, buf_bytes(&out));
    buf_fini(&out);
}

static void take(struct call *c, const struct record *answer);

static void ask_next(struct scrape *s)
{
    if (s->step == LENGTH(questions)) {
        finish(s);
        return;
    }
    struct record ask = {.type = questions[s->step++]};
    call_ask(&s->call, &ask, take);
}

static void take(struct call *c, const struct record *answer)
{
    struct scrape *s = container_of(c, struct scrape, call);
    metrics_take(&s->metrics, answer);
    if (answer->type == REC_end || answer->type == REC_status)
        ask_next(s);
}

/* What was gathered of this question would be counted twice: all are asked anew. */
static void again(struct call *c)
{
    struct scrape *s = container_of(c, struct scrape, call);
    metrics_fini(&s->metrics);
    s->step = 0;
    ask_next(s);
}

/* A question that this broker does not know costs its families, no more. */
static void failed(struct call *c, unsigned err, struct bytes text)
{
    (void)err, (void)text;
    ask_next(container_of(c, struct scrape, call));
}

static void fini(struct call *c)
{
    metrics_fini(&container_of(c, struct scrape, call)->metrics);
}

static void get_metrics(struct request *r)
{
    struct gateway *g = gateway_of(r);
    if (!reeve_connected(g->client)) {
        struct buf out = {0};
        put_all(&out, g, &(struct metrics){0});
        request_answer(r, 200, text_type, buf_bytes(&out));
        buf_fini(&out);
        return;
    }
    struct call *c = call_open(r, sizeof(struct scrape));
    if (!c)
        return;
    c->again = again;
    c->failed = failed;
    c->fini = fini;
    ask_next(container_of(c, struct scrape, call));
}

const struct route scrape_routes[] = {
    {"GET", "/metrics", false, get_metrics},
    {0},
};
