/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes that grow at the end. Zeroed storage is an empty buf; buf_fini gives the memory back.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/bytes.h"

struct buf {
    unsigned char *data;
    size_t size, capacity;
};

void buf_grow(struct buf *b, size_t more) __attribute__((cold));
void buf_fini(struct buf *b);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for size bytes more; the caller writes them. */
__attribute__((always_inline)) static inline unsigned char *buf_extend(struct buf *b, size_t size)
{
    if (b->capacity - b->size < size)
        buf_grow(b, size);
    unsigned char *at = b->data + b->size;
    b->size += size;
    return at;
}

static inline void buf_put(struct buf *b, const void *data, size_t size)
{
    if (size)
        memcpy(buf_extend(b, size), data, size);
}

static inline void buf_clear(struct buf *b)
{
    b->size = 0;
}

static inline void buf_swap(struct buf *a, struct buf *b)
{
    struct buf was = *a;
    *a = *b;
    *b = was;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->data, b->size);
}

/* The content as a C string, lent until the next change; the closing 0 is not counted. */
const char *buf_text(struct buf *b);

#endif
