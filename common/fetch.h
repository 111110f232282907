/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: asks the processor for memory that will be looked at in a moment, so that it comes while
 * something else is done. It changes nothing, and any address will do. At least a byte.
 */
#ifndef COMMON_FETCH_H
#define COMMON_FETCH_H

#include <stddef.h>

enum { FETCH_LINE_BYTES = 64 };

/* A function that did nothing else would be left out by a compiler, which knows of no effect. */
static inline void fetch(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += FETCH_LINE_BYTES)
        __builtin_prefetch((const char *)at + i);
    __builtin_prefetch((const char *)at + bytes - 1); /* it may begin within a line */
    __asm__ volatile("");
}

#endif
