/* SPDX-License-Identifier: Apache-2.0
 *
 * books: what the ledger writes down. Shared by ledger.c, lookup.c, told.c, leases.c, kept.c,
 * tasks.c, feeds.c, updates.c and follows.c, and by nobody else. A job is a `work` from its first
 * row (or its acceptance, when it has none) on; what the disk has kept of it and what was only put
 * stand side by side, for a crash takes the second.
 */
#ifndef SIM_BOOKS_H
#define SIM_BOOKS_H

#include "tests/sim/sim.h"

/* As a row says it. */
struct facts {
    bool open;  /* a row of an open job */
    bool ended; /* of one that has ended */
    bool leased;
    uint64_t token, attempts, stop;
    uint64_t iteration; /* of a session: how many are over */
    uint8_t state;      /* the end; 0: none */
    uint64_t end_hash;
};

/* A lease that was told. */
struct lent {
    uint64_t token;
    const struct host *host; /* NULL: the rogue */
    unsigned host_life;
    bool executed;
};

struct work {
    uint64_t id, number, retry_of, retries, parent;
    int client; /* -1: nobody in particular */
    struct spec spec;
    int priority;
    bool durable, keyed;
    bool gone;      /* a crash took it, and had the right to */
    bool forgotten; /* its end is no longer known: the disk has no row of it, or it is a bygone */
    bool bygone;    /* its end has no row */
    bool fetched;   /* its submitter says so, or nobody will fetch it */
    bool heard;     /* and the broker knew who said it */
    bool drop_asked;
    bool told; /* its acceptance was told */
    /* its birth */
    uint64_t life, ready_step, wall_jumps;
    int64_t born_ms, born_us; /* by the broker's clock; by ours */
    uint64_t delay_ms, deadline_ms, timeout_ms;
    /* rows: as put, and as kept; the numbers of the first, the last and the end put in this life */
    struct facts now, kept;
    uint64_t born_seq, row_seq, end_seq, stop_seq, leased_seq;
    uint64_t turn_seq; /* the row that says how many iterations are over */
    /* leases */
    struct buf lents; /* struct lent, in the order told */
    uint64_t token;   /* the highest one lent */
    uint64_t
        current; /* that of the lease that stands: another one when it was found so by a start */
    const struct host *host;
    unsigned host_life;
    int64_t lease_us;
    uint64_t lease_life; /* hub::life when it was told, or when its worker named it again */
    bool released;       /* the lease ended by the worker's own word */
    bool returned;       /* which was that it had not begun */
    uint64_t executions;
    uint64_t result_token; /* of a good result that came */
    bool too_large;
    bool cancel_asked, cancel_done, pause_asked;
    uint64_t task;                  /* its number, of a task; 0: not told yet */
    uint64_t born_step, ended_step; /* hub::steps */
    uint64_t done_step;             /* when it was told to be completed */
    bool complete_asked;
    uint64_t ended_life, ended_jumps; /* when it ended */
    int64_t ended_ms, ended_us;
    int64_t second_us; /* how often it was lent in the second since then */
    unsigned second_leases;
    uint64_t second_iteration; /* of a session: one that has gone on is not going round */
};

/* Of a host's process: what it named after its last hello, and when that was over. */
struct host_book {
    unsigned life;
    uint64_t row_seq;  /* of its row, in this life of the broker; 0: kept */
    bool listed, kept; /* it has a row; which is kept */
    bool restored;     /* which was there when this life of the broker began */
    uint64_t ready_life;
    struct buf results; /* struct result_book, since the broker's start */
};

struct result_book {
    uint64_t number, id, step; /* the step in which it came */
    bool first;                /* word of the lease that stood */
    uint64_t seq;              /* what must be kept before it is acknowledged */
};

struct client_book {
    struct idmap numbers; /* struct taken */
    struct idmap asks;    /* struct asked_of */
    bool renumbers;       /* a new life of the broker: numbers above its last may change */
    bool damaged;         /* its row is */
    bool left;            /* it said goodbye, and has not been welcomed since */
    uint64_t told_number; /* the highest one whose durable acceptance was told */
    struct idmap credits; /* struct credit by number: how often its end may be told here */
    uint64_t credit_peer, credit_newest; /* which that is, 0: not known; the newest there was */
};

struct intent { /* what somebody wanted done, by serial */
    uint64_t serial, id;
    char key[16];
};

struct taken { /* a number of a client, as the core was told it */
    uint64_t number, serial, id;
    uint64_t step, said_step; /* in which it was said first, and last */
    struct spec spec;
    uint64_t delay_ms, deadline_ms, timeout_ms, retries;
    int priority;
};

struct asked_of { /* a request */
    enum record_type type;
    uint64_t id, seq; /* seq: of the row that it made, of a queue */
    int64_t at_us;
};

struct credit { /* how often the end of this number may be told on this connection */
    uint64_t said, told;
};

struct key_book {
    char name[16];
    uint64_t id; /* the job it led to last */
};

/* Of people's tasks, see tasks.c. */
struct todo_book {
    struct idmap tasks; /* struct task_book, by number */
    struct buf ids;     /* of their jobs */
    struct buf asks;    /* struct todo_ask */
    struct buf page;    /* struct msg_task: of the list that is being told */
    struct buf told;    /* struct told_count */
    /* of this life: updates there were, by the books; births and ends of the step under way; how
     * many tasks there were after each, boxed, by its number + 1; what the last one told said */
    uint64_t updates, changes;
    struct idmap counts;
    uint64_t last_seq, last_counts;
};

/* Of one topic, see feeds.c. */
struct feed_book {
    bool watched, over, paused; /* over: that it has ended was told */
    uint64_t id;                /* the job that was lent last */
    int64_t left_ms, away_ms;   /* by the broker's clock; away: the last time nobody watched */
    int64_t told_us;
};

struct ledger {
    struct idmap intents; /* by serial */
    struct client_book clients[CLIENTS_MAX];
    struct host_book hosts[HOSTS_MAX];
    struct idmap works;
    struct buf ids; /* of all works, in order */
    struct buf
        young; /* ids of works that were never lent, of this life: for the order of a queue */
    uint64_t open;
    uint64_t loaded;   /* jobs the broker began this life with */
    bool retried;      /* somebody asked for a retry in this life */
    struct buf orders; /* struct order_book: put and not kept */
    size_t orders_from;
    uint64_t mark, mark_kept;
    bool damaged, worker_damaged, key_damaged; /* a row; of a worker; of a key */
    struct namemap keys;                       /* struct key_book */
    /* of the step under way */
    struct buf claims;       /* struct claim */
    struct asked_of *hold;   /* the last hold or release in this body */
    uint64_t told_stored;    /* the core knows that all up to here is kept */
    uint64_t stored_before;  /* as it was when the step began */
    struct namemap topics;   /* struct topic_seen */
    struct idmap progresses; /* those told under a token that stood: struct work, by their hash */
    struct buf watch_asks;   /* struct watch_ask */
    struct buf follows;      /* struct follow_book */
    struct todo_book todo;
    struct feed_book feeds[FEED_NAMES];
    struct ledger_counts counts;
};

/* A worker's word that it holds a lease. */
struct claim {
    uint64_t id, token;
    uint64_t life_before; /* work::lease_life, until it was said */
    bool lent, answered;
};

static inline struct work *work_of(const struct sim *s, uint64_t id)
{
    return idmap_find(&s->ledger->works, id);
}

static inline bool work_open(const struct work *work)
{
    return !work->gone && !work->now.state;
}

/* All up to here is on the disk. */
static inline uint64_t kept_seq(const struct sim *s)
{
    return s->knobs.durable ? s->store.disk.kept_seq : UINT64_MAX;
}

/* --- ledger.c --- */
struct work *work_new(struct sim *s, uint64_t id, const struct spec *spec, bool durable);
void work_bind(struct sim *s, struct work *work, int client, uint64_t number);
void work_ended(struct sim *s, struct work *work);
void work_gone(struct sim *s, struct work *work);
int client_by_id(const struct sim *s, struct bytes peer_id); /* -1: none */
uint64_t end_hash(const struct msg_ended *m);
void end_allowed(struct sim *s, const struct work *work, const struct msg_ended *m);
uint64_t attempts_max(const struct sim *s, const struct work *work);
void must_be_kept(struct sim *s, uint64_t seq, const char *what, uint64_t id);
bool unseen(const struct sim *s); /* there may be jobs that nobody has been told of */
bool submitted(const struct sim *s, const struct spec *spec);

void free_all(struct idmap *m); /* malloced values */
void credit_said(struct client_book *book, uint64_t number);
unsigned client_of(const struct sim *s, const struct wire *w);
struct intent *intent_of(const struct sim *s, uint64_t serial);
struct taken *taken_of(const struct sim *s, unsigned client, uint64_t number);
const struct asked_of *asked_of(const struct sim *s, unsigned client, uint64_t number);

/* --- told.c --- */
void told_client(struct sim *s, const struct wire *w, uint64_t peer, const struct record *r);
void told_host(struct sim *s, const struct wire *w, const struct record *r);

/* --- leases.c --- */
void told_lease(struct sim *s, const struct wire *w, const struct msg_lease *m);
void sees_result(struct sim *s, const struct wire *w, const struct msg_result *m);
void sees_progress(struct sim *s, const struct wire *w, const struct msg_progress *m);
void told_progress(struct sim *s, const struct work *work, unsigned state, struct bytes map);
void sees_returned(struct sim *s, const struct wire *w, const struct msg_returned *m);
void sees_holding(struct sim *s, const struct wire *w, const struct msg_holding *m);
void sees_ready(struct sim *s, const struct wire *w);
void told_stop(struct sim *s, const struct msg_stop *stop);
void told_result_ack(struct sim *s, const struct wire *w, uint64_t number);
void claims_check(struct sim *s);
void lease_crashed(struct sim *s, struct work *work);
struct host *host_of(const struct wire *w); /* NULL: the rogue's */

/* --- kept.c --- */
void kept_order(struct sim *s, const struct effect *e, struct row_key key, struct bytes bytes);
void kept_fini(struct ledger *l);
void kept_bygone(struct sim *s, const struct effect *e, struct bytes bytes);
void kept_fetched(struct sim *s, const struct wire *w, const struct msg_ack *m);
void kept_gone(struct sim *s, uint64_t id);
void kept_served(struct sim *s);                    /* a new life has begun to serve */
uint64_t kept_open(const struct sim *s, bool kept); /* jobs: as the disk has them, or as they are */

/* --- shadow.c --- */
void shadow_check(struct sim *s);

/* --- tasks.c --- */
void tasks_fini(struct ledger *l);
void tasks_born(struct sim *s, const struct work *work);
void tasks_ended(struct sim *s);
void tasks_job_row(struct sim *s, struct work *work, struct bytes view, bool completed);
uint64_t tasks_row(struct sim *s, struct bytes name, uint64_t seq, const struct msg_task_row *row);
void tasks_kept(struct sim *s, uint64_t number);
void tasks_damaged(struct sim *s, struct bytes name);
void tasks_crashed(struct ledger *l);
void tasks_asked(struct sim *s, uint64_t peer, const struct record *r);
void tasks_unheard(struct sim *s, uint64_t peer);
void tasks_told(struct sim *s, unsigned client, uint64_t peer, const struct record *r);
void tasks_value(struct sim *s, struct work *work, struct bytes value);
void tasks_published(struct sim *s, uint64_t seq, struct bytes body);
void tasks_shown(struct sim *s, uint64_t seq, struct bytes snapshot);
void tasks_step(struct sim *s, bool served);

/* --- feeds.c --- */
void feeds_watched(struct sim *s, struct bytes topic, bool on);
void feeds_lent(struct sim *s, uint64_t id, const struct spec *spec);
void feeds_published(struct sim *s, struct bytes topic, struct bytes body);
void feeds_paused(struct sim *s, const struct work *work);
bool feeds_idle(struct sim *s, const struct work *work);
void feeds_crashed(struct ledger *l);
bool feeds_done(const struct sim *s);
void feeds_end(struct sim *s);
void feeds_explain(const struct sim *s);

/* --- follows.c --- */
void follows_asked(struct sim *s, uint64_t peer, const struct msg_follow *m);
void follows_more(struct sim *s, uint64_t peer, const struct msg_follow_more *m);
bool follows_told(struct sim *s, uint64_t peer, const struct record *r); /* false: no follow's */

/* --- updates.c --- */
void updates_watched(struct sim *s, struct bytes topic, bool on);
void updates_published(struct sim *s, struct bytes wire, struct bytes body);
void updates_asked(struct sim *s, uint64_t peer, const struct msg_watch *m);
uint64_t updates_followed(struct sim *s, struct bytes topic, struct bytes body); /* its number */
void updates_unheard(struct sim *s, uint64_t peer);
void updates_told(struct sim *s, uint64_t peer, const struct record *r);
void updates_crashed(struct sim *s);
void updates_fini(struct ledger *l);

#endif
