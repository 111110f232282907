/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve/value.h: values on their way to and from jobs. A value is msgpack bytes; these helpers
 * build them and turn them to and from JSON. All sizes are bytes. Nothing here is shared between
 * calls, so every function may be used from any thread on its own objects.
 */
#ifndef REEVE_VALUE_H
#define REEVE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A value under construction. Put an array or a map with its count, then that many values (for a
 * map: key, value, key, value, ...). */
struct reeve_value;
struct reeve_value *reeve_value_new(void);
void reeve_value_free(struct reeve_value *v); /* NULL is fine */
void reeve_value_clear(struct reeve_value *v);
void reeve_put_nil(struct reeve_value *v);
void reeve_put_bool(struct reeve_value *v, int truth);
void reeve_put_int(struct reeve_value *v, int64_t number);
void reeve_put_uint(struct reeve_value *v, uint64_t number);
void reeve_put_double(struct reeve_value *v, double number);
void reeve_put_text(struct reeve_value *v, const char *text); /* UTF-8, ends in 0 */
void reeve_put_text_n(struct reeve_value *v, const char *text, size_t size);
void reeve_put_bytes(struct reeve_value *v, const void *data, size_t size);
void reeve_put_array(struct reeve_value *v, uint32_t count);
void reeve_put_map(struct reeve_value *v, uint32_t pairs);

/* The bytes so far, lent until the next change. */
const void *reeve_value_data(const struct reeve_value *v);
size_t reeve_value_size(const struct reeve_value *v);

/* Appends what the JSON text says. 0, or -1 with a reason in error (which may be NULL when
 * error_size is 0) and nothing appended: not JSON, a key twice, nested too deep, an integer beyond
 * 64 bits (of which one is the sign). */
int reeve_put_json(struct reeve_value *v, const char *json, size_t size, char *error,
                   size_t error_size);

/* Appends one word of a command line: a word that reads as a JSON number, boolean, array or object
 * is that, anything else (null too) is text. Integers beyond 64 bits are text of their digits.
 * Always 0. */
int reeve_put_word(struct reeve_value *v, const char *word);

/* One value as compact JSON, malloc'ed, ends in 0; NULL when the bytes are not one well-formed
 * value. Doubles in their shortest exact form; binary data as base64 text; NaN and infinities as
 * null. */
char *reeve_json(const void *value, size_t size);

/* What a person wants to see: text as it is, anything else as JSON. malloc'ed, ends in 0, its
 * length in *text_size when that is not NULL; NULL when the bytes are not one value. */
char *reeve_text(const void *value, size_t size, size_t *text_size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
