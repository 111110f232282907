/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger: what must be true, whatever happens. It sees every body that the core is given and every
 * effect that leaves it, keeps its own books, and knows nothing of how the core keeps its.
 *
 *   S1   what was accepted ends, once (S4), and its submitter learns how
 *   S2   nothing from nowhere: what is lent, run and answered was submitted, and as it was
 * submitted S3   a number becomes one job, and so does a key S5   tokens of a job rise; only the
 * current one ends it S6   a job is lent again only when something happened to the lease before S11
 * a worker has no more than its slots and what may be lent ahead S13  updates of a topic are
 * numbered without a gap while it is watched; none after the end S15  limits hold S22  a job whose
 * cancellation was confirmed is never ok
 */
#include <inttypes.h>

#include "tests/sim/sim.h"

static const uint64_t ASKED = 1ull << 40; /* a client's requests are numbered from here */

struct intent { /* what somebody wanted done, by serial */
    uint64_t serial, id;
    bool keyed, refused;
};

struct taken { /* a number of a client, as the core was told it */
    uint64_t serial, id;
    struct spec spec;
    uint64_t delay_ms, deadline_ms;
};

struct asked_of { /* a request */
    enum record_type type;
    uint64_t id;
};

struct work { /* a job of the broker's */
    uint64_t id;
    struct spec spec;
    int64_t accepted_ms;
    uint64_t delay_ms, deadline_ms;
    uint64_t token, leases, executions;
    const struct host *host; /* who has the lease */
    int64_t lease_us;
    bool released; /* the lease ended by the worker's own word */
    bool cancel_asked, cancel_done, executed, forgotten;
    uint64_t result_token; /* of a good result in this step's body */
    uint8_t state;         /* its end; 0: not yet */
    uint64_t end_hash;
};

struct topic_seen {
    struct bytes name; /* owned */
    uint64_t last;
    bool gap;            /* watched anew: some may have gone by */
    struct idmap hashes; /* of what was published, by number; boxed */
};

struct ledger {
    struct idmap intents;              /* by serial */
    struct idmap numbers[CLIENTS_MAX]; /* struct taken */
    struct idmap asks[CLIENTS_MAX];
    struct idmap works;
    struct buf ids; /* of all works, in order */
    uint64_t open;
    struct namemap topics;
    struct ledger_counts counts;
};

struct ledger *ledger_new(void)
{
    return must_alloc(sizeof(struct ledger));
}

static void free_all(struct idmap *m)
{
    size_t at = 0;
    for (void *value; (value = idmap_next(m, &at));)
        free(value);
    idmap_fini(m);
}

void ledger_free(struct ledger *l)
{
    free_all(&l->intents);
    free_all(&l->works);
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        free_all(&l->numbers[i]);
        free_all(&l->asks[i]);
    }
    size_t at = 0;
    for (struct topic_seen *t; (t = namemap_next(&l->topics, &at));) {
        free((void *)(uintptr_t)t->name.data);
        free_all(&t->hashes);
        free(t);
    }
    namemap_fini(&l->topics);
    buf_fini(&l->ids);
    free(l);
}

static unsigned client_of(const struct sim *s, const struct wire *w)
{
    const struct client_sim *c = container_of(w->owner, struct client_sim, end);
    must(w->port == PORT_CLIENTS && c == &s->clients[c->index]);
    return c->index;
}

static struct host *host_of(const struct wire *w)
{
    must(w->port == PORT_WORKERS);
    return container_of(w->owner, struct host, end);
}

static struct work *work_of(const struct sim *s, uint64_t id)
{
    return idmap_find(&s->ledger->works, id);
}

/* --- what goes in ----------------------------------------------------------------------------- */

void ledger_submitted(struct sim *s, const struct spec *spec, const struct msg_submit *submit)
{
    struct intent *intent = idmap_find(&s->ledger->intents, spec->serial);
    if (intent)
        return;
    intent = must_alloc(sizeof *intent);
    intent->serial = spec->serial;
    intent->keyed = submit->key.size > 0;
    idmap_put(&s->ledger->intents, spec->serial, intent);
}

static void sees_submit(struct sim *s, unsigned client, const struct msg_submit *m)
{
    struct taken *taken = idmap_find(&s->ledger->numbers[client], m->number);
    struct spec spec = spec_get(m->args);
    if (taken && taken->serial != spec.serial)
        sim_fail(s, "S3", "c%u gives number %" PRIu64 " to two submissions", client, m->number);
    if (taken)
        return;
    taken = must_alloc(sizeof *taken);
    *taken = (struct taken){.serial = spec.serial,
                            .spec = spec,
                            .delay_ms = m->delay_ms,
                            .deadline_ms = m->deadline_ms};
    idmap_put(&s->ledger->numbers[client], m->number, taken);
}

static void sees_ask(struct sim *s, unsigned client, const struct record *r)
{
    struct asked_of *asked = idmap_find(&s->ledger->asks[client], r->wait.number);
    if (!asked) {
        asked = must_alloc(sizeof *asked);
        idmap_put(&s->ledger->asks[client], r->wait.number, asked);
    }
    *asked = (struct asked_of){.type = r->type, .id = r->wait.id};
    struct work *work = work_of(s, r->wait.id);
    if (r->type == REC_cancel && work)
        work->cancel_asked = true;
}

static void sees_result(struct sim *s, const struct msg_result *m)
{
    struct work *work = work_of(s, m->id);
    if (!work)
        sim_fail(s, "S2", "a result of job %" PRIx64 ", which there is not", m->id);
    if (m->reason == REASON_NONE)
        work->result_token = m->token;
    if (m->token == work->token)
        work->released = true;
}

void ledger_body(struct sim *s, const struct wire *w, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r;
    while (!cursor_done(&c) && record_get(&c, &r) == OK) {
        struct work *work;
        switch (r.type) {
        case REC_submit: sees_submit(s, client_of(s, w), &r.submit); break;
        case REC_cancel:
        case REC_retry:
        case REC_wait: sees_ask(s, client_of(s, w), &r); break;
        case REC_result: sees_result(s, &r.result); break;
        case REC_returned:
            work = work_of(s, r.returned.id);
            if (work && work->token == r.returned.token)
                work->released = true;
            break;
        default: break;
        }
    }
}

/* --- what comes out --------------------------------------------------------------------------- */

static struct work *work_new(struct sim *s, uint64_t id, const struct spec *spec)
{
    struct work *work = must_alloc(sizeof *work);
    *work = (struct work){.id = id, .spec = *spec, .accepted_ms = sim_ms(s)};
    idmap_put(&s->ledger->works, id, work);
    buf_put(&s->ledger->ids, &id, sizeof id);
    s->ledger->open++;
    s->ledger->counts.accepted++;
    return work;
}

static void submission_accepted(struct sim *s, unsigned client, uint64_t number, uint64_t id)
{
    struct taken *taken = idmap_find(&s->ledger->numbers[client], number);
    if (!taken)
        sim_fail(s, "S2", "c%u is told of number %" PRIu64 ", which it never sent", client, number);
    if (taken->id && taken->id != id)
        sim_fail(s, "S3", "number %" PRIu64 " of c%u is two jobs", number, client);
    taken->id = id;
    struct work *work = work_of(s, id);
    struct intent *intent = idmap_find(&s->ledger->intents, taken->serial);
    must(intent);
    if (!intent->keyed && intent->id && intent->id != id)
        sim_fail(s, "S3", "submission %" PRIu64 " is two jobs", taken->serial);
    intent->id = id;
    if (work && work->spec.serial != taken->serial)
        sim_fail(s, "S3", "job %" PRIx64 " is told to two submissions", id);
    if (!work) {
        work = work_new(s, id, &taken->spec);
        work->delay_ms = taken->delay_ms;
        work->deadline_ms = taken->deadline_ms;
    }
}

static void told_accepted(struct sim *s, unsigned client, const struct msg_accepted *m)
{
    if (m->number < ASKED) {
        for (uint64_t i = 0; i < (m->count ? m->count : 1); i++)
            submission_accepted(s, client, m->number + i, m->id + i);
        return;
    }
    const struct asked_of *asked = idmap_find(&s->ledger->asks[client], m->number);
    const struct work *old = asked ? work_of(s, asked->id) : NULL;
    if (!asked || asked->type != REC_retry || !old || !old->state || work_of(s, m->id))
        sim_fail(s, "S2", "c%u: a retry it did not ask for", client);
    work_new(s, m->id, &old->spec);
}

static void told_done(struct sim *s, unsigned client, uint64_t number)
{
    const struct asked_of *asked = idmap_find(&s->ledger->asks[client], number);
    struct work *work = asked && asked->type == REC_cancel ? work_of(s, asked->id) : NULL;
    if (work && !work->state)
        work->cancel_done = true;
}

static uint64_t end_hash(const struct msg_ended *m)
{
    uint64_t fields[] = {m->id, m->state, m->run_us, m->reason, m->detail, m->attempts};
    return bytes_hash(m->value, bytes_hash(bytes_of(fields, sizeof fields), 1)) | 1;
}

static void told_ended(struct sim *s, unsigned client, const struct msg_ended *m)
{
    const struct work *work = work_of(s, m->id);
    if (!work || !work->state)
        sim_fail(s, "S4", "c%u is told of an end of job %" PRIx64 " that is none", client, m->id);
    if (work->end_hash != end_hash(m))
        sim_fail(s, "S4", "c%u is told another end of job %" PRIx64, client, m->id);
    const struct taken *taken = idmap_find(&s->ledger->numbers[client], m->number);
    const struct asked_of *asked = idmap_find(&s->ledger->asks[client], m->number);
    if (m->number < ASKED ? !taken || taken->id != m->id
                          : !asked || asked->type != REC_wait || asked->id != m->id)
        sim_fail(s, "S2", "c%u: end of job %" PRIx64 " under number %" PRIu64, client, m->id,
                 m->number);
    if (m->state == JOB_OK) {
        struct cursor c = cursor_of(m->value);
        if (cursor_uint(&c) != spec_value(&work->spec))
            sim_fail(s, "S2", "job %" PRIx64 " has a result that is not its own", m->id);
    }
}

/* Whatever may have made the broker give up a lease of this worker without its word. */
static bool excused(const struct sim *s, const struct work *work)
{
    const struct host *h = work->host;
    const int64_t after_us = 15 * SEC_US; /* for all to have noticed */
    if (h->fault_from_us && work->lease_us <= h->fault_until_us + after_us)
        return true;
    if (s->hub.paused_us && work->lease_us <= s->hub.paused_us + after_us)
        return true;
    return s->knobs.faults && s->knobs.delay_us > 100 * MS_US; /* silence enough */
}

static void told_lease(struct sim *s, const struct wire *w, const struct msg_lease *m)
{
    struct work *work = work_of(s, m->id);
    struct spec spec = spec_get(m->args);
    if (!work || work->spec.serial != spec.serial)
        sim_fail(s, "S2", "job %" PRIx64 " is lent, and was not submitted so", m->id);
    if (work->state)
        sim_fail(s, "S4", "job %" PRIx64 " is lent after its end", m->id);
    if (m->token <= work->token)
        sim_fail(s, "S5", "job %" PRIx64 " is lent under token %" PRIx64 " after %" PRIx64, m->id,
                 m->token, work->token);
    if (work->cancel_done)
        sim_fail(s, "S22", "job %" PRIx64 " is lent after it was cancelled", m->id);
    if (work->token && !work->released && !excused(s, work))
        sim_fail(s, "S6", "job %" PRIx64 " is lent again, and nothing happened to %s", m->id,
                 work->host->end.name);
    if (sim_ms(s) < work->accepted_ms + (int64_t)work->delay_ms)
        sim_fail(s, "S9", "job %" PRIx64 " is lent before its delay has passed", m->id);
    work->token = m->token;
    work->released = false;
    work->leases++;
    work->host = host_of(w);
    work->lease_us = s->now_us;
    s->ledger->counts.leases++;
}

static void told(struct sim *s, const struct effect *e, const struct record *r)
{
    const struct wire *w = idmap_find(&s->hub.wires, e->peer);
    if (!w)
        return;
    switch (r->type) {
    case REC_accepted: told_accepted(s, client_of(s, w), &r->accepted); break;
    case REC_lease: told_lease(s, w, &r->lease); break;
    case REC_ended: told_ended(s, client_of(s, w), &r->ended); break;
    case REC_done: told_done(s, client_of(s, w), r->done.number); break;
    default: break;
    }
}

static void end_allowed(struct sim *s, const struct work *work, const struct msg_ended *m)
{
    const struct spec *spec = &work->spec;
    bool good = false;
    switch (m->state) {
    case JOB_OK:
        if (work->cancel_done)
            sim_fail(s, "S22", "job %" PRIx64 " is ok after it was cancelled", work->id);
        if (work->result_token != work->token)
            sim_fail(s, "S5", "job %" PRIx64 " ends by a result under an old token", work->id);
        good = work->executions > 0;
        break;
    case JOB_FAILED: good = spec->behaviour == SAYS_ERROR && work->executions > 0; break;
    case JOB_DEAD: good = work->leases > 0; break;
    case JOB_CANCELLED: good = work->cancel_asked; break;
    case JOB_EXPIRED:
        good = work->deadline_ms && sim_ms(s) >= work->accepted_ms + (int64_t)work->deadline_ms;
        break;
    default: break;
    }
    if (!good)
        sim_fail(s, "S2", "job %" PRIx64 " has no reason to end as %s", work->id,
                 job_state_name((unsigned)m->state));
}

static void stored(struct sim *s, const struct effect *e, struct bytes row)
{
    struct cursor c = cursor_of(row);
    struct record submit, job, ended;
    if (record_get(&c, &submit) || record_get(&c, &job) || record_get(&c, &ended))
        sim_fail(s, "S19", "a row does not decode");
    struct work *work = work_of(s, e->id);
    if (!work)
        sim_fail(s, "S2", "job %" PRIx64 " ends, and was never accepted", e->id);
    if (work->state)
        sim_fail(s, "S4", "job %" PRIx64 " ends twice", e->id);
    end_allowed(s, work, &ended.ended);
    if (spec_get(submit.submit.args).serial != work->spec.serial || job.job.id != e->id ||
        job.job.state != e->state || ended.ended.state != e->state)
        sim_fail(s, "S2", "the row of job %" PRIx64 " is not of one job", e->id);
    work->state = e->state;
    work->end_hash = end_hash(&ended.ended);
    s->ledger->open--;
    s->ledger->counts.ended++;
}

/* --- updates ---------------------------------------------------------------------------------- */

static struct topic_seen *topic_of(struct ledger *l, struct bytes name)
{
    struct topic_seen *t = namemap_find(&l->topics, name);
    if (t)
        return t;
    t = must_alloc(sizeof *t);
    void *copy = must_alloc(name.size);
    memcpy(copy, name.data, name.size);
    t->name = bytes_of(copy, name.size);
    t->gap = true;
    namemap_put(&l->topics, t->name, t);
    return t;
}

void ledger_watched(struct sim *s, struct bytes topic)
{
    topic_of(s->ledger, bytes_of(topic.data, topic.size - 1))->gap = true;
}

static uint64_t seq_of(struct bytes body)
{
    struct cursor c = cursor_of(body);
    for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
        if (bytes_equal(cursor_str(&c), bytes_text("seq")))
            return cursor_uint(&c);
        cursor_skip(&c);
    }
    return 0;
}

static void published(struct sim *s, struct bytes wire, struct bytes body)
{
    struct bytes name = bytes_of(wire.data, wire.size - 1);
    uint64_t seq = seq_of(body);
    if (bytes_starts(name, bytes_text("sync/")))
        return;
    struct topic_seen *t = topic_of(s->ledger, name);
    if (t->gap ? seq <= t->last : seq != t->last + 1)
        sim_fail(s, "S13", "%.*s: update %" PRIu64 " after %" PRIu64, BYTES_ARG(name), seq,
                 t->last);
    t->gap = false;
    t->last = seq;
    uint64_t *box = must_alloc(sizeof *box);
    *box = bytes_hash(body, 0);
    idmap_put(&t->hashes, seq, box);
}

void ledger_shown(struct sim *s, struct bytes topic, uint64_t seq, struct bytes body)
{
    const struct topic_seen *t = topic_of(s->ledger, topic);
    const uint64_t *box = idmap_find(&t->hashes, seq);
    if (!box || *box != bytes_hash(body, 0))
        sim_fail(s, "S13", "%.*s: update %" PRIu64 " is shown otherwise than it was published",
                 BYTES_ARG(topic), seq);
}

uint64_t ledger_last_update(const struct sim *s, struct bytes topic)
{
    const struct topic_seen *t = namemap_find(&s->ledger->topics, topic);
    return t ? t->last : 0;
}

/* --- a step's effects ------------------------------------------------------------------------- */

static void bounds(struct sim *s)
{
    struct broker_totals totals;
    broker_totals(s->hub.broker, &totals);
    uint64_t jobs_max = s->knobs.limits.jobs_max;
    if (jobs_max && totals.live > jobs_max)
        sim_fail(s, "S15", "%" PRIu64 " jobs live, %" PRIu64 " may", totals.live, jobs_max);
    if (totals.live != s->ledger->open)
        sim_fail(s, "S12", "the broker has %" PRIu64 " jobs, the ledger %" PRIu64, totals.live,
                 s->ledger->open);
}

/* Acceptances first: they leave at the end of a step, after the leases that came of them. Ends
 * before what is told of them, for the same reason. */
static int pass_of(enum record_type type)
{
    switch (type) {
    case REC_accepted: return 0;
    case REC_lease: return 1;
    default: return 2;
    }
}

void ledger_effects(struct sim *s, const struct effects *fx)
{
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < fx->count; i++) {
            const struct effect *e = &fx->list[i];
            struct bytes bytes = effect_bytes(fx, e);
            struct cursor c = cursor_of(bytes);
            struct record r;
            if (e->type == FX_SEND) {
                if (record_get(&c, &r) != OK || !cursor_done(&c))
                    sim_fail(s, "S19", "an effect does not decode");
                if (pass == pass_of(r.type))
                    told(s, e, &r);
            } else if (e->type == FX_APPEND && pass == 1) {
                stored(s, e, bytes);
            } else if (e->type == FX_PUBLISH && pass == 2) {
                published(s, effect_topic(fx, e), bytes);
            }
        }
    }
    bounds(s);
}

/* --- elsewhere -------------------------------------------------------------------------------- */

void ledger_executes(struct sim *s, const struct host *h, uint64_t id, uint64_t token,
                     const struct spec *spec)
{
    struct work *work = work_of(s, id);
    if (!work || work->spec.serial != spec->serial)
        sim_fail(s, "S2", "%s runs job %" PRIx64 ", which was not submitted so", h->end.name, id);
    if (work->executed && work->token == token && work->executions >= work->leases)
        sim_fail(s, "S6", "%s runs job %" PRIx64 " twice under one lease", h->end.name, id);
    work->executed = true;
    work->executions++;
    if (work->executions > work->leases)
        sim_fail(s, "S6", "job %" PRIx64 " has run more often than it was lent", id);
    s->ledger->counts.executions++;
}

void ledger_told_error(struct sim *s, uint64_t serial, unsigned code)
{
    struct intent *intent = idmap_find(&s->ledger->intents, serial);
    must(intent);
    const struct work *work = intent->id ? work_of(s, intent->id) : NULL;
    s->ledger->counts.refused++;
    if (!work || intent->keyed)
        return;
    if (code != ERR_FORGOTTEN || !work->forgotten)
        sim_fail(s, "S1", "job %" PRIx64 " was accepted, then its submitter is told: %s", work->id,
                 err_name(code));
}

void ledger_forgets(struct sim *s, uint64_t id)
{
    struct work *work = work_of(s, id);
    if (work)
        work->forgotten = true;
}

void ledger_explain(const struct sim *s)
{
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        if (!work->state)
            printf("job %" PRIx64 " of queue %u is open: lent %" PRIu64 " times, run %" PRIu64
                   " times, last by %s\n",
                   work->id, work->spec.queue, work->leases, work->executions,
                   work->host ? work->host->end.name : "nobody");
}

bool ledger_done(const struct sim *s)
{
    return s->ledger->open == 0;
}

uint64_t ledger_any_job(struct sim *s)
{
    size_t count = s->ledger->ids.size / sizeof(uint64_t);
    if (!count)
        return 0;
    /* The newest are the likeliest: most of what is older has ended. */
    size_t at = count - 1 - (size_t)sim_below(s, count < 8 || sim_chance(s, 0.2) ? count : 8);
    uint64_t id;
    memcpy(&id, s->ledger->ids.data + at * sizeof id, sizeof id);
    return id;
}

uint64_t ledger_token(const struct sim *s, uint64_t id)
{
    const struct work *work = work_of(s, id);
    return work ? work->token : 0;
}

void ledger_end(struct sim *s)
{
    struct broker_totals totals;
    broker_totals(s->hub.broker, &totals);
    size_t at = 0;
    for (struct work *work; (work = idmap_next(&s->ledger->works, &at));) {
        if (!work->state)
            sim_fail(s, "S1", "job %" PRIx64 " has not ended", work->id);
        if (!s->knobs.faults && work->spec.behaviour == RUNS_WELL && work->state == JOB_OK &&
            work->executions != 1)
            sim_fail(s, "S6", "without a fault job %" PRIx64 " ran %" PRIu64 " times", work->id,
                     work->executions);
    }
    if (totals.submitted != s->ledger->counts.accepted)
        sim_fail(s, "S12", "%" PRIu64 " submitted, %" PRIu64 " accepted", totals.submitted,
                 s->ledger->counts.accepted);
    for (unsigned i = 0; i < s->knobs.clients; i++)
        watcher_check(s, &s->clients[i]);
}

struct ledger_counts ledger_counts(const struct sim *s)
{
    return s->ledger->counts;
}
