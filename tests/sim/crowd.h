/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd: workers for measuring the broker's core, as cheap as workers can be: slots, what waits for
 * them, and the words a real agent would say, under a virtual clock. A crowd is never lost, never
 * late and never wrong; for workers that are see sim.h.
 */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H

#include "common/buf.h"
#include "common/heap.h"
#include "common/random.h"
#include "proto/record.h"

struct hand {              /* one worker */
    struct heap_node turn; /* crowd::turns: when it has something to say, in us */
    unsigned index, running;
    uint64_t results;
    int64_t beat_us;
    struct hand_slot {
        uint64_t id, token; /* 0: free */
        int64_t start_us, end_us;
        bool told, changed; /* that it runs; since the last beat */
    } * slots;
    struct hand_lease {
        uint64_t id, token;
    } * waiting; /* a ring: leased, and no slot is free yet */
    size_t first, count, capacity;
    struct buf words; /* to be said next */
};

struct crowd {
    struct hand *hands;
    unsigned count, slots;
    int64_t job_us, spread_us; /* a job takes job_us, more or less by up to spread_us */
    int64_t run_us;            /* of all jobs that have begun */
    uint64_t begun;
    struct random random;
    struct heap turns;
};

void crowd_init(struct crowd *c, unsigned count, unsigned slots, int64_t job_us, uint64_t seed);
void crowd_fini(struct crowd *c);

/* The one who speaks next, and when; NULL: nobody ever. */
struct hand *crowd_next(const struct crowd *c, int64_t *at_us);

/* What it says at now_us: appended to body. */
void hand_speaks(struct crowd *c, struct hand *h, int64_t now_us, struct buf *body);

/* What it is told. */
void hand_hears(struct crowd *c, struct hand *h, int64_t now_us, const struct record *r);

#endif
