/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/usage.h"

#include <stdio.h>

#include "producer/core/progress.h"

#define MS_NS     1000000
#define SECOND_NS (1000 * (int64_t)MS_NS)

enum { LATER_MS = 1000, SAID_AGAIN_MS = 60000 };

/* --- what there is ---------------------------------------------------------------------------- */

static void grow(struct broker *b, const struct job *job, struct owner *owner, int64_t bytes)
{
    b->args_bytes += (uint64_t)bytes;
    if (job->client)
        job->client->bytes += (uint64_t)bytes;
    if (owner)
        owner->usage.bytes += (uint64_t)bytes;
}

void usage_grow(struct broker *b, const struct job *job, int64_t bytes)
{
    grow(b, job, owner_of_job(job), bytes);
}

void usage_begin(struct broker *b, const struct job *job, uint64_t jobs, uint64_t bytes)
{
    struct owner *owner = owner_of_job(job);
    if (owner)
        owner->usage.jobs += jobs;
    grow(b, job, owner, (int64_t)bytes);
}

void usage_session(const struct job *job)
{
    struct owner *owner = owner_of_job(job);
    if (job->client)
        job->client->sessions++;
    if (owner)
        owner->usage.sessions++;
}

void usage_end(struct broker *b, const struct job *job)
{
    struct owner *owner = owner_of_job(job);
    uint64_t session = job_chain(job) != NULL;
    if (job->client)
        job->client->sessions -= session;
    if (owner) {
        owner->usage.jobs--;
        owner->usage.sessions -= session;
    }
    grow(b, job, owner, -(int64_t)(job->args_size + chain_bytes(job)));
}

void usage_ended(struct broker *b, struct client *client, uint64_t jobs, uint64_t bytes)
{
    b->args_bytes -= bytes;
    client->bytes -= bytes;
    if (client->owner) {
        client->owner->usage.jobs -= jobs;
        client->owner->usage.bytes -= bytes;
    }
}

void usage_result(struct owner *owner, int64_t bytes)
{
    if (owner)
        owner->usage.bytes += (uint64_t)bytes;
}

void usage_claim(struct client *client, struct owner *owner)
{
    if (client->owner == owner)
        return;
    must(!client->owner);
    client->owner = owner;
    owner->usage.jobs += client->live;
    owner->usage.bytes += client->bytes;
    owner->usage.sessions += client->sessions;
}

/* --- more ------------------------------------------------------------------------------------- */

static void say(struct broker *b, const struct principal *p, struct usage *u, enum quota quota)
{
    if (u->said_ms && b->now_ms - u->said_ms < SAID_AGAIN_MS)
        return;
    u->said_ms = b->now_ms ? b->now_ms : 1;
    struct effect *e = effect_add(b, FX_AUDIT);
    buf_printf(&b->into->bytes, "over quota principal=%.*s %s=%llu", BYTES_ARG(p->name),
               quota_word(quota), (unsigned long long)p->quotas.of[quota]);
    effect_close(b, e);
}

/* retry_ms 0: it is not worth trying again. */
static void refuse(struct broker *b, struct peer *peer, uint64_t number, enum quota quota,
                   uint64_t retry_ms)
{
    const struct principal *p = peer->principal;
    char text[80];
    snprintf(text, sizeof text, "beyond what its key allows: %s=%llu", quota_word(quota),
             (unsigned long long)p->quotas.of[quota]);
    b->permits.over[quota]++;
    accepted_flush(b);
    send_refusal(b, peer, number, ERR_QUOTA, text, retry_ms);
    say(b, p, &peer->client->owner->usage, quota);
}

/* So many more of what is counted. Room comes when something of it ends, if it is worth a try. */
static bool fits(struct broker *b, struct peer *peer, uint64_t number, enum quota quota,
                 uint64_t has, uint64_t more)
{
    uint64_t most = peer->principal->quotas.of[quota];
    if (more <= most && has <= most - more)
        return true;
    refuse(b, peer, number, quota, more <= most ? LATER_MS : 0);
    return false;
}

/* What a rate allows in a second may come at once; then it is paid off at the rate. Who is refused
 * is asked to come when all is paid: so a flood is refused once a second, not all the time. */
static bool pays(struct broker *b, struct peer *peer, uint64_t number)
{
    struct usage *u = &peer->client->owner->usage;
    uint64_t rate = peer->principal->quotas.of[QUOTA_RATE];
    int64_t now_ns = b->now_ms * MS_NS, cost_ns = rate ? SECOND_NS / (int64_t)rate : 0;
    if (rate == QUOTA_NONE)
        return true;
    if (u->paid_ns < now_ns)
        u->paid_ns = now_ns;
    int64_t ahead_ns = u->paid_ns - now_ns;
    if (rate && ahead_ns + cost_ns <= SECOND_NS) {
        u->paid_ns += cost_ns;
        return true;
    }
    refuse(b, peer, number, QUOTA_RATE, rate ? (uint64_t)(ahead_ns / MS_NS) + 1 : 0);
    return false;
}

bool usage_submits(struct broker *b, struct peer *peer, uint64_t number, size_t bytes, bool session)
{
    const struct usage *u = &peer->client->owner->usage;
    return fits(b, peer, number, QUOTA_JOBS, u->jobs, 1) &&
           fits(b, peer, number, QUOTA_BYTES, u->bytes, bytes) &&
           (!session || fits(b, peer, number, QUOTA_SESSIONS, u->sessions, 1)) &&
           pays(b, peer, number);
}

bool usage_follows(struct broker *b, struct peer *peer, uint64_t number)
{
    return fits(b, peer, number, QUOTA_FOLLOWS, peer->client->owner->usage.follows, 1);
}

/* --- audit ------------------------------------------------------------------------------------ */

static struct usage sum_of(const struct broker *b, const struct owner *owner)
{
    struct usage sum = {.bytes = bygones_waiting_bytes(b, owner)};
    size_t at = 0;
    for (const struct job *job; (job = job_next(b, &at));) {
        if (owner_of_job(job) != owner)
            continue;
        sum.jobs++;
        sum.sessions += job_chain(job) != NULL;
        sum.bytes += job->args_size + chain_bytes(job) + progress_bytes(job);
    }
    list_each(l, &b->peers_list)
    {
        const struct peer *peer = container_of(l, struct peer, link);
        size_t from = 0;
        for (const struct follow *f; (f = idmap_next(&peer->follows, &from));)
            sum.follows += f->owner == owner;
    }
    return sum;
}

void usage_audit(const struct broker *b)
{
    size_t at = 0;
    for (const struct owner *owner; (owner = namemap_next(&b->permits.owners, &at));) {
        struct usage sum = sum_of(b, owner);
        const struct usage *is = &owner->usage;
        must(is->jobs == sum.jobs && is->sessions == sum.sessions && is->bytes == sum.bytes);
        must(is->follows == sum.follows);
    }
    at = 0;
    for (const struct client *client; (client = namemap_next(&b->clients, &at));)
        must(client->live || (!client->bytes && !client->sessions));
}
