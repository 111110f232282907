/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections with keys: who is let in, and what the monitor says to who is not.
 */
#include <pthread.h>
#include <zmq.h>

#include "common/conn.h"
#include "common/identity.h"
#include "tests/unit/check.h"

enum { WAIT_MS = 10000 }; /* far beyond any delay: a test that would hang ends */

struct place {
    void *context, *zap, *router;
    pthread_t door; /* answers for ZAP */
    struct identity broker, known, unknown;
    char address[64];
};

/* Lets in one key, on one domain: a ZAP handler as RFC 27 has it. */
static void *answer_door(void *user)
{
    struct place *p = user;
    enum { FRAMES = 7 }; /* version, id, domain, address, identity, mechanism, key */
    for (;;) {
        char frames[FRAMES][64] = {{0}};
        int sizes[FRAMES];
        for (int i = 0; i < FRAMES; i++) {
            sizes[i] = zmq_recv(p->zap, frames[i], sizeof frames[i], 0);
            if (sizes[i] < 0)
                return NULL; /* the context ends */
        }
        char key[IDENTITY_KEY];
        zmq_z85_encode(key, (uint8_t *)frames[6], 32);
        bool in = strcmp(frames[2], "door") == 0 && strcmp(key, p->known.public_key) == 0;
        zmq_send(p->zap, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(p->zap, frames[1], (size_t)sizes[1], ZMQ_SNDMORE);
        zmq_send(p->zap, in ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send(p->zap, "", 0, ZMQ_SNDMORE);
        zmq_send(p->zap, in ? "somebody" : "", in ? 8 : 0, ZMQ_SNDMORE);
        zmq_send(p->zap, "", 0, 0);
    }
}

/* keys: the door asks for them; handler: and somebody is there to say who is let in. */
static void place_open(struct place *p, bool keys, bool handler)
{
    size_t size = sizeof p->address;
    *p = (struct place){.context = conn_context()};
    identity_make(&p->broker, "broker", "broker", NULL);
    identity_make(&p->known, "client", "known", p->broker.public_key);
    identity_make(&p->unknown, "client", "unknown", p->broker.public_key);
    if (handler) {
        CHECK((p->zap = zmq_socket(p->context, ZMQ_REP)) != NULL);
        CHECK_EQ(zmq_bind(p->zap, "inproc://zeromq.zap.01"), 0);
        CHECK_EQ(pthread_create(&p->door, NULL, answer_door, p), 0);
    }
    struct conn_options options = {.identity = keys ? &p->broker : NULL, .domain = "door"};
    CHECK((p->router = conn_open(p->context, CONN_ROUTER, "tcp://127.0.0.1:*", &options)) != NULL);
    CHECK_EQ(zmq_getsockopt(p->router, ZMQ_LAST_ENDPOINT, p->address, &size), 0);
}

static void place_close(struct place *p)
{
    zmq_close(p->router);
    zmq_ctx_shutdown(p->context);
    if (p->zap) {
        CHECK_EQ(pthread_join(p->door, NULL), 0);
        zmq_close(p->zap);
    }
    zmq_ctx_term(p->context);
}

/* The first thing that a connection comes to; id NULL: without a key. */
static enum conn_event come(struct place *p, const struct identity *id)
{
    static unsigned count;
    char name[32];
    snprintf(name, sizeof name, "inproc://monitor-%u", count++);
    struct conn_options options = {.monitor = name, .identity = id};
    void *dealer = conn_open(p->context, CONN_DEALER, p->address, &options);
    void *monitor = zmq_socket(p->context, ZMQ_PAIR);
    CHECK(dealer && monitor);
    CHECK_EQ(zmq_connect(monitor, name), 0);
    enum conn_event event = CONN_OTHER;
    while (event == CONN_OTHER) {
        zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
        CHECK_EQ(zmq_poll(&item, 1, WAIT_MS), 1);
        event = conn_event(monitor);
    }
    if (event == CONN_UP) { /* and what is said arrives */
        unsigned char route[256];
        CHECK_EQ(zmq_setsockopt(p->router, ZMQ_RCVTIMEO, &(int){WAIT_MS}, sizeof(int)), 0);
        CHECK_EQ(zmq_send(dealer, "hi", 2, 0), 2);
        CHECK(zmq_recv(p->router, route, sizeof route, 0) > 0);
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        CHECK_EQ(zmq_msg_recv(&msg, p->router, 0), 2);
        if (id)
            CHECK_TEXT(zmq_msg_gets(&msg, "User-Id"), "somebody");
        zmq_msg_close(&msg);
    }
    conn_monitor_end(dealer, monitor);
    zmq_close(dealer);
    return event;
}

TEST(a_known_key_is_let_in_and_an_unknown_one_is_told)
{
    struct place p;
    place_open(&p, true, true);
    CHECK_EQ(come(&p, &p.known), CONN_UP);
    CHECK_EQ(come(&p, &p.unknown), CONN_REFUSED);
    CHECK_EQ(come(&p, &p.known), CONN_UP);
    place_close(&p);
}

TEST(without_a_handler_nobody_is_let_in)
{
    struct place p;
    place_open(&p, true, false);
    CHECK_EQ(come(&p, &p.known), CONN_BROKEN);
    place_close(&p);
}

TEST(a_broker_with_another_key_is_not_met)
{
    struct place p;
    place_open(&p, true, true);
    memcpy(p.known.server_key, p.unknown.public_key, sizeof p.known.server_key);
    CHECK_EQ(come(&p, &p.known), CONN_BROKEN);
    place_close(&p);
}

TEST(a_key_and_none_do_not_meet)
{
    struct place p;
    place_open(&p, true, true);
    CHECK_EQ(come(&p, NULL), CONN_MISMATCH);
    place_close(&p);
    place_open(&p, false, false);
    CHECK_EQ(come(&p, &p.known), CONN_MISMATCH);
    CHECK_EQ(come(&p, NULL), CONN_UP);
    place_close(&p);
}

static const char *refusal(const enum conn_event events[], size_t count, bool key)
{
    struct conn_refusal r = {0};
    for (size_t i = 0; i < count; i++)
        CHECK(conn_refused(&r, events[i]) ==
              (events[i] == CONN_REFUSED || events[i] == CONN_MISMATCH));
    const char *text = conn_refusal(&r, key);
    return text ? text : "";
}
#define REFUSAL(key, ...)                                                                          \
    refusal((const enum conn_event[]){__VA_ARGS__},                                                \
            sizeof((const enum conn_event[]){__VA_ARGS__}) / sizeof(enum conn_event), key)

TEST(refusals_are_sentences)
{
    CHECK(strstr(REFUSAL(true, CONN_REFUSED), "does not know this key"));
    CHECK(strstr(REFUSAL(false, CONN_MISMATCH), "--identity"));
    CHECK(strstr(REFUSAL(true, CONN_MISMATCH), "asks for no key"));
    CHECK(strstr(REFUSAL(true, CONN_BROKEN, CONN_BROKEN), "hung up"));
    CHECK(strstr(REFUSAL(false, CONN_BROKEN, CONN_BROKEN), "--identity"));
    CHECK_TEXT(REFUSAL(false, CONN_UP), "");
}

TEST(a_reason_is_not_forgotten_for_hanging_up)
{
    CHECK(strstr(REFUSAL(false, CONN_BROKEN, CONN_MISMATCH, CONN_BROKEN), "asks for a key: "));
}

TEST(a_broker_that_dies_has_refused_nobody)
{
    CHECK_TEXT(REFUSAL(false, CONN_BROKEN), "");
    CHECK_TEXT(REFUSAL(false, CONN_BROKEN, CONN_UP, CONN_DOWN, CONN_BROKEN), "");
    CHECK_TEXT(REFUSAL(true, CONN_REFUSED, CONN_UP), "");
}
