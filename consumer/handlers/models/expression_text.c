/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/expression_text.h"

#include <math.h>
#include <stdarg.h>

#include "common/utf8.h"
#include "consumer/handlers/excerpt.h"
#include "consumer/handlers/models/function.h"
#include "consumer/handlers/models/nearest.h"

enum { NUMBER_BYTES_MAX = 64 };

/* A parenthesis that is open. */
struct level {
    const unsigned char *at;         /* it, or the name of its function */
    const struct function *function; /* NULL: only a parenthesis */
    size_t arguments;
};

/* A place in the text, and what is known of what lies before it. */
struct reader {
    const unsigned char *start, *at, *end;
    const char *const *names;
    size_t name_count;
    size_t *slot_of; /* of each name: its slot + 1, 0 when it has none yet */
    struct expression_text *out;
    struct expression_error *error;
    struct level levels[EXPRESSION_DEPTH_MAX];
    size_t depth, parts;
    bool failed;
};

/* --- places and errors ------------------------------------------------------------------------ */

static size_t column_of(const struct reader *r, const unsigned char *place)
{
    const unsigned char *at = r->start;
    size_t column = 1;
    while (at < place) {
        utf8_next(&at, r->end);
        column++;
    }
    return column;
}

__attribute__((format(printf, 3, 4))) static void
refuse(struct reader *r, const unsigned char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->error->text, sizeof r->error->text, format, args);
    va_end(args);
    r->error->column = place ? column_of(r, place) : 0;
    r->failed = true;
}

static struct bytes from_to(const unsigned char *from, const unsigned char *to)
{
    return bytes_of(from, (size_t)(to - from));
}

/* What stands at a place, for an error text: one character, or the end. */
static struct excerpt standing_at(const struct reader *r, const unsigned char *place)
{
    const unsigned char *behind = place;
    if (place == r->end)
        return (struct excerpt){"the end"};
    utf8_next(&behind, r->end);
    return excerpt_text(from_to(place, behind));
}

/* --- words ------------------------------------------------------------------------------------ */

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, and all that is beyond ASCII: a word is looked at as a whole. */
static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && memchr(" \t\r\n", *r->at, 4))
        r->at++;
}

static bool next_is(const struct reader *r, char c)
{
    return r->at < r->end && *r->at == (unsigned char)c;
}

/* One more part of the formula; false when that is too many. */
static bool count_part(struct reader *r)
{
    if (++r->parts <= EXPRESSION_PARTS_MAX)
        return true;
    refuse(r, r->at, "the expression has more than %d numbers, names and signs",
           EXPRESSION_PARTS_MAX);
    return false;
}

static void put_sign(struct reader *r, unsigned char sign)
{
    buf_put(&r->out->formula, &sign, 1);
}

static void put_slot(struct reader *r, size_t name, double number)
{
    size_t i = r->out->slot_count++;
    must(i < LENGTH(r->out->slots));
    r->out->slots[i] = (struct slot){.name = name, .number = number};
    buf_printf(&r->out->formula, "v%zx", i);
}

/* Passes over the digits; how many there were. */
static size_t skip_digits(struct reader *r)
{
    const unsigned char *from = r->at;
    while (r->at < r->end && is_digit(*r->at))
        r->at++;
    return (size_t)(r->at - from);
}

/* digits [. digits] [e [sign] digits], with a digit before or behind the point. */
static void read_number(struct reader *r)
{
    const unsigned char *from = r->at;
    size_t digits = skip_digits(r);
    if (next_is(r, '.')) {
        r->at++;
        digits += skip_digits(r);
    }
    if (!digits) {
        refuse(r, from, "a number needs a digit before or behind its point");
        return;
    }
    const unsigned char *mantissa = r->at;
    if (next_is(r, 'e') || next_is(r, 'E')) {
        r->at++;
        if (next_is(r, '+') || next_is(r, '-'))
            r->at++;
        if (!skip_digits(r))
            r->at = mantissa;
    }
    char copy[NUMBER_BYTES_MAX + 1] = {0};
    struct bytes text = from_to(from, r->at);
    if (text.size > NUMBER_BYTES_MAX) {
        refuse(r, from, "the number is longer than %d digits", NUMBER_BYTES_MAX);
        return;
    }
    memcpy(copy, text.data, text.size);
    char *stop;
    double number = strtod(copy, &stop);
    must(*stop == 0); /* no program of ours sets a locale with another point */
    if (isinf(number))
        refuse(r, from, "the number %s is too large", copy);
    else
        put_slot(r, SLOT_NUMBER, number);
}

static void refuse_name(struct reader *r, const unsigned char *place, struct bytes name)
{
    size_t best = SIZE_MAX;
    const char *nearest = NULL;
    for (size_t i = 0; i < r->name_count; i++) {
        size_t distance = nearest_distance(name, bytes_text(r->names[i]));
        if (distance < best) {
            best = distance;
            nearest = r->names[i];
        }
    }
    if (nearest)
        refuse(r, place, "unknown variable %s: the nearest known is %s", excerpt_text(name).text,
               excerpt_text(bytes_text(nearest)).text);
    else
        refuse(r, place, "unknown variable %s: none is known here", excerpt_text(name).text);
}

static void put_variable(struct reader *r, const unsigned char *place, struct bytes name)
{
    for (size_t i = 0; i < r->name_count; i++) {
        if (!bytes_equal(name, bytes_text(r->names[i])))
            continue;
        if (r->slot_of[i]) {
            buf_printf(&r->out->formula, "v%zx", r->slot_of[i] - 1);
            return;
        }
        put_slot(r, i, 0);
        r->slot_of[i] = r->out->slot_count;
        return;
    }
    refuse_name(r, place, name);
}

static void read_name(struct reader *r)
{
    const unsigned char *opened = r->at++;
    const unsigned char *from = r->at;
    while (r->at < r->end && *r->at != ']' && *r->at != '[')
        r->at++;
    if (!next_is(r, ']')) {
        refuse(r, opened, "the [ is not closed");
        return;
    }
    struct bytes name = from_to(from, r->at++);
    if (name.size)
        put_variable(r, opened, name);
    else
        refuse(r, opened, "there is no name between the brackets");
}

/* --- parentheses ------------------------------------------------------------------------------ */

static void open_level(struct reader *r, const unsigned char *place, const struct function *f)
{
    if (r->depth == EXPRESSION_DEPTH_MAX) {
        refuse(r, r->at, "parentheses are nested deeper than %d", EXPRESSION_DEPTH_MAX);
        return;
    }
    r->levels[r->depth++] = (struct level){.at = place, .function = f, .arguments = 1};
    r->at++;
    put_sign(r, '(');
}

static void close_level(struct reader *r)
{
    if (!r->depth) {
        refuse(r, r->at, "the ) closes nothing");
        return;
    }
    struct level level = r->levels[--r->depth];
    const struct function *f = level.function;
    if (f && (level.arguments < f->least || level.arguments > f->most)) {
        refuse(r, level.at, "%s takes %zu argument%s, not %zu", f->name, f->least,
               f->least == 1 ? "" : "s", level.arguments);
        return;
    }
    r->at++;
    put_sign(r, ')');
}

static void refuse_function(struct reader *r, const unsigned char *place, struct bytes name)
{
    size_t best = SIZE_MAX;
    const struct function *f, *nearest = NULL;
    for (size_t i = 0; (f = function_at(i)); i++) {
        size_t distance = nearest_distance(name, bytes_text(f->name));
        if (distance < best) {
            best = distance;
            nearest = f;
        }
    }
    must(nearest);
    refuse(r, place, "unknown function %s: the nearest known is \"%s\"", excerpt_text(name).text,
           nearest->name);
}

/* A function with its opening parenthesis. */
static void read_function(struct reader *r)
{
    const unsigned char *from = r->at;
    size_t number = 0;
    while (r->at < r->end && (is_word(*r->at) || is_digit(*r->at)))
        r->at++;
    struct bytes name = from_to(from, r->at);
    const struct function *f = function_find(name, &number);
    skip_space(r);
    bool called = next_is(r, '(');
    if (called && !f) {
        refuse_function(r, from, name);
    } else if (f && !called) {
        refuse(r, r->at, "the arguments of %s stand in parentheses behind it", f->name);
    } else if (!called) {
        refuse(r, from, "%s is no number: names of variables stand in brackets, as in [CV1]",
               excerpt_text(name).text);
    } else if (count_part(r)) {
        buf_printf(&r->out->formula, "f%zx", number);
        open_level(r, from, f);
    }
}

/* --- the formula ------------------------------------------------------------------------------ */

/* A run of signs is at most one minus: muParser takes no two in a row. */
static void read_signs(struct reader *r)
{
    bool minus = false;
    for (; next_is(r, '-') || next_is(r, '+'); skip_space(r)) {
        if (!count_part(r))
            return;
        minus ^= *r->at++ == '-';
    }
    if (minus)
        put_sign(r, '-');
}

/* What stands where a value has to begin. True: now an operator has to follow. */
static bool read_value(struct reader *r)
{
    read_signs(r);
    if (r->failed || !count_part(r))
        return false;
    const unsigned char *from = r->at;
    if (from == r->end) {
        refuse(r, from,
               r->parts == 1 ? "an expression is missing here" : "a value is missing at the end");
    } else if (*from == '(') {
        open_level(r, from, NULL);
        return false;
    } else if (is_word(*from)) {
        read_function(r);
        return false;
    } else if (is_digit(*from) || *from == '.') {
        read_number(r);
    } else if (*from == '[') {
        read_name(r);
    } else {
        refuse(r, from, "a value is missing before %s", standing_at(r, from).text);
    }
    return true;
}

static bool read_comma(struct reader *r)
{
    if (!r->depth || !r->levels[r->depth - 1].function) {
        refuse(r, r->at,
               "a comma stands between the arguments of a function only (decimals have a point)");
        return false;
    }
    r->levels[r->depth - 1].arguments++;
    put_sign(r, *r->at++);
    return false;
}

/* What stands behind a value. True: it was the end of another one, and what was said of the first
 * holds again. */
static bool read_operator(struct reader *r)
{
    if (!count_part(r))
        return false;
    switch (*r->at) {
    case ')': close_level(r); return true;
    case ',': return read_comma(r);
    case '+':
    case '-':
    case '*':
    case '/':
    case '^': put_sign(r, *r->at++); return false;
    case '<':
    case '>':
    case '=':
    case '!': refuse(r, r->at, "a comparison is no part of an expression"); return false;
    default:
        refuse(r, r->at, "an operator is missing before %s", standing_at(r, r->at).text);
        return false;
    }
}

static void read_formula(struct reader *r)
{
    bool behind_value = false;
    for (skip_space(r); !r->failed && (r->at < r->end || !behind_value); skip_space(r))
        behind_value = behind_value ? read_operator(r) : read_value(r);
    if (!r->failed && r->depth)
        refuse(r, r->levels[r->depth - 1].at, "the parenthesis is not closed");
}

int expression_text_read(struct expression_text *out, struct bytes text, const char *const *names,
                         size_t count, struct expression_error *error)
{
    const unsigned char *start = text.data ? text.data : (const unsigned char *)"";
    struct reader r = {.start = start,
                       .at = start,
                       .end = start + text.size,
                       .names = names,
                       .name_count = count,
                       .out = out,
                       .error = error};
    if (text.size > EXPRESSION_BYTES_MAX) {
        refuse(&r, NULL, "the expression is longer than %d KiB", EXPRESSION_BYTES_MAX / 1024);
        return -1;
    }
    r.slot_of = must_alloc(count * sizeof *r.slot_of);
    read_formula(&r);
    free(r.slot_of);
    return r.failed ? -1 : 0;
}

void expression_text_fini(struct expression_text *t)
{
    buf_fini(&t->formula);
}
