/* SPDX-License-Identifier: Apache-2.0
 *
 * leases: the ledger's books of who was lent what. A job may be lent again only when the lease
 * before is over by its worker's own word, when something happened to that worker, or when a broker
 * that has started anew has waited for it in vain.
 */
#include <inttypes.h>

#include "proto/tagset.h"
#include "tests/sim/books.h"

enum { LEASES_A_SECOND = 200 }; /* of one job; more is going round in circles */

struct host *host_of(const struct wire *w)
{
    must(w->port == PORT_WORKERS);
    return w->owner->kind == END_HOST ? container_of(w->owner, struct host, end) : NULL;
}

/* NULL: of a process that is gone. */
static struct host_book *book_of(struct sim *s, const struct host *h, unsigned life)
{
    struct host_book *book = &s->ledger->hosts[h->index];
    if (book->life < life) {
        buf_fini(&book->results);
        *book = (struct host_book){.life = life};
    }
    return book->life == life ? book : NULL;
}

static struct lent *lent_of(const struct work *work, uint64_t token)
{
    struct lent *all = (struct lent *)(void *)work->lents.data;
    for (size_t i = work->lents.size / sizeof *all; i-- > 0;)
        if (all[i].token == token)
            return &all[i];
    return NULL;
}

/* --- what workers say ------------------------------------------------------------------------- */

void sees_result(struct sim *s, const struct wire *w, const struct msg_result *m)
{
    const struct host *h = host_of(w);
    struct work *work = work_of(s, m->id);
    if (!work && h)
        sim_fail(s, "S2", "a result of job %" PRIx64 ", which there is not", m->id);
    if (!work)
        return;
    if (!h) {
        work->too_large |= m->token == work->current && m->reason == REASON_TOO_LARGE;
        if (m->token != work->current || work->host)
            return; /* a lie */
    }
    if ((m->reason == REASON_NONE || m->reason == REASON_VERDICT) && h)
        work->result_token = m->token;
    bool first = m->token == work->current && !work->released;
    work->released |= first;
    if (!h)
        return;
    struct result_book result = {
        .number = m->number, .id = m->id, .step = s->hub.steps + 1, .first = first};
    struct host_book *book = book_of(s, h, w->process);
    if (book)
        buf_put(&book->results, &result, sizeof result);
}

/* What names the token of an earlier lease, or comes from another worker, is not to be seen again:
 * see jot.c, it says whose it is. */
void sees_progress(struct sim *s, const struct wire *w, const struct msg_progress *m)
{
    struct work *work = work_of(s, m->id);
    const struct lent *lent = work ? lent_of(work, m->token) : NULL;
    if (lent && m->token >= work->current && lent->host == host_of(w))
        idmap_put(&s->ledger->progresses, bytes_hash(m->value, m->id), work);
}

/* Somebody is told what a job has told of itself. */
void told_progress(struct sim *s, const struct work *work, unsigned state, struct bytes map)
{
    if (!map.size)
        return;
    if (!work || state != JOB_RUNNING)
        sim_fail(s, "S25", "progress of a job that does not run");
    if (!idmap_find(&s->ledger->progresses, bytes_hash(map, work->id)))
        sim_fail(s, "S25", "job %" PRIx64 ": progress that nobody told who had it then", work->id);
}

void sees_returned(struct sim *s, const struct wire *w, const struct msg_returned *m)
{
    struct work *work = work_of(s, m->id);
    if (!work || work->current != m->token || work->host != host_of(w))
        return;
    work->released = work->returned = true;
}

/* May the broker believe it? A lease of a life before that this worker was told, that is not known
 * to be over, and of a worker that was on the list; of several the one with the highest token. */
static bool believed(struct sim *s, const struct wire *w, const struct work *work,
                     const struct lent *lent)
{
    const struct host *h = host_of(w);
    const struct host_book *book = h ? book_of(s, h, w->process) : NULL;
    if (!lent || !book || lent->host != h || lent->host_life != w->process || !work_open(work))
        return false;
    return lent->token >> 32 < s->hub.incarnation && book->restored && work->life < s->hub.life &&
           lent->token > work->kept.token &&
           (work->lease_life < s->hub.life || lent->token > work->current);
}

/* It still has what it names: as good as a lease told in this life. */
void sees_holding(struct sim *s, const struct wire *w, const struct msg_holding *m)
{
    struct work *work = work_of(s, m->id);
    const struct lent *lent = work ? lent_of(work, m->token) : NULL;
    struct claim claim = {
        .id = m->id, .token = m->token, .life_before = work ? work->lease_life : 0, .lent = lent};
    buf_put(&s->ledger->claims, &claim, sizeof claim);
    if (!work || !believed(s, w, work, lent))
        return;
    work->current = m->token;
    work->host = host_of(w);
    work->host_life = w->process;
    work->released = work->returned = false;
    work->lease_life = s->hub.life;
    work->lease_us = s->now_us;
}

void sees_ready(struct sim *s, const struct wire *w)
{
    const struct host *h = host_of(w);
    struct host_book *book = h ? book_of(s, h, w->process) : NULL;
    if (book)
        book->ready_life = s->hub.life;
}

/* A claim to a lease that there never was must not be believed. */
void claims_check(struct sim *s)
{
    const struct claim *all = (const struct claim *)(const void *)s->ledger->claims.data;
    for (size_t i = 0; i < s->ledger->claims.size / sizeof *all; i++)
        if (!all[i].lent && !all[i].answered)
            sim_fail(s, "S5",
                     "a claim to job %" PRIx64 " under token %" PRIx64
                     ", which was never lent, is believed",
                     all[i].id, all[i].token);
    buf_clear(&s->ledger->claims);
}

/* stop NULL: hello is wanted first, none of it counts. */
void told_stop(struct sim *s, const struct msg_stop *stop)
{
    struct claim *all = (struct claim *)(void *)s->ledger->claims.data;
    for (size_t i = 0; i < s->ledger->claims.size / sizeof *all; i++) {
        struct work *work = work_of(s, all[i].id);
        if (stop && (all[i].id != stop->id || all[i].token != stop->token))
            continue;
        all[i].answered = true;
        if (!stop && work)
            work->lease_life = all[i].life_before;
    }
}

/* --- lending ---------------------------------------------------------------------------------- */

/* Whatever may have made the broker give up a lease of this worker without its word. */
static bool excused(const struct sim *s, const struct work *work)
{
    const struct host *h = work->host;
    const int64_t after_us = 15 * SEC_US; /* for all to have noticed */
    if (!h || h->life != work->host_life)
        return true;
    if (h->fault_from_us && work->lease_us <= h->fault_until_us + after_us)
        return true;
    if (s->hub.paused_us && work->lease_us <= s->hub.paused_us + after_us)
        return true;
    return s->knobs.faults && s->knobs.delay_us > 100 * MS_US; /* silence enough */
}

/* The lease is of an earlier life of the broker. It is over when its worker has come back and did
 * not name it, or when it was waited for long enough, in this life or in one before, which then
 * took it from the list. */
static bool outwaited(struct sim *s, const struct work *work)
{
    int64_t recovery_ms = s->knobs.limits.recovery_ms ? s->knobs.limits.recovery_ms : 3000;
    const struct host_book *book = &s->ledger->hosts[work->host->index];
    if (work->lease_life == s->hub.life)
        return false;
    return s->ledger->worker_damaged || hub_ms(s) >= s->hub.served_ms + recovery_ms ||
           book->ready_life == s->hub.life || !book->restored;
}

static void lease_justified(struct sim *s, const struct work *work)
{
    if (!work->token || work->released || excused(s, work) || outwaited(s, work))
        return;
    sim_fail(s, "S6", "job %" PRIx64 " is lent again, and nothing happened to %s", work->id,
             work->host->end.name);
}

/* By priority, then by age: among those of one class that this life of the broker was given, and
 * that nothing has kept back. */
static bool in_line(const struct sim *s, const struct work *work)
{
    return work_open(work) && !work->token && work->life == s->hub.life && !work->delay_ms &&
           work->retries != 1 && !work->cancel_asked && !work->pause_asked &&
           work->ready_step < s->hub.steps;
}

static void order_kept(struct sim *s, const struct work *work)
{
    struct buf *young = &s->ledger->young;
    size_t kept = 0, count = young->size / sizeof(uint64_t);
    uint64_t *ids = (uint64_t *)(void *)young->data;
    bool told_late = work->durable && work->retries == 1; /* when its lease is kept */
    bool fair = !work->token && work->life == s->hub.life && !work->delay_ms;
    for (size_t i = 0; i < count; i++) {
        struct work *other = work_of(s, ids[i]);
        if (!work_open(other) || other->token || other->life != s->hub.life || other == work)
            continue;
        ids[kept++] = ids[i];
        if (other->durable && other->born_seq <= s->ledger->told_stored &&
            other->ready_step == UINT64_MAX)
            other->ready_step = s->hub.steps;
        if (told_late || !in_line(s, other) || other->spec.queue != work->spec.queue ||
            other->durable != work->durable ||
            !bytes_equal(spec_tags(s, &other->spec), spec_tags(s, &work->spec)))
            continue;
        if (other->priority > work->priority ||
            (other->priority == work->priority && fair && other->id < work->id))
            sim_fail(s, "S9", "job %" PRIx64 " is lent before job %" PRIx64 " of its queue",
                     work->id, other->id);
    }
    young->size = kept * sizeof *ids;
}

static bool delay_passed(const struct sim *s, const struct work *work)
{
    if (work->life == s->hub.life)
        return hub_ms(s) >= work->born_ms + (int64_t)work->delay_ms;
    return work->wall_jumps != s->wall_jumps ||
           (s->now_us - work->born_us) / 700 >= (int64_t)work->delay_ms;
}

/* What must be on the disk before anybody is told of a lease. */
static void lease_kept(struct sim *s, const struct work *work, const struct host *h, unsigned life)
{
    const struct host_book *book = h ? book_of(s, h, life) : NULL;
    if (!s->knobs.durable)
        return;
    if (work->durable)
        must_be_kept(s, work->born_seq, "the lease", work->id);
    if (work->durable && work->id > s->ledger->mark_kept)
        sim_fail(s, "S7", "job %" PRIx64 " is lent above the mark %" PRIx64, work->id,
                 s->ledger->mark_kept);
    must_be_kept(s, work->turn_seq, "an iteration", work->id);
    if (work->durable && work->retries == 1 &&
        (!work->now.leased || work->leased_seq > kept_seq(s)))
        sim_fail(s, "S7", "job %" PRIx64 ", at most once, is lent before that is kept", work->id);
    if (book && (!book->listed || book->row_seq > kept_seq(s)))
        sim_fail(s, "S7", "%s is lent job %" PRIx64 " before it is listed", h->end.name, work->id);
}

/* L6: as often as it is lent, a second must pass in between now and then. */
static void not_in_circles(struct sim *s, struct work *work)
{
    if (s->now_us - work->second_us >= SEC_US || work->now.iteration != work->second_iteration) {
        work->second_iteration = work->now.iteration;
        work->second_us = s->now_us;
        work->second_leases = 0;
    }
    if (++work->second_leases > LEASES_A_SECOND)
        sim_fail(s, "L6", "job %" PRIx64 " is lent over and over", work->id);
}

void told_lease(struct sim *s, const struct wire *w, const struct msg_lease *m)
{
    struct work *work = work_of(s, m->id);
    struct spec spec = lease_spec(m->args);
    struct host *h = host_of(w);
    bool guessed = !work && submitted(s, &spec);
    if (spec_task(&spec))
        sim_fail(s, "S23", "task %" PRIx64 " is lent to a worker", m->id);
    if (spec_feed(&spec))
        feeds_lent(s, m->id, &spec);
    if (guessed)
        work = work_new(s, m->id, &spec, false); /* its acceptance is on its way */
    if (!work || work->spec.serial != spec.serial || work->gone)
        sim_fail(s, "S2", "job %" PRIx64 " is lent, and was not submitted so", m->id);
    if (work->now.state)
        sim_fail(s, "S4", "job %" PRIx64 " is lent after its end", m->id);
    if (m->token <= work->token || m->token >> 32 != s->hub.incarnation)
        sim_fail(s, "S5", "job %" PRIx64 " is lent under token %" PRIx64 " after %" PRIx64, m->id,
                 m->token, work->token);
    if (!tagset_covers(h ? host_tags(s, h->index) : (struct bytes){0}, spec_tags(s, &spec)))
        sim_fail(s, "S25", "job %" PRIx64 " wants %.*s and is lent to %s", m->id,
                 BYTES_ARG(spec_tags(s, &spec)), w->owner->name);
    if (work->cancel_done)
        sim_fail(s, "S22", "job %" PRIx64 " is lent after it was cancelled", m->id);
    lease_justified(s, work);
    if (!delay_passed(s, work))
        sim_fail(s, "S9", "job %" PRIx64 " is lent before its delay has passed", m->id);
    if (!guessed)
        order_kept(s, work);
    lease_kept(s, work, h, w->process);
    not_in_circles(s, work);
    work->token = work->current = m->token;
    work->released = work->returned = false;
    work->host = h;
    work->host_life = w->process;
    work->lease_us = s->now_us;
    work->lease_life = s->hub.life;
    struct lent lent = {.token = m->token, .host = h, .host_life = work->host_life};
    buf_put(&work->lents, &lent, sizeof lent);
    s->ledger->counts.leases++;
}

/* A result that has changed something is acknowledged when that is kept. */
void told_result_ack(struct sim *s, const struct wire *w, uint64_t number)
{
    const struct host *h = host_of(w);
    if (!h)
        return;
    struct host_book *book = book_of(s, h, w->process);
    if (!book)
        return;
    struct buf *results = &book->results;
    const struct result_book *all = (const struct result_book *)(const void *)results->data;
    size_t count = results->size / sizeof *all, acked = 0;
    while (acked < count && all[acked].number <= number) {
        if (all[acked].seq)
            must_be_kept(s, all[acked].seq, "the result", all[acked].id);
        acked++;
    }
    if (acked)
        memmove(results->data, results->data + acked * sizeof *all, (count - acked) * sizeof *all);
    results->size -= acked * sizeof *all;
}

/* --- running ---------------------------------------------------------------------------------- */

void ledger_executes(struct sim *s, const struct host *h, uint64_t id, uint64_t token,
                     const struct turn *turn)
{
    struct work *work = work_of(s, id);
    if (!work || work->spec.serial != turn->spec.serial)
        sim_fail(s, "S2", "%s runs job %" PRIx64 ", which was not submitted so", h->end.name, id);
    struct lent *lent = lent_of(work, token);
    if (!lent || lent->host != h || lent->host_life != h->life)
        sim_fail(s, "S5", "%s runs job %" PRIx64 " under token %" PRIx64 ", which it was not lent",
                 h->end.name, id, token);
    if (lent->executed)
        sim_fail(s, "S6", "%s runs job %" PRIx64 " twice under one lease", h->end.name, id);
    lent->executed = true;
    if (work->retries == 1 && work->executions && !turn->session)
        sim_fail(s, "S6", "%s runs job %" PRIx64 ", at most once, once more", h->end.name, id);
    work->executions++;
    s->ledger->counts.executions++;
}

/* The result may not have been kept: then its worker still has it. */
void lease_crashed(struct sim *s, struct work *work)
{
    (void)s;
    if (work->token)
        work->released = work->returned || work->kept.token >= work->current;
}
