/* SPDX-License-Identifier: Apache-2.0
 *
 * errors: the one list. X(NAME, number on the wire, exit code of the command line, word for
 * programs, text for people). What goes wrong with a job is not here: that is data
 * (proto/states.h).
 */
#ifndef PROTO_ERRORS_H
#define PROTO_ERRORS_H

#define ERRORS(X)                                                                                  \
    X(ERR_MALFORMED, 1, 8, "malformed", "message does not decode")                                 \
    X(ERR_VERSION, 2, 7, "version", "protocol version is not spoken here")                         \
    X(ERR_HELLO_WANTED, 3, 8, "hello-wanted", "say HELLO first")                                   \
    X(ERR_UNEXPECTED, 4, 8, "unexpected", "record is not for this port or this moment")            \
    X(ERR_INVALID, 5, 2, "invalid", "a field is out of its limits")                                \
    X(ERR_UNKNOWN_JOB, 6, 3, "unknown-job", "no such job")                                         \
    X(ERR_UNKNOWN_HANDLER, 7, 3, "unknown-handler", "no worker has ever offered this handler")     \
    X(ERR_UNKNOWN_QUEUE, 8, 3, "unknown-queue", "no such queue")                                   \
    X(ERR_UNKNOWN_WORKER, 9, 3, "unknown-worker", "no such worker")                                \
    X(ERR_BUSY, 10, 6, "busy", "at a limit, try again later")                                      \
    X(ERR_TOO_LARGE, 11, 2, "too-large", "value is larger than the limit")                         \
    X(ERR_KEY_TAKEN, 12, 1, "key-taken", "this key belongs to a job with another body")            \
    X(ERR_NOT_DURABLE, 13, 7, "not-durable", "this broker's store cannot give durability")         \
    X(ERR_RESERVED, 14, 2, "reserved", "a reserved field is in use")                               \
    X(ERR_ENDED, 15, 1, "ended", "the job has ended already")                                      \
    X(ERR_NOT_ENDED, 16, 1, "not-ended", "the job has not ended yet")                              \
    X(ERR_FORGOTTEN, 17, 3, "forgotten", "this submission is no longer remembered")                \
    X(ERR_UNREACHABLE, 18, 4, "unreachable", "no broker answers")                                  \
    X(ERR_TIMEOUT, 19, 124, "timeout", "the time to wait has passed")                              \
    X(ERR_IO, 20, 8, "io", "read or write failed")                                                 \
    X(ERR_INTERRUPTED, 21, 130, "interrupted", "a signal came")                                    \
    X(ERR_DISK_FULL, 22, 6, "disk-full", "the broker's disk is full, try again later")             \
    X(ERR_NO_SESSION, 23, 2, "no-session", "the job is not a session")                             \
    X(ERR_PAUSED, 24, 1, "paused", "the session is paused already")                                \
    X(ERR_NOT_PAUSED, 25, 1, "not-paused", "the session is not paused")                            \
    X(ERR_NOT_ASKING, 26, 1, "not-asking", "the session does not wait for a word")                 \
    X(ERR_UNKNOWN_TASK, 27, 3, "unknown-task", "Task not found")                                   \
    X(ERR_UNKNOWN_FEED, 28, 3, "unknown-feed", "no worker offers such a feed")                     \
    X(ERR_DENIED, 29, 5, "denied", "the key in use has no right to this")                          \
    X(ERR_QUOTA, 30, 6, "quota", "beyond what the key in use allows")

enum err {
    OK,
#define X(name, number, exit_code, word, text) name = number,
    ERRORS(X)
#undef X
};

/* "no such job"; for a number that is not in the list "unknown error". */
const char *err_text(unsigned err);
/* "unknown-job": for programs. */
const char *err_name(unsigned err);
int err_exit_code(unsigned err);

#endif
