/* SPDX-License-Identifier: Apache-2.0
 *
 * plant: bugs put in on purpose, to show that a checker finds each. All are in transit: what goes
 * into the core and what comes out of it is changed (a row that is not put, a word said too early,
 * a token that is not looked at), and the core is the real one. So there is no code for bugs in
 * what is shipped, and what the ledger sees is what a core with that bug would do.
 */
#include "tests/sim/sim.h"

/* Every plant waits for its chance, then strikes once in a while. */
static bool strikes(struct sim *s)
{
    return sim_chance(s, 0.3);
}

static struct record record_of(const struct effects *fx, const struct effect *e)
{
    struct record r = {.type = REC_NONE};
    struct cursor c = cursor_of(effect_bytes(fx, e));
    if (e->type == FX_SEND && record_get(&c, &r) != OK)
        r.type = REC_NONE;
    return r;
}

static void replace(struct effects *fx, size_t i, const struct record *r)
{
    struct buf bytes = {0};
    record_put(&bytes, r); /* r borrows what may move */
    fx->list[i].at = fx->bytes.size;
    fx->list[i].size = (uint32_t)bytes.size;
    buf_put(&fx->bytes, bytes.data, bytes.size);
    buf_fini(&bytes);
}

static void drop(struct effects *fx, size_t i)
{
    memmove(fx->list + i, fx->list + i + 1, (fx->count - i - 1) * sizeof *fx->list);
    fx->count--;
}

static void twice(struct effects *fx, size_t i)
{
    struct effect *copy = effects_append(fx);
    *copy = fx->list[i];
}

static void says(struct effects *fx, uint64_t peer, const struct record *r)
{
    *effects_append(fx) = (struct effect){.type = FX_SEND, .peer = peer};
    replace(fx, fx->count - 1, r);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The order keeps its number and does nothing. */
static bool unkept(struct effects *fx, size_t i)
{
    struct effect *e = &fx->list[i];
    *e = (struct effect){.type = FX_SETTLE, .kind = ROW_ENDED, .seq = e->seq};
    return true;
}

/* Every record of a row goes through `change`; false when none was changed. */
static bool row_change(struct effects *fx, size_t i, bool (*change)(struct record *r))
{
    struct cursor c = cursor_of(effect_bytes(fx, &fx->list[i]));
    struct buf bytes = {0};
    struct record r;
    bool changed = false;
    while (!cursor_done(&c) && record_get(&c, &r) == OK) {
        changed |= change(&r);
        record_put(&bytes, &r);
    }
    if (changed) {
        fx->list[i].at = fx->bytes.size;
        fx->list[i].size = (uint32_t)bytes.size;
        buf_put(&fx->bytes, bytes.data, bytes.size);
    }
    buf_fini(&bytes);
    return changed;
}

static bool ends_well(struct record *r)
{
    if (r->type != REC_ended)
        return false;
    r->ended.state = JOB_OK;
    return true;
}

static bool not_stopped(struct record *r)
{
    bool stopped = r->type == REC_origin && r->origin.stop;
    if (stopped)
        r->origin.stop = 0;
    return stopped;
}

static bool counted_twice(struct record *r)
{
    bool tried = r->type == REC_origin && r->origin.attempts;
    if (tried)
        r->origin.attempts++;
    return tried;
}

static bool turn_skipped(struct record *r)
{
    bool turned = r->type == REC_chain_row && r->chain_row.iteration;
    if (turned)
        r->chain_row.iteration++;
    return turned;
}

/* [state, input]: the input is one nil. */
static bool input_lost(struct effects *fx, size_t i, struct record *r)
{
    struct cursor c = cursor_of(r->lease.args);
    if (r->type != REC_lease || cursor_array(&c) != 2 || cursor_peek(&c) == PACK_NIL)
        return false; /* the first one's is what it was submitted with */
    cursor_skip(&c);
    if (cursor_peek(&c) == PACK_NIL)
        return false;
    struct buf args = {0};
    buf_put(&args, r->lease.args.data, r->lease.args.size - cursor_left(&c));
    pack_nil(&args);
    r->lease.args = buf_bytes(&args);
    replace(fx, i, r);
    buf_fini(&args);
    return true;
}

static bool accept_early(const struct event *ev, struct effects *fx, size_t i)
{
    struct cursor c = cursor_of(effect_bytes(fx, &fx->list[i]));
    struct record submit, origin;
    if (ev->type != EV_BODY || ev->body.port != PORT_CLIENTS || record_get(&c, &submit) ||
        record_get(&c, &origin) || origin.origin.attempts || origin.origin.stop)
        return false;
    says(fx, ev->body.peer,
         &(struct record){.type = REC_accepted,
                          .accepted = {.number = submit.submit.number,
                                       .id = origin.origin.id,
                                       .durability = CLASS_DURABLE}});
    return true;
}

static bool strike_row(struct sim *s, const struct event *ev, struct effects *fx, size_t i)
{
    const struct effect *e = &fx->list[i];
    bool ended = e->kind == ROW_ENDED, job = e->kind == ROW_JOB;
    switch (s->plant) {
    case PLANT_DROP_END: return ended && unkept(fx, i);
    case PLANT_DOUBLE_END: return ended && (twice(fx, i), true);
    case PLANT_OK_CANCELLED:
        if (!ended || e->state != JOB_CANCELLED)
            return false;
        fx->list[i].state = JOB_OK;
        return row_change(fx, i, ends_well);
    case PLANT_JOB_UNKEPT: return job && unkept(fx, i);
    case PLANT_CLIENT_UNKEPT: return e->kind == ROW_CLIENT && unkept(fx, i);
    case PLANT_KEY_UNKEPT: return e->kind == ROW_KEY && unkept(fx, i);
    case PLANT_JOINED_UNKEPT: return e->kind == ROW_JOINED && unkept(fx, i);
    case PLANT_TASK_UNKEPT: return e->kind == ROW_TASK && unkept(fx, i);
    case PLANT_MARK_LATE: return e->kind == ROW_MARK && unkept(fx, i);
    case PLANT_CANCEL_UNKEPT: return job && row_change(fx, i, not_stopped);
    case PLANT_TURN_SKIPPED: return job && row_change(fx, i, turn_skipped);
    case PLANT_RETRY_TWICE: return job && row_change(fx, i, counted_twice);
    case PLANT_ACK_EARLY: return job && s->knobs.durable && accept_early(ev, fx, i);
    default: return false;
    }
}

/* Of a job that has no row. */
static bool strike_bygone(struct sim *s, struct effects *fx, size_t i)
{
    uint64_t id = fx->list[i].id;
    switch (s->plant) {
    case PLANT_DROP_END: drop(fx, i); return true;
    case PLANT_DOUBLE_END: twice(fx, i); return true;
    case PLANT_OK_CANCELLED:
        if (fx->list[i].state != JOB_CANCELLED)
            return false;
        fx->list[i].state = JOB_OK;
        return row_change(fx, i, ends_well);
    case PLANT_END_FORGOTTEN:
        *effects_append(fx) = (struct effect){.type = FX_GONE, .id = id};
        return true;
    default: return false;
    }
}

/* --- what is told ----------------------------------------------------------------------------- */

/* The number of an update is the small one behind "seq". */
static bool renumber(struct effects *fx, size_t i)
{
    unsigned char *at = fx->bytes.data + fx->list[i].at;
    if (fx->list[i].size < 6 || memcmp(at + 1, "\xa3seq", 4) != 0 || at[5] < 2 || at[5] > 0x7f)
        return false;
    at[5]--;
    return true;
}

static bool of_feed(struct bytes topic)
{
    return bytes_starts(topic, bytes_text("feed0/"));
}

static bool numbered_anew(struct effects *fx, size_t i)
{
    unsigned char *at = fx->bytes.data + fx->list[i].at;
    if (!of_feed(effect_name(fx, &fx->list[i])) || memcmp(at + 1, "\xa3seq", 4) != 0 || at[5] < 2 ||
        at[5] > 0x7f)
        return false;
    at[5] = 1;
    return true;
}

/* How many are open is the last pair. */
static bool one_too_few(struct effects *fx, size_t i)
{
    unsigned char *last = fx->bytes.data + fx->list[i].at + fx->list[i].size - 1;
    if (!bytes_equal(effect_name(fx, &fx->list[i]), bytes_of("todo", sizeof "todo")) || *last < 1 ||
        *last > 0x7f)
        return false;
    --*last;
    return true;
}

static bool strike_update(struct sim *s, struct effects *fx, size_t i)
{
    switch (s->plant) {
    case PLANT_RENUMBER_UPDATE: return renumber(fx, i);
    case PLANT_FEED_ANEW: return numbered_anew(fx, i);
    case PLANT_TASK_COUNT: return one_too_few(fx, i);
    case PLANT_SKIP_UPDATE: drop(fx, i); return true;
    default: return false;
    }
}

/* A lease of a feed, under the id of another job. */
static bool feed_twice(struct record *r)
{
    struct spec spec = {0};
    if (r->type == REC_lease)
        spec = lease_spec(r->lease.args);
    if (!spec_feed(&spec))
        return false;
    r->lease.id += 1000;
    return true;
}

static bool strike_sent(struct sim *s, struct effects *fx, size_t i)
{
    struct record r = record_of(fx, &fx->list[i]);
    switch (s->plant) {
    case PLANT_FORGE_ACCEPTED:
        if (r.type != REC_accepted || !ledger_any_job(s))
            return false;
        r.accepted.id = ledger_any_job(s);
        break;
    case PLANT_OLD_TOKEN:
        if (r.type != REC_lease || !ledger_token(s, r.lease.id))
            return false;
        r.lease.token = ledger_token(s, r.lease.id);
        break;
    case PLANT_INPUT_LOST: return input_lost(fx, i, &r);
    case PLANT_TWO_LEASES: return r.type == REC_lease && (twice(fx, i), true);
    case PLANT_ENDED_TWICE: return r.type == REC_ended && (twice(fx, i), true);
    case PLANT_DROP_LEASE: return r.type == REC_lease && (drop(fx, i), true);
    case PLANT_DROP_ERROR: return r.type == REC_error && r.error.number && (drop(fx, i), true);
    case PLANT_TASK_UNLISTED: return r.type == REC_task && (drop(fx, i), true);
    case PLANT_FOLLOW_GAP:
        return r.type == REC_update && r.update.number > WATCH_NUMBERS_SIM + WATCHES_MAX &&
               (drop(fx, i), true);
    case PLANT_RING_SHORT: return r.type == REC_update && (drop(fx, i), true);
    case PLANT_WRONG_VALUE:
        if (r.type != REC_ended || !r.ended.value.size)
            return false;
        r.ended.value.size--;
        break;
    case PLANT_TASK_AGAIN:
        if (r.type != REC_task || r.task.task < 2)
            return false;
        r.task.task--;
        break;
    case PLANT_FEED_TWICE:
        if (!feed_twice(&r))
            return false;
        break;
    case PLANT_DRIFT:
        if (s->round == 0 || r.type != REC_accepted)
            return false;
        r.accepted.durability ^= 1;
        break;
    default: return false;
    }
    replace(fx, i, &r);
    return true;
}

static bool strike(struct sim *s, const struct event *ev, struct effects *fx, size_t i)
{
    switch (fx->list[i].type) {
    case FX_PUT: return strike_row(s, ev, fx, i);
    case FX_BYGONE: return strike_bygone(s, fx, i);
    case FX_SEND: return strike_sent(s, fx, i);
    case FX_PUBLISH: return strike_update(s, fx, i);
    default: return false;
    }
}

/* The highest number of a result in a worker's body is acknowledged at once. */
static bool ack_early(const struct event *ev, struct effects *fx)
{
    struct cursor c = cursor_of(ev->body.bytes);
    struct record r;
    uint64_t number = 0;
    if (ev->type != EV_BODY || ev->body.port != PORT_WORKERS)
        return false;
    while (!cursor_done(&c) && record_get(&c, &r) == OK)
        if (r.type == REC_result && r.result.number > number)
            number = r.result.number;
    if (number)
        says(fx, ev->body.peer,
             &(struct record){.type = REC_result_ack, .result_ack = {.number = number}});
    return number;
}

/* The first task completed in a client's body is answered at once. */
static bool completed_early(const struct event *ev, struct effects *fx)
{
    struct cursor c = cursor_of(ev->body.bytes);
    struct record r = {.type = REC_NONE};
    if (ev->type != EV_BODY || ev->body.port != PORT_CLIENTS)
        return false;
    while (!cursor_done(&c) && record_next(&c, &r) == OK)
        if (r.type == REC_complete_task) {
            says(fx, ev->body.peer,
                 &(struct record){.type = REC_done, .done = {.number = r.complete_task.number}});
            return true;
        }
    return false;
}

void plant_effects(struct sim *s, const struct event *ev, struct effects *fx)
{
    bool struck = s->plant == PLANT_RESULT_ACK_EARLY && strikes(s) && ack_early(ev, fx);
    struck |= s->plant == PLANT_TASK_EARLY && strikes(s) && completed_early(ev, fx);
    for (size_t i = 0; i < fx->count && !struck; i++)
        struck = strikes(s) && strike(s, ev, fx, i);
    if (struck)
        trace(s, "PLANT", "struck");
}

/* --- what goes in ----------------------------------------------------------------------------- */

/* As if neither its token nor who sends it were looked at: it comes from the one that has the job
 * now. Its number is one that changes nothing. */
static bool taken_for_current(struct sim *s, struct record stale)
{
    bool result = stale.type == REC_result;
    uint64_t id = result ? stale.result.id : stale.progress.id, peer = ledger_holder(s, id);
    uint64_t *token = result ? &stale.result.token : &stale.progress.token;
    if (!peer || *token == ledger_token(s, id) ||
        (s->plant == PLANT_LATE_RESULT && *token >> 32 == s->hub.incarnation))
        return false;
    struct buf forged = {0};
    *token = ledger_token(s, id);
    if (result)
        stale.result.number = 0;
    record_put(&forged, &stale);
    struct event ev = {.type = EV_BODY,
                       .body = {.peer = peer, .port = PORT_WORKERS, .bytes = buf_bytes(&forged)}};
    hub_step(s, &ev);
    buf_fini(&forged);
    return true;
}

bool plant_body(struct sim *s, const struct wire *w, struct bytes body, struct buf *out)
{
    bool stale = s->plant == PLANT_IGNORE_STALE || s->plant == PLANT_LATE_RESULT;
    bool stale_progress = s->plant == PLANT_OLD_PROGRESS;
    bool silent = s->plant == PLANT_ADOPTED_AGAIN, claims = s->plant == PLANT_TAGS_CLAIMED;
    bool struck = false;
    struct cursor c = cursor_of(body);
    struct record r;
    if (w->owner->kind != END_HOST && !stale_progress)
        return false; /* what the rogue says is a lie in any case */
    while (!cursor_done(&c) && record_get(&c, &r) == OK) {
        if ((stale && r.type == REC_result) || (stale_progress && r.type == REC_progress))
            struck |= taken_for_current(s, r);
        if (claims && r.type == REC_hello) {
            r.hello.tags = host_tags(s, 0);
            struck = true;
        }
        if (silent && r.type == REC_holding)
            struck = true;
        else
            record_put(out, &r);
    }
    if (struck)
        trace(s, "PLANT", "struck");
    return struck;
}

/* As if nobody had come, or gone. */
void plant_event(struct sim *s, struct event *ev)
{
    bool on = s->plant == PLANT_FEED_DEAF;
    if ((!on && s->plant != PLANT_FEED_ENDLESS) || ev->type != EV_WATCH || ev->watch.on != on ||
        !of_feed(ev->watch.topic) || !strikes(s))
        return;
    *ev = (struct event){.type = EV_TICK, .now_ms = ev->now_ms, .wall_ms = ev->wall_ms};
    trace(s, "PLANT", "struck");
}

bool plant_row(struct sim *s, const struct row_key *key)
{
    return (s->plant != PLANT_NOT_AWAITED || key->kind != ROW_WORKER) &&
           (s->plant != PLANT_TASK_FORGOTTEN || key->kind != ROW_TASK);
}
