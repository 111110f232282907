/* SPDX-License-Identifier: Apache-2.0
 *
 * permit: what a peer may do. A peer is a principal of the list (proto/acl.h) that is in force, a
 * job and a client id are a principal's, and a table says which role may say which record about
 * what. What is not in the table is denied. Without a list all of this is one look at a flag.
 */
#ifndef CORE_PERMIT_H
#define CORE_PERMIT_H

#include "common/map.h"
#include "producer/core/usage.h"
#include "proto/acl.h"
#include "proto/record.h"

struct broker;
struct client;
struct find;
struct job;
struct peer;
struct row;

/* The name of a principal that jobs, clients or workers are of; one for each name, for as long as
 * the broker lives, so that two are equal when their addresses are. The principal itself may have
 * left the list. */
struct owner {
    struct bytes name; /* owned */
    struct usage usage;
};

struct permits {
    bool on; /* there is a list */
    struct acl acl;
    struct namemap owners;         /* owner::name */
    uint64_t denied, over[QUOTAS]; /* submissions and follows beyond a quota */
};

/* NULL for no name: of nobody in particular, as everything is without a list. */
struct owner *owner_of(struct broker *b, struct bytes name);
struct owner *owner_of_peer(struct broker *b, const struct peer *peer);
struct owner *owner_of_job(const struct job *job);
void owner_load(struct broker *b, struct client *client, struct bytes name);
struct bytes owner_name(const struct owner *owner); /* none: empty */

/* Another list is in force from now on: who is no longer on it, or has become something else, is
 * let go. One that does not read changes nothing. */
void permit_list(struct broker *b, struct bytes text);
/* A peer is new: who it is. */
void permit_know(struct broker *b, struct peer *peer, struct bytes key);
void permits_fini(struct broker *b);

/* The rest is only asked while a list is in force, and of peers that are on it. */

/* May it say this? A submission, an offer and what names a job that is not here are looked at again
 * when more is known. */
bool permit_record(const struct broker *b, const struct peer *peer, const struct record *r);
/* What the store has found of an ended job for a question of this peer; false: it was told that it
 * has no right to it. */
bool permit_found(struct broker *b, struct peer *peer, const struct find *find,
                  const struct row *row);
bool permit_row(const struct broker *b, const struct peer *peer, enum record_type verb,
                const struct row *row);
bool permit_queue(const struct broker *b, const struct peer *peer, struct bytes queue);
bool permit_topic(const struct broker *b, const struct peer *peer, struct bytes topic);
/* A session's child: its worker may run that queue, and its owner may submit to it. */
bool permit_child(const struct broker *b, const struct job *parent, struct bytes queue);

/* In a list of many, and in sums: is it shown what is not its own? */
bool permit_all(const struct broker *b, const struct peer *peer);
bool permit_job_of(const struct broker *b, const struct peer *peer, const struct owner *owner);

/* It was denied: an error, a count and a line for the log. */
void permit_deny(struct broker *b, const struct peer *peer, const struct record *r);

#endif
