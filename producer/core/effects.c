/* SPDX-License-Identifier: Apache-2.0
 *
 * effects: what leaves the core. Bytes are gathered in one arena a step.
 *
 * Durable before told: what says that something is kept (an acceptance, a result, an update, an
 * acknowledgement to a worker) is made behind the gate. There it waits in `held`, in order, until
 * the store has kept every row put before it. Orders to the store themselves never wait.
 */
#include "producer/core/core.h"

enum { ROW_BYTES = 4096 }; /* of one effect: the frames it goes into are filled as well */

static bool told(enum effect_type type)
{
    return type == FX_SEND || type == FX_PUBLISH;
}

struct effect *effects_append(struct effects *fx)
{
    if (fx->count == fx->capacity) {
        fx->capacity = fx->capacity ? fx->capacity * 2 : 64;
        fx->list = must_realloc(fx->list, fx->capacity * sizeof *fx->list);
    }
    fx->row = NULL;
    return &fx->list[fx->count++];
}

/* Those with the same `by` keep their order: one that need not wait stays behind one that does. */
static struct effect *add(struct broker *b, enum effect_type type, uint64_t *by)
{
    uint64_t seq = b->gates ? b->put_seq : by ? *by : 0;
    bool waits = told(type) && seq > b->stored_seq;
    b->into = waits ? &b->held : b->out;
    struct effect *e = effects_append(b->into);
    *e = (struct effect){.type = type, .at = b->into->bytes.size};
    if (!waits)
        return e;
    const struct effects *held = &b->held; /* what waits leaves in its order */
    if (held->count > 1 && held->list[held->count - 2].seq > seq)
        seq = held->list[held->count - 2].seq;
    e->seq = seq;
    if (by)
        *by = seq;
    return e;
}

struct effect *effect_add(struct broker *b, enum effect_type type)
{
    return add(b, type, type == FX_PUBLISH ? &b->published_by : NULL);
}

/* The name comes before the bytes. */
void effect_name_put(struct broker *b, struct effect *e, struct bytes name)
{
    e->name_size = (uint32_t)name.size;
    buf_put(&b->into->bytes, name.data, name.size);
    e->at = b->into->bytes.size;
}

void effect_close(struct broker *b, struct effect *e)
{
    size_t size = b->into->bytes.size - e->at;
    must(size <= UINT32_MAX);
    e->size = (uint32_t)size;
}

void effects_fini(struct effects *out)
{
    free(out->list);
    buf_fini(&out->bytes);
    *out = (struct effects){0};
}

/* --- the gate --------------------------------------------------------------------------------- */

void gate_open(struct broker *b)
{
    b->gates++;
}

void gate_close(struct broker *b)
{
    must(b->gates);
    b->gates--;
}

/* A lease that was taken back while it waited here is told to nobody: its worker would run what may
 * be another's by now. */
static bool lease_void(const struct broker *b, const struct effect *e)
{
    if (e->type != FX_SEND || !e->id)
        return false;
    const struct job *job = job_find(b, e->id);
    return !job || job->state != JOB_RUNNING || job_last_token(b, job) != e->count ||
           !job->worker->peer || job->worker->peer->id != e->peer;
}

/* The bytes of neighbouring effects lie side by side: they move as one. */
static void release(struct broker *b, size_t from, size_t to)
{
    struct effects *held = &b->held, *out = b->out;
    const struct effect *first = &held->list[from], *last = &held->list[to - 1];
    size_t start = first->at - first->name_size, end = last->at + last->size;
    size_t base = out->bytes.size;
    buf_put(&out->bytes, held->bytes.data + start, end - start);
    for (size_t i = from; i < to; i++) {
        if (lease_void(b, &held->list[i]))
            continue;
        struct effect *e = effects_append(out);
        *e = held->list[i];
        e->seq = 0;
        e->at = e->at - start + base;
    }
}

/* What is left moves to the front once it is the smaller part. */
static void compact(struct broker *b)
{
    struct effects *held = &b->held;
    size_t left = held->count - b->held_from;
    if (b->held_from < left)
        return;
    if (left) {
        const struct effect *first = &held->list[b->held_from];
        size_t start = first->at - first->name_size;
        memmove(held->bytes.data, held->bytes.data + start, held->bytes.size - start);
        held->bytes.size -= start;
        memmove(held->list, held->list + b->held_from, left * sizeof *held->list);
        for (size_t i = 0; i < left; i++)
            held->list[i].at -= start;
    } else {
        buf_clear(&held->bytes);
    }
    held->count = left;
    b->held_from = 0;
}

void gate_release(struct broker *b)
{
    struct effects *held = &b->held;
    size_t to = b->held_from;
    while (to < held->count && held->list[to].seq <= b->stored_seq)
        to++;
    if (to == b->held_from)
        return;
    release(b, b->held_from, to);
    b->held_from = to;
    compact(b);
}

/* --- records to peers ------------------------------------------------------------------------- */

static struct effect *send_open(struct broker *b, const struct peer *peer)
{
    struct effect *e = effect_add(b, FX_SEND);
    e->peer = peer->id;
    return e;
}

static void send_close(struct broker *b, struct effect *e, const struct peer *peer,
                       struct said said)
{
    b->into->row = said.mark ? peer->again : NULL;
    e->mark = said.mark;
    e->name_size = said.brief;
    e->at += said.brief;
    effect_close(b, e);
}

/* The effect that ends with this record of theirs, if nothing came behind it: the next of the row
 * needs neither an effect of its own nor to be whole. NULL: it does. */
static struct effect *row_of(const struct broker *b, const struct again *again, uint32_t mark)
{
    const struct effects *out = b->out;
    if (out->row != again || b->gates)
        return NULL;
    struct effect *e = &out->list[out->count - 1];
    return e->mark + e->more == mark && e->size < ROW_BYTES ? e : NULL;
}

static void row_add(struct effect *e, uint32_t size)
{
    e->more++;
    e->more_size += size;
    e->size += size;
}

void send_lease(struct broker *b, const struct peer *peer, const struct msg_lease *m)
{
    struct again *again = peer->again;
    struct effect *row = again ? row_of(b, again, again->mark) : NULL;
    uint32_t brief = row ? again_brief_lease(again, &b->out->bytes, m) : 0;
    struct said said = {0};
    if (brief) {
        row_add(row, brief);
        return;
    }
    struct effect *e = send_open(b, peer);
    e->id = m->id; /* while it waits for the store it may be taken back, see lease_void */
    e->count = m->token;
    if (again)
        said = again_put_lease(again, &b->into->bytes, m);
    else
        put_lease(&b->into->bytes, m);
    send_close(b, e, peer, said);
}

void send_ended(struct broker *b, const struct peer *peer, const struct msg_ended *m)
{
    struct again *again = peer->again;
    struct effect *row = again ? row_of(b, again, again->mark) : NULL;
    uint32_t brief = row ? again_brief_ended(again, &b->out->bytes, m) : 0;
    if (brief)
        row_add(row, brief);
    else
        send_record(b, peer, &(struct record){.type = REC_ended, .ended = *m});
}

void send_said(struct broker *b, const struct peer *peer, struct bytes both, struct said said)
{
    struct effect *row = said.brief ? row_of(b, peer->again, said.mark - 1) : NULL;
    if (row) {
        both.size = said.brief;
        bytes_copy(buf_extend(&b->out->bytes, both.size), both);
        row_add(row, said.brief);
        return;
    }
    struct effect *e = send_open(b, peer);
    buf_put(&b->into->bytes, both.data, both.size);
    send_close(b, e, peer, said);
}

static void send_one(struct broker *b, struct effect *e, const struct peer *peer,
                     const struct record *r)
{
    struct said said = {0};
    e->peer = peer->id;
    if (peer->again)
        said = again_put(peer->again, &b->into->bytes, r);
    else
        record_put(&b->into->bytes, r);
    send_close(b, e, peer, said);
}

void send_record(struct broker *b, const struct peer *peer, const struct record *r)
{
    send_one(b, effect_add(b, FX_SEND), peer, r);
}

void send_lazily(struct broker *b, const struct peer *peer, const struct record *r)
{
    struct effect *e = effect_add(b, FX_SEND);
    e->lazy = true;
    send_one(b, e, peer, r);
}

void send_behind(struct broker *b, const struct peer *peer, const struct record *r, uint64_t *by)
{
    send_one(b, add(b, FX_SEND, by), peer, r);
}

void send_refusal(struct broker *b, const struct peer *peer, uint64_t number, enum err code,
                  const char *text, uint64_t retry_ms)
{
    struct record r = {.type = REC_error,
                       .error = {.number = number,
                                 .code = code,
                                 .text = bytes_text(text ? text : err_text(code)),
                                 .retry_ms = retry_ms}};
    send_record(b, peer, &r);
}

void send_error(struct broker *b, const struct peer *peer, uint64_t number, enum err code,
                const char *text)
{
    bool later = code == ERR_BUSY || code == ERR_DISK_FULL;
    send_refusal(b, peer, number, code, text, later ? 1000 : 0);
}

void send_done(struct broker *b, const struct peer *peer, uint64_t number)
{
    send_record(b, peer, &(struct record){.type = REC_done, .done = {.number = number}});
}

void send_end(struct broker *b, const struct peer *peer, uint64_t number, uint64_t next)
{
    send_record(b, peer,
                &(struct record){.type = REC_end, .end = {.number = number, .next = next}});
}

struct bytes bytes_keep(struct bytes b)
{
    if (!b.size)
        return (struct bytes){0};
    void *copy = must_alloc(b.size);
    memcpy(copy, b.data, b.size);
    return bytes_of(copy, b.size);
}

void bytes_drop(struct bytes *b)
{
    free((void *)(uintptr_t)b->data);
    *b = (struct bytes){0};
}
