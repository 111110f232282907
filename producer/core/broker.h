/* SPDX-License-Identifier: Apache-2.0
 *
 * broker: the decisions of the broker as a pure state machine. An event goes in, effects come out,
 * in the order in which they must happen. No socket, clock, file, thread or environment: time is in
 * the event, randomness comes from the seed. Same options, same events: the same effects, byte for
 * byte. The shell (producer/broker) and the simulator (tests/sim) drive the same code.
 */
#ifndef CORE_BROKER_H
#define CORE_BROKER_H

#include "producer/core/row.h"
#include "proto/record.h"

struct broker;

struct broker_limits {        /* 0: the default */
    uint64_t jobs_max;        /* live jobs; 20,000,000 */
    uint64_t args_bytes_max;  /* their arguments together; 4 GiB */
    uint64_t queues_max;      /* 100,000 */
    uint64_t keys_max;        /* users' keys remembered; 1,000,000 */
    uint64_t clients_max;     /* clients remembered; 100,000 */
    uint64_t workers_max;     /* 10,000 */
    uint64_t topics_max;      /* topics watched by name; 100,000 */
    uint64_t follows_max;     /* topics that one connection follows; 10,000 */
    uint64_t peers_max;       /* connections; 60,000 */
    uint64_t waits_max;       /* jobs that one connection waits for by id; 1,000,000 */
    uint32_t attempts_max;    /* lost attempts of a job that says nothing itself; 5 */
    uint32_t ahead_jobs_max;  /* jobs lent to one worker beyond its slots; 8,000 */
    uint32_t ahead_us_max;    /* and the run time of all it has, a slot; 8,000 us */
    int64_t worker_silent_ms; /* not heard for so long: lost; 5,000 */
    int64_t worker_return_ms; /* disconnected for so long: lost; 1,000 */
    int64_t key_ms;           /* a key outlives its job by this; 24 h */
    int64_t recovery_ms;      /* after a restart workers have so long to come back; 3,000 */
    uint64_t mark_jobs;       /* the lease mark moves ahead by so many ids; 65,536 */
    uint64_t held_bytes_max;  /* what waits for the store, before work is refused; 256 MiB */
    /* Of bygones (bygone.h), as store_limits has them for what is in the store. */
    uint64_t history_max, history_bytes_max; /* results that were fetched; 100,000, 256 MiB */
    int64_t history_ms;                      /* since they ended; 7 days */
    uint64_t results_max, results_bytes_max; /* results that were not; 1,000,000, 1 GiB */
    int64_t results_ms;                      /* since they ended; 24 h */
};

struct broker_options {
    uint64_t seed;
    uint32_t incarnation; /* larger at each start */
    uint16_t broker_id;   /* 0..2047, the head of every job id */
    bool durable;         /* the store can give it */
    bool tells_ends;      /* FX_BYGONE and FX_GONE are wanted */
    uint64_t last_id;     /* no job has had a higher one */
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
    EV_STORED,    /* what was put up to seq is kept; outcome speaks of seq itself */
    EV_STORE,     /* how the store is */
    EV_LOADED,    /* a row of an earlier life, or one that came to us; before EV_SERVE at a start */
    EV_SERVE,     /* all rows are loaded: connections are taken from now on */
    EV_ACL,       /* a list of principals (proto/acl.h) is in force from now on; the first one
                     before EV_SERVE, or keys mean nothing */
    EV_UNWATCHED, /* the updates' socket is another one: whoever watches comes again */
    EV_ENROLLED,  /* what FX_ENROL asked for is done, or cannot be */
    EV_TICK,      /* broker_deadline has come */
    EV_END,       /* the last one: rows that were put off are put */
};

struct event {
    enum event_type type;
    int64_t now_ms;  /* monotonic; never goes back */
    int64_t wall_ms; /* since 1970; for people: compared with what they have written down only */
    union {
        struct {
            uint64_t peer; /* the shell's name of a connection; not 0; not used again */
            enum port port;
            struct bytes bytes; /* borrowed for the step */
            struct bytes key;   /* the public key that the connection has shown; empty: none */
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
            uint64_t seq;
            enum row_outcome outcome;
        } stored;
        struct {
            uint64_t kept;             /* ended jobs */
            uint64_t bytes, commit_us; /* size of its files; what a commit takes */
            uint64_t memory_bytes;     /* of this process */
            enum err refuses;          /* OK; ERR_BUSY: no room for results; ERR_DISK_FULL */
        } store;
        struct {
            struct row_key key;
            struct bytes row;
        } loaded;
        struct {
            struct bytes text;
        } acl;
        struct {
            uint64_t peer;
            struct bytes name;
            const char *failure; /* NULL: the list in force has the key */
        } enrolled;
    };
};

enum effect_type {
    FX_SEND,    /* bytes (one record, or a row of them) to peer */
    FX_PUBLISH, /* topic and bytes on the updates' socket */
    FX_PUT,     /* bytes: a row (producer/core/row.h) to keep; kind and id or name */
    FX_DROP,    /* a row to forget */
    FX_SETTLE,  /* the results of ids id..id+count-1 have been fetched: first to go when room is
                   short */
    FX_FIND,    /* look for the row of id, answer EV_FOUND with ticket */
    FX_LIST,    /* rows of ended jobs after id, newest first: state, count, bytes: queue name */
    FX_BYGONE,  /* a job has ended that has no row: id, state, settled, bytes: what that would be */
    FX_GONE,    /* and now nothing is known of it any more: id */
    FX_ENROL,   /* the invited principal of this name is a worker under the key in bytes */
    FX_AUDIT,   /* bytes: a line for the log: who was denied what, or wants too much; holds
                   nothing a peer has said */
};

struct effect {
    enum effect_type type;
    bool lazy;     /* FX_SEND: may wait for what else goes there, for a tick at most */
    bool settled;  /* of an ended job: nobody waits for its result */
    uint8_t state; /* of an ended job: how it ended; FX_LIST: the state wanted, 0 any */
    uint8_t kind;  /* FX_PUT, FX_DROP: enum row_kind */
    uint32_t mark; /* FX_SEND: of a record that comes in rows (proto/again.h), else 0 */
    uint32_t more; /* FX_SEND: the next so many of its row lie behind it, in their short form */
    uint64_t seq;  /* FX_PUT, FX_DROP, FX_SETTLE: told back by EV_STORED; grows by one each */
    union {
        uint64_t peer;   /* FX_SEND, FX_ENROL */
        uint64_t ticket; /* FX_FIND, FX_LIST */
    };
    uint64_t id, count;
    size_t at;                /* place of the bytes in effects.bytes */
    uint32_t size, name_size; /* the name lies right before the bytes. FX_PUBLISH: the topic;
                                 FX_PUT, FX_DROP: the row's; FX_SEND: the short form */
    uint32_t more_size;       /* of those behind, with which `size` ends */
};

/* Lent until the next step. */
struct effects {
    struct effect *list;
    size_t count, capacity;
    struct buf bytes;
    const struct again *row; /* the core's: maker of the record at the end, if another may follow */
};

static inline struct bytes effect_bytes(const struct effects *fx, const struct effect *e)
{
    return bytes_of(fx->bytes.data + e->at, e->size);
}

static inline struct bytes effect_name(const struct effects *fx, const struct effect *e)
{
    return bytes_of(fx->bytes.data + e->at - e->name_size, e->name_size);
}

static inline struct row_key effect_key(const struct effects *fx, const struct effect *e)
{
    return (struct row_key){(enum row_kind)e->kind, e->id, effect_name(fx, e)};
}

struct broker *broker_new(const struct broker_options *options);
void broker_free(struct broker *b);

/* These are to be stepped next, in this order. A hint and nothing else: where what they are about
 * lies apart, it is fetched into the processor's cache, side by side. */
void broker_expect(const struct broker *b, const struct event *events, size_t count);

/* One event; its effects replace what out held before. out starts zeroed, ends in effects_fini. */
void broker_step(struct broker *b, const struct event *ev, struct effects *out);
void effects_fini(struct effects *out);
/* One more, to be filled. */
struct effect *effects_append(struct effects *out);

/* Another life took what is ours: nothing this broker decides counts any more, it must end. */
bool broker_fenced(const struct broker *b);

/* When to send EV_TICK at the latest, in ms of the monotonic clock. */
int64_t broker_deadline(const struct broker *b);

/* Checks every index against every other; for tests. Dies by must() when they disagree. */
void broker_audit(const struct broker *b);

/* Figures for tests and for the log. */
struct broker_totals {
    uint64_t submitted, ended[JOB_STATES], executions, lease_losses, live, ready, running, delayed;
    uint64_t malformed;
    uint64_t storing, recovering; /* live, not in a queue: their row is not kept yet; a worker of
                                     the life before may still hold them */
};
void broker_totals(const struct broker *b, struct broker_totals *out);

#endif
