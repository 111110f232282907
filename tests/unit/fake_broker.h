/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_broker: a broker of a few lines, in a thread, for the tests of the client library. The name
 * of the queue says what it does with a job; it can forget its peer, be busy, and be started anew.
 */
#ifndef UNIT_FAKE_BROKER_H
#define UNIT_FAKE_BROKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/buf.h"

enum { ROUTE_MAX = 32 };

struct fake {
    pthread_t thread;
    void *context, *router, *xpub;
    char address[64];
    unsigned updates_port;
    atomic_bool stop, restart, forget, silent_topics, workers_back;
    atomic_bool one_port; /* the updates' port is closed to the client */
    atomic_uint incarnation;
    atomic_uint submits, briefs /* records said by `again` */, hellos, goodbyes, acked, asked,
        cut_lists;
    /* of the thread */
    unsigned char route[ROUTE_MAX];
    size_t route_size;
    uint64_t last, busy_left, over_left, update_seq;
    uint64_t follow, credit; /* the number that job/watched is followed under, 0: none */
    struct buf out;
};

void fake_start(struct fake *f);
void fake_stop(struct fake *f);

#endif
