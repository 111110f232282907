/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-bench: how many jobs a second a farm does and how long one takes, through the public client
 * library. Counts what is lost, comes twice or comes back wrong: by the number of each job here,
 * and by the executions that the broker counts. This file is its command line.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/must.h"
#include "common/options.h"
#include "producer/bench/bench.h"
#include "producer/bench/compare.h"
#include "producer/bench/farm.h"
#include "producer/bench/knee.h"
#include "producer/bench/plot.h"

enum {
    WAIT_MS = 10000,
    PAUSE_MS = 100,
    KNEE_MS = 2000,
    P99_MS = 100,
    OPEN_MS = 10000,
    DEPTH = 1000,
    OPEN_DEPTH = 1000000
};

static const struct option load_rows[] = {
    {"jobs", OPTION_NUMBER, "N", "so many jobs in all (100000)", 1, INT64_C(1) << 40},
    {"seconds", OPTION_SECONDS, "S", "for so long instead (10 with --rate, 2 a step with --knee)",
     0, 0},
    {"depth", OPTION_NUMBER, "D",
     "jobs each client keeps on their way (1000); with --rate: at most (1000000)", 1, 10000000},
    {"rate", OPTION_REAL, "R",
     "hand in R jobs a second, whatever has come back, and measure from when each was due", 0,
     100000000},
    {"arrivals", OPTION_TEXT, "KIND", "with --rate: constant or poisson (constant)", 0, 0},
    {"knee", OPTION_FLAG, NULL, "find the highest rate that the farm holds, from --rate (1000) on",
     0, 0},
    {"p99", OPTION_SECONDS, "S", "with --knee: held means that p99 stays below (100ms)", 0, 0},
    {"clients", OPTION_NUMBER, "C", "clients, a thread and a connection each (1)", 1,
     BENCH_CLIENTS_MAX},
    {"payload", OPTION_NUMBER, "B", "bytes of each job's argument (16)", 0, 16 << 20},
    {"mix", OPTION_TEXT, "LIST", "jobs of several kinds: METHOD [ARG]...=WEIGHT,...", 0, 0},
    {"durability", OPTION_TEXT, "CLASS", "received or durable (the best the broker has)", 0, 0},
    {"seed", OPTION_NUMBER, "N", "same seed, same draws of arrivals and mix (1)", 0, 0},
    {"sessions", OPTION_NUMBER, "N", "sessions that iterate meanwhile", 0, COMPANY_SESSIONS_MAX},
    {"pause", OPTION_SECONDS, "S", "between two iterations of a session (100ms)", 0, 0},
    {"subscribers", OPTION_NUMBER, "N", "watch a topic meanwhile", 0, COMPANY_SUBSCRIBERS_MAX},
    {"topic", OPTION_TEXT, "TOPIC",
     "which (the sessions in turn, else the queue of the first kind)", 0, 0},
    {0}};

static const struct option farm_rows[] = {
    {"broker", OPTION_TEXT, "ADDRESS", "clients' port ($REEVE_BROKER, tcp://127.0.0.1:7710)", 0, 0},
    {"identity", OPTION_TEXT, "FILE",
     "our key, for a broker that asks for one; else $REEVE_IDENTITY"},
    {"workers", OPTION_NUMBER, "N", "on a farm of its own instead, with so many workers (1)", 1,
     FARM_WORKERS_MAX},
    {"slots", OPTION_NUMBER, "M", "the same, with so many slots each (1)", 1, SLOTS_MAX},
    {"store", OPTION_TEXT, "DIR|memory", "the same, with jobs kept there (memory)", 0, 0},
    {"wait", OPTION_SECONDS, "S", "for the broker, and for a result that does not come (10)", 0, 0},
    {0}};

static const struct option result_rows[] = {
    {"json", OPTION_FLAG, NULL, "one JSON object", 0, 0},
    {"out", OPTION_TEXT, "FILE", "write the result as JSON, with histogram and ticks", 0, 0},
    {"svg", OPTION_TEXT, "FILE", "draw it", 0, 0},
    {"compare", OPTION_FLAG, NULL, "two results that --out has written: A.json B.json", 0, 0},
    {"help", OPTION_FLAG, NULL, "this text", 0, 0},
    {0}};

static struct bench *running; /* for the signal */

static void on_signal(int number)
{
    (void)number;
    atomic_store(&running->stop, true);
}

static void print_help(const struct options *o)
{
    puts(
        "usage: reeve bench [OPTION]... [HANDLER.METHOD]\n"
        "       reeve bench --compare A.json B.json\n\n"
        "Hands in jobs and waits for their results: jobs a second, latencies, and what was lost,\n"
        "came twice or came back wrong. Either as fast as results come back, or at a rate of its\n"
        "own. The default is bench.noop, which does nothing; bench.echo gives back what it got.\n");
    options_help(o, stdout);
    puts("\nexample:\n"
         "  reeve bench --jobs 1000000\n"
         "  reeve bench --seconds 5 --depth 1 --json bench.echo\n"
         "  reeve bench --rate 20000 --arrivals poisson --svg bench.svg\n"
         "  reeve bench --knee --p99 5ms --workers 2 --slots 2\n"
         "  reeve bench --mix 'bench.noop=90,fibonacci_generator.calculate 30=9,\n"
         "      calculator.calculate 2 + 2=1' --sessions 100 --subscribers 10\n"
         "  reeve bench --workers 1 --store memory --out a.json\n"
         "  reeve bench --workers 1 --store /var/tmp/b --out b.json\n"
         "  reeve bench --compare a.json b.json\n\n"
         "exit status: 0 every job came back right and once, 1 not every one, 2 usage, 4 no "
         "broker,\n"
         "5 it does not know our key");
}

static int usage(const char *format, const char *word)
{
    fputs("reeve-bench: ", stderr);
    fprintf(stderr, format, word);
    fputs("\n", stderr);
    return 2;
}

/* --- files ---------------------------------------------------------------------------------- */

static int read_file(const char *path, struct buf *out)
{
    enum { PIECE = 65536 };
    FILE *f = fopen(path, "r");
    size_t got = 0;
    if (f) {
        do {
            buf_grow(out, PIECE);
            got = fread(out->data + out->size, 1, PIECE, f);
            out->size += got;
        } while (got > 0);
    }
    int error = !f || ferror(f) ? errno : 0;
    if (f)
        fclose(f);
    if (error)
        fprintf(stderr, "reeve-bench: %s: %s\n", path, strerror(error));
    return error ? -1 : 0;
}

static int write_file(const char *path, struct bytes content)
{
    FILE *f = fopen(path, "w");
    int error = f ? 0 : errno;
    if (f && fwrite(content.data, 1, content.size, f) != content.size)
        error = errno;
    if (f && fclose(f) != 0 && !error)
        error = errno;
    if (error)
        fprintf(stderr, "reeve-bench: %s: %s\n", path, strerror(error));
    return error ? -1 : 0;
}

static int compare(const struct options *o)
{
    if (o->word_count != 2)
        return usage("--compare wants two %s", "files");
    struct buf a = {0}, b = {0}, text = {0};
    char error[160];
    int status = 1;
    if (read_file(o->words[0], &a) == 0 && read_file(o->words[1], &b) == 0) {
        status = compare_text(buf_bytes(&a), buf_bytes(&b), &text, error) ? 1 : 0;
        if (status)
            fprintf(stderr, "reeve-bench: %s\n", error);
        fputs(buf_text(&text), stdout);
    }
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&text);
    return status;
}

/* 0, or 1 when a file could not be written. */
static int tell(const struct options *o, const struct report *r)
{
    struct buf text = {0};
    int status = 0;
    if (options_flag(o, "json", false)) {
        report_json(r, false, &text);
        puts(buf_text(&text));
    } else {
        report_text(r, &text);
        fputs(buf_text(&text), stdout);
    }
    const char *out = options_text(o, "out", NULL), *svg = options_text(o, "svg", NULL);
    if (out) {
        buf_clear(&text);
        report_json(r, true, &text);
        buf_put(&text, "\n", 1);
        status |= write_file(out, buf_bytes(&text)) != 0;
    }
    if (svg) {
        buf_clear(&text);
        plot_svg(r, &text);
        status |= write_file(svg, buf_bytes(&text)) != 0;
    }
    buf_fini(&text);
    return status;
}

/* --- options -------------------------------------------------------------------------------- */

/* 0, or 2 with the reason printed. */
static int read_mix(const struct options *o, struct mix *mix)
{
    char error[160];
    const char *text = options_text(o, "mix", NULL);
    const char *method = o->word_count ? o->words[0] : "bench.noop";
    if (o->word_count > 1 || (text && o->word_count))
        return usage("one %s, please", "HANDLER.METHOD or one --mix");
    if (text)
        return mix_read(mix, text, error) ? usage("%s", error) : 0;
    return mix_one(mix, method) ? usage("%s is no HANDLER.METHOD", method) : 0;
}

static int read_words(const struct options *o, struct bench_options *out)
{
    const char *durability = options_text(o, "durability", "default");
    const char *arrivals = options_text(o, "arrivals", "constant");
    unsigned class = REEVE_DEFAULT;
    while (class <= REEVE_DURABLE && strcmp(durability, durability_name(class)) != 0)
        class ++;
    if (class > REEVE_DURABLE)
        return usage("--durability is received or durable, not %s", durability);
    if (arrivals_kind_of(arrivals) < 0)
        return usage("--arrivals is constant or poisson, not %s", arrivals);
    out->job.durability = (enum reeve_durability) class;
    out->arrivals = (enum arrivals_kind)arrivals_kind_of(arrivals);
    return read_mix(o, &out->mix);
}

static int read_options(const struct options *o, struct bench *b)
{
    bool knee = options_flag(o, "knee", false);
    struct bench_options *out = &b->options;
    out->rate = options_real(o, "rate", knee ? 1000 : 0);
    bool open = out->rate > 0;
    if (options_given(o, "rate") && !open)
        return usage("--rate wants more than %s", "0");
    if (knee && options_given(o, "jobs"))
        return usage("--knee goes with --seconds, not with %s", "--jobs");
    out->farm = (struct reeve_options){.address = options_text(o, "broker", NULL),
                                       .identity = options_text(o, "identity", NULL)};
    out->payload_bytes = (size_t)options_number(o, "payload", 16);
    out->clients = (size_t)options_number(o, "clients", 1);
    out->depth = (size_t)options_number(o, "depth", open ? OPEN_DEPTH : DEPTH);
    out->seed = (uint64_t)options_number(o, "seed", 1);
    out->wait_ms = options_ms(o, "wait", WAIT_MS);
    int64_t unsaid_ms = knee ? KNEE_MS : open && !options_given(o, "jobs") ? OPEN_MS : 0;
    out->for_ns = options_ms(o, "seconds", unsaid_ms) * 1000000;
    out->jobs = (uint64_t)options_number(o, "jobs", out->for_ns ? 0 : 100000);
    if (out->jobs && out->jobs < out->clients)
        out->clients = out->jobs;
    int status = read_words(o, out);
    b->company = (struct company_options){
        .farm = out->farm,
        .topic = options_text(o, "topic", NULL),
        .method = out->mix.parts[0].method,
        .sessions = (size_t)options_number(o, "sessions", 0),
        .subscribers = (size_t)options_number(o, "subscribers", 0),
        .pause_ms = options_ms(o, "pause", PAUSE_MS),
        .wait_ms = (int)out->wait_ms,
        .durability = out->job.durability,
    };
    b->live = isatty(STDERR_FILENO) && !options_flag(o, "json", false);
    return status;
}

/* --- running -------------------------------------------------------------------------------- */

static void keep_step(struct report *r, const struct report *step, bool held)
{
    if (r->step_count < KNEE_STEPS)
        r->steps[r->step_count++] = (struct knee_step){
            .offered = step->offered,
            .rate = tally_rate(&step->tally),
            .p50_ns = histogram_percentile(report_latency(step), 0.5),
            .p99_ns = histogram_percentile(report_latency(step), 0.99),
            .held = held,
        };
}

/* The figures of the highest rate that held are those of the report; while none has, the last. */
static void keep_best(struct report *best, const struct report *step, bool held)
{
    if (!held && best->knee > 0)
        return;
    struct report kept = *best;
    *best = *step;
    best->latency = kept.latency;
    memcpy(best->latency, step->latency, (step->mix->count + 1) * sizeof *step->latency);
    memcpy(best->steps, kept.steps, sizeof kept.steps);
    best->step_count = kept.step_count;
    best->knee = held ? step->offered : 0;
}

static int find_knee(struct bench *b, struct report *r, int64_t bound_ns)
{
    struct report step;
    struct knee knee;
    bool good = true;
    int status = 0;
    knee_init(&knee, b->options.rate);
    while (status == 0 && !knee.found && r->step_count < KNEE_STEPS && !atomic_load(&b->stop)) {
        report_init(&step, r->mix);
        step.what = r->what;
        step.workers = r->workers;
        step.slots = r->slots;
        step.bound_ns = bound_ns;
        b->options.rate = knee.rate;
        status = bench_run(b, &step);
        if (status == 0) {
            bool held = report_kept_up(&step) &&
                        histogram_percentile(report_latency(&step), 0.99) <= (uint64_t)bound_ns;
            keep_step(r, &step, held);
            keep_best(r, &step, held);
            good = good && report_is_good(&step);
            knee_next(&knee, held);
        }
        report_fini(&step);
    }
    return status ? status : good ? 0 : 1;
}

static int run(const struct options *o, struct bench *b, const struct farm_options *farm)
{
    struct report *r = must_alloc(sizeof *r);
    report_init(r, &b->options.mix);
    r->what = options_text(o, "mix", b->options.mix.parts[0].method);
    if (farm) {
        r->workers = farm->workers;
        r->slots = farm->slots;
    }
    int status = options_flag(o, "knee", false)
                     ? find_knee(b, r, options_ms(o, "p99", P99_MS) * 1000000)
                     : bench_run(b, r);
    if (status == 0 || r->step_count) {
        if (tell(o, r))
            status = status ? status : 1;
        if (status == 0 && !report_is_good(r))
            status = 1;
    }
    report_fini(r);
    free(r);
    return status;
}

static int run_in_farm(const struct options *o, struct bench *b)
{
    bool own =
        options_given(o, "workers") || options_given(o, "slots") || options_given(o, "store");
    if (!own)
        return run(o, b, NULL);
    if (options_given(o, "broker") || options_given(o, "identity"))
        return usage("%s go with a farm of its own, not with --broker or --identity",
                     "--workers, --slots and --store");
    const struct farm_options farm_options = {
        .workers = (size_t)options_number(o, "workers", 1),
        .slots = (size_t)options_number(o, "slots", 1),
        .store = options_text(o, "store", "memory"),
    };
    struct farm farm;
    char error[200];
    int status = farm_begin(&farm, &farm_options, error) ? 4 : 0;
    if (status)
        fprintf(stderr, "reeve-bench: %s\n", error);
    b->options.farm.address = b->company.farm.address = farm.address;
    if (status == 0)
        status = run(o, b, &farm_options);
    farm_end(&farm);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    options_add(&o, load_rows);
    options_add(&o, farm_rows);
    options_add(&o, result_rows);
    struct bench *b = running = must_alloc(sizeof *b);
    int status;
    if (options_parse(&o, OPTIONS_ANYWHERE, argc - 1, argv + 1)) {
        status = usage("%s", o.error);
    } else if (options_flag(&o, "help", false)) {
        print_help(&o);
        status = 0;
    } else if (options_flag(&o, "compare", false)) {
        status = compare(&o);
    } else if ((status = read_options(&o, b)) == 0) {
        struct sigaction act = {.sa_handler = on_signal};
        sigaction(SIGINT, &act, NULL);
        sigaction(SIGTERM, &act, NULL);
        status = run_in_farm(&o, b);
    }
    mix_fini(&b->options.mix);
    free(b);
    options_fini(&o);
    return status;
}
