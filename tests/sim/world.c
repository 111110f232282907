/* SPDX-License-Identifier: Apache-2.0
 *
 * world: what happens next. A run has two phases: with faults, then calm, in which all must end.
 */
#include "tests/sim/sim.h"

enum { LIMIT_S = 900 }; /* how long the second phase may last */

struct happening *sim_at(struct sim *s, int64_t at_us,
                         void (*run)(struct sim *, struct happening *), void *who)
{
    struct happening *h = must_alloc(sizeof *h);
    h->run = run;
    h->who = who;
    heap_put(&s->future, &h->node, at_us > s->now_us ? at_us : s->now_us, ++s->order);
    return h;
}

bool sim_chance(struct sim *s, double share)
{
    return random_unit(&s->random) < share;
}

uint64_t sim_below(struct sim *s, uint64_t below)
{
    return random_below(&s->random, below);
}

/* Twelve halvings or so: no call of libm, whose last bit may differ between machines. */
int64_t sim_spread(struct sim *s, int64_t mean_us)
{
    uint64_t unit = random_next(&s->random) >> 11 | 1;
    int64_t doubled = 0; /* -log2(unit / 2^53) in 1/16 */
    while (unit < 1ull << 52) {
        unit <<= 1;
        doubled += 16;
    }
    doubled += 16 - (int64_t)((unit - (1ull << 52)) >> 48);
    int64_t us = mean_us * doubled * 7 / 160; /* ln 2 is nearly 0.7 */
    return us < 20 * mean_us ? us : 20 * mean_us;
}

/* --- the two phases --------------------------------------------------------------------------- */

static void leaves(struct sim *s, struct happening *h)
{
    client_stop(s, h->who, sim_chance(s, 0.5));
}

static void calm_down(struct sim *s, struct happening *h)
{
    (void)h;
    struct knobs *k = &s->knobs;
    trace(s, "world", "calm");
    s->calm = true;
    s->calm_us = s->now_us;
    faults_stop(s);
    rogue_stop(s);
    k->cancel = k->wait = k->retry = k->drop = k->duplicate = k->malformed = k->watch = 0;
    k->half_open = k->update_drop = k->damage = 0;
    if (k->delay_us > 50 * MS_US)
        k->delay_us = 50 * MS_US;
    for (unsigned i = 0; i < k->hosts; i++)
        if (!s->hosts[i].alive)
            host_start(s, &s->hosts[i]);
}

/* Whoever is there lets go of what was held; said again until it has worked. */
static void releases(struct sim *s, struct happening *h)
{
    (void)h;
    if (s->calm)
        for (unsigned q = 0; q < s->knobs.queues; q++)
            hold(s, q, false);
    sim_at(s, s->now_us + 2 * SEC_US, releases, NULL);
}

static bool converged(const struct sim *s)
{
    if (!s->calm || !ledger_done(s))
        return false;
    for (unsigned i = 0; i < s->knobs.clients; i++)
        if (!s->clients[i].left && !client_settled(&s->clients[i]))
            return false;
    return true;
}

static _Noreturn void too_late(struct sim *s)
{
    for (unsigned i = 0; i < s->knobs.clients; i++)
        if (!s->clients[i].left && !client_settled(&s->clients[i]))
            client_explain(&s->clients[i]);
    ledger_explain(s);
    sim_fail(s, "L1", "%d s after the last fault not everything has come to its end", LIMIT_S);
}

static void world_start(struct sim *s)
{
    struct knobs *k = &s->knobs;
    knobs_draw(s, k);
    link_init(&s->wires);
    for (unsigned q = 0; q < k->queues; q++)
        snprintf(s->queues[q], QUEUE_TEXT, "q%u.run", q);
    snprintf(s->queues[TODO_QUEUE], QUEUE_TEXT, "todo.task");
    snprintf(s->queues[FEED_QUEUE], QUEUE_TEXT, "feed.run");
    store_start(s);
    hub_start(s);
    for (unsigned i = 0; i < k->hosts; i++) {
        struct host *h = &s->hosts[i];
        h->index = i;
        h->slots = 1 + (unsigned)sim_below(s, SLOTS_MAX_SIM);
        h->queues = i == 0 ? (1u << k->queues) - 1 : 1 + sim_below(s, (1u << k->queues) - 1);
        h->feeds = k->feed > 0 && (i == 0 || sim_chance(s, 0.5));
        host_start(s, h);
    }
    for (unsigned i = 0; i < k->clients; i++) {
        struct client_sim *c = &s->clients[i];
        c->index = i;
        c->to_submit = k->jobs;
        client_start(s, c);
        if (i > 0 && sim_chance(s, k->leave)) /* one stays, to let go of what was held */
            sim_at(s, (int64_t)sim_below(s, (uint64_t)k->faults_us), leaves, c);
    }
    faults_start(s);
    rogue_start(s);
    sim_at(s, k->faults_us, calm_down, NULL);
    sim_at(s, k->faults_us + SEC_US, releases, NULL);
}

static void world_fini(struct sim *s)
{
    for (unsigned i = 0; i < s->knobs.clients; i++)
        client_fini(s, &s->clients[i]);
    for (unsigned i = 0; i < s->knobs.hosts; i++)
        host_fini(s, &s->hosts[i]);
    rogue_fini(s);
    hub_fini(s);
    store_fini(s);
    for (size_t i = 0; i < s->future.count; i++) {
        struct happening *h = container_of(s->future.entries[i].node, struct happening, node);
        buf_fini(&h->bytes);
        free(h);
    }
    heap_fini(&s->future);
    ledger_free(s->ledger);
}

struct sim_outcome sim_run(uint64_t seed, unsigned round, bool tracing, enum plant plant)
{
    struct sim *s = must_alloc(sizeof *s);
    s->seed = seed;
    s->round = round;
    s->tracing = tracing;
    s->plant = plant;
    s->random.state = seed * 0x9e3779b97f4a7c15u + 1;
    s->ledger = ledger_new();
    world_start(s);
    const int64_t limit_us = s->knobs.faults_us + LIMIT_S * SEC_US;
    /* When all is done there is time for the watchers to find that they have missed something. */
    const int64_t after_us = (s->knobs.linger ? 100 : 12) * SEC_US;
    for (int64_t done_us = 0; !done_us || s->now_us < done_us + after_us;) {
        if (!done_us && converged(s))
            done_us = s->now_us;
        struct heap_node *first = heap_first(&s->future);
        must(first);
        if (first->key > limit_us)
            too_late(s);
        s->now_us = first->key;
        struct happening *h = container_of(first, struct happening, node);
        heap_take(&s->future, first);
        h->run(s, h);
        buf_fini(&h->bytes);
        free(h);
    }
    ledger_end(s);
    struct sim_outcome outcome = {.hash = s->hash,
                                  .steps = s->hub.steps,
                                  .virtual_us = s->now_us,
                                  .counts = ledger_counts(s)};
    world_fini(s);
    free(s);
    return outcome;
}
