/* SPDX-License-Identifier: Apache-2.0
 *
 * topic: what is watched, by whom, and what they are told: of topics (topic.c), of who follows one
 * over a connection of its own (follow.c), of the answers to both (snapshot.c) and of feeds, which
 * run while they are watched (feed.c).
 */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include "common/buf.h"
#include "common/list.h"
#include "producer/core/update.h"
#include "proto/record.h"

enum { RING_EVENTS = 64 };

struct broker;
struct find;
struct job;
struct peer;
struct queue;
struct row;
struct worker;

struct topic {
    struct bytes name;   /* owned; without the closing 0 */
    bool subscribed;     /* by somebody on the updates' socket */
    struct link follows; /* follow::of_topic */
    int64_t left_ms;     /* when the last one who watched left */
    struct link rest;    /* broker::topics_left while nobody watches */
    struct ring_event {
        uint64_t seq;
        struct buf body;
    } ring[RING_EVENTS]; /* seq % RING_EVENTS */
};

/* See follow.c. */
struct follow {
    struct peer *peer;
    uint64_t number; /* peer::follows */
    struct topic *topic;
    struct owner *owner;  /* whose peer it is; NULL: nobody's */
    struct link of_topic; /* topic::follows */
    bool answered;        /* the snapshot has been told: updates may follow */
    bool behind;          /* some went by for want of credit */
    uint64_t seq;         /* of what it was told last */
    int64_t credit;       /* updates it takes; below 0: what was repeated in an answer */
    uint64_t told_by;     /* the last one leaves when the store has come so far */
};

struct prefix {
    struct bytes name; /* owned */
    struct link link;  /* broker::prefixes */
};

/* See feed.c. */
struct feed {
    struct bytes topic; /* owned */
    struct job *job;    /* NULL: it has ended */
    bool watched;
    bool given_up; /* its session was told to end, for nobody came */
    uint64_t updates;
    int64_t left_ms;  /* when the last subscriber left */
    struct link idle; /* broker::feeds_idle while nobody watches */
    unsigned state;   /* how it ended */
    char reason[48];
};

/* topic.c */
void topic_watch(struct broker *b, struct bytes wire, bool on);
void job_event(struct broker *b, struct job *job, const struct msg_job *view); /* NULL: as it is */
void job_progress_event(struct broker *b, struct job *job);
void worker_event(struct broker *b, struct worker *w, const char *event);
void queue_counts_tick(struct broker *b);
enum chain_event { CHAIN_ITERATED, CHAIN_TOLD, CHAIN_PAUSED, CHAIN_RESUMED, CHAIN_OVER };
void chain_event(struct broker *b, struct job *job, const struct msg_job *view,
                 enum chain_event event);
void chain_fields(struct update *u, const struct msg_job *job, const struct msg_chain_row *row);
bool view_valid(struct bytes view); /* a map that fits into an event */
void topic_sync(struct broker *b, struct bytes nonce);
bool topic_wanted(const struct broker *b); /* does anybody watch anything? */
void topic_open(const struct broker *b, struct update *u, uint64_t seq, const char *event);
void topic_publish(struct broker *b, struct bytes name, uint64_t seq, struct bytes body);
bool topic_watched(const struct topic *t);
bool topic_follow(struct broker *b, struct follow *f, struct bytes name); /* false: too many */
void topic_unfollow(struct broker *b, struct follow *f);
void job_fields(struct update *u, const struct msg_job *job);
void worker_fields(struct update *u, const struct worker *w);
void queue_fields(const struct broker *b, struct update *u, const struct queue *q);
void topics_tick(struct broker *b);
void topics_fini(struct broker *b);

/* snapshot.c: the answers to watch and follow; ask is copied where the store is asked */
void snapshot_watch(struct broker *b, struct peer *peer, const struct msg_watch *watch);
void snapshot_ask(struct broker *b, struct peer *peer, struct find *ask);
void snapshot_found(struct broker *b, struct peer *peer, const struct find *find,
                    const struct row *row);
bool snapshot_kind(struct bytes head); /* of topics that are no feed's */
struct bytes snapshot_split(struct bytes topic, struct bytes *tail); /* "job/ID": "job" and "ID" */
uint64_t snapshot_id(struct bytes tail);                             /* of a job; 0: it is none */

/* follow.c */
bool follow_record(struct broker *b, struct peer *peer, const struct record *r);
struct follow *follow_find(const struct peer *peer, uint64_t number, struct bytes topic);
/* The answer up to seq has been sent, with some updates in it. Or there is none: it is over; false:
 * it was before. */
void follow_answered(struct broker *b, struct follow *f, uint64_t seq, uint64_t repeated);
bool follow_refused(struct broker *b, struct peer *peer, const struct find *ask);
void follow_tell(struct broker *b, struct follow *f, uint64_t seq, struct bytes body);
void follows_end(struct broker *b, struct peer *peer); /* all that it follows */
void follows_fini(struct peer *peer);                  /* with the broker itself */

/* feed.c */
struct feed *feed_find(const struct broker *b, struct bytes topic);
struct bytes feed_queue(const struct broker *b, struct bytes topic); /* of its jobs; empty: none */
void feed_watch(struct broker *b, struct bytes topic, bool on);
bool feed_offer(struct broker *b, struct queue *q, struct bytes head); /* false: refused */
void feed_event(struct broker *b, struct job *job, const struct msg_job *view,
                enum chain_event event);
void feed_fields(const struct broker *b, struct update *u, const struct feed *feed);
void feed_list(struct broker *b, struct peer *peer, uint64_t number);
void feeds_tick(struct broker *b);
void feeds_fini(struct broker *b);

#endif
