/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear probing with backward shift on removal: no tombstones, so a table that has seen many
 * entries come and go is as fast as a new one.
 */
#include "common/map.h"

#include "common/must.h"

enum { CAPACITY_MIN = 16 };

static size_t id_home(const struct idmap *m, uint64_t id)
{
    /* Eight ids that follow each other share two cache lines, which is worth more than anything
     * else in a table that is larger than the cache. 2^64 over the golden ratio: the top bits, and
     * only those, lay neighbouring eights far apart and evenly. */
    uint64_t eight = (id >> 3) * 0x9e3779b97f4a7c15u;
    return (size_t)(eight >> (__builtin_clzll(m->capacity) + 4)) << 3 | (id & 7);
}

static size_t id_locate(const struct idmap *m, uint64_t id)
{
    size_t at = id_home(m, id);
    while (m->slots[at].id && m->slots[at].id != id)
        at = (at + 1) & (m->capacity - 1);
    return at;
}

static void idmap_resize(struct idmap *m, size_t capacity)
{
    struct idmap old = *m;
    m->capacity = capacity;
    m->slots = must_alloc(capacity * sizeof *m->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].id)
            m->slots[id_locate(m, old.slots[i].id)] = old.slots[i];
    free(old.slots);
}

void *idmap_find(const struct idmap *m, uint64_t id)
{
    if (!m->count || !id)
        return NULL;
    return m->slots[id_locate(m, id)].value;
}

void idmap_put(struct idmap *m, uint64_t id, void *value)
{
    must(id && value);
    if (m->count * 4 >= m->capacity * 3)
        idmap_resize(m, m->capacity ? m->capacity * 2 : CAPACITY_MIN);
    struct idmap_slot *slot = &m->slots[id_locate(m, id)];
    if (!slot->id)
        m->count++;
    *slot = (struct idmap_slot){.id = id, .value = value};
}

void *idmap_take(struct idmap *m, uint64_t id)
{
    if (!m->count || !id)
        return NULL;
    size_t hole = id_locate(m, id), mask = m->capacity - 1;
    void *value = m->slots[hole].value;
    if (!m->slots[hole].id)
        return NULL;
    for (size_t at = (hole + 1) & mask; m->slots[at].id; at = (at + 1) & mask) {
        size_t home = id_home(m, m->slots[at].id);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* it would be moved before its home */
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (struct idmap_slot){0};
    m->count--;
    if (m->capacity > 1024 && m->count * 8 < m->capacity)
        idmap_resize(m, m->capacity / 2);
    return value;
}

void idmap_fini(struct idmap *m)
{
    free(m->slots);
    *m = (struct idmap){0};
}

void *idmap_next(const struct idmap *m, size_t *at)
{
    while (*at < m->capacity) {
        struct idmap_slot *slot = &m->slots[(*at)++];
        if (slot->id)
            return slot->value;
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
