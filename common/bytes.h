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

/* Two pieces, one from each end, which may lie over each other. */
#define BYTES_ENDS(type, to, from, size)                                                           \
    do {                                                                                           \
        type first, last;                                                                          \
        memcpy(&first, from, sizeof first);                                                        \
        memcpy(&last, (from) + (size) - sizeof last, sizeof last);                                 \
        memcpy(to, &first, sizeof first);                                                          \
        memcpy((to) + (size) - sizeof last, &last, sizeof last);                                   \
    } while (0)

/* memcpy, but nothing may come from nowhere. Mostly they are few, and copied faster than a call is
 * made. */
__attribute__((always_inline)) static inline void bytes_copy(void *to, struct bytes from)
{
    struct pair {
        uint64_t a, b;
    };
    const unsigned char *at = from.data;
    unsigned char *out = to;
    size_t size = from.size;
    if (size > 2 * sizeof(struct pair))
        memcpy(out, at, size);
    else if (size >= sizeof(struct pair))
        BYTES_ENDS(struct pair, out, at, size);
    else if (size >= sizeof(uint64_t))
        BYTES_ENDS(uint64_t, out, at, size);
    else if (size >= sizeof(uint32_t))
        BYTES_ENDS(uint32_t, out, at, size);
    else
        for (size_t i = 0; i < size; i++)
            out[i] = at[i];
}

#undef BYTES_ENDS

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
