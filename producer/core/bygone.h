/* SPDX-License-Identifier: Apache-2.0
 *
 * bygone: jobs that have ended and have no row, for nobody was promised one: plain ones of class
 * received. What can be asked about one, its arguments and the record of its end are kept here,
 * until it is too old or there is no more room; whoever asks is answered at once. What has ended
 * otherwise is the store's.
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

/* A hundred thousand of them lie around and are mostly never looked at again: each is as small as
 * it can be, in one piece, and begins with what is needed to forget it. */
struct bygone {
    struct link link; /* bygone_list::all */
    uint64_t id;
    struct owner *owner; /* its client's, which may have gone */
    uint32_t args_size, value_size;
    uint8_t worker_size, state, reason, attempts;
    int8_t priority;
    bool fetched; /* or nobody waits for it */
    uint32_t updates;
    int64_t at_ms; /* of its end */
    const struct queue *queue;
    uint64_t submitted_ms, ended_ms; /* wall */
    uint64_t run_us, detail, peak_kib;
    unsigned char bytes[]; /* its arguments, its value, the name of its worker */
};

struct bygones {
    struct bygone_list {
        struct link all; /* bygone::link, in the order in which they came */
        uint64_t count, bytes;
    } waiting, fetched; /* nobody has fetched the result yet; somebody has, or nobody will */
};

/* An id leads to either, see broker::jobs: then the lowest bit says which. */
static inline bool bygone_marked(const void *known)
{
    return (uintptr_t)known & 1;
}

void bygones_init(struct bygones *all);

/* Does this job stay here when it ends? */
bool bygone_fits(const struct job *job);
/* It has ended, and may be forgotten at once. */
void bygone_add(struct broker *b, const struct job *job, const struct msg_ended *ended,
                const struct msg_ended_row *row);
/* To whoever checks us, when they are told of ends; see keep.c. */
void bygone_tell(struct broker *b, const struct job *job, const struct msg_ended *ended,
                 const struct msg_ended_row *row);
struct bygone *bygone_find(const struct broker *b, uint64_t id); /* NULL: none of these */
/* As if it came from the store. Lent until the next step. */
void bygone_row(const struct bygone *bygone, struct row *row);
/* The results of ids id..id+count-1 have been fetched. Returns how many of them were here. */
uint64_t bygone_settle(struct broker *b, uint64_t id, uint64_t count);
void bygone_forget(struct broker *b, struct bygone *bygone);
void bygones_fini(struct broker *b);

/* What those cost whose results are this owner's and nobody has fetched. Walks them all. */
uint64_t bygones_waiting_bytes(const struct broker *b, const struct owner *owner);
/* No room for another result that nobody has fetched. */
bool bygones_crowded(const struct broker *b);
uint64_t bygones_count(const struct broker *b);
uint64_t bygones_bytes(const struct broker *b);
void bygones_tick(struct broker *b); /* what is too old goes */
void bygones_audit(const struct broker *b);

#endif
