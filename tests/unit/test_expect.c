/* SPDX-License-Identifier: Apache-2.0
 *
 * Two brokers with the same events, of which one is told of them before: they do the same, byte
 * for byte. The workers are those of reeve-rate; what they say goes to both.
 */
#include "producer/core/broker.h"
#include "tests/sim/crowd.h"
#include "tests/unit/check.h"

enum { WORKERS = 20, SLOTS = 3, JOBS = 2000, TOGETHER = 100 };
enum { CLIENT = WORKERS + 1, WAY_US = 100 };

struct pair {
    struct broker *told, *untold;
    struct crowd crowd;
    struct event events[TOGETHER];
    struct buf bodies[TOGETHER];
    size_t count;
    int64_t now_us;
    uint64_t ended;
};

static void hear(struct pair *p, const struct effects *fx, const struct effect *e)
{
    struct cursor c = cursor_of(effect_bytes(fx, e));
    struct record m;
    CHECK_EQ(record_get(&c, &m), OK);
    if (e->peer == CLIENT)
        p->ended += m.type == REC_ended;
    else
        hand_hears(&p->crowd, &p->crowd.hands[e->peer - 1], p->now_us + 2 * WAY_US, &m);
}

static void check_same(const struct effects *a, const struct effects *b)
{
    CHECK_EQ(a->count, b->count);
    CHECK_BYTES(buf_bytes(&a->bytes), buf_bytes(&b->bytes));
    for (size_t i = 0; i < a->count; i++) {
        CHECK_EQ(a->list[i].type, b->list[i].type);
        CHECK_EQ(a->list[i].peer, b->list[i].peer);
        CHECK_EQ(a->list[i].at, b->list[i].at);
    }
}

static void step_all(struct pair *p)
{
    struct effects told = {0}, untold = {0};
    size_t count = p->count;
    p->count = 0;
    broker_expect(p->told, p->events, count);
    for (size_t i = 0; i < count; i++) {
        broker_step(p->told, &p->events[i], &told);
        broker_step(p->untold, &p->events[i], &untold);
        check_same(&told, &untold);
        for (size_t k = 0; k < told.count; k++)
            if (told.list[k].type == FX_SEND)
                hear(p, &told, &told.list[k]);
        buf_clear(&p->bodies[i]);
    }
    broker_audit(p->told);
    effects_fini(&told);
    effects_fini(&untold);
}

static struct event *event_add(struct pair *p, enum event_type type)
{
    if (p->count == TOGETHER)
        step_all(p);
    struct event *ev = &p->events[p->count++];
    *ev = (struct event){.type = type, .now_ms = 1000 + p->now_us / 1000, .wall_ms = 1000};
    return ev;
}

static struct buf *body_open(struct pair *p, uint64_t peer)
{
    struct event *ev = event_add(p, EV_BODY);
    ev->body.peer = peer;
    ev->body.port = peer == CLIENT ? PORT_CLIENTS : PORT_WORKERS;
    return &p->bodies[p->count - 1];
}

static void body_close(struct pair *p)
{
    p->events[p->count - 1].body.bytes = buf_bytes(&p->bodies[p->count - 1]);
}

static void says(struct pair *p, uint64_t peer, const struct record *m)
{
    record_put(body_open(p, peer), m);
    body_close(p);
}

static void hello(struct pair *p, uint64_t peer)
{
    char peer_id[PEER_ID_BYTES] = {(char)peer}, name[] = {'w', (char)('A' + peer)};
    struct msg_hello m = {.version_min = PROTOCOL_VERSION,
                          .version_max = PROTOCOL_VERSION,
                          .role = peer == CLIENT ? ROLE_CLIENT : ROLE_WORKER,
                          .peer_id = bytes_of(peer_id, sizeof peer_id),
                          .name = bytes_of(name, sizeof name),
                          .slots = peer == CLIENT ? 0 : SLOTS};
    says(p, peer, &(struct record){.type = REC_hello, .hello = m});
}

static void gather(struct pair *p)
{
    event_add(p, EV_SERVE);
    for (uint64_t peer = 1; peer <= WORKERS; peer++) {
        hello(p, peer);
        says(p, peer, &(struct record){.type = REC_offer, .offer = {.queue = bytes_text("a.a")}});
        says(p, peer, &(struct record){.type = REC_ready});
    }
    hello(p, CLIENT);
    for (uint64_t number = 1; number <= JOBS; number++) {
        struct msg_submit m = {.number = number,
                               .queue = bytes_text("a.a"),
                               .args = bytes_of("\x91\x01", 2),
                               .durability = CLASS_RECEIVED};
        says(p, CLIENT, &(struct record){.type = REC_submit, .submit = m});
    }
    step_all(p);
}

/* Whatever is said before an answer to the first word can arrive. */
static void turn(struct pair *p)
{
    int64_t at_us, until_us = INT64_MAX;
    for (struct hand *h; p->count < TOGETHER && (h = crowd_next(&p->crowd, &at_us));) {
        if (at_us >= until_us)
            break;
        if (at_us > p->now_us)
            p->now_us = at_us;
        if (until_us == INT64_MAX)
            until_us = p->now_us + 2 * WAY_US;
        hand_speaks(&p->crowd, h, p->now_us, body_open(p, h->index + 1));
        body_close(p);
    }
    step_all(p);
}

static struct broker *broker_make(void)
{
    return broker_new(&(struct broker_options){.seed = 1, .incarnation = 1, .now_ms = 1000});
}

TEST(what_was_expected_is_done_as_if_it_had_not_been)
{
    struct pair p = {.told = broker_make(), .untold = broker_make()};
    crowd_init(&p.crowd, WORKERS, SLOTS, 1000, 1);
    gather(&p);
    while (p.ended < JOBS)
        turn(&p);
    CHECK_EQ(p.crowd.begun, JOBS);
    crowd_fini(&p.crowd);
    broker_free(p.told);
    broker_free(p.untold);
    for (size_t i = 0; i < TOGETHER; i++)
        buf_fini(&p.bodies[i]);
}

/* A connection and a job that there are not, a body that is cut, one without a record, no body. */
TEST(what_is_expected_need_not_come_nor_make_sense)
{
    struct broker *b = broker_make();
    struct buf body = {0};
    record_put(&body, &(struct record){.type = REC_started, .started = {.id = 5, .token = 6}});
    struct event events[TOGETHER];
    size_t count = 0;
    for (size_t size = 0; size <= body.size; size++)
        events[count++] = (struct event){
            .type = EV_BODY,
            .body = {.peer = 99, .port = PORT_WORKERS, .bytes = bytes_of(body.data, size)}};
    events[count++] = (struct event){.type = EV_BODY, .body = {.peer = 99, .port = PORT_CLIENTS}};
    events[count++] = (struct event){.type = EV_TICK};
    broker_expect(b, events, count);
    broker_expect(b, events, 0);
    struct broker_totals totals;
    broker_totals(b, &totals);
    CHECK_EQ(totals.malformed, 0);
    broker_audit(b);
    buf_fini(&body);
    broker_free(b);
}
