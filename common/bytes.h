/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes: a borrowed run of bytes. Never owns, never ends in 0.
 */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const void *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

static inline struct bytes bytes_text(const char *text)
{
    return (struct bytes){.data = text, .size = text ? strlen(text) : 0};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_starts(struct bytes whole, struct bytes head)
{
    return whole.size >= head.size &&
           (head.size == 0 || memcmp(whole.data, head.data, head.size) == 0);
}

/* memcpy, but nothing may come from nowhere. */
static inline void bytes_copy(void *to, struct bytes from)
{
    if (from.size)
        memcpy(to, from.data, from.size);
}

/* FNV-1a folded with a seed; the seed makes tables of one process unlike another's. */
static inline uint64_t bytes_hash(struct bytes b, uint64_t seed)
{
    const unsigned char *at = b.data;
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < b.size; i++)
        h = (h ^ at[i]) * 0x100000001b3u;
    h ^= h >> 32;
    return h * 0x9e3779b97f4a7c15u;
}

/* For "%.*s": printf wants an int. */
#define BYTES_ARG(b) (int)(b).size, (const char *)((b).data ? (b).data : "")

#endif
