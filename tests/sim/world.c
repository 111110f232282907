/* SPDX-License-Identifier: Apache-2.0
 *
 * world: what happens next, and what goes wrong. The knobs of a run are drawn from its seed; a
 * quarter of all runs knows no faults, and some have limits so small that they are met.
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

/* --- knobs ------------------------------------------------------------------------------------ */

static double share_of(struct sim *s, double often, double most)
{
    return sim_chance(s, often) ? random_unit(&s->random) * most : 0;
}

static void limits_draw(struct sim *s, struct broker_limits *l)
{
    static const uint64_t few[] = {1, 2, 3, 5, 8, 13};
    if (sim_chance(s, 0.3))
        l->jobs_max = few[sim_below(s, 6)] * 3;
    if (sim_chance(s, 0.1))
        l->args_bytes_max = 100 + sim_below(s, 500);
    if (sim_chance(s, 0.2))
        l->keys_max = few[sim_below(s, 6)], l->key_ms = 500;
    if (sim_chance(s, 0.2))
        l->topics_max = few[sim_below(s, 6)];
    if (sim_chance(s, 0.3))
        l->ahead_jobs_max = (uint32_t)few[sim_below(s, 6)];
    if (sim_chance(s, 0.3))
        l->ahead_us_max = (uint32_t)(1 + sim_below(s, 100000));
    if (sim_chance(s, 0.3))
        l->attempts_max = (uint32_t)(1 + sim_below(s, 6));
    else if (sim_chance(s, 0.2))
        l->key_ms = (int64_t)(1 + sim_below(s, 20000));
}

static void knobs_draw(struct sim *s, struct knobs *k)
{
    static const int64_t delays_us[] = {100, 100, 1000, 10000, 50000};
    static const int64_t runs_us[] = {20, 200, 2000, 50000, 500000};
    *k = (struct knobs){0};
    k->faults = !sim_chance(s, 0.25);
    k->clients = 1 + (unsigned)sim_below(s, CLIENTS_MAX);
    k->hosts = 1 + (unsigned)sim_below(s, HOSTS_MAX);
    k->queues = 1 + (unsigned)sim_below(s, QUEUES_MAX);
    k->jobs = 3 + (unsigned)sim_below(s, sim_chance(s, 0.1) ? 200 : 40);
    k->faults_us = (int64_t)(3 + sim_below(s, 20)) * SEC_US;
    k->delay_us = delays_us[sim_below(s, 5)];
    k->find_us = sim_chance(s, 0.2) ? 300 * MS_US : 300;
    k->run_us = runs_us[sim_below(s, 5)];
    k->error = share_of(s, 0.5, 0.3);
    k->cancel = share_of(s, 0.5, 0.3);
    k->wait = share_of(s, 0.5, 0.3);
    k->retry = share_of(s, 0.3, 0.2);
    k->key = share_of(s, 0.3, 0.5);
    k->priority = share_of(s, 0.5, 1);
    k->delayed = share_of(s, 0.4, 0.4);
    k->deadline = share_of(s, 0.4, 0.4);
    k->retries = share_of(s, 0.4, 0.5);
    k->watch = share_of(s, 0.4, 0.5);
    k->duplicate = share_of(s, 0.3, 0.2);
    k->malformed = share_of(s, 0.2, 0.1);
    k->drains = share_of(s, 0.3, 0.3);
    k->holds = share_of(s, 0.3, 0.3);
    limits_draw(s, &k->limits);
    if ((k->run_us >= 50 * MS_US || k->limits.jobs_max) && k->jobs > 20)
        k->jobs = 20; /* or the second phase would take too long */
    if (sim_chance(s, 0.3))
        k->store_rows = 1 + (unsigned)sim_below(s, 20);
    if (!k->faults)
        return;
    if (sim_chance(s, 0.2))
        k->delay_us = 200 * MS_US;
    k->crash = share_of(s, 0.5, 0.3);
    k->hang = share_of(s, 0.3, 0.1);
    k->cuts = share_of(s, 0.6, 2);
    k->deaths = share_of(s, 0.5, 0.7);
    k->freezes = share_of(s, 0.5, 0.7);
    k->pauses = share_of(s, 0.3, 0.2);
    k->half_open = share_of(s, 0.5, 1);
    k->leave = share_of(s, 0.3, 0.5);
    k->store_full = share_of(s, 0.2, 0.3);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static struct host *any_host(struct sim *s)
{
    return &s->hosts[sim_below(s, s->knobs.hosts)];
}

static void store_full(struct sim *s, bool full)
{
    struct event ev = {.type = EV_STORE, .store = {.kept = s->hub.rows.count, .full = full}};
    trace(s, "store", full ? "full" : "has room");
    hub_step(s, &ev);
}

static void store_has_room(struct sim *s, struct happening *h)
{
    (void)h;
    store_full(s, false);
}

/* Somebody holds a queue or drains a worker: by a client, as people do. */
static void person(struct sim *s, struct record r)
{
    struct client_sim *c = &s->clients[sim_below(s, s->knobs.clients)];
    if (!c->left && c->session.up)
        client_say(c, &r);
}

static void hold(struct sim *s, unsigned queue, bool on)
{
    struct record r = {.type = on ? REC_hold : REC_release};
    r.hold.number = 1ull << 40;
    r.hold.queue = bytes_text(s->queues[queue]);
    person(s, r);
}

static void fault(struct sim *s)
{
    const struct knobs *k = &s->knobs;
    double all[] = {k->cuts, k->deaths, k->freezes, k->pauses, k->drains, k->holds, k->store_full};
    double total = 0;
    for (size_t i = 0; i < LENGTH(all); i++)
        total += all[i];
    double at = random_unit(&s->random) * total;
    size_t which = 0;
    while (which + 1 < LENGTH(all) && at >= all[which])
        at -= all[which++];
    struct host *h = any_host(s);
    switch (which) {
    case 0:
        if (sim_chance(s, 0.5)) {
            h->fault_from_us = s->now_us;
            h->fault_until_us = s->now_us + 5 * SEC_US;
            end_cut(s, &h->end);
        } else {
            struct client_sim *c = &s->clients[sim_below(s, k->clients)];
            end_cut(s, &c->end);
            watcher_cut(s, c);
        }
        break;
    case 1: host_kill(s, h); break;
    case 2:
        host_freeze(s, h,
                    (int64_t)sim_below(s, sim_chance(s, 0.5) ? 3 : 10) * SEC_US +
                        (int64_t)sim_below(s, SEC_US));
        break;
    case 3:
        if (s->now_us < s->hub.paused_us)
            break; /* what waits for the end of one pause must not find itself in the next */
        s->hub.paused_us = s->now_us + (int64_t)sim_below(s, 8 * SEC_US);
        trace(s, "broker", "pauses for %lld ms", (long long)(s->hub.paused_us - s->now_us) / 1000);
        break;
    case 4:
        person(s, (struct record){.type = REC_drain,
                                  .drain = {.number = 1ull << 40, .worker = bytes_text(h->name)}});
        break;
    case 5: hold(s, (unsigned)sim_below(s, k->queues), sim_chance(s, 0.5)); break;
    default:
        store_full(s, true);
        sim_at(s, s->now_us + (int64_t)sim_below(s, 5 * SEC_US), store_has_room, NULL);
        break;
    }
}

static void plan_fault(struct sim *s);

static void faults(struct sim *s, struct happening *h)
{
    (void)h;
    if (s->calm)
        return;
    fault(s);
    plan_fault(s);
}

static void plan_fault(struct sim *s)
{
    const struct knobs *k = &s->knobs;
    double rate =
        k->cuts + k->deaths + k->freezes + k->pauses + k->drains + k->holds + k->store_full;
    if (rate > 0)
        sim_at(s, s->now_us + sim_spread(s, (int64_t)(1e6 / rate)), faults, NULL);
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
    k->cuts = k->deaths = k->freezes = k->pauses = k->drains = k->holds = 0;
    k->cancel = k->wait = k->retry = k->duplicate = k->malformed = k->watch = 0;
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
    hub_start(s);
    for (unsigned i = 0; i < k->hosts; i++) {
        struct host *h = &s->hosts[i];
        h->index = i;
        h->slots = 1 + (unsigned)sim_below(s, SLOTS_MAX_SIM);
        h->queues = i == 0 ? (1u << k->queues) - 1 : 1 + sim_below(s, (1u << k->queues) - 1);
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
    plan_fault(s);
    sim_at(s, k->faults_us, calm_down, NULL);
    sim_at(s, k->faults_us + SEC_US, releases, NULL);
}

static void world_fini(struct sim *s)
{
    for (unsigned i = 0; i < s->knobs.clients; i++)
        client_fini(s, &s->clients[i]);
    for (unsigned i = 0; i < s->knobs.hosts; i++)
        host_fini(s, &s->hosts[i]);
    hub_fini(s);
    for (size_t i = 0; i < s->future.count; i++) {
        struct happening *h = container_of(s->future.nodes[i], struct happening, node);
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
    for (int64_t done_us = 0; !done_us || s->now_us < done_us + 12 * SEC_US;) {
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
