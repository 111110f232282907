/* SPDX-License-Identifier: Apache-2.0
 *
 * farm: a farm for one benchmark: a broker and some workers on free ports of loopback, in a folder
 * of their own that goes with them. Like `reeve up`, but without the gateway, and nobody is started
 * again who dies.
 */
#ifndef BENCH_FARM_H
#define BENCH_FARM_H

#include "producer/cli/child.h"

enum { FARM_WORKERS_MAX = 64, FARM_PATH = 4096 };

struct farm_options {
    size_t workers, slots; /* each of them has so many */
    const char *store;     /* "memory" or a folder, which stays */
};

struct farm {
    char address[64]; /* for clients */
    struct child broker, workers[FARM_WORKERS_MAX];
    size_t worker_count;
    char folder[FARM_PATH];
};

/* 0 when it stands, or -1 with a sentence in error. farm_end after both. */
int farm_begin(struct farm *f, const struct farm_options *options, char error[static 200]);
void farm_end(struct farm *f);

#endif
