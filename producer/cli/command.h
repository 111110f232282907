/* SPDX-License-Identifier: Apache-2.0
 *
 * command: how a command that shell.run has run ended: its value {status, stdout, stderr}, read.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "common/bytes.h"

struct command_end {
    int status;            /* exit status, or 128 + signal */
    struct bytes out, err; /* borrowed from the value */
};

/* False when the value is something else. */
bool command_read(struct bytes value, struct command_end *end);

#endif
