/* SPDX-License-Identifier: Apache-2.0
 *
 * log: key=value lines on standard error, one write a line. A line that cannot be written (a full
 * disk, a closed pipe, a pipe that nobody reads) is dropped: work goes on. Thread-safe.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Name of the program for each line; level from REEVE_LOG (error, warn, info, debug). */
void log_init(const char *program);
void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
