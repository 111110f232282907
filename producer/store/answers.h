/* SPDX-License-Identifier: Apache-2.0
 *
 * answers: the mailbox back to the caller. Any thread puts, the caller takes; what was put waits
 * until somebody rings, so that many answers are one wake-up.
 */
#ifndef STORE_ANSWERS_H
#define STORE_ANSWERS_H

#include <pthread.h>

#include "producer/store/store.h"

struct answers {
    int event_fd;
    pthread_mutex_t mutex;
    struct buf outbox; /* under the mutex */
    /* the caller's */
    struct buf reading;
    size_t read_at;
};

void answers_init(struct answers *a);
void answers_fini(struct answers *a);
void answers_put(struct answers *a, const struct store_answer *answer); /* copies rows and text */
void answers_ring(struct answers *a);
bool answers_next(struct answers *a, struct store_answer *out); /* lends until the next call */

#endif
