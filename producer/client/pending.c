/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/pending.h"

enum { LARGE_BYTES = 4096 }; /* from here on not kept in a chunk, which one straggler holds */

void pending_init(struct pending *p)
{
    *p = (struct pending){.floor = 1, .sent = 1, .next = 1};
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
    for (size_t i = p->head; i < p->tail; i++)
        chunk_free(p->chunks[i]);
    chunk_free(p->spare);
    free(p->chunks);
    *p = (struct pending){0};
}

static struct pending_chunk *chunk_of(const struct pending *p, uint64_t number)
{
    uint64_t index = number / CHUNK_NUMBERS;
    if (index < p->first || index - p->first >= p->tail - p->head)
        return NULL;
    return p->chunks[p->head + (index - p->first)];
}

static void directory_append(struct pending *p, struct pending_chunk *chunk)
{
    if (p->tail == p->capacity && p->head > p->capacity / 2) {
        memmove(p->chunks, p->chunks + p->head, (p->tail - p->head) * sizeof(void *));
        p->tail -= p->head;
        p->head = 0;
    } else if (p->tail == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 16;
        p->chunks = must_realloc(p->chunks, p->capacity * sizeof(void *));
    }
    p->chunks[p->tail++] = chunk;
}

/* Lets go of a chunk in which nothing lives and into which nothing will come. */
static void chunk_release(struct pending *p, uint64_t index)
{
    struct pending_chunk *chunk = chunk_of(p, index * CHUNK_NUMBERS);
    if (!chunk || chunk->live || (index + 1) * CHUNK_NUMBERS > p->next)
        return;
    p->chunks[p->head + (index - p->first)] = NULL;
    if (p->spare) {
        chunk_free(chunk);
    } else {
        buf_clear(&chunk->bytes);
        p->spare = chunk;
    }
    while (p->head < p->tail && !p->chunks[p->head]) {
        p->head++;
        p->first++;
    }
}

/* The chunk for a number not below next. */
static struct pending_chunk *chunk_make(struct pending *p, uint64_t number)
{
    uint64_t index = number / CHUNK_NUMBERS;
    struct pending_chunk *chunk = chunk_of(p, number);
    if (chunk)
        return chunk;
    if (p->head == p->tail)
        p->first = index;
    while (index - p->first > p->tail - p->head)
        directory_append(p, NULL);
    chunk = p->spare ? p->spare : must_alloc(sizeof *chunk);
    p->spare = NULL;
    directory_append(p, chunk);
    return chunk;
}

/* Puts the submission under this number, which is not below next; numbers between stay unused. */
static void pending_place(struct pending *p, uint64_t number, const struct submission *s,
                          struct msg_submit *m)
{
    must(number >= p->next && m->args.size <= VALUE_BYTES_MAX);
    struct pending_chunk *chunk = chunk_make(p, number);
    struct submission *entry = &chunk->at[number % CHUNK_NUMBERS];
    *entry = *s;
    entry->state = SUBMISSION_OPEN;
    entry->id = 0;
    entry->large = NULL;
    entry->brief = 0;
    m->number = number;
    if (m->args.size < LARGE_BYTES) {
        entry->at = (uint32_t)chunk->bytes.size;
        entry->brief = again_put_submit(&p->again, &chunk->bytes, m).brief;
        entry->size = (uint32_t)chunk->bytes.size - entry->at;
    } else {
        struct buf large = {0};
        put_submit(&large, m);
        entry->large = must_realloc(large.data, large.size);
        entry->size = (uint32_t)large.size;
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

uint64_t pending_add(struct pending *p, const struct submission *s, struct msg_submit *m)
{
    uint64_t number = p->next;
    pending_place(p, number, s, m);
    return number;
}

struct submission *pending_find(const struct pending *p, uint64_t number)
{
    struct pending_chunk *chunk = chunk_of(p, number);
    if (!chunk || chunk->at[number % CHUNK_NUMBERS].state == SUBMISSION_NONE)
        return NULL;
    return &chunk->at[number % CHUNK_NUMBERS];
}

static struct bytes record_of(const struct pending_chunk *chunk, const struct submission *s)
{
    return s->large ? bytes_of(s->large, s->size)
                    : bytes_of(chunk->bytes.data + s->at + s->brief, s->size - s->brief);
}

/* What a record of ours says; borrows it. */
static struct msg_submit submit_of(struct bytes record)
{
    struct cursor at = cursor_of(record);
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

bool pending_settle(struct pending *p, uint64_t number, struct submission *out)
{
    struct submission *s = pending_find(p, number);
    if (!s)
        return false;
    *out = *s;
    out->large = NULL;
    free(s->large);
    *s = (struct submission){0};
    chunk_of(p, number)->live--;
    p->count--;
    chunk_release(p, number / CHUNK_NUMBERS);
    if (number == p->floor)
        p->floor = pending_above(p, number);
    return true;
}

uint64_t pending_again(struct pending *p, uint64_t number, uint64_t flags)
{
    struct submission settled;
    if (!pending_find(p, number))
        return 0;
    struct bytes record = pending_record(p, number).whole;
    struct buf copy = {0};
    buf_put(&copy, record.data, record.size);
    struct msg_submit m = submit_of(buf_bytes(&copy));
    m.flags |= flags;
    must(pending_settle(p, number, &settled));
    uint64_t again = pending_add(p, &settled, &m);
    buf_fini(&copy);
    return again;
}

struct pending_record pending_record(const struct pending *p, uint64_t number)
{
    const struct pending_chunk *chunk = chunk_of(p, number);
    const struct submission *s = &chunk->at[number % CHUNK_NUMBERS];
    return (struct pending_record){.whole = record_of(chunk, s),
                                   .brief = bytes_of(chunk->bytes.data + s->at, s->brief),
                                   .number = number};
}

struct pending_record pending_send(struct pending *p)
{
    p->sent = pending_above(p, p->sent);
    return p->sent == p->next ? (struct pending_record){0} : pending_record(p, p->sent++);
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
        for (uint64_t n = pending_above(p, p->floor); n < p->next; n = pending_above(p, n + 1)) {
            const struct pending_chunk *chunk = chunk_of(p, n);
            const struct submission *s = &chunk->at[n % CHUNK_NUMBERS];
            struct msg_submit m = submit_of(record_of(chunk, s));
            pending_place(&fresh, number_after(&fresh, n, last), s, &m);
        }
        if (fresh.next <= last)
            fresh.next = last + 1;
        if (fresh.count == 0)
            fresh.floor = fresh.next;
        pending_fini(p);
        *p = fresh;
        p->again.type = REC_NONE; /* it borrows what has moved */
    }
    p->sent = p->floor;
}
