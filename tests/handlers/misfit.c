/* SPDX-License-Identifier: Apache-2.0
 *
 * misfit: a handler program that does, on request, what handlers must not do. For scenario tests;
 * never installed.
 */
#include <reeve/handler.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void echo(struct reeve_job *job)
{
    size_t size;
    const void *args = reeve_args(job, &size);
    reeve_reply_value(job, args, size);
}

static void none(struct reeve_job *job)
{
    (void)job; /* no answer at all reads as nil */
}

static void crash(struct reeve_job *job)
{
    (void)job;
    signal(SIGSEGV, SIG_DFL); /* sanitizers would turn it into an exit */
    raise(SIGSEGV);
}

static void leave(struct reeve_job *job)
{
    int64_t status;
    if (reeve_arg_int(job, 0, &status) == 0)
        _exit((int)status);
}

/* Crashes on its first attempts, as often as told. */
static void stumble(struct reeve_job *job)
{
    int64_t times;
    if (reeve_arg_int(job, 0, &times))
        return;
    if (reeve_job_attempt(job) <= (unsigned)times)
        crash(job);
    reeve_reply_int(job, reeve_job_attempt(job));
}

/* Until it is asked to stop. */
static void patient(struct reeve_job *job)
{
    while (!reeve_cancelled(job))
        usleep(1000);
    reeve_fail(job, "asked to stop");
}

/* Until it is killed: TERM does nothing to it. */
static void hang(struct reeve_job *job)
{
    (void)job;
    signal(SIGTERM, SIG_IGN);
    for (;;)
        pause();
}

static void nap(struct reeve_job *job)
{
    int64_t ms;
    if (reeve_arg_int(job, 0, &ms))
        return;
    usleep((useconds_t)ms * 1000);
    reeve_reply_int(job, ms);
}

/* Makes the file, so that a test knows it runs, and naps. */
static void mark(struct reeve_job *job)
{
    const char *path;
    int64_t ms;
    if (reeve_arg_text(job, 0, &path) || reeve_arg_int(job, 1, &ms))
        return;
    FILE *file = fopen(path, "w");
    if (!file || fclose(file)) {
        reeve_fail(job, "cannot make %s", path);
        return;
    }
    usleep((useconds_t)ms * 1000);
    reeve_reply_int(job, ms);
}

static void fail(struct reeve_job *job)
{
    const char *text;
    if (reeve_arg_text(job, 0, &text) == 0)
        reeve_fail(job, "%s", text);
}

/* A text of so many bytes, x..x. */
static void large(struct reeve_job *job)
{
    int64_t size;
    if (reeve_arg_int(job, 0, &size))
        return;
    char *text = malloc((size_t)size + 1);
    if (!text) {
        reeve_fail(job, "no memory");
        return;
    }
    memset(text, 'x', (size_t)size);
    reeve_reply_text_n(job, text, (size_t)size);
    free(text);
}

static void leak(struct reeve_job *job)
{
    int64_t size;
    if (reeve_arg_int(job, 0, &size))
        return;
    static char *kept;
    char *more = realloc(kept, (size_t)size);
    if (more) {
        kept = more;
        memset(kept, 1, (size_t)size);
    }
    reeve_reply_int(job, size);
}

/* Says it on standard error, then ends as told: ok, fail, crash, exit or hang. */
static void say(struct reeve_job *job)
{
    const void *text;
    const char *how;
    size_t size;
    if (reeve_arg_bytes(job, 0, &text, &size) || reeve_arg_text(job, 1, &how))
        return;
    if (write(STDERR_FILENO, text, size) != (ssize_t)size)
        reeve_fail(job, "cannot say it");
    else if (strcmp(how, "fail") == 0)
        reeve_fail(job, "as told");
    else if (strcmp(how, "crash") == 0)
        crash(job);
    else if (strcmp(how, "exit") == 0)
        _exit(3);
    else if (strcmp(how, "hang") == 0)
        hang(job);
}

/* So many lines of 100 bytes on standard error, then fails. */
static void flood(struct reeve_job *job)
{
    int64_t lines;
    if (reeve_arg_int(job, 0, &lines))
        return;
    for (int64_t i = 1; i <= lines; i++)
        fprintf(stderr, "%099lld\n", (long long)i);
    reeve_fail(job, "said it all");
}

/* Takes so many MiB, past every allocator, and gives them back after some ms. */
static void eat(struct reeve_job *job)
{
    int64_t mib, ms;
    if (reeve_arg_int(job, 0, &mib) || reeve_arg_int(job, 1, &ms))
        return;
    size_t size = (size_t)mib << 20;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        reeve_fail(job, "no memory");
        return;
    }
    memset(at, 1, size);
    usleep((useconds_t)ms * 1000);
    munmap(at, size);
    reeve_reply_int(job, mib);
}

/* A child that does not listen to TERM writes its pid into the file; then both wait for the end. */
static void brood(struct reeve_job *job)
{
    const char *path;
    if (reeve_arg_text(job, 0, &path))
        return;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGTERM, SIG_IGN);
        FILE *file = fopen(path, "w");
        if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file))
            _exit(1);
    }
    for (;;)
        pause();
}

static void pid(struct reeve_job *job)
{
    reeve_reply_int(job, getpid());
}

/* Tells each of so many steps without a pause; then until it is asked to stop. */
static void progress(struct reeve_job *job)
{
    int64_t steps;
    if (reeve_arg_int(job, 0, &steps))
        return;
    for (int64_t i = 1; i <= steps; i++)
        if (reeve_progress_of(job, (uint64_t)i, (uint64_t)steps))
            reeve_fail(job, "step %lld is refused", (long long)i);
    patient(job);
}

/* Tells its argument; its value is whether that was taken. */
static void tell(struct reeve_job *job)
{
    size_t size;
    const void *value;
    if (reeve_arg_value(job, 0, &value, &size) == 0)
        reeve_reply_int(job, reeve_progress(job, value, size));
}

static void id(struct reeve_job *job)
{
    reeve_reply_text(job, reeve_job_id(job));
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"misfit.echo", echo},
                                                    {"misfit.none", none},
                                                    {"misfit.crash", crash},
                                                    {"misfit.exit", leave},
                                                    {"misfit.stumble", stumble},
                                                    {"misfit.patient", patient},
                                                    {"misfit.hang", hang},
                                                    {"misfit.sleep", nap},
                                                    {"misfit.fail", fail},
                                                    {"misfit.large", large},
                                                    {"misfit.leak", leak},
                                                    {"misfit.pid", pid},
                                                    {"misfit.id", id},
                                                    {"misfit.mark", mark},
                                                    {"misfit.say", say},
                                                    {"misfit.flood", flood},
                                                    {"misfit.eat", eat},
                                                    {"misfit.brood", brood},
                                                    {"misfit.progress", progress},
                                                    {"misfit.tell", tell},
                                                    {0}};
    return reeve_serve(handlers, argc, argv);
}
