/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimiser/state.h"

#include "common/crc32c.h"
#include "common/pack.h"

#include <math.h>

enum {
    EVALUATIONS_DEFAULT = 1500, /* 30 iterations of 50 */
    TABLE_DEFAULT = 4096,       /* a replay of so many takes milliseconds */
    NUMBER_SIZE = 9,            /* of a double, saved, at most */
};

/* The largest table that can be saved. */
static size_t table_room(const struct problem *p)
{
    size_t m = problem_constraints(p);
    size_t entry = 1 + NUMBER_SIZE * (p->variables + 1 + m);
    size_t rest = 512 + NUMBER_SIZE * (3 * p->variables + m);
    return (OPTIMISER_STATE_MAX - rest) / entry - STRAYS_MAX - 1;
}

bool state_settle(struct optimiser *o, const struct optimiser_settings *settings,
                  char text[OPTIMISER_TEXT_SIZE])
{
    const char *name = settings->method ? settings->method : "auto";
    if (!method_find(name, &o->method, text))
        return false;
    snprintf(o->name, sizeof o->name, "%s", name);
    if (!(settings->xtol >= 0 && settings->xtol < 1 && settings->ftol >= 0 && settings->ftol < 1)) {
        snprintf(text, OPTIMISER_TEXT_SIZE, "tolerances are parts, from 0 to below 1");
        return false;
    }
    o->seed = settings->seed;
    o->evaluations_max =
        settings->evaluations_max ? settings->evaluations_max : EVALUATIONS_DEFAULT;
    o->xtol = settings->xtol > 0 ? settings->xtol : 1e-8;
    o->ftol = settings->ftol > 0 ? settings->ftol : 1e-10;
    size_t room = table_room(&o->problem), least = 4 * (o->problem.variables + 2);
    size_t wanted = settings->table_max ? settings->table_max : TABLE_DEFAULT;
    wanted = wanted < least ? least : wanted; /* or no gradient fits */
    o->table_max = wanted < room ? wanted : room;
    return true;
}

static void put_numbers(struct buf *out, const double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pack_float(out, numbers[i]);
}

static void put_problem(struct buf *out, const struct problem *p)
{
    pack_uint(out, p->variables);
    pack_uint(out, p->inequalities);
    pack_uint(out, p->equalities);
    put_numbers(out, p->lower, p->variables);
    put_numbers(out, p->upper, p->variables);
    pack_bool(out, p->started);
    if (p->started)
        put_numbers(out, p->start, p->variables);
    put_numbers(out, p->scales, problem_constraints(p));
}

/* --- the table, which is nearly all of it ----------------------------------------------------- */

/* A search moves little from one evaluation to the next, and a gradient's points differ in one
 * variable. So a number is written as what has changed in its bits since the same number of the
 * evaluation before: how many bytes, from the lowest, and those. An unchanged one takes one byte,
 * one that agrees in its first digits some five of nine. */
struct column {
    uint64_t bits[OPTIMISER_VARIABLES_MAX + 1 + OPTIMISER_CONSTRAINTS_MAX];
};

static void put_changed(struct buf *out, uint64_t *before, const double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[NUMBER_SIZE] = {0};
        uint64_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        uint64_t changed = bits ^ before[i];
        before[i] = bits;
        for (; changed; changed >>= 8)
            bytes[++bytes[0]] = (unsigned char)changed;
        buf_put(out, bytes, 1 + (size_t)bytes[0]);
    }
}

static void put_table(struct buf *out, const struct table *t)
{
    size_t n = t->problem->variables, m = problem_constraints(t->problem);
    struct column before = {0};
    struct buf bytes = {0};
    pack_uint(out, t->count);
    for (size_t i = 0; i < t->count; i++) {
        const struct entry *e = t->entries[i];
        *buf_extend(&bytes, 1) = e->failed;
        put_changed(&bytes, before.bits, e->x, n);
        if (e->failed)
            continue;
        put_changed(&bytes, before.bits + n, &e->f, 1);
        put_changed(&bytes, before.bits + n + 1, e->constraints, m);
    }
    pack_bin(out, buf_bytes(&bytes));
    buf_fini(&bytes);
}

/* Last, and only where there are any: all other states read as they did before there were. */
static void put_whole(struct buf *out, const struct problem *p)
{
    bool any = false;
    for (size_t i = 0; i < p->variables; i++)
        any |= p->whole[i];
    for (size_t i = 0; any && i < p->variables; i++)
        pack_bool(out, p->whole[i]);
}

static void put_body(struct buf *out, const struct optimiser *o)
{
    put_problem(out, &o->problem);
    pack_text(out, o->name);
    pack_uint(out, o->seed);
    pack_uint(out, o->evaluations_max);
    pack_float(out, o->xtol);
    pack_float(out, o->ftol);
    pack_uint(out, o->table_max);
    pack_uint(out, o->epoch);
    pack_uint(out, o->idle);
    pack_uint(out, o->used_before);
    pack_uint(out, o->end);
    pack_bool(out, o->given);
    put_table(out, &o->table);
    pack_uint(out, o->met);
    pack_uint(out, o->best ? o->best->place + 1 : 0);
    put_whole(out, &o->problem);
}

void optimiser_save(const struct optimiser *o, struct buf *out)
{
    struct buf body = {0};
    put_body(&body, o);
    pack_array(out, 3);
    pack_uint(out, STATE_VERSION);
    pack_uint(out, crc32c(0, buf_bytes(&body)));
    pack_bin(out, buf_bytes(&body));
    buf_fini(&body);
}

static void get_numbers(struct cursor *c, double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = cursor_float(c);
}

static bool get_problem(struct cursor *c, struct problem *out, char text[OPTIMISER_TEXT_SIZE])
{
    double lower[OPTIMISER_VARIABLES_MAX], upper[OPTIMISER_VARIABLES_MAX];
    double start[OPTIMISER_VARIABLES_MAX], scales[OPTIMISER_CONSTRAINTS_MAX];
    struct optimiser_problem p = {.lower = lower, .upper = upper, .scales = scales};
    p.variables = cursor_uint(c);
    p.inequalities = cursor_uint(c);
    p.equalities = cursor_uint(c);
    if (!cursor_ok(c) || p.variables > OPTIMISER_VARIABLES_MAX ||
        p.inequalities > OPTIMISER_CONSTRAINTS_MAX || p.equalities > OPTIMISER_CONSTRAINTS_MAX ||
        p.inequalities + p.equalities > OPTIMISER_CONSTRAINTS_MAX)
        return false;
    get_numbers(c, lower, p.variables);
    get_numbers(c, upper, p.variables);
    if (cursor_bool(c)) {
        get_numbers(c, start, p.variables);
        p.start = start;
    }
    get_numbers(c, scales, p.inequalities + p.equalities);
    return cursor_ok(c) && problem_init(out, &p, text);
}

static bool get_settings(struct cursor *c, struct optimiser *o, char text[OPTIMISER_TEXT_SIZE])
{
    char name[OPTIMISER_METHOD_SIZE];
    struct bytes method = cursor_str(c);
    if (!cursor_ok(c) || method.size == 0 || method.size >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", BYTES_ARG(method));
    struct optimiser_settings settings = {.method = name};
    settings.seed = cursor_uint(c);
    settings.evaluations_max = cursor_uint(c);
    settings.xtol = cursor_float(c);
    settings.ftol = cursor_float(c);
    settings.table_max = cursor_uint(c);
    return cursor_ok(c) && state_settle(o, &settings, text);
}

static unsigned char get_byte(struct bytes *in)
{
    if (!in->size)
        return UINT8_MAX; /* nothing begins so */
    unsigned char byte = *(const unsigned char *)in->data;
    *in = bytes_of((const char *)in->data + 1, in->size - 1);
    return byte;
}

static bool get_changed(struct bytes *in, uint64_t *before, double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned size = get_byte(in);
        if (size > sizeof(double) || size > in->size)
            return false;
        for (unsigned k = 0; k < size; k++)
            before[i] ^= (uint64_t)get_byte(in) << 8 * k;
        memcpy(&numbers[i], &before[i], sizeof numbers[i]);
    }
    return true;
}

static bool get_entry(struct bytes *in, struct column *before, struct table *t)
{
    double x[OPTIMISER_VARIABLES_MAX], f = 0, constraints[OPTIMISER_CONSTRAINTS_MAX];
    size_t n = t->problem->variables, m = problem_constraints(t->problem);
    unsigned char failed = get_byte(in);
    if (failed > 1 || !get_changed(in, before->bits, x, n))
        return false;
    if (!failed && (!get_changed(in, before->bits + n, &f, 1) ||
                    !get_changed(in, before->bits + n + 1, constraints, m)))
        return false;
    for (size_t i = 0; i < t->problem->variables; i++) {
        if (!(x[i] >= t->problem->lower[i] && x[i] <= t->problem->upper[i]))
            return false;
    }
    if (table_find(t, x))
        return false;
    return table_add(t, x, failed, f, failed ? NULL : constraints)->failed == failed;
}

static bool get_table(struct cursor *c, struct optimiser *o)
{
    size_t count = cursor_uint(c);
    struct bytes in = cursor_ok(c) ? cursor_bin(c) : bytes_of(NULL, 0);
    struct column before = {0};
    if (!cursor_ok(c) || count > o->table_max + 1 + STRAYS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!get_entry(&in, &before, &o->table))
            return false;
    }
    return in.size == 0;
}

static bool get_whole(struct cursor *c, struct problem *p)
{
    for (size_t i = 0; !cursor_done(c) && i < p->variables; i++) {
        p->whole[i] = cursor_bool(c);
        if (p->whole[i] && p->lower[i] != optimiser_whole(p->lower[i], p->lower[i], p->upper[i]))
            return false;
    }
    return cursor_ok(c) && cursor_done(c);
}

static bool get_body(struct cursor *c, struct optimiser *o, char text[OPTIMISER_TEXT_SIZE])
{
    if (!get_problem(c, &o->problem, text) || !get_settings(c, o, text))
        return false;
    uint64_t epoch = cursor_uint(c), idle = cursor_uint(c);
    o->used_before = cursor_uint(c);
    uint64_t end = cursor_uint(c);
    o->given = cursor_bool(c);
    if (!get_table(c, o))
        return false;
    o->met = cursor_uint(c);
    uint64_t best = cursor_uint(c);
    if (!cursor_ok(c) || !get_whole(c, &o->problem) || epoch > UINT32_MAX || idle > epoch ||
        end >= OPTIMISER_ENDS || o->met > o->table.count || o->met < o->given || best > o->met ||
        o->used_before > o->evaluations_max ||
        o->met - o->given > o->evaluations_max - o->used_before)
        return false;
    o->epoch = (unsigned)epoch;
    o->idle = (unsigned)idle;
    o->end = (enum optimiser_end)end;
    o->used = o->used_before + o->met - o->given;
    o->best = best ? o->table.entries[best - 1] : NULL;
    return !o->best || !o->best->failed;
}

struct optimiser *optimiser_load(struct bytes state, char text[OPTIMISER_TEXT_SIZE])
{
    struct cursor c = cursor_of(state);
    uint32_t parts = cursor_array(&c);
    uint64_t version = cursor_uint(&c), sum = cursor_uint(&c);
    snprintf(text, OPTIMISER_TEXT_SIZE, "the saved state of the optimiser is damaged");
    if (cursor_ok(&c) && version != STATE_VERSION) {
        snprintf(text, OPTIMISER_TEXT_SIZE, "a saved state of version %llu; this is version %d",
                 (unsigned long long)version, STATE_VERSION);
        return NULL;
    }
    struct bytes body = cursor_ok(&c) ? cursor_bin(&c) : bytes_of(NULL, 0);
    if (!cursor_ok(&c) || !cursor_done(&c) || parts != 3 || state.size > OPTIMISER_STATE_MAX ||
        sum != crc32c(0, body))
        return NULL;
    struct optimiser *o = must_alloc(sizeof *o);
    table_init(&o->table, &o->problem);
    struct cursor in = cursor_of(body);
    if (get_body(&in, o, text))
        return o;
    optimiser_free(o);
    return NULL;
}
