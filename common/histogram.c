/* SPDX-License-Identifier: Apache-2.0 */
#include "common/histogram.h"

static const uint64_t value_most = (UINT64_C(1) << HISTOGRAM_BITS) - 1;

/* The first two blocks of cells hold single numbers; each later block holds one power of two, in
 * steps twice as wide as those of the block before. */
static size_t cell_of(uint64_t value)
{
    unsigned shift = 0;
    if (value >> (HISTOGRAM_STEP_BITS + 1))
        shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    return ((size_t)shift << HISTOGRAM_STEP_BITS) + (size_t)(value >> shift);
}

static uint64_t cell_least(size_t cell)
{
    size_t block = cell >> HISTOGRAM_STEP_BITS;
    unsigned shift = block > 1 ? (unsigned)block - 1 : 0;
    return (uint64_t)(cell - ((size_t)shift << HISTOGRAM_STEP_BITS)) << shift;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    if (value > value_most)
        value = value_most;
    if (h->count == 0 || value < h->least)
        h->least = value;
    if (value > h->most)
        h->most = value;
    h->count++;
    h->cells[cell_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->least < into->least)
        into->least = from->least;
    if (from->most > into->most)
        into->most = from->most;
    into->count += from->count;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++)
        into->cells[i] += from->cells[i];
}

uint64_t histogram_percentile(const struct histogram *h, double share)
{
    if (h->count == 0)
        return 0;
    double place = share * (double)h->count;
    uint64_t want = place < 1 ? 1 : (uint64_t)place;
    if ((double)want + 1e-6 < place) /* 0.07 of 20,000 is 1,400 and not a hair more */
        want++;
    if (want > h->count)
        want = h->count;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cells[i];
        if (seen >= want) {
            uint64_t value = cell_least(i);
            return value < h->least ? h->least : value;
        }
    }
    return h->most;
}

bool histogram_next(const struct histogram *h, size_t *at, uint64_t *value, uint64_t *count)
{
    while (*at < HISTOGRAM_CELLS && h->cells[*at] == 0)
        ++*at;
    if (*at == HISTOGRAM_CELLS)
        return false;
    uint64_t least = cell_least(*at);
    *value = least < h->least ? h->least : least; /* as percentiles say it */
    *count = h->cells[(*at)++];
    return true;
}
