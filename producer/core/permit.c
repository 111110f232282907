/* SPDX-License-Identifier: Apache-2.0
 *
 * permit: the table of who may do what, and the two things that are somebody's: jobs and client
 * ids.
 */
#include "producer/core/permit.h"

#include "producer/core/core.h"

/* --- owners ----------------------------------------------------------------------------------- */

struct owner *owner_of(struct broker *b, struct bytes name)
{
    if (!name.size)
        return NULL;
    struct owner *owner = namemap_find(&b->permits.owners, name);
    if (owner)
        return owner;
    owner = must_alloc(sizeof *owner);
    owner->name = bytes_keep(name);
    namemap_put(&b->permits.owners, owner->name, owner);
    return owner;
}

struct owner *owner_of_peer(struct broker *b, const struct peer *peer)
{
    return peer->principal ? owner_of(b, peer->principal->name) : NULL;
}

struct owner *owner_of_job(const struct job *job)
{
    if (job->client)
        return job->client->owner;
    return job->more ? job->more->owner : NULL;
}

struct bytes owner_name(const struct owner *owner)
{
    return owner ? owner->name : (struct bytes){0};
}

/* Rows from before there was a list name nobody. */
void owner_load(struct broker *b, struct client *client, struct bytes name)
{
    if (name.size)
        usage_claim(client, owner_of(b, name));
}

static bool owner_is(const struct owner *owner, const struct principal *p)
{
    return owner && bytes_equal(owner->name, p->name);
}

void permits_fini(struct broker *b)
{
    size_t at = 0;
    for (struct owner *owner; (owner = namemap_next(&b->permits.owners, &at));) {
        bytes_drop(&owner->name);
        free(owner);
    }
    namemap_fini(&b->permits.owners);
    acl_fini(&b->permits.acl);
}

/* --- the table -------------------------------------------------------------------------------- */

/* What a record is about, and so whose: */
enum object {
    FARM,  /* everybody's; where only one's own is let through, the answer holds no more */
    QUEUE, /* named by the record: its name */
    JOB,   /* named by the record: its id, second field */
    TOPIC, /* likewise */
    TASKS, /* the queue of tasks */
    LEASE, /* of a job: its queue */
};

enum reach { NO, OWN, ALL };

static const struct verb {
    enum object object;
    unsigned char reach[ACL_ROLES]; /* client, worker, watcher, gateway, admin */
} verbs[REC_TYPES] = {
    [REC_submit] = {QUEUE, {OWN, NO, NO, ALL, ALL}},
    [REC_ack] = {FARM, {ALL, NO, NO, ALL, ALL}},
    [REC_wait] = {JOB, {OWN, NO, ALL, ALL, ALL}},
    [REC_cancel] = {JOB, {OWN, NO, NO, ALL, ALL}},
    [REC_retry] = {JOB, {OWN, NO, NO, ALL, ALL}},
    [REC_get_job] = {JOB, {OWN, NO, ALL, ALL, ALL}},
    [REC_list_jobs] = {FARM, {OWN, NO, ALL, ALL, ALL}},
    [REC_list_queues] = {FARM, {OWN, NO, ALL, ALL, ALL}},
    [REC_list_workers] = {FARM, {NO, NO, ALL, ALL, ALL}},
    [REC_get_status] = {FARM, {OWN, NO, ALL, ALL, ALL}},
    [REC_hold] = {QUEUE, {NO, NO, NO, ALL, ALL}},
    [REC_release] = {QUEUE, {NO, NO, NO, ALL, ALL}},
    [REC_drain] = {FARM, {NO, NO, NO, ALL, ALL}},
    [REC_sync] = {FARM, {NO, NO, ALL, ALL, ALL}},
    [REC_watch] = {TOPIC, {OWN, NO, ALL, ALL, ALL}},
    [REC_explain] = {JOB, {OWN, NO, ALL, ALL, ALL}},
    [REC_drop] = {JOB, {OWN, NO, NO, ALL, ALL}},
    [REC_tell] = {JOB, {OWN, NO, NO, ALL, ALL}},
    [REC_pause] = {JOB, {OWN, NO, NO, ALL, ALL}},
    [REC_resume] = {JOB, {OWN, NO, NO, ALL, ALL}},
    [REC_get_session] = {JOB, {OWN, NO, ALL, ALL, ALL}},
    [REC_get_figures] = {FARM, {NO, NO, ALL, ALL, ALL}},
    [REC_list_tasks] = {TASKS, {OWN, NO, ALL, ALL, ALL}},
    [REC_complete_task] = {TASKS, {OWN, NO, NO, ALL, ALL}},
    [REC_list_feeds] = {FARM, {OWN, NO, ALL, ALL, ALL}},
    [REC_follow] = {TOPIC, {OWN, NO, ALL, ALL, ALL}},
    [REC_unfollow] = {FARM, {ALL, NO, ALL, ALL, ALL}},
    [REC_follow_more] = {FARM, {ALL, NO, ALL, ALL, ALL}},
    [REC_offer] = {QUEUE, {NO, OWN, NO, NO, NO}},
    [REC_holding] = {LEASE, {NO, OWN, NO, NO, NO}},
    [REC_ready] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_started] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_progress] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_result] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_returned] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_draining] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_beat] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_slot_state] = {FARM, {NO, ALL, NO, NO, NO}},
    [REC_ping] = {FARM, {ALL, ALL, ALL, ALL, ALL}},
    [REC_pong] = {FARM, {ALL, ALL, ALL, ALL, ALL}},
    [REC_goodbye] = {FARM, {ALL, ALL, ALL, ALL, ALL}},
};

static enum reach reach_of(const struct principal *p, enum record_type verb)
{
    return (enum reach)verbs[verb].reach[p->role];
}

/* All that name one begin with a number and an id. One that is not here is looked for in the store:
 * what is found is looked at then. */
static const struct job *job_named(const struct broker *b, const struct record *r)
{
    return r->wait.id ? job_find(b, r->wait.id) : NULL;
}

static bool own(const struct broker *b, const struct peer *peer, const struct record *r)
{
    const struct job *job;
    switch (verbs[r->type].object) {
    case FARM: return true;
    case QUEUE:
        return acl_covers(peer->principal,
                          r->type == REC_submit ? r->submit.queue : r->offer.queue);
    case JOB: return !(job = job_named(b, r)) || owner_is(owner_of_job(job), peer->principal);
    case TOPIC: return permit_topic(b, peer, r->watch.topic); /* follow begins alike */
    case TASKS: return acl_covers(peer->principal, bytes_text(TODO_QUEUE));
    case LEASE:
        job = r->holding.id ? job_find(b, r->holding.id) : NULL;
        return !job || acl_covers(peer->principal, job->queue->name);
    }
    return false;
}

bool permit_record(const struct broker *b, const struct peer *peer, const struct record *r)
{
    enum reach reach = reach_of(peer->principal, r->type);
    return reach == ALL || (reach == OWN && own(b, peer, r));
}

/* What is done again is a submission, too. */
bool permit_row(const struct broker *b, const struct peer *peer, enum record_type verb,
                const struct row *row)
{
    if (!b->permits.on)
        return true;
    enum reach reach = reach_of(peer->principal, verb);
    return reach == ALL ||
           (reach == OWN && bytes_equal(row->origin.principal, peer->principal->name) &&
            (verb != REC_retry || acl_covers(peer->principal, row->submit.queue)));
}

bool permit_all(const struct broker *b, const struct peer *peer)
{
    return !b->permits.on || reach_of(peer->principal, REC_list_jobs) == ALL;
}

bool permit_job_of(const struct broker *b, const struct peer *peer, const struct owner *owner)
{
    return permit_all(b, peer) || owner_is(owner, peer->principal);
}

bool permit_queue(const struct broker *b, const struct peer *peer, struct bytes queue)
{
    return permit_all(b, peer) || acl_covers(peer->principal, queue);
}

bool permit_topic(const struct broker *b, const struct peer *peer, struct bytes topic)
{
    struct bytes tail, head = snapshot_split(topic, &tail);
    const struct principal *p = peer->principal;
    if (permit_all(b, peer))
        return true;
    if (bytes_equal(head, bytes_text("job")) || bytes_equal(head, bytes_text("session"))) {
        uint64_t id = snapshot_id(tail);
        const struct job *job = id ? job_find(b, id) : NULL;
        return !job || owner_is(owner_of_job(job), p);
    }
    if (bytes_equal(head, bytes_text("queue")))
        return acl_covers(p, tail);
    if (bytes_equal(head, bytes_text("todo")))
        return acl_covers(p, bytes_text(TODO_QUEUE));
    return !snapshot_kind(head) && acl_covers(p, feed_queue(b, topic));
}

bool permit_child(const struct broker *b, const struct job *parent, struct bytes queue)
{
    if (!b->permits.on)
        return true;
    const struct peer *runs = parent->worker->peer;
    const struct owner *owner = owner_of_job(parent);
    const struct principal *asks = owner ? acl_by_name(&b->permits.acl, owner->name) : NULL;
    if (!runs || !runs->principal || !acl_covers(runs->principal, queue) || (owner && !asks))
        return false;
    enum reach reach = asks ? reach_of(asks, REC_submit) : ALL;
    return reach == ALL || (reach == OWN && acl_covers(asks, queue));
}

/* --- denied ----------------------------------------------------------------------------------- */

/* Of all that a peer may be denied only these have no number of its own to answer. */
static uint64_t number_of(const struct peer *peer, const struct record *r)
{
    bool none = peer->port == PORT_WORKERS || r->type == REC_sync || r->type == REC_ack ||
                r->type == REC_hello;
    return none ? 0 : r->wait.number;
}

void permit_deny(struct broker *b, const struct peer *peer, const struct record *r)
{
    const struct principal *p = peer->principal;
    b->permits.denied++;
    accepted_flush(b);
    send_error(b, peer, number_of(peer, r), ERR_DENIED, NULL);
    struct effect *e = effect_add(b, FX_AUDIT);
    buf_printf(&b->into->bytes, "denied principal=%.*s role=%s record=%s", BYTES_ARG(p->name),
               acl_role_name(p->role), record_name(r->type));
    effect_close(b, e);
}

/* All that ask for one job begin with their number. */
bool permit_found(struct broker *b, struct peer *peer, const struct find *find,
                  const struct row *row)
{
    static const enum record_type verb_of[] = {
        [FIND_WAIT] = REC_wait,   [FIND_SUBMITTED] = REC_wait, /* one's own, unless a key led to
                                                                  another's */
        [FIND_JOB] = REC_get_job, [FIND_RETRY] = REC_retry,     [FIND_LIST] = REC_list_jobs,
        [FIND_WATCH] = REC_watch, [FIND_FOLLOW] = REC_follow,   [FIND_CANCEL] = REC_cancel,
        [FIND_DROP] = REC_drop,   [FIND_EXPLAIN] = REC_explain, [FIND_SESSION] = REC_get_session,
        [FIND_SAY] = REC_tell,
    };
    struct record r = {.type = verb_of[find->kind], .wait = {.number = find->number}};
    if (permit_row(b, peer, r.type, row))
        return true;
    if (find->kind != FIND_FOLLOW || follow_refused(b, peer, find))
        permit_deny(b, peer, &r);
    return false;
}

/* --- the list --------------------------------------------------------------------------------- */

static enum acl_port port_of(const struct peer *peer)
{
    return peer->port == PORT_WORKERS ? ACL_WORKERS : ACL_CLIENTS;
}

/* NULL: whoever has this key has no business here. The connection was let in by its key, maybe by
 * another list. */
static const struct principal *principal_of(const struct broker *b, const struct peer *peer)
{
    const struct principal *p = acl_by_key(&b->permits.acl, bytes_of(peer->key, sizeof peer->key));
    return p && !p->revoked && acl_admits(p->role, port_of(peer)) ? p : NULL;
}

void permit_know(struct broker *b, struct peer *peer, struct bytes key)
{
    if (key.size == sizeof peer->key)
        memcpy(peer->key, key.data, sizeof peer->key);
    peer->principal = principal_of(b, peer);
}

/* It has no say any more: a worker's leases are lost, a client is away. */
static void dismiss(struct broker *b, struct peer *peer)
{
    if (peer->worker)
        worker_dismiss(b, peer->worker);
    if (peer->client)
        client_left(b, peer->client, false);
    peer->client = NULL;
    follows_end(b, peer);
    waiters_of_peer_free(peer);
    send_error(b, peer, 0, ERR_DENIED, "this key is not on the list any more");
    send_record(b, peer, &(struct record){.type = REC_goodbye});
}

/* Its queues are others: a worker says again what it offers and holds, a client what it follows. */
static void anew(struct broker *b, struct peer *peer)
{
    if (peer->worker)
        worker_gone(b, peer->worker);
    else
        client_left(b, peer->client, false);
    peer->worker = NULL;
    peer->client = NULL;
    follows_end(b, peer);
    send_record(b, peer, &(struct record){.type = REC_hello_wanted});
}

static void know_again(struct broker *b, struct peer *peer)
{
    const struct principal *was = peer->principal, *is = principal_of(b, peer);
    bool same = was && is && was->role == is->role && bytes_equal(was->name, is->name);
    peer->principal = is;
    bool here = peer->worker || peer->client;
    if (here && !same)
        dismiss(b, peer);
    else if (here && !bytes_equal(was->queues, is->queues))
        anew(b, peer);
}

void permit_list(struct broker *b, struct bytes text)
{
    struct acl old = b->permits.acl, acl;
    char why[100];
    if (!acl_read(&acl, text, why, sizeof why))
        return;
    accepted_flush(b);
    b->permits.acl = acl;
    b->permits.on = true;
    list_each_safe(l, &b->peers_list) know_again(b, container_of(l, struct peer, link));
    acl_fini(&old);
}
