/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/tags.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/must.h"
#include "common/pack.h"

enum { NUMBER_TEXT = 64, SHOWN = 60 };

/* As much of a text as an error shows, for "%.*s". */
#define SHOWN_ARG(b)                                                                               \
    (int)((b).size < SHOWN ? (b).size : SHOWN), (const char *)((b).data ? (b).data : "")

bool tag_number(struct bytes text, double *out)
{
    char copy[NUMBER_TEXT], *end;
    if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, 0, text.size))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (isspace((unsigned char)copy[0]))
        return false;
    *out = strtod(copy, &end);
    return *end == 0 && !isnan(*out);
}

static int value_set(struct tag *tag, struct bytes text, char error[static TAG_ERROR])
{
    tag->has_value = tag_number(text, &tag->value) && isfinite(tag->value);
    if (tag->has_value)
        return 0;
    snprintf(error, TAG_ERROR, "%.*s: \"%.*s\" is no number", SHOWN_ARG(tag->name),
             SHOWN_ARG(text));
    return -1;
}

/* A bound that is not there or infinite is none. */
static int bound_set(struct tag *tag, struct bytes text, double none, bool *has, double *bound,
                     char error[static TAG_ERROR])
{
    *bound = none;
    if (text.size && !tag_number(text, bound)) {
        snprintf(error, TAG_ERROR, "%.*s: \"%.*s\" is no bound", SHOWN_ARG(tag->name),
                 SHOWN_ARG(text));
        return -1;
    }
    *has = *bound != none;
    return 0;
}

static int bounds_check(const struct tag *tag, char error[static TAG_ERROR])
{
    double lower = tag->has_lower ? tag->lower : -INFINITY;
    double upper = tag->has_upper ? tag->upper : INFINITY;
    if (lower <= upper)
        return 0;
    snprintf(error, TAG_ERROR, "%.*s: the bounds %g..%g are crossed", SHOWN_ARG(tag->name), lower,
             upper);
    return -1;
}

static int bounds_set(struct tag *tag, struct bytes text, char error[static TAG_ERROR])
{
    const char *from = text.data, *dots = memmem(from, text.size, "..", 2);
    must(dots);
    struct bytes low = bytes_of(from, (size_t)(dots - from));
    struct bytes high = bytes_of(dots + 2, text.size - low.size - 2);
    if (bound_set(tag, low, -INFINITY, &tag->has_lower, &tag->lower, error) ||
        bound_set(tag, high, INFINITY, &tag->has_upper, &tag->upper, error))
        return -1;
    return bounds_check(tag, error);
}

static int name_check(struct bytes name, const char *word, char error[static TAG_ERROR])
{
    if (name.size)
        return 0;
    snprintf(error, TAG_ERROR, "\"%.*s\" names no variable", SHOWN_ARG(bytes_text(word)));
    return -1;
}

/* --- words ---------------------------------------------------------------------------------- */

int tag_value(struct tag *out, const char *word, char error[static TAG_ERROR])
{
    const char *sign = strrchr(word, '=');
    *out = (struct tag){.name = bytes_of(word, sign ? (size_t)(sign - word) : 0)};
    if (!sign) {
        snprintf(error, TAG_ERROR, "\"%.*s\" is not NAME=VALUE", SHOWN_ARG(bytes_text(word)));
        return -1;
    }
    if (name_check(out->name, word, error))
        return -1;
    return value_set(out, bytes_text(sign + 1), error);
}

/* Where the bounds begin, at their colon; the end of the word when it has none. */
static const char *bounds_of(const char *word)
{
    const char *colon = strrchr(word, ':');
    return colon && strstr(colon, "..") ? colon : word + strlen(word);
}

int tag_mv(struct tag *out, const char *word, char error[static TAG_ERROR])
{
    const char *colon = bounds_of(word);
    struct bytes head = bytes_of(word, (size_t)(colon - word));
    const char *sign = memrchr(head.data, '=', head.size);
    *out = (struct tag){.name = bytes_of(word, (size_t)((sign ? sign : colon) - word))};
    if (name_check(out->name, word, error))
        return -1;
    if (*colon == 0 && strchr(word, ':')) {
        snprintf(error, TAG_ERROR, "\"%.*s\": bounds are LOW..HIGH", SHOWN_ARG(bytes_text(word)));
        return -1;
    }
    if (sign && value_set(out, bytes_of(sign + 1, (size_t)(colon - sign) - 1), error))
        return -1;
    return *colon ? bounds_set(out, bytes_text(colon + 1), error) : 0;
}

int tag_cv(struct tag *out, const char *word, char error[static TAG_ERROR])
{
    const char *colon = bounds_of(word);
    struct bytes head = bytes_of(word, (size_t)(colon - word));
    const char *sign = memchr(head.data, '=', head.size);
    *out = (struct tag){.name = bytes_of(word, (size_t)((sign ? sign : colon) - word))};
    if (name_check(out->name, word, error))
        return -1;
    if (sign)
        out->expression = bytes_of(sign + 1, (size_t)(colon - sign) - 1);
    if (sign && !out->expression.size) {
        snprintf(error, TAG_ERROR, "%.*s: an expression is missing", SHOWN_ARG(out->name));
        return -1;
    }
    return *colon ? bounds_set(out, bytes_text(colon + 1), error) : 0;
}

/* --- lists ---------------------------------------------------------------------------------- */

int tags_add(struct tags *tags, const struct tag *tag, char error[static TAG_ERROR])
{
    for (size_t i = 0; i < tags->count; i++)
        if (bytes_equal(tags->at[i].name, tag->name)) {
            snprintf(error, TAG_ERROR, "%.*s is given twice", SHOWN_ARG(tag->name));
            return -1;
        }
    if (tags->count == tags->capacity) {
        tags->capacity = tags->capacity ? 2 * tags->capacity : 16;
        tags->at = must_realloc(tags->at, tags->capacity * sizeof *tags->at);
    }
    tags->at[tags->count++] = *tag;
    return 0;
}

void tags_fini(struct tags *tags)
{
    free(tags->at);
    *tags = (struct tags){0};
}

void tags_pack_values(const struct tags *tags, struct buf *out)
{
    uint32_t count = 0;
    for (size_t i = 0; i < tags->count; i++)
        count += tags->at[i].has_value;
    pack_map(out, count);
    for (size_t i = 0; i < tags->count; i++)
        if (tags->at[i].has_value) {
            pack_str(out, tags->at[i].name);
            pack_float(out, tags->at[i].value);
        }
}

/* --- lines ---------------------------------------------------------------------------------- */

struct pair {
    struct bytes key, value;
};

static struct bytes trimmed(const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (from < to && isspace((unsigned char)to[-1]))
        to--;
    return bytes_of(from, (size_t)(to - from));
}

/* A text in quotes or brackets, without them, or all up to one of `ends`. False: not closed. */
static bool take_text(const char **at, const char *ends, struct bytes *out)
{
    const char *from = *at + strspn(*at, " \t\r\n"), *to;
    if (*from == '"' || *from == '\'' || *from == '[') {
        to = strchr(from + 1, *from == '[' ? ']' : *from);
        if (!to)
            return false;
        *out = bytes_of(from + 1, (size_t)(to - from) - 1);
        *at = to + 1;
        return true;
    }
    to = from + strcspn(from, ends);
    *out = trimmed(from, to);
    *at = to;
    return true;
}

/* 1: a pair; 0: there is none left; -1: what comes is none. */
static int take_pair(const char **at, struct pair *p)
{
    *at += strspn(*at, " \t\r\n,;{}");
    if (**at == 0)
        return 0;
    if (!take_text(at, "=:,;{}", &p->key))
        return -1;
    *at += strspn(*at, " \t\r\n");
    if (**at != '=' && **at != ':')
        return -1;
    ++*at;
    return take_text(at, ",;{} \t\r\n", &p->value) && p->key.size ? 1 : -1;
}

/* Is it this name, whatever its case and however its parts are joined? */
static bool is_called(struct bytes key, const char *name)
{
    const char *at = key.data, *end = at + key.size;
    for (; at < end; at++) {
        if (*at == '_')
            continue;
        if (!*name || tolower((unsigned char)*at) != *name++)
            return false;
    }
    return *name == 0;
}

static bool names_a_tag(struct bytes key)
{
    return is_called(key, "tagname") || is_called(key, "tagid");
}

static bool is_record(const char *line)
{
    struct pair p;
    while (take_pair(&line, &p) == 1)
        if (names_a_tag(p.key))
            return true;
    return false;
}

/* It is the moment of a measurement, and nothing here depends on that; but it must be one. */
static int time_check(struct bytes text, char error[static TAG_ERROR])
{
    double number;
    if (tag_number(text, &number) && number >= 0 && number < 0x1p63)
        return 0;
    snprintf(error, TAG_ERROR, "timeStamp: \"%.*s\" is no time", SHOWN_ARG(text));
    return -1;
}

static int record_set(struct tag *tag, const struct pair *p, char error[static TAG_ERROR])
{
    if (names_a_tag(p->key)) {
        tag->name = p->value;
        return 0;
    }
    if (is_called(p->key, "timestamp"))
        return time_check(p->value, error);
    if (is_called(p->key, "numericvalue"))
        return value_set(tag, p->value, error);
    if (is_called(p->key, "lowerbound"))
        return bound_set(tag, p->value, -INFINITY, &tag->has_lower, &tag->lower, error);
    if (is_called(p->key, "upperbound"))
        return bound_set(tag, p->value, INFINITY, &tag->has_upper, &tag->upper, error);
    if (is_called(p->key, "expression")) {
        tag->expression = p->value;
        return 0;
    }
    if (is_called(p->key, "isgood") || is_called(p->key, "datatype"))
        return 0; /* other clients of this service say them; nothing follows from them */
    snprintf(error, TAG_ERROR,
             "\"%.*s\" is none of tagName, timeStamp, numericValue, lowerBound, upperBound, "
             "expression",
             SHOWN_ARG(p->key));
    return -1;
}

static int fail_line(const char *at, char error[static TAG_ERROR])
{
    snprintf(error, TAG_ERROR,
             "not understood%s%.*s; write tagName=\"CV1\", timeStamp=123456789, numericValue=10.5",
             *at ? " from here on: " : "", SHOWN_ARG(bytes_text(at)));
    return -1;
}

static int line_record(struct tags *tags, const char *line, char error[static TAG_ERROR])
{
    struct tag tag = {.has_value = false};
    struct pair p;
    int got;
    while ((got = take_pair(&line, &p)) == 1)
        if (record_set(&tag, &p, error))
            return -1;
    if (got < 0)
        return fail_line(line, error);
    if (name_check(tag.name, "tagName", error) || bounds_check(&tag, error))
        return -1;
    return tags_add(tags, &tag, error);
}

int tags_line(struct tags *tags, const char *line, bool *record, char error[static TAG_ERROR])
{
    struct pair p;
    int got;
    size_t before = tags->count;
    *record = is_record(line);
    if (*record)
        return line_record(tags, line, error);
    while ((got = take_pair(&line, &p)) == 1) {
        struct tag tag = {.name = p.key};
        if (value_set(&tag, p.value, error) || tags_add(tags, &tag, error))
            break;
    }
    if (got == 0)
        return 0;
    tags->count = before; /* all of a line, or nothing */
    return got < 0 ? fail_line(line, error) : -1;
}
