/* SPDX-License-Identifier: Apache-2.0
 *
 * must: what we promise ourselves. A failed must() is a bug of ours, never of a peer, a child or
 * a disk: those are errors (proto/errors.h) and are returned. Always on, also in release builds.
 */
#ifndef COMMON_MUST_H
#define COMMON_MUST_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define must(cond) ((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))

_Noreturn static inline void must_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
    abort();
}

/* Allocation succeeds or does not return: a broker that cannot have 100 bytes has no good answer
 * left, and its supervisor starts it again from what is stored. Sizes that a peer chooses are
 * bounded before they come here. */
static inline void *must_alloc(size_t size) /* cleared */
{
#ifdef __clang_analyzer__ /* it does not see through the shorter way */
    void *at = calloc(1, size ? size : 1);
    must(at);
    return at;
#else
    enum { SMALL = 1024 }; /* up to here glibc's malloc has a shorter way that its calloc has not */
    void *at = size <= SMALL ? malloc(size ? size : 1) : calloc(1, size);
    must(at);
    return size <= SMALL ? memset(at, 0, size) : at;
#endif
}

static inline void *must_realloc(void *old, size_t size)
{
    void *at = realloc(old, size ? size : 1);
    must(at);
    return at;
}

static inline char *must_strdup(const char *text)
{
    char *copy = strdup(text);
    must(copy);
    return copy;
}

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
