/* SPDX-License-Identifier: Apache-2.0
 *
 * menu: optimisation sessions by questions and answers, for people and for scripts on standard
 * input. Whatever is typed is answered in words and asked again, or brings the menu back; the end
 * of the input is Exit. Answers come in lines:
 *
 *   Start          CVs, a line each, up to an empty one; MVs likewise; constraints, in one line
 *                  parted by ; or in several; objective, maximise y/n, method, maxIterations,
 *                  modelId: an empty line is what the model says
 *   StartOptimise  session_id; initial CVs up to an empty line; initial MVs likewise
 *   Stop, Pause    session_id
 */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "producer/cli/lines.h"
#include "producer/cli/output.h"
#include "producer/cli/session.h"
#include "producer/cli/sessionspec.h"
#include "producer/cli/verbs.h"
#include "producer/view/field.h"

struct menu {
    struct cli *cli;
    struct session session;
    struct lines in;
    bool terminal;
    int exit_code; /* of what ended it, when that was no Exit */
    char **kept;   /* the lines of this method: what was read of them borrows from them */
    size_t kept_count, kept_capacity;
};

/* --- asking --------------------------------------------------------------------------------- */

static void forget_lines(struct menu *m)
{
    for (size_t i = 0; i < m->kept_count; i++)
        free(m->kept[i]);
    m->kept_count = 0;
}

static const char *keep_line(struct menu *m, struct bytes line)
{
    if (m->kept_count == m->kept_capacity) {
        m->kept_capacity = m->kept_capacity ? 2 * m->kept_capacity : 16;
        m->kept = must_realloc(m->kept, m->kept_capacity * sizeof *m->kept);
    }
    const char *from = line.data;
    while (line.size && strchr(" \t\r", from[line.size - 1]))
        line.size--;
    while (line.size && strchr(" \t\r", *from)) {
        from++;
        line.size--;
    }
    char *copy = strndup(from ? from : "", line.size);
    must(copy);
    m->kept[m->kept_count++] = copy;
    return copy;
}

/* While nobody types, the broker is listened to. */
static int wait_line(struct menu *m)
{
    struct pollfd in = {.fd = m->in.fd, .events = POLLIN};
    int left = cli_left_ms(m->cli);
    if (left == 0)
        return cli_fail(m->cli, EXIT_WAIT, "the time to wait has passed");
    int code = cli_turn(m->cli, &in, 1, left);
    if (code)
        return cli_fail_code(m->cli, code, "menu");
    if (in.revents)
        lines_read(&m->in);
    return 0;
}

/* The next line without blanks around it; NULL: there is none, and the menu is over. */
static const char *ask(struct menu *m, const char *what)
{
    struct bytes line;
    printf(m->terminal ? "%s: " : "%s:\n", what);
    fflush(stdout);
    while (!lines_next(&m->in, &line)) {
        if (m->in.ended)
            return NULL;
        m->exit_code = wait_line(m);
        if (m->exit_code)
            return NULL;
    }
    return keep_line(m, line);
}

static void tell(const char *text)
{
    output_bytes(bytes_text(text));
    putchar('\n');
}

/* Variables up to an empty line, or all in one line as a dictionary. kind: "CV" or "MV". False: the
 * menu is over. */
static bool ask_tags(struct menu *m, const char *lead, const char *kind, struct tags *tags)
{
    char error[TAG_ERROR], what[160];
    bool record = true;
    snprintf(what, sizeof what,
             "%s%ss (tagName=\"%s1\", timeStamp=123456789, numericValue=10.5; an empty line ends)",
             lead, kind, kind);
    while (record) {
        const char *line = ask(m, what);
        if (!line || !*line)
            return line != NULL;
        if (tags_line(tags, line, &record, error)) {
            tell(error);
            record = true;
        }
    }
    return true;
}

/* --- Start ---------------------------------------------------------------------------------- */

static void add_constraints(struct sessionspec *spec, const char *line)
{
    while (*line) {
        size_t size = strcspn(line, ";"), lead = strspn(line, " \t");
        if (lead < size)
            sessionspec_constraint(spec, bytes_of(line + lead, size - lead));
        line += size + (line[size] == ';');
    }
}

static bool is_relation(const char *line)
{
    return (strstr(line, "<=") || strstr(line, ">=")) && !strchr(line, '?');
}

/* 1, -1, or 0 for neither. */
static int truth_of(const char *line)
{
    static const char *const yes[] = {"y", "yes", "true", "1"}, *const no[] = {"n", "no", "false",
                                                                               "0"};
    for (size_t i = 0; i < LENGTH(yes); i++) {
        if (strcasecmp(line, yes[i]) == 0)
            return 1;
        if (strcasecmp(line, no[i]) == 0)
            return -1;
    }
    return 0;
}

/* Constraints may come in several lines: what relates two sides is one more, and an empty line
 * before the objective ends them. */
static bool ask_aim(struct menu *m, struct sessionspec *spec)
{
    const char *line = ask(m, "constraints ([CV1] <= 10; ...)");
    if (!line)
        return false;
    add_constraints(spec, line);
    while ((line = ask(m, "objective ([CV1]*[CV2]^2-3/[CV3])")) && is_relation(line))
        add_constraints(spec, line);
    if (!line)
        return false;
    spec->objective = *line ? line : NULL;
    while ((line = ask(m, "maximise (y/n)")) && *line) {
        spec->maximize = truth_of(line);
        if (spec->maximize)
            return true;
        if (!spec->objective && spec->constraint_count)
            spec->objective = line;
        else
            tell("y or n");
    }
    return line != NULL;
}

static bool ask_limits(struct menu *m, struct sessionspec *spec)
{
    const char *line = ask(m, "method");
    double number = 0;
    if (!line)
        return false;
    spec->method = *line ? line : NULL;
    while ((line = ask(m, "maxIterations")) && *line) {
        spec->has_max_iterations = tag_number(bytes_text(line), &number) && number >= 0 &&
                                   number <= 0x1p53 && number == (double)(int64_t)number;
        if (spec->has_max_iterations)
            break;
        tell("maxIterations is a whole number, such as 100");
    }
    if (!line)
        return false;
    if (spec->has_max_iterations)
        spec->max_iterations = (int64_t)number;
    line = ask(m, "modelId");
    if (line)
        spec->model = *line ? line : NULL;
    return line != NULL;
}

/* Without a model a CV is what it was said to be. */
static void fix_cvs(struct menu *m, struct sessionspec *spec)
{
    for (size_t i = 0; i < spec->cvs.count && !spec->model; i++) {
        struct tag *tag = &spec->cvs.at[i];
        char text[40];
        int size = snprintf(text, sizeof text, "%.17g", tag->value);
        if (tag->has_value && !tag->expression.size)
            tag->expression = bytes_text(keep_line(m, bytes_of(text, (size_t)size)));
    }
}

static void start(struct menu *m)
{
    const struct reeve_job_options options = {.kind = REEVE_SESSION};
    struct sessionspec spec = {0};
    struct buf packed = {0};
    char id[JOB_ID_TEXT];
    if (ask_tags(m, "", "CV", &spec.cvs) && ask_tags(m, "", "MV", &spec.mvs) && ask_aim(m, &spec) &&
        ask_limits(m, &spec)) {
        fix_cvs(m, &spec);
        sessionspec_pack(&spec, &packed);
        if (session_start(&m->session, buf_bytes(&packed), &options) == 0) {
            reeve_job_id_format(m->session.now.id, id);
            printf("session %s\n", id);
        }
        tell(buf_text(&m->session.said));
    }
    buf_fini(&packed);
    sessionspec_fini(&spec);
}

/* --- the others ----------------------------------------------------------------------------- */

static const char *ask_session(struct menu *m)
{
    return ask(m, "session_id");
}

static void start_optimise(struct menu *m)
{
    struct session *s = &m->session;
    struct tags cvs = {0}, mvs = {0};
    const char *word = ask_session(m);
    if (word && ask_tags(m, "initial ", "CV", &cvs) && ask_tags(m, "initial ", "MV", &mvs)) {
        int exit_code = session_find(s, word);
        bool found = exit_code == 0;
        if (found)
            exit_code = session_optimise(s, &cvs, &mvs);
        tell(buf_text(&s->said));
        if (found && (exit_code == 0 || s->flag == FLAG_RUNNING))
            session_print_numbers(session_view_mvs(&s->now));
    }
    tags_fini(&cvs);
    tags_fini(&mvs);
}

static void steer(struct menu *m, int (*run)(struct session *))
{
    const char *word = ask_session(m);
    if (!word)
        return;
    if (session_find(&m->session, word) == 0) {
        int exit_code = run(&m->session);
        (void)exit_code; /* what it means is said */
    }
    tell(buf_text(&m->session.said));
}

static void stop(struct menu *m)
{
    steer(m, session_stop);
}

static void pause_session(struct menu *m)
{
    steer(m, session_pause);
}

/* --- the menu ------------------------------------------------------------------------------- */

static const struct method {
    const char *name;
    void (*run)(struct menu *m); /* NULL: the end */
} methods[] = {{"Start", start},
               {"StartOptimise", start_optimise},
               {"Stop", stop},
               {"Pause", pause_session},
               {"Exit", NULL}};

/* By its number or its name. */
static const struct method *method_of(const char *line)
{
    for (size_t i = 0; i < LENGTH(methods); i++) {
        char number[4];
        snprintf(number, sizeof number, "%zu", i + 1);
        if (strcmp(line, number) == 0 || strcasecmp(line, methods[i].name) == 0)
            return &methods[i];
    }
    return NULL;
}

static const struct method *choose(struct menu *m)
{
    const char *line;
    puts("Available methods:");
    for (size_t i = 0; i < LENGTH(methods); i++)
        printf("%zu. %s\n", i + 1, methods[i].name);
    while ((line = ask(m, "method number"))) {
        const struct method *method = method_of(line);
        if (method)
            return method;
        if (*line)
            printf("choose one of 1 to %zu\n", LENGTH(methods));
    }
    return &methods[LENGTH(methods) - 1];
}

int verb_menu(struct cli *cli)
{
    struct menu m = {.cli = cli, .session = {.cli = cli}, .in.fd = STDIN_FILENO};
    m.terminal = isatty(STDIN_FILENO);
    const struct method *method;
    m.exit_code = cli_connect(cli);
    while (!m.exit_code && !lines_over(&m.in) && (method = choose(&m))->run) {
        method->run(&m);
        forget_lines(&m);
    }
    if (!m.exit_code && m.in.error)
        m.exit_code = cli_fail(cli, EXIT_DATA, "standard input: %s", lines_failure(&m.in));
    reeve_close(cli->client); /* what it still has to say would be said to the session */
    cli->client = NULL;
    session_fini(&m.session);
    forget_lines(&m);
    free(m.kept);
    lines_fini(&m.in);
    return m.exit_code;
}
