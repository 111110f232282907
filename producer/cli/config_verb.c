/* SPDX-License-Identifier: Apache-2.0
 *
 * config_verb: `reeve config`. Each program knows its own options, so each is asked what it was
 * told (--print-settings, common/settings.h); the section client is our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/settings.h"
#include "producer/cli/list.h"
#include "producer/cli/output.h"
#include "producer/cli/program.h"
#include "producer/cli/verbs.h"

enum { COLUMNS = 88, NOTE_COLUMN = 40 };

const struct option config_options[] = {
    {"origin", OPTION_FLAG, NULL, "show: with the file and line, or the variable, that says it"},
    {0},
};

struct query {
    struct cli *cli;
    const char *file; /* for --config; NULL: none was named */
    bool alone;       /* only that file */
};

/* --- asking --------------------------------------------------------------------------------- */

static int ask_ourselves(const struct query *q, struct buf *rows)
{
    struct options o = {0};
    char *words[] = {"--config", (char *)q->file};
    options_add(&o, common_options);
    options_add(&o, settings_options);
    int failed = options_parse(&o, OPTIONS_FIRST, q->file ? 2 : 0, words);
    if (!failed)
        failed = settings_fill(&o, "client", q->alone);
    if (!failed)
        settings_rows(&o, rows);
    int code = failed ? cli_fail(q->cli, EXIT_DATA, "%s", o.error) : EXIT_DONE;
    options_fini(&o);
    return code;
}

/* Its standard output to rows; the wait status, or -1 with errno. */
static int run_program(char *const *argv, struct buf *rows)
{
    enum { PIECE = 4096 };
    int ends[2], status = -1;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    must(posix_spawn_file_actions_init(&actions) == 0);
    must(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0);
    int error = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    for (ssize_t got = 1; !error && got != 0;) {
        got = read(ends[0], buf_extend(rows, PIECE), PIECE);
        rows->size -= (size_t)(PIECE - (got > 0 ? got : 0));
        if (got < 0 && errno != EINTR)
            break;
    }
    close(ends[0]);
    while (!error && waitpid(pid, &status, 0) < 0)
        must(errno == EINTR);
    errno = error;
    return error ? -1 : status;
}

/* Not every host has every program. */
static int ask_program(const struct query *q, const char *section, bool named, struct buf *rows)
{
    char path[PROGRAM_PATH];
    char *argv[] = {path,       "--print-settings", q->alone ? "file" : "said",
                    "--config", (char *)q->file,    NULL};
    if (!q->file)
        argv[3] = NULL;
    int status = program_path(section, path) ? -1 : run_program(argv, rows);
    if (status == 0)
        return EXIT_DONE;
    if (status == -1 && errno == ENOENT && !named) {
        fprintf(stderr, "reeve config: no reeve-%s here: its section is left out\n", section);
        return EXIT_DONE;
    }
    return cli_fail(q->cli, EXIT_DATA, "reeve-%s: %s", section,
                    status == -1 ? strerror(errno) : "does not take its settings");
}

static int ask(const struct query *q, const char *section, bool named, struct buf *rows)
{
    return strcmp(section, "client") == 0 ? ask_ourselves(q, rows)
                                          : ask_program(q, section, named, rows);
}

/* --- show ----------------------------------------------------------------------------------- */

/* As a file would have it. */
static void put_value(struct buf *line, const char *value)
{
    bool bare =
        *value && !strpbrk(value, "#\"'") && *value != ' ' && value[strlen(value) - 1] != ' ';
    const char *quote = bare ? "" : strchr(value, '"') ? "'" : "\"";
    buf_printf(line, "%s%s%s", quote, value, quote);
}

static void show_row(const struct settings_row *row, bool origin)
{
    struct buf line = {0};
    buf_printf(&line, "    %s = ", row->name);
    put_value(&line, row->value);
    if (origin)
        buf_printf(&line, "%*s# %s", line.size + 2 < NOTE_COLUMN ? NOTE_COLUMN - (int)line.size : 2,
                   "", row->origin);
    output_bytes(buf_bytes(&line));
    putchar('\n');
    buf_fini(&line);
}

static void show_section(const char *section, struct bytes rows, bool origin)
{
    struct settings_row row;
    bool any = false;
    puts(section);
    while (settings_next(&rows, &row))
        if (*row.origin) {
            any = true;
            show_row(&row, origin);
        }
    if (!any)
        puts("    # nothing is said: all is as the program has it");
}

static void list_section(struct view_rows *out, const char *section, struct bytes rows)
{
    struct settings_row row;
    for (; settings_next(&rows, &row); out->count++) {
        bool said = *row.origin;
        pack_map(&out->buf, 4);
        view_text(&out->buf, "section", bytes_text(section));
        view_text(&out->buf, "name", bytes_text(row.name));
        pack_text(&out->buf, "value");
        if (said)
            pack_text(&out->buf, row.value);
        else
            pack_nil(&out->buf);
        view_text(&out->buf, "origin", bytes_text(said ? row.origin : "default"));
    }
}

static bool is_wanted(const struct cli *cli, const char *section)
{
    for (size_t i = 1; i < cli->word_count; i++)
        if (strcmp(cli->words[i], section) == 0)
            return true;
    return cli->word_count == 1;
}

static int check_sections(struct cli *cli)
{
    for (size_t w = 1; w < cli->word_count; w++) {
        const char *near = options_nearest(cli->words[w], settings_sections, SETTINGS_SECTIONS);
        size_t i = 0;
        while (i < SETTINGS_SECTIONS && strcmp(cli->words[w], settings_sections[i]) != 0)
            i++;
        if (i == SETTINGS_SECTIONS)
            return cli_usage(cli, "no section \"%.60s\"%s%s%s", cli->words[w],
                             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return EXIT_DONE;
}

static int config_show(const struct query *q)
{
    struct list list = {.cli = q->cli};
    bool origin = options_flag(&q->cli->options, "origin", false);
    int exit_code = check_sections(q->cli);
    for (size_t i = 0; i < SETTINGS_SECTIONS && exit_code == EXIT_DONE; i++) {
        const char *section = settings_sections[i];
        struct buf rows = {0};
        if (!is_wanted(q->cli, section))
            continue;
        exit_code = ask(q, section, q->cli->word_count > 1, &rows);
        if (exit_code == EXIT_DONE && q->cli->json)
            list_section(&list.rows, section, buf_bytes(&rows));
        else if (exit_code == EXIT_DONE && rows.size)
            show_section(section, buf_bytes(&rows), origin);
        buf_fini(&rows);
    }
    if (exit_code == EXIT_DONE)
        list_print(&list, "settings");
    list_free(&list);
    return exit_code;
}

/* --- check ---------------------------------------------------------------------------------- */

static int config_check(const struct query *q)
{
    int exit_code = EXIT_DONE;
    /* The one that needs no program first: what is no file of settings is none for all of them. */
    for (size_t i = 0; i < SETTINGS_SECTIONS && exit_code == EXIT_DONE; i++) {
        struct buf rows = {0};
        exit_code = ask(q, settings_sections[SETTINGS_SECTIONS - 1 - i], false, &rows);
        buf_fini(&rows);
    }
    if (exit_code == EXIT_DONE && !q->cli->json)
        puts("nothing is wrong");
    return exit_code;
}

/* --- sample --------------------------------------------------------------------------------- */

/* In lines of COLUMNS. */
static void comment(const char *text, const char *indent)
{
    while (*text) {
        size_t room = COLUMNS - strlen(indent), size = strlen(text), cut = size;
        if (size > room)
            for (cut = room; cut && text[cut] != ' ';)
                cut--;
        cut = cut ? cut : size; /* a word that is longer than a line */
        printf("%s# %.*s\n", indent, (int)cut, text);
        text += cut + strspn(text + cut, " ");
    }
}

static int config_sample(const struct query *q)
{
    struct settings_row row;
    int exit_code = EXIT_DONE;
    comment(
        "Settings of Reeve's programs, in ZPL: take the # off a line and change it. What is not "
        "said here or elsewhere is as the program has it. The command line comes before "
        "variables, these before the file of --config, then ~/.config/reeve/reeve.conf, "
        "then " SETTINGS_HOST_FILE
        ". A name may stand again where its option may be given again; a "
        "value that holds a # is quoted. `reeve config check` says what is wrong.",
        "");
    for (size_t i = 0; i < SETTINGS_SECTIONS && exit_code == EXIT_DONE; i++) {
        const char *section = settings_sections[i];
        struct buf b = {0};
        exit_code = ask(q, section, true, &b);
        struct bytes rows = buf_bytes(&b);
        if (exit_code == EXIT_DONE)
            printf("\n%s\n", section);
        while (exit_code == EXIT_DONE && settings_next(&rows, &row)) {
            comment(row.help, "    ");
            printf("#    %s = %s\n", row.name, row.unit);
        }
        buf_fini(&b);
    }
    return exit_code;
}

int verb_config(struct cli *cli)
{
    const char *what = cli->words[0];
    struct query q = {.cli = cli, .file = options_text(&cli->options, "config", NULL)};
    if (strcmp(what, "show") == 0)
        return config_show(&q);
    if (strcmp(what, "check") == 0 && cli->word_count <= 2) {
        q.alone = cli->word_count == 2;
        q.file = q.alone ? cli->words[1] : q.file;
        return config_check(&q);
    }
    if (strcmp(what, "sample") == 0 && cli->word_count == 1) {
        q.file = "none";
        q.alone = true;
        return config_sample(&q);
    }
    if (strcmp(what, "check") == 0 || strcmp(what, "sample") == 0)
        return cli_usage(cli, "\"%.60s\" is too much", cli->words[cli->word_count - 1]);
    return cli_usage(cli, "\"%.60s\" is none of show, check, sample", what);
}
