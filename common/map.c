/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear probing with backward shift on removal: no tombstones, so a table that has seen many
 * entries come and go is as fast as a new one.
 */
#include "common/map.h"

#include "common/fetch.h"
#include "common/must.h"

enum {
    CAPACITY_MIN = 16,
    PAGE_IDS = 16,
    SPARES_MAX = 64, /* a row of ids that comes and goes as a whole needs no memory anew */
};

struct idmap_page {
    void *values[PAGE_IDS]; /* by id % PAGE_IDS; of a spare one the first leads to the next */
    size_t count;
};

static size_t key_home(const struct idmap *m, uint64_t key)
{
    /* 2^64 over the golden ratio: the top bits, and only those, lay neighbours far apart and
     * evenly. */
    return (size_t)((key * 0x9e3779b97f4a7c15u) >> m->shift);
}

static size_t key_locate(const struct idmap *m, uint64_t key)
{
    size_t at = key_home(m, key);
    while (m->slots[at].page && m->slots[at].key != key)
        at = (at + 1) & (m->capacity - 1);
    return at;
}

static void idmap_resize(struct idmap *m, size_t capacity)
{
    struct idmap old = *m;
    m->capacity = capacity;
    m->shift = (unsigned)__builtin_clzll(capacity) + 1;
    m->slots = must_alloc(capacity * sizeof *m->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].page)
            m->slots[key_locate(m, old.slots[i].key)] = old.slots[i];
    free(old.slots);
}

static struct idmap_page *spare_take(struct idmap *m)
{
    struct idmap_page *page = m->spare;
    if (!page)
        return must_alloc(sizeof *page);
    m->spare = page->values[0];
    m->spares--;
    page->values[0] = NULL;
    return page;
}

static void spare_put(struct idmap *m, struct idmap_page *page)
{
    if (m->spares == SPARES_MAX) {
        free(page);
        return;
    }
    page->values[0] = m->spare;
    m->spare = page;
    m->spares++;
}

/* Is its page the one that was used last? */
static inline bool on_last(const struct idmap *m, uint64_t id)
{
    return m->last.page && m->last.key == id / PAGE_IDS;
}

/* NULL when there is none. */
static struct idmap_page *page_find(const struct idmap *m, uint64_t key)
{
    if (m->last.page && m->last.key == key)
        return m->last.page;
    return m->pages ? m->slots[key_locate(m, key)].page : NULL;
}

static struct idmap_page *page_make(struct idmap *m, uint64_t key)
{
    if (m->pages * 4 >= m->capacity * 3)
        idmap_resize(m, m->capacity ? m->capacity * 2 : CAPACITY_MIN);
    struct idmap_page *page = spare_take(m);
    m->slots[key_locate(m, key)] = (struct idmap_slot){.key = key, .page = page};
    m->pages++;
    return page;
}

/* The page is empty: it leaves the table, and is kept to be used again. */
static __attribute__((noinline)) void page_drop(struct idmap *m, uint64_t key)
{
    size_t hole = key_locate(m, key), mask = m->capacity - 1;
    spare_put(m, m->slots[hole].page);
    for (size_t at = (hole + 1) & mask; m->slots[at].page; at = (at + 1) & mask) {
        size_t home = key_home(m, m->slots[at].key);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* it would be moved before its home */
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (struct idmap_slot){0};
    m->last = (struct idmap_slot){0};
    m->pages--;
    if (m->capacity > CAPACITY_MIN && m->pages * 8 < m->capacity)
        idmap_resize(m, m->capacity / 2);
}

void idmap_fetch(const struct idmap *m, uint64_t id)
{
    if (m->capacity)
        fetch(&m->slots[key_home(m, id / PAGE_IDS)], sizeof *m->slots);
}

void *const *idmap_place(const struct idmap *m, uint64_t id)
{
    const struct idmap_page *page = page_find(m, id / PAGE_IDS);
    return page ? &page->values[id % PAGE_IDS] : NULL;
}

void *idmap_find(const struct idmap *m, uint64_t id)
{
    void *const *place = idmap_place(m, id);
    return place ? *place : NULL;
}

static inline void *page_put(struct idmap *m, struct idmap_page *page, uint64_t id, void *value)
{
    void *old = page->values[id % PAGE_IDS];
    if (!old) {
        page->count++;
        m->count++;
    }
    page->values[id % PAGE_IDS] = value;
    return old;
}

/* On another page than the one before. Kept apart, so that the way that most ids go does nothing
 * for this one. */
static __attribute__((noinline)) void *put_elsewhere(struct idmap *m, uint64_t id, void *value)
{
    uint64_t key = id / PAGE_IDS;
    struct idmap_page *page = page_find(m, key);
    if (!page)
        page = page_make(m, key);
    m->last = (struct idmap_slot){.key = key, .page = page};
    return page_put(m, page, id, value);
}

void *idmap_put(struct idmap *m, uint64_t id, void *value)
{
    must(id && value);
    return on_last(m, id) ? page_put(m, m->last.page, id, value) : put_elsewhere(m, id, value);
}

static inline void *page_take(struct idmap *m, struct idmap_page *page, uint64_t id)
{
    void *value = page->values[id % PAGE_IDS];
    if (!value)
        return NULL;
    page->values[id % PAGE_IDS] = NULL;
    m->count--;
    if (--page->count == 0)
        page_drop(m, id / PAGE_IDS);
    return value;
}

static __attribute__((noinline)) void *take_elsewhere(struct idmap *m, uint64_t id)
{
    uint64_t key = id / PAGE_IDS;
    struct idmap_page *page = page_find(m, key);
    if (!page)
        return NULL;
    m->last = (struct idmap_slot){.key = key, .page = page};
    return page_take(m, page, id);
}

void *idmap_take(struct idmap *m, uint64_t id)
{
    return on_last(m, id) ? page_take(m, m->last.page, id) : take_elsewhere(m, id);
}

void idmap_fini(struct idmap *m)
{
    for (size_t i = 0; i < m->capacity; i++)
        free(m->slots[i].page);
    free(m->slots);
    while (m->spare)
        free(spare_take(m));
    *m = (struct idmap){0};
}

/* *at counts places: those of the first slot's page, of the second's ... */
void *idmap_next(const struct idmap *m, size_t *at)
{
    while (*at / PAGE_IDS < m->capacity) {
        const struct idmap_page *page = m->slots[*at / PAGE_IDS].page;
        if (!page) {
            *at += PAGE_IDS - *at % PAGE_IDS;
            continue;
        }
        void *value = page->values[(*at)++ % PAGE_IDS];
        if (value)
            return value;
    }
    return NULL;
}

static size_t name_locate(const struct namemap *m, struct bytes name, uint64_t hash)
{
    size_t at = (size_t)hash & (m->capacity - 1);
    while (m->slots[at].value &&
           !(m->slots[at].hash == hash && bytes_equal(m->slots[at].name, name)))
        at = (at + 1) & (m->capacity - 1);
    return at;
}

static void namemap_resize(struct namemap *m, size_t capacity)
{
    struct namemap old = *m;
    m->capacity = capacity;
    m->slots = must_alloc(capacity * sizeof *m->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value)
            m->slots[name_locate(m, old.slots[i].name, old.slots[i].hash)] = old.slots[i];
    free(old.slots);
}

void *namemap_find(const struct namemap *m, struct bytes name)
{
    if (!m->count)
        return NULL;
    return m->slots[name_locate(m, name, bytes_hash(name, m->seed))].value;
}

void namemap_put(struct namemap *m, struct bytes name, void *value)
{
    must(value);
    if (m->count * 4 >= m->capacity * 3)
        namemap_resize(m, m->capacity ? m->capacity * 2 : CAPACITY_MIN);
    uint64_t hash = bytes_hash(name, m->seed);
    struct namemap_slot *slot = &m->slots[name_locate(m, name, hash)];
    if (!slot->value)
        m->count++;
    *slot = (struct namemap_slot){.name = name, .hash = hash, .value = value};
}

void *namemap_take(struct namemap *m, struct bytes name)
{
    if (!m->count)
        return NULL;
    size_t hole = name_locate(m, name, bytes_hash(name, m->seed)), mask = m->capacity - 1;
    void *value = m->slots[hole].value;
    if (!value)
        return NULL;
    for (size_t at = (hole + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
        size_t home = (size_t)m->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (struct namemap_slot){0};
    m->count--;
    return value;
}

void namemap_fini(struct namemap *m)
{
    free(m->slots);
    *m = (struct namemap){.seed = m->seed};
}

void *namemap_next(const struct namemap *m, size_t *at)
{
    while (*at < m->capacity) {
        struct namemap_slot *slot = &m->slots[(*at)++];
        if (slot->value)
            return slot->value;
    }
    return NULL;
}
