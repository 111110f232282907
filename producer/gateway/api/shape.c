/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/api/shape.h"

#include <inttypes.h>
#include <stdio.h>

#include "producer/view/field.h"

/* A name of somebody else's, as much of it as fits into a sentence. */
enum { SHOWN = 60 };
#define SHOWN_ARG(b) (int)((b).size < SHOWN ? (b).size : SHOWN), (const char *)(b).data

static bool numbers_check(struct bytes value, const char *name, char error[static SHAPE_ERROR])
{
    double number;
    struct cursor c = cursor_of(value);
    if (cursor_peek(&c) != PACK_MAP) {
        snprintf(error, SHAPE_ERROR, "\"%s\" must be an object of numbers", name);
        return false;
    }
    for (struct fields f = fields_of(value); fields_next(&f);)
        if (!number_of(f.value, &number)) {
            snprintf(error, SHAPE_ERROR, "\"%.*s\" in \"%s\" must be a number", SHOWN_ARG(f.key),
                     name);
            return false;
        }
    return true;
}

static bool text_check(struct cursor *c, const struct shape_field *field,
                       char error[static SHAPE_ERROR])
{
    struct bytes text = cursor_peek(c) == PACK_STR ? cursor_str(c) : bytes_of(NULL, 0);
    int64_t size = (int64_t)text.size;
    if (text.data && size >= field->least && size <= field->most &&
        (!size || !memchr(text.data, 0, text.size)))
        return true;
    snprintf(error, SHAPE_ERROR, "\"%s\" must be a text of %" PRId64 " to %" PRId64 " bytes",
             field->name, field->least, field->most);
    return false;
}

static bool whole_check(struct cursor *c, const struct shape_field *field,
                        char error[static SHAPE_ERROR])
{
    enum pack_kind kind = cursor_peek(c);
    int64_t number = kind == PACK_UINT || kind == PACK_INT ? cursor_int(c) : 0;
    if ((kind == PACK_UINT || kind == PACK_INT) && cursor_ok(c) && number >= field->least &&
        number <= field->most)
        return true;
    snprintf(error, SHAPE_ERROR, "\"%s\" must be a whole number from %" PRId64 " to %" PRId64,
             field->name, field->least, field->most);
    return false;
}

static bool is_a(bool fits, const struct shape_field *field, const char *what,
                 char error[static SHAPE_ERROR])
{
    if (!fits)
        snprintf(error, SHAPE_ERROR, "\"%s\" must be %s", field->name, what);
    return fits;
}

static bool value_check(struct bytes value, const struct shape_field *field,
                        char error[static SHAPE_ERROR])
{
    double number;
    struct cursor c = cursor_of(value);
    enum pack_kind kind = cursor_peek(&c);
    switch (field->kind) {
    case SHAPE_TEXT: return text_check(&c, field, error);
    case SHAPE_WHOLE: return whole_check(&c, field, error);
    case SHAPE_NUMBER: return is_a(number_of(value, &number), field, "a number", error);
    case SHAPE_TRUTH: return is_a(kind == PACK_BOOL, field, "true or false", error);
    case SHAPE_ARRAY: return is_a(kind == PACK_ARRAY, field, "an array", error);
    case SHAPE_NUMBERS: return numbers_check(value, field->name, error);
    }
    return false;
}

static const struct shape_field *field_named(const struct shape_field *fields, struct bytes name)
{
    for (; fields->name; fields++)
        if (bytes_equal(name, bytes_text(fields->name)))
            return fields;
    return NULL;
}

static bool is_nil(struct bytes value)
{
    struct cursor c = cursor_of(value);
    return value.size == 0 || cursor_peek(&c) == PACK_NIL;
}

bool shape_check(struct bytes map, const struct shape_field *fields, char error[static SHAPE_ERROR])
{
    struct cursor c = cursor_of(map);
    if (cursor_peek(&c) != PACK_MAP) {
        snprintf(error, SHAPE_ERROR, "the body must be a JSON object");
        return false;
    }
    for (struct fields f = fields_of(map); fields_next(&f);) {
        const struct shape_field *field = field_named(fields, f.key);
        if (!field) {
            snprintf(error, SHAPE_ERROR, "unknown field \"%.*s\"", SHOWN_ARG(f.key));
            return false;
        }
        if (!is_nil(f.value) && !value_check(f.value, field, error))
            return false;
    }
    for (; fields->name; fields++)
        if (fields->needed && is_nil(field_of(map, fields->name))) {
            snprintf(error, SHAPE_ERROR, "\"%s\" is missing", fields->name);
            return false;
        }
    return true;
}

/* --- in a path or a query ------------------------------------------------------------------- */

bool shape_digits(struct bytes text, uint64_t most, uint64_t *out)
{
    const char *at = text.data;
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (at[i] < '0' || at[i] > '9' || number > (UINT64_MAX - 9) / 10)
            return false;
        number = number * 10 + (uint64_t)(at[i] - '0');
    }
    *out = number;
    return text.size > 0 && number <= most;
}

bool shape_seconds(struct bytes text, int64_t most_s, int64_t *out_ms)
{
    const char *dot = text.size ? memchr(text.data, '.', text.size) : NULL;
    struct bytes whole = text;
    uint64_t seconds, ms = 0, scale = 100;
    if (dot)
        whole.size = (size_t)(dot - (const char *)text.data);
    if (!shape_digits(whole, (uint64_t)most_s, &seconds) || whole.size + 1 == text.size)
        return false;
    for (size_t i = whole.size + 1; i < text.size; i++, scale /= 10) {
        char digit = ((const char *)text.data)[i];
        if (digit < '0' || digit > '9')
            return false;
        ms += (uint64_t)(digit - '0') * scale;
    }
    *out_ms = (int64_t)(seconds * 1000 + ms);
    return *out_ms <= most_s * 1000;
}
