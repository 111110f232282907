/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard error is a pipe for the time of a test.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/must.h"
#include "tests/unit/check.h"

static int saved_stderr, reader;

static void capture(void)
{
    int ends[2];
    must(pipe(ends) == 0);
    saved_stderr = dup(STDERR_FILENO);
    must(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
}

/* Puts standard error back; what was written is in text. */
static size_t release(char *text, size_t size)
{
    must(dup2(saved_stderr, STDERR_FILENO) == STDERR_FILENO);
    close(saved_stderr);
    ssize_t got = read(reader, text, size - 1);
    must(got >= 0);
    text[got] = 0;
    close(reader);
    return (size_t)got;
}

TEST(a_line_has_time_level_program_and_text)
{
    char text[4096];
    setenv("REEVE_LOG", "info", 1);
    log_init("prog");
    capture();
    log_info("job=%d state=%s", 7, "ok");
    log_debug("not said at this level");
    release(text, sizeof text);
    CHECK_EQ(strlen(text), strlen("2026-01-01T00:00:00.000Z info prog job=7 state=ok\n"));
    CHECK(text[10] == 'T' && text[23] == 'Z');
    CHECK_TEXT(text + 24, " info prog job=7 state=ok\n");
}

TEST(a_pipe_that_nobody_reads_stops_nobody)
{
    char text[4096];
    setenv("REEVE_LOG", "info", 1);
    log_init("prog");
    capture();
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    must(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK) == 0);
    for (char fill[4096] = {0}; write(STDERR_FILENO, fill, sizeof fill) > 0;)
        continue;
    must(fcntl(STDERR_FILENO, F_SETFL, flags) == 0);
    log_info("dropped");
    CHECK_EQ(release(text, sizeof text), sizeof text - 1);
}

TEST(the_level_comes_from_the_environment)
{
    char text[4096];
    setenv("REEVE_LOG", "debug", 1);
    log_init("prog");
    capture();
    log_debug("d");
    release(text, sizeof text);
    CHECK(strstr(text, " debug prog d\n") != NULL);
    setenv("REEVE_LOG", "error", 1);
    log_init("prog");
    capture();
    log_warn("w");
    log_error("e");
    release(text, sizeof text);
    CHECK(strstr(text, "w\n") == NULL);
    CHECK(strstr(text, " error prog e\n") != NULL);
}

TEST(a_long_line_is_cut_and_still_one_line)
{
    char text[4096], word[3000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = 0;
    capture();
    log_error("%s", word);
    size_t size = release(text, sizeof text);
    CHECK(size > 900 && size <= 1024);
    CHECK(strchr(text, '\n') == text + size - 1);
}

TEST(a_log_that_cannot_be_written_is_dropped_and_errno_kept)
{
    int full = open("/dev/full", O_WRONLY);
    must(full >= 0);
    saved_stderr = dup(STDERR_FILENO);
    must(dup2(full, STDERR_FILENO) == STDERR_FILENO);
    close(full);
    errno = 42;
    log_error("nobody reads this");
    int after = errno;
    must(dup2(saved_stderr, STDERR_FILENO) == STDERR_FILENO);
    close(saved_stderr);
    CHECK_EQ(after, 42);
}

TEST(a_closed_pipe_kills_nobody)
{
    char text[16];
    signal(SIGPIPE, SIG_IGN); /* as every program of ours does */
    capture();
    close(reader);
    reader = open("/dev/null", O_RDONLY);
    log_error("into the void");
    CHECK_EQ(release(text, sizeof text), 0);
}
