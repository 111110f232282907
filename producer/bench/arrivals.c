/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/arrivals.h"

#include <math.h>
#include <string.h>

#include "common/must.h"

static const char *const names[] = {
    [ARRIVALS_CONSTANT] = "constant", [ARRIVALS_POISSON] = "poisson"};

/* Gaps of a Poisson process are exponential: the inverse of their distribution, of 0 < u <= 1. */
static double draw_gap(struct arrivals *a)
{
    return -log(1 - random_unit(&a->random)) * a->gap_ns;
}

void arrivals_init(struct arrivals *a, enum arrivals_kind kind, double rate, double phase,
                   uint64_t seed)
{
    must(rate > 0);
    *a = (struct arrivals){.kind = kind, .gap_ns = 1e9 / rate, .random = {.state = seed}};
    a->next_ns = kind == ARRIVALS_POISSON ? draw_gap(a) : phase * a->gap_ns;
}

int64_t arrivals_next_ns(const struct arrivals *a)
{
    return (int64_t)a->next_ns;
}

void arrivals_take(struct arrivals *a)
{
    a->next_ns += a->kind == ARRIVALS_POISSON ? draw_gap(a) : a->gap_ns;
}

int arrivals_kind_of(const char *name)
{
    for (size_t i = 0; i < LENGTH(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (int)i;
    return -1;
}

const char *arrivals_kind_name(enum arrivals_kind kind)
{
    return names[kind];
}
