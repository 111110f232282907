/* SPDX-License-Identifier: Apache-2.0
 *
 * told: what leaves the core for clients and workers, against the books: is it true, is it kept, is
 * it said as often as it may be? What a worker is told of leases is in leases.c.
 */
#include <inttypes.h>

#include "tests/sim/books.h"

void must_be_kept(struct sim *s, uint64_t seq, const char *what, uint64_t id)
{
    if (seq > kept_seq(s))
        sim_fail(s, "S7",
                 "%s of job %" PRIx64 " is told, but the disk keeps only up to %" PRIu64
                 " and it is row %" PRIu64,
                 what, id, kept_seq(s), seq);
}

static void submission_accepted(struct sim *s, unsigned client, uint64_t number, uint64_t id,
                                uint64_t durability)
{
    struct taken *taken = taken_of(s, client, number);
    struct work *work = work_of(s, id);
    if (!taken)
        sim_fail(s, "S2", "c%u is told of number %" PRIu64 ", which it never sent", client, number);
    if (!work)
        work = work_new(s, id, &taken->spec, false);
    /* A key whose job's row was damaged leads there first, and then to nothing. */
    bool damaged = s->ledger->damaged && intent_of(s, taken->serial)->key[0];
    if (work->gone && damaged)
        return;
    if (work->gone)
        sim_fail(s, "S2", "c%u is told of job %" PRIx64 ", which was lost", client, id);
    if (work->spec.serial != taken->serial)
        sim_fail(s, "S3", "job %" PRIx64 " is told to two submissions", id);
    work_bind(s, work, (int)client, number);
    work->told = true;
    if (durability != CLASS_DURABLE)
        return;
    if (!s->knobs.durable || (!work->durable && !work->now.ended))
        sim_fail(s, "S7", "job %" PRIx64 " is told to be durable", id);
    must_be_kept(s, work->durable ? work->born_seq : work->end_seq, "acceptance", id);
    if (number > s->ledger->clients[client].told_number)
        s->ledger->clients[client].told_number = number;
}

static void told_accepted(struct sim *s, unsigned client, const struct msg_accepted *m)
{
    if (m->number < ASK_NUMBERS_SIM) {
        for (uint64_t i = 0; i < (m->count ? m->count : 1); i++)
            submission_accepted(s, client, m->number + i, m->id + i, m->durability);
        return;
    }
    const struct asked_of *asked = asked_of(s, client, m->number);
    const struct work *old = asked ? work_of(s, asked->id) : NULL;
    struct work *work = work_of(s, m->id);
    if (!asked || asked->type != REC_retry || !old || !old->now.state || (work && work->told))
        sim_fail(s, "S2", "c%u: a retry it did not ask for", client);
    if (!work)
        work = work_new(s, m->id, &old->spec, false);
    work->told = true;
    work->retries = old->retries;
    work->priority = old->priority;
    if (m->durability == CLASS_DURABLE)
        must_be_kept(s, work->durable ? work->born_seq : UINT64_MAX, "acceptance", m->id);
}

static void told_done(struct sim *s, unsigned client, uint64_t number)
{
    const struct asked_of *asked = asked_of(s, client, number);
    if (asked && asked->type == REC_hold)
        must_be_kept(s, asked->seq, "holding the queue", 0);
    struct work *work = asked && asked->type == REC_cancel ? work_of(s, asked->id) : NULL;
    if (!work || work->gone)
        return;
    bool stopped = work->now.stop == REASON_CANCELLED;
    if (work->durable && !work->now.ended && !stopped)
        sim_fail(s, "S22", "job %" PRIx64 " is told to be cancelled, and no row says so", work->id);
    if (work->durable)
        must_be_kept(s, stopped ? work->stop_seq : work->end_seq, "cancellation", work->id);
    work->cancel_done = true;
}

uint64_t end_hash(const struct msg_ended *m)
{
    uint64_t fields[] = {m->id, m->state, m->run_us, m->reason, m->detail, m->attempts};
    return bytes_hash(m->value, bytes_hash(bytes_of(fields, sizeof fields), 1)) | 1;
}

/* Once for each time that it was asked for on this connection. */
static void credit_used(struct sim *s, unsigned client, uint64_t peer, uint64_t number)
{
    struct client_book *book = &s->ledger->clients[client];
    if (number >= ASK_NUMBERS_SIM || peer != book->credit_peer)
        return;
    struct credit *credit = idmap_find(&book->credits, number);
    if (!credit || credit->told++ >= credit->said)
        sim_fail(s, "S4", "c%u is told of the end of number %" PRIu64 " once more", client, number);
}

static void told_ended(struct sim *s, unsigned client, uint64_t peer, const struct msg_ended *m)
{
    struct work *work = work_of(s, m->id);
    if (!work || !work->now.state || work->gone)
        sim_fail(s, "S4", "c%u is told of an end of job %" PRIx64 " that is none", client, m->id);
    if (work->now.end_hash != end_hash(m))
        sim_fail(s, "S4", "c%u is told another end of job %" PRIx64, client, m->id);
    if (work->durable)
        must_be_kept(s, work->end_seq, "end", m->id);
    const struct taken *taken = taken_of(s, client, m->number);
    const struct asked_of *asked = asked_of(s, client, m->number);
    if (m->number < ASK_NUMBERS_SIM ? !taken || taken->id != m->id
                                    : !asked || asked->type != REC_wait || asked->id != m->id)
        sim_fail(s, "S2", "c%u: end of job %" PRIx64 " under number %" PRIu64, client, m->id,
                 m->number);
    credit_used(s, client, peer, m->number);
    if (m->state == JOB_OK && spec_task(&work->spec)) {
        tasks_value(s, work, m->value);
    } else if (m->state == JOB_OK) {
        struct cursor c = cursor_of(m->value);
        if (cursor_uint(&c) != spec_value(&work->spec))
            sim_fail(s, "S2", "job %" PRIx64 " has a result that is not its own", m->id);
    }
}

/* A new connection; and after a new life of the broker the client's numbers above its last one mean
 * something else. */
static void told_welcome(struct sim *s, unsigned client, uint64_t peer, const struct msg_welcome *m)
{
    struct client_book *book = &s->ledger->clients[client];
    if (m->last_number < book->told_number && !book->damaged)
        sim_fail(s, "S3",
                 "c%u is told that its last number is %" PRIu64 ", but %" PRIu64 " was accepted",
                 client, m->last_number, book->told_number);
    size_t at = 0;
    for (struct taken *taken; book->renumbers && (taken = idmap_next(&book->numbers, &at));) {
        if (taken->number <= m->last_number)
            continue;
        free(idmap_take(&book->numbers, taken->number));
        at = 0; /* the map has changed: from its start again */
    }
    book->renumbers = book->left = false;
    if (book->credit_peer == peer)
        return;
    bool back = peer <= book->credit_newest; /* from another: what was said here is forgotten */
    book->credit_peer = back ? 0 : peer;
    if (!back)
        book->credit_newest = peer;
    free_all(&book->credits);
    book->credits = (struct idmap){0};
    for (uint64_t number = 1; number <= m->last_number; number++) {
        const struct taken *taken = taken_of(s, client, number);
        credit_said(book, number); /* it may end before it is sent again */
        if (taken && taken->said_step == s->hub.steps)
            credit_said(book, number); /* which was in the body of the hello */
    }
}

/* L2: the row of a worker that has died long ago. */
static void told_worker(struct sim *s, unsigned client, const struct msg_worker *m)
{
    const struct asked_of *asked = asked_of(s, client, m->number);
    const struct hub *hub = &s->hub;
    unsigned index = (unsigned)(m->pid - 1) % 16, life = (unsigned)(m->pid - 1) / 16;
    if (!m->pid || index >= s->knobs.hosts || s->hosts[index].life == life)
        return;
    if (!asked || s->now_us - asked->at_us > SEC_US)
        return;                         /* the answer has waited for the store */
    const int64_t most_us = 8 * SEC_US; /* 5 s of silence, clocks that drift, ticks */
    if (s->calm && s->now_us - s->hosts[index].ended_us > most_us &&
        s->now_us - hub->clock_us > most_us && s->now_us - hub->paused_us > most_us)
        sim_fail(s, "L2", "%.*s, which died %" PRId64 " s ago, is still listed", BYTES_ARG(m->id),
                 (s->now_us - s->hosts[index].ended_us) / SEC_US);
}

/* S26: what has ended without a row is known until it is forgotten. */
static void told_unknown(struct sim *s, unsigned client, const struct msg_error *m)
{
    const struct asked_of *asked = asked_of(s, client, m->number);
    const struct work *work = asked ? work_of(s, asked->id) : NULL;
    if (m->code == ERR_UNKNOWN_JOB && work && work->bygone && !work->forgotten && !work->gone)
        sim_fail(s, "S26", "c%u is told that there is no job %" PRIx64, client, work->id);
}

/* S3: a key is taken only by another body. */
static void told_refusal(struct sim *s, unsigned client, const struct msg_error *m)
{
    const struct taken *taken = taken_of(s, client, m->number);
    if (m->code == ERR_UNEXPECTED && taken && !taken->id) /* not taken: it may yet be another's */
        free(idmap_take(&s->ledger->clients[client].numbers, m->number));
    if (m->code != ERR_KEY_TAKEN || !taken)
        return;
    const struct intent *intent = intent_of(s, taken->serial);
    const struct key_book *key = namemap_find(&s->ledger->keys, bytes_text(intent->key));
    if (key && work_of(s, key->id)->spec.serial == taken->serial && !work_of(s, key->id)->gone)
        sim_fail(s, "S3", "key %s with the body of job %" PRIx64 " is refused", intent->key,
                 key->id);
}

/* Said by somebody who has not said hello: not taken, they may come under other numbers. */
static void submissions_unheard(struct sim *s, unsigned client)
{
    struct idmap *numbers = &s->ledger->clients[client].numbers;
    size_t at = 0;
    for (struct taken *taken; (taken = idmap_next(numbers, &at));) {
        if (taken->step != s->hub.steps || taken->id)
            continue;
        free(idmap_take(numbers, taken->number));
        at = 0; /* the map has changed: from its start again */
    }
}

void told_client(struct sim *s, const struct wire *w, uint64_t peer, const struct record *r)
{
    unsigned client = client_of(s, w);
    const struct work *work;
    tasks_told(s, client, peer, r);
    switch (r->type) {
    case REC_welcome: told_welcome(s, client, peer, &r->welcome); break;
    case REC_accepted: told_accepted(s, client, &r->accepted); break;
    case REC_ended: told_ended(s, client, peer, &r->ended); break;
    case REC_done: told_done(s, client, r->done.number); break;
    case REC_worker: told_worker(s, client, &r->worker); break;
    case REC_hello_wanted:
        submissions_unheard(s, client);
        updates_unheard(s, peer);
        tasks_unheard(s, peer);
        break;
    case REC_error:
        if (r->error.number < ASK_NUMBERS_SIM)
            told_refusal(s, client, &r->error);
        else if (!follows_told(s, peer, r))
            updates_told(s, peer, r);
        told_unknown(s, client, &r->error);
        break;
    case REC_job:
        work = work_of(s, r->job.id);
        if (!work && unseen(s))
            break;
        if (!work || work->gone)
            sim_fail(s, "S2", "job %" PRIx64 " is shown, which there is not", r->job.id);
        told_progress(s, work, (unsigned)r->job.state, r->job.progress);
        if (work->durable)
            must_be_kept(s,
                         job_ended((enum job_state)r->job.state) ? work->end_seq : work->born_seq,
                         "the row", r->job.id);
        break;
    default:
        if (!follows_told(s, peer, r))
            updates_told(s, peer, r);
        break;
    }
}

void told_host(struct sim *s, const struct wire *w, const struct record *r)
{
    switch (r->type) {
    case REC_lease: told_lease(s, w, &r->lease); break;
    case REC_result_ack: told_result_ack(s, w, r->result_ack.number); break;
    case REC_stop: told_stop(s, &r->stop); break;
    case REC_hello_wanted: told_stop(s, NULL); break;
    default: break;
    }
}

/* Attempts that the broker may have counted, and how many it may make. */
uint64_t attempts_max(const struct sim *s, const struct work *work)
{
    if (work->retries)
        return work->retries;
    return s->knobs.limits.attempts_max ? s->knobs.limits.attempts_max : 5;
}

/* Has its deadline passed? By the clock of this life, or roughly over several. */
static bool deadline_passed(const struct sim *s, const struct work *work)
{
    if (work->life == s->hub.life)
        return hub_ms(s) >= work->born_ms + (int64_t)work->deadline_ms;
    return work->wall_jumps != s->wall_jumps ||
           (s->now_us - work->born_us) / 700 >= (int64_t)work->deadline_ms;
}

/* Of a child: nothing of the session that it is of goes on. */
static bool session_over(const struct sim *s, const struct work *work)
{
    const struct intent *intent = work->spec.parent ? intent_of(s, work->spec.parent) : NULL;
    const struct work *session = intent ? work_of(s, intent->id) : NULL;
    return session && (!work_open(session) || session->cancel_asked);
}

void end_allowed(struct sim *s, const struct work *work, const struct msg_ended *m)
{
    const struct spec *spec = &work->spec;
    uint64_t attempts = m->attempts ? m->attempts : 1;
    bool good = false;
    switch (m->state) {
    case JOB_OK:
        if (spec_task(spec)) {
            good = work->complete_asked && !work->cancel_done;
            break;
        }
        if (work->cancel_done)
            sim_fail(s, "S22", "job %" PRIx64 " is ok after it was cancelled", work->id);
        if (work->result_token != work->current)
            sim_fail(s, "S5",
                     "job %" PRIx64 " ends by a result under token %" PRIx64 ", not %" PRIx64,
                     work->id, work->result_token, work->current);
        good = work->executions > 0;
        break;
    case JOB_FAILED:
        good = (spec->behaviour == SAYS_ERROR && work->executions > 0) ||
               (m->reason == REASON_WORKER_LOST && work->retries == 1 &&
                (work->token || work->kept.leased)) ||
               (m->reason == REASON_TOO_LARGE && work->too_large);
        break;
    case JOB_DEAD: /* of a retry that nobody has been told of it is not known how many it may make
                    */
        good = work->token && (attempts >= attempts_max(s, work) ||
                               (s->ledger->retried && !work->told && !work->durable));
        break;
    case JOB_CANCELLED:
        good =
            work->cancel_asked || session_over(s, work) || (spec_feed(spec) && feeds_idle(s, work));
        break;
    case JOB_EXPIRED: good = work->deadline_ms && deadline_passed(s, work); break;
    default: break;
    }
    if (m->attempts > work->lents.size / sizeof(struct lent))
        sim_fail(s, "S6", "job %" PRIx64 " ends after %" PRIu64 " attempts and %zu leases",
                 work->id, m->attempts, work->lents.size / sizeof(struct lent));
    if (!good)
        sim_fail(s, "S2", "job %" PRIx64 " has no reason to end as %s", work->id,
                 job_state_name((unsigned)m->state));
}
