/* SPDX-License-Identifier: Apache-2.0
 *
 * things: what the broker remembers, as the files of this room see it (core.h).
 *
 *   peer    a connection, before and after it said who it is
 *   client  who hands in jobs; outlives its connections
 *   worker  who runs them; holds leases; outlives its connections for a second
 *   queue   the jobs of one handler.method
 *   job     one call, from its acceptance to its end
 *   intake  jobs that come in a row
 *   harvest results that do
 *   bygone  a job that has ended and has no row
 *   chain   what makes a job a session: it runs again and again
 *   task    what a person completes: a session that no worker runs
 *   feed    a session that runs only while somebody watches
 *   topic   what somebody watches
 *   follow  somebody who watches it over a connection of its own
 *   usage   what one principal has of all these
 *   row     what the store keeps of these (row.h); what is told waits for it (effects.c)
 */
#ifndef CORE_THINGS_H
#define CORE_THINGS_H

#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "common/must.h"
#include "common/pool.h"
#include "common/random.h"
#include "producer/core/broker.h"
#include "producer/core/bygone.h"
#include "producer/core/find.h"
#include "producer/core/group.h"
#include "producer/core/harvest.h"
#include "producer/core/holdings.h"
#include "producer/core/permit.h"
#include "producer/core/todo.h"
#include "producer/core/topic.h"
#include "producer/core/update.h"
#include "proto/again.h"
#include "proto/tagset.h"

#define JOB_SEQUENCE_MASK 0xfffffffffffffu /* of an id; above it is the broker's */
#define DURATION_MS_MAX   (10ull * 366 * 24 * 3600 * 1000)

enum { HISTOGRAM_BOUNDS = 16, ATTEMPTS_COUNTED_MAX = 250, BACKOFF_MAX_MS = 60000 };

struct peer {
    /* What each of its words is about: a line of the processor's cache. */
    uint64_t id;
    enum port port;
    struct again *again;   /* what was made for it last; NULL: it does not know the short form */
    struct client *client; /* one of these two once it has been welcomed */
    struct worker *worker;
    const struct principal *principal; /* of the list in force; NULL: it may nothing */
    struct link waiters;               /* see waiter.c */
    uint64_t waiters_count;
    struct idmap follows;   /* follow::number */
    struct link link;       /* broker::peers_list */
    int64_t ping_ms;        /* when the next ping is due */
    char key[ACL_KEY_SIZE]; /* its public key; 0: none was shown */
};

/* Submissions number .. number+count-1 became jobs id .. id+count-1. */
struct run {
    uint64_t number, id, count;
    bool joined; /* a key led to jobs there were: their results are other submissions' */
};

struct client {
    unsigned char peer_id[PEER_ID_BYTES];
    struct peer *peer;                /* NULL: away */
    bool left;                        /* it said goodbye: it will not fetch results */
    uint64_t last_number;             /* the highest taken */
    uint64_t due_number, kept_number; /* the highest durable one; what its row says */
    uint64_t live;                    /* jobs that name this client */
    uint64_t bytes, sessions;         /* what is kept of those; how many of them are sessions */
    uint64_t floor;                   /* of this body: what is below is settled; 0: not said */
    struct run *runs;                 /* by number, oldest first */
    size_t runs_count, runs_capacity;
    struct queue *queue_last; /* most submissions are for the queue of the one before */
    struct owner *owner;      /* whose jobs these are: whoever said this peer id first */
    struct link link;         /* broker::clients_idle while it is away and has no live job */
    struct link late;         /* broker::clients_late: its row is behind */
};

struct level { /* the ready jobs of one priority */
    int priority;
    struct link jobs; /* job::link */
};

/* Jobs that want a worker with some tags wait in one of their own, beside the plain one of their
 * handler.method: only workers that have them serve it. Together they are what people call a queue,
 * and what is counted, held and watched by its name. */
struct queue {
    struct bytes name;     /* the plain one's own */
    struct bytes tags;     /* owned; see proto/tagset.h */
    struct queue *plain;   /* that without tags; itself */
    struct link kin;       /* of the plain one: those with tags; of those: plain->kin */
    uint32_t index;        /* dense, from 0 */
    struct level **levels; /* highest priority first; stay once made */
    size_t levels_count;
    struct link link;                 /* broker::active while something is ready and not held */
    struct rank rank;                 /* while it is there and a worker offers it */
    struct link due;                  /* broker::lends */
    bool held, offered, counts_dirty; /* of the plain one */
    uint64_t ready, running, delayed, workers;
    uint64_t submitted, ended[JOB_STATES];
    struct bytes feed; /* owned; the head of the topics that it feeds; empty: none */
    double run_us;     /* learned run time; < 0: not known yet */
    /* For fair sharing, see lease.c: run time it has had; what of it was charged in advance for
     * leases that stand; the sum of the moments when those began. */
    double used_us, charged_us;
    uint64_t leased, leased_ms;
    uint32_t updates; /* of the plain one */
};

/* What most jobs do not have. */
struct job_more {
    struct heap_node timer; /* broker::timers */
    int64_t due_ms;         /* delayed, backoff: ready then */
    int64_t deadline_ms;    /* monotonic; 0: none */
    uint64_t timeout_ms, retries, retry_of;
    struct bytes key;     /* owned */
    struct link waiters;  /* see waiter.c */
    uint8_t stop_reason;  /* cancelled or deadline while it runs */
    uint32_t incarnation; /* of its last lease, when that was in a life before; else 0 */
    uint64_t kept_seq;   /* the row of its last attempt: the next one waits for it; at most once: of
                            its lease, which is not told before */
    uint64_t body_hash;  /* of key */
    struct buf attempts; /* attempt records, one each that did not end it */
    struct chain *chain; /* of a session; else NULL */
    struct feed *feed;   /* whose session it is; else NULL */
    uint64_t parent;     /* the session whose child it is; 0: of none */
    uint32_t place;      /* among its children */
    struct bytes progress; /* owned; what its attempt under way has told last */
    struct owner *owner;   /* of a job without a client */
};

/* What makes a job a session; see chain.c. All bytes are owned. */
struct chain {
    uint64_t iteration; /* how many are over */
    enum chain_step { CHAIN_READY, CHAIN_ASKS, CHAIN_FORKED } step;
    bool paused;
    bool begun;                /* it has done more than ask for its first word */
    bool removed;              /* nothing of it is to stay when it ends */
    struct bytes state, input; /* what the next iteration gets: a value each */
    struct bytes view;         /* what the last one had to show: a map, or nothing */
    uint64_t delay_ms;         /* what the last verdict asked for */
    uint64_t children;         /* the id of the first; the others follow */
    uint32_t children_count, children_left;
    struct bytes *results; /* of the children, while it waits for them: [state, value] */
    size_t results_bytes;  /* of their values */
};

/* Ten millions of them may wait: its size is looked after. */
struct job {
    uint64_t id;
    struct queue *queue;
    struct client *client; /* NULL: nobody in particular (a retry) */
    uint64_t number;
    union {
        struct {
            struct link link;   /* level::jobs, broker::storing, broker::recovering; delayed and
                                   backoff are in none */
            uint64_t stored_by; /* storing: ready when the store has come so far */
        };
        struct { /* running */
            struct worker *worker;
            uint32_t place;     /* worker::holdings */
            uint32_t lent_us;   /* what the lease was taken to cost */
            uint32_t leased_ms; /* when, since broker::start_ms, and so often round */
        };
    };
    struct job_more *more;
    uint64_t submitted_ms : 47; /* wall */
    bool together : 1;          /* nobody waits for its result alone */
    int8_t priority : 8;
    uint8_t durability : 2;
    bool started : 1, announced : 1;
    bool recalled : 1;   /* its worker was asked for it */
    bool leased : 1;     /* at most once: its row says that it was leased */
    bool recovering : 1; /* in broker::recovering */
    bool restored : 1;   /* of the life before: somebody may hold it */
    uint32_t leases;     /* how often, in all lives: see job_last_token */
    uint32_t updates;
    uint32_t args_size;
    uint8_t state, attempts;
    unsigned char args[];
};

struct worker {
    unsigned char peer_id[PEER_ID_BYTES];
    struct bytes host, tags; /* owned */
    const struct owner *owner;
    uint64_t pid, since_ms;
    bool restored; /* on the list of the life before: may hold leases of it */
    int64_t gone_ms;
    struct queue **offers;
    uint32_t offers_count;
    struct queue **served; /* while it is ready: each queue that it may be lent jobs of */
    uint32_t served_count, served_capacity;
    struct slot_view {
        uint64_t pid, job;
        uint8_t state;
    } * slot_views;
    struct link link; /* broker::workers */
    uint32_t updates;
    /* What each of its words is about lies side by side from here on. */
    int64_t heard_ms;
    struct peer *peer; /* NULL: connection lost, may come back */
    enum worker_state state;
    bool ready; /* said hello, offers and holdings; leases may go */
    bool begun; /* it has said that a job runs, since the last result */
    bool stuck; /* nothing moved since for so long that no more is lent ahead */
    uint32_t slots, leased;
    double lent_us;         /* of all its leases */
    double ahead_us;        /* and how much that may be, a slot, by what it was lent last */
    uint64_t result_number; /* highest seen in this step's body; 0: nothing to acknowledge */
    uint64_t listed_by;     /* it gets leases when the store has come so far */
    int64_t moved_ms;       /* its last result, lease to a free slot, or word that a job runs */
    struct holdings holdings;
    struct link due;    /* broker::fills */
    struct link groups; /* member::of_worker, see group.h */
    struct member first_member;
    uint16_t *offer_of; /* queue::index -> offer + 1; 0: not offered */
    uint32_t offer_of_count;
    struct bytes name; /* its text */
    char text[];
};

struct figure { /* a histogram */
    uint64_t buckets[HISTOGRAM_BOUNDS + 1], sum_us;
    size_t last; /* the one that was counted in last */
};

struct figures {
    struct figure wait, run;
    uint64_t attempts[REASON_COUNT]; /* by how they ended */
    uint64_t published;
};

struct key {
    struct bytes name; /* owned */
    uint64_t job, body_hash;
    struct heap_node expiry; /* broker::keys_ended once its job has ended */
    bool durable;            /* has a row */
};

/* Submissions of one body that follow the one before; see intake.c. */
struct intake {
    struct job *last;             /* ready, and at the end of its queue; NULL: there is no row */
    uint64_t jobs, bytes;         /* of those behind the first: they are not counted yet */
    uint64_t jobs_max, bytes_max; /* for so many there is room */
};

/* A worker of the life before that may hold leases. */
struct awaited {
    struct bytes peer_id;      /* owned */
    const struct owner *owner; /* who said it; NULL: nobody in particular */
};

struct broker {
    struct broker_options options;
    struct broker_limits limits;
    int64_t now_ms, wall_ms, start_ms, tick_ms;
    struct random random;
    uint64_t job_sequence, ticket;
    struct idmap peers;       /* peer::id */
    struct link peers_list;   /* peer::link */
    struct namemap clients;   /* client::peer_id */
    struct link clients_idle; /* client::link, longest idle first */
    struct namemap workers_by_id, workers_by_name;
    struct link workers; /* worker::link */
    struct namemap past_workers;
    struct link past_list;     /* past_worker::link */
    uint32_t past_updates_max; /* of those that are not even remembered */
    struct namemap queues;
    struct queue **queues_list; /* by queue::index */
    uint32_t queues_count, queues_capacity;
    struct link active; /* queue::link */
    uint64_t turns;     /* how often one of them woke up */
    struct link eased;  /* rank::eased: may have used less than their rank says */
    struct idmap jobs;  /* those that live, and bygones, which are marked */
    struct bygones bygones;
    struct pool pool; /* of what there is most of, and is looked at most */
    uint64_t args_bytes;
    struct heap timers; /* job_more::timer */
    struct namemap keys;
    struct heap keys_ended; /* key::expiry */
    struct namemap topics;
    struct link topics_left; /* topic::rest, longest first */
    struct link prefixes;
    size_t prefixes_count;
    struct todo todo;
    struct namemap feeds, feed_heads; /* feed::topic; queue::feed */
    struct link feeds_idle;           /* feed::idle, longest first */
    uint64_t feeds_updates_max;       /* of feeds that are not remembered */
    struct figures figures;
    struct idmap finds;
    enum err store_refuses;
    uint64_t kept, store_bytes, commit_us, memory_bytes;
    struct broker_totals totals;
    struct permits permits;
    /* the store: rows put, rows kept, and what may only be told when they are */
    uint64_t put_seq, stored_seq;
    int64_t unkept_ms;        /* since when the first that is put waits to be kept, if one does */
    struct link clients_late; /* client::late */
    struct {
        uint64_t id, count;
    } fetched;             /* results of which the store does not know it yet */
    uint64_t published_by; /* the last update leaves when the store has come so far */
    struct effects held;
    size_t held_from;    /* the first effect of held that has not left */
    struct link storing; /* job::link, by stored_by */
    bool fenced;
    /* the lease mark: no job above it is leased */
    uint64_t mark, mark_asked, mark_seq;
    bool fill_due;     /* a lease waits for the store */
    int64_t recall_ms; /* when to look for leases that wait behind a long job */
    /* after a start: leases of the life before may still stand */
    bool loading, recovering_on;
    int64_t recovery_until_ms;
    struct link recovering; /* job::link: waits for a worker that may hold it */
    struct namemap awaited; /* peer ids of workers that may hold leases */
    struct namemap late;    /* of those that were waited for in vain */
    /* of the step under way */
    struct link lends, fills;   /* queue::due, worker::due: may have something for each other */
    uint64_t lend_round;        /* how often the former were looked at */
    struct effects *out, *into; /* into: where the effect under construction lies */
    unsigned gates;             /* open, one in the other */
    struct buf scratch;
    struct {
        struct client *client;
        struct run run;
        uint8_t durability;
        bool lazily;
        bool fresh; /* the numbers are new: which jobs they became is kept when that is told */
    } accepting;    /* accepted records not yet sent */
    struct intake intake;   /* the row under way: of submissions, */
    struct harvest harvest; /* of results */
};

#endif
