/* SPDX-License-Identifier: Apache-2.0
 *
 * core: what the broker is made of; shared by the files of this room and by nobody else.
 *
 *   peer    a connection, before and after it said who it is
 *   client  who hands in jobs; outlives its connections
 *   worker  who runs them; holds leases; outlives its connections for a second
 *   queue   the jobs of one handler.method
 *   job     one call, from its acceptance to its end
 *   topic   what somebody watches
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "common/must.h"
#include "common/random.h"
#include "producer/core/broker.h"

enum { RING_EVENTS = 64, ATTEMPTS_COUNTED_MAX = 250 };

struct peer {
    uint64_t id;
    enum port port;
    struct client *client; /* one of these two once it has been welcomed */
    struct worker *worker;
    struct link waiters; /* waiter::of_peer */
    uint64_t waiters_count;
    struct link link; /* broker::peers_list */
    int64_t ping_ms;  /* when the next ping is due */
};

/* Somebody wants to be told when a job ends. */
struct waiter {
    struct link of_job;  /* job_more::waiters */
    struct link of_peer; /* peer::waiters */
    struct peer *peer;
    uint64_t number;
};

/* Submissions number .. number+count-1 became jobs id .. id+count-1. */
struct run {
    uint64_t number, id, count;
};

struct client {
    unsigned char peer_id[PEER_ID_BYTES];
    struct peer *peer; /* NULL: away */
    bool left;         /* it said goodbye: it will not fetch results */
    uint64_t last_number;
    uint64_t live;    /* jobs that name this client */
    struct run *runs; /* by number, oldest first */
    size_t runs_count, runs_capacity;
    struct queue *queue_last; /* most submissions are for the queue of the one before */
    struct link link;         /* broker::clients_idle while it is away and has no live job */
};

struct level { /* the ready jobs of one priority */
    int priority;
    struct link jobs; /* job::link */
};

struct queue {
    struct bytes name;     /* owned */
    uint32_t index;        /* dense, from 0 */
    struct level **levels; /* highest priority first; stay once made */
    size_t levels_count;
    struct link link; /* broker::active while something is ready and not held */
    bool held, offered, counts_dirty;
    uint64_t ready, running, delayed, workers;
    uint64_t submitted, ok, failed;
    double run_us;  /* learned run time; < 0: not known yet */
    double used_us; /* run time it has had, for fair sharing (see lease.c) */
    uint32_t updates;
};

/* What most jobs do not have. */
struct job_more {
    struct heap_node timer; /* broker::timers */
    int64_t due_ms;         /* delayed, backoff: ready then */
    int64_t deadline_ms;    /* monotonic; 0: none */
    uint64_t timeout_ms, retries, retry_of;
    struct bytes key;    /* owned */
    struct link waiters; /* waiter::of_job */
    uint8_t stop_reason; /* cancelled or deadline while it runs */
};

struct job {
    uint64_t id;
    struct queue *queue;
    struct client *client; /* NULL: nobody in particular (a retry) */
    uint64_t number;
    struct link link; /* level::jobs, worker::leases, or queue-less (delayed, backoff) */
    struct worker *worker;
    struct job_more *more;
    int64_t submitted_ms; /* wall */
    uint32_t lease_count, updates;
    uint32_t lent_us; /* what the lease was taken to cost */
    uint32_t args_size;
    uint8_t state, attempts, durability;
    int8_t priority;
    bool started, announced;
    unsigned char args[];
};

struct worker {
    unsigned char peer_id[PEER_ID_BYTES];
    struct bytes name, host; /* owned */
    uint64_t pid, since_ms;
    struct peer *peer; /* NULL: connection lost, may come back */
    enum worker_state state;
    bool ready; /* said hello, offers and holdings; leases may go */
    int64_t heard_ms, gone_ms;
    uint32_t slots, leased;
    double lent_us; /* of all its leases */
    struct queue **offers;
    uint32_t offers_count;
    uint16_t *offer_of; /* queue::index -> offer + 1; 0: not offered */
    uint32_t offer_of_count;
    struct slot_view {
        uint64_t pid, job;
        uint8_t state;
    } * slot_views;
    uint64_t result_number; /* highest seen in this step's body; 0: nothing to acknowledge */
    struct link leases;     /* job::link, oldest first */
    struct link link;       /* broker::workers */
    struct link credit;     /* broker::free or broker::ahead */
    uint32_t updates;
};

/* A worker that went: when one of its name comes, its topic's numbers go on. */
struct past_worker {
    struct bytes name; /* owned */
    struct link link;  /* broker::past_list, longest gone first */
    uint32_t updates;
};

struct topic {
    struct bytes name; /* owned; without the closing 0 */
    struct ring_event {
        uint64_t seq;
        struct buf body;
    } ring[RING_EVENTS]; /* seq % RING_EVENTS */
};

struct prefix {
    struct bytes name; /* owned */
    struct link link;  /* broker::prefixes */
};

struct key {
    struct bytes name; /* owned */
    uint64_t job, body_hash;
    int64_t expires_ms;
    struct link link; /* broker::keys_ended once its job has ended */
};

/* A question that the store answers. */
enum find_kind {
    FIND_WAIT,
    FIND_SUBMITTED, /* the end of a submission that came again */
    FIND_JOB,
    FIND_RETRY,
    FIND_LIST,
    FIND_WATCH,
    FIND_CANCEL
};
struct find {
    uint64_t peer, number, id;
    enum find_kind kind;
    struct bytes topic; /* owned, FIND_WATCH */
    bool goes_on;       /* FIND_WATCH: from update id on */
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
    struct link free, ahead;   /* worker::credit: a free slot; or room to lend ahead */
    struct namemap queues;
    struct queue **queues_list; /* by queue::index */
    uint32_t queues_count, queues_capacity;
    struct link active; /* queue::link */
    double share_us;    /* used_us of the queue that was served last */
    struct idmap jobs;
    uint64_t args_bytes;
    struct heap timers; /* job_more::timer */
    struct namemap keys;
    struct link keys_ended; /* key::link */
    struct namemap topics;
    struct link prefixes;
    size_t prefixes_count;
    struct idmap finds;
    bool store_full;
    uint64_t kept;
    struct broker_totals totals;
    /* of the step under way */
    struct effects *out;
    struct buf scratch;
    struct {
        struct client *client;
        struct run run;
        uint8_t durability;
        bool lazily;
    } accepting; /* accepted records not yet sent */
};

/* effects.c: what leaves */
struct effect *effect_add(struct broker *b, enum effect_type type);
void send_lazily(struct broker *b, const struct peer *peer, const struct record *r);
/* Between the two the caller puts one record into out->bytes. */
struct effect *send_open(struct broker *b, const struct peer *peer);
void send_close(struct broker *b, struct effect *e);
void send_record(struct broker *b, const struct peer *peer, const struct record *r);
void send_error(struct broker *b, const struct peer *peer, uint64_t number, enum err code,
                const char *text);
void send_done(struct broker *b, const struct peer *peer, uint64_t number);

/* client.c */
void client_hello(struct broker *b, struct peer *peer, const struct msg_hello *hello);
void client_record(struct broker *b, struct peer *peer, const struct record *r);
void client_left(struct broker *b, struct client *client, bool goodbye);
void client_release(struct broker *b, struct client *client); /* a job of it ended */
void client_forget(struct broker *b, struct client *client);
void accepted_flush(struct broker *b);

/* ask.c */
bool ask_record(struct broker *b, struct peer *peer, const struct record *r);
void ask_found(struct broker *b, const struct event *ev);
void find_ask(struct broker *b, const struct peer *peer, uint64_t number, enum find_kind kind,
              uint64_t id);

/* key.c */
enum err key_check(struct broker *b, struct bytes name, uint64_t body_hash, uint64_t *job);
void key_put(struct broker *b, struct bytes name, uint64_t body_hash, uint64_t job);
void key_ended(struct broker *b, struct bytes name);
void keys_purge(struct broker *b);
void keys_fini(struct broker *b);

/* queue.c */
struct queue *queue_find(const struct broker *b, struct bytes name);
struct queue *queue_make(struct broker *b, struct bytes name); /* NULL: too many */
void queue_put(struct broker *b, struct job *job, bool first);
void queue_take(struct broker *b, struct job *job);
struct job *queue_head(const struct queue *q);
void queue_hold(struct broker *b, struct queue *q, bool held);
void queue_event(struct broker *b, struct queue *q, const char *event);
void queue_fini(struct queue *q);

/* job.c */
struct job *job_make(struct broker *b, struct client *client, const struct msg_submit *submit,
                     struct queue *q);
struct job_more *job_more(struct job *job);
void job_free(struct broker *b, struct job *job);
struct job *job_find(const struct broker *b, uint64_t id);
void job_enter(struct broker *b, struct job *job, uint64_t delay_ms);
void job_ready(struct broker *b, struct job *job, bool first);
void job_lease(struct broker *b, struct job *job, struct worker *w);
void job_unlease(struct broker *b, struct job *job); /* takes it from its worker; state is next */
struct outcome {
    enum reason reason;
    uint64_t detail, run_us;
    struct bytes value;
};
void job_over(struct broker *b, struct job *job, const struct outcome *outcome);
void job_unstarted(struct broker *b, struct job *job);
void job_stop(struct broker *b, struct job *job, enum reason reason);
void job_timer(struct broker *b, struct job *job);
void job_view(const struct broker *b, const struct job *job, struct msg_job *out);
void job_wait(struct broker *b, struct job *job, struct peer *peer, uint64_t number);
void waiter_free(struct waiter *w);
unsigned job_state_shown(const struct job *job);

/* lease.c */
void lend(struct broker *b, struct queue *q); /* something became ready there */
void worker_fill(struct broker *b, struct worker *w);
void worker_place(struct broker *b, struct worker *w);
void lease_result(struct broker *b, struct worker *w, const struct msg_result *result);
double queue_cost_us(const struct queue *q);

/* worker.c */
void worker_hello(struct broker *b, struct peer *peer, const struct msg_hello *hello);
void worker_record(struct broker *b, struct peer *peer, const struct record *r);
void worker_gone(struct broker *b, struct worker *w);
void worker_drain(struct broker *b, struct worker *w);
void workers_tick(struct broker *b);
void past_workers_fini(struct broker *b);
void worker_free(struct broker *b, struct worker *w);
struct worker *worker_find(const struct broker *b, struct bytes name);
int worker_offer(const struct worker *w, const struct queue *q); /* -1: none */

/* topic.c */
void topic_watch(struct broker *b, struct bytes wire, bool on);
void job_event(struct broker *b, struct job *job, const struct outcome *outcome);
void worker_event(struct broker *b, struct worker *w, const char *event);
void queue_counts_tick(struct broker *b);
void topic_ask(struct broker *b, struct peer *peer, const struct msg_watch *watch);
void topic_found(struct broker *b, struct peer *peer, const struct find *find,
                 const struct msg_job *row);
void topic_sync(struct broker *b, struct bytes nonce);
void topics_fini(struct broker *b);

struct bytes bytes_keep(struct bytes b); /* an owned copy */
void bytes_drop(struct bytes *b);

#endif
