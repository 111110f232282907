/* SPDX-License-Identifier: Apache-2.0
 *
 * relay: passes on what handlers write, line by line and cleaned, to the worker's own standard
 * error. It never waits: what that does not take, and what is more than a rate, is counted and left
 * out.
 */
#ifndef WORKER_RELAY_H
#define WORKER_RELAY_H

#include "common/buf.h"

enum {
    RELAY_LINE_BYTES = 900,         /* a longer line is broken */
    RELAY_BYTES_A_SECOND = 1 << 20, /* of all handlers together */
};

struct relay {
    int fd;
    int64_t left; /* bytes that may still be passed on in this second */
    uint64_t dropped;
    struct buf out;
};

struct relay_line { /* one being written; zeroed storage is none */
    unsigned char bytes[RELAY_LINE_BYTES];
    size_t size;
};

void relay_open(struct relay *r, int fd);
void relay_close(struct relay *r);

/* Each whole line behind the prefix (at most 100 bytes). */
void relay_put(struct relay *r, struct relay_line *line, const char *prefix, struct bytes chunk);
/* Nothing comes any more: the rest is a line. */
void relay_end(struct relay *r, struct relay_line *line, const char *prefix);
/* A new second; how many bytes were left out in the one before. */
uint64_t relay_second(struct relay *r);

#endif
