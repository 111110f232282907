/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger: what must be true, whatever happens. It sees every body that the core is given, every
 * effect that leaves it and every commit, keeps its own books (books.h), and knows nothing of how
 * the core keeps its. Checked after every step, unless said otherwise:
 *
 *   S1   what was accepted as durable is never lost, over any crash: it ends, once, and its
 *        submitter learns how           submission_accepted, ledger_told_error, kept.c, ledger_end
 *   S2   nothing from nowhere: what is lent, run and answered was submitted, and as it was
 *                                       work_of_submission, told_*, end_allowed, leases.c
 *   S3   a number becomes one job, and so does a key; a client is told a number not below its last
 *        durable one                    work_of_submission, key_bound, told_welcome
 *   S4   a job ends once, is told as it ended, and as often as was asked
 *                                       kept.c, told_ended
 *   S5   tokens of a job rise over all lives; only the current one ends it; a claim to a lease that
 *        never was is answered stop     leases.c, end_allowed
 *   S6   a job is lent again only when something happened to the lease before, and runs once a
 *        lease; attempts are as many as leases at most; a broker's restart alone is no reason
 *                                       leases.c, kept.c, ledger_end
 *   S7   what is told is kept           told_*, leases.c, updates.c
 *   S8   a start finds what was kept, all of it and nothing else: after every restart, and at
 *        random moments in a second broker made from the rows of that moment   kept.c
 *   S9   within a queue by priority, then by age; never before its delay        leases.c
 *   S11  a worker has no more than its slots and what may be lent ahead         the core's audit
 *   S12  the broker has the jobs that the ledger has                            bounds
 *   S13  updates of a topic are numbered without a gap while it is watched, none after the end; an
 *        answer to watch has all that is to be had; what is shown is what was published
 *                                       updates.c, watcher.c
 *   S15  limits hold                    bounds
 *   S16  clocks that jump or drift shorten no delay, deadline or lease
 *                                       leases.c, end_allowed
 *   S17  two runs of a seed are the same, byte for byte                         main.c
 *   S18  every index of the core against every other: broker_audit, agent_audit hub.c, host.c
 *   S19  what does not decode changes nothing; what is sent decodes             ledger_step
 *   S20  when the disk has failed nothing durable is told any more              as S7
 *   S21  what is said twice, or late, changes nothing                           as S3, S4, S5
 *   S22  a job whose cancellation was confirmed is never ok and never lent
 *                                       end_allowed, leases.c
 *   S23  a task has one number, which no other is ever given, and its own title; what is told
 *        completed stays so, what is told removed never comes back; the list has every task that is
 *        open or completed, in order, once; the counts told with updates are those of the books
 *                                       tasks.c
 *   S24  a feed's topic has one session at a time, and nothing of it is lent while nobody watches
 *                                       feeds.c
 *   S26  what has ended and has no row is known until it may be forgotten  kept.c, told.c
 *   S25  a job is lent to a worker that has the tags it wants                      leases.c
 *
 * and in the calm, when faults have ended:
 *
 *   L1   everything comes to its end; a feed that is watched goes on    world.c, feeds.c
 *   L2   a dead worker is not listed for longer than it may be silent           told_worker
 *   L3   watchers have seen the last update of their topics                     watcher.c
 *   L4   nothing is left over: jobs, rows of workers, questions                 ledger_end
 *   L5   recovery is over in its time   bounds
 *   L6   no job is lent over and over   leases.c
 */
#include <inttypes.h>

#include "tests/sim/books.h"

enum { SHADOW_EVERY = 256 }; /* steps */

struct ledger *ledger_new(void)
{
    return must_alloc(sizeof(struct ledger));
}

void free_all(struct idmap *m)
{
    size_t at = 0;
    for (void *value; (value = idmap_next(m, &at));)
        free(value);
    idmap_fini(m);
}

void ledger_free(struct ledger *l)
{
    size_t at = 0;
    for (struct work *work; (work = idmap_next(&l->works, &at));) {
        buf_fini(&work->lents);
        free(work);
    }
    idmap_fini(&l->works);
    free_all(&l->intents);
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        free_all(&l->clients[i].numbers);
        free_all(&l->clients[i].asks);
        free_all(&l->clients[i].credits);
    }
    for (unsigned i = 0; i < HOSTS_MAX; i++)
        buf_fini(&l->hosts[i].results);
    at = 0;
    for (struct key_book *key; (key = namemap_next(&l->keys, &at));)
        free(key);
    namemap_fini(&l->keys);
    updates_fini(l);
    buf_fini(&l->follows);
    kept_fini(l);
    tasks_fini(l);
    buf_fini(&l->ids);
    buf_fini(&l->young);
    buf_fini(&l->claims);
    free(l);
}

unsigned client_of(const struct sim *s, const struct wire *w)
{
    const struct client_sim *c = container_of(w->owner, struct client_sim, end);
    must(w->port == PORT_CLIENTS && c == &s->clients[c->index]);
    return c->index;
}

int client_by_id(const struct sim *s, struct bytes peer_id)
{
    for (unsigned i = 0; i < s->knobs.clients; i++)
        if (bytes_equal(peer_id, bytes_of(s->clients[i].session.peer_id, PEER_ID_BYTES)))
            return (int)i;
    return -1;
}

struct intent *intent_of(const struct sim *s, uint64_t serial)
{
    return idmap_find(&s->ledger->intents, serial);
}

struct taken *taken_of(const struct sim *s, unsigned client, uint64_t number)
{
    return idmap_find(&s->ledger->clients[client].numbers, number);
}

const struct asked_of *asked_of(const struct sim *s, unsigned client, uint64_t number)
{
    return idmap_find(&s->ledger->clients[client].asks, number);
}

/* --- works ------------------------------------------------------------------------------------ */

struct work *work_new(struct sim *s, uint64_t id, const struct spec *spec, bool durable)
{
    struct work *work = must_alloc(sizeof *work);
    *work = (struct work){.id = id,
                          .client = -1,
                          .spec = *spec,
                          .durable = durable,
                          .life = s->hub.life,
                          .wall_jumps = s->wall_jumps,
                          .ready_step = durable ? UINT64_MAX : s->hub.steps,
                          .born_ms = hub_ms(s),
                          .born_us = s->now_us,
                          .born_step = s->hub.steps};
    if (!intent_of(s, spec->serial))
        sim_fail(s, "S2", "job %" PRIx64 " was submitted by nobody", id);
    if (work_of(s, id))
        sim_fail(s, "S2", "job %" PRIx64 " is another one now", id);
    const struct intent *parent = spec->parent ? intent_of(s, spec->parent) : NULL;
    const struct work *session = parent ? work_of(s, parent->id) : NULL;
    work->priority = session ? session->priority : 0;
    idmap_put(&s->ledger->works, id, work);
    buf_put(&s->ledger->ids, &id, sizeof id);
    s->ledger->open++;
    s->ledger->counts.accepted++;
    if (spec_task(spec))
        tasks_born(s, work);
    return work;
}

bool submitted(const struct sim *s, const struct spec *spec)
{
    return intent_of(s, spec->serial);
}

/* It is lost, and had the right to be. */
void work_gone(struct sim *s, struct work *work)
{
    if (work->durable && work->told && !s->ledger->counts.crashes)
        sim_fail(s, "S1", "job %" PRIx64 " is gone without a crash", work->id);
    if (work_open(work))
        s->ledger->open--;
    work->gone = true;
    s->ledger->counts.vanished++;
}

/* Nobody can know of it any more: it was lost; or it was of class received, of an earlier life, and
 * the row of its end is gone too. */
static bool is_gone(const struct sim *s, uint64_t id)
{
    const struct work *work = work_of(s, id);
    return !work || work->gone || (!work->durable && work->forgotten && work->life != s->hub.life);
}

/* Has the key that led to this job outlived its time? When that cannot be told: yes. */
static bool key_over(const struct sim *s, const struct work *work)
{
    int64_t key_ms = s->knobs.limits.key_ms ? s->knobs.limits.key_ms : 24ll * 3600 * 1000;
    if (work->gone || s->ledger->key_damaged || (!work->durable && work->life != s->hub.life))
        return true;
    if (!work->now.state)
        return false;
    if (work->ended_life == s->hub.life)
        return hub_ms(s) >= work->ended_ms + key_ms;
    return work->ended_jumps != s->wall_jumps || (s->now_us - work->ended_us) / 700 >= key_ms;
}

/* A job was made under a user's key. */
static void key_bound(struct sim *s, const struct work *work, const char *name)
{
    struct key_book *key = namemap_find(&s->ledger->keys, bytes_text(name));
    if (!key) {
        key = must_alloc(sizeof *key);
        snprintf(key->name, sizeof key->name, "%s", name);
        namemap_put(&s->ledger->keys, bytes_text(key->name), key);
    } else if (key->id != work->id && !key_over(s, work_of(s, key->id))) {
        sim_fail(s, "S3", "key %s is job %" PRIx64 " and job %" PRIx64, name, key->id, work->id);
    }
    key->id = work->id;
}

void work_ended(struct sim *s, struct work *work)
{
    s->ledger->open--;
    s->ledger->counts.ended++;
    work->ended_step = s->hub.steps;
    if (spec_task(&work->spec))
        tasks_ended(s);
    work->ended_life = s->hub.life;
    work->ended_ms = hub_ms(s);
    work->ended_us = s->now_us;
    work->ended_jumps = s->wall_jumps;
}

/* Number `number` of a client is this job: by a row, or by its acceptance. */
void work_bind(struct sim *s, struct work *work, int client, uint64_t number)
{
    struct taken *taken = client < 0 ? NULL : taken_of(s, (unsigned)client, number);
    if (!taken || taken->serial != work->spec.serial)
        sim_fail(s, "S2",
                 "job %" PRIx64 " is of number %" PRIu64 " of c%d, which was never sent so",
                 work->id, number, client);
    struct intent *intent = intent_of(s, taken->serial);
    bool known = !s->ledger->clients[client].damaged; /* else a number sent again may be new */
    if (known && taken->id && taken->id != work->id && !is_gone(s, taken->id))
        sim_fail(s, "S3", "number %" PRIu64 " of c%d is two jobs", number, client);
    if (known && !intent->key[0] && intent->id && intent->id != work->id && !is_gone(s, intent->id))
        sim_fail(s, "S3", "submission %" PRIu64 " is two jobs", taken->serial);
    taken->id = intent->id = work->id;
    if (work->number)
        return;
    work->client = client;
    work->number = number;
    work->delay_ms = taken->delay_ms;
    work->timeout_ms = taken->timeout_ms;
    work->deadline_ms = taken->deadline_ms;
    work->retries = taken->retries;
    work->priority = taken->priority;
    work->keyed = intent->key[0];
    if (work->keyed)
        key_bound(s, work, intent->key);
    buf_put(&s->ledger->young, &work->id, sizeof work->id);
}

/* --- what goes in ----------------------------------------------------------------------------- */

void ledger_submitted(struct sim *s, const struct spec *spec, const struct msg_submit *submit)
{
    struct intent *intent = intent_of(s, spec->serial);
    if (intent)
        return;
    intent = must_alloc(sizeof *intent);
    intent->serial = spec->serial;
    snprintf(intent->key, sizeof intent->key, "%.*s", BYTES_ARG(submit->key));
    idmap_put(&s->ledger->intents, spec->serial, intent);
}

void credit_said(struct client_book *book, uint64_t number)
{
    struct credit *credit = idmap_find(&book->credits, number);
    if (!credit) {
        credit = must_alloc(sizeof *credit);
        idmap_put(&book->credits, number, credit);
    }
    credit->said++;
}

static void sees_submit(struct sim *s, const struct wire *w, const struct msg_submit *m)
{
    unsigned client = client_of(s, w);
    struct client_book *book = &s->ledger->clients[client];
    struct taken *taken = taken_of(s, client, m->number);
    struct spec spec = spec_get(m->args);
    if (book->credit_peer == w->peer)
        credit_said(book, m->number);
    if (taken && taken->serial != spec.serial && !book->renumbers)
        sim_fail(s, "S3", "c%u gives number %" PRIu64 " to two submissions", client, m->number);
    if (taken) {
        taken->said_step = s->hub.steps + 1;
        return;
    }
    taken = must_alloc(sizeof *taken);
    *taken = (struct taken){.number = m->number,
                            .serial = spec.serial,
                            .step = s->hub.steps + 1,
                            .said_step = s->hub.steps + 1,
                            .spec = spec,
                            .delay_ms = m->delay_ms,
                            .timeout_ms = m->timeout_ms,
                            .deadline_ms = m->deadline_ms,
                            .retries = m->retries,
                            .priority = (int)m->priority};
    idmap_put(&book->numbers, m->number, taken);
}

static void sees_ask(struct sim *s, unsigned client, const struct record *r)
{
    struct asked_of *asked = idmap_find(&s->ledger->clients[client].asks, r->wait.number);
    if (!asked) {
        asked = must_alloc(sizeof *asked);
        idmap_put(&s->ledger->clients[client].asks, r->wait.number, asked);
    }
    *asked = (struct asked_of){.type = r->type, .id = r->wait.id, .at_us = s->now_us};
    struct work *work = work_of(s, r->wait.id);
    bool session = work && (work->spec.iterations || spec_task(&work->spec));
    if (work && (r->type == REC_cancel || (r->type == REC_drop && session)))
        work->cancel_asked = true;
    if (work && r->type == REC_drop)
        work->drop_asked = true;
    if (work && r->type == REC_tell)
        work->complete_asked = true;
    if (work && r->type == REC_pause)
        work->pause_asked = true;
    if (work && r->type == REC_pause && spec_feed(&work->spec))
        feeds_paused(s, work);
    if (r->type == REC_retry)
        s->ledger->retried = true;
}

/* Holding a queue, or letting go of it. */
static void sees_hold(struct sim *s, unsigned client, uint64_t number)
{
    sees_ask(s, client, &(struct record){.type = REC_hold, .wait = {.number = number}});
    s->ledger->hold = idmap_find(&s->ledger->clients[client].asks, number);
}

static void sees_of_worker(struct sim *s, const struct wire *w, const struct record *r)
{
    switch (r->type) {
    case REC_result: sees_result(s, w, &r->result); break;
    case REC_progress: sees_progress(s, w, &r->progress); break;
    case REC_returned: sees_returned(s, w, &r->returned); break;
    case REC_holding: sees_holding(s, w, &r->holding); break;
    case REC_ready: sees_ready(s, w); break;
    default: break;
    }
}

static void sees_of_client(struct sim *s, const struct wire *w, const struct record *r)
{
    switch (r->type) {
    case REC_submit: sees_submit(s, w, &r->submit); break;
    case REC_cancel:
    case REC_retry:
    case REC_drop:
    case REC_get_job:
    case REC_pause:
    case REC_tell:
    case REC_list_workers: /* whose id is 0 */
    case REC_wait: sees_ask(s, client_of(s, w), r); break;
    case REC_hold: sees_hold(s, client_of(s, w), r->hold.number); break;
    case REC_release: sees_hold(s, client_of(s, w), r->release.number); break;
    case REC_ack: kept_fetched(s, w, &r->ack); break;
    case REC_goodbye: s->ledger->clients[client_of(s, w)].left = true; break;
    case REC_watch: updates_asked(s, w->peer, &r->watch); break;
    case REC_follow: follows_asked(s, w->peer, &r->follow); break;
    case REC_follow_more: follows_more(s, w->peer, &r->follow_more); break;
    case REC_list_tasks:
    case REC_complete_task: tasks_asked(s, w->peer, r); break;
    default: break;
    }
}

void ledger_body(struct sim *s, const struct wire *w, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r = {.type = REC_NONE};
    buf_clear(&s->ledger->claims);
    s->ledger->hold = NULL;
    while (!cursor_done(&c) && record_next(&c, &r) == OK)
        if (w->port == PORT_WORKERS)
            sees_of_worker(s, w, &r);
        else
            sees_of_client(s, w, &r);
}

/* A feed, or a child of class received, is seen when it is lent. */
bool unseen(const struct sim *s)
{
    return s->knobs.feed > 0 ||
           (s->knobs.session > 0 && (!s->knobs.durable || s->knobs.received > 0));
}

/* --- a step's effects ------------------------------------------------------------------------- */

static void bounds(struct sim *s, const struct event *ev)
{
    struct broker_totals totals;
    const struct ledger *l = s->ledger;
    const struct broker_limits *limits = &s->knobs.limits;
    broker_totals(s->hub.broker, &totals);
    bool children = s->knobs.session > 0 || s->knobs.feed > 0; /* which come in any case */
    if (limits->jobs_max && totals.live > limits->jobs_max && totals.live > l->loaded && !children)
        sim_fail(s, "S15", "%" PRIu64 " jobs live, %" PRIu64 " may", totals.live, limits->jobs_max);
    bool more = totals.live > l->open && !l->retried && !unseen(s);
    if (s->hub.up && (totals.live < l->open || more))
        sim_fail(s, "S12", "the broker has %" PRIu64 " jobs, the ledger %" PRIu64, totals.live,
                 l->open);
    int64_t recovery_ms = limits->recovery_ms ? limits->recovery_ms : 3000;
    if (ev->type == EV_TICK && totals.recovering &&
        hub_ms(s) > s->hub.served_ms + recovery_ms + 200)
        sim_fail(s, "L5", "%" PRIu64 " jobs are still recovered after %" PRId64 " ms",
                 totals.recovering, hub_ms(s) - s->hub.served_ms);
}

/* Births and acceptances first: the second leave at the end of a step, after leases that came of
 * them. Ends before what is told of them, for the same reason. Retries are accepted at once, and
 * behind the end that they follow. */
enum { PASSES = 3 };

static unsigned char pass_of(const struct sim *s, const struct effect *e, const struct record *sent)
{
    bool submission = sent->type == REC_accepted && sent->accepted.number < ASK_NUMBERS_SIM;
    switch (e->type) {
    case FX_PUBLISH: return 2;
    case FX_SEND:
        if (submission)
            return 0;
        return sent->type == REC_accepted || sent->type == REC_lease ? 1 : 2;
    case FX_PUT: return e->kind == ROW_JOB && !work_of(s, e->id) ? 0 : 1;
    default: return 1;
    }
}

static void sees_effect(struct sim *s, const struct effects *fx, const struct effect *e)
{
    struct bytes bytes = effect_bytes(fx, e);
    struct cursor c = cursor_of(bytes);
    struct record r;
    const struct wire *w = NULL;
    switch (e->type) {
    case FX_SEND:
        w = idmap_find(&s->hub.wires, e->peer);
        must(record_get(&c, &r) == OK);
        if (w && w->port == PORT_CLIENTS)
            told_client(s, w, e->peer, &r);
        else if (w)
            told_host(s, w, &r);
        break;
    case FX_PUBLISH: updates_published(s, effect_name(fx, e), bytes); break;
    case FX_PUT:
    case FX_DROP:
    case FX_SETTLE: kept_order(s, e, effect_key(fx, e), bytes); break;
    case FX_BYGONE: kept_bygone(s, e, bytes); break;
    case FX_GONE: kept_gone(s, e->id); break;
    default: break;
    }
}

static void sees_effects(struct sim *s, const struct effects *fx)
{
    struct buf passes = {0};
    for (size_t i = 0; i < fx->count; i++) {
        struct cursor c = cursor_of(effect_bytes(fx, &fx->list[i]));
        struct record r = {.type = REC_NONE};
        bool sent = fx->list[i].type == FX_SEND;
        if (sent && (record_get(&c, &r) != OK || !cursor_done(&c)))
            sim_fail(s, "S19", "an effect does not decode");
        *buf_extend(&passes, 1) = pass_of(s, &fx->list[i], &r);
    }
    for (unsigned pass = 0; pass < PASSES; pass++)
        for (size_t i = 0; i < fx->count; i++)
            if (passes.data[i] == pass)
                sees_effect(s, fx, &fx->list[i]);
    buf_fini(&passes);
}

/* S19: bytes of which nothing decodes are answered, and that is all. */
static void rubbish_changes_nothing(struct sim *s, const struct event *ev, const struct effects *fx)
{
    struct cursor c = cursor_of(ev->body.bytes);
    struct record r;
    if (ev->type != EV_BODY || cursor_done(&c) || record_get(&c, &r) == OK)
        return;
    for (size_t i = 0; i < fx->count; i++)
        if (fx->list[i].type != FX_SEND || fx->list[i].peer != ev->body.peer)
            sim_fail(s, "S19", "bytes that do not decode change something");
}

void ledger_step(struct sim *s, const struct event *ev, const struct effects *fx, bool dies)
{
    struct ledger *l = s->ledger;
    l->stored_before = l->told_stored;
    if (ev->type == EV_WATCH)
        updates_watched(s, ev->watch.topic, ev->watch.on);
    if (ev->type == EV_STORED)
        l->told_stored = ev->stored.seq;
    sees_effects(s, fx);
    if (dies)
        return;
    if (ev->type == EV_BODY) {
        rubbish_changes_nothing(s, ev, fx);
        claims_check(s);
    }
    if (ev->type == EV_SERVE)
        kept_served(s);
    tasks_step(s, ev->type == EV_SERVE);
    bounds(s, ev);
    if (s->hub.up && s->hub.steps % SHADOW_EVERY == 0)
        shadow_check(s);
}

/* --- elsewhere -------------------------------------------------------------------------------- */

/* A number that a key has led to another's job: there may be no room to wait for that, and that it
 * led there is kept no better than the job. */
static bool may_part(const struct sim *s, const struct work *work, unsigned code)
{
    bool unkept = !work->durable && work->life != s->hub.life;
    return code == ERR_BUSY || (code == ERR_FORGOTTEN && unkept);
}

void ledger_told_error(struct sim *s, unsigned client, uint64_t number, uint64_t serial,
                       unsigned code)
{
    const struct intent *intent = intent_of(s, serial);
    const struct taken *taken = taken_of(s, client, number);
    must(intent);
    uint64_t id = taken && taken->id ? taken->id : intent->key[0] ? 0 : intent->id;
    const struct work *work = id ? work_of(s, id) : NULL;
    s->ledger->counts.refused++;
    if (!work || work->gone || !work->told || (code == ERR_FORGOTTEN && work->forgotten))
        return;
    if (s->ledger->clients[client].damaged || (intent->key[0] && may_part(s, work, code)))
        return;
    sim_fail(s, "S1", "job %" PRIx64 " was accepted, then its submitter is told: %s", work->id,
             err_name(code));
}

void ledger_forgets(struct sim *s, uint64_t id)
{
    struct work *work = work_of(s, id);
    if (work)
        work->forgotten = true;
}

static uint64_t feeds_open(const struct sim *s)
{
    uint64_t count = 0;
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        count += spec_feed(&work->spec) && work_open(work);
    return count;
}

bool ledger_done(const struct sim *s)
{
    uint64_t open = s->ledger->open; /* counted only when it may be that these are all feeds */
    return open <= FEED_NAMES && (!open || open == feeds_open(s)) && feeds_done(s);
}

void ledger_end(struct sim *s)
{
    struct broker_totals totals;
    broker_totals(s->hub.broker, &totals);
    bool tame = !s->knobs.faults;
    size_t at = 0;
    for (struct work *work; (work = idmap_next(&s->ledger->works, &at));) {
        bool feed = spec_feed(&work->spec), task = spec_task(&work->spec);
        if (work_open(work) && !feed)
            sim_fail(s, "S1", "job %" PRIx64 " has not ended", work->id);
        bool in_time = !work->timeout_ms || work->spec.run_us < work->timeout_ms * 1000 / 2;
        if (tame && in_time && !work->spec.iterations && !task &&
            work->spec.behaviour == RUNS_WELL && work->now.state == JOB_OK && work->executions != 1)
            sim_fail(s, "S6", "without a fault job %" PRIx64 " ran %" PRIu64 " times", work->id,
                     work->executions);
    }
    uint64_t feeds = s->knobs.feed > 0 ? FEED_NAMES : 0; /* those go on */
    if (totals.live > feeds || totals.storing || totals.recovering || totals.running > feeds)
        sim_fail(s, "L4", "%" PRIu64 " jobs are left over", totals.live);
    if (!list_empty(&s->store.disk.rows[ROW_JOB]) && !s->ledger->damaged)
        sim_fail(s, "L4", "rows of open jobs are left over");
    feeds_end(s);
    for (unsigned i = 0; i < s->knobs.clients; i++)
        watcher_check(s, &s->clients[i]);
}

struct ledger_counts ledger_counts(const struct sim *s)
{
    return s->ledger->counts;
}
