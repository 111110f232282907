/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of shell.run: runs the command that its arguments are and replies
 * {"status": exit status or 128 + signal, "stdout": ..., "stderr": ...}, the outputs as text
 * where they are UTF-8, as binary data otherwise. A command that ends with another status than 0
 * is a result, not a failure; a failure is a command that could not be run to its end. A worker
 * offers it only where its operator allows it.
 */
#include <signal.h>
#include <unistd.h>

#include <reeve/handler.h>

#include "common/pack.h"
#include "common/utf8.h"
#include "consumer/handlers/shell/command.h"

/* The two outputs and this much around them must fit a job's result of 16 MiB. */
enum { REPLY_MAX = 16 * 1024 * 1024 - 64 };

/* The second rung of the ladder. While a command runs, TERM must end it before it ends us, or
 * the command would go on without anybody. */
static volatile sig_atomic_t terminated;

static void on_term(int signal)
{
    (void)signal;
    terminated = 1;
}

static bool stop(void *context)
{
    const struct reeve_job *job = context;
    return terminated || reeve_cancelled(job);
}

/* Our environment without what concerns Reeve itself; strings are borrowed, but for the last two.
 */
static char **environment_new(struct reeve_job *job)
{
    size_t count = 0, at = 0;
    while (environ[count])
        count++;
    char **list = must_alloc((count + 3) * sizeof *list);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "REEVE_", 6) != 0)
            list[at++] = environ[i];
    struct buf id = {0}, attempt = {0};
    buf_printf(&id, "REEVE_JOB_ID=%s", reeve_job_id(job));
    buf_printf(&attempt, "REEVE_ATTEMPT=%u", reeve_job_attempt(job));
    buf_text(&id);
    buf_text(&attempt);
    list[at++] = (char *)id.data;
    list[at++] = (char *)attempt.data;
    return list;
}

static void environment_free(char **list)
{
    size_t count = 0;
    while (list[count])
        count++;
    free(list[count - 1]);
    free(list[count - 2]);
    free(list);
}

static void put_output(struct buf *reply, const char *key, struct bytes output)
{
    pack_text(reply, key);
    if (utf8_valid(output))
        pack_str(reply, output);
    else
        pack_bin(reply, output);
}

static void reply_result(struct reeve_job *job, const struct command_result *result)
{
    struct buf reply = {0};
    if (result->out.size + result->err.size > REPLY_MAX) {
        reeve_fail(job, "result too large: output and standard error are above 16 MiB together");
        return;
    }
    pack_map(&reply, 3);
    pack_text(&reply, "status");
    pack_int(&reply, result->status);
    put_output(&reply, "stdout", buf_bytes(&result->out));
    put_output(&reply, "stderr", buf_bytes(&result->err));
    reeve_reply_value(job, reply.data, reply.size);
    buf_fini(&reply);
}

static void run_command(struct reeve_job *job, char *const *argv)
{
    char error[COMMAND_ERROR_SIZE];
    char **environment = environment_new(job);
    struct command command = {
        .argv = argv, .environment = environment, .stop = stop, .context = job};
    struct command_result result;
    struct sigaction caught = {.sa_handler = on_term}, before;
    sigaction(SIGTERM, &caught, &before);
    if (command_run(&command, &result, error))
        reeve_fail(job, "%s", error);
    else
        reply_result(job, &result);
    sigaction(SIGTERM, &before, NULL);
    command_result_fini(&result);
    environment_free(environment);
    if (terminated)
        raise(SIGTERM);
}

static void run(struct reeve_job *job)
{
    size_t count = reeve_arg_count(job);
    if (count == 0) {
        reeve_fail(job, "expected a command and its arguments; there are none");
        return;
    }
    char **argv = must_alloc((count + 1) * sizeof *argv);
    size_t i = 0;
    for (const char *word; i < count && reeve_arg_words(job, i, &word) == 0; i++)
        argv[i] = (char *)word;
    if (i == count)
        run_command(job, argv);
    free(argv);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"shell.run", run}, {0}};
    return reeve_serve(handlers, argc, argv);
}
