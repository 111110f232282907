/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/field.h"

#include <math.h>

struct fields fields_of(struct bytes map)
{
    struct fields f = {.at = cursor_of(map)};
    f.left = map.size ? cursor_map(&f.at) : 0;
    return f;
}

bool fields_next(struct fields *f)
{
    if (f->left == 0 || !cursor_ok(&f->at))
        return false;
    f->left--;
    f->key = cursor_str(&f->at);
    f->value = cursor_value(&f->at);
    return cursor_ok(&f->at);
}

struct bytes field_of(struct bytes map, const char *key)
{
    for (struct fields f = fields_of(map); fields_next(&f);)
        if (bytes_equal(f.key, bytes_text(key)))
            return f.value;
    return bytes_of(NULL, 0);
}

struct bytes field_text(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(field_of(map, key));
    return cursor_peek(&c) == PACK_STR ? cursor_str(&c) : bytes_of("", 0);
}

uint64_t field_uint(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(field_of(map, key));
    return cursor_peek(&c) == PACK_UINT ? cursor_uint(&c) : 0;
}

bool number_of(struct bytes value, double *out)
{
    struct cursor c = cursor_of(value);
    if (!value.size)
        return false;
    *out = cursor_float(&c);
    return cursor_ok(&c) && isfinite(*out);
}

bool field_number(struct bytes map, const char *key, double *out)
{
    return number_of(field_of(map, key), out);
}

bool field_truth(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(field_of(map, key));
    return cursor_peek(&c) == PACK_BOOL && cursor_bool(&c);
}

bool field_among(struct bytes key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(key, bytes_text(names[i])))
            return true;
    return false;
}
