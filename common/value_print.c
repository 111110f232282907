/* SPDX-License-Identifier: Apache-2.0
 *
 * value_print: values as JSON and as text. msgpack-c reads them behind a bounded check: it trusts
 * the sizes it finds, so nothing comes to its unpacker that pack_valid has not passed. JSON is
 * written here: msgpack holds things that no JSON library prints (binary data, 64 bits without a
 * sign, doubles in their shortest form).
 */
#include <locale.h>
#include <math.h>
#include <msgpack.h>
#include <reeve/value.h>

#include "common/must.h"
#include "common/pack.h"
#include "common/value.h"

enum { DOUBLE_TEXT = 40 };

/* Bytes of the UTF-8 character at `at`; 0 when there is none (also for surrogates, long forms). */
static size_t utf8_size(const unsigned char *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (size < 2)
        return size;
    if (size > left || at[0] > 0xf4)
        return 0;
    uint32_t c = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3f);
    }
    return c < least[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : size;
}

static void print_character(struct buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        buf_printf(out, "\\%c", to[at - from]);
    else
        buf_printf(out, "\\u%04x", c);
}

static void print_string(struct buf *out, const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    buf_put(out, "\"", 1);
    for (size_t i = 0, step; i < size; i += step) {
        step = utf8_size(at + i, size - i);
        if (step == 0) {
            buf_put(out, "\xef\xbf\xbd", 3); /* not UTF-8: the replacement character */
            step = 1;
        } else if (step == 1 && (at[i] < 0x20 || at[i] == '"' || at[i] == '\\' || at[i] == 0x7f)) {
            print_character(out, at[i]);
        } else {
            buf_put(out, at + i, step);
        }
    }
    buf_put(out, "\"", 1);
}

static void print_base64(struct buf *out, const char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)data;
    buf_put(out, "\"", 1);
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)at[i] << 16;
        if (have > 1)
            bits |= (uint32_t)at[i + 1] << 8;
        if (have > 2)
            bits |= at[i + 2];
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                        have > 1 ? digits[bits >> 6 & 63] : '=',
                        have > 2 ? digits[bits & 63] : '='};
        buf_put(out, four, 4);
    }
    buf_put(out, "\"", 1);
}

/* The program around us may have set a locale whose decimal point is not one. */
static void point_restore(char *text)
{
    const char *point = localeconv()->decimal_point;
    char *at = strcmp(point, ".") == 0 ? NULL : strstr(text, point);
    if (!at)
        return;
    size_t size = strlen(point);
    *at = '.';
    memmove(at + 1, at + size, strlen(at + size) + 1);
}

static void print_double(struct buf *out, double number)
{
    char text[DOUBLE_TEXT];
    if (!isfinite(number)) {
        buf_put(out, "null", 4);
        return;
    }
    for (int digits = isnormal(number) ? 15 : 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        double back = strtod(text, NULL);
        if (memcmp(&back, &number, sizeof back) == 0)
            break;
    }
    point_restore(text);
    buf_put(out, text, strlen(text));
    if (!strpbrk(text, ".e"))
        buf_put(out, ".0", 2); /* still seen to be a double */
}

static void print_object(struct buf *out, const msgpack_object *o);

/* JSON's keys are strings; what is none stands as the text of its JSON. Not so a container with
 * something in it: a key in a key in a key ... would double its escapes at each level, and 200
 * bytes could fill the memory. */
static void print_key(struct buf *out, const msgpack_object *key)
{
    if (key->type == MSGPACK_OBJECT_ARRAY || key->type == MSGPACK_OBJECT_MAP) {
        bool array = key->type == MSGPACK_OBJECT_ARRAY;
        uint32_t size = array ? key->via.array.size : key->via.map.size;
        buf_printf(out, array ? "\"[%s]\"" : "\"{%s}\"", size ? "..." : "");
        return;
    }
    if (key->type == MSGPACK_OBJECT_STR) {
        print_string(out, key->via.str.ptr, key->via.str.size);
        return;
    }
    struct buf inner = {0};
    print_object(&inner, key);
    print_string(out, (const char *)inner.data, inner.size);
    buf_fini(&inner);
}

static void print_array(struct buf *out, const msgpack_object_array *array)
{
    buf_put(out, "[", 1);
    for (uint32_t i = 0; i < array->size; i++) {
        buf_put(out, ",", i > 0);
        print_object(out, &array->ptr[i]);
    }
    buf_put(out, "]", 1);
}

static void print_map(struct buf *out, const msgpack_object_map *map)
{
    buf_put(out, "{", 1);
    for (uint32_t i = 0; i < map->size; i++) {
        buf_put(out, ",", i > 0);
        print_key(out, &map->ptr[i].key);
        buf_put(out, ":", 1);
        print_object(out, &map->ptr[i].val);
    }
    buf_put(out, "}", 1);
}

/* Recursive: what came through pack_valid is PACK_DEPTH_MAX deep at most. */
static void print_object(struct buf *out, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: buf_put(out, "null", 4); break;
    case MSGPACK_OBJECT_BOOLEAN: buf_printf(out, "%s", o->via.boolean ? "true" : "false"); break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        buf_printf(out, "%llu", (unsigned long long)o->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: buf_printf(out, "%lld", (long long)o->via.i64); break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: print_double(out, o->via.f64); break;
    case MSGPACK_OBJECT_STR: print_string(out, o->via.str.ptr, o->via.str.size); break;
    case MSGPACK_OBJECT_BIN: print_base64(out, o->via.bin.ptr, o->via.bin.size); break;
    case MSGPACK_OBJECT_EXT: print_base64(out, o->via.ext.ptr, o->via.ext.size); break;
    case MSGPACK_OBJECT_ARRAY: print_array(out, &o->via.array); break;
    case MSGPACK_OBJECT_MAP: print_map(out, &o->via.map); break;
    }
}

/* What is no container needs neither the unpacker's memory nor its time. */
static bool print_scalar(struct buf *out, struct cursor *c, enum pack_kind kind)
{
    struct bytes b;
    switch (kind) {
    case PACK_NIL: /* is one byte */
        c->at++;
        buf_put(out, "null", 4);
        break;
    case PACK_BOOL: buf_printf(out, "%s", cursor_bool(c) ? "true" : "false"); break;
    case PACK_UINT: buf_printf(out, "%llu", (unsigned long long)cursor_uint(c)); break;
    case PACK_INT: buf_printf(out, "%lld", (long long)cursor_int(c)); break;
    case PACK_FLOAT: print_double(out, cursor_float(c)); break;
    case PACK_STR:
        b = cursor_str(c);
        print_string(out, b.data, b.size);
        break;
    default: return false;
    }
    return cursor_ok(c) && cursor_done(c);
}

static bool print_container(struct buf *out, struct bytes value)
{
    msgpack_unpacked unpacked;
    size_t at = 0;
    if (!pack_valid(value))
        return false;
    msgpack_unpacked_init(&unpacked);
    bool read =
        msgpack_unpack_next(&unpacked, value.data, value.size, &at) == MSGPACK_UNPACK_SUCCESS;
    if (read)
        print_object(out, &unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return read;
}

bool value_json(struct buf *out, struct bytes value)
{
    size_t before = out->size;
    struct cursor c = cursor_of(value);
    enum pack_kind kind = cursor_peek(&c);
    bool container = kind == PACK_ARRAY || kind == PACK_MAP || kind == PACK_BIN || kind == PACK_EXT;
    if (container ? print_container(out, value) : print_scalar(out, &c, kind))
        return true;
    out->size = before;
    return false;
}

bool value_text(struct buf *out, struct bytes value)
{
    struct cursor c = cursor_of(value);
    if (cursor_peek(&c) != PACK_STR)
        return value_json(out, value);
    struct bytes text = cursor_str(&c);
    if (!cursor_ok(&c) || !cursor_done(&c))
        return false;
    buf_put(out, text.data, text.size);
    return true;
}

/* The buf's memory, or NULL when there is nothing to give. */
static char *text_give(struct buf *out, bool good)
{
    if (!good) {
        buf_fini(out);
        return NULL;
    }
    (void)buf_text(out);
    return (char *)out->data;
}

char *reeve_json(const void *value, size_t size)
{
    struct buf out = {0};
    return text_give(&out, value_json(&out, bytes_of(value, size)));
}

char *reeve_text(const void *value, size_t size, size_t *text_size)
{
    struct buf out = {0};
    char *text = text_give(&out, value_text(&out, bytes_of(value, size)));
    if (text && text_size)
        *text_size = out.size;
    return text;
}
