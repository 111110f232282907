/* SPDX-License-Identifier: Apache-2.0
 *
 * Room for twice as many: when it is full the lower half goes.
 */
#include "common/newest.h"

#include "common/must.h"

void newest_init(struct newest *n, size_t limit)
{
    must(limit);
    *n = (struct newest){.limit = limit};
    n->ids = must_alloc(2 * limit * sizeof *n->ids);
}

void newest_fini(struct newest *n)
{
    free(n->ids);
}

static int highest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

void newest_sort(struct newest *n)
{
    if (n->count)
        qsort(n->ids, n->count, sizeof *n->ids, highest_first);
    if (n->count > n->limit)
        n->count = n->limit;
}

void newest_add(struct newest *n, uint64_t id)
{
    if (id <= n->passed)
        return;
    n->ids[n->count++] = id;
    if (n->count < 2 * n->limit)
        return;
    newest_sort(n);
    n->passed = n->ids[n->count - 1];
}
