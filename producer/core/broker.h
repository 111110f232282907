/* SPDX-License-Identifier: Apache-2.0
 *
 * broker: the decisions of the broker as a pure state machine. An event goes in, effects come out,
 * in the order in which they must happen. No socket, clock, file, thread or environment: time is in
 * the event, randomness comes from the seed. Same options, same events: the same effects, byte for
 * byte. The shell (producer/broker) and the simulator (tests/sim) drive the same code.
 */
#ifndef CORE_BROKER_H
#define CORE_BROKER_H

#include "common/buf.h"
#include "proto/record.h"

struct broker;

struct broker_limits {        /* 0: the default */
    uint64_t jobs_max;        /* live jobs; 10,000,000 */
    uint64_t args_bytes_max;  /* their arguments together; 4 GiB */
    uint64_t queues_max;      /* 100,000 */
    uint64_t keys_max;        /* users' keys remembered; 1,000,000 */
    uint64_t clients_max;     /* clients remembered; 100,000 */
    uint64_t workers_max;     /* 10,000 */
    uint64_t topics_max;      /* topics watched by name; 100,000 */
    uint64_t peers_max;       /* connections; 60,000 */
    uint64_t waits_max;       /* jobs that one connection waits for by id; 1,000,000 */
    uint32_t attempts_max;    /* lost attempts of a job that says nothing itself; 5 */
    uint32_t ahead_jobs_max;  /* jobs lent to one worker beyond its slots; 2,000 */
    uint32_t ahead_us_max;    /* and the run time they may add up to, a slot; 2,000 us */
    int64_t worker_silent_ms; /* not heard for so long: lost; 5,000 */
    int64_t worker_return_ms; /* disconnected for so long: lost; 1,000 */
    int64_t key_ms;           /* a key outlives its job by this; 24 h */
};

struct broker_options {
    uint64_t seed;
    uint32_t incarnation; /* larger at each start */
    uint16_t broker_id;   /* 0..2047, the head of every job id */
    bool durable;         /* the store can give it */
    uint64_t pid;
    uint64_t workers_port, updates_port; /* told to peers */
    int64_t now_ms, wall_ms;
    struct broker_limits limits;
};

enum port { PORT_CLIENTS, PORT_WORKERS };

enum event_type {
    EV_BODY,      /* a message came: a run of records */
    EV_PEER_GONE, /* a send found no way to the peer */
    EV_WATCH,     /* the first subscriber of a topic came, or the last one left */
    EV_FOUND,     /* the store's answer to FX_FIND or FX_LIST */
    EV_STORE,     /* how full the store is */
    EV_TICK,      /* broker_deadline has come */
};

struct event {
    enum event_type type;
    int64_t now_ms;  /* monotonic; never goes back */
    int64_t wall_ms; /* since 1970; for people, and never compared */
    union {
        struct {
            uint64_t peer; /* the shell's name of a connection; not 0; not used again */
            enum port port;
            struct bytes bytes; /* borrowed for the step */
        } body;
        struct {
            uint64_t peer;
        } gone;
        struct {
            struct bytes topic; /* as on the wire: ends in a 0 byte, else it is a prefix */
            bool on;
        } watch;
        struct {
            uint64_t ticket;
            struct bytes rows; /* none: no such job */
            uint64_t next;     /* FX_LIST: there is more after this id, or 0 */
        } found;
        struct {
            uint64_t kept; /* ended jobs */
            bool full;     /* no room for another result that nobody has fetched */
        } store;
    };
};

enum effect_type {
    FX_SEND,    /* bytes (one record) to peer */
    FX_PUBLISH, /* topic and bytes on the updates' socket */
    FX_APPEND,  /* bytes: the row of an ended job (see below), id */
    FX_SETTLE,  /* the results of ids id..id+count-1 have been fetched: first to go when room is
                   short */
    FX_FIND,    /* look for the row of id, answer EV_FOUND with ticket */
    FX_LIST,    /* rows of ended jobs after id, newest first: state, count, bytes: queue name */
};

struct effect {
    enum effect_type type;
    bool lazy;       /* FX_SEND: may wait for what else goes there, for a tick at most */
    bool settled;    /* FX_APPEND: nobody waits for this result */
    uint8_t state;   /* FX_APPEND: the end state; FX_LIST: the state wanted, 0 any */
    uint64_t peer;   /* FX_SEND */
    uint64_t ticket; /* FX_FIND, FX_LIST */
    uint64_t id, count;
    size_t at, size; /* place of the bytes in effects.bytes */
    size_t topic, topic_size;
};

/* Lent until the next step. */
struct effects {
    struct effect *list;
    size_t count, capacity;
    struct buf bytes;
};

static inline struct bytes effect_bytes(const struct effects *fx, const struct effect *e)
{
    return bytes_of(fx->bytes.data + e->at, e->size);
}

static inline struct bytes effect_topic(const struct effects *fx, const struct effect *e)
{
    return bytes_of(fx->bytes.data + e->topic, e->topic_size);
}

/* A row is a run of three records: submit (with the arguments), job, ended (with the value). */

struct broker *broker_new(const struct broker_options *options);
void broker_free(struct broker *b);

/* One event; its effects replace what out held before. out starts zeroed, ends in effects_fini. */
void broker_step(struct broker *b, const struct event *ev, struct effects *out);
void effects_fini(struct effects *out);

/* When to send EV_TICK at the latest, in ms of the monotonic clock. */
int64_t broker_deadline(const struct broker *b);

/* Checks every index against every other; for tests. Dies by must() when they disagree. */
void broker_audit(const struct broker *b);

/* Figures for tests and for the log. */
struct broker_totals {
    uint64_t submitted, ended[JOB_STATES], executions, lease_losses, live, ready, running, delayed;
    uint64_t malformed;
};
void broker_totals(const struct broker *b, struct broker_totals *out);

#endif
