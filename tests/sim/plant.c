/* SPDX-License-Identifier: Apache-2.0
 *
 * plant: bugs put in on purpose, in transit, to show that a checker finds each. Only what goes to
 * and comes from the core is changed; the core is the real one.
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
    fx->list[i].size = bytes.size;
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
    if (fx->count == fx->capacity) {
        fx->capacity *= 2;
        fx->list = must_realloc(fx->list, fx->capacity * sizeof *fx->list);
    }
    fx->list[fx->count++] = fx->list[i];
}

/* The end of a job is in three records; they are all changed. */
static void row_ends_well(struct effects *fx, size_t i)
{
    struct cursor c = cursor_of(effect_bytes(fx, &fx->list[i]));
    struct record r[3];
    struct buf bytes = {0};
    for (int k = 0; k < 3; k++)
        must(record_get(&c, &r[k]) == OK);
    r[1].job.state = r[2].ended.state = JOB_OK;
    for (int k = 0; k < 3; k++)
        record_put(&bytes, &r[k]);
    fx->list[i].state = JOB_OK;
    fx->list[i].at = fx->bytes.size;
    fx->list[i].size = bytes.size;
    buf_put(&fx->bytes, bytes.data, bytes.size);
    buf_fini(&bytes);
}

/* The number of an update is the small one behind "seq". */
static bool renumber(struct effects *fx, size_t i)
{
    unsigned char *at = fx->bytes.data + fx->list[i].at;
    if (fx->list[i].size < 6 || memcmp(at + 1, "\xa3seq", 4) != 0 || at[5] < 2 || at[5] > 0x7f)
        return false;
    at[5]--;
    return true;
}

static bool strike(struct sim *s, struct effects *fx, size_t i)
{
    struct effect *e = &fx->list[i];
    struct record r = record_of(fx, e);
    switch (s->plant) {
    case PLANT_DROP_APPEND:
        if (e->type != FX_APPEND)
            return false;
        drop(fx, i);
        return true;
    case PLANT_DOUBLE_APPEND:
        if (e->type != FX_APPEND)
            return false;
        twice(fx, i);
        return true;
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
    case PLANT_TWO_LEASES:
        if (r.type != REC_lease)
            return false;
        twice(fx, i);
        return true;
    case PLANT_DROP_LEASE:
        if (r.type != REC_lease)
            return false;
        drop(fx, i);
        return true;
    case PLANT_DROP_ERROR:
        if (r.type != REC_error || !r.error.number)
            return false;
        drop(fx, i);
        return true;
    case PLANT_OK_CANCELLED:
        if (e->type != FX_APPEND || e->state != JOB_CANCELLED)
            return false;
        row_ends_well(fx, i);
        return true;
    case PLANT_WRONG_VALUE:
        if (r.type != REC_ended || !r.ended.value.size)
            return false;
        r.ended.value.size--;
        break;
    case PLANT_SKIP_UPDATE:
        if (e->type != FX_PUBLISH)
            return false;
        drop(fx, i);
        return true;
    case PLANT_RENUMBER_UPDATE: return e->type == FX_PUBLISH && renumber(fx, i);
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

void plant_effects(struct sim *s, struct effects *fx)
{
    for (size_t i = 0; i < fx->count; i++)
        if (strikes(s) && strike(s, fx, i)) {
            trace(s, "PLANT", "struck");
            return;
        }
}

bool plant_body(struct sim *s, const struct wire *w, struct bytes body, struct buf *out)
{
    bool changed = false;
    if (w->port != PORT_WORKERS || s->plant != PLANT_IGNORE_STALE)
        return false;
    struct cursor c = cursor_of(body);
    struct record r;
    while (!cursor_done(&c) && record_get(&c, &r) == OK) {
        if (r.type == REC_result && r.result.token != ledger_token(s, r.result.id)) {
            r.result.token = ledger_token(s, r.result.id);
            changed = true;
        }
        record_put(out, &r);
    }
    if (changed)
        trace(s, "PLANT", "struck");
    return changed;
}
