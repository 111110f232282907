/* SPDX-License-Identifier: Apache-2.0
 *
 * rogue: a worker that lies. It is welcomed like any other and gets leases; it never runs any, says
 * things about jobs it does not have and under tokens that never were, says goodbye twice, and goes
 * on. What it has is given back or lost like that of a worker that dies. It cannot do more harm
 * than keep from others what was lent to it; the ledger sees to that.
 */
#include "tests/sim/sim.h"

static const int64_t TURN_US = 40 * MS_US;

static void turns(struct sim *s, struct happening *h);

static void say(struct sim *s, const struct record *r)
{
    record_put(&s->rogue.out, r);
}

static void send_out(struct sim *s)
{
    struct rogue *g = &s->rogue;
    if (g->out.size)
        end_send(s, &g->end, buf_bytes(&g->out));
    buf_clear(&g->out);
}

/* Feeds that are no feeds: a head that is taken, or none, or a queue that no worker serves. */
static void false_feed(struct sim *s)
{
    static const char *const heads[] = {"job", "sync", "todo", "feed0/n0", "x", "feed0"};
    unsigned queue = sim_chance(s, 0.5) ? TODO_QUEUE : (unsigned)sim_below(s, s->knobs.queues);
    say(s, &(struct record){
               .type = REC_offer,
               .offer = {.queue = bytes_text(s->queues[queue]),
                         .feed = bytes_text(heads[sim_below(s, queue == TODO_QUEUE ? 6 : 5)])}});
}

static void hello(struct sim *s)
{
    struct rogue *g = &s->rogue;
    for (unsigned i = 0; i < PEER_ID_BYTES; i++) /* so that no life of the broker knows it */
        g->peer_id[i] = (unsigned char)sim_below(s, 256);
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = PROTOCOL_VERSION,
                                 .version_max = PROTOCOL_VERSION,
                                 .role = ROLE_WORKER,
                                 .peer_id = bytes_of(g->peer_id, PEER_ID_BYTES),
                                 .name = bytes_text(sim_chance(s, 0.1) ? "w1" : "rogue"),
                                 .slots = sim_chance(s, 0.05) ? sim_below(s, 3000) : 2}};
    say(s, &r);
    for (unsigned q = 0; q < s->knobs.queues; q++)
        say(s, &(struct record){.type = REC_offer, .offer = {bytes_text(s->queues[q])}});
    if (sim_chance(s, 0.1))
        say(s, &(struct record){.type = REC_offer, .offer = {bytes_text("not a name")}});
    if (s->knobs.feed > 0)
        say(s, &(struct record){.type = REC_offer, .offer = {bytes_text(s->queues[FEED_QUEUE])}});
    for (unsigned n = sim_chance(s, 0.3) ? 2 : 0; n; n--)
        false_feed(s);
    say(s, &(struct record){.type = REC_ready});
}

/* A token that no lease of this job ever had. */
static uint64_t false_token(struct sim *s, uint64_t id)
{
    uint64_t token = ledger_token(s, id), incarnation = s->hub.incarnation;
    switch (sim_below(s, 6)) {
    case 0: return token + 1000 + sim_below(s, 1000);
    case 1: return (incarnation - 1) << 32 | (0x70000000 + sim_below(s, 1000));
    case 2: return (incarnation + 1) << 32 | sim_below(s, 10);
    case 3: return UINT64_MAX;
    case 4: return 0;
    default: return 1ull << 63 | sim_below(s, 1000);
    }
}

/* About a job that is somebody else's, or nobody's. */
static void lie(struct sim *s)
{
    struct rogue *g = &s->rogue;
    uint64_t id = sim_chance(s, 0.9) ? ledger_any_job(s) : sim_below(s, UINT64_MAX);
    uint64_t token = false_token(s, id);
    bool right =
        !ledger_rogue_has(s, id) && sim_chance(s, 0.3); /* the token of another worker's lease */
    struct record r;
    switch (sim_below(s, 7)) {
    case 0:
    case 1:
        r = (struct record){.type = REC_result,
                            .result = {.number = ++g->results,
                                       .id = id,
                                       .token = right ? ledger_token(s, id) : token,
                                       .reason = sim_below(s, REASON_COUNT + 2),
                                       .value = bytes_of("\xa1x", 2)}};
        break;
    case 2:
        r = (struct record){.type = REC_started,
                            .started = {id, right ? ledger_token(s, id) : token}};
        break;
    case 3:
        r = (struct record){.type = REC_returned,
                            .returned = {id, right ? ledger_token(s, id) : token}};
        break;
    case 4:
        r = (struct record){
            .type = REC_progress,
            .progress = {id, right ? ledger_token(s, id) : token, bytes_of("\x81\xa1x\x01", 4)}};
        break;
    case 5:
        r = (struct record){.type = REC_slot_state,
                            .slot_state = {.index = sim_below(s, 5000), .state = 77, .job = id}};
        break;
    default: r = (struct record){.type = REC_holding, .holding = {id, token}}; break;
    }
    say(s, &r);
}

/* Of what it was lent it gives back some, and of some it says that it is too much. */
static void about_lease(struct sim *s)
{
    struct rogue *g = &s->rogue;
    size_t count = g->leases.size / sizeof(struct msg_lease);
    if (!count)
        return;
    struct msg_lease m;
    size_t at = (size_t)sim_below(s, count) * sizeof m;
    memcpy(&m, g->leases.data + at, sizeof m);
    struct record r = {.type = REC_returned, .returned = {m.id, m.token}};
    if (sim_chance(s, 0.02))
        r = (struct record){
            .type = REC_result,
            .result = {
                .number = ++g->results, .id = m.id, .token = m.token, .reason = REASON_TOO_LARGE}};
    say(s, &r);
}

static void takes(struct sim *s, struct end *end, struct bytes body)
{
    struct rogue *g = &s->rogue;
    struct cursor c = cursor_of(body);
    struct record r;
    (void)end;
    while (!cursor_done(&c)) {
        if (record_get(&c, &r) != OK)
            sim_fail(s, "S19", "the broker sent the rogue what does not decode");
        if (r.type == REC_welcome)
            g->up = true;
        else if (r.type == REC_hello_wanted)
            g->up = false;
        else if (r.type == REC_lease)
            buf_put(&g->leases, &r.lease, sizeof r.lease);
    }
}

static void linked(struct sim *s, struct end *end, bool up)
{
    (void)end, (void)up;
    s->rogue.up = false;
    buf_clear(&s->rogue.leases);
}

static void turns(struct sim *s, struct happening *h)
{
    struct rogue *g = &s->rogue;
    (void)h;
    if (g->left)
        return;
    if (!g->up)
        hello(s);
    for (uint64_t n = sim_below(s, 4); g->up && n; n--) {
        lie(s);
        if (sim_chance(s, 0.5))
            about_lease(s);
    }
    if (sim_chance(s, 0.05))
        say(s, &(struct record){.type = REC_ready});
    if (sim_chance(s, 0.01)) {
        say(s, &(struct record){.type = REC_goodbye});
        say(s, &(struct record){.type = REC_goodbye});
        say(s, &(struct record){.type = REC_beat});
        g->up = false;
    }
    send_out(s);
    sim_at(s, s->now_us + TURN_US + (int64_t)sim_below(s, 10 * (uint64_t)TURN_US), turns, NULL);
}

void rogue_start(struct sim *s)
{
    struct rogue *g = &s->rogue;
    g->left = !s->knobs.rogue;
    if (g->left)
        return;
    snprintf(g->end.name, sizeof g->end.name, "rogue");
    g->end.kind = END_ROGUE;
    g->end.port = PORT_WORKERS;
    g->end.take = takes;
    g->end.linked = linked;
    end_open(s, &g->end);
    sim_at(s, s->now_us + 10, turns, NULL);
}

void rogue_stop(struct sim *s)
{
    if (s->rogue.left)
        return;
    s->rogue.left = true;
    end_close(s, &s->rogue.end, false);
}

void rogue_fini(struct sim *s)
{
    buf_fini(&s->rogue.out);
    buf_fini(&s->rogue.leases);
    buf_fini(&s->rogue.end.backlog);
}
