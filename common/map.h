/* SPDX-License-Identifier: Apache-2.0
 *
 * map: two hash tables with open addressing. idmap finds a pointer by a u64 that is not 0;
 * namemap finds a pointer by bytes that live in the value itself (the map borrows them for as long
 * as the entry stands).
 *
 * An idmap is made for ids that are given out one after the other: its table has a page for each
 * sixteen neighbours, and it remembers the page used last. So ids that come in their order are
 * hardly looked for, and a million of them cost ten bytes each. Ids far apart cost a page each.
 */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include "common/bytes.h"

struct idmap {
    struct idmap_slot {
        uint64_t key; /* of the page: id / 16 */
        struct idmap_page *page;
    } * slots;
    size_t capacity, pages;   /* of the table; in it */
    unsigned shift;           /* leaves of a hash as many bits as capacity has */
    size_t count;             /* of ids */
    struct idmap_slot last;   /* where put or take was last */
    struct idmap_page *spare; /* the first of those to be used again */
    size_t spares;
};

void *idmap_find(const struct idmap *m, uint64_t id);
/* For who looks for many side by side: what leads to the place of an id's value is fetched; where
 * that is, NULL when there is none; there lies the value, or NULL, until the map changes. */
void idmap_fetch(const struct idmap *m, uint64_t id);
void *const *idmap_place(const struct idmap *m, uint64_t id);
void *idmap_put(struct idmap *m, uint64_t id, void *value); /* what it replaces, or NULL */
void *idmap_take(struct idmap *m, uint64_t id);             /* NULL when there was none */
void idmap_fini(struct idmap *m);
/* Walk: start with *at = 0; NULL at the end. The map must not change meanwhile. */
void *idmap_next(const struct idmap *m, size_t *at);

struct namemap {
    struct namemap_slot {
        struct bytes name;
        uint64_t hash;
        void *value;
    } * slots;
    size_t capacity, count;
    uint64_t seed;
};

void *namemap_find(const struct namemap *m, struct bytes name);
void namemap_put(struct namemap *m, struct bytes name, void *value); /* name borrowed */
void *namemap_take(struct namemap *m, struct bytes name);
void namemap_fini(struct namemap *m);
void *namemap_next(const struct namemap *m, size_t *at);

#endif
