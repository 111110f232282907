/* SPDX-License-Identifier: Apache-2.0
 *
 * A slab is SLAB_BYTES of a region; all things in it are of one size. A region lies at a multiple
 * of its size and begins with the heads of its slabs, so that a thing's address leads to its slab's
 * head. The heads lie side by side for they are what is looked at most: at the start of each slab
 * they would all want the same few lines of the processor's cache. Regions stay.
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
    REGION_BYTES = 2 << 20, /* a huge page, where there are some */
    SLABS = REGION_BYTES / SLAB_BYTES,
    WARM_MAX = 16, /* empty slabs that keep their memory */
};

struct slab {
    struct link link;  /* pool::open, pool::empty; in none when full */
    void *free;        /* given back; each leads to the next */
    char *fresh, *end; /* from fresh on never taken */
    uint32_t live;
    bool warm;
};

struct pool_region {
    struct slab slabs[SLABS]; /* their heads; the first slab begins behind them */
    struct pool_region *next;
};

enum { HEAD_BYTES = (sizeof(struct pool_region) + 63) / 64 * 64 };

static struct pool_region *region_of(const void *at)
{
    return (struct pool_region *)((uintptr_t)at & ~(uintptr_t)(REGION_BYTES - 1));
}

static struct slab *slab_of(const void *at)
{
    return &region_of(at)->slabs[((uintptr_t)at & (REGION_BYTES - 1)) / SLAB_BYTES];
}

/* The heads of the region are in the first one. */
static char *start_of(const struct slab *slab)
{
    struct pool_region *region = region_of(slab);
    return slab == region->slabs ? (char *)region + HEAD_BYTES : slab->end - SLAB_BYTES;
}

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
        free(region);
    }
    pool_init(p);
}

/* Who has filled one region will fill others: those are asked for as huge pages, of which many
 * things can be looked at without the processor forgetting where they lie. */
static void region_add(struct pool *p)
{
    struct pool_region *region = aligned_alloc(REGION_BYTES, REGION_BYTES);
    must(region);
    if (p->regions)
        (void)madvise(region, REGION_BYTES, MADV_HUGEPAGE); /* only advice */
    region->next = p->regions;
    p->regions = region;
    for (size_t i = 0; i < SLABS; i++) {
        region->slabs[i] = (struct slab){.end = (char *)region + (i + 1) * SLAB_BYTES};
        list_append(&p->empty, &region->slabs[i].link);
    }
}

static struct slab *slab_open(struct pool *p, size_t class)
{
    if (list_empty(&p->empty))
        region_add(p);
    struct slab *slab = list_first(&p->empty, struct slab, link);
    p->warm -= slab->warm;
    link_take(&slab->link);
    *slab = (struct slab){.fresh = start_of(slab), .end = slab->end, .warm = true};
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
    char *start = start_of(slab);
    if (slab->end - start == SLAB_BYTES)
        (void)madvise(start, SLAB_BYTES, MADV_DONTNEED);
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
        at = slab->fresh;
        slab->fresh += step;
    }
    if (!slab->free && (size_t)(slab->end - slab->fresh) < step)
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
    struct slab *slab = slab_of(at);
    memcpy(at, &slab->free, sizeof slab->free);
    slab->free = at;
    if (!link_listed(&slab->link))
        list_push(&p->open[class], &slab->link);
    if (--slab->live == 0)
        slab_empty(p, slab);
}
