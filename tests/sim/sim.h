/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: the farm in one thread under one virtual clock. The broker's core, the workers' agents and
 * the clients' submissions, sessions and watches are the real code; sockets, processes, the disk
 * and the people are models, and everything that is left to chance comes from one seed. A run has
 * two phases: with faults, then without, in which everything must come to its end.
 *
 *   world.c    what happens next; the two phases
 *   knobs.c    what kind of run it is, drawn from the seed
 *   faults.c   what goes wrong, and when
 *   net.c      connections as ZeroMQ over TCP gives them
 *   hub.c      the broker's shell and its lives
 *   store.c    the broker's disk: commits that take time, and what a crash leaves of it
 *   client.c   who submits, asks, cancels, disappears
 *   story.c    what the iterations of a session do
 *   watcher.c  who subscribes to updates
 *   host.c     a worker's shell: an agent with modelled runners
 *   jot.c      what its running jobs tell of their progress
 *   rogue.c    a worker that lies
 *   ledger.c   what must be true of jobs, whatever happens
 *   lookup.c   what of that the others may ask, to choose what to do next
 *   kept.c     what must be true of what the disk keeps
 *   tasks.c    what must be true of people's tasks
 *   feeds.c    what must be true of feeds
 *   updates.c  what must be true of updates
 *   follows.c  what must be true of those over a client's own connection
 *   plant.c    bugs put in on purpose: each must be found
 *   trace.c    what happened, for people
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "common/must.h"
#include "common/random.h"
#include "consumer/core/agent.h"
#include "producer/client/acks.h"
#include "producer/client/pending.h"
#include "producer/client/session.h"
#include "producer/client/watch.h"
#include "producer/core/broker.h"
#include "tests/model/disk.h"

enum {
    CLIENTS_MAX = 4,
    HOSTS_MAX = 5,
    QUEUES_MAX = 5, /* of jobs; two more are not drawn from */
    TODO_QUEUE = QUEUES_MAX,
    FEED_QUEUE,
    QUEUES_ALL,
    FEED_NAMES = 4,       /* topics that may be watched */
    TITLES_TOO_LONG = 64, /* one in so many */
    SLOTS_MAX_SIM = 4,
    WATCHES_MAX = 6,
    QUEUE_TEXT = 16,
};

#define SEC_US INT64_C(1000000)
#define MS_US  INT64_C(1000)

/* A bug put in on purpose, to show that a checker finds it. */
#define PLANTS(X)                                                                                  \
    X(PLANT_NONE, "none", "")                                                                      \
    X(PLANT_DROP_END, "drop-end", "the end of a job never reaches the store")                      \
    X(PLANT_DOUBLE_END, "double-end", "a job ends twice")                                          \
    X(PLANT_FORGE_ACCEPTED, "forge-accepted", "a submission is told the id of another job")        \
    X(PLANT_OLD_TOKEN, "old-token", "a lease carries the token of the one before")                 \
    X(PLANT_TWO_LEASES, "two-leases", "one lease goes to two workers")                             \
    X(PLANT_DROP_LEASE, "drop-lease", "a lease is lost on a connection that stands")               \
    X(PLANT_DROP_ERROR, "drop-error", "a refusal is swallowed")                                    \
    X(PLANT_OK_CANCELLED, "ok-cancelled", "a cancelled job ends well")                             \
    X(PLANT_WRONG_VALUE, "wrong-value", "a result is changed on its way")                          \
    X(PLANT_SKIP_UPDATE, "skip-update", "an update is never published, its number is used")        \
    X(PLANT_OLD_PROGRESS, "old-progress", "progress under a wrong token is taken for the current") \
    X(PLANT_FOLLOW_GAP, "follow-gap", "who follows is not told an update")                         \
    X(PLANT_RENUMBER_UPDATE, "renumber-update", "an update carries the number of the one before")  \
    X(PLANT_IGNORE_STALE, "ignore-stale", "a result under an old token is taken for the current")  \
    X(PLANT_ACK_EARLY, "ack-early", "a submission is accepted before its row is kept")             \
    X(PLANT_RESULT_ACK_EARLY, "result-ack-early", "a result is acknowledged before it is kept")    \
    X(PLANT_STORED_EARLY, "stored-early", "the core is told of a commit before there is one")      \
    X(PLANT_MARK_LATE, "mark-late", "the lease mark is not kept, jobs above it are lent")          \
    X(PLANT_CANCEL_UNKEPT, "cancel-unkept", "a cancellation is not stored")                        \
    X(PLANT_CLIENT_UNKEPT, "client-unkept", "a client's number is not stored")                     \
    X(PLANT_KEY_UNKEPT, "key-unkept", "a user's key is not stored")                                \
    X(PLANT_JOINED_UNKEPT, "joined-unkept", "which job a key led a number to is not stored")       \
    X(PLANT_JOB_UNKEPT, "job-unkept", "the row of a job is not stored")                            \
    X(PLANT_RETRY_TWICE, "retry-twice", "a lost attempt is counted twice")                         \
    X(PLANT_LATE_RESULT, "late-result", "a result of an earlier life ends a job that went again")  \
    X(PLANT_ADOPTED_AGAIN, "adopted-again", "a job that its worker still has is lent again")       \
    X(PLANT_NOT_AWAITED, "not-awaited", "a worker of the life before is not waited for")           \
    X(PLANT_ENDED_TWICE, "ended-twice", "the end of a job is told twice")                          \
    X(PLANT_RING_SHORT, "ring-short", "a replay lacks its first update")                           \
    X(PLANT_INPUT_LOST, "input-lost", "an iteration does not get what it waited for")              \
    X(PLANT_TURN_SKIPPED, "turn-skipped", "an iteration counts twice")                             \
    X(PLANT_UNDAMAGED, "undamaged", "a row whose bytes have changed is taken for good")            \
    X(PLANT_TASK_UNKEPT, "task-unkept", "the row of a task that is over is not stored")            \
    X(PLANT_TASK_FORGOTTEN, "task-forgotten", "tasks that are over are not loaded")                \
    X(PLANT_TASK_EARLY, "task-early", "a task is told completed before that is kept")              \
    X(PLANT_TASK_AGAIN, "task-again", "a task is shown under the number of the one before")        \
    X(PLANT_TASK_UNLISTED, "task-unlisted", "the list lacks a task")                               \
    X(PLANT_TASK_COUNT, "task-count", "an update on tasks counts one too few")                     \
    X(PLANT_FEED_ENDLESS, "feed-endless", "a feed goes on when its last subscriber has left")      \
    X(PLANT_FEED_DEAF, "feed-deaf", "a feed does not hear of its first subscriber")                \
    X(PLANT_FEED_ANEW, "feed-anew", "the numbers of a feed begin anew when it is resumed")         \
    X(PLANT_FEED_TWICE, "feed-twice", "a topic has two sessions")                                  \
    X(PLANT_END_FORGOTTEN, "end-forgotten", "a result is forgotten that nobody has fetched")       \
    X(PLANT_TAGS_CLAIMED, "tags-claimed", "a worker is taken to have tags that it has not")        \
    X(PLANT_DRIFT, "drift", "the second run of a seed differs by one byte")

enum plant {
#define X(name, text, what) name,
    PLANTS(X)
#undef X
        PLANT_COUNT
};

/* What may go wrong at any moment; each has a rate in knobs.rate, in faults a second of the whole
 * farm, and is on or off for a period (faults.c). */
#define FAULTS(X)                                                                                  \
    X(FAULT_CUT, "cut", cut)                                                                       \
    X(FAULT_DEATH, "death", death)                                                                 \
    X(FAULT_FREEZE, "freeze", freeze)                                                              \
    X(FAULT_DEAF, "deaf", deaf)                                                                    \
    X(FAULT_PAUSE, "pause", pause_hub)                                                             \
    X(FAULT_CRASH, "crash", crash)                                                                 \
    X(FAULT_IO_ERROR, "io-error", io_error)                                                        \
    X(FAULT_STALL, "stall", stall)                                                                 \
    X(FAULT_REFUSE, "refuse", refuse)                                                              \
    X(FAULT_OLD_ROW, "old-row", old_row)                                                           \
    X(FAULT_CLOCK, "clock", clock_jump)                                                            \
    X(FAULT_DRAIN, "drain", drain)                                                                 \
    X(FAULT_HOLD, "hold", hold_queue)

enum fault {
#define X(name, text, function) name,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

/* Drawn from the seed; see knobs_draw. */
struct knobs {
    bool faults, durable;
    unsigned clients, hosts, queues, jobs; /* jobs of one client */
    int64_t faults_us;                     /* how long the first phase lasts */
    int64_t delay_us;                      /* mean of a message's way */
    int64_t find_us;                       /* mean of the store's answer */
    int64_t commit_us;                     /* mean of a commit; some take 100 times as long */
    int64_t run_us;                        /* mean run time of a job */
    double rate[FAULT_COUNT];
    double half_open;          /* share of cuts that one side does not notice */
    double damage;             /* share of restarts that find a damaged row */
    double crash, error, hang; /* shares of jobs */
    double cancel, wait, retry, drop, key, priority, delayed, deadline,
        retries;         /* shares of jobs */
    double received;     /* share of jobs that ask for this class */
    double rows;         /* of submissions behind which one more says the same */
    double together;     /* of those whose results may come together */
    double leave;        /* share of clients that disappear */
    double duplicate;    /* share of bodies said twice by a client */
    double malformed;    /* share of bodies with bytes that do not decode behind */
    double watch;        /* share of jobs that are watched */
    double follow;       /* share of watched topics that are followed */
    double progress;     /* how likely a running job tells its progress, once more */
    double session;      /* share of jobs that are sessions */
    double todo;         /* share of jobs that are tasks for people */
    double feed;         /* share of turns in which a client comes to a feed or leaves it */
    double update_drop;  /* share of updates that a full socket drops */
    bool tags;           /* some jobs want a worker that has some */
    bool linger;         /* the end lasts long enough for feeds to be given up */
    bool rogue;          /* a worker that lies */
    bool same_name;      /* two workers of one name */
    unsigned store_rows; /* 0: keeps all */
    int drift_ppm;       /* how far the clocks of hosts and broker may be wrong */
    int64_t clock_ms;    /* where the broker's monotonic clock begins */
    int64_t wall_ms;     /* where the wall clock does */
    uint32_t incarnation;
    struct broker_limits limits;
};

struct sim;

struct happening {
    struct heap_node node; /* sim::future */
    void (*run)(struct sim *s, struct happening *h);
    void *who;
    uint64_t a, b;
    struct buf bytes;
};

void knobs_draw(struct sim *s, struct knobs *k);
void faults_start(struct sim *s);
void faults_stop(struct sim *s);
void hold(struct sim *s, unsigned queue, bool on);

/* --- net --- */

/* One life of a connection; the broker knows it by peer. */
struct wire {
    uint64_t birth; /* its first name; it may come to be known under another */
    uint64_t peer;
    uint64_t life;     /* hub::life */
    unsigned process;  /* end::process */
    struct end *end;   /* NULL: the end has another one now */
    struct end *owner; /* whose it was from the beginning */
    enum port port;
    bool cut, closed, told; /* closed: a send found no way; told: the core knows */
    int64_t notices_us;     /* when the broker's side can know of the cut */
    uint64_t up_sent, up_done, up_limit, down_sent, down_done, down_limit;
    int64_t up_last_us, down_last_us;
    struct buf out;    /* the broker's outbox for it */
    struct link link;  /* sim::wires */
    struct link dirty; /* hub's, while out has something */
};

enum end_kind { END_CLIENT, END_HOST, END_ROGUE };

/* A client's or worker's socket: reconnects by itself, keeps what is sent meanwhile. */
struct end {
    enum end_kind kind;
    enum port port;
    struct wire *wire; /* NULL: reconnecting */
    bool open;
    unsigned process;   /* which of those that had it */
    uint64_t life;      /* of the socket; happenings of an earlier one are dropped */
    struct buf backlog; /* bodies with a u32 size before each */
    int64_t frozen_us;  /* takes nothing until then */
    void (*take)(struct sim *s, struct end *end, struct bytes body);
    void (*linked)(struct sim *s, struct end *end, bool up);
    char name[8];
};

void end_open(struct sim *s, struct end *end);
void end_close(struct sim *s, struct end *end, bool gently); /* gently: what was sent arrives */
void end_reopen(struct sim *s, struct end *end);
void end_send(struct sim *s, struct end *end, struct bytes body);
/* A row of so many records into the body that is being filled, which is sent when it is full. Those
 * that follow the one before mostly as short as they were made, else whole. */
void end_put(struct sim *s, struct end *end, struct buf *out, struct bytes row, uint32_t count);
void end_cut(struct sim *s, struct end *end);
/* False: the broker's side knows that it is cut, or that nobody reads. */
bool wire_send(struct sim *s, struct wire *w, struct bytes body);
void wire_free(struct sim *s, struct wire *w);
/* The broker's process is gone, and with it all its connections. */
void net_crash(struct sim *s);

/* --- jobs as the sim wants them --- */

enum behaviour { RUNS_WELL, SAYS_ERROR, CRASHES, HANGS };

/* What the handler is to do: the job's arguments. */
struct spec {
    uint64_t serial;
    unsigned queue;
    uint64_t run_us;
    enum behaviour behaviour;
    uint64_t times;      /* how many attempts behave so before one runs well */
    uint64_t iterations; /* of a session; else 0 */
    uint64_t parent;     /* serial of the session whose child it is; else 0 */
};

static inline bool spec_task(const struct spec *spec)
{
    return spec->queue == TODO_QUEUE;
}

static inline bool spec_feed(const struct spec *spec)
{
    return spec->queue == FEED_QUEUE;
}

/* What it wants of its worker, and what a worker has: the first has them all. */
struct bytes spec_tags(const struct sim *s, const struct spec *spec);
struct bytes host_tags(const struct sim *s, unsigned host);
void spec_put(struct buf *out, const struct spec *spec);
struct spec spec_get(struct bytes args);
struct spec lease_spec(struct bytes args);
uint64_t spec_value(const struct spec *spec); /* what it computes */
struct spec story_spec(struct bytes state, struct bytes input);
enum verdict story_verdict(const struct spec *spec, uint64_t iteration);
uint64_t story_word(const struct spec *spec, uint64_t iteration);

/* One lease of a job; of a session the iteration that it is, and the sum it starts from. */
struct turn {
    struct spec spec;
    bool session;
    uint64_t iteration, sum;
};

struct turn story_turn(struct sim *s, struct bytes args);
void story_answer(struct sim *s, const struct turn *turn, struct buf *answer);
struct spec feed_spec(unsigned name);
extern const char *const feed_topics[FEED_NAMES];

/* --- client --- */

struct client_sim {
    unsigned index;
    struct end end;
    bool left, quiet; /* left: gone for good; quiet: it submits nothing any more */
    struct session session;
    bool renewed;       /* numbers must change: this connection was made for it */
    int64_t settled_ms; /* after a new life of the broker workers have so long to come back */
    struct pending pending;
    struct acks acks;
    struct buf out;
    unsigned to_submit, outstanding;
    uint64_t asked;
    int64_t busy_us;
    struct idmap asks; /* struct asked by number */
    struct link watches;
    int64_t wake_us;
    bool sub_up;
    uint64_t nonces;
};

void client_start(struct sim *s, struct client_sim *c);
void client_stop(struct sim *s, struct client_sim *c, bool goodbye);
void client_fini(struct sim *s, struct client_sim *c);
void client_say(struct client_sim *c, const struct record *r);
void client_turn(struct sim *s, struct client_sim *c);
void client_explain(const struct client_sim *c); /* what it still waits for */
bool client_settled(const struct client_sim *c);
extern const uint64_t ASK_NUMBERS_SIM, WATCH_NUMBERS_SIM;

/* --- watcher --- */

void watcher_add(struct sim *s, struct client_sim *c, const char *topic);
void watcher_toggle(struct sim *s, struct client_sim *c, const char *topic); /* comes, or leaves */
void watcher_turn(struct sim *s, struct client_sim *c);
void watcher_resume(struct sim *s, struct client_sim *c);
bool watcher_record(struct sim *s, struct client_sim *c, const struct record *r);
void watcher_cut(struct sim *s, struct client_sim *c);
void watcher_fini(struct sim *s, struct client_sim *c);
void watcher_publish(struct sim *s, struct bytes topic, struct bytes body);
void watcher_check(struct sim *s, struct client_sim *c);

/* --- jot --- */

struct jot {
    bool wanted, fresh; /* the agent wants one; there is one that it has not had */
    uint32_t job;       /* whose, by its number in the ring */
    uint64_t made;      /* so far, of all jobs of the runner */
};

/* A new one; true: the agent wants it. */
bool jot_write(struct jot *n, uint32_t job);
/* It is wanted, or again: the one it has had, too; true: there is one. */
bool jot_listen(struct jot *n, bool again);
/* Appends the one of this job, if it is wanted and there. */
bool jot_take(struct jot *n, uint32_t job, uint64_t token, struct buf *map);

/* --- host --- */

struct host {
    unsigned index;
    struct end end;
    bool alive, leaving;
    unsigned life;
    uint64_t queues; /* which it offers, a bit each */
    bool feeds;      /* and the one that feeds */
    unsigned slots;
    char name[24];
    unsigned char peer_id[PEER_ID_BYTES];
    struct agent *agent;
    struct agent_options options;
    struct agent_program programs[QUEUES_ALL];
    const char *methods[QUEUES_ALL][1];
    unsigned program_queue[QUEUES_ALL];
    unsigned program_count;
    struct agent_effects effects;
    struct buf out;
    struct runner_sim *runners;
    unsigned runner_count;
    int drift_ppm;                         /* of its clock */
    int64_t turn_us, ticked_us;            /* the next turn; the last */
    int64_t fault_from_us, fault_until_us; /* what happened to it last, or is happening */
    int64_t ended_us;                      /* the end of its last life */
};

/* As the broker is told it: no two lives of any host have the same. */
static inline unsigned host_pid(const struct host *h)
{
    return 1 + h->index + 16 * h->life;
}
void guise_draw(struct sim *s, struct host *h); /* for its next life */
void host_start(struct sim *s, struct host *h);
void host_kill(struct sim *s, struct host *h);
void host_freeze(struct sim *s, struct host *h, int64_t us);
void host_fini(struct sim *s, struct host *h);

/* --- rogue --- */

struct rogue {
    struct end end;
    unsigned char peer_id[PEER_ID_BYTES];
    uint64_t results;
    bool up, left;
    struct buf out;
    struct buf leases; /* struct msg_lease, without their arguments */
};

void rogue_start(struct sim *s);
void rogue_stop(struct sim *s);
void rogue_fini(struct sim *s);

/* --- store --- */

struct store_sim {
    struct disk disk;
    bool committing, broken;
    uint64_t lot_seq; /* up to where the commit under way goes */
    int64_t stalled_us, refused_us;
    enum err refuses; /* what is told of it */
    bool full;        /* nothing can be written */
    struct link asks; /* struct asked_row::link, in order */
};

void store_start(struct sim *s);
void store_fini(struct sim *s);
void store_order(struct sim *s, const struct effects *fx, const struct effect *e);
void store_ask(struct sim *s, const struct effect *e, struct bytes queue); /* FX_FIND, FX_LIST */
void store_flush(struct sim *s); /* the end of a turn: what waits is handed over */
void store_crash(struct sim *s);
void store_damage(struct sim *s); /* one row, before a start */
/* How it is from now on: what it refuses, and whether anything can be written. */
void store_condition(struct sim *s, enum err refuses, bool full, int64_t for_us);

/* --- hub --- */

struct hub {
    struct broker *broker; /* NULL: down */
    bool up;               /* takes connections */
    uint64_t life;
    uint32_t incarnation;
    int64_t served_ms; /* of its own clock: when it began to serve */
    int64_t clock_ms, clock_us;
    int drift_ppm;
    struct effects effects;
    struct idmap wires; /* by peer */
    struct link dirty;
    int64_t paused_us;
    struct namemap topics; /* subscriptions, counted */
    uint64_t steps;
    uint64_t crash_in; /* so many boundaries between effects ahead; 0: none planned */
    uint64_t crashes;
    unsigned depth; /* of steps under way */
    bool tick_planned;
    int64_t tick_us;
};

void hub_start(struct sim *s);
void hub_fini(struct sim *s);
void hub_crash(struct sim *s, const char *why);
void hub_body(struct sim *s, struct wire *w, struct bytes body);
void hub_step(struct sim *s, struct event *ev);
void hub_watch(struct sim *s, struct bytes topic, bool on);
int64_t hub_ms(const struct sim *s); /* its monotonic clock */

/* --- ledger --- */

struct ledger;
struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

void ledger_submitted(struct sim *s, const struct spec *spec, const struct msg_submit *submit);
void ledger_body(struct sim *s, const struct wire *w, struct bytes body);
/* A step and what came of it; dies: it is the last one of this life, the effects are not all. */
void ledger_step(struct sim *s, const struct event *ev, const struct effects *fx, bool dies);
void ledger_executes(struct sim *s, const struct host *h, uint64_t id, uint64_t token,
                     const struct turn *turn);
void ledger_told_error(struct sim *s, unsigned client, uint64_t number, uint64_t serial,
                       unsigned code);
void ledger_forgets(struct sim *s, uint64_t id);
void ledger_committed(struct sim *s, uint64_t seq);
void ledger_damaged(struct sim *s, const struct row_key *key);
void ledger_crashed(struct sim *s);
void ledger_explain(const struct sim *s); /* which jobs are open */
bool ledger_done(const struct sim *s);
void ledger_end(struct sim *s);
/* A job that was accepted, at random; 0: none. */
uint64_t ledger_any_job(struct sim *s);
uint64_t ledger_token(const struct sim *s, uint64_t id);  /* the last one lent; 0: none */
uint64_t ledger_holder(const struct sim *s, uint64_t id); /* the peer that has that one; 0: none */
uint64_t ledger_open_session(struct sim *s);              /* at random; 0: none */
/* The word that this session waits for after so many iterations; false: it waits for none. */
bool ledger_word(const struct sim *s, uint64_t id, uint64_t iteration, struct buf *word);
bool ledger_endless(const struct sim *s, uint64_t id); /* a feed */
bool ledger_rogue_has(const struct sim *s, uint64_t id);
/* What is told of a task, in a session's view or in an update; what is not said is 0. */
struct task_told {
    uint64_t task, tasks, open;
    struct bytes title, event;
    bool completed;
};
struct task_told task_read(struct bytes map);
void updates_shown(struct sim *s, struct bytes topic, uint64_t incarnation, uint64_t seq,
                   struct bytes body);
uint64_t updates_last(const struct sim *s, struct bytes topic); /* of this life; 0: none */
struct ledger_counts {
    uint64_t accepted, ended, executions, leases, refused, crashes, vanished;
};
struct ledger_counts ledger_counts(const struct sim *s);

/* --- plants --- */

/* Between the core and everybody else; what it changes the ledger sees. */
void plant_effects(struct sim *s, const struct event *ev, struct effects *fx);
/* On its way into the core; the ledger has seen it as it was. True when *out is to be taken. */
bool plant_body(struct sim *s, const struct wire *w, struct bytes body, struct buf *out);
/* Likewise, of the other events: *ev is changed. */
void plant_event(struct sim *s, struct event *ev);
/* A row that is to be loaded: false: it is not. */
bool plant_row(struct sim *s, const struct row_key *key);

/* --- world --- */

struct sim {
    uint64_t seed;
    bool tracing;
    enum plant plant;
    unsigned round; /* which run of this seed */
    struct knobs knobs;
    bool on[FAULT_COUNT]; /* in this period */
    struct random random;
    struct heap future;
    uint64_t order;
    int64_t now_us, wall_skew_ms;
    uint64_t wall_jumps;
    bool calm; /* the second phase */
    int64_t calm_us;
    struct link wires;
    uint64_t peers;
    struct hub hub;
    struct store_sim store;
    struct client_sim clients[CLIENTS_MAX];
    struct host hosts[HOSTS_MAX];
    struct rogue rogue;
    char queues[QUEUES_ALL][QUEUE_TEXT];
    uint64_t serials, holds;
    struct ledger *ledger;
    uint64_t hash;
    bool planted;
};

struct happening *sim_at(struct sim *s, int64_t at_us,
                         void (*run)(struct sim *, struct happening *), void *who);
bool sim_chance(struct sim *s, double share);
int64_t sim_spread(struct sim *s, int64_t mean_us); /* exponential, at most 20 times the mean */
uint64_t sim_below(struct sim *s, uint64_t below);
static inline int64_t sim_ms(const struct sim *s)
{
    return s->now_us / 1000 + 1000000;
}
static inline int64_t sim_wall_ms(const struct sim *s)
{
    return s->now_us / 1000 + s->knobs.wall_ms + s->wall_skew_ms;
}

struct sim_outcome {
    uint64_t hash, steps;
    int64_t virtual_us;
    struct ledger_counts counts;
};
/* Dies by sim_fail when something is not as it must be. */
struct sim_outcome sim_run(uint64_t seed, unsigned round, bool tracing, enum plant plant);

/* --- trace --- */

void trace(struct sim *s, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void trace_body(struct sim *s, const char *from, const char *to, struct bytes body);
_Noreturn void sim_fail(struct sim *s, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
