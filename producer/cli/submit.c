/* SPDX-License-Identifier: Apache-2.0
 *
 * submit: hands in jobs and prints their ids once the broker has accepted them; does not wait for
 * their ends. With --lines a job a line of standard input, many on their way at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "producer/cli/jobspec.h"
#include "producer/cli/lines.h"
#include "producer/cli/output.h"
#include "producer/cli/stream.h"
#include "producer/cli/verbs.h"

enum { UNACCEPTED_MAX = 10000, LINES_A_TURN = 1000 };

const struct option submit_options[] = {
    {"session", OPTION_FLAG, NULL,
     "it runs again and again, as its handler says; see watch, session"},
    {"lines", OPTION_FLAG, NULL, "a job a line of standard input, words parted by blanks"},
    {0},
};

struct submit {
    struct cli *cli;
    struct spec spec;
    struct reeve_job_options options;
    struct reeve_value *args;
    struct lines in;
    struct stream out;
    uint64_t given, answered; /* lines handed in; accepted or refused: in the order of the lines */
    int exit_code;
};

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    struct submit *s = user;
    char text[14], json[40];
    (void)number;
    reeve_job_id_format(id, text);
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", text);
    stream_line(&s->out, bytes_text(s->cli->json ? json : text));
    s->answered++;
}

static void on_result(void *user, const struct reeve_result *result)
{
    struct submit *s = user;
    if (result->code == REEVE_OK || s->exit_code)
        return; /* the end of a job is not what submit waits for */
    s->answered++;
    if (options_flag(&s->cli->options, "lines", false))
        s->exit_code = cli_fail(s->cli, err_exit_code((unsigned)result->code),
                                "line %" PRIu64 ": %s", s->answered, result->text);
    else
        s->exit_code = cli_fail(s->cli, err_exit_code((unsigned)result->code), "%s", result->text);
}

static int hand_in(struct submit *s)
{
    s->given++;
    int code =
        reeve_submit(s->cli->client, s->spec.method, reeve_value_data(s->args),
                     reeve_value_size(s->args), &s->options, on_accepted, on_result, s, NULL);
    return code == REEVE_OK ? 0 : cli_fail_code(s->cli, code, s->spec.method);
}

static bool wants_lines(const struct submit *s)
{
    return !s->exit_code && s->given - s->answered < UNACCEPTED_MAX && !stream_full(&s->out);
}

static bool take_lines(struct submit *s)
{
    struct bytes line;
    for (int i = 0; i < LINES_A_TURN; i++) {
        if (!wants_lines(s) || !lines_next(&s->in, &line))
            return false;
        reeve_value_clear(s->args);
        const char *why = spec_line(&s->spec, s->args, line);
        s->exit_code = why ? cli_fail(s->cli, EXIT_USAGE, "line %" PRIu64 ": %s", s->given + 1, why)
                           : hand_in(s);
    }
    return true;
}

static int turn(struct submit *s, bool more)
{
    struct pollfd fds[2];
    size_t count = 0;
    bool reads = wants_lines(s) && lines_hungry(&s->in);
    if (reads)
        fds[count++] = (struct pollfd){.fd = s->in.fd, .events = POLLIN};
    if (stream_pending(&s->out))
        fds[count++] = (struct pollfd){.fd = s->out.fd, .events = POLLOUT};
    int left = cli_left_ms(s->cli);
    int code = cli_turn(s->cli, fds, count, more ? 0 : left);
    if (reads && fds[0].revents)
        lines_read(&s->in);
    return code;
}

static int interrupted(struct submit *s)
{
    stream_flush(&s->out, false);
    fprintf(stderr, "reeve submit: interrupted; %" PRIu64 " jobs are accepted and go on\n",
            s->answered);
    return EXIT_INTERRUPTED;
}

static int run_submit(struct submit *s)
{
    for (;;) {
        bool more = take_lines(s);
        stream_flush(&s->out, false);
        if (s->out.error == EPIPE)
            return s->exit_code; /* whoever reads the ids has had enough */
        if (s->out.error)
            return cli_fail(s->cli, EXIT_BUG, "cannot write: %s", strerror(s->out.error));
        bool settled = s->answered >= s->given && stream_pending(&s->out) == 0;
        if (s->exit_code || (lines_over(&s->in) && settled)) {
            stream_flush(&s->out, true);
            return s->exit_code;
        }
        int code = turn(s, more);
        if (cli_interrupted())
            return interrupted(s);
        if (code)
            return cli_fail_code(s->cli, code, "the connection failed");
        if (cli_left_ms(s->cli) == 0)
            return cli_fail(s->cli, EXIT_WAIT,
                            "the time to wait has passed; %" PRIu64 " jobs are accepted",
                            s->answered);
    }
}

static int start_submit(struct submit *s)
{
    const struct cli *cli = s->cli;
    bool lines = options_flag(&cli->options, "lines", false);
    char error[128];
    if (jobspec_read(&cli->options, &s->options, error))
        return cli_usage(s->cli, "%s", error);
    s->options.kind = options_flag(&cli->options, "session", false) ? REEVE_SESSION : REEVE_ONCE;
    if (!jobspec_method(cli->words[0]))
        return cli_usage(s->cli, "\"%.60s\" is no HANDLER.METHOD", cli->words[0]);
    if (lines && cli->word_count > 1)
        return cli_usage(s->cli, "--lines takes the arguments from standard input, not \"%.60s\"",
                         cli->words[1]);
    if (lines && s->options.key)
        return cli_usage(s->cli, "--key would make all lines one job");
    spec_init(&s->spec, cli->words[0], false, false);
    int failed = cli_connect(s->cli);
    if (failed || lines)
        return failed;
    s->in.ended = true; /* one job, of the words */
    spec_words(&s->spec, s->args, cli->words + 1, cli->word_count - 1);
    return hand_in(s);
}

int verb_submit(struct cli *cli)
{
    struct submit s = {.cli = cli, .in.fd = STDIN_FILENO, .out.fd = STDOUT_FILENO};
    s.args = reeve_value_new();
    int exit_code = start_submit(&s);
    if (exit_code == EXIT_DONE) {
        cli_catch_interrupts();
        exit_code = run_submit(&s);
        if (s.in.error && exit_code == EXIT_DONE)
            exit_code = cli_fail(cli, EXIT_DATA, "standard input: %s", lines_failure(&s.in));
    }
    reeve_close(cli->client);
    cli->client = NULL;
    spec_fini(&s.spec);
    lines_fini(&s.in);
    stream_fini(&s.out);
    reeve_value_free(s.args);
    return exit_code;
}
