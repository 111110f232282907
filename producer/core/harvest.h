/* SPDX-License-Identifier: Apache-2.0
 *
 * harvest: results that come in a row. What a worker says is mostly one result behind the other, of
 * plain calls of one queue and one client that all went well. The first of a row ends its job with
 * all that may be asked there; each that follows is looked at for what may differ, and is counted
 * with the others when the row is over. Nothing but the row itself happens until then.
 */
#ifndef CORE_HARVEST_H
#define CORE_HARVEST_H

#include "proto/record.h"

struct broker;
struct job;
struct queue;
struct worker;

struct harvest {
    struct worker *worker; /* NULL: there is no row */
    struct queue *queue;
    struct client *client;
    uint32_t jobs;               /* behind the first: they are not counted yet */
    uint64_t bytes;              /* of their arguments */
    double ran_us;               /* what they count for, */
    uint64_t lent_us, leased_ms; /* and their leases did */
};

/* The row that others may make with this job, which is about to end well. */
struct harvest harvest_of(const struct broker *b, const struct job *job);
/* One that follows. False: it does not, or there is no row; it is to be looked at. */
bool harvest_next(struct broker *b, const struct msg_result *result);
void harvest_close(struct broker *b); /* there is a row: it is over before anything else is done */

#endif
