/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: the farm in one thread under one virtual clock. The broker's core, the workers' agents and
 * the clients' submissions, sessions and watches are the real code; sockets, processes, the store
 * and the people are models, and everything that is left to chance comes from one seed. A run has
 * two phases: with faults, then without, in which everything must come to its end.
 *
 *   world.c    what happens next; knobs; the two phases
 *   net.c      connections as ZeroMQ over TCP gives them
 *   hub.c      the broker's shell and its store
 *   client.c   who submits, asks, cancels, disappears
 *   watcher.c  who subscribes to updates
 *   host.c     a worker's shell: an agent with modelled runners
 *   ledger.c   what must be true, whatever happens
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

enum {
    CLIENTS_MAX = 4,
    HOSTS_MAX = 5,
    QUEUES_MAX = 5,
    SLOTS_MAX_SIM = 4,
    WATCHES_MAX = 6,
    QUEUE_TEXT = 16,
};

#define SEC_US INT64_C(1000000)
#define MS_US  INT64_C(1000)

/* A bug put in on purpose, to show that a checker finds it. */
#define PLANTS(X)                                                                                  \
    X(PLANT_NONE, "none", "")                                                                      \
    X(PLANT_DROP_APPEND, "drop-append", "an ended job never reaches the store")                    \
    X(PLANT_DOUBLE_APPEND, "double-append", "a job ends twice")                                    \
    X(PLANT_FORGE_ACCEPTED, "forge-accepted", "a submission is told the id of another job")        \
    X(PLANT_OLD_TOKEN, "old-token", "a lease carries the token of the one before")                 \
    X(PLANT_TWO_LEASES, "two-leases", "one lease goes to two workers")                             \
    X(PLANT_DROP_LEASE, "drop-lease", "a lease is lost on a connection that stands")               \
    X(PLANT_DROP_ERROR, "drop-error", "a refusal is swallowed")                                    \
    X(PLANT_OK_CANCELLED, "ok-cancelled", "a cancelled job ends well")                             \
    X(PLANT_WRONG_VALUE, "wrong-value", "a result is changed on its way")                          \
    X(PLANT_SKIP_UPDATE, "skip-update", "an update is never published, its number is used")        \
    X(PLANT_RENUMBER_UPDATE, "renumber-update", "an update carries the number of the one before")  \
    X(PLANT_IGNORE_STALE, "ignore-stale", "a result under an old token is taken for the current")  \
    X(PLANT_DRIFT, "drift", "the second run of a seed differs by one byte")

enum plant {
#define X(name, text, what) name,
    PLANTS(X)
#undef X
        PLANT_COUNT
};

/* Drawn from the seed; see knobs_draw. */
struct knobs {
    bool faults;
    unsigned clients, hosts, queues, jobs; /* jobs of one client */
    int64_t faults_us;                     /* how long the first phase lasts */
    int64_t delay_us;                      /* mean of a message's way */
    int64_t find_us;                       /* mean of the store's answer */
    int64_t run_us;                        /* mean run time of a job */
    /* How often, in faults a second of the whole farm. */
    double cuts, deaths, freezes, pauses, drains, holds, store_full;
    double half_open;          /* share of cuts that one side does not notice */
    double crash, error, hang; /* shares of jobs */
    double cancel, wait, retry, key, priority, delayed, deadline, retries; /* shares of jobs */
    double leave;        /* share of clients that disappear */
    double duplicate;    /* share of bodies said twice by a client */
    double malformed;    /* share of bodies with bytes that do not decode behind */
    double watch;        /* share of jobs that are watched */
    unsigned store_rows; /* 0: keeps all */
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

/* --- net --- */

/* One life of a connection; the broker knows it by peer. */
struct wire {
    uint64_t birth; /* its first name; it may come to be known under another */
    uint64_t peer;
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

/* A client's or worker's socket: reconnects by itself, keeps what is sent meanwhile. */
struct end {
    enum port port;
    struct wire *wire; /* NULL: reconnecting */
    bool open;
    uint64_t life;      /* of the process; happenings of an earlier one are dropped */
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
void end_cut(struct sim *s, struct end *end);
/* False: the broker's side knows that it is cut. */
bool wire_send(struct sim *s, struct wire *w, struct bytes body);
void wire_free(struct sim *s, struct wire *w);

/* --- jobs as the sim wants them --- */

enum behaviour { RUNS_WELL, SAYS_ERROR, CRASHES, HANGS };

/* What the handler is to do: the job's arguments. */
struct spec {
    uint64_t serial;
    unsigned queue;
    uint64_t run_us;
    enum behaviour behaviour;
    uint64_t times; /* how many attempts behave so before one runs well */
};

void spec_put(struct buf *out, const struct spec *spec);
struct spec spec_get(struct bytes args);
uint64_t spec_value(const struct spec *spec); /* what it computes */

/* --- client --- */

struct client_sim {
    unsigned index;
    struct end end;
    bool left, quiet; /* left: gone for good; quiet: it submits nothing any more */
    struct session session;
    struct pending pending;
    struct acks acks;
    struct buf out, scratch;
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
extern const uint64_t WATCH_NUMBERS_SIM;

/* --- watcher --- */

void watcher_add(struct sim *s, struct client_sim *c, const char *topic);
void watcher_turn(struct sim *s, struct client_sim *c);
void watcher_resume(struct sim *s, struct client_sim *c);
bool watcher_record(struct sim *s, struct client_sim *c, const struct record *r);
void watcher_cut(struct sim *s, struct client_sim *c);
void watcher_fini(struct sim *s, struct client_sim *c);
void watcher_publish(struct sim *s, struct bytes topic, struct bytes body);
void watcher_check(struct sim *s, struct client_sim *c);
int64_t watcher_deadline(const struct client_sim *c);

/* --- host --- */

struct host {
    unsigned index;
    struct end end;
    bool alive, leaving;
    unsigned life;
    uint64_t queues; /* which it offers, a bit each */
    unsigned slots;
    char name[24];
    unsigned char peer_id[PEER_ID_BYTES];
    struct agent *agent;
    struct agent_options options;
    struct agent_program programs[QUEUES_MAX];
    const char *methods[QUEUES_MAX][1];
    unsigned program_queue[QUEUES_MAX];
    struct agent_effects effects;
    struct buf out;
    struct runner_sim *runners;
    unsigned runner_count;
    int64_t turn_us, ticked_us;            /* the next turn; the last */
    int64_t fault_from_us, fault_until_us; /* what happened to it last, or is happening */
};

void host_start(struct sim *s, struct host *h);
void host_kill(struct sim *s, struct host *h);
void host_freeze(struct sim *s, struct host *h, int64_t us);
void host_fini(struct sim *s, struct host *h);

/* --- hub --- */

struct row {
    uint64_t id;
    bool settled;
    uint8_t state;
    struct buf bytes;
    struct link link; /* hub::rows_list, oldest first */
};

struct hub {
    struct broker *broker;
    struct effects effects;
    struct idmap wires; /* by peer */
    struct link dirty;
    int64_t paused_us;
    struct idmap rows;
    struct link rows_list;
    struct namemap topics; /* subscriptions, counted */
    uint64_t steps;
    bool tick_planned;
    int64_t tick_us;
};

void hub_start(struct sim *s);
void hub_fini(struct sim *s);
void hub_body(struct sim *s, struct wire *w, struct bytes body);
void hub_step(struct sim *s, struct event *ev);
void hub_watch(struct sim *s, struct bytes topic, bool on);

/* --- ledger --- */

struct ledger;
struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

void ledger_submitted(struct sim *s, const struct spec *spec, const struct msg_submit *submit);
void ledger_body(struct sim *s, const struct wire *w, struct bytes body);
void ledger_effects(struct sim *s, const struct effects *fx);
void ledger_executes(struct sim *s, const struct host *h, uint64_t id, uint64_t token,
                     const struct spec *spec);
void ledger_told_error(struct sim *s, uint64_t serial, unsigned code);
void ledger_forgets(struct sim *s, uint64_t id);
void ledger_explain(const struct sim *s); /* which jobs are open */
bool ledger_done(const struct sim *s);
void ledger_end(struct sim *s);
/* A job that was accepted, at random; 0: none. */
uint64_t ledger_any_job(struct sim *s);
uint64_t ledger_token(const struct sim *s, uint64_t id); /* the last one lent; 0: none */
uint64_t ledger_last_update(const struct sim *s, struct bytes topic);
void ledger_shown(struct sim *s, struct bytes topic, uint64_t seq, struct bytes body);
void ledger_watched(struct sim *s, struct bytes topic);
struct ledger_counts {
    uint64_t accepted, ended, executions, leases, refused;
};
struct ledger_counts ledger_counts(const struct sim *s);

/* --- plants --- */

/* Between the core and everybody else; what it changes the ledger sees. */
void plant_effects(struct sim *s, struct effects *fx);
/* On its way into the core; the ledger has seen it as it was. True when *out is to be taken. */
bool plant_body(struct sim *s, const struct wire *w, struct bytes body, struct buf *out);

/* --- world --- */

struct sim {
    uint64_t seed;
    bool tracing;
    enum plant plant;
    unsigned round; /* which run of this seed */
    struct knobs knobs;
    struct random random;
    struct heap future;
    uint64_t order;
    int64_t now_us, wall_skew_ms;
    bool calm; /* the second phase */
    struct link wires;
    uint64_t peers;
    struct hub hub;
    struct client_sim clients[CLIENTS_MAX];
    struct host hosts[HOSTS_MAX];
    char queues[QUEUES_MAX][QUEUE_TEXT];
    uint64_t serials;
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
    return s->now_us / 1000 + INT64_C(1700000000000) + s->wall_skew_ms;
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
