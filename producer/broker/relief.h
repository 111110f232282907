/* SPDX-License-Identifier: Apache-2.0
 *
 * relief: one helm, two who may stand at it. The main thread leaves it while it waits for what
 * takes as long as it takes, such as a disk. Mostly it is back in a moment; when it is not within
 * RELIEF_AFTER_MS, the relief, a thread of its own, stands at the helm until it is. So nobody else
 * waits for what one of them waits for.
 *
 * What both touch belongs to who is at the helm. To leave and come back costs two system calls.
 */
#ifndef BROKER_RELIEF_H
#define BROKER_RELIEF_H

#include <stdint.h>

enum { RELIEF_AFTER_MS = 100 };

struct relief;

/* By the main thread, which is at the helm then. turn: the relief is at it; again and again until
 * the main thread wants it back, which waits for the turn to end. */
struct relief *relief_new(void (*turn)(void *user), void *user);
void relief_free(struct relief *r); /* as it; NULL is fine */

void relief_leave(struct relief *r);
int64_t relief_back(struct relief *r); /* 0: not relieved; else how long it was away, in ms */

#endif
