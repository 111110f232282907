/* SPDX-License-Identifier: Apache-2.0
 *
 * backend: what a store is underneath. All functions run on the store's thread.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "producer/store/store.h"

struct store_counts {
    uint64_t kept;
    bool full;
};

struct store_backend {
    const char *name;
    bool durable;
    void *(*open)(const struct store_limits *limits);
    void (*close)(void *self);
    void (*append)(void *self, uint64_t id, unsigned state, bool settled, struct bytes row);
    void (*settle)(void *self, uint64_t id, uint64_t count);
    void (*find)(void *self, uint64_t id, struct buf *rows);
    uint64_t (*list)(void *self, unsigned state, struct bytes queue, uint64_t after, uint64_t limit,
                     struct buf *rows); /* returns the id to go on after, 0 at the end */
    struct store_counts (*commit)(void *self, int64_t now_ms);
};

extern const struct store_backend memory_backend;

#endif
