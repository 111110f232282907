/* SPDX-License-Identifier: Apache-2.0 */
#include "common/heap.h"

#include "common/must.h"

/* A child's place is 4 * at + 1..4: half as many levels as with two, and four that lie side by side
 * are looked at as fast as two. */
enum { CHILDREN = 4 };

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void settle(struct heap *h, size_t at, struct heap_entry e)
{
    h->entries[at] = e;
    e.node->place = at + 1;
}

static size_t parent_of(size_t at)
{
    return (at - 1) / CHILDREN;
}

static void rise(struct heap *h, size_t at, struct heap_entry e)
{
    for (; at > 0 && before(&e, &h->entries[parent_of(at)]); at = parent_of(at))
        settle(h, at, h->entries[parent_of(at)]);
    settle(h, at, e);
}

static void sink(struct heap *h, size_t at, struct heap_entry e)
{
    for (size_t first; (first = CHILDREN * at + 1) < h->count;) {
        size_t end = first + CHILDREN < h->count ? first + CHILDREN : h->count, least = first;
        for (size_t child = first + 1; child < end; child++)
            if (before(&h->entries[child], &h->entries[least]))
                least = child;
        if (!before(&h->entries[least], &e))
            break;
        settle(h, at, h->entries[least]);
        at = least;
    }
    settle(h, at, e);
}

/* What stands at this place is this from now on, which may belong further up or down. */
static void replace(struct heap *h, size_t at, struct heap_entry e)
{
    if (at > 0 && before(&e, &h->entries[parent_of(at)]))
        rise(h, at, e);
    else
        sink(h, at, e);
}

int64_t heap_second_key(const struct heap *h)
{
    int64_t least = INT64_MAX;
    for (size_t at = 1; at <= CHILDREN && at < h->count; at++)
        if (h->entries[at].key < least)
            least = h->entries[at].key;
    return least;
}

void heap_put(struct heap *h, struct heap_node *n, int64_t key, uint64_t order)
{
    struct heap_entry entry = {key, order, n};
    n->key = key;
    n->order = order;
    if (n->place) {
        replace(h, n->place - 1, entry);
        return;
    }
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? h->capacity * 2 : 16;
        h->entries = must_realloc(h->entries, h->capacity * sizeof *h->entries);
    }
    rise(h, h->count++, entry);
}

void heap_take(struct heap *h, struct heap_node *n)
{
    if (!n->place)
        return;
    size_t at = n->place - 1;
    must(at < h->count && h->entries[at].node == n);
    struct heap_entry last = h->entries[--h->count];
    n->place = 0;
    if (last.node == n)
        return;
    replace(h, at, last);
}

void heap_fini(struct heap *h)
{
    free(h->entries);
    *h = (struct heap){0};
}
