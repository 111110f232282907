/* SPDX-License-Identifier: Apache-2.0 */
#include "common/heap.h"

#include "common/must.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void settle(struct heap *h, size_t at, struct heap_node *n)
{
    h->nodes[at] = n;
    n->place = at + 1;
}

static void rise(struct heap *h, size_t at, struct heap_node *n)
{
    for (; at > 0 && before(n, h->nodes[(at - 1) / 2]); at = (at - 1) / 2)
        settle(h, at, h->nodes[(at - 1) / 2]);
    settle(h, at, n);
}

static void sink(struct heap *h, size_t at, struct heap_node *n)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && before(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!before(h->nodes[child], n))
            break;
        settle(h, at, h->nodes[child]);
        at = child;
    }
    settle(h, at, n);
}

/* The node at this place is this one from now on, which may belong further up or down. */
static void replace(struct heap *h, size_t at, struct heap_node *n)
{
    if (at > 0 && before(n, h->nodes[(at - 1) / 2]))
        rise(h, at, n);
    else
        sink(h, at, n);
}

void heap_put(struct heap *h, struct heap_node *n, int64_t key, uint64_t order)
{
    n->key = key;
    n->order = order;
    if (n->place) {
        replace(h, n->place - 1, n);
        return;
    }
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? h->capacity * 2 : 16;
        h->nodes = must_realloc(h->nodes, h->capacity * sizeof(struct heap_node *));
    }
    rise(h, h->count++, n);
}

void heap_take(struct heap *h, struct heap_node *n)
{
    if (!n->place)
        return;
    size_t at = n->place - 1;
    must(at < h->count && h->nodes[at] == n);
    struct heap_node *last = h->nodes[--h->count];
    n->place = 0;
    if (last == n)
        return;
    replace(h, at, last);
}

void heap_fini(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap){0};
}
