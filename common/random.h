/* SPDX-License-Identifier: Apache-2.0
 *
 * random: a small seeded generator (splitmix64). Same seed, same numbers: the cores and the
 * simulator depend on it. Not for secrets; those come from getrandom.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. below-1; below must not be 0. */
static inline uint64_t random_below(struct random *r, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)random_next(r) * below) >> 64);
}

/* 0 <= x < 1 */
static inline double random_unit(struct random *r)
{
    return (double)(random_next(r) >> 11) * 0x1p-53;
}

#endif
