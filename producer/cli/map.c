/* SPDX-License-Identifier: Apache-2.0
 *
 * map: a job a line of standard input, the values in the order of the lines (or as they come).
 * Memory stays bounded however long the input is: the window says how many lines may be on their
 * way, and a slow reader of the output holds up the input. The first failure ends it, with
 * everything that is still out cancelled; so does Ctrl-C, and a reader that went away.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "producer/cli/command.h"
#include "producer/cli/jobspec.h"
#include "producer/cli/lines.h"
#include "producer/cli/outcome.h"
#include "producer/cli/output.h"
#include "producer/cli/progress.h"
#include "producer/cli/stream.h"
#include "producer/cli/verbs.h"
#include "producer/cli/window.h"

enum {
    LINES_A_TURN = 512, /* then the broker is heard */
    ACCEPT_MS = 2000,   /* before what was handed in has ids by which it can be cancelled */
};

const struct option map_options[] = {
    {"text", OPTION_FLAG, NULL, "a line is one text argument, not words"},
    {"run", OPTION_TEXT, "'CMD {}'", "run a command a line; {} is the line, as one argument"},
    {"unordered", OPTION_FLAG, NULL, "print values as they come"},
    {"keep-going", OPTION_FLAG, NULL, "a failed line gives an empty line; go on"},
    {"progress", OPTION_SWITCH, NULL, "progress bar; shown on a terminal unless said otherwise"},
    {0},
};

struct map {
    struct cli *cli;
    struct spec spec;
    struct reeve_job_options options;
    struct reeve_value *args;
    struct lines in;
    struct stream out;
    struct window window;
    struct progress progress;
    uint64_t done;
    bool keep_going;
    bool stopping; /* a line has failed: no new ones */
    int exit_code; /* of the first failure */
    int broken;    /* code of the client library: the connection is of no use */
};

/* --- ends of jobs --------------------------------------------------------------------------- */

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    struct window_slot *slot = user;
    (void)number;
    slot->id = id;
}

/* What a line of a command gives: its output, or how it failed. */
static int command_text(struct outcome *o, struct buf *text)
{
    struct command_end end;
    if (!command_read(buf_bytes(&o->value), &end)) {
        buf_printf(text, "shell.run answered something else than a status");
        return EXIT_BUG;
    }
    fwrite(end.err.size ? end.err.data : "", 1, end.err.size, stderr);
    if (end.status) {
        buf_printf(text, "exit %d", end.status);
        return EXIT_JOB;
    }
    while (end.out.size && ((const char *)end.out.data)[end.out.size - 1] == '\n')
        end.out.size--;
    buf_put(text, end.out.data, end.out.size);
    return EXIT_DONE;
}

static void on_result(void *user, const struct reeve_result *result)
{
    struct window_slot *slot = user;
    struct map *m = container_of(slot->window, struct map, window);
    struct outcome o = {0};
    struct buf text = {0};
    outcome_take(&o, result);
    int exit_code = outcome_exit(&o);
    if (m->cli->json) {
        outcome_pack(&o, slot->line, &text);
    } else if (o.code == REEVE_OK && o.state == REEVE_FAILED && o.text.size) {
        buf_put(&text, o.text.data, o.text.size); /* that it failed is said by where it stands */
    } else if (exit_code) {
        struct buf scratch = {0};
        const char *why = outcome_text(&o, &scratch);
        buf_put(&text, why, strlen(why));
        buf_fini(&scratch);
    } else if (m->spec.kind == SPEC_COMMAND) {
        exit_code = command_text(&o, &text);
    } else {
        text = o.text;
        o.text = (struct buf){0};
    }
    outcome_fini(&o);
    m->stopping = m->stopping || (exit_code && !m->keep_going);
    window_end(slot, exit_code, &text);
}

/* --- input ---------------------------------------------------------------------------------- */

/* A line that cannot become a job ends as a failed one, in its turn. */
static void end_line(struct map *m, struct window_slot *slot, int exit_code, const char *why)
{
    struct outcome o = {.done = true, .code = REEVE_EINVALID};
    struct buf text = {0};
    buf_put(&o.text, why, strlen(why));
    if (m->cli->json)
        outcome_pack(&o, slot->line, &text);
    else
        buf_put(&text, why, strlen(why));
    outcome_fini(&o);
    m->stopping = m->stopping || !m->keep_going;
    window_end(slot, exit_code, &text);
}

static void submit_line(struct map *m, struct bytes line)
{
    struct window_slot *slot = window_open(&m->window, line.size);
    reeve_value_clear(m->args);
    const char *why = spec_line(&m->spec, m->args, line);
    if (why) {
        end_line(m, slot, EXIT_USAGE, why);
        return;
    }
    int code =
        reeve_submit(m->cli->client, m->spec.method, reeve_value_data(m->args),
                     reeve_value_size(m->args), &m->options, on_accepted, on_result, slot, NULL);
    if (code)
        end_line(m, slot, err_exit_code((unsigned)code), reeve_error(m->cli->client));
}

static bool wants_lines(struct map *m)
{
    return !m->stopping && !stream_full(&m->out) && window_wants(&m->window);
}

/* Hands in what fits; true when there is more to hand in at once. */
static bool take_lines(struct map *m)
{
    struct bytes line;
    for (int i = 0; i < LINES_A_TURN; i++) {
        if (!wants_lines(m) || !lines_next(&m->in, &line))
            return false;
        submit_line(m, line);
    }
    return true;
}

/* --- output --------------------------------------------------------------------------------- */

static void print_failure(struct map *m, const struct window_slot *slot)
{
    const char *text = slot->text.size ? (const char *)slot->text.data : "";
    /* What was printed before the failure stands before it, also on one terminal. */
    stream_flush(&m->out, true);
    progress_hide(&m->progress);
    fprintf(stderr, "line %" PRIu64 ": ", slot->line);
    fwrite(text, 1, slot->text.size, stderr);
    fputc('\n', stderr);
}

/* Prints one end; false when it ends the map. */
static bool print_end(struct map *m, struct window_slot *slot)
{
    m->done++;
    if (m->exit_code == EXIT_DONE)
        m->exit_code = slot->exit_code;
    if (m->cli->json)
        stream_line(&m->out, buf_bytes(&slot->text));
    else if (slot->exit_code == EXIT_DONE)
        stream_line(&m->out, buf_bytes(&slot->text));
    else if (m->keep_going)
        stream_line(&m->out, bytes_of("", 0));
    if (slot->exit_code && !m->cli->json)
        print_failure(m, slot);
    return slot->exit_code == EXIT_DONE || m->keep_going;
}

/* Prints what has its turn; false when that ends the map. */
static bool print_ends(struct map *m)
{
    struct window_slot *slot;
    while (!stream_full(&m->out) && (slot = window_next(&m->window))) {
        bool goes_on = print_end(m, slot);
        window_release(&m->window, slot);
        if (!goes_on)
            return false;
    }
    if (stream_pending(&m->out) && isatty(m->out.fd))
        progress_hide(&m->progress);
    stream_flush(&m->out, false);
    return true;
}

/* --- ending early --------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The ids of what is still out, newest first, so that what waits is gone before a slot that gets
 * free would take it; *unknown: how many have none yet. */
static size_t open_ids(const struct map *m, uint64_t *ids, size_t *unknown)
{
    size_t count = 0;
    *unknown = 0;
    for (size_t i = 0; i < WINDOW_SLOTS; i++) {
        const struct window_slot *slot = &m->window.slots[i];
        if (slot->state != SLOT_OPEN)
            continue;
        if (slot->id)
            ids[count++] = slot->id;
        else
            ++*unknown;
    }
    qsort(ids, count, sizeof *ids, newest_first);
    return count;
}

static void cancel_open(struct map *m, bool tell)
{
    uint64_t *ids = must_alloc(WINDOW_SLOTS * sizeof *ids);
    int64_t until_ms = clock_ms() + ACCEPT_MS;
    size_t unknown, count;
    /* What has been handed in gets its id with its acceptance, a round trip away. */
    while ((count = open_ids(m, ids, &unknown)), unknown && clock_ms() < until_ms)
        if (reeve_dispatch(m->cli->client, 100) == REEVE_EUNREACHABLE)
            break;
    size_t cancelled = cli_cancel_all(m->cli, ids, count);
    if (tell && count + unknown)
        fprintf(stderr, "reeve map: %zu of %zu jobs that were out are cancelled\n", cancelled,
                count + unknown);
    free(ids);
}

static int end_early(struct map *m, int exit_code, const char *why)
{
    stream_flush(&m->out, false);
    progress_hide(&m->progress);
    if (why)
        fprintf(stderr, "reeve map: %s after %" PRIu64 " lines\n", why, m->done);
    cancel_open(m, why != NULL);
    return exit_code;
}

/* --- the loop ------------------------------------------------------------------------------- */

/* Waits for what can move the map on. 0 or a code of the client library. */
static int turn(struct map *m, bool more)
{
    struct pollfd fds[2];
    size_t count = 0, in = SIZE_MAX;
    bool ahead = m->progress.shown && !m->stopping && lines_ahead(&m->in);
    if (ahead || (wants_lines(m) && lines_hungry(&m->in))) {
        in = count;
        fds[count++] = (struct pollfd){.fd = m->in.fd, .events = POLLIN};
    }
    if (stream_pending(&m->out))
        fds[count++] = (struct pollfd){.fd = m->out.fd, .events = POLLOUT};
    else /* not to write, but to hear that the reader has gone */
        fds[count++] = (struct pollfd){.fd = m->out.fd};
    int left = cli_left_ms(m->cli), wait_ms = more ? 0 : 100;
    int code = cli_turn(m->cli, fds, count, left >= 0 && left < wait_ms ? left : wait_ms);
    if (in != SIZE_MAX && fds[in].revents)
        lines_read(&m->in);
    if (fds[count - 1].revents & POLLERR && !m->out.error)
        m->out.error = EPIPE;
    return code;
}

static int run_map(struct map *m)
{
    for (;;) {
        bool more = take_lines(m);
        if (!print_ends(m))
            return end_early(m, m->exit_code, NULL);
        if (m->out.error == EPIPE)
            return end_early(m, EXIT_DONE, NULL);
        if (m->out.error) {
            cli_fail(m->cli, EXIT_BUG, "cannot write: %s", strerror(m->out.error));
            return end_early(m, EXIT_BUG, NULL);
        }
        if (window_empty(&m->window) && stream_pending(&m->out) == 0 &&
            (m->stopping || lines_over(&m->in)))
            return m->exit_code;
        progress_draw(&m->progress, m->done, lines_total(&m->in), clock_ms());
        int code = turn(m, more);
        if (cli_interrupted())
            return end_early(m, EXIT_INTERRUPTED, "interrupted");
        if (cli_left_ms(m->cli) == 0)
            return end_early(m, EXIT_WAIT, "the time to wait has passed");
        if (code)
            return cli_fail_code(m->cli, code, "the connection failed");
    }
}

static int start_map(struct map *m)
{
    const struct options *o = &m->cli->options;
    const char *command = options_text(o, "run", NULL);
    char error[128];
    if (jobspec_read(o, &m->options, error))
        return cli_usage(m->cli, "%s", error);
    if (m->options.key)
        return cli_usage(m->cli, "--key would make all lines one job");
    if (command && m->cli->word_count)
        return cli_usage(m->cli, "--run or HANDLER.METHOD, not both");
    if (!command && m->cli->word_count == 0)
        return cli_usage(m->cli, "HANDLER.METHOD is missing");
    if (!command && !jobspec_method(m->cli->words[0]))
        return cli_usage(m->cli, "\"%.60s\" is no HANDLER.METHOD", m->cli->words[0]);
    if (command && spec_init_command(&m->spec, command))
        return cli_usage(m->cli, "--run wants a command; is a quote open?");
    if (!command)
        spec_init(&m->spec, m->cli->words[0], options_flag(o, "text", false), m->cli->json);
    m->options.together = true;
    m->keep_going = options_flag(o, "keep-going", false);
    bool show = isatty(STDERR_FILENO) && output_styled(STDERR_FILENO);
    progress_init(&m->progress, options_flag(o, "progress", show), clock_ms());
    window_init(&m->window, !options_flag(o, "unordered", false));
    return cli_connect(m->cli);
}

int verb_map(struct cli *cli)
{
    struct map m = {.cli = cli, .in.fd = STDIN_FILENO, .out.fd = STDOUT_FILENO};
    m.args = reeve_value_new();
    int exit_code = start_map(&m);
    if (exit_code == EXIT_DONE) {
        cli_catch_interrupts();
        if (isatty(STDIN_FILENO))
            fputs("reeve map: reads lines from the terminal until Ctrl-D\n", stderr);
        exit_code = run_map(&m);
        if (m.in.error && exit_code == EXIT_DONE)
            exit_code = cli_fail(cli, EXIT_DATA, "standard input: %s", lines_failure(&m.in));
        progress_hide(&m.progress);
    }
    /* The window goes last: results may come until the connection is closed. */
    reeve_close(cli->client);
    cli->client = NULL;
    window_fini(&m.window);
    spec_fini(&m.spec);
    lines_fini(&m.in);
    stream_fini(&m.out);
    reeve_value_free(m.args);
    return exit_code;
}
