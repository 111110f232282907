/* SPDX-License-Identifier: Apache-2.0
 *
 * usage: what each principal has of the broker, counted as it comes and goes, and whether it may
 * have more: its quotas (proto/quota.h) are looked at when it asks for more, in the list that is
 * in force then. What it has already stays, also when a new list gives it less; and what comes by
 * itself, as the children of its sessions, counts and is not refused. Clients that are nobody's, as
 * all are without a list, have no quota.
 */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include "proto/quota.h"
#include "proto/record.h"

struct broker;
struct client;
struct job;
struct owner;
struct peer;

struct usage { /* of an owner, in all lives of the broker that remember it but for the last three */
    uint64_t jobs, bytes, sessions;
    uint64_t follows;
    int64_t paid_ns; /* monotonic: until then its submissions so far fill what its rate allows */
    int64_t said_ms; /* when the log was last told of it; 0: never */
};

/* Jobs are there, this one and others like it, with so many bytes of arguments; or one will be gone
 * in a moment. Whose it is is known, and does not change. */
void usage_begin(struct broker *b, const struct job *job, uint64_t jobs, uint64_t bytes);
void usage_end(struct broker *b, const struct job *job);
/* So many plain ones of a client are gone. */
void usage_ended(struct broker *b, struct client *client, uint64_t jobs, uint64_t bytes);
/* It is a session from now on. */
void usage_session(const struct job *job);
/* What is kept of a live job grows by so many bytes, or shrinks. */
void usage_grow(struct broker *b, const struct job *job, int64_t bytes);
/* A result that waits here to be fetched; owner NULL: nobody's. */
void usage_result(struct owner *owner, int64_t bytes);
/* The client was nobody's: it is this owner's now, with all it has. */
void usage_claim(struct client *client, struct owner *owner);

/* May this peer hand in one more job with so many bytes of arguments? False: it was told not. Only
 * asked while a list is in force, of a client. */
bool usage_submits(struct broker *b, struct peer *peer, uint64_t number, size_t bytes,
                   bool session);
/* Likewise: may it follow one more topic? */
bool usage_follows(struct broker *b, struct peer *peer, uint64_t number);

void usage_audit(const struct broker *b);

#endif
