/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/word.h"

#include <math.h>

#include "common/pack.h"

struct bytes word_member(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(map);
    if (cursor_peek(&c) != PACK_MAP)
        return (struct bytes){0};
    for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
        struct bytes name = cursor_value(&c), value = cursor_value(&c);
        struct cursor n = cursor_of(name);
        if (cursor_peek(&n) == PACK_STR && bytes_equal(cursor_str(&n), bytes_text(key)))
            return value;
    }
    return (struct bytes){0};
}

struct bytes word_text(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(word_member(map, key));
    return cursor_peek(&c) == PACK_STR ? cursor_str(&c) : (struct bytes){0};
}

double word_number(struct bytes value)
{
    struct cursor c = cursor_of(value);
    enum pack_kind kind = cursor_peek(&c);
    return kind == PACK_UINT || kind == PACK_INT || kind == PACK_FLOAT ? cursor_float(&c) : NAN;
}

/* --- CVs that stand still ------------------------------------------------------------------- */

/* Of the last pair of that name: a map of sloppy clients may have several. */
static double said_of(struct bytes values, struct bytes name)
{
    struct cursor c = cursor_of(values);
    double found = NAN;
    if (!name.size || cursor_peek(&c) != PACK_MAP)
        return NAN;
    for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
        bool same = bytes_equal(cursor_str(&c), name);
        struct bytes value = cursor_value(&c);
        if (same)
            found = word_number(value);
    }
    return found;
}

static bool stands_still(struct bytes expression)
{
    char text[40], *end = text;
    if (!expression.size || expression.size >= sizeof text)
        return false;
    memcpy(text, expression.data, expression.size);
    text[expression.size] = 0;
    return isfinite(strtod(text, &end)) && !*end;
}

static bool settle_cv(struct bytes cv, struct bytes cvs, struct buf *out)
{
    double number = said_of(cvs, word_text(cv, "name"));
    if (!isfinite(number) || !stands_still(word_text(cv, "expression"))) {
        buf_put(out, cv.data, cv.size);
        return false;
    }
    char text[32];
    struct cursor c = cursor_of(cv);
    uint32_t pairs = cursor_map(&c);
    snprintf(text, sizeof text, "%.17g", number);
    pack_map(out, pairs);
    for (; pairs && cursor_ok(&c); pairs--) {
        struct bytes key = cursor_str(&c), value = cursor_value(&c);
        pack_str(out, key);
        if (bytes_equal(key, bytes_text("expression")))
            pack_text(out, text);
        else
            buf_put(out, value.data, value.size);
    }
    return true;
}

static bool settle_list(struct bytes list, struct bytes cvs, struct buf *out)
{
    struct cursor c = cursor_of(list);
    uint32_t count = cursor_array(&c);
    bool settled = false;
    pack_array(out, count);
    for (; count && cursor_ok(&c); count--)
        settled |= settle_cv(cursor_value(&c), cvs, out);
    return settled;
}

bool word_settle(struct bytes spec, struct bytes cvs, struct buf *out)
{
    struct cursor c = cursor_of(spec);
    struct buf all = {0};
    bool settled = false;
    uint32_t pairs = cursor_map(&c);
    pack_map(&all, pairs);
    for (; pairs && cursor_ok(&c); pairs--) {
        struct bytes key = cursor_str(&c), value = cursor_value(&c);
        pack_str(&all, key);
        if (bytes_equal(key, bytes_text("cvs")))
            settled |= settle_list(value, cvs, &all);
        else
            buf_put(&all, value.data, value.size);
    }
    if (settled)
        buf_put(out, all.data, all.size);
    buf_fini(&all);
    return settled;
}
