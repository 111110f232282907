/* SPDX-License-Identifier: Apache-2.0
 *
 * heap: the earliest first. Intrusive: a node is a member of the element and knows its place, so
 * that any element can leave from the middle. Equal keys leave in the order of `order`.
 */
#ifndef COMMON_HEAP_H
#define COMMON_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    uint64_t order;
    size_t place; /* 1-based; 0: in no heap */
};

/* What is compared lies in the heap itself: the nodes may be anywhere, and are only looked for when
 * they move. */
struct heap {
    struct heap_entry {
        int64_t key;
        uint64_t order;
        struct heap_node *node;
    } * entries;
    size_t count, capacity;
};

/* Puts the node in, or moves it when it is already in. */
void heap_put(struct heap *h, struct heap_node *n, int64_t key, uint64_t order);
void heap_take(struct heap *h, struct heap_node *n); /* harmless when it is in none */
void heap_fini(struct heap *h);

static inline struct heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->entries[0].node : NULL;
}

int64_t heap_second_key(const struct heap *h); /* INT64_MAX: there is no second one */

#endif
