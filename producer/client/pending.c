/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/pending.h"

#include "proto/again.h"

/* So that what is not costs nothing for it. */
#define RARE __attribute__((noinline, cold))

enum { LARGE_BYTES = 4096 }; /* from here on not kept in a chunk, which one straggler holds */

void pending_init(struct pending *p)
{
    *p = (struct pending){.floor = 1, .sent = 1, .next = 1};
    p->chunks = must_alloc(sizeof(void *));
}

static bool is_large(const struct submission *s)
{
    return s->size >= LARGE_BYTES;
}

static unsigned char *large_of(const struct pending_chunk *chunk, const struct submission *s)
{
    unsigned char *large;
    memcpy(&large, chunk->bytes.data + s->at, sizeof large);
    return large;
}

static void chunk_free(struct pending_chunk *chunk)
{
    if (!chunk)
        return;
    for (unsigned i = 0; i < CHUNK_NUMBERS; i++)
        if (chunk->at[i].state != SUBMISSION_NONE && is_large(&chunk->at[i]))
            free(large_of(chunk, &chunk->at[i]));
    buf_fini(&chunk->bytes);
    free(chunk);
}

void pending_fini(struct pending *p)
{
    for (uint64_t i = 0; i <= p->mask; i++)
        chunk_free(p->chunks[i]);
    chunk_free(p->spare);
    free(p->chunks);
    buf_fini(&p->terms);
    *p = (struct pending){0};
}

static inline struct pending_chunk *chunk_of(const struct pending *p, uint64_t number)
{
    uint64_t index = number / CHUNK_NUMBERS;
    struct pending_chunk *chunk = p->chunks[index & p->mask];
    return chunk && chunk->index == index ? chunk : NULL;
}

/* Lets go of a chunk in which nothing lives and into which nothing will come. */
static RARE void chunk_release(struct pending *p, uint64_t index)
{
    struct pending_chunk *chunk = chunk_of(p, index * CHUNK_NUMBERS);
    if (!chunk || chunk->live || (index + 1) * CHUNK_NUMBERS > p->next)
        return;
    p->chunks[index & p->mask] = NULL;
    if (p->spare) {
        chunk_free(chunk);
    } else {
        buf_clear(&chunk->bytes);
        chunk->terms_size = 0;
        chunk->edition = 0;
        p->spare = chunk;
    }
}

/* Twice the places: who wanted places of their own still do. */
static void places_double(struct pending *p)
{
    uint64_t mask = p->mask * 2 + 1;
    struct pending_chunk **chunks = must_alloc((mask + 1) * sizeof(void *));
    for (uint64_t i = 0; i <= p->mask; i++)
        if (p->chunks[i])
            chunks[p->chunks[i]->index & mask] = p->chunks[i];
    free(p->chunks);
    p->chunks = chunks;
    p->mask = mask;
}

static RARE struct pending_chunk *chunk_make(struct pending *p, uint64_t number)
{
    uint64_t index = number / CHUNK_NUMBERS;
    struct pending_chunk *chunk;
    while (p->chunks[index & p->mask])
        places_double(p);
    chunk = p->spare ? p->spare : must_alloc(sizeof *chunk);
    p->spare = NULL;
    chunk->index = index;
    p->chunks[index & p->mask] = chunk;
    return chunk;
}

/* The record of a submission that has neither number nor arguments. */
static void terms_put(struct buf *out, const struct msg_submit *m)
{
    struct msg_submit terms = *m;
    terms.number = 0;
    terms.args = bytes_of(NULL, 0);
    put_submit(out, &terms);
}

void pending_terms(struct pending *p, const struct msg_submit *m)
{
    buf_clear(&p->terms);
    terms_put(&p->terms, m);
    p->edition++;
}

/* Sets terms aside, or back. */
static void terms_swap(struct pending *p, struct buf *terms)
{
    struct buf kept = p->terms;
    p->terms = *terms;
    p->edition++;
    *terms = kept;
}

/* True when the last one in the chunk has the same. */
static RARE bool terms_keep(struct pending *p, struct pending_chunk *chunk)
{
    struct bytes terms = buf_bytes(&p->terms);
    must(terms.size);
    chunk->edition = p->edition;
    if (chunk->terms_size &&
        bytes_equal(terms, bytes_of(chunk->bytes.data + chunk->terms, chunk->terms_size)))
        return true;
    chunk->terms = (uint32_t)chunk->bytes.size;
    chunk->terms_size = (uint32_t)terms.size;
    buf_put(&chunk->bytes, terms.data, terms.size);
    p->unsent_bytes += terms.size;
    return false;
}

static RARE void large_keep(struct buf *out, struct bytes args)
{
    unsigned char *large = must_alloc(args.size);
    bytes_copy(large, args);
    buf_put(out, &large, sizeof large);
}

/* Puts a submission under this number, which is not below next; numbers between stay unused. */
static inline struct submission *pending_place(struct pending *p, uint64_t number,
                                               struct bytes args)
{
    enum { HEAD_BYTES = 4 }; /* of one that says no more than its arguments */
    struct pending_chunk *chunk = chunk_of(p, number);
    must(args.size && args.size <= VALUE_BYTES_MAX);
    if (!chunk)
        chunk = chunk_make(p, number);
    bool alike = chunk->edition == p->edition || terms_keep(p, chunk);
    bool large = args.size >= LARGE_BYTES;
    if (large)
        large_keep(&chunk->bytes, args);
    else
        again_put_args(&chunk->bytes, args);
    struct submission *s = &chunk->at[number % CHUNK_NUMBERS];
    *s = (struct submission){
        .at = (uint32_t)(chunk->bytes.size - (large ? sizeof(void *) : args.size)),
        .size = (uint32_t)args.size,
        .terms = chunk->terms,
        .state = SUBMISSION_OPEN,
        .again = alike && !large};
    p->unsent_bytes += HEAD_BYTES + args.size;
    p->next = number + 1;
    chunk->live++;
    if (++p->count == 1)
        p->floor = number;
    return s;
}

struct submission *pending_add(struct pending *p, struct bytes args)
{
    return pending_place(p, p->next, args);
}

static struct submission *entry_of(struct pending_chunk *chunk, uint64_t number)
{
    struct submission *entry = chunk ? &chunk->at[number % CHUNK_NUMBERS] : NULL;
    return entry && entry->state != SUBMISSION_NONE ? entry : NULL;
}

struct submission *pending_find(const struct pending *p, uint64_t number)
{
    return entry_of(chunk_of(p, number), number);
}

static struct bytes args_of(const struct pending_chunk *chunk, const struct submission *s)
{
    return bytes_of(is_large(s) ? large_of(chunk, s) : chunk->bytes.data + s->at, s->size);
}

/* What terms of ours say, which lie here in the chunk; borrows them. */
static struct msg_submit terms_read(const struct pending_chunk *chunk, const unsigned char *terms)
{
    const unsigned char *end = chunk->bytes.data + chunk->bytes.size;
    struct cursor at = cursor_of(bytes_of(terms, (size_t)(end - terms)));
    struct record r;
    must(record_get(&at, &r) == OK && r.type == REC_submit);
    return r.submit;
}

/* Behind the last number of its chunk. */
static uint64_t chunk_end(uint64_t number)
{
    return (number / CHUNK_NUMBERS + 1) * CHUNK_NUMBERS;
}

uint64_t pending_above(const struct pending *p, uint64_t from)
{
    while (from < p->next) {
        const struct pending_chunk *chunk = chunk_of(p, from);
        uint64_t end = chunk_end(from);
        for (; chunk && chunk->live && from < end; from++)
            if (chunk->at[from % CHUNK_NUMBERS].state != SUBMISSION_NONE)
                return from;
        from = end;
    }
    return p->next;
}

uint64_t pending_floor(struct pending *p)
{
    p->floor = pending_above(p, p->floor);
    return p->floor;
}

uint64_t pending_accept(struct pending *p, uint64_t from, uint64_t end, bool received)
{
    while (from < end && from < p->next) {
        struct pending_chunk *chunk = chunk_of(p, from);
        uint64_t stop = chunk_end(from) < end ? chunk_end(from) : end;
        for (; chunk && from < stop; from++) {
            struct submission *s = &chunk->at[from % CHUNK_NUMBERS];
            enum submission_state before = s->state;
            if (before == SUBMISSION_NONE)
                continue;
            s->state = SUBMISSION_ACCEPTED;
            s->taken = true;
            s->received = received;
            if (before == SUBMISSION_OPEN && s->accepted)
                return from;
        }
        from = stop;
    }
    return end;
}

/* What few take with them: large arguments, or their chunk. True. */
static RARE bool settle_rest(struct pending *p, const struct pending_chunk *chunk,
                             const struct submission *s)
{
    if (is_large(s))
        free(large_of(chunk, s));
    if (!chunk->live)
        chunk_release(p, chunk->index);
    return true;
}

bool pending_settle(struct pending *p, uint64_t number, struct submission *out)
{
    struct pending_chunk *chunk = chunk_of(p, number);
    struct submission *s = entry_of(chunk, number);
    if (!s)
        return false;
    *out = *s;
    s->state = SUBMISSION_NONE;
    p->count--;
    chunk->live--;
    return (chunk->live && !is_large(s)) || settle_rest(p, chunk, s);
}

/* What it was handed in for, and what became of it so far, is that of another. */
static void caller_keep(struct submission *s, const struct submission *from)
{
    s->told = from->told;
    s->accepted = from->accepted;
    s->result = from->result;
    s->user = from->user;
    s->taken = from->taken;
    s->received = from->received;
    s->impatient = from->impatient;
}

uint64_t pending_again(struct pending *p, uint64_t number, uint64_t flags)
{
    struct pending_chunk *chunk = chunk_of(p, number);
    struct submission settled, *s = entry_of(chunk, number);
    if (!s)
        return 0;
    uint64_t again = p->next;
    struct buf terms = {0}, args = {0};
    struct bytes given = args_of(chunk, s);
    struct msg_submit m = terms_read(chunk, chunk->bytes.data + s->terms);
    m.flags |= flags;
    terms_put(&terms, &m);
    buf_put(&args, given.data, given.size);
    must(pending_settle(p, number, &settled));
    terms_swap(p, &terms);
    caller_keep(pending_add(p, buf_bytes(&args)), &settled);
    terms_swap(p, &terms);
    buf_fini(&terms);
    buf_fini(&args);
    return again;
}

bool pending_send(struct pending *p, struct sending *s)
{
    p->sent = pending_above(p, p->sent);
    if (p->sent == p->next)
        return false;
    struct pending_chunk *chunk = chunk_of(p, p->sent);
    const struct submission *next = &chunk->at[p->sent % CHUNK_NUMBERS];
    const unsigned char *terms = chunk->bytes.data + next->terms;
    if (s->terms != terms) {
        s->submit = terms_read(chunk, terms);
        s->terms = terms;
    }
    s->submit.number = p->sent++;
    s->submit.args = args_of(chunk, next);
    return true;
}

struct bytes pending_send_again(struct pending *p, size_t room)
{
    const struct pending_chunk *chunk = chunk_of(p, p->sent - 1);
    const struct submission *last = &chunk->at[(p->sent - 1) % CHUNK_NUMBERS];
    uint64_t end = chunk_end(p->sent - 1);
    if (is_large(last))
        return bytes_of(NULL, 0);
    const size_t from = last->at + last->size;
    for (end = end < p->next ? end : p->next; p->sent < end; p->sent++, last++)
        if (!last[1].again || last[1].state == SUBMISSION_NONE ||
            last[1].at + last[1].size - from > room)
            break;
    return bytes_of(chunk->bytes.data + from, last->at + last->size - from);
}

bool pending_gapped(const struct pending *p, uint64_t last)
{
    uint64_t expected = last + 1;
    if (p->next <= expected)
        return false;
    for (uint64_t n = pending_above(p, expected); n < p->next; n = pending_above(p, n + 1))
        if (n != expected++)
            return true;
    return expected != p->next;
}

/* The number that n becomes when the broker's last is `last` and the ones below n are placed. */
static uint64_t number_after(const struct pending *placed, uint64_t n, uint64_t last)
{
    if (n <= last)
        return n;
    return placed->next > last ? placed->next : last + 1;
}

void pending_resume(struct pending *p, uint64_t last)
{
    if (p->next <= last || pending_gapped(p, last)) {
        struct pending fresh;
        pending_init(&fresh);
        struct sending at = {0};
        p->sent = p->floor;
        while (pending_send(p, &at)) {
            uint64_t n = at.submit.number;
            pending_terms(&fresh, &at.submit);
            caller_keep(pending_place(&fresh, number_after(&fresh, n, last), at.submit.args),
                        pending_find(p, n));
        }
        terms_swap(&fresh, &p->terms);
        if (fresh.next <= last)
            fresh.next = last + 1;
        if (fresh.count == 0)
            fresh.floor = fresh.next;
        pending_fini(p);
        *p = fresh;
    }
    p->sent = p->floor;
}
