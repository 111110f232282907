/* SPDX-License-Identifier: Apache-2.0
 *
 * faults: what goes wrong, and when. Time is cut into periods of some seconds; in a quarter of them
 * nothing happens, in the others a random part of what this run knows at all.
 */
#include "tests/sim/sim.h"

static struct host *any_host(struct sim *s)
{
    return &s->hosts[sim_below(s, s->knobs.hosts)];
}

/* Somebody holds a queue or drains a worker: by a client, as people do. */
static void person(struct sim *s, struct record r)
{
    struct client_sim *c = &s->clients[sim_below(s, s->knobs.clients)];
    if (!c->left && c->session.up)
        client_say(c, &r);
}

void hold(struct sim *s, unsigned queue, bool on)
{
    struct record r = {.type = on ? REC_hold : REC_release};
    r.hold.number = ASK_NUMBERS_SIM - ++s->holds; /* no other request's */
    r.hold.queue = bytes_text(s->queues[queue]);
    person(s, r);
}

/* --- one of each ------------------------------------------------------------------------------ */

static void cut(struct sim *s)
{
    struct host *h = any_host(s);
    struct client_sim *c = &s->clients[sim_below(s, s->knobs.clients)];
    if (sim_chance(s, 0.5)) {
        h->fault_from_us = s->now_us;
        h->fault_until_us = s->now_us + 5 * SEC_US;
        end_cut(s, &h->end);
    } else {
        end_cut(s, &c->end);
        watcher_cut(s, c);
    }
}

static void death(struct sim *s)
{
    host_kill(s, any_host(s));
}

static void freeze(struct sim *s)
{
    int64_t us = (int64_t)sim_below(s, sim_chance(s, 0.5) ? 3 : 10) * SEC_US;
    host_freeze(s, any_host(s), us + (int64_t)sim_below(s, SEC_US));
}

/* A client that does not read for a while. */
static void deaf(struct sim *s)
{
    struct client_sim *c = &s->clients[sim_below(s, s->knobs.clients)];
    if (c->end.frozen_us > s->now_us)
        return;
    trace(s, c->end.name, "does not read");
    c->end.frozen_us = s->now_us + (int64_t)sim_below(s, 8 * SEC_US);
}

static void pause_hub(struct sim *s)
{
    struct hub *hub = &s->hub;
    if (!hub->up || s->now_us < hub->paused_us)
        return; /* what waits for the end of one pause must not find itself in the next */
    int64_t us = (int64_t)sim_below(s, 8 * SEC_US);
    hub->paused_us = s->now_us + us;
    bool suspended = sim_chance(s, 0.3); /* its clock stood still as well */
    if (suspended)
        hub->clock_us += us;
    trace(s, "broker", "%s for %lld ms", suspended ? "is suspended" : "pauses",
          (long long)us / 1000);
}

static void dies_now(struct sim *s, struct happening *h)
{
    if (h->a == s->hub.life && (h->b || !s->calm))
        hub_crash(s, h->b ? "of its disk" : "between two steps");
}

/* Somewhere in what it does next; or between two events if it does little. */
static void crash(struct sim *s)
{
    struct hub *hub = &s->hub;
    if (!hub->up)
        return;
    if (!hub->crash_in)
        hub->crash_in = 1 + sim_below(s, sim_chance(s, 0.5) ? 20 : 200);
    sim_at(s, s->now_us + sim_spread(s, 200 * MS_US), dies_now, NULL)->a = hub->life;
}

/* Nothing is kept from now on; soon the shell is told, and ends. */
static void io_error(struct sim *s)
{
    if (!s->hub.up || !s->knobs.durable)
        return;
    trace(s, "store", "fails");
    s->store.broken = true;
    struct happening *h = sim_at(s, s->now_us + sim_spread(s, 100 * MS_US), dies_now, NULL);
    h->a = s->hub.life;
    h->b = 1;
}

static void stall(struct sim *s)
{
    s->store.stalled_us = s->now_us + (int64_t)sim_below(s, 4 * SEC_US);
}

static void refuse(struct sim *s)
{
    static const enum err all[] = {ERR_BUSY, ERR_DISK_FULL};
    enum err err = all[sim_below(s, 2)];
    store_condition(s, err, err == ERR_DISK_FULL && sim_chance(s, 0.5),
                    (int64_t)sim_below(s, 5 * SEC_US));
}

/* A result that nobody has fetched for too long goes. */
static void old_row(struct sim *s)
{
    const struct link *rows = &s->store.disk.rows[ROW_ENDED];
    if (list_empty(rows))
        return;
    struct disk_row *row = container_of(rows->next, struct disk_row, link);
    ledger_forgets(s, row->key.id);
    disk_forget(&s->store.disk, row);
}

static void clock_jump(struct sim *s)
{
    const int64_t years_ms = 10ll * 365 * 24 * 3600 * 1000;
    int64_t most_ms = sim_chance(s, 0.5) ? years_ms : 10000;
    s->wall_skew_ms = (int64_t)sim_below(s, 2 * (uint64_t)most_ms) - most_ms;
    s->wall_jumps++;
    trace(s, "world", "the wall clock is %lld s off", (long long)s->wall_skew_ms / 1000);
}

static void drain(struct sim *s)
{
    const struct host *h = any_host(s);
    person(s, (struct record){.type = REC_drain,
                              .drain = {.number = ASK_NUMBERS_SIM, .worker = bytes_text(h->name)}});
}

static void hold_queue(struct sim *s)
{
    hold(s, (unsigned)sim_below(s, s->knobs.queues), sim_chance(s, 0.5));
}

/* --- when ------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*strike)(struct sim *s);
} faults[FAULT_COUNT] = {
#define X(name, text, function) [name] = {text, function},
    FAULTS(X)
#undef X
};

static void plan(struct sim *s, enum fault which);

static void strikes(struct sim *s, struct happening *h)
{
    if (s->calm)
        return;
    if (s->on[h->a])
        faults[h->a].strike(s);
    plan(s, (enum fault)h->a);
}

static void plan(struct sim *s, enum fault which)
{
    double rate = s->knobs.rate[which];
    if (rate > 0)
        sim_at(s, s->now_us + sim_spread(s, (int64_t)(1e6 / rate)), strikes, NULL)->a = which;
}

static void period(struct sim *s, struct happening *h)
{
    (void)h;
    if (s->calm)
        return;
    bool none = sim_chance(s, 0.25);
    for (int i = 0; i < FAULT_COUNT; i++) {
        s->on[i] = !none && sim_chance(s, 0.6);
        if (s->on[i] && s->knobs.rate[i] > 0)
            trace(s, "world", "there may be: %s", faults[i].name);
    }
    sim_at(s, s->now_us + SEC_US + (int64_t)sim_below(s, 5 * SEC_US), period, NULL);
}

void faults_start(struct sim *s)
{
    sim_at(s, 0, period, NULL);
    for (int i = 0; i < FAULT_COUNT; i++)
        plan(s, (enum fault)i);
}

void faults_stop(struct sim *s)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        s->knobs.rate[i] = 0;
    s->hub.crash_in = 0;
    s->store.stalled_us = 0;
}
