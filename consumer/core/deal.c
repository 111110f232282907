/* SPDX-License-Identifier: Apache-2.0
 *
 * deal: which job goes where. Jobs are dealt out in the order they were leased (those of the text
 * port before all). Each goes to a free slot whose runner for it is up; only when no slot is free
 * that could take it, it is given ahead to a runner of the same program that is busy. When a slot
 * becomes free while others have jobs ahead, those come back and are dealt again: no job waits
 * behind a running one while a slot is free.
 */
#include "consumer/core/parts.h"

#include <limits.h>

enum place { PLACE_NONE, PLACE_FREE, PLACE_SOON, PLACE_AHEAD };

static struct agent_job *first_of(const struct program *p)
{
    return p->waiting_count ? list_first(&p->waiting, struct agent_job, link) : NULL;
}

/* The best place for the next job of a program; *to is the runner for FREE and AHEAD, which it
 * stays for *many of its jobs, as long as there is room. */
static enum place find_place(struct agent *a, unsigned program, const struct agent_job *j,
                             struct runner **to, unsigned *many)
{
    struct runner *absent = NULL, *ahead = NULL;
    unsigned starting = 0, next = UINT_MAX; /* next: how many are in the ring that comes next */
    for (unsigned s = 0; s < a->options.slots; s++) {
        struct slot *slot = &a->slots[s];
        struct runner *r = slot->runners[program];
        if (slot->active) {
            if (slot->active != r || r->state != RUNNER_RUNNING || !runner_has_room(a, r, j))
                continue;
            if (!ahead || r->ring_count < ahead->ring_count) {
                next = ahead ? ahead->ring_count : next;
                ahead = r;
            } else if (r->ring_count < next) {
                next = r->ring_count;
            }
        } else if (r->state == RUNNER_IDLE) {
            *to = r;
            *many = 1;
            return PLACE_FREE;
        } else if (r->state == RUNNER_STARTING) {
            starting++;
        } else if (r->state == RUNNER_ABSENT && !absent) {
            absent = r;
        }
    }
    /* A process for each job that waits, not more. */
    if (absent && starting < a->programs[program].waiting_count) {
        runner_fire(a, absent, RUNNER_NEED);
        return PLACE_SOON;
    }
    if (starting)
        return PLACE_SOON;
    *to = ahead;
    *many = ahead && next > ahead->ring_count ? next - ahead->ring_count : 1;
    return ahead ? PLACE_AHEAD : PLACE_NONE;
}

/* The program whose oldest waiting job is the oldest of those not passed over, and stays it for all
 * of its jobs before *until. */
static unsigned oldest(const struct agent *a, const bool *passed, uint64_t *until)
{
    unsigned best = AGENT_PROGRAMS_MAX;
    uint64_t order = UINT64_MAX;
    *until = UINT64_MAX;
    for (unsigned p = 0; p < a->options.program_count; p++) {
        struct agent_job *j = passed[p] ? NULL : first_of(&a->programs[p]);
        if (j && j->order < order) {
            *until = order;
            order = j->order;
            best = p;
        } else if (j && j->order < *until) {
            *until = j->order;
        }
    }
    return best;
}

/* A job of the text port shall not wait for a whole ring: the shortest is cut. */
static void make_way(struct agent *a)
{
    struct runner *best = NULL;
    for (unsigned s = 0; s < a->options.slots; s++) {
        struct runner *r = a->slots[s].active;
        if (!r || r->ring_count < 2)
            return; /* free, or free as soon as its job is done */
        if (r->state == RUNNER_RUNNING && !r->recalling &&
            (!best || r->ring_count < best->ring_count))
            best = r;
    }
    if (best)
        runner_recall(a, best, runner_head(best)->ring_number + 1);
}

/* The jobs of one program that are older than `until`. False: one of them has no place yet. */
static bool hand_out_row(struct agent *a, unsigned program, uint64_t until, bool ahead)
{
    for (struct agent_job *j; (j = first_of(&a->programs[program])) && j->order < until;) {
        struct runner *to = NULL;
        unsigned many = 1;
        if (a->full && !j->local)
            return false;
        enum place place = find_place(a, program, j, &to, &many);
        if (place != PLACE_FREE && (place != PLACE_AHEAD || !ahead || j->local)) {
            if (j->local && place != PLACE_SOON)
                make_way(a);
            return false;
        }
        bool local = j->local;
        do
            runner_push(a, to, j);
        while (--many && (j = first_of(&a->programs[program])) && j->order < until &&
               j->local == local && runner_has_room(a, to, j));
    }
    return true;
}

static void hand_out(struct agent *a)
{
    bool passed[AGENT_PROGRAMS_MAX] = {false}, ahead = true;
    uint64_t until;
    for (unsigned p; (p = oldest(a, passed, &until)) < AGENT_PROGRAMS_MAX;) {
        /* Younger jobs of other programs may still find a free slot, but not go ahead. */
        passed[p] = !hand_out_row(a, p, until, ahead);
        ahead = ahead && !passed[p];
    }
}

/* Is it worth the trouble to take jobs back from this runner? */
static bool worth(const struct agent *a, const struct runner *r)
{
    int64_t ahead_us = a->programs[r->program].run_us * (r->ring_count - 1);
    return ahead_us >= WORTH_US || (r->since_us && a->now_us - r->since_us >= WORTH_US);
}

/* Takes back about half of what waits in the fullest ring that a free slot could help with. */
static void level(struct agent *a)
{
    struct runner *fullest = NULL;
    unsigned free_slots = 0;
    for (unsigned s = 0; s < a->options.slots; s++) {
        struct runner *r = a->slots[s].active;
        if (!r)
            free_slots++;
        else if (r->state == RUNNER_RUNNING && r->ring_count > 1 && !r->recalling &&
                 !r->recall_due && (!fullest || r->ring_count > fullest->ring_count))
            fullest = r;
    }
    if (!free_slots || !fullest)
        return;
    if (!worth(a, fullest)) {
        a->deal_us = a->now_us + 1000;
        return;
    }
    struct runner *helper = NULL;
    for (unsigned s = 0; s < a->options.slots; s++) {
        struct runner *r = a->slots[s].runners[fullest->program];
        if (a->slots[s].active)
            continue;
        if (!helper || r->state == RUNNER_IDLE)
            helper = r;
    }
    if (helper->state != RUNNER_IDLE) {
        runner_fire(a, helper, RUNNER_NEED); /* dealt again when it is up */
        return;
    }
    unsigned ahead = fullest->ring_count - 1, back = ahead <= free_slots ? ahead : (ahead + 1) / 2;
    runner_recall(a, fullest, fullest->pushed - back);
}

void deal(struct agent *a)
{
    a->deal_us = INT64_MAX;
    if (a->waiting_count)
        hand_out(a);
    if (a->ring_count && !a->full)
        level(a);
}

/* What has just come back goes out again, but rings are levelled at the next tick only: a ring
 * whose jobs have all run while their results still wait to be taken has nothing to give, and
 * asking it again at once would go on for ever. */
void deal_recalled(struct agent *a)
{
    if (a->waiting_count)
        hand_out(a);
    if (a->deal_us > a->now_us + 1000)
        a->deal_us = a->now_us + 1000;
}
