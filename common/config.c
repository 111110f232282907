/* SPDX-License-Identifier: Apache-2.0
 *
 * zconfig says on standard output what is wrong with a text, knows no lines afterwards, reads past
 * the end behind a line that is too long, and takes `name = # comment` for a value. So each line is
 * looked at here first, and what comes to zconfig is a text it reads well: as many items as lines
 * that were found good, in their order.
 */
#include "common/config.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/must.h"

enum { INDENT = 4, FILE_TEXT = 200 };

static bool fail(struct config *c, const char *file, unsigned line, const char *why)
{
    if (line)
        snprintf(c->error, sizeof c->error, "%.*s:%u: %s", FILE_TEXT, file, line, why);
    else
        snprintf(c->error, sizeof c->error, "%.*s: %s", FILE_TEXT, file, why);
    return false;
}

/* --- lines ---------------------------------------------------------------------------------- */

/* Text up to its end, which zconfig reads with the same eyes: a copy of one line, without blanks
 * behind it. */
struct line {
    char text[CONFIG_LINE_MAX + 1];
    size_t indent;  /* blanks before it */
    const char *at; /* behind the name, when there is one */
    bool item;      /* neither empty nor a comment */
};

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static bool ends(const char *at)
{
    at = skip_blanks(at);
    return *at == 0 || *at == '#';
}

static const char *check_value(const char *at)
{
    if (*at == '"' || *at == '\'') {
        const char *close = strchr(at + 1, *at);
        return !close ? "a quote that is not closed" : ends(close + 1) ? NULL : "more than a value";
    }
    const char *sharp = strchr(at, '#');
    if (*at == '#')
        return "a value is missing (\"\" is an empty one)";
    return sharp && sharp[-1] != ' ' && sharp[-1] != '\t' ? "a value with # in it is quoted" : NULL;
}

static const char *check_item(const struct line *l, bool in_section)
{
    const char *at = skip_blanks(l->at);
    if (l->indent == 0)
        return ends(at) ? NULL : "a setting stands below a section, four blanks in";
    if (l->indent > INDENT)
        return "a section has no sections";
    if (!in_section)
        return "a setting stands below a section";
    if (*at != '=')
        return "wants NAME = VALUE";
    return check_value(skip_blanks(at + 1));
}

/* What is wrong with it, NULL for nothing. */
static const char *check_line(struct line *l, struct bytes raw, bool in_section)
{
    static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_.";
    const unsigned char *bytes = raw.data;
    size_t size = raw.size;
    while (size && strchr(" \t\r", bytes[size - 1]) && bytes[size - 1])
        size--;
    if (size > CONFIG_LINE_MAX)
        return "longer than 1024 bytes";
    for (size_t i = 0; i < size; i++)
        if ((bytes[i] < ' ' && bytes[i] != '\t') || bytes[i] == 0x7f)
            return "a control character";
    memcpy(l->text, bytes, size);
    l->text[size] = 0;
    l->indent = strspn(l->text, " ");
    const char *name = l->text + l->indent;
    if (*name == '\t' || l->indent % INDENT)
        return "lines are indented by four blanks";
    l->at = name + strspn(name, name_characters);
    l->item = *name && *name != '#';
    if (!l->item)
        return NULL;
    return l->at == name ? "wants NAME = VALUE" : check_item(l, in_section);
}

/* Fills in the lines of all items. */
static bool check_lines(struct config *c, struct bytes text, const char *file)
{
    const char *at = text.size ? text.data : "", *end = at + text.size;
    bool in_section = false;
    for (unsigned number = 1; at < end; number++) {
        struct line line;
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *over = newline ? newline : end;
        const char *wrong = check_line(&line, bytes_of(at, (size_t)(over - at)), in_section);
        if (!wrong && line.item && c->count == CONFIG_ITEMS_MAX)
            wrong = "too many settings";
        if (wrong)
            return fail(c, file, number, wrong);
        if (line.item) {
            c->items[c->count++].line = number;
            in_section = true;
        }
        at = newline ? newline + 1 : end;
    }
    return true;
}

/* --- reading -------------------------------------------------------------------------------- */

bool config_parse(struct config *c, struct bytes text, const char *file)
{
    *c = (struct config){0};
    if (text.size > CONFIG_BYTES_MAX)
        return fail(c, file, 0, "larger than 64 KiB");
    c->items = must_alloc(CONFIG_ITEMS_MAX * sizeof *c->items);
    if (!check_lines(c, text, file))
        return false;
    struct buf b = {0};
    buf_put(&b, text.data, text.size);
    zconfig_t *tree = zconfig_str_load(buf_text(&b));
    c->tree = tree;
    buf_fini(&b);
    must(tree);
    size_t i = 0;
    for (zconfig_t *section = zconfig_child(tree); section; section = zconfig_next(section)) {
        must(i < c->count);
        c->items[i++].section = zconfig_name(section);
        for (zconfig_t *one = zconfig_child(section); one; one = zconfig_next(one), i++) {
            must(i < c->count);
            c->items[i].section = zconfig_name(section);
            c->items[i].name = zconfig_name(one);
            c->items[i].value = zconfig_value(one);
        }
    }
    must(i == c->count);
    return true;
}

/* 0 or an errno. */
static int read_file(struct buf *b, const char *path)
{
    struct stat st;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = fd < 0 ? errno : 0;
    if (!error && fstat(fd, &st))
        error = errno;
    else if (!error && !S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    while (!error && got > 0 && b->size <= CONFIG_BYTES_MAX) {
        unsigned char *at = buf_extend(b, CONFIG_BYTES_MAX + 1);
        got = read(fd, at, CONFIG_BYTES_MAX + 1);
        error = got < 0 ? errno : 0;
        b->size -= (size_t)(CONFIG_BYTES_MAX + 1 - (got > 0 ? got : 0));
    }
    if (fd >= 0)
        close(fd);
    return error;
}

bool config_load(struct config *c, const char *path)
{
    struct buf b = {0};
    int error = read_file(&b, path);
    *c = (struct config){0};
    bool read = error ? fail(c, path, 0, strerror(error)) : config_parse(c, buf_bytes(&b), path);
    buf_fini(&b);
    return read;
}

void config_fini(struct config *c)
{
    zconfig_t *tree = c->tree;
    free(c->items);
    zconfig_destroy(&tree);
    *c = (struct config){0};
}
