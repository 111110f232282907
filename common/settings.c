/* SPDX-License-Identifier: Apache-2.0 */
#include "common/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/must.h"
#include "common/paths.h"

const char *const settings_sections[] = {"broker", "worker", "gateway", "client"};

const struct option settings_options[] = {
    {"config", OPTION_TEXT, "FILE|none",
     "settings before those of ~/.config/reeve/reeve.conf and " SETTINGS_HOST_FILE
     " (default $REEVE_CONFIG); none: of no file",
     .environment = "REEVE_CONFIG", .line_only = true},
    {0},
};

/* What `reeve config` asks a program: all that it was told, or what that file alone says. */
static const struct option print_options[] = {
    {"print-settings", OPTION_TEXT, "said|file", NULL, .line_only = true},
    {0},
};

/* --- environment ---------------------------------------------------------------------------- */

static int take_environment(struct options *o)
{
    for (size_t t = 0; t < o->table_count; t++)
        for (const struct option *row = o->tables[t]; row->name; row++) {
            const char *value = row->environment ? getenv(row->environment) : NULL;
            char origin[64];
            snprintf(origin, sizeof origin, "$%s", row->environment ? row->environment : "");
            if (value && *value && options_put(o, OPTIONS_ENVIRONMENT, origin, row->name, value))
                return -1;
        }
    return 0;
}

/* --- files ---------------------------------------------------------------------------------- */

static int fail_section(struct options *o, const char *path, const struct config_item *item)
{
    const char *near = options_nearest(item->section, settings_sections, SETTINGS_SECTIONS);
    snprintf(o->error, sizeof o->error, "%.200s:%u: unknown section %.60s%s%s%s", path, item->line,
             item->section, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return -1;
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < SETTINGS_SECTIONS; i++)
        if (strcmp(settings_sections[i], name) == 0)
            return true;
    return false;
}

static int take_items(struct options *o, unsigned level, const char *section, const char *path,
                      const struct config *c)
{
    char *origin;
    int rc = 0;
    for (size_t i = 0; i < c->count && !rc; i++) {
        const struct config_item *item = &c->items[i];
        if (!is_section(item->section))
            rc = fail_section(o, path, item);
        if (rc || !item->name || strcmp(item->section, section) != 0)
            continue;
        must(asprintf(&origin, "%s:%u", path, item->line) > 0);
        rc = options_put(o, level, origin, item->name, item->value);
        free(origin);
    }
    return rc;
}

static int take_file(struct options *o, unsigned level, const char *section, const char *path)
{
    struct config c;
    int rc = -1;
    if (config_load(&c, path))
        rc = take_items(o, level, section, path, &c);
    else
        snprintf(o->error, sizeof o->error, "%s", c.error);
    config_fini(&c);
    return rc;
}

/* A file that nobody named need not be there; one in a folder we may not enter is not there for
 * us. */
static bool is_there(const char *path)
{
    struct stat st;
    return path &&
           (stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR && errno != EACCES));
}

int settings_fill(struct options *o, const char *section, bool alone)
{
    if (!alone && take_environment(o))
        return -1;
    const char *named = options_text(o, "config", NULL);
    if (named && strcmp(named, "none") == 0)
        return 0;
    if (named && take_file(o, OPTIONS_FILE, section, named))
        return -1;
    char *user = path_config("reeve.conf");
    int rc = 0;
    if (!alone && is_there(user))
        rc = take_file(o, OPTIONS_FILE + 1, section, user);
    if (!alone && !rc && is_there(SETTINGS_HOST_FILE))
        rc = take_file(o, OPTIONS_FILE + 2, section, SETTINGS_HOST_FILE);
    free(user);
    return rc;
}

/* --- all of it ------------------------------------------------------------------------------ */

static void put_row(struct buf *out, const struct option *row, const char *value,
                    const char *origin)
{
    bool truth = row->kind == OPTION_FLAG || row->kind == OPTION_SWITCH;
    const char *unit = truth ? "true|false" : row->unit ? row->unit : "VALUE";
    const char *fields[] = {row->name, unit, row->help, value, origin};
    for (size_t i = 0; i < LENGTH(fields); i++)
        buf_put(out, fields[i], strlen(fields[i]) + 1);
}

static void put_values(struct buf *out, const struct options *o, const struct option *row)
{
    const struct option_use *counts = options_use(o, row->name);
    if (!counts)
        put_row(out, row, "", "");
    for (size_t i = 0; counts && i < o->use_count; i++) {
        const struct option_use *use = &o->uses[i];
        /* Texts may be lists; of anything else the last one counts. */
        if (use == counts ||
            (use->row == row && use->level == counts->level && row->kind == OPTION_TEXT))
            put_row(out, row,
                    use->text     ? use->text
                    : use->number ? "true"
                                  : "false",
                    use->origin ? use->origin : "the command line");
    }
}

void settings_rows(const struct options *o, struct buf *out)
{
    for (size_t t = 0; t < o->table_count; t++)
        for (const struct option *row = o->tables[t]; row->name; row++)
            if (row->help && !row->line_only)
                put_values(out, o, row);
}

static const char *next_field(struct bytes *rows)
{
    const char *at = rows->data, *end = rows->size ? memchr(at, 0, rows->size) : NULL;
    if (!end)
        return NULL;
    size_t taken = (size_t)(end - at) + 1;
    *rows = bytes_of(at + taken, rows->size - taken);
    return at;
}

bool settings_next(struct bytes *rows, struct settings_row *row)
{
    const char **fields[] = {&row->name, &row->unit, &row->help, &row->value, &row->origin};
    for (size_t i = 0; i < LENGTH(fields); i++)
        if (!(*fields[i] = next_field(rows)))
            return false;
    return true;
}

static bool print_rows(struct options *o)
{
    struct buf b = {0};
    settings_rows(o, &b);
    bool printed = fwrite(b.data, 1, b.size, stdout) == b.size && fflush(stdout) == 0;
    buf_fini(&b);
    if (!printed)
        snprintf(o->error, sizeof o->error, "cannot write the settings: %s", strerror(errno));
    return printed;
}

bool settings_read(struct options *o, const char *section, int argc, char **argv, int *code)
{
    options_add(o, settings_options);
    options_add(o, print_options);
    *code = SETTINGS_USAGE;
    if (options_parse(o, OPTIONS_ANYWHERE, argc, argv))
        return false;
    *code = 0;
    if (options_flag(o, "help", false))
        return true;
    const char *print = options_text(o, "print-settings", NULL);
    *code = SETTINGS_WRONG;
    if (settings_fill(o, section, print && strcmp(print, "file") == 0))
        return false;
    *code = print && !print_rows(o) ? SETTINGS_WRONG : 0;
    return !print;
}

int settings_refuse(struct options *o, const char *name, const char *wants)
{
    options_refuse(o, name, wants);
    return options_use(o, name)->level == OPTIONS_LINE ? SETTINGS_USAGE : SETTINGS_WRONG;
}
