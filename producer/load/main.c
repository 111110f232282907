/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-load: the command line of the load.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <reeve/client.h>

#include "common/clock.h"
#include "common/options.h"
#include "producer/load/load.h"

static const struct option rows[] = {
    {"tasks", OPTION_NUMBER, "N", "end after N tasks, without a pause between them", 1, INT64_MAX},
    {"interval", OPTION_SECONDS, "S", "pause between tasks (0.5; none with --tasks)", 0, 0},
    {"odds", OPTION_REAL, "P", "share of fibonacci tasks, 0..1 (0.5)", 0, 1},
    {"reactor", OPTION_REAL, "P", "share of reactor tasks, 0..1 (0.05; 0 with --text)", 0, 1},
    {"range", OPTION_TEXT, "A-B", "N of the fibonacci tasks (100-10000)", 0, 0},
    {"seed", OPTION_NUMBER, "N", "same seed, same load (else drawn from the clock)", 0, 0},
    {"text", OPTION_FLAG, NULL, "send text commands straight to the consumers at PORT...", 0, 0},
    {"broker", OPTION_TEXT, "ADDRESS", "clients' port ($REEVE_BROKER, tcp://127.0.0.1:7710)", 0, 0},
    {"identity", OPTION_TEXT, "FILE",
     "our key, for a broker that asks for one; else $REEVE_IDENTITY"},
    {"wait", OPTION_SECONDS, "S", "how long nobody may be in reach (5)", 0, 0},
    {"quiet", OPTION_FLAG, NULL, "print failures and the summary only", 0, 0},
    {"help", OPTION_FLAG, NULL, "this text", 0, 0},
    {0}};

static void print_help(const struct options *o)
{
    puts("usage: reeve load [OPTION]...\n"
         "       reeve load --text [HOST:]PORT... [OPTION]...\n\n"
         "Hands in random tasks, one after the other, and prints each task and each result:\n"
         "Fibonacci numbers and the polarity of made-up sentences. Answers are checked. Goes on\n"
         "until Ctrl-C, unless --tasks says when to end.\n");
    options_help(o, stdout);
    puts("\nexample:\n"
         "  reeve load --tasks 200 --seed 1\n"
         "  reeve load --text 9000 9001 --interval 0.1\n\n"
         "exit status: 0 every task succeeded, 1 not every one, 2 usage, 4 nobody in reach,\n"
         "5 the broker does not know our key");
}

static int usage(const char *text)
{
    fprintf(stderr, "reeve-load: %s\n", text);
    return 2;
}

/* "A-B" or "A"; both from 1 on, as the handler wants it. */
static int read_range(const char *text, uint64_t *least, uint64_t *most)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    *least = *most = strtoull(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        *most = strtoull(end + 1, &end, 10);
    return *end || errno || *least < 1 || *most < *least ? -1 : 0;
}

/* 0, or 2 with the reason printed. */
static int read_plan(const struct options *o, struct plan_options *plan)
{
    bool text = options_flag(o, "text", false);
    *plan = (struct plan_options){
        .seed = (uint64_t)options_number(o, "seed", clock_wall_ms()),
        .fibonacci_share = options_real(o, "odds", 0.5),
        .reactor_share = options_real(o, "reactor", text ? 0 : 0.05),
        .n_least = 100,
        .n_most = 10000,
    };
    const char *range = options_text(o, "range", NULL);
    if (range && read_range(range, &plan->n_least, &plan->n_most))
        return usage("--range wants A-B with 1 <= A <= B");
    if (text && o->word_count == 0)
        return usage("--text wants the port of at least one consumer");
    if (!text && o->word_count > 0)
        return usage("ports of consumers go with --text");
    return 0;
}

static int run(const struct options *o)
{
    struct plan_options plan;
    int status = read_plan(o, &plan);
    if (status)
        return status;
    struct load load;
    if (load_init(&load, &plan, stdout, options_flag(o, "quiet", false))) {
        fprintf(stderr, "reeve-load: signals: %s\n", strerror(errno));
        return 1;
    }
    load.tasks_most = (uint64_t)options_number(o, "tasks", 0);
    load.interval_ms = options_ms(o, "interval", load.tasks_most ? 0 : 500);
    load.wait_ms = options_ms(o, "wait", 5000);
    const struct reeve_options farm = {.address = options_text(o, "broker", NULL),
                                       .identity = options_text(o, "identity", NULL)};
    status = options_flag(o, "text", false) ? load_run_text(&load, o->words, o->word_count)
                                            : load_run_farm(&load, &farm);
    if (load.outstanding)
        fprintf(stderr, "reeve-load: %llu tasks have had no answer\n",
                (unsigned long long)load.outstanding);
    if (status != 2 && !(status == 4 && load.report.tasks == 0))
        report_summary(&load.report);
    if (status == 0 && load.report.ok != load.report.tasks)
        status = 1;
    load_fini(&load);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    options_add(&o, rows);
    int status;
    if (options_parse(&o, OPTIONS_ANYWHERE, argc - 1, argv + 1)) {
        status = usage(o.error);
    } else if (options_flag(&o, "help", false)) {
        print_help(&o);
        status = 0;
    } else {
        status = run(&o);
    }
    options_fini(&o);
    return status;
}
