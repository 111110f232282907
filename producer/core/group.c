/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/group.h"

#include <math.h>

#include "producer/core/core.h"

/* --- the order of queues ---------------------------------------------------------------------- */

/* Doubles that are not negative stand in the order of their bits. */
static int64_t key_of(double used_us)
{
    int64_t key;
    memcpy(&key, &used_us, sizeof key);
    return key;
}

/* was: it is mostly that one; NULL: it was in none. */
static struct tier *tier_of(struct group *g, int priority, struct tier *was)
{
    size_t at = 0;
    if (was && was->priority == priority)
        return was;
    while (at < g->tiers_count && g->tiers[at]->priority > priority)
        at++;
    if (at < g->tiers_count && g->tiers[at]->priority == priority)
        return g->tiers[at];
    struct tier *tier = must_alloc(sizeof *tier);
    tier->priority = priority;
    g->tiers = must_realloc(g->tiers, (g->tiers_count + 1) * sizeof(struct tier *));
    memmove(g->tiers + at + 1, g->tiers + at, (g->tiers_count - at) * sizeof(struct tier *));
    g->tiers[at] = tier;
    g->tiers_count++;
    return tier;
}

void group_moved(struct broker *b, struct queue *q)
{
    struct tier *tier = NULL;
    if (q->rank.group && link_listed(&q->link))
        tier = tier_of(q->rank.group, queue_head(q)->priority, q->rank.tier);
    if (tier == q->rank.tier)
        return;
    if (q->rank.tier)
        heap_take(&q->rank.tier->queues, &q->rank.used);
    q->rank.tier = tier;
    if (tier)
        heap_put(&tier->queues, &q->rank.used, key_of(queue_used_us(b, q)), q->rank.turn);
}

void group_eased(struct broker *b, struct queue *q)
{
    if (!link_listed(&q->rank.eased))
        list_append(&b->eased, &q->rank.eased);
}

static void ease(struct broker *b)
{
    while (!list_empty(&b->eased)) {
        struct queue *q = list_first(&b->eased, struct queue, rank.eased);
        int64_t key = key_of(queue_used_us(b, q));
        link_take(&q->rank.eased);
        if (q->rank.tier && key < q->rank.used.key)
            heap_put(&q->rank.tier->queues, &q->rank.used, key, q->rank.turn);
    }
}

/* Keys are never above what a queue has used by now, which grows while its jobs run: so the first
 * one whose key is up to date has used least. */
static struct queue *tier_first(struct broker *b, struct tier *tier)
{
    ease(b);
    for (struct heap_node *n; (n = heap_first(&tier->queues));) {
        struct queue *q = container_of(n, struct queue, rank.used);
        int64_t key = key_of(queue_used_us(b, q));
        if (key <= n->key)
            return q;
        heap_put(&tier->queues, n, key, q->rank.turn);
    }
    return NULL;
}

static struct queue *group_first(struct broker *b, const struct group *g)
{
    struct queue *q = NULL;
    for (size_t i = 0; i < g->tiers_count && !q; i++)
        q = tier_first(b, g->tiers[i]);
    return q;
}

static bool goes_before(const struct queue *q, const struct queue *other)
{
    if (q->rank.tier->priority != other->rank.tier->priority)
        return q->rank.tier->priority > other->rank.tier->priority;
    if (q->rank.used.key != other->rank.used.key)
        return q->rank.used.key < other->rank.used.key;
    return q->rank.turn < other->rank.turn;
}

bool group_pick(struct broker *b, const struct worker *w, struct claim *out)
{
    struct queue *best = NULL;
    bool several = false;
    list_each(l, &w->groups)
    {
        struct queue *q = group_first(b, container_of(l, struct member, of_worker)->group);
        several |= q && best;
        if (q && (!best || goes_before(q, best)))
            best = q;
    }
    if (!best)
        return false;
    *out = (struct claim){.queue = best, .tier = best->rank.tier, .until = INT64_MIN};
    if (!several)
        out->until = heap_second_key(&best->rank.tier->queues);
    return true;
}

bool claim_stands(const struct broker *b, const struct claim *claim)
{
    const struct queue *q = claim->queue;
    return q->rank.tier == claim->tier &&
           (claim->until == INT64_MAX || key_of(queue_used_us(b, q)) < claim->until);
}

uint32_t claim_most(const struct broker *b, const struct claim *claim, uint32_t cost_us,
                    uint32_t most)
{
    const struct queue *q = claim->queue;
    if (claim->until == INT64_MAX)
        return most;
    uint32_t jobs = 1;
    for (double used_us = queue_used_us(b, q); jobs < most; jobs++) {
        used_us += cost_us;
        if (key_of(used_us) >= claim->until)
            break;
    }
    return jobs;
}

void group_served(const struct worker *w, double share_us)
{
    list_each(l, &w->groups) container_of(l, struct member, of_worker)->group->share_us = share_us;
}

/* The neediest of those that wait; when none waits, the last one served. */
static double group_share_us(struct broker *b, const struct group *g)
{
    double least_us = INFINITY;
    for (size_t i = 0; i < g->tiers_count; i++) {
        const struct queue *first = tier_first(b, g->tiers[i]);
        if (first && queue_used_us(b, first) < least_us)
            least_us = queue_used_us(b, first);
    }
    return least_us < INFINITY ? least_us : g->share_us;
}

static void join_at(const struct broker *b, struct queue *q, double share_us)
{
    double had_us = queue_used_us(b, q);
    if (had_us < share_us)
        q->used_us += share_us - had_us;
}

void group_wakes(struct broker *b, struct queue *q)
{
    q->rank.turn = ++b->turns;
    if (q->rank.group)
        join_at(b, q, group_share_us(b, q->rank.group));
    group_moved(b, q);
}

/* --- who is in it ----------------------------------------------------------------------------- */

void group_place(struct worker *w, enum group_place place)
{
    list_each(l, &w->groups)
    {
        struct member *m = container_of(l, struct member, of_worker);
        link_take(&m->credit);
        if (place != PLACE_NOWHERE)
            list_append(place == PLACE_FREE ? &m->group->free : &m->group->ahead, &m->credit);
    }
}

static struct group *group_make(double share_us)
{
    struct group *g = must_alloc(sizeof *g);
    g->share_us = share_us;
    struct link *heads[] = {&g->queues, &g->members, &g->free, &g->ahead};
    for (size_t i = 0; i < LENGTH(heads); i++)
        link_init(heads[i]);
    return g;
}

static struct member *member_make(struct group *g, struct worker *w)
{
    struct member *m =
        w->first_member.group ? must_alloc(sizeof *m) : &w->first_member; /* most have one */
    *m = (struct member){.worker = w, .group = g};
    link_init(&m->credit);
    list_append(&g->members, &m->of_group);
    list_append(&w->groups, &m->of_worker);
    return m;
}

/* NULL: into none. */
static void queue_regroup(struct broker *b, struct queue *q, struct group *g)
{
    if (q->rank.group)
        q->rank.group->queues_count--;
    link_take(&q->rank.of_group);
    q->rank.group = NULL;
    group_moved(b, q);
    q->rank.group = g;
    if (!g)
        return;
    list_append(&g->queues, &q->rank.of_group);
    g->queues_count++;
    group_moved(b, q);
}

/* One without queues yet, and with the same members, each in the place it has. */
static struct group *group_split(const struct group *g)
{
    struct group *part = group_make(g->share_us);
    list_each(l, &g->members) member_make(part, container_of(l, struct member, of_group)->worker);
    const struct link *lists[] = {&g->free, &g->ahead};
    struct link *places[] = {&part->free, &part->ahead};
    for (size_t i = 0; i < LENGTH(lists); i++)
        list_each(l, lists[i])
        {
            const struct worker *w = container_of(l, struct member, credit)->worker;
            struct member *twin = container_of(w->groups.prev, struct member, of_worker);
            list_append(places[i], &twin->credit);
        }
    return part;
}

static void group_dissolve(struct broker *b, struct group *g)
{
    while (!list_empty(&g->queues))
        queue_regroup(b, list_first(&g->queues, struct queue, rank.of_group), NULL);
    for (size_t i = 0; i < g->tiers_count; i++) {
        heap_fini(&g->tiers[i]->queues);
        free(g->tiers[i]);
    }
    free(g->tiers);
    free(g);
}

void group_leave(struct broker *b, struct worker *w)
{
    while (!list_empty(&w->groups)) {
        struct member *m = list_first(&w->groups, struct member, of_worker);
        struct group *g = m->group;
        link_take(&m->credit);
        link_take(&m->of_group);
        link_take(&m->of_worker);
        if (m == &w->first_member)
            m->group = NULL;
        else
            free(m);
        if (list_empty(&g->members))
            group_dissolve(b, g);
    }
}

/* The group of q is all offered by it, or becomes two: the part that is, and the rest. */
static void group_meet(struct broker *b, struct worker *w, struct queue *q)
{
    struct group *g = q->rank.group;
    if (!g || !g->marked)
        return; /* it has none yet, or it is done with */
    if (g->marked == g->queues_count) {
        g->marked = 0;
        member_make(g, w);
        return;
    }
    if (!g->part)
        g->part = group_split(g);
    queue_regroup(b, q, g->part);
    if (--g->marked)
        return;
    member_make(g->part, w);
    g->part = NULL;
}

/* What nobody has offered before is a group of its own, and has no claim to the time before it. */
static struct group *group_fresh(struct broker *b, struct worker *w)
{
    double least_us = INFINITY;
    list_each(l, &w->groups)
    {
        double share_us = group_share_us(b, container_of(l, struct member, of_worker)->group);
        if (share_us < least_us)
            least_us = share_us;
    }
    struct group *g = group_make(least_us < INFINITY ? least_us : 0);
    member_make(g, w);
    return g;
}

void group_join(struct broker *b, struct worker *w)
{
    struct group *fresh = NULL;
    for (uint32_t i = 0; i < w->served_count; i++)
        if (w->served[i]->rank.group)
            w->served[i]->rank.group->marked++;
    for (uint32_t i = 0; i < w->served_count; i++)
        group_meet(b, w, w->served[i]);
    for (uint32_t i = 0; i < w->served_count; i++) {
        struct queue *q = w->served[i];
        if (q->rank.group)
            continue;
        if (!fresh)
            fresh = group_fresh(b, w);
        join_at(b, q, fresh->share_us);
        queue_regroup(b, q, fresh);
    }
}

/* Are its members the very workers that serve q? */
static bool group_serves(const struct group *g, const struct queue *q)
{
    uint64_t count = 0;
    list_each(l, &g->members)
    {
        if (worker_offer(container_of(l, struct member, of_group)->worker, q) < 0)
            return false;
        count++;
    }
    return count == q->workers;
}

static struct group *group_same(const struct worker *w, const struct queue *q)
{
    list_each(l, &w->groups)
    {
        struct group *g = container_of(l, struct member, of_worker)->group;
        if (group_serves(g, q))
            return g;
    }
    return NULL;
}

void group_admit(struct broker *b, struct queue *q)
{
    struct group *g = NULL;
    list_each(l, &b->workers)
    {
        struct worker *w = container_of(l, struct worker, link);
        if (!w->ready || worker_offer(w, q) < 0)
            continue;
        if (!g && (g = group_same(w, q)))
            break;
        if (!g)
            g = group_make(q->plain->rank.group->share_us);
        member_make(g, w);
        worker_place(b, w);
    }
    if (g)
        queue_regroup(b, q, g);
}
