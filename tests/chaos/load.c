/* SPDX-License-Identifier: Apache-2.0
 *
 * load: a client of the chaos runs, on the library. Hands in COUNT jobs with serial numbers
 * FIRST.. and keeps a history of what it was told, a line an event (history.py tells of them):
 *
 *     invoke SERIAL NS CLIENT
 *     ok     SERIAL NS CLIENT NUMBER JOB CLASS
 *     fail   SERIAL NS CLIENT NUMBER CODE
 *     end    SERIAL NS CLIENT NUMBER JOB STATE ATTEMPTS VALUE
 *     info   SERIAL NS CLIENT             the load failed, and does not know
 *
 * Standard output tells how far it has come: "up" (TERM is heard from now on), now and then
 * "accepted N" and "ended N", at last "done". It ends when every job has ended or was refused, and
 * never gives up; after TERM it hands in no more.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <reeve/client.h>

#include "common/clock.h"
#include "common/must.h"
#include "common/options.h"
#include "common/pack.h"

enum { DISPATCH_MS = 100, CONNECT_MS = 60000, TEXT_SHOWN = 40, STEP_MAX = 100 };

static const struct option rows[] = {
    {"broker", OPTION_TEXT, "ADDRESS", "the clients' port", 0, 0},
    {"history", OPTION_TEXT, "FILE", "where the history goes", 0, 0},
    {"client", OPTION_TEXT, "NAME", "the load's name in the history", 0, 0},
    {"queue", OPTION_TEXT, "QUEUE", "chaos.work, or another that takes SERIAL and MS", 0, 0},
    {"first", OPTION_NUMBER, "SERIAL", "the first serial number (1)", 0, 0},
    {"count", OPTION_NUMBER, "N", "jobs", 0, 0},
    {"window", OPTION_NUMBER, "N", "handed in and not ended at one time (all)", 0, 0},
    {"ms", OPTION_NUMBER, "MS", "how long a job takes (0)", 0, 0},
    {"size", OPTION_NUMBER, "BYTES", "how long its result is (a number)", 0, 0},
    {"durable", OPTION_FLAG, NULL, "ask for class durable", 0, 0},
    {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
};

struct load {
    struct reeve_client *client;
    struct reeve_job_options options;
    const char *name, *queue;
    FILE *history;
    int64_t ms, size;
    uint64_t next, end, first, step; /* serials; a line of progress each step */
    uint64_t accepted, ended, window;
    unsigned char *open; /* by serial - first: handed in and not over */
};

static volatile sig_atomic_t stopped;

static void on_term(int number)
{
    (void)number;
    stopped = 1;
}

/* The library hands one pointer back: the serial is in it, the load is the program's only one. */
static struct load the_load;

static void tell(const char *what, uint64_t count)
{
    if (count % the_load.step == 0 || count == the_load.end - the_load.first) {
        printf("%s %llu\n", what, (unsigned long long)count);
        fflush(stdout);
    }
}

static void note(const char *type, uint64_t serial)
{
    fprintf(the_load.history, "%s %llu %lld %s", type, (unsigned long long)serial,
            (long long)clock_ns(), the_load.name);
}

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    char job[14];
    reeve_job_id_format(id, job);
    note("ok", (uintptr_t)user);
    fprintf(the_load.history, " %llu %s %d\n", (unsigned long long)number, job,
            the_load.options.durability);
    tell("accepted", ++the_load.accepted);
}

/* The value as the history shows it: a long one by its head and its length, if it is what the
 * handler makes. */
static void note_value(const struct reeve_result *r)
{
    size_t head = r->text ? strspn(r->text, "0123456789") : 0;
    const char *rest = r->text ? r->text + head : "";
    if (r->text_size <= TEXT_SHOWN || *rest != ' ' || head >= TEXT_SHOWN ||
        strspn(rest + 1, "x") != r->text_size - head - 1)
        fprintf(the_load.history, " %s\n", r->text ? r->text : "");
    else
        fprintf(the_load.history, " %.*s:%zu\n", (int)head, r->text, r->text_size);
}

static void on_result(void *user, const struct reeve_result *r)
{
    uint64_t serial = (uintptr_t)user;
    char job[14];
    if (r->code) {
        note("fail", serial);
        fprintf(the_load.history, " %llu %d\n", (unsigned long long)r->number, r->code);
    } else {
        reeve_job_id_format(r->id, job);
        note("end", serial);
        fprintf(the_load.history, " %llu %s %s %u", (unsigned long long)r->number, job,
                reeve_state_name(r->state), r->attempts);
        note_value(r);
    }
    the_load.open[serial - the_load.first] = 0;
    tell("ended", ++the_load.ended);
}

static int submit(struct load *l)
{
    struct buf args = {0};
    uint64_t serial = l->next++;
    pack_array(&args, l->size ? 3 : 2);
    pack_uint(&args, serial);
    pack_int(&args, l->ms);
    if (l->size)
        pack_int(&args, l->size);
    note("invoke", serial);
    fputc('\n', l->history);
    l->open[serial - l->first] = 1;
    int code = reeve_submit(l->client, l->queue, args.data, args.size, &l->options, on_accepted,
                            on_result, (void *)(uintptr_t)serial, NULL);
    buf_fini(&args);
    return code;
}

static int run(struct load *l)
{
    int code = 0;
    while (!code && l->ended < l->end - l->first) {
        if (stopped) {
            l->end = l->next;
            l->step = 1;
        }
        while (!code && l->next < l->end && reeve_pending(l->client) < l->window)
            code = submit(l);
        fflush(l->history);
        if (!code)
            code = reeve_dispatch(l->client, DISPATCH_MS);
        if (code == REEVE_EINTERRUPTED)
            code = 0;
    }
    if (code)
        fprintf(stderr, "load: %s\n", reeve_error(l->client));
    for (uint64_t i = 0; i < l->next - l->first; i++)
        if (l->open[i]) {
            note("info", l->first + i);
            fputc('\n', l->history);
        }
    if (fclose(l->history) || code)
        return 1;
    puts("done");
    return 0;
}

static int start(struct load *l, const struct options *o)
{
    const char *path = options_text(o, "history", "history");
    l->name = options_text(o, "client", "load");
    l->queue = options_text(o, "queue", "chaos.work");
    l->first = l->next = (uint64_t)options_number(o, "first", 1);
    uint64_t count = (uint64_t)options_number(o, "count", 1000);
    l->end = l->first + count;
    l->step = count < 100 ? 1 : count / 100 < STEP_MAX ? count / 100 : STEP_MAX;
    l->window = (uint64_t)options_number(o, "window", INT64_MAX);
    l->ms = options_number(o, "ms", 0);
    l->size = options_number(o, "size", 0);
    l->options.wait_for_handler = 1;
    l->options.durability = options_flag(o, "durable", false) ? REEVE_DURABLE : REEVE_DEFAULT;
    l->open = must_alloc(count + 1);
    l->history = fopen(path, "ae");
    if (!l->history) {
        perror(path);
        return 1;
    }
    if (reeve_connect(&l->client, options_text(o, "broker", NULL), CONNECT_MS)) {
        fprintf(stderr, "load: %s\n", reeve_error(NULL));
        return 1;
    }
    return run(l);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct sigaction term = {.sa_handler = on_term};
    sigaction(SIGTERM, &term, NULL);
    puts("up");
    fflush(stdout);
    options_add(&o, rows);
    if (options_parse(&o, OPTIONS_FIRST, argc - 1, argv + 1)) {
        fprintf(stderr, "load: %s\n", o.error);
        return 2;
    }
    int status = start(&the_load, &o);
    reeve_close(the_load.client);
    free(the_load.open);
    options_fini(&o);
    return status;
}
