/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/shell/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
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

/* Below the folder that the test runs in: `file`, with these rights. */
static void make_program(const char *folder, const char *file, mode_t mode)
{
    static const char script[] = "#!/bin/sh\necho $0\n";
    CHECK(mkdir(folder, 0700) == 0 || errno == EEXIST);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    CHECK_EQ(write(fd, script, sizeof script - 1), sizeof script - 1);
    CHECK_EQ(close(fd), 0);
}

TEST(a_program_is_looked_up_in_path)
{
    char *environment[] = {"PATH=/usr/bin:/bin", NULL}, *argv[] = {"a-program", NULL}, before[1000];
    struct command c = {.argv = argv, .environment = environment};
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    make_program("denied", "denied/a-program", 0600);
    make_program("allowed", "allowed/a-program", 0700);
    command_result_fini(&result);
    CHECK_EQ(setenv("PATH", "no/such:denied/a-program:denied:allowed", 1), 0);
    CHECK_EQ(command_run(&c, &result, error), 0);
    CHECK_BYTES(buf_bytes(&result.out), bytes_text("allowed/a-program\n"));
    command_result_fini(&result);
    CHECK_EQ(setenv("PATH", "denied:no/such", 1), 0);
    CHECK_EQ(command_run(&c, &result, error), -1);
    CHECK_TEXT(error, "cannot run \"a-program\": Permission denied");
    CHECK_EQ(setenv("PATH", "no/such", 1), 0);
    CHECK_EQ(command_run(&c, &result, error), -1);
    CHECK_TEXT(error, "command not found: \"a-program\"");
    argv[0] = "";
    CHECK_EQ(command_run(&c, &result, error), -1);
    CHECK_TEXT(error, "command not found: \"\"");
    CHECK_EQ(chdir("allowed"), 0);
    argv[0] = "a-program";
    CHECK_EQ(setenv("PATH", "/no/such:", 1), 0); /* an empty folder is where we are */
    CHECK_EQ(command_run(&c, &result, error), 0);
    CHECK_BYTES(buf_bytes(&result.out), bytes_text("./a-program\n"));
    CHECK_EQ(chdir(".."), 0);
    CHECK_EQ(setenv("PATH", before, 1), 0);
}

/* As from a terminal: what its signals do, and which are held back. */
TEST(signals_are_as_if_we_had_not_touched_them)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before[2];
    CHECK_EQ(sigaction(SIGINT, &ignore, &before[0]), 0);
    CHECK_EQ(sigaction(SIGPIPE, &ignore, &before[1]), 0);
    CHECK_EQ(run("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t\\n'"), 0);
    CHECK_BYTES(buf_bytes(&result.out),
                bytes_text("SigBlk:0000000000000000SigIgn:0000000000000000"));
    CHECK_EQ(sigaction(SIGINT, NULL, &ignore), 0);
    CHECK(ignore.sa_handler == SIG_IGN); /* ours are */
    CHECK_EQ(sigaction(SIGINT, &before[0], NULL), 0);
    CHECK_EQ(sigaction(SIGPIPE, &before[1], NULL), 0);
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
