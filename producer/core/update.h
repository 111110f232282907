/* SPDX-License-Identifier: Apache-2.0
 *
 * update: the body of an update while it is written: a map whose number of pairs is known at the
 * end. It knows msgpack and nothing of what the fields are about.
 */
#ifndef CORE_UPDATE_H
#define CORE_UPDATE_H

#include "common/buf.h"

struct update {
    struct buf buf;
    unsigned pairs;
};

/* Begins with what all updates have: seq, incarnation, time, event. */
void update_open(struct update *u, uint64_t seq, uint32_t incarnation, int64_t wall_ms,
                 const char *event);
void update_text(struct update *u, const char *key, struct bytes text); /* empty: left out */
void update_uint(struct update *u, const char *key, uint64_t number);
void update_bool(struct update *u, const char *key, bool truth);
void update_value(struct update *u, const char *key, struct bytes value); /* empty: left out */
void update_pairs(struct update *u, struct bytes map); /* those of another map; empty: none */
struct bytes update_close(struct update *u);           /* lent until update_fini */
void update_fini(struct update *u);

#endif
