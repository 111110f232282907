/* SPDX-License-Identifier: Apache-2.0
 *
 * mix: which jobs a benchmark hands in, and how often each:
 *
 *     bench.noop=90,fibonacci_generator.calculate 30=9,calculator.calculate 2 + 2=1
 *
 * METHOD [ARG]...=WEIGHT, with commas between; the words are read as `reeve map` reads a line. A
 * job without words gets the payload as its one argument. Pure.
 */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/random.h"
#include "proto/record.h"

enum { MIX_MAX = 8 };

struct mix_part {
    char method[QUEUE_NAME_MAX + 1];
    double until;    /* the sum of the shares up to and with this one, 0..1 */
    struct buf args; /* a msgpack array; empty: the payload */
    bool echoes;     /* answers with the payload */
};

struct mix {
    struct mix_part parts[MIX_MAX];
    size_t count;
};

/* 0, or -1 with a sentence in error; mix_fini after both. */
int mix_read(struct mix *m, const char *text, char error[static 160]);
/* All jobs alike, of this method, with the payload. -1: no HANDLER.METHOD. */
int mix_one(struct mix *m, const char *method);
void mix_fini(struct mix *m);

/* The place of the next job's part. */
size_t mix_draw(const struct mix *m, struct random *r);

#endif
