/* SPDX-License-Identifier: Apache-2.0
 *
 * shadow: a second broker, made at random moments from the rows that the disk has then, as if the
 * first had died. It must show every job as it was kept; and a worker that comes to it, when it has
 * waited for all others in vain, must get each session with the input that is due.
 */
#include <inttypes.h>

#include "tests/sim/books.h"

enum { CLIENT_PEER = 1, WORKER_PEER, WORKER_SLOTS = 64, RECOVERED_MS = 10000 };

struct shadow {
    struct sim *sim;
    struct broker *broker;
    struct effects fx;
    uint64_t put_seq; /* the highest it has ordered to be kept */
    int64_t later_ms; /* its clock is ahead of the farm's */
    uint64_t shown;   /* jobs */
};

typedef void heard(struct shadow *shadow, const struct record *r);

/* One step; what it says goes to take, when there is one. */
static void step(struct shadow *shadow, struct event ev, heard *take)
{
    struct effects *fx = &shadow->fx;
    ev.now_ms = hub_ms(shadow->sim) + shadow->later_ms;
    ev.wall_ms = sim_wall_ms(shadow->sim) + shadow->later_ms;
    broker_step(shadow->broker, &ev, fx);
    for (size_t i = 0; i < fx->count; i++) {
        const struct effect *e = &fx->list[i];
        bool orders = e->type == FX_PUT || e->type == FX_DROP || e->type == FX_SETTLE;
        if (orders)
            shadow->put_seq = e->seq;
        if (e->type != FX_SEND || !take)
            continue;
        struct record r = {.type = REC_NONE};
        for (struct cursor c = cursor_of(effect_bytes(fx, e)); record_next(&c, &r) == OK;)
            take(shadow, &r);
    }
}

static void load(void *user, const struct disk_row *row)
{
    step(user,
         (struct event){.type = EV_LOADED,
                        .loaded = {.key = row->key, .row = buf_bytes(&row->bytes)}},
         NULL);
}

static void say(struct shadow *shadow, uint64_t peer, const struct record *r, heard *take)
{
    struct buf body = {0};
    record_put(&body, r);
    step(shadow,
         (struct event){
             .type = EV_BODY,
             .body = {peer, peer == WORKER_PEER ? PORT_WORKERS : PORT_CLIENTS, buf_bytes(&body)}},
         take);
    buf_fini(&body);
}

static void say_hello(struct shadow *shadow, uint64_t peer, enum role role, uint64_t slots)
{
    unsigned char peer_id[PEER_ID_BYTES] = {(unsigned char)peer};
    say(shadow, peer,
        &(struct record){.type = REC_hello,
                         .hello = {.version_min = PROTOCOL_VERSION,
                                   .version_max = PROTOCOL_VERSION,
                                   .role = role,
                                   .peer_id = bytes_of(peer_id, sizeof peer_id),
                                   .name = bytes_text("shadow"),
                                   .slots = slots}},
        NULL);
}

/* --- what it shows ---------------------------------------------------------------------------- */

static void take_job(struct shadow *shadow, const struct record *r)
{
    struct sim *s = shadow->sim;
    if (r->type != REC_job)
        return;
    const struct work *work = idmap_find(&s->ledger->works, r->job.id);
    if (!work || !work->kept.open || r->job.attempts != work->kept.attempts ||
        r->job.priority != work->priority || r->job.durability != CLASS_DURABLE ||
        !bytes_equal(r->job.queue, bytes_text(s->queues[work->spec.queue])))
        sim_fail(s, "S8", "job %" PRIx64 " is not found as it was kept", r->job.id);
    shadow->shown++;
}

static void show_all(struct shadow *shadow)
{
    struct sim *s = shadow->sim;
    say_hello(shadow, CLIENT_PEER, ROLE_CLIENT, 0);
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        if (!work->gone && work->durable)
            say(shadow, CLIENT_PEER,
                &(struct record){.type = REC_get_job, .get_job = {1, work->id}}, take_job);
    if (shadow->shown != kept_open(s, true))
        sim_fail(s, "S8", "%" PRIu64 " open jobs are kept, %" PRIu64 " would be found",
                 kept_open(s, true), shadow->shown);
}

/* --- what it would lend ----------------------------------------------------------------------- */

static void take_lease(struct shadow *shadow, const struct record *r)
{
    if (r->type == REC_lease)
        story_turn(shadow->sim, r->lease.args); /* fails when the input is not due */
}

static void lend_all(struct shadow *shadow)
{
    struct sim *s = shadow->sim;
    step(shadow, (struct event){.type = EV_SERVE}, NULL);
    shadow->later_ms = RECOVERED_MS;
    say_hello(shadow, WORKER_PEER, ROLE_WORKER, WORKER_SLOTS);
    for (size_t i = 0; i < LENGTH(s->queues); i++)
        say(shadow, WORKER_PEER,
            &(struct record){.type = REC_offer, .offer = {.queue = bytes_text(s->queues[i])}},
            NULL);
    say(shadow, WORKER_PEER, &(struct record){.type = REC_ready}, take_lease);
    step(shadow, (struct event){.type = EV_TICK}, take_lease);
    for (uint64_t kept = 0; kept < shadow->put_seq;) {
        kept = shadow->put_seq;
        step(shadow, (struct event){.type = EV_STORED, .stored = {.seq = kept}}, take_lease);
    }
}

void shadow_check(struct sim *s)
{
    struct shadow shadow = {.sim = s};
    struct broker_options options = {.seed = s->hub.steps,
                                     .incarnation = UINT32_MAX,
                                     .durable = true,
                                     .now_ms = hub_ms(s),
                                     .wall_ms = sim_wall_ms(s)};
    if (!s->knobs.durable)
        return;
    shadow.broker = broker_new(&options);
    disk_load(&s->store.disk, load, &shadow);
    /* Still loading: nothing has ended yet that ends at the start. */
    broker_audit(shadow.broker);
    show_all(&shadow);
    lend_all(&shadow);
    broker_free(shadow.broker);
    effects_fini(&shadow.fx);
}
