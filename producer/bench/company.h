/* SPDX-License-Identifier: Apache-2.0
 *
 * company: what else goes on in the farm while the jobs of a benchmark run: sessions that iterate,
 * and subscribers that watch a topic. All of it in one thread; what it saw is told at the end.
 */
#ifndef BENCH_COMPANY_H
#define BENCH_COMPANY_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include <reeve/client.h>

#include "producer/bench/tally.h"

/* Two sockets each, of the 1,023 that a ZeroMQ context has. */
enum { COMPANY_SUBSCRIBERS_MAX = 400, COMPANY_SESSIONS_MAX = 100000, COMPANY_TOPIC_BYTES = 256 };

struct company_options {
    struct reeve_options farm;
    const char *topic; /* NULL: the sessions in turn, or without any the queue of method */
    const char *method;
    size_t sessions, subscribers;
    int64_t pause_ms; /* between two iterations of a session */
    int wait_ms;
    enum reeve_durability durability;
};

struct company {
    struct company_options options;
    struct reeve_client *client; /* of the sessions; NULL: none */
    struct company_session {
        struct company *company;
        uint64_t id;
        bool ended; /* by itself, which it should not */
    } * sessions;
    struct company_subscriber {
        struct reeve_client *client;
        char topic[COMPANY_TOPIC_BYTES];
        struct update_tally tally;
        bool ready, failed;
    } * subscribers;
    size_t accepted; /* sessions that have their id */
    uint64_t iterations, sessions_failed;
    struct update_tally updates; /* of all subscribers */
    bool ending;
    struct pollfd *fds;
    int wake; /* eventfd: the thread is to end */
    pthread_t thread;
    bool runs; /* the thread */
    char error[320];
};

/* Begins the sessions and the subscriptions and waits until all of them stand. 0, or a REEVE_E...
 * code with a sentence in error. company_end after both. */
int company_begin(struct company *c, const struct company_options *options);
/* Stops it, counts, ends the sessions. */
void company_end(struct company *c);

#endif
