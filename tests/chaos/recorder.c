/* SPDX-License-Identifier: Apache-2.0
 *
 * recorder: the handler program of the chaos runs. Every execution appends one line to the file
 * that $REEVE_CHAOS_RUNS names, before the work begins and outside of whatever may fail:
 *
 *     run SERIAL NS PID ATTEMPT JOB        NS: the monotonic clock
 *
 *     chaos.work SERIAL MS [SIZE]    3 * SERIAL + 1, after that time; with SIZE a text of so many
 *                                    bytes that begins with it
 *     chaos.long SERIAL MS           the same, under another name: a queue of its own
 *     chaos.gate SERIAL PATH         the number of the attempt, once PATH is there
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <reeve/handler.h>

#include "common/clock.h"

enum { SIZE_MAX_BYTES = 1 << 20, SLICE_MS = 2 };

/* A line goes whole or not at all: one write to a descriptor that appends. */
static int record_run(struct reeve_job *job, int64_t serial)
{
    static int fd = -1;
    const char *path = getenv("REEVE_CHAOS_RUNS");
    char line[128];
    if (fd < 0 && path)
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int size =
        snprintf(line, sizeof line, "run %lld %lld %d %u %s\n", (long long)serial,
                 (long long)clock_ns(), (int)getpid(), reeve_job_attempt(job), reeve_job_id(job));
    if (write(fd, line, (size_t)size) == size)
        return 0;
    reeve_fail(job, "cannot record the execution");
    return -1;
}

static void nap(int64_t ms)
{
    int64_t until_ms = clock_ms() + ms;
    for (int64_t left; (left = until_ms - clock_ms()) > 0;)
        poll(NULL, 0, (int)left);
}

static void reply(struct reeve_job *job, int64_t serial, int64_t size)
{
    char head[32];
    int head_size = snprintf(head, sizeof head, "%lld ", (long long)(3 * serial + 1));
    if (size <= head_size) {
        reeve_reply_int(job, 3 * serial + 1);
        return;
    }
    char *text = malloc((size_t)size);
    if (!text) {
        reeve_fail(job, "no memory");
        return;
    }
    memset(text, 'x', (size_t)size);
    memcpy(text, head, (size_t)head_size);
    reeve_reply_text_n(job, text, (size_t)size);
    free(text);
}

static void work(struct reeve_job *job)
{
    int64_t serial, ms, size = 0;
    if (reeve_args_expect(job, 2, 3) || reeve_arg_int(job, 0, &serial) ||
        reeve_arg_int(job, 1, &ms) || (reeve_arg_count(job) > 2 && reeve_arg_int(job, 2, &size)))
        return;
    if (ms < 0 || ms > 60000 || size < 0 || size > SIZE_MAX_BYTES) {
        reeve_fail(job, "MS up to 60000, SIZE up to %d", SIZE_MAX_BYTES);
        return;
    }
    if (record_run(job, serial))
        return;
    if (ms)
        nap(ms);
    reply(job, serial, size);
}

static void gate(struct reeve_job *job)
{
    int64_t serial;
    const char *path;
    if (reeve_arg_int(job, 0, &serial) || reeve_arg_text(job, 1, &path) || record_run(job, serial))
        return;
    while (access(path, F_OK) != 0) {
        if (reeve_cancelled(job)) {
            reeve_fail(job, "cancelled");
            return;
        }
        nap(SLICE_MS);
    }
    reeve_reply_int(job, reeve_job_attempt(job));
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {
        {"chaos.work", work}, {"chaos.long", work}, {"chaos.gate", gate}, {0}};
    return reeve_serve(handlers, argc, argv);
}
