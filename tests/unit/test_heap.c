/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap against a model that looks for the smallest (key, order) the slow way.
 */
#include "common/heap.h"
#include "common/random.h"
#include "tests/unit/check.h"

enum { NODES = 500 };

static const struct heap_node *model_first(const struct heap_node *nodes)
{
    const struct heap_node *first = NULL;
    for (size_t i = 0; i < NODES; i++) {
        const struct heap_node *n = &nodes[i];
        if (!n->place)
            continue;
        if (!first || n->key < first->key || (n->key == first->key && n->order < first->order))
            first = n;
    }
    return first;
}

static int64_t model_second_key(const struct heap_node *nodes)
{
    const struct heap_node *first = model_first(nodes);
    int64_t key = INT64_MAX;
    for (size_t i = 0; i < NODES; i++)
        if (nodes[i].place && &nodes[i] != first && nodes[i].key < key)
            key = nodes[i].key;
    return key;
}

static void check_places(const struct heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        CHECK_EQ(h->entries[i].node->place, i + 1);
}

TEST(the_first_is_the_models_first)
{
    static struct heap_node nodes[NODES];
    struct heap h = {0};
    struct random r = {.state = 3};
    size_t count = 0;
    for (uint64_t step = 1; step <= 50000; step++) {
        struct heap_node *n = &nodes[random_below(&r, NODES)];
        switch (random_below(&r, 4)) {
        case 0: /* leaves from wherever it is, or was not there */
            count -= n->place != 0;
            heap_take(&h, n);
            CHECK_EQ(n->place, 0);
            break;
        case 1: /* the first leaves */
            n = heap_first(&h);
            if (n) {
                heap_take(&h, n);
                count--;
            }
            break;
        default: /* comes, or moves; few keys, so that orders decide */
            count += n->place == 0;
            heap_put(&h, n, (int64_t)random_below(&r, 40) - 20, step);
        }
        CHECK_EQ(h.count, count);
        CHECK(heap_first(&h) == model_first(nodes));
        CHECK_EQ(heap_second_key(&h), model_second_key(nodes));
        if (step % 1000 == 0)
            check_places(&h);
    }
    heap_fini(&h);
}

TEST(equal_keys_leave_in_their_order)
{
    struct heap_node nodes[8] = {0};
    struct heap h = {0};
    for (uint64_t i = 0; i < 8; i++)
        heap_put(&h, &nodes[i], 5, (i * 3) % 8);
    for (uint64_t i = 0; i < 8; i++) {
        struct heap_node *n = heap_first(&h);
        CHECK_EQ(n->order, i);
        heap_take(&h, n);
    }
    CHECK(heap_first(&h) == NULL);
    heap_fini(&h);
}
