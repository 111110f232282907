/* SPDX-License-Identifier: Apache-2.0 */
#include "common/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/must.h"

enum { NAMES_MAX = 128, WORD_MAX = 40, HELP_COLUMN = 26, ORIGIN_TEXT = 220 };

void options_add(struct options *o, const struct option *rows)
{
    must(o->table_count < OPTIONS_TABLES_MAX);
    o->tables[o->table_count++] = rows;
}

void options_fini(struct options *o)
{
    for (size_t i = 0; i < o->use_count; i++) {
        free(o->uses[i].kept);
        free(o->uses[i].origin);
    }
    free(o->uses);
    free(o->words);
    o->uses = NULL;
    o->words = NULL;
    o->use_count = o->word_count = 0;
}

/* --- near misses ---------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance; words longer than WORD_MAX are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t an = strlen(a), bn = strlen(b), row[WORD_MAX + 1];
    if (an > WORD_MAX || bn > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t changed = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = least(changed, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[bn];
}

const char *options_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t size = strlen(word), best_distance = size / 3 + 2; /* more slips in a longer word */
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, names[i]);
        /* What was typed as a beginning was meant as one. */
        if (size >= 3 && strncmp(word, names[i], size) == 0)
            d = least(d, 1);
        if (d < best_distance && d < strlen(names[i])) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

static bool in_files(const struct option *row)
{
    return row->help && !row->line_only;
}

/* The origin is NULL for a word of the command line. */
static int fail_unknown(struct options *o, const char *origin, const char *word)
{
    const char *names[NAMES_MAX], *bare = origin ? word : word + strspn(word, "-");
    size_t count = 0;
    for (size_t t = 0; t < o->table_count; t++)
        for (const struct option *row = o->tables[t]; row->name; row++)
            if ((origin ? in_files(row) : row->help != NULL) && count < NAMES_MAX)
                names[count++] = row->name;
    char name[WORD_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(bare, "="), bare);
    const char *near = options_nearest(name, names, count);
    snprintf(o->error, sizeof o->error, "%.*s%sunknown %s %.60s%s%s%s%s", ORIGIN_TEXT,
             origin ? origin : "", origin ? ": " : "", origin ? "setting" : "option", word,
             near ? "; did you mean " : "", near && !origin ? "--" : "", near ? near : "",
             near ? "?" : "");
    return -1;
}

/* --- values --------------------------------------------------------------------------------- */

static bool read_integer(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *text && *end == 0 && errno == 0 && strchr(" \t\n\v\f\r", *text) == NULL;
}

static bool read_real(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && *end == 0 && isfinite(*out) && strchr(" \t\n\v\f\r", *text) == NULL;
}

int64_t options_duration(const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    double total_ms = 0;
    if (*text == 0)
        return -1;
    while (*text) {
        size_t digits = strspn(text, "0123456789.");
        char *end;
        double amount = strtod(text, &end);
        if (digits == 0 || end != text + digits)
            return -1;
        size_t unit_size = strcspn(end, "0123456789."), u;
        if (unit_size == 0) { /* a bare number is seconds */
            total_ms += amount * 1e3;
            text = end;
            continue;
        }
        for (u = 0; u < LENGTH(units); u++)
            if (strlen(units[u].unit) == unit_size && memcmp(units[u].unit, end, unit_size) == 0)
                break;
        if (u == LENGTH(units))
            return -1;
        total_ms += amount * units[u].ms;
        text = end + unit_size;
    }
    return total_ms <= 1e15 ? (int64_t)(total_ms + 0.5) : -1;
}

static int fail_value(struct options *o, const struct option_use *use, const char *wants)
{
    snprintf(o->error, sizeof o->error, "%.*s%s%s wants %s, not \"%.60s\"", ORIGIN_TEXT,
             use->origin ? use->origin : "", use->origin ? ": " : "--", use->row->name, wants,
             use->text);
    return -1;
}

/* On a command line to be there is what it says. */
static int read_truth(struct options *o, struct option_use *use)
{
    if (use->level == OPTIONS_LINE)
        return 0;
    use->number = strcmp(use->text, "true") == 0;
    return use->number || strcmp(use->text, "false") == 0 ? 0 : fail_value(o, use, "true or false");
}

static int read_value(struct options *o, struct option_use *use)
{
    const struct option *row = use->row;
    bool bounded = row->min != 0 || row->max != 0;
    int64_t min = bounded ? row->min : 0, max = bounded ? row->max : INT64_MAX;
    char wants[80];
    switch (row->kind) {
    case OPTION_NUMBER:
        if (bounded)
            snprintf(wants, sizeof wants, "a whole number from %" PRId64 " to %" PRId64, min, max);
        else
            snprintf(wants, sizeof wants, "a whole number");
        if (!read_integer(use->text, &use->number) || use->number < min || use->number > max)
            return fail_value(o, use, wants);
        return 0;
    case OPTION_SECONDS:
        use->number = options_duration(use->text);
        if (use->number < 0)
            return fail_value(o, use, "a time such as 10, 0.5, 300ms or 1h30m");
        return 0;
    case OPTION_REAL:
        if (bounded)
            snprintf(wants, sizeof wants, "a number from %" PRId64 " to %" PRId64, min, max);
        else
            snprintf(wants, sizeof wants, "a number that is not negative");
        if (!read_real(use->text, &use->real) || use->real < (double)min || use->real > (double)max)
            return fail_value(o, use, wants);
        return 0;
    case OPTION_FLAG:
    case OPTION_SWITCH: return read_truth(o, use);
    case OPTION_TEXT: return 0;
    }
    return 0;
}

/* --- reading -------------------------------------------------------------------------------- */

/* *no is set when the name was no-NAME of a switch. */
static const struct option *find(const struct options *o, struct bytes name, bool *no)
{
    *no = false;
    struct bytes without = bytes_starts(name, bytes_text("no-"))
                               ? bytes_of((const char *)name.data + 3, name.size - 3)
                               : bytes_of(NULL, 0);
    for (size_t t = 0; t < o->table_count; t++)
        for (const struct option *row = o->tables[t]; row->name; row++) {
            if (bytes_equal(bytes_text(row->name), name))
                return row;
            *no = row->kind == OPTION_SWITCH && bytes_equal(bytes_text(row->name), without);
            if (*no)
                return row;
        }
    return NULL;
}

static bool takes_word(const struct option *row)
{
    return row->kind != OPTION_FLAG && row->kind != OPTION_SWITCH;
}

/* Reads the option at argv[0]; *taken says how many words it was. */
static int read_option(struct options *o, int argc, char **argv, int *taken)
{
    const char *word = argv[0], *sign = strchr(word, '=');
    bool no;
    const struct option *row = NULL;
    if (strcmp(word, "-h") == 0)
        row = find(o, bytes_text("help"), &no);
    else if (word[1] == '-')
        row = find(o, bytes_of(word + 2, sign ? (size_t)(sign - word) - 2 : strlen(word) - 2), &no);
    if (!row)
        return fail_unknown(o, NULL, word);
    struct option_use *use = &o->uses[o->use_count];
    *use = (struct option_use){.row = row};
    *taken = 1;
    if (!takes_word(row)) {
        if (sign) {
            snprintf(o->error, sizeof o->error, "--%s takes no value", row->name);
            return -1;
        }
        use->number = !no;
    } else if (sign) {
        use->text = sign + 1;
    } else if (argc < 2) {
        snprintf(o->error, sizeof o->error, "--%s wants a value: --%s %s", row->name, row->name,
                 row->unit ? row->unit : "VALUE");
        return -1;
    } else {
        use->text = argv[1];
        *taken = 2;
    }
    o->use_count++;
    return read_value(o, use);
}

int options_parse(struct options *o, enum options_order order, int argc, char **argv)
{
    options_fini(o);
    o->uses = must_alloc(((size_t)argc + 1) * sizeof *o->uses);
    o->words = must_alloc(((size_t)argc + 1) * sizeof *o->words);
    bool over = false;
    for (int i = 0, taken; i < argc; i += taken) {
        taken = 1;
        if (!over && strcmp(argv[i], "--") == 0) {
            over = true;
        } else if (!over && argv[i][0] == '-' && argv[i][1]) {
            if (read_option(o, argc - i, argv + i, &taken))
                return -1;
        } else {
            o->words[o->word_count++] = argv[i];
            over = over || order == OPTIONS_FIRST;
        }
    }
    return 0;
}

int options_put(struct options *o, unsigned level, const char *origin, const char *name,
                const char *text)
{
    bool no;
    const struct option *row = find(o, bytes_text(name), &no);
    must(level > OPTIONS_LINE);
    if (!row || no || (level >= OPTIONS_FILE && !in_files(row)))
        return fail_unknown(o, origin, name);
    o->uses = must_realloc(o->uses, (o->use_count + 1) * sizeof *o->uses);
    struct option_use *use = &o->uses[o->use_count++];
    *use = (struct option_use){
        .row = row, .level = level, .kept = must_strdup(text), .origin = must_strdup(origin)};
    use->text = use->kept;
    return read_value(o, use);
}

/* --- asking --------------------------------------------------------------------------------- */

const struct option_use *options_use(const struct options *o, const char *name)
{
    bool no;
    const struct option_use *counts = NULL;
    must(find(o, bytes_text(name), &no) && !no);
    for (size_t i = 0; i < o->use_count; i++) {
        const struct option_use *use = &o->uses[i];
        if (strcmp(use->row->name, name) == 0 && (!counts || use->level <= counts->level))
            counts = use;
    }
    return counts;
}

bool options_given(const struct options *o, const char *name)
{
    return options_use(o, name) != NULL;
}

bool options_flag(const struct options *o, const char *name, bool unsaid)
{
    const struct option_use *use = options_use(o, name);
    return use ? use->number != 0 : unsaid;
}

const char *options_text(const struct options *o, const char *name, const char *unsaid)
{
    const struct option_use *use = options_use(o, name);
    return use ? use->text : unsaid;
}

int64_t options_number(const struct options *o, const char *name, int64_t unsaid)
{
    const struct option_use *use = options_use(o, name);
    return use ? use->number : unsaid;
}

int64_t options_ms(const struct options *o, const char *name, int64_t unsaid)
{
    return options_number(o, name, unsaid);
}

double options_real(const struct options *o, const char *name, double unsaid)
{
    const struct option_use *use = options_use(o, name);
    return use ? use->real : unsaid;
}

const char *options_next(const struct options *o, const char *name, size_t *at)
{
    const struct option_use *counts = options_use(o, name);
    while (counts && *at < o->use_count) {
        const struct option_use *use = &o->uses[(*at)++];
        if (use->row == counts->row && use->level == counts->level)
            return use->text;
    }
    return NULL;
}

void options_refuse(struct options *o, const char *name, const char *wants)
{
    const struct option_use *use = options_use(o, name);
    must(use && use->text);
    fail_value(o, use, wants);
}

void options_help(const struct options *o, FILE *out)
{
    for (size_t t = 0; t < o->table_count; t++)
        for (const struct option *row = o->tables[t]; row->name; row++) {
            if (!row->help)
                continue;
            char left[64];
            snprintf(left, sizeof left, "  --%s%s%s%s", row->kind == OPTION_SWITCH ? "[no-]" : "",
                     row->name, takes_word(row) ? " " : "",
                     takes_word(row) ? (row->unit ? row->unit : "VALUE") : "");
            if (strlen(left) >= HELP_COLUMN)
                fprintf(out, "%s\n%*s%s\n", left, HELP_COLUMN, "", row->help);
            else
                fprintf(out, "%-*s%s\n", HELP_COLUMN, left, row->help);
        }
}
