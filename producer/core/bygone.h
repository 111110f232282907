/* SPDX-License-Identifier: Apache-2.0
 *
 * bygone: jobs that have ended and have no row, for nobody was promised one: plain ones of class
 * received. Each stays where it is, with its arguments and the record of its end, until it is too
 * old or there is no more room; whoever asks about it is answered at once. What has ended otherwise
 * is the store's.
 *
 * The promises are the store's too. A result that its client has not fetched stays for a day, and
 * when there are too many of those nothing new is taken. Of those that were fetched the latest
 * stay.
 */
#ifndef CORE_BYGONE_H
#define CORE_BYGONE_H

#include "common/list.h"
#include "producer/core/broker.h"

struct job;
struct owner;
struct row;

struct bygones {
    struct bygone_list {
        struct link jobs; /* job::link, in the order in which they came */
        uint64_t count, bytes;
    } waiting, fetched; /* nobody has fetched the result yet; somebody has, or nobody will */
};

void bygones_init(struct bygones *all);

/* Does this job stay here when it ends? */
bool bygone_fits(const struct job *job);
/* It has ended. Takes the job, and may forget it at once; record: `ended` as it is written. */
void bygone_add(struct broker *b, struct job *job, const struct msg_ended_row *row,
                struct bytes record);
struct job *bygone_find(const struct broker *b, uint64_t id); /* NULL: none of these */
struct owner *bygone_owner(const struct job *job);            /* NULL also: none of these */
/* As if it came from the store. Lent until the next step. */
void bygone_row(const struct job *job, struct row *row);
/* The results of ids id..id+count-1 have been fetched. Returns how many of them were here. */
uint64_t bygone_settle(struct broker *b, uint64_t id, uint64_t count);
void bygone_forget(struct broker *b, struct job *job);
void bygone_free(struct broker *b, struct job *job); /* the broker ends */

/* What the result of one costs that nobody has fetched; else 0. */
uint64_t bygone_waiting_bytes(const struct job *job);
/* No room for another result that nobody has fetched. */
bool bygones_crowded(const struct broker *b);
uint64_t bygones_count(const struct broker *b);
uint64_t bygones_bytes(const struct broker *b);
void bygones_tick(struct broker *b); /* what is too old goes */
void bygones_audit(const struct broker *b);

#endif
