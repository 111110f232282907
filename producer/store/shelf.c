/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/shelf.h"

#include "common/must.h"

void shelf_init(struct shelf *s)
{
    *s = (struct shelf){0};
    link_init(&s->waiting);
    link_init(&s->settled);
    link_init(&s->tried);
}

void shelf_fini(struct shelf *s)
{
    size_t at = 0;
    for (struct shelf_piece *p; (p = idmap_next(&s->blocks, &at));)
        while (p) {
            struct shelf_piece *next = p->next;
            free(p);
            p = next;
        }
    idmap_fini(&s->blocks);
}

uint64_t bits_lowest(uint64_t bits, uint64_t n)
{
    uint64_t lowest = 0;
    for (; bits && n; n--, bits &= bits - 1)
        lowest |= bits & (~bits + 1);
    return lowest;
}

struct shelf_piece *shelf_block(const struct shelf *s, uint64_t block)
{
    return idmap_find(&s->blocks, block + 1);
}

struct shelf_piece *shelf_find(const struct shelf *s, uint64_t id)
{
    struct shelf_piece *p = shelf_block(s, block_of(id));
    while (p && !(p->now.live & slot_bit(id)))
        p = p->next;
    return p;
}

/* Each living piece of a block has a row that lives in no other, so with the row that wants a key
 * there are never more of them than there are keys. */
uint64_t shelf_free_key(const struct shelf *s, uint64_t id)
{
    uint64_t taken = 0, first = block_of(id) * BLOCK_IDS;
    for (const struct shelf_piece *p = shelf_block(s, block_of(id)); p; p = p->next)
        if (p->now.live)
            taken |= slot_bit(p->key);
    if (!(taken & slot_bit(id)))
        return id;
    must(~taken);
    return first + (uint64_t)__builtin_ctzll(~taken);
}

/* --- counts and lists ------------------------------------------------------------------------- */

static uint64_t share(const struct shelf_state *state, uint64_t bits)
{
    return state->rows ? state->bytes * bits_count(bits) / bits_count(state->rows) : 0;
}

static void count(struct shelf *s, const struct shelf_state *state, bool in)
{
    struct shelf_counts c = {.rows = bits_count(state->live),
                             .bytes = share(state, state->live),
                             .settled_rows = bits_count(state->settled),
                             .settled_bytes = share(state, state->settled)};
    if (!in)
        c = (struct shelf_counts){-c.rows, -c.bytes, -c.settled_rows, -c.settled_bytes};
    s->counts.rows += c.rows;
    s->counts.bytes += c.bytes;
    s->counts.settled_rows += c.settled_rows;
    s->counts.settled_bytes += c.settled_bytes;
}

static void list_if(struct link *list, struct link *l, bool wanted)
{
    if (wanted && !link_listed(l))
        list_append(list, l);
    else if (!wanted)
        link_take(l);
}

static void list_in(struct shelf *s, struct shelf_piece *p)
{
    list_if(&s->waiting, &p->waiting, p->now.live & ~p->now.settled);
    list_if(&s->settled, &p->settled, p->now.settled);
}

static void state_move(struct shelf *s, struct shelf_piece *p, const struct shelf_state *state)
{
    must(!(state->live & ~state->rows) && !(state->settled & ~state->live));
    count(s, &p->now, false);
    p->now = *state;
    count(s, &p->now, true);
    list_in(s, p);
}

/* --- pieces come and go ----------------------------------------------------------------------- */

struct shelf_piece *shelf_load(struct shelf *s, uint64_t key, int64_t at_ms,
                               const struct shelf_state *state)
{
    struct shelf_piece *p = must_alloc(sizeof *p);
    p->key = key;
    p->at_ms = at_ms;
    link_init(&p->waiting);
    link_init(&p->settled);
    link_init(&p->tried);
    p->next = shelf_block(s, block_of(key));
    idmap_put(&s->blocks, block_of(key) + 1, p);
    state_move(s, p, state);
    return p;
}

struct shelf_piece *shelf_make(struct shelf *s, uint64_t key, int64_t at_ms,
                               const struct shelf_state *state)
{
    struct shelf_piece *p = shelf_load(s, key, at_ms, state);
    p->made = true;
    list_append(&s->tried, &p->tried);
    return p;
}

static int by_age(const void *a, const void *b)
{
    const struct shelf_piece *x = *(struct shelf_piece *const *)a;
    const struct shelf_piece *y = *(struct shelf_piece *const *)b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->key < y->key ? -1 : 1;
}

void shelf_sort(struct shelf *s)
{
    size_t count = 0, at = 0, pieces = 0;
    for (struct shelf_piece *p; (p = idmap_next(&s->blocks, &at));)
        for (; p; p = p->next)
            pieces++;
    struct shelf_piece **all = must_alloc(pieces * sizeof(struct shelf_piece *));
    at = 0;
    for (struct shelf_piece *p; (p = idmap_next(&s->blocks, &at));)
        for (; p; p = p->next)
            all[count++] = p;
    qsort(all, count, sizeof(struct shelf_piece *), by_age);
    for (size_t i = 0; i < count; i++) {
        struct shelf_piece *p = all[i];
        link_take(&p->waiting);
        link_take(&p->settled);
        list_in(s, p);
    }
    free(all);
}

void shelf_set(struct shelf *s, struct shelf_piece *p, const struct shelf_state *state)
{
    if (!link_listed(&p->tried)) {
        p->before = p->now;
        list_append(&s->tried, &p->tried);
    }
    state_move(s, p, state);
}

static void piece_free(struct shelf *s, struct shelf_piece *p)
{
    struct shelf_piece *first = shelf_block(s, block_of(p->key)), **at = &first;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (first)
        idmap_put(&s->blocks, block_of(p->key) + 1, first);
    else
        idmap_take(&s->blocks, block_of(p->key) + 1);
    state_move(s, p, &(struct shelf_state){0});
    free(p);
}

void shelf_keep(struct shelf *s)
{
    while (!list_empty(&s->tried)) {
        struct shelf_piece *p = list_first(&s->tried, struct shelf_piece, tried);
        link_take(&p->tried);
        p->made = false;
        if (!p->now.live)
            piece_free(s, p);
    }
}

/* In front: most left from there, the oldest being the first to go. */
static void list_again(struct shelf *s, struct shelf_piece *p)
{
    if (p->before.live & ~p->before.settled && !link_listed(&p->waiting))
        list_push(&s->waiting, &p->waiting);
    if (p->before.settled && !link_listed(&p->settled))
        list_push(&s->settled, &p->settled);
}

void shelf_undo(struct shelf *s)
{
    for (struct link *l = s->tried.prev; l != &s->tried; l = l->prev)
        list_again(s, container_of(l, struct shelf_piece, tried));
    while (!list_empty(&s->tried)) {
        struct shelf_piece *p = list_first(&s->tried, struct shelf_piece, tried);
        link_take(&p->tried);
        if (p->made)
            piece_free(s, p);
        else
            state_move(s, p, &p->before);
    }
}
