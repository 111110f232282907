/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: all that a program is told: its command line, else variables of the environment, else
 * files of settings (common/config.h): --config FILE, the user's, the host's. Every long option of
 * its tables is a setting of its section by the same name and with the same checks. What a
 * variable stands for says the option's row.
 *
 *     struct options o = {0};
 *     int code = 0;
 *     options_add(&o, rows);
 *     if (!settings_read(&o, "worker", argc - 1, argv + 1, &code))
 *         return code ? complain(code, o.error) : 0;
 */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include "common/buf.h"
#include "common/options.h"

enum { SETTINGS_USAGE = 2, SETTINGS_WRONG = 7 }; /* exit codes */

#define SETTINGS_HOST_FILE "/etc/reeve/reeve.conf"

/* --config, for those who read their command line themselves. */
extern const struct option settings_options[];

/* The sections there are. The programs are reeve-SECTION; client is reeve. */
enum { SETTINGS_SECTIONS = 4 };
extern const char *const settings_sections[SETTINGS_SECTIONS];

/* Reads the command line (options may follow words), then environment and files; nothing but the
 * line with --help. False: the program is to end with *code, and when that is not 0 the error says
 * why. */
bool settings_read(struct options *o, const char *section, int argc, char **argv, int *code);

/* Environment and files for a command line that was read. alone: only the file that --config names.
 * 0, or -1 with a sentence in o->error. */
int settings_fill(struct options *o, const char *section, bool alone)
    __attribute__((warn_unused_result));

/* A value that only its reader can judge is wrong: the error says what it should be; the exit code
 * is returned. */
int settings_refuse(struct options *o, const char *name, const char *wants);

/* What a program prints for --print-settings said|file (all it was told; what the file of --config
 * says), which `reeve config` reads: a row for each option that may stand in a file, and for each
 * further value of it. */
struct settings_row { /* lent by the bytes it was read from */
    const char *name, *unit, *help;
    const char *value, *origin; /* "" and "": not said. The origin is FILE:LINE or $NAME. */
};
void settings_rows(const struct options *o, struct buf *out);
/* Takes the first row from the bytes; false when there is no whole one. */
bool settings_next(struct bytes *rows, struct settings_row *row);

#endif
