/* SPDX-License-Identifier: Apache-2.0
 *
 * newest: the highest so many of any number of ids, without keeping or sorting them all.
 */
#ifndef COMMON_NEWEST_H
#define COMMON_NEWEST_H

#include <stddef.h>
#include <stdint.h>

struct newest {
    uint64_t *ids; /* after newest_sort: the highest first */
    size_t count, limit;
    uint64_t passed; /* it and what is lower is not among them */
};

void newest_init(struct newest *n, size_t limit); /* limit: at least 1 */
void newest_fini(struct newest *n);
void newest_add(struct newest *n, uint64_t id); /* not 0, each once */
void newest_sort(struct newest *n);

#endif
