/* SPDX-License-Identifier: Apache-2.0
 *
 * passing: the files of sessions whose store keeps nothing: lines go into them (texts.h) and are
 * nowhere else, and they go with their session or with the process. So what somebody does to a file
 * cannot be made right; what cannot be written waits in memory for a while.
 */
#ifndef STORE_PASSING_H
#define STORE_PASSING_H

#include "common/list.h"
#include "common/map.h"
#include "producer/store/texts.h"

struct passing {
    struct texts texts;
    struct idmap sessions;
    struct link due;        /* sessions with something to write, or to be removed */
    uint64_t bytes;         /* of all lines */
    uint64_t waiting_bytes; /* of those that are not written */
    int64_t retry_ms;
    bool failed;
};

void passing_init(struct passing *p, const char *path);
void passing_fini(struct passing *p); /* removes the files */

void passing_put(struct passing *p, uint64_t id, struct bytes lines);
void passing_drop(struct passing *p, uint64_t id);
/* Of the session's lines; 0 when it has none. */
uint64_t passing_bytes(const struct passing *p, uint64_t id);

/* Brings the files up to what was said. */
void passing_work(struct passing *p, int64_t now_ms);

#endif
