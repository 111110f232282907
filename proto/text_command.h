/* SPDX-License-Identifier: Apache-2.0
 *
 * text_command: one command of the text protocol, `class method word...`, as a queue's name and the
 * arguments; for the text port of a worker and the text door of the gateway. A pure function of the
 * bytes; it knows no socket and no handler.
 */
#ifndef PROTO_TEXT_COMMAND_H
#define PROTO_TEXT_COMMAND_H

#include <reeve/value.h>

#include "common/buf.h"
#include "proto/record.h"

enum { TEXT_COMMAND_MAX = 64 << 10 };

struct text_command {
    char queue[QUEUE_NAME_MAX + 1]; /* class.method */
    const char *error;              /* when it is none: a sentence without a newline */
};

/* Reads the command (without its newline) and appends its words as one array to args. False: *out
 * has the error and args is as before. */
bool text_command_read(struct bytes line, struct text_command *out, struct reeve_value *args);

/* Where a command ends in what has arrived: the newline's place, or -1. */
ptrdiff_t text_command_end(struct bytes arrived);

/* Appends an error's text as the one line it may be. What stands behind an empty line is for those
 * who want to know more, a traceback for one, and is left out. */
void text_error_put(struct buf *out, struct bytes text);

#endif
