/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *log_program = "reeve";
static enum log_level log_level = LOG_INFO;

void log_init(const char *program)
{
    log_program = program;
    const char *want = getenv("REEVE_LOG");
    for (int i = LOG_ERROR; want && i <= LOG_DEBUG; i++)
        if (strcmp(want, level_names[i]) == 0)
            log_level = (enum log_level)i;
}

void log_at(enum log_level level, const char *format, ...)
{
    if (level > log_level)
        return;
    int saved = errno;
    char line[1024];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t size = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
    size += (size_t)snprintf(line + size, sizeof line - size, ".%03ldZ %s %s ",
                             now.tv_nsec / 1000000, level_names[level], log_program);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + size, sizeof line - size - 1, format, args);
    va_end(args);
    if (more > 0)
        size += (size_t)more;
    if (size > sizeof line - 2)
        size = sizeof line - 2;
    line[size++] = '\n';
    /* A pipe that is full because nobody reads it must not stop us. */
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) && write(STDERR_FILENO, line, size) < 0) {
        /* nowhere left to say it */
    }
    errno = saved;
}

bool log_limited(struct log_limit *limit, int64_t now_ms)
{
    enum { LINES_A_SECOND = 10 };
    int64_t second = now_ms / 1000;
    if (second != limit->second) {
        if (limit->kept_back)
            log_warn("lines_kept_back=%u", limit->kept_back);
        *limit = (struct log_limit){.second = second};
    }
    if (limit->lines < LINES_A_SECOND) {
        limit->lines++;
        return false;
    }
    limit->kept_back++;
    return true;
}
