/* SPDX-License-Identifier: Apache-2.0
 *
 * A slab is SLAB_BYTES at a multiple of SLAB_BYTES, so that a thing's address leads to its slab's
 * head; all things in it are of one size. Slabs are cut from regions, which stay.
 */
#include "common/pool.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#ifndef POOL_PLAIN
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_PLAIN 1
#elif defined(__has_feature)
#define POOL_PLAIN (__has_feature(address_sanitizer) || __has_feature(memory_sanitizer))
#else
#define POOL_PLAIN 0
#endif
#endif

enum {
    SLAB_BYTES = 64 << 10,
    REGION_BYTES = 1 << 20,
    HEAD_BYTES = 64,   /* of a slab */
    KEEP_BYTES = 4096, /* of an empty slab: where its head is */
    WARM_MAX = 16,     /* empty slabs that keep all their memory */
};

struct slab {
    struct link link; /* pool::open, pool::empty; in none when full */
    void *free;       /* given back; each leads to the next */
    uint32_t live;
    uint32_t fresh; /* from here on never taken */
    bool warm;
};

struct pool_region {
    struct pool_region *next;
    void *memory;
};

void pool_init(struct pool *p)
{
    *p = (struct pool){0};
    for (size_t i = 0; i < POOL_CLASSES; i++)
        link_init(&p->open[i]);
    link_init(&p->empty);
}

void pool_fini(struct pool *p)
{
    while (p->regions) {
        struct pool_region *region = p->regions;
        p->regions = region->next;
        free(region->memory);
        free(region);
    }
    pool_init(p);
}

static void region_add(struct pool *p)
{
    struct pool_region *region = must_alloc(sizeof *region);
    region->memory = aligned_alloc(SLAB_BYTES, REGION_BYTES);
    must(region->memory);
    region->next = p->regions;
    p->regions = region;
    for (size_t at = 0; at < REGION_BYTES; at += SLAB_BYTES) {
        struct slab *slab = (struct slab *)(void *)((char *)region->memory + at);
        *slab = (struct slab){0};
        list_append(&p->empty, &slab->link);
    }
}

static struct slab *slab_open(struct pool *p, size_t class)
{
    if (list_empty(&p->empty))
        region_add(p);
    struct slab *slab = list_first(&p->empty, struct slab, link);
    p->warm -= slab->warm;
    link_take(&slab->link);
    *slab = (struct slab){.fresh = HEAD_BYTES, .warm = true};
    link_init(&slab->link);
    list_push(&p->open[class], &slab->link);
    return slab;
}

static void slab_empty(struct pool *p, struct slab *slab)
{
    link_take(&slab->link);
    if (p->warm < WARM_MAX) {
        p->warm++;
        list_push(&p->empty, &slab->link);
        return;
    }
    /* Only advice: when it is not taken the memory stays, which is no error. */
    (void)madvise((char *)slab + KEEP_BYTES, SLAB_BYTES - KEEP_BYTES, MADV_DONTNEED);
    slab->warm = false;
    list_append(&p->empty, &slab->link);
}

void *pool_take(struct pool *p, size_t size)
{
    if (POOL_PLAIN || size > POOL_BYTES_MAX) {
        void *plain = malloc(size ? size : 1);
        must(plain);
        return plain;
    }
    size_t class = (size + POOL_GRAIN - 1) / POOL_GRAIN;
    struct slab *slab = list_empty(&p->open[class])
                            ? slab_open(p, class)
                            : list_first(&p->open[class], struct slab, link);
    void *at = slab->free;
    size_t step = class * POOL_GRAIN;
    slab->live++;
    if (at) {
        memcpy(&slab->free, at, sizeof slab->free);
    } else {
        at = (char *)slab + slab->fresh;
        slab->fresh += (uint32_t)step;
    }
    if (!slab->free && slab->fresh + step > SLAB_BYTES)
        link_take(&slab->link);
    return at;
}

void pool_give(struct pool *p, void *at, size_t size)
{
    if (POOL_PLAIN || size > POOL_BYTES_MAX) {
        free(at);
        return;
    }
    size_t class = (size + POOL_GRAIN - 1) / POOL_GRAIN;
    struct slab *slab = (struct slab *)((uintptr_t)at & ~(uintptr_t)(SLAB_BYTES - 1));
    memcpy(at, &slab->free, sizeof slab->free);
    slab->free = at;
    if (!link_listed(&slab->link))
        list_push(&p->open[class], &slab->link);
    if (--slab->live == 0)
        slab_empty(p, slab);
}
