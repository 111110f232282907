/* SPDX-License-Identifier: Apache-2.0
 *
 * group: queues that the very same workers serve. Whoever is free for one of them is free for all,
 * so they stand in one order, and their workers in one list: to find the next queue for a worker,
 * or a worker for a queue, nobody is looked at who cannot be meant, however many there are. Most
 * farms have one group; a worker is a member of as many as its offers are divided into by what
 * other workers offer.
 */
#ifndef CORE_GROUP_H
#define CORE_GROUP_H

#include "common/heap.h"
#include "common/list.h"

struct broker;
struct queue;
struct worker;

/* Where a queue stands among those it shares workers with. */
struct rank {
    struct group *group;   /* NULL: no worker offers it */
    struct link of_group;  /* group::queues */
    struct tier *tier;     /* NULL: it has nothing to hand out, or is held */
    struct heap_node used; /* tier::queues, by what it has used */
    uint64_t turn;         /* and, of those that have used the same, since when it waits */
    struct link eased;     /* broker::eased */
};

struct tier { /* queues whose first job has this priority */
    int priority;
    struct heap queues; /* rank::used */
};

struct group {
    struct link queues; /* rank::of_group */
    uint32_t queues_count;
    struct link members;     /* member::of_group */
    struct link free, ahead; /* member::credit: a free slot; or room to lend ahead */
    struct tier **tiers;     /* highest priority first; stay once made */
    size_t tiers_count;
    double share_us; /* where the queue stood that a member was given a job of last */
    /* broker::lend_round in which all free members, or those to lend ahead to, were looked at. */
    uint64_t free_round, ahead_round;
    /* While a worker joins: how many of its queues that one offers, and where they go. */
    uint32_t marked;
    struct group *part;
};

/* A worker in a group. */
struct member {
    struct worker *worker;
    struct group *group;
    struct link of_group, of_worker, credit;
};

/* All that it serves is known. And: it offers nothing any more. */
void group_join(struct broker *b, struct worker *w);
void group_leave(struct broker *b, struct worker *w);
/* A queue that has come to be while workers that serve it are there. */
void group_admit(struct broker *b, struct queue *q);

/* Where the next job would find this worker. */
enum group_place { PLACE_NOWHERE, PLACE_FREE, PLACE_AHEAD };
void group_place(struct worker *w, enum group_place place);

/* It slept and has something to hand out now: it has no claim to the time it did not use, and joins
 * where the neediest of its group stands that waits. */
void group_wakes(struct broker *b, struct queue *q);
/* Its first job is another one, or it has none to hand out any more. */
void group_moved(struct broker *b, struct queue *q);
/* What it has used may be less than it was. How much it is is looked at when somebody asks who
 * comes first, and that it is more is found then anyway. */
void group_eased(struct broker *b, struct queue *q);
/* The first claim to a worker. Jobs are mostly lent in rows: whose the next one is is not asked for
 * each of them. */
struct claim {
    struct queue *queue;
    const struct tier *tier; /* that of its first job */
    int64_t until;           /* of the key: where another queue may come before it */
};
bool group_pick(struct broker *b, const struct worker *w, struct claim *out);
/* Of so many jobs at this price, how many may go before another queue might come first? At least
 * one. */
uint32_t claim_most(const struct broker *b, const struct claim *claim, uint32_t cost_us,
                    uint32_t most);
/* It was given jobs, and nothing else has happened: does it still come first? */
bool claim_stands(const struct broker *b, const struct claim *claim);
/* It was given jobs of a queue that stood there. */
void group_served(const struct worker *w, double share_us);

#endif
