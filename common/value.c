/* SPDX-License-Identifier: Apache-2.0
 *
 * value: reeve/value.h. msgpack-c writes and reads the values, jansson reads JSON; what is ours is
 * the bounded check before either is believed: msgpack-c trusts the sizes it reads, so nothing
 * comes to its unpacker that pack_valid has not passed. JSON is written here: msgpack holds things
 * that no JSON library prints (binary data, 64 bits without a sign, doubles in their shortest
 * form).
 */
#include "common/value.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <msgpack.h>
#include <reeve/value.h>

#include "common/must.h"
#include "common/pack.h"

/* Arguments are wrapped in an array, so a value leaves one level of what pack_valid takes free. */
enum { JSON_DEPTH_MAX = PACK_DEPTH_MAX - 2, DOUBLE_TEXT = 40 };

struct reeve_value {
    struct buf buf;
    msgpack_packer packer;
};

static int value_write(void *user, const char *data, size_t size)
{
    struct reeve_value *v = user;
    buf_put(&v->buf, data, size);
    return 0;
}

struct reeve_value *reeve_value_new(void)
{
    struct reeve_value *v = must_alloc(sizeof *v);
    msgpack_packer_init(&v->packer, v, value_write);
    return v;
}

void reeve_value_free(struct reeve_value *v)
{
    if (!v)
        return;
    buf_fini(&v->buf);
    free(v);
}

void reeve_value_clear(struct reeve_value *v)
{
    buf_clear(&v->buf);
}

const void *reeve_value_data(const struct reeve_value *v)
{
    return v->buf.data;
}

size_t reeve_value_size(const struct reeve_value *v)
{
    return v->buf.size;
}

void reeve_put_nil(struct reeve_value *v)
{
    msgpack_pack_nil(&v->packer);
}

void reeve_put_bool(struct reeve_value *v, int truth)
{
    if (truth)
        msgpack_pack_true(&v->packer);
    else
        msgpack_pack_false(&v->packer);
}

void reeve_put_int(struct reeve_value *v, int64_t number)
{
    msgpack_pack_int64(&v->packer, number);
}

void reeve_put_uint(struct reeve_value *v, uint64_t number)
{
    msgpack_pack_uint64(&v->packer, number);
}

void reeve_put_double(struct reeve_value *v, double number)
{
    msgpack_pack_double(&v->packer, number);
}

void reeve_put_text(struct reeve_value *v, const char *text)
{
    reeve_put_text_n(v, text, strlen(text));
}

void reeve_put_text_n(struct reeve_value *v, const char *text, size_t size)
{
    msgpack_pack_str(&v->packer, size);
    msgpack_pack_str_body(&v->packer, text, size);
}

void reeve_put_bytes(struct reeve_value *v, const void *data, size_t size)
{
    msgpack_pack_bin(&v->packer, size);
    msgpack_pack_bin_body(&v->packer, data, size);
}

void reeve_put_array(struct reeve_value *v, uint32_t count)
{
    msgpack_pack_array(&v->packer, count);
}

void reeve_put_map(struct reeve_value *v, uint32_t pairs)
{
    msgpack_pack_map(&v->packer, pairs);
}

/* --- from JSON -------------------------------------------------------------------------------- */

/* False when it is nested too deep; the caller takes back what was put. */
static bool put_tree(struct reeve_value *v, const json_t *json, unsigned depth)
{
    const char *key;
    json_t *inner;
    size_t i;
    if (depth > JSON_DEPTH_MAX)
        return false;
    switch (json_typeof(json)) {
    case JSON_NULL: reeve_put_nil(v); break;
    case JSON_TRUE: reeve_put_bool(v, 1); break;
    case JSON_FALSE: reeve_put_bool(v, 0); break;
    case JSON_INTEGER: reeve_put_int(v, json_integer_value(json)); break;
    case JSON_REAL: reeve_put_double(v, json_real_value(json)); break;
    case JSON_STRING: reeve_put_text_n(v, json_string_value(json), json_string_length(json)); break;
    case JSON_ARRAY:
        reeve_put_array(v, (uint32_t)json_array_size(json));
        json_array_foreach(json, i, inner) if (!put_tree(v, inner, depth + 1)) return false;
        break;
    case JSON_OBJECT:
        reeve_put_map(v, (uint32_t)json_object_size(json));
        json_object_foreach((json_t *)(uintptr_t)json, key, inner)
        {
            reeve_put_text(v, key);
            if (!put_tree(v, inner, depth + 1))
                return false;
        }
        break;
    }
    return true;
}

int reeve_put_json(struct reeve_value *v, const char *json, size_t size, char *error,
                   size_t error_size)
{
    json_error_t why;
    size_t before = v->buf.size;
    /* Of two equal keys one would be lost without a word. */
    json_t *tree =
        json_loadb(json, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!tree) {
        if (error_size)
            snprintf(error, error_size, "not JSON: %s (line %d, column %d)", why.text, why.line,
                     why.column);
        return -1;
    }
    bool fits = put_tree(v, tree, 0);
    json_decref(tree);
    if (fits)
        return 0;
    v->buf.size = before;
    if (error_size)
        snprintf(error, error_size, "nested deeper than %d levels", JSON_DEPTH_MAX);
    return -1;
}

/* --- words of a command line ------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *digits_skip(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

/* Where the JSON number at `at` ends; NULL when there is none. *whole: neither point nor exponent.
 */
static const char *number_skip(const char *at, bool *whole)
{
    const char *from;
    *whole = true;
    if (*at == '-')
        at++;
    if (*at == '0')
        at++; /* 007 is not a number in JSON */
    else if (is_digit(*at))
        at = digits_skip(at);
    else
        return NULL;
    if (*at == '.') {
        from = ++at;
        *whole = false;
        at = digits_skip(at);
        if (at == from)
            return NULL;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        *whole = false;
        if (*at == '+' || *at == '-')
            at++;
        from = at;
        at = digits_skip(at);
        if (at == from)
            return NULL;
    }
    return at;
}

static void put_whole(struct reeve_value *v, const char *word)
{
    errno = 0;
    if (*word == '-') {
        long long number = strtoll(word, NULL, 10);
        if (errno == 0) {
            reeve_put_int(v, number);
            return;
        }
    } else {
        unsigned long long number = strtoull(word, NULL, 10);
        if (errno == 0) {
            reeve_put_uint(v, number);
            return;
        }
    }
    reeve_put_text(v, word); /* digits: whoever can count that far reads them */
}

/* The JSON text with every integer that jansson cannot hold made a string of its digits. */
static void quote_large(struct buf *out, const char *json)
{
    bool inside = false; /* a string */
    while (*json) {
        const char *end = NULL;
        bool whole = false;
        if (!inside && (*json == '-' || is_digit(*json)))
            end = number_skip(json, &whole);
        if (end) {
            errno = 0;
            if (whole)
                (void)strtoll(json, NULL, 10);
            bool large = errno == ERANGE;
            errno = 0;
            buf_put(out, "\"", large);
            buf_put(out, json, (size_t)(end - json));
            buf_put(out, "\"", large);
            json = end;
            continue;
        }
        if (*json == '"')
            inside = !inside;
        if (inside && *json == '\\' && json[1])
            buf_put(out, json++, 1);
        buf_put(out, json++, 1);
    }
}

static bool put_container(struct reeve_value *v, const char *word)
{
    struct buf json = {0};
    quote_large(&json, word);
    int rc = reeve_put_json(v, (const char *)json.data, json.size, NULL, 0);
    buf_fini(&json);
    return rc == 0;
}

int reeve_put_word(struct reeve_value *v, const char *word)
{
    bool whole;
    const char *end = number_skip(word, &whole);
    const char *first = word + strspn(word, " \t\r\n");
    if (end && *end == 0 && whole)
        put_whole(v, word);
    else if (end && *end == 0 && reeve_put_json(v, word, strlen(word), NULL, 0) == 0)
        ; /* a double; one beyond their range is text */
    else if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        reeve_put_bool(v, *word == 't');
    else if ((*first == '[' || *first == '{') && put_container(v, word))
        ;
    else
        reeve_put_text(v, word);
    return 0;
}

/* --- to JSON ---------------------------------------------------------------------------------- */

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
        snprintf(text, sizeof text - 2, "%.*g", digits, number);
        double back = strtod(text, NULL);
        if (memcmp(&back, &number, sizeof back) == 0)
            break;
    }
    point_restore(text);
    if (!strpbrk(text, ".e"))
        strcat(text, ".0"); /* still seen to be a double */
    buf_put(out, text, strlen(text));
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
    case PACK_NIL:
        cursor_skip(c);
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
