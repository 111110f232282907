/* SPDX-License-Identifier: Apache-2.0
 *
 * program: the other programs of this installation, which lie beside this one.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <stddef.h>

enum { PROGRAM_PATH = 4096 };

/* The path of reeve-NAME. 0, or -1 with errno when this program cannot tell where it lies. */
int program_path(const char *name, char path[static PROGRAM_PATH]);
/* This process is argv[0] from here on; it returns, with errno, when that cannot be. */
void program_become(char *const argv[]);
/* The folder of the handler programs that come with it. */
int program_handlers(char path[static PROGRAM_PATH]);

#endif
