/* SPDX-License-Identifier: Apache-2.0
 *
 * value: the building half of reeve/value.h: msgpack-c writes the values, jansson reads JSON, and
 * the words of a command line are told apart here. Printing is in value_print.c.
 */
#include <errno.h>
#include <jansson.h>
#include <msgpack.h>
#include <reeve/value.h>

#include "common/must.h"
#include "common/pack.h"

/* Arguments are wrapped in an array, so a value leaves one level of what pack_valid takes free. */
enum { JSON_DEPTH_MAX = PACK_DEPTH_MAX - 2 };

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
