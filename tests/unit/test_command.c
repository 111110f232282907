/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/shell/command.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/utf8.h"
#include "tests/unit/check.h"

static struct command_result result;
static char error[COMMAND_ERROR_SIZE];

static int run_with(const char *script, bool (*stop)(void *), void *context)
{
    char *argv[] = {"sh", "-c", (char *)script, NULL};
    char *environment[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};
    struct command c = {.argv = argv, .environment = environment, .stop = stop, .context = context};
    command_result_fini(&result);
    error[0] = 0;
    return command_run(&c, &result, error);
}

static int run(const char *script)
{
    return run_with(script, NULL, NULL);
}

TEST(status_and_both_outputs_come_back)
{
    CHECK_EQ(run("echo out; echo err >&2; exit 3"), 0);
    CHECK_EQ(result.status, 3);
    CHECK_BYTES(buf_bytes(&result.out), bytes_text("out\n"));
    CHECK_BYTES(buf_bytes(&result.err), bytes_text("err\n"));
    CHECK_EQ(run("kill -TERM $$"), 0);
    CHECK_EQ(result.status, 128 + SIGTERM);
    CHECK_EQ(run("printf %s \"$GREETING\"; cat; test -z \"$HOME\""), 0);
    CHECK_EQ(result.status, 0);
    CHECK_BYTES(buf_bytes(&result.out), bytes_text("hello"));
}

TEST(words_are_not_read_by_a_shell)
{
    char *argv[] = {"printf", "%s|%s", "$(id) *", "a;b", NULL};
    char *environment[] = {NULL};
    struct command c = {.argv = argv, .environment = environment};
    command_result_fini(&result);
    CHECK_EQ(command_run(&c, &result, error), 0);
    CHECK_BYTES(buf_bytes(&result.out), bytes_text("$(id) *|a;b"));
}

TEST(two_full_pipes_do_not_lock)
{
    CHECK_EQ(run("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2;"
                 "head -c 3000000 /dev/zero"),
             0);
    CHECK_EQ(result.out.size, 6000000);
    CHECK_EQ(result.err.size, 3000000);
}

TEST(too_much_output_ends_the_command)
{
    CHECK_EQ(run("cat /dev/zero"), -1);
    CHECK_TEXT(error, "output of \"sh\" is larger than 8 MiB");
    CHECK_EQ(run("cat /dev/zero >&2"), -1);
    CHECK_TEXT(error, "standard error of \"sh\" is larger than 8 MiB");
    CHECK_EQ(run("head -c 8388608 /dev/zero"), 0);
    CHECK_EQ(result.out.size, COMMAND_OUTPUT_MAX);
}

TEST(what_cannot_start_says_so)
{
    char *environment[] = {NULL};
    char *argv[] = {"/no/such/program", NULL};
    struct command c = {.argv = argv, .environment = environment};
    command_result_fini(&result);
    CHECK_EQ(command_run(&c, &result, error), -1);
    CHECK_TEXT(error, "command not found: \"/no/such/program\"");
    argv[0] = "/";
    CHECK_EQ(command_run(&c, &result, error), -1);
    CHECK_TEXT(error, "cannot run \"/\": Permission denied");
    CHECK_EQ(waitpid(-1, NULL, 0), -1); /* no child is left */
}

/* Every process that runs under script inherits the writing end of a pipe: its end of file shows
 * that all are gone. */
static void check_nothing_is_left(const char *script, bool (*stop)(void *), int want)
{
    int ends[2];
    char byte;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(run_with(script, stop, NULL), want);
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ(read(ends[0], &byte, 1), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(waitpid(-1, NULL, 0), -1);
    command_result_fini(&result);
}

static bool at_once(void *context)
{
    (void)context;
    return true;
}

TEST(nothing_stays_behind)
{
    check_nothing_is_left("sleep 1000 & exit 0", NULL, 0);
    check_nothing_is_left("(sleep 1000; sleep 1000) >/dev/null 2>&1 & exit 0", NULL, 0);
    check_nothing_is_left("setsid sh -c 'sleep 1000; sleep 1000' & cat /dev/zero", NULL, -1);
}

TEST(a_command_can_be_stopped)
{
    check_nothing_is_left("sleep 1000; sleep 1000", at_once, -1);
    CHECK_TEXT(error, "stopped: \"sh\"");
    check_nothing_is_left("trap '' TERM; while :; do sleep 1000; done", at_once, -1);
    CHECK_TEXT(error, "stopped: \"sh\"");
}

TEST(utf8)
{
    static const char *const valid[] = {"",
                                        "abc",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "\xef\xbf\xbd",
                                        "\xf4\x8f\xbf\xbf"};
    static const char *const invalid[] = {"\x80",
                                          "\xc3",
                                          "\xc0\x80",
                                          "\xe0\x80\x80",
                                          "\xed\xa0\x80",
                                          "\xf0\x80\x80\x80",
                                          "\xf4\x90\x80\x80",
                                          "\xff",
                                          "a\xe2\x82",
                                          "\xe2\x28\xa1"};
    for (size_t i = 0; i < LENGTH(valid); i++)
        CHECK(utf8_valid(bytes_text(valid[i])));
    for (size_t i = 0; i < LENGTH(invalid); i++)
        CHECK(!utf8_valid(bytes_text(invalid[i])));
    const unsigned char *at = (const unsigned char *)"\xd1\x8f!", *end = at + 3;
    CHECK_EQ(utf8_next(&at, end), 0x44f);
    CHECK_EQ(utf8_next(&at, end), '!');
    CHECK(at == end);
}
