/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: memory for many small things of few sizes, for one thread: cheaper than malloc, without its
 * header, and not scattered by what else is allocated meanwhile. Who gives a thing back says its
 * size again. What is larger than POOL_BYTES_MAX is malloc's. What is empty is kept to be used
 * again, its memory goes back to the system.
 *
 * In builds for a sanitizer everything is malloc's, so that it sees who uses what was given back.
 */
#ifndef COMMON_POOL_H
#define COMMON_POOL_H

#include "common/list.h"
#include "common/must.h"

enum { POOL_GRAIN = 8, POOL_BYTES_MAX = 512, POOL_CLASSES = POOL_BYTES_MAX / POOL_GRAIN + 1 };

struct pool {
    struct link open[POOL_CLASSES]; /* slab::link of those with room, by size / POOL_GRAIN */
    struct link empty;              /* slab::link, those that still have their memory first */
    size_t warm;                    /* how many have */
    struct pool_region *regions;    /* where slabs come from, the newest first */
};

void pool_init(struct pool *p);
void pool_fini(struct pool *p); /* all that was taken is gone with it, but for what is malloc's */

void *pool_take(struct pool *p, size_t size); /* not cleared */
void pool_give(struct pool *p, void *at, size_t size);

#endif
