/* SPDX-License-Identifier: Apache-2.0
 *
 * knobs: what kind of run it is. A quarter of all runs knows no faults; most keep on a disk; some
 * have limits so small that they are met, and clocks near the end of their range.
 */
#include "tests/sim/sim.h"

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
    if (sim_chance(s, 0.5))
        l->mark_jobs = few[sim_below(s, 6)] + 3;
    if (sim_chance(s, 0.2))
        l->held_bytes_max = 1 + sim_below(s, 2000);
    if (sim_chance(s, 0.2))
        l->recovery_ms = (int64_t)(1 + sim_below(s, 500));
    if (sim_chance(s, 0.1))
        l->waits_max = few[sim_below(s, 6)];
    if (sim_chance(s, 0.3))
        l->history_max = few[sim_below(s, 6)];
    if (sim_chance(s, 0.2))
        l->history_ms = (int64_t)(1 + sim_below(s, 5000));
    if (sim_chance(s, 0.2)) { /* what those leave behind that disappear must not stay for a day */
        l->results_ms = (int64_t)(1000 + sim_below(s, 5000));
        l->results_max = few[sim_below(s, 6)];
    }
    if (sim_chance(s, 0.1))
        l->queues_max = QUEUES_ALL;
    if (sim_chance(s, 0.1))
        l->peers_max = CLIENTS_MAX + HOSTS_MAX + few[sim_below(s, 6)] + 5;
    if (sim_chance(s, 0.1))
        l->workers_max = HOSTS_MAX + 1 + few[sim_below(s, 6)];
}

static void clocks_draw(struct sim *s, struct knobs *k)
{
    static const int64_t monotonic_ms[] = {1, 1000000, (1ll << 31) - 5000, (1ll << 32) - 5000,
                                           1ll << 50};
    static const int64_t wall_ms[] = {1700000000000, 1700000000000, ((1ll << 31) - 5) * 1000,
                                      ((1ll << 32) - 5) * 1000};
    static const uint32_t incarnations[] = {7, 7, 1, 0x7ffffff0, 0xfff00000};
    k->clock_ms = monotonic_ms[sim_below(s, 5)];
    k->wall_ms = wall_ms[sim_below(s, 4)];
    k->incarnation = incarnations[sim_below(s, 5)];
    if (k->faults && sim_chance(s, 0.3))
        k->drift_ppm = sim_chance(s, 0.5) ? 200000 : 1000;
}

static void jobs_draw(struct sim *s, struct knobs *k)
{
    k->error = share_of(s, 0.5, 0.3);
    k->cancel = share_of(s, 0.5, 0.3);
    k->wait = share_of(s, 0.5, 0.3);
    k->retry = share_of(s, 0.3, 0.2);
    k->drop = share_of(s, 0.2, 0.1);
    k->key = share_of(s, 0.3, 0.5);
    k->priority = share_of(s, 0.5, 1);
    k->delayed = share_of(s, 0.4, 0.4);
    k->deadline = share_of(s, 0.4, 0.4);
    k->retries = share_of(s, 0.4, 0.5);
    k->received = share_of(s, 0.4, 0.5);
    k->rows = share_of(s, 0.4, 0.8);
    k->together = share_of(s, 0.3, 1);
    k->watch = share_of(s, 0.4, 0.5);
    k->follow = share_of(s, 0.5, 1);
    k->progress = share_of(s, 0.6, 1);
    k->session = share_of(s, 0.5, 0.5);
    k->todo = share_of(s, 0.4, 0.4);
    k->feed = share_of(s, 0.3, 0.1);
    k->tags = sim_chance(s, 0.4);
    k->duplicate = share_of(s, 0.3, 0.2);
    k->malformed = share_of(s, 0.2, 0.1);
}

static void faults_draw(struct sim *s, struct knobs *k)
{
    static const struct {
        enum fault fault;
        double often, most;
    } rows[] = {{FAULT_CUT, 0.5, 2},        {FAULT_DEATH, 0.4, 0.7}, {FAULT_FREEZE, 0.4, 0.7},
                {FAULT_DEAF, 0.2, 0.3},     {FAULT_PAUSE, 0.3, 0.2}, {FAULT_CRASH, 0.6, 0.6},
                {FAULT_IO_ERROR, 0.1, 0.1}, {FAULT_STALL, 0.2, 0.2}, {FAULT_REFUSE, 0.2, 0.3},
                {FAULT_OLD_ROW, 0.2, 1},    {FAULT_CLOCK, 0.2, 0.3}};
    for (size_t i = 0; i < LENGTH(rows); i++)
        k->rate[rows[i].fault] = share_of(s, rows[i].often, rows[i].most);
    k->crash = share_of(s, 0.5, 0.3);
    k->hang = share_of(s, 0.3, 0.1);
    k->half_open = share_of(s, 0.5, 1);
    k->leave = share_of(s, 0.3, 0.5);
    k->damage = share_of(s, 0.15, 0.8);
    k->update_drop = share_of(s, 0.2, 0.3);
    k->rogue = sim_chance(s, 0.2);
    k->same_name = sim_chance(s, 0.2);
    if (sim_chance(s, 0.2))
        k->delay_us = 200 * MS_US;
}

void knobs_draw(struct sim *s, struct knobs *k)
{
    static const int64_t delays_us[] = {100, 100, 1000, 10000, 50000};
    static const int64_t runs_us[] = {20, 200, 2000, 50000, 500000};
    static const int64_t commits_us[] = {50, 500, 5000, 50000};
    *k = (struct knobs){0};
    k->faults = !sim_chance(s, 0.25);
    k->durable = !sim_chance(s, 0.2);
    k->clients = 1 + (unsigned)sim_below(s, CLIENTS_MAX);
    k->hosts = 1 + (unsigned)sim_below(s, HOSTS_MAX);
    k->queues = 1 + (unsigned)sim_below(s, QUEUES_MAX);
    k->jobs = 3 + (unsigned)sim_below(s, sim_chance(s, 0.1) ? 200 : 40);
    k->faults_us = (int64_t)(3 + sim_below(s, 20)) * SEC_US;
    k->delay_us = delays_us[sim_below(s, 5)];
    k->find_us = sim_chance(s, 0.2) ? 300 * MS_US : 300;
    k->commit_us = commits_us[sim_below(s, 4)];
    k->run_us = runs_us[sim_below(s, 5)];
    jobs_draw(s, k);
    k->rate[FAULT_DRAIN] = share_of(s, 0.3, 0.3); /* people do these two; no faults */
    k->rate[FAULT_HOLD] = share_of(s, 0.3, 0.3);
    limits_draw(s, &k->limits);
    if (k->tags)
        k->limits.queues_max = 0; /* each set takes one: what is refused then is refused for good */
    if ((k->run_us >= 50 * MS_US || k->limits.jobs_max) && k->jobs > 20)
        k->jobs = 20; /* or the second phase would take too long */
    if (sim_chance(s, 0.3))
        k->store_rows = 1 + (unsigned)sim_below(s, 20);
    if (k->limits.jobs_max || k->limits.args_bytes_max)
        k->feed = 0; /* they would take the room of jobs for good */
    if (k->limits.queues_max)
        k->tags = false; /* likewise of queues */
    k->linger = k->feed > 0 && sim_chance(s, 0.05);
    if (k->faults)
        faults_draw(s, k);
    clocks_draw(s, k);
}
