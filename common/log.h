/* SPDX-License-Identifier: Apache-2.0
 *
 * log: key=value lines on standard error, one write a line. A line that cannot be written (a full
 * disk, a closed pipe, a pipe that nobody reads) is dropped: work goes on. Thread-safe.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Name of the program for each line; level from REEVE_LOG (error, warn, info, debug). */
void log_init(const char *program);
void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What others can set off as often as they like says so many lines a second; how many it kept back
 * is said with the next one. Of one thread. */
struct log_limit {
    int64_t second;
    unsigned lines, kept_back;
};
bool log_limited(struct log_limit *limit, int64_t now_ms); /* true: not this one */

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
