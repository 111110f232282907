/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <stdarg.h>

#include "common/must.h"

void buf_grow(struct buf *b, size_t more)
{
    size_t want = b->size + more;
    must(want >= more);
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < want)
        capacity *= 2;
    if (capacity == b->capacity)
        return;
    b->data = must_realloc(b->data, capacity);
    b->capacity = capacity;
}

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    must(size >= 0);
    char *at = (char *)buf_extend(b, (size_t)size + 1);
    va_start(args, format);
    vsnprintf(at, (size_t)size + 1, format, args);
    va_end(args);
    b->size--; /* the closing 0 is room, not content */
}

const char *buf_text(struct buf *b)
{
    *buf_extend(b, 1) = 0;
    b->size--;
    return (const char *)b->data;
}
