/* SPDX-License-Identifier: Apache-2.0
 *
 * farm: the broker's core on a bench, for step tests that read like incidents. Peers have names;
 * what the core does is written down a line an effect and compared as text:
 *
 *     c1 < accepted 1 j1          to client c1: submission 1 is job j1
 *     w1 < lease j1 t1            to worker w1: job j1 under its first token
 *     store j1 ok                 the row of its end goes to the store
 *     bygone j1 ok                it has ended and has none; gone j1: nor is it known any more
 *     keep job j1                 the row of an open job does (durable farms)
 *
 * Pings are not written down. Time passes only in `after`, in which workers beat.
 */
#ifndef UNIT_FARM_H
#define UNIT_FARM_H

#include "common/must.h"
#include "producer/core/broker.h"
#include "tests/model/disk.h"
#include "tests/unit/check.h"

enum { FARM_PEERS = 16, FARM_INCARNATION = 7 };

struct farm {
    struct broker *broker;
    struct broker_limits limits;
    uint32_t incarnation;
    bool durable;
    struct disk disk; /* of a durable farm */
    struct effects fx;
    struct buf log;
    int64_t now_ms;
    uint64_t peers_made, results;
    struct farm_peer {
        const char *name;
        uint64_t peer; /* 0: it has no connection */
        enum port port;
        bool beats;
        uint64_t numbers, results;
    } peers[FARM_PEERS];
    unsigned peer_count;
    const char *(*key_of)(const char *who); /* that a peer shows; NULL: none (see permit_kit.h) */
};

/* A broker with these limits, or NULL for the usual ones. */
struct farm *farm_new(const struct broker_limits *limits);
struct farm *farm_durable(const struct broker_limits *limits);
/* A durable one with client c1 and worker w1, of so many slots, for calc.add. */
struct farm *farm_kept(unsigned slots);
struct farm *farm_leased(void); /* that with one slot, which has j1 */
void farm_free(struct farm *f);

/* Durable farms: everything put so far is kept, and the core is told; the broker dies and another
 * one takes over from what was kept, knowing none of the connections. */
void kept(struct farm *f);
void restarts(struct farm *f);

/* What has happened since the last call; line by line as above. */
#define SAYS(f, text)     (CHECK_TEXT(farm_log(f), text), buf_clear(&(f)->log))
#define SAYS_HAS(f, text) (CHECK(strstr(farm_log(f), text)), buf_clear(&(f)->log))
const char *farm_log(struct farm *f);
void farm_forget(struct farm *f); /* what has happened is of no interest */

/* One record from a peer; makes the peer known by name at its first. */
void says(struct farm *f, const char *who, const struct record *r);
void says_bytes(struct farm *f, const char *who, struct bytes body);
void farm_event(struct farm *f, struct event *ev);
void farm_write_down(struct farm *f, const struct effect *e); /* farm_log.c */

/* Preludes. */
void client(struct farm *f, const char *who);
void worker(struct farm *f, const char *who, unsigned slots, const char *queue);
void hello_worker(struct farm *f, const char *who, unsigned slots); /* without ready */
void hello_tagged(struct farm *f, const char *who, unsigned slots, const char *tags);
void offers(struct farm *f, const char *who, const char *queue);
void feeds(struct farm *f, const char *who, const char *queue, const char *head);
void ready(struct farm *f, const char *who);

/* The next submission of this client. */
void submits(struct farm *f, const char *who, const char *queue);
void submits_as(struct farm *f, const char *who, struct msg_submit m);
void results(struct farm *f, const char *who, unsigned job, unsigned token, enum reason reason);
void takes_us(struct farm *f, const char *who, unsigned job, unsigned token, uint64_t run_us);
void starts(struct farm *f, const char *who, unsigned job, unsigned token);
void progresses(struct farm *f, const char *who, unsigned job, unsigned token, unsigned char done);
void returns(struct farm *f, const char *who, unsigned job, unsigned token);
void holds(struct farm *f, const char *who, unsigned job, unsigned token);
/* A session; the end of one of its iterations, under a lease of this life; a word to it (42). */
void begins(struct farm *f, const char *who, const char *queue);
void verdicts(struct farm *f, const char *who, unsigned job, unsigned token, struct msg_verdict v);
void tells(struct farm *f, const char *who, uint64_t number, unsigned job, uint64_t iteration);
/* wait, cancel, retry, get_job, pause, resume, get_session, drop */
void asks(struct farm *f, const char *who, enum record_type what, uint64_t number, unsigned job);
void found(struct farm *f, uint64_t ticket, struct bytes rows);
/* A list of which the store has more, below next. */
void found_some(struct farm *f, uint64_t ticket, const struct buf *rows, uint64_t next);
void rows_take(const struct farm *f, struct buf *rows); /* appends those of the last step */

void after(struct farm *f, int64_t ms);
void silent(struct farm *f, const char *who);     /* beats no more */
void gone(struct farm *f, const char *who);       /* its connection cannot be routed to */
void reconnects(struct farm *f, const char *who); /* says hello next on another connection */
void pauses(struct farm *f, int64_t ms);          /* the broker itself */
void watches(struct farm *f, const char *topic, bool on);

uint64_t job_id(unsigned job);
uint64_t job_token(unsigned count); /* of the first life; a lease of a later one reads 1:t1 */

#endif
