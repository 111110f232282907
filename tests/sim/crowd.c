/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crowd.h"

#include "common/must.h"

/* As consumer/core has them. */
enum { BEAT_US = 1000000, LOOK_US = 2000 };

static void arm(struct crowd *c, struct hand *h)
{
    int64_t at_us = h->words.size ? 0 : h->beat_us;
    for (unsigned i = 0; h->running && i < c->slots; i++) {
        const struct hand_slot *s = &h->slots[i];
        if (!s->id)
            continue;
        int64_t due_us =
            s->told || s->end_us <= s->start_us + LOOK_US ? s->end_us : s->start_us + LOOK_US;
        if (due_us < at_us)
            at_us = due_us;
    }
    heap_put(&c->turns, &h->turn, at_us, h->index);
}

void crowd_init(struct crowd *c, unsigned count, unsigned slots, int64_t job_us, uint64_t seed)
{
    *c = (struct crowd){.count = count,
                        .slots = slots,
                        .job_us = job_us,
                        .spread_us = job_us / 10,
                        .random = {seed}};
    c->hands = must_alloc(count * sizeof *c->hands);
    for (unsigned i = 0; i < count; i++) {
        struct hand *h = &c->hands[i];
        h->index = i;
        h->beat_us = (int64_t)random_below(&c->random, BEAT_US);
        h->slots = must_alloc(slots * sizeof *h->slots);
        arm(c, h);
    }
}

void crowd_fini(struct crowd *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        free(c->hands[i].slots);
        free(c->hands[i].waiting);
        buf_fini(&c->hands[i].words);
    }
    free(c->hands);
    heap_fini(&c->turns);
}

struct hand *crowd_next(const struct crowd *c, int64_t *at_us)
{
    struct heap_node *n = heap_first(&c->turns);
    if (!n)
        return NULL;
    *at_us = n->key;
    return container_of(n, struct hand, turn);
}

/* --- slots ------------------------------------------------------------------------------------ */

static void begin(struct crowd *c, struct hand *h, struct hand_slot *s, int64_t now_us)
{
    struct hand_lease lease = h->waiting[h->first];
    int64_t spread_us = (int64_t)random_below(&c->random, 2 * (uint64_t)c->spread_us + 1);
    int64_t run_us = c->job_us - c->spread_us + spread_us;
    h->first = (h->first + 1) % h->capacity;
    h->count--;
    *s = (struct hand_slot){.id = lease.id,
                            .token = lease.token,
                            .start_us = now_us,
                            .end_us = now_us + run_us,
                            .changed = true};
    h->running++;
    c->begun++;
    c->run_us += run_us;
}

static void take(struct hand *h, const struct msg_lease *m)
{
    if (h->count == h->capacity) {
        size_t capacity = h->capacity ? 2 * h->capacity : 16;
        struct hand_lease *all = must_alloc(capacity * sizeof *all);
        for (size_t i = 0; i < h->count; i++)
            all[i] = h->waiting[(h->first + i) % h->capacity];
        free(h->waiting);
        h->waiting = all;
        h->first = 0;
        h->capacity = capacity;
    }
    h->waiting[(h->first + h->count++) % h->capacity] =
        (struct hand_lease){.id = m->id, .token = m->token};
}

static void begin_waiting(struct crowd *c, struct hand *h, int64_t now_us)
{
    for (unsigned i = 0; h->count && h->running < c->slots && i < c->slots; i++)
        if (!h->slots[i].id)
            begin(c, h, &h->slots[i], now_us);
}

/* --- words ------------------------------------------------------------------------------------ */

static void tell_slot(struct hand *h, struct hand_slot *s, int64_t now_us, struct buf *body)
{
    if (s->end_us <= now_us) {
        record_put(body, &(struct record){.type = REC_result,
                                          .result = {.number = ++h->results,
                                                     .id = s->id,
                                                     .token = s->token,
                                                     .value = bytes_of("\x2a", 1),
                                                     .run_us = (uint64_t)(s->end_us - s->start_us),
                                                     .peak_kib = 4096}});
        *s = (struct hand_slot){.changed = true};
        h->running--;
    } else if (!s->told && s->start_us + LOOK_US <= now_us) {
        record_put(body, &(struct record){.type = REC_started,
                                          .started = {.id = s->id, .token = s->token}});
        s->told = true;
    }
}

static void beat(struct crowd *c, struct hand *h, struct buf *body)
{
    h->beat_us += BEAT_US;
    record_put(body, &(struct record){.type = REC_beat});
    for (unsigned i = 0; i < c->slots; i++) {
        struct hand_slot *s = &h->slots[i];
        struct record r = {.type = REC_slot_state,
                           .slot_state = {.index = i,
                                          .pid = 1000 + i,
                                          .state = s->id ? SLOT_RUNNING : SLOT_IDLE,
                                          .job = s->id}};
        if (s->changed)
            record_put(body, &r);
        s->changed = false;
    }
}

void hand_speaks(struct crowd *c, struct hand *h, int64_t now_us, struct buf *body)
{
    buf_put(body, h->words.data, h->words.size);
    buf_clear(&h->words);
    for (unsigned i = 0; i < c->slots; i++)
        if (h->slots[i].id)
            tell_slot(h, &h->slots[i], now_us, body);
    begin_waiting(c, h, now_us);
    if (h->beat_us <= now_us)
        beat(c, h, body);
    arm(c, h);
}

/* What has not begun goes back. */
static void recall(struct hand *h, const struct msg_recall *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct hand_lease lease = h->waiting[(h->first + i) % h->capacity];
        if (lease.id != m->id || lease.token != m->token)
            h->waiting[(h->first + kept++) % h->capacity] = lease;
    }
    if (kept < h->count)
        record_put(&h->words, &(struct record){.type = REC_returned,
                                               .returned = {.id = m->id, .token = m->token}});
    h->count = kept;
}

void hand_hears(struct crowd *c, struct hand *h, int64_t now_us, const struct record *r)
{
    if (r->type == REC_recall)
        recall(h, &r->recall);
    else if (r->type == REC_lease)
        take(h, &r->lease);
    else
        return; /* acknowledgements and pings change nothing here */
    begin_waiting(c, h, now_us);
    arm(c, h);
}
