/* SPDX-License-Identifier: Apache-2.0
 *
 * config: a file of settings in ZPL (https://rfc.zeromq.org/spec/4/), read with czmq's zconfig, as
 * pairs of name and value that know their line. Two levels:
 *
 *     worker                              # a section
 *         slots = 4
 *         python = "/srv/jobs #1/a.py"    # what holds a # is quoted
 *
 * It knows nothing of what names and values there may be; common/settings.h does.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdbool.h>

#include "common/bytes.h"

enum {
    CONFIG_BYTES_MAX = 64 << 10,
    CONFIG_LINE_MAX = 1024, /* bytes; of a longer one zconfig drops the rest */
    CONFIG_ITEMS_MAX = 1000,
};

struct config_item {
    unsigned line;       /* from 1 */
    const char *section; /* lent by the config, as the others */
    const char *name;    /* NULL: the line of the section itself */
    const char *value;   /* NULL likewise */
};

struct config { /* zeroed storage is an empty one */
    struct config_item *items;
    size_t count;
    void *tree; /* czmq's, which lends the texts */
    char error[320];
};

/* Reads a text; the file's name is for what is said of it. False: it is none, and the error says
 * FILE:LINE and why. Either way the config is to be freed. */
bool config_parse(struct config *c, struct bytes text, const char *file);
/* The same of a file. */
bool config_load(struct config *c, const char *path);
void config_fini(struct config *c);

#endif
