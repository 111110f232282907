/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "producer/cli/output.h"

enum { LOST_MS = 10000, TURN_MS_MAX = 250, MORE_MAX = 4, CANCEL_MS = 5000, PARTS_MAX = 16 };

const char *cli_address(const struct cli *cli)
{
    return cli->address;
}

int cli_left_ms(const struct cli *cli)
{
    if (cli->deadline_ms < 0)
        return -1;
    int64_t left = cli->deadline_ms - clock_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int cli_reach(struct cli *cli, int wait_ms)
{
    const struct reeve_options options = {.address = cli_address(cli), .identity = cli->identity};
    return reeve_connect_with(&cli->client, &options, wait_ms);
}

int cli_connect(struct cli *cli)
{
    if (cli->client)
        return 0;
    int left = cli_left_ms(cli), wait_ms = left >= 0 && left < CONNECT_MS ? left : CONNECT_MS;
    int code = cli_reach(cli, wait_ms);
    if (code == REEVE_OK)
        return 0;
    if (code == REEVE_EUNREACHABLE || code == REEVE_ETIMEOUT)
        return cli_fail(cli, EXIT_UNREACHABLE,
                        "no broker answers at %s (waited %.3g s); `reeve up` starts one",
                        cli_address(cli), wait_ms / 1e3);
    if (code == REEVE_EINVALID)
        return cli_fail(cli, EXIT_USAGE, "\"%s\" is no address such as tcp://127.0.0.1:7710",
                        cli_address(cli));
    if (code == REEVE_EDENIED)
        return cli_fail(cli, EXIT_DENIED, "%s", reeve_error(NULL));
    return cli_fail(cli, err_exit_code((unsigned)code), "cannot connect to %s: %s",
                    cli_address(cli), err_text((unsigned)code));
}

/* --- telling -------------------------------------------------------------------------------- */

int cli_fail(struct cli *cli, int exit_code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fflush(stdout); /* what was printed before the failure stands before it */
    fprintf(stderr, "reeve %s: %s\n", cli->verb->name, text);
    if (cli->json) {
        struct buf b = {0};
        pack_map(&b, 1);
        pack_text(&b, "error");
        pack_map(&b, 2);
        pack_text(&b, "exit");
        pack_int(&b, exit_code);
        pack_text(&b, "message");
        pack_text(&b, text);
        output_json(buf_bytes(&b));
        buf_fini(&b);
    }
    return exit_code;
}

int cli_fail_code(struct cli *cli, int code, const char *what)
{
    const char *said = cli->client ? reeve_error(cli->client) : NULL;
    if (code == REEVE_ETIMEOUT)
        return cli_fail(cli, EXIT_WAIT, "%s: the time to wait has passed", what);
    if (code == REEVE_EUNREACHABLE)
        return cli_fail(cli, EXIT_UNREACHABLE, "%s: no broker answers at %s", what,
                        cli_address(cli));
    return cli_fail(cli, err_exit_code((unsigned)code), "%s: %s", what,
                    said && *said ? said : err_text((unsigned)code));
}

int cli_usage(struct cli *cli, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_fail(cli, EXIT_USAGE, "%s", text);
    fprintf(stderr, "usage: reeve %s %s\nMore: reeve help %s\n", cli->verb->name, cli->verb->usage,
            cli->verb->name);
    return EXIT_USAGE;
}

int cli_run_part(struct cli *cli, const struct cli_part *parts, size_t count)
{
    const char *names[PARTS_MAX], *near;
    size_t words = cli->word_count - 1;
    must(count <= PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct cli_part *part = &parts[i];
        names[i] = part->name;
        if (strcmp(part->name, cli->words[0]) != 0)
            continue;
        if (words < part->words_min || words > part->words_max)
            return cli_usage(cli, "it is: reeve %s %s %s", cli->verb->name, part->name,
                             part->usage);
        return part->run(cli);
    }
    near = options_nearest(cli->words[0], names, count);
    return cli_usage(cli, "no \"%.40s\"%s%s%s", cli->words[0], near ? "; did you mean \"" : "",
                     near ? near : "", near ? "\"?" : "");
}

/* --- the connection ------------------------------------------------------------------------- */

int cli_ask(struct cli *cli, struct record *request, ask_answer *answer, void *user,
            const char *what)
{
    int failed = cli_connect(cli);
    if (failed)
        return failed;
    int left = cli_left_ms(cli);
    if (left == 0)
        return cli_fail_code(cli, REEVE_ETIMEOUT, what);
    /* A broker that is gone for this long is not coming back soon enough for somebody who waits. */
    int wait_ms = left > 0 && left < CONNECT_MS ? left : CONNECT_MS;
    int code = client_ask(cli->client, request, answer, user, wait_ms);
    if (code == REEVE_ETIMEOUT && (left < 0 || left > CONNECT_MS))
        code = REEVE_EUNREACHABLE;
    return code == REEVE_OK ? 0 : cli_fail_code(cli, code, what);
}

uint64_t cli_id(struct cli *cli, const char *word)
{
    /* job/ID, as a watch prints it, is meant too. */
    uint64_t id = reeve_job_id_parse(strncmp(word, "job/", 4) == 0 ? word + 4 : word);
    if (id == 0)
        cli_usage(cli, "\"%.60s\" is no job id (13 letters and digits, as submit prints)", word);
    return id;
}

size_t cli_cancel_all(struct cli *cli, const uint64_t *ids, size_t count)
{
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        int code = reeve_cancel(cli->client, ids[i], CANCEL_MS);
        if (code == REEVE_OK)
            done++;
        else if (code == REEVE_EUNREACHABLE || code == REEVE_ETIMEOUT)
            break; /* nobody is there to cancel them */
    }
    return done;
}

/* --- interrupts ----------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupts;
static int interrupt_pipe[2] = {-1, -1}; /* so that a wait wakes up however the signal falls */

static void on_interrupt(int signal_number)
{
    int saved = errno;
    if (++interrupts > 1)
        _exit(128 + signal_number);
    /* A full pipe wakes the wait as well. */
    ssize_t ignored = write(interrupt_pipe[1], "", 1);
    (void)ignored;
    errno = saved;
}

void cli_catch_interrupts(void)
{
    must(pipe2(interrupt_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    struct sigaction action = {.sa_handler = on_interrupt};
    must(sigaction(SIGINT, &action, NULL) == 0);
    must(sigaction(SIGTERM, &action, NULL) == 0);
}

bool cli_interrupted(void)
{
    return interrupts > 0;
}

/* A broker that is started again is back sooner; nobody waits for ever for one that is not. */
static bool lost_for_good(struct cli *cli)
{
    int64_t now_ms = clock_ms();
    if (reeve_connected(cli->client))
        cli->lost_ms = 0;
    else if (cli->lost_ms == 0)
        cli->lost_ms = now_ms;
    return !cli->patient && cli->lost_ms && now_ms - cli->lost_ms > LOST_MS;
}

int cli_turn(struct cli *cli, struct pollfd *more, size_t count, int timeout_ms)
{
    must(count <= MORE_MAX);
    int code = reeve_dispatch(cli->client, 0); /* what was handed in leaves before we wait */
    if (code != REEVE_OK)
        return code;
    struct pollfd fds[MORE_MAX + 2] = {{.fd = reeve_fd(cli->client), .events = POLLIN},
                                       {.fd = interrupt_pipe[0], .events = POLLIN}};
    if (count)
        memcpy(fds + 2, more, count * sizeof *more);
    if (timeout_ms < 0 || timeout_ms > TURN_MS_MAX)
        timeout_ms = TURN_MS_MAX;
    if (poll(fds, (nfds_t)(2 + count), cli_interrupted() ? 0 : timeout_ms) < 0)
        for (size_t i = 0; i < count; i++)
            fds[2 + i].revents = 0; /* interrupted: nothing is known of them */
    if (count)
        memcpy(more, fds + 2, count * sizeof *more);
    code = reeve_dispatch(cli->client, 0);
    if (code != REEVE_OK)
        return code;
    return lost_for_good(cli) ? REEVE_EUNREACHABLE : REEVE_OK;
}
