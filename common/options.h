/* SPDX-License-Identifier: Apache-2.0
 *
 * options: command line options from tables of rows. Every program of the tree reads its command
 * line with this, so that options, numbers, times and error texts are alike everywhere. It never
 * exits and prints nothing but the help it is asked for. What was said elsewhere
 * (common/settings.h) is put beside it and checked alike.
 *
 *     static const struct option rows[] = {
 *         {"slots", OPTION_NUMBER, "M", "slots of this worker", 1, 1024},
 *         {"handler", OPTION_TEXT, "PROGRAM", "a handler program; may be given again"},
 *         {"allow-shell", OPTION_FLAG, NULL, "offer shell.run"},
 *         {NULL}};
 *     struct options o = {0};
 *     options_add(&o, rows);
 *     if (options_parse(&o, OPTIONS_FIRST, argc - 1, argv + 1)) {
 *         fprintf(stderr, "reeve-worker: %s\n", o.error);
 *         return 2;
 *     }
 *     int64_t slots = options_number(&o, "slots", 4);
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_FLAG,    /* --name */
    OPTION_SWITCH,  /* --name or --no-name */
    OPTION_TEXT,    /* --name WORD or --name=WORD */
    OPTION_NUMBER,  /* an integer from min to max; both 0: not negative */
    OPTION_SECONDS, /* 2, 0.5, 300ms, 10s, 1h30m; asked for in ms */
    OPTION_REAL,    /* a number, not negative unless min says so */
};

struct option {
    const char *name; /* without --; a table ends with a NULL name */
    enum option_kind kind;
    const char *unit; /* for the help: "N", "SECONDS", "ADDRESS" */
    const char *help; /* NULL: not shown */
    int64_t min, max;
    const char *environment; /* the variable that stands for it; NULL: none */
    bool line_only;          /* on a command line only: in a file it makes no sense */
};

enum options_order {
    OPTIONS_FIRST,    /* the first word that is no option ends them: -1 after it is a word */
    OPTIONS_ANYWHERE, /* options may follow words; -- ends them */
};

/* Where something was said. A place gives way to those before it, option by option. */
enum options_level {
    OPTIONS_LINE,        /* the command line */
    OPTIONS_ENVIRONMENT, /* $NAME */
    OPTIONS_FILE,        /* FILE:LINE; those of the next file are one more, and so on */
};

enum { OPTIONS_TABLES_MAX = 6 };

struct options { /* zeroed storage is one without tables */
    const struct option *tables[OPTIONS_TABLES_MAX];
    size_t table_count;
    struct option_use {
        const struct option *row;
        const char *text; /* borrowed from argv; NULL for flags */
        int64_t number;   /* the value; 1 or 0 for flags and switches; ms for seconds */
        double real;
        unsigned level;
        char *kept, *origin; /* the text and where it was said; NULL at OPTIONS_LINE */
    } * uses;
    size_t use_count;
    char **words; /* what is no option, borrowed from argv, in order */
    size_t word_count;
    char error[400];
};

void options_add(struct options *o, const struct option *rows); /* borrows the table */

/* Reads argc words (without the program's own name). 0, or -1 with a sentence in o->error. */
int options_parse(struct options *o, enum options_order order, int argc, char **argv)
    __attribute__((warn_unused_result));
void options_fini(struct options *o);

/* What was said at another level, after the command line was read: NAME = TEXT, flags and switches
 * by true or false. The origin leads an error's sentence. Copies both texts. 0, or -1 with a
 * sentence in o->error. */
int options_put(struct options *o, unsigned level, const char *origin, const char *name,
                const char *text) __attribute__((warn_unused_result));

/* What was said last, at the first level that says it, or the value for not said. Asking for a name
 * that is in no table is a bug. */
bool options_given(const struct options *o, const char *name);
bool options_flag(const struct options *o, const char *name, bool unsaid);
const char *options_text(const struct options *o, const char *name, const char *unsaid);
int64_t options_number(const struct options *o, const char *name, int64_t unsaid);
int64_t options_ms(const struct options *o, const char *name, int64_t unsaid);
double options_real(const struct options *o, const char *name, double unsaid);
/* Every use of a repeatable text option at that level: start with *at = 0; NULL at the end. */
const char *options_next(const struct options *o, const char *name, size_t *at);
/* The use that counts; NULL: it was not said. Lent until the next options_put. */
const struct option_use *options_use(const struct options *o, const char *name);
/* A value that was said and that only its reader can judge: says in o->error what it should be. */
void options_refuse(struct options *o, const char *name, const char *wants);

/* The rows as help lines, in the order of the tables. */
void options_help(const struct options *o, FILE *out);

/* 300ms, 0.5, 10s, 1h30m in ms; -1 for what is none. */
int64_t options_duration(const char *text);

/* The nearest of names to a mistyped word, NULL when none is near enough to be meant. */
const char *options_nearest(const char *word, const char *const *names, size_t count);

#endif
