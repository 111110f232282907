/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/pending.h"

enum { LARGE_BYTES = 4096 }; /* from here on not kept in a chunk, which one straggler holds */

void pending_init(struct pending *p)
{
    *p = (struct pending){.floor = 1, .sent = 1, .next = 1};
    p->chunks = must_alloc(sizeof(void *));
}

static void chunk_free(struct pending_chunk *chunk)
{
    if (!chunk)
        return;
    for (unsigned i = 0; i < CHUNK_NUMBERS; i++)
        free(chunk->at[i].large);
    buf_fini(&chunk->bytes);
    free(chunk);
}

void pending_fini(struct pending *p)
{
    for (uint64_t i = 0; i <= p->mask; i++)
        chunk_free(p->chunks[i]);
    chunk_free(p->spare);
    free(p->chunks);
    *p = (struct pending){0};
}

static inline struct pending_chunk *chunk_of(const struct pending *p, uint64_t number)
{
    uint64_t index = number / CHUNK_NUMBERS;
    struct pending_chunk *chunk = p->chunks[index & p->mask];
    return chunk && chunk->index == index ? chunk : NULL;
}

/* Lets go of a chunk in which nothing lives and into which nothing will come. */
static void chunk_release(struct pending *p, uint64_t index)
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

/* The chunk for a number not below next. */
static struct pending_chunk *chunk_make(struct pending *p, uint64_t number)
{
    uint64_t index = number / CHUNK_NUMBERS;
    struct pending_chunk *chunk = chunk_of(p, number);
    if (chunk)
        return chunk;
    while (p->chunks[index & p->mask])
        places_double(p);
    chunk = p->spare ? p->spare : must_alloc(sizeof *chunk);
    p->spare = NULL;
    chunk->index = index;
    p->chunks[index & p->mask] = chunk;
    return chunk;
}

static void terms_keep(struct pending_chunk *chunk, struct bytes terms)
{
    const unsigned char *kept = chunk->bytes.data;
    if (kept && bytes_equal(terms, bytes_of(kept + chunk->terms, chunk->terms_size)))
        return;
    chunk->terms = (uint32_t)chunk->bytes.size;
    chunk->terms_size = (uint32_t)terms.size;
    buf_put(&chunk->bytes, terms.data, terms.size);
}

/* Puts the submission under this number, which is not below next; numbers between stay unused. */
static void pending_place(struct pending *p, uint64_t number, const struct submission *s,
                          struct bytes terms, struct bytes args)
{
    enum { HEAD_BYTES = 4 }; /* of one that says no more than its arguments */
    must(number >= p->next && args.size <= VALUE_BYTES_MAX && (args.data || args.size == 0));
    struct pending_chunk *chunk = chunk_make(p, number);
    struct submission *entry = &chunk->at[number % CHUNK_NUMBERS];
    size_t before_bytes = chunk->bytes.size;
    terms_keep(chunk, terms);
    p->unsent_bytes += chunk->bytes.size - before_bytes + HEAD_BYTES + args.size;
    *entry = *s;
    entry->state = SUBMISSION_OPEN;
    entry->terms = chunk->terms;
    entry->at = (uint32_t)chunk->bytes.size;
    entry->size = (uint32_t)args.size;
    entry->large = NULL;
    if (args.size < LARGE_BYTES) {
        buf_put(&chunk->bytes, args.data, args.size);
    } else {
        entry->large = must_alloc(args.size);
        bytes_copy(entry->large, args);
    }
    chunk->live++;
    p->count++;
    uint64_t before = p->next;
    p->next = number + 1;
    if (p->count == 1)
        p->floor = number;
    if (before / CHUNK_NUMBERS != p->next / CHUNK_NUMBERS)
        chunk_release(p, before / CHUNK_NUMBERS);
}

/* The record of a submission that has neither number nor arguments. */
void pending_terms(struct buf *out, const struct msg_submit *m)
{
    struct msg_submit terms = *m;
    terms.number = 0;
    terms.args = bytes_of(NULL, 0);
    buf_clear(out);
    put_submit(out, &terms);
}

uint64_t pending_add(struct pending *p, const struct submission *s, struct bytes terms,
                     struct bytes args)
{
    uint64_t number = p->next;
    pending_place(p, number, s, terms, args);
    return number;
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
    return bytes_of(s->large ? s->large : chunk->bytes.data + s->at, s->size);
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

uint64_t pending_above(const struct pending *p, uint64_t from)
{
    while (from < p->next) {
        const struct pending_chunk *chunk = chunk_of(p, from);
        uint64_t end = (from / CHUNK_NUMBERS + 1) * CHUNK_NUMBERS;
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

bool pending_settle(struct pending *p, uint64_t number, struct submission *out)
{
    struct pending_chunk *chunk = chunk_of(p, number);
    struct submission *s = entry_of(chunk, number);
    if (!s)
        return false;
    if (s->large) /* mostly not: then there is nothing to be called for */
        free(s->large);
    s->large = NULL;
    *out = *s;
    s->state = SUBMISSION_NONE;
    p->count--;
    if (--chunk->live == 0)
        chunk_release(p, number / CHUNK_NUMBERS);
    return true;
}

uint64_t pending_again(struct pending *p, uint64_t number, uint64_t flags)
{
    struct pending_chunk *chunk = chunk_of(p, number);
    struct submission settled, *s = entry_of(chunk, number);
    if (!s)
        return 0;
    struct buf terms = {0}, args = {0};
    struct bytes given = args_of(chunk, s);
    struct msg_submit m = terms_read(chunk, chunk->bytes.data + s->terms);
    m.flags |= flags;
    pending_terms(&terms, &m);
    buf_put(&args, given.data, given.size);
    must(pending_settle(p, number, &settled));
    uint64_t again = pending_add(p, &settled, buf_bytes(&terms), buf_bytes(&args));
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
    s->follows = s->terms == terms && s->submit.number + 1 == p->sent;
    if (s->terms != terms) {
        s->submit = terms_read(chunk, terms);
        s->terms = terms;
    }
    s->submit.number = p->sent++;
    s->submit.args = args_of(chunk, next);
    return true;
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
        struct buf terms = {0};
        struct sending at = {0};
        p->sent = p->floor;
        while (pending_send(p, &at)) {
            uint64_t n = at.submit.number;
            pending_terms(&terms, &at.submit);
            pending_place(&fresh, number_after(&fresh, n, last), pending_find(p, n),
                          buf_bytes(&terms), at.submit.args);
        }
        buf_fini(&terms);
        if (fresh.next <= last)
            fresh.next = last + 1;
        if (fresh.count == 0)
            fresh.floor = fresh.next;
        pending_fini(p);
        *p = fresh;
    }
    p->sent = p->floor;
}
