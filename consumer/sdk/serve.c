/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler program's main: serves the slot whose descriptors it inherited (REEVE_SLOT holds
 * "bell,memory"), or, started by hand, lists its methods or runs one of them.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/pack.h"
#include "common/word.h"
#include "consumer/sdk/job.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 7 };

static void run(struct reeve_job *job, const struct reeve_handler *h, struct bytes args)
{
    job_begin(job, h->name, args);
    if (pack_valid_array(args)) /* the agent has not looked inside, and methods rely on it */
        h->run(job);
    else
        reeve_fail(job, "the arguments are not one array");
    job_end(job);
}

static int serve_slot(const struct reeve_handler *handlers, size_t count, const char *slot)
{
    struct page_runner runner;
    struct reeve_job job = {.runner = &runner};
    struct page_job next;
    const char *error = "REEVE_SLOT is malformed";
    int bell, memory;
    if (sscanf(slot, "%d,%d", &bell, &memory) != 2 || page_join(&runner, bell, memory, &error)) {
        fprintf(stderr, "%s\n", error);
        return EXIT_CONFIG;
    }
    bool more = page_next(&runner, &next);
    while (more) {
        job.id = next.id;
        job.attempt = next.attempt;
        struct bytes args = bytes_of((char *)runner.page + next.offset, next.size);
        static const struct reeve_handler unknown = {.name = "unknown"};
        if (next.method < count) {
            run(&job, &handlers[next.method], args);
        } else {
            job_begin(&job, unknown.name, args);
            reeve_fail(&job, "this program has no method number %u", next.method);
        }
        more = page_done_next(&runner, job.status, buf_bytes(&job.answer), &next);
    }
    job_fini(&job);
    return 0;
}

static int call(const struct reeve_handler *handlers, const char *name, char **words)
{
    const struct reeve_handler *h = handlers;
    while (h->name && strcmp(h->name, name) != 0)
        h++;
    if (!h->name) {
        fprintf(stderr, "no method %s here; --offers lists them\n", name);
        return EXIT_USAGE;
    }
    uint32_t count = 0;
    while (words[count])
        count++;
    struct reeve_value *args = reeve_value_new();
    reeve_put_array(args, count);
    for (uint32_t i = 0; i < count; i++)
        word_put(args, bytes_text(words[i]));

    struct reeve_job job = {.attempt = 1};
    run(&job, h, bytes_of(reeve_value_data(args), reeve_value_size(args)));
    bool well = job.status == PAGE_OK || job.status == PAGE_VERDICT;
    if (job.status == PAGE_TOO_LARGE) {
        fprintf(stderr, "result too large\n");
    } else {
        size_t size;
        char *text = reeve_text(job.answer.data, job.answer.size, &size);
        FILE *out = well ? stdout : stderr;
        if (text) {
            fwrite(text, 1, size, out);
            fputc('\n', out);
        }
        free(text);
    }
    int status = well ? 0 : EXIT_FAILED;
    job_fini(&job);
    reeve_value_free(args);
    if (fflush(stdout)) {
        perror("standard output");
        status = EXIT_FAILED;
    }
    return status;
}

static int usage(FILE *out, const char *program, int status)
{
    fprintf(out,
            "usage: %s --offers | --call HANDLER.METHOD ARG...\n"
            "A handler program: a worker starts it and feeds it jobs. By hand:\n"
            "  --offers               list its methods, and what they feed\n"
            "  --call METHOD ARG...   run one, print its value; exit 1 when it fails\n"
            "  --help                 this text\n",
            program);
    return status;
}

int reeve_serve(const struct reeve_handler *handlers, int argc, char **argv)
{
    size_t count = 0;
    while (handlers[count].name)
        count++;
    const char *slot = getenv("REEVE_SLOT"), *program = argc > 0 ? argv[0] : "handler";
    if (slot && argc <= 1) {
        /* Ctrl-C at a terminal is for the worker, who drains. */
        signal(SIGINT, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        unsetenv("REEVE_SLOT"); /* programs that a method starts are no slots */
        /* What a method prints goes to the worker, line by line: it may be its last. */
        setvbuf(stdout, NULL, _IOLBF, 0);
        return serve_slot(handlers, count, slot);
    }
    if (argc == 2 && strcmp(argv[1], "--offers") == 0) {
        for (size_t i = 0; i < count; i++)
            printf("%s%s%s\n", handlers[i].name, handlers[i].feed ? " " : "",
                   handlers[i].feed ? handlers[i].feed : "");
        return fflush(stdout) ? EXIT_FAILED : 0;
    }
    if (argc >= 3 && strcmp(argv[1], "--call") == 0)
        return call(handlers, argv[2], argv + 3);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, program, 0);
    return usage(stderr, program, EXIT_USAGE);
}
